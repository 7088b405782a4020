"""Detectors: which exchanges of a journal perform a case of the plan, and why the others do not.

A detector is what its case says already (authentication, user, access mode, patient or his situation, answer) and what
`detect.toml` beside it adds (the transaction where the case has several, the query, the documents, the order of the
calls). A case without that file is one a server cannot see.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import dmpws.conformance.contents  # noqa: F401 - registers its predicates
from dmpws import cast
from dmpws.conformance.cases import Authentication, Case, Conformance, Who
from dmpws.conformance.predicates import ANY, PREDICATES, Miss, Setting
from dmpws.conformance.seen import Seen
from dmpws.conformance.toml import Table
from dmpws.domain.errors import CATALOGUE

FILE = "detect.toml"
MOST_BEGUN = 50
"""Attempts at a case of several calls that are remembered at once."""
_NO_PREDICATE = frozenset({Who.ANY, Who.PSC, Who.E_CPS})
_SITUATIONS = frozenset({"EXPIRE", "INTERDIT"})
STANDS_FOR = {"Cas1": ("Cas4",), "Cas2": ("Cas3", "Cas4"), "Cas2 AD1": ("Cas2 AD2",)}
"""The plan gives the same part to one patient before the exam and to others during it (DMPWS D191)."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """One exchange of a detector. name: how others refer to it. asked: predicates with their arguments, in the order of
    the registry. same: it may be the exchange of the step before. own_patient, other_user: it need not be about the
    patient of the others, or by their user; it is by the same software all the same."""

    name: str
    asked: tuple[tuple[str, Any], ...]
    same: bool = False
    own_patient: bool = False
    other_user: bool = False

    def misses(self, seen: Seen, setting: Setting) -> tuple[Miss, ...] | None:
        """What keeps an exchange from being this one; None when it is not even the transaction."""
        found: list[Miss] = []
        for name, argument in self.asked:
            miss = PREDICATES[name].judge(seen, argument, setting)
            if miss is not None:
                if name == "transaction":
                    return None
                found.append(miss)
        return tuple(found)

    @property
    def transactions(self) -> tuple[str, ...]:
        codes = dict(self.asked).get("transaction", ())
        return (codes,) if isinstance(codes, str) else tuple(codes)


@dataclass(frozen=True, slots=True)
class Detector:
    """How a case is recognised.

    general: whoever calls in this way performs it, whatever else the call is for. forbidden: a software that does this
    fails the case. also: cases that the same exchanges may perform too. unseen: what no server sees of it, in French.
    """

    case: Case
    wanted: tuple[Wanted, ...]
    any_order: bool = False
    general: bool = False
    forbidden: bool = False
    also: tuple[str, ...] = ()
    unseen: tuple[str, ...] = ()


def detectors(conformance: Conformance) -> dict[str, Detector]:
    """The detectors of a folder of cases, by case. Raises BadFile."""
    found = ((case, case.folder / FILE) for case in conformance.cases.values())
    return {case.id: _read(case, Table.load(path)) for case, path in found if path.exists()}


def _read(case: Case, table: Table) -> Detector:
    exchanges = table.tables("exchange")
    if not exchanges:
        raise table.bad("exchange", "a detector wants at least one exchange")
    wanted = tuple(_wanted(case, one, last=one is exchanges[-1]) for one in exchanges)
    flags = {name: table.flag(name) for name in ("any_order", "general", "forbidden")}
    detector = Detector(case, wanted, **flags, also=table.texts("also"), unseen=table.texts("unseen"))
    table.end()
    names = [one.name for one in wanted if one.name]
    for one in wanted:
        if (earlier := dict(one.asked).get("of")) is not None and earlier not in names:
            raise table.bad("of", f"no exchange is named {earlier!r}")
    return detector


def _wanted(case: Case, table: Table, *, last: bool) -> Wanted:
    name, same, other_user = table.text("name", ""), table.flag("same"), table.flag("other_user")
    given = table.rest()
    asked = {**_asked_by(case, last=last), **given}
    for key, value in asked.items():
        if key not in PREDICATES:
            raise table.bad(key, "no such predicate")
        if value != ANY and not PREDICATES[key].accepts(value):
            raise table.bad(key, f"{value!r} means nothing to this predicate")
    if asked.get("transaction", ANY) == ANY:
        raise table.bad("transaction", f"missing: {case.transaction} is not one message")
    ordered = tuple((key, asked[key]) for key in PREDICATES if asked.get(key, ANY) != ANY)
    return Wanted(name, ordered, same, "patient" in given, other_user)


def _asked_by(case: Case, *, last: bool) -> dict[str, Any]:
    """What the case itself asks of an exchange; its situation and its answer are those of the last one."""
    actor, given = case.actor, case.given
    asked: dict[str, Any] = {"access_mode": str(actor.access_mode)}
    if case.transaction.startswith("TD") and case.transaction != "TD0.1":
        asked["transaction"] = case.transaction
    if actor.authentication not in (Authentication.ANY, Authentication.PSC):
        asked["mode"] = str(actor.authentication)
    if actor.who not in _NO_PREDICATE:
        asked["who"] = str(actor.who)
    if actor.secret:
        asked["secret"] = True
    telling = given.dmp in ("none", "closed") or given.authorisation in _SITUATIONS or bool(given.opposed)
    if given.patient and not telling:
        asked["patient"] = given.patient
    if not last:
        return {**asked, "answer": "accepted"}
    if given.dmp:
        asked["record"] = given.dmp
    if given.authorisation:
        asked["authorisation"] = given.authorisation
    if given.opposed:
        asked["opposed"] = given.opposed
    # The plan says ERREUR of searches that find nobody: what counts is whether the code is one of a refusal.
    refusal = next((code for code in (case.expected.code, case.expected.status) if code in CATALOGUE), "")
    return {**asked, "answer": refusal or "accepted"}


@dataclass(frozen=True, slots=True)
class Attempt:
    """How near a case came. exchanges: those that were right, in order, and at the end the one that was not, unless
    the next is still to come. done: how many were right. misses: why the last was not; what is still to come when it
    was, which is `begun`."""

    exchanges: tuple[Seen, ...]
    done: int
    misses: tuple[Miss, ...]
    begun: bool = False

    @property
    def last(self) -> Seen:
        return self.exchanges[-1]

    def better(self, other: "Attempt | None") -> bool:
        """Nearer than `other`, or as near and later."""
        return other is None or (self.done, -len(self.misses)) >= (other.done, -len(other.misses))


@dataclass
class Tracker:
    """What the journal says of one case so far. performed: the exchanges that perform it, the latest time it was."""

    detector: Detector
    patients: Mapping[str, frozenset[str]]
    performed: tuple[Seen, ...] = ()
    attempt: Attempt | None = None
    _earlier: Attempt | None = None
    _begun: deque[dict[int, Seen]] = field(default_factory=lambda: deque(maxlen=MOST_BEGUN))

    def feed(self, seen: Seen) -> bool:
        """Look at the next exchange; True when it performs the case, be it once more."""
        performed = False
        self._earlier = self.attempt
        for begun in [*self._begun, {}]:
            for step in self._next(begun):
                extended = self._extend(begun, step, seen)
                if extended is None:
                    continue
                if len(extended) == len(self.detector.wanted):
                    self.performed, performed = _ordered(extended), True
                else:
                    self._begun.append(extended)
                    self._note(Attempt(_ordered(extended), len(extended), (self._to_come(extended),), begun=True))
        if performed:
            self.attempt = None
            self._begun.clear()
        return performed

    def not_meant(self) -> None:
        """The last exchange was for another case: it is no failed attempt at this one."""
        if self.attempt is not None and not self.attempt.begun:
            self.attempt = self._earlier

    def _next(self, begun: Mapping[int, Seen]) -> Iterator[int]:
        missing = (step for step in range(len(self.detector.wanted)) if step not in begun)
        if self.detector.any_order:
            yield from missing
        elif (step := next(missing, None)) is not None:
            yield step

    def _extend(self, begun: dict[int, Seen], step: int, seen: Seen) -> dict[int, Seen] | None:
        """The attempt with this exchange as a further step, and as those after it that may be the same one."""
        wanted = self.detector.wanted[step]
        if not self._belongs(begun, seen, wanted):
            return None
        misses = wanted.misses(seen, self._setting(begun))
        if misses is None:
            return None
        if misses:
            self._note(Attempt((*_ordered(begun), seen), len(begun), misses))
            return None
        extended = {**begun, step: seen}
        for later in self._next(extended):
            if self.detector.wanted[later].same and (further := self._again(extended, later, seen)) is not None:
                return further
        return extended

    def _again(self, begun: dict[int, Seen], step: int, seen: Seen) -> dict[int, Seen] | None:
        misses = self.detector.wanted[step].misses(seen, self._setting(begun))
        return None if misses is None or misses else self._extend(begun, step, seen)

    def _belongs(self, begun: Mapping[int, Seen], seen: Seen, wanted: Wanted) -> bool:
        """The exchange is of the same rehearsal as those before: software, user, patient."""
        for step, earlier in begun.items():
            other = self.detector.wanted[step]
            if seen.software != earlier.software:
                return False
            if not (wanted.other_user or other.other_user) and seen.user != earlier.user:
                return False
            if not (wanted.own_patient or other.own_patient) and seen.patient != earlier.patient:
                return False
        return True

    def _setting(self, begun: Mapping[int, Seen]) -> Setting:
        before = {self.detector.wanted[step].name: seen for step, seen in begun.items()}
        return Setting(self.detector.case.given.patient, self.patients, before)

    def _to_come(self, begun: Mapping[int, Seen]) -> Miss:
        step = next(self._next(begun))
        wanted = self.detector.wanted[step]
        name = f"« {wanted.name} » " if wanted.name else ""
        done = f"{len(begun)} étapes sont faites" if len(begun) > 1 else "la première étape est faite"
        return Miss(f"ensuite {name}({' ou '.join(wanted.transactions)})", done)

    def _note(self, attempt: Attempt) -> None:
        if attempt.better(self.attempt):
            self.attempt = attempt


def _ordered(begun: Mapping[int, Seen]) -> tuple[Seen, ...]:
    """Each exchange once, in the order of the journal."""
    return tuple(sorted({seen.id: seen for seen in begun.values()}.values(), key=lambda seen: seen.id))


def patients_of(own: Mapping[str, Iterable[str]] | None = None) -> dict[str, frozenset[str]]:
    """The INS (`value^authority`) that stand for each patient of the plan. own: further ones, of a vendor."""
    given = {p.case: {f"{p.ins.value}^{p.ins.authority}"} for p in cast.PATIENTS.values() if p.case}
    for case, inses in (own or {}).items():
        given.setdefault(case, set()).update(inses)
    alike = {case: given[case].union(*(given[other] for other in STANDS_FOR.get(case, ()))) for case in given}
    return {case: frozenset(inses) for case, inses in alike.items()}
