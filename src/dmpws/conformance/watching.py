"""The board of a rehearsal: which of the cases that are due the journal has seen performed, and what keeps the others.

It reads the lines of `GET /journal?facts=yes` in their order and keeps no journal of its own.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from dmpws.conformance.candidacy import Candidacy
from dmpws.conformance.cases import Case, Conformance
from dmpws.conformance.detection import Attempt, Detector, Tracker, detectors, patients_of
from dmpws.conformance.seen import Seen

NEAR = 2
"""What an attempt may lack and still be told of; one less where every call is some attempt (TD0.1)."""


class State(StrEnum):
    """Of a case that is due."""

    DONE = "done"
    VIOLATED = "violated"
    """What the software must not do, it did."""
    MISSING = "missing"
    MANUAL = "manual"
    """No server sees it: somebody looks."""


@dataclass(frozen=True, slots=True)
class Position:
    """Where a case stands. exchanges: those that perform it, or break it. attempt: how near the others came, if they
    did. unseen: what is to be shown all the same, in French."""

    case: Case
    state: State
    exchanges: tuple[Seen, ...] = ()
    attempt: Attempt | None = None
    unseen: tuple[str, ...] = ()

    @property
    def why(self) -> tuple[str, ...]:
        """Why the nearest attempt did not count, in French; empty without one."""
        return tuple(miss.sentence for miss in self.attempt.misses) if self.attempt else ()


@dataclass(frozen=True, slots=True)
class Event:
    """What one exchange brought. new: cases it performs for the first time, again: those it performs once more. broken:
    cases it breaks. near: the position of the case it came nearest to, when it brought nothing new."""

    seen: Seen
    new: tuple[Case, ...]
    again: tuple[Case, ...]
    broken: tuple[Case, ...]
    near: Position | None


class Board:
    """The cases due to a candidate. Raises BadFile."""

    def __init__(self, conformance: Conformance, candidacy: Candidacy) -> None:
        self.candidacy = candidacy
        self._cases = list(candidacy.cases(conformance))
        known = detectors(conformance)
        patients = patients_of(candidacy.patients)
        self._trackers = {case.id: Tracker(known[case.id], patients) for case in self._cases if case.id in known}

    def feed(self, line: Mapping[str, Any]) -> Event | None:
        """Look at the next exchange of the journal; None when it is of another software."""
        seen = Seen(line)
        if not self._ours(line):
            return None
        before = {name for name, tracker in self._trackers.items() if tracker.performed}
        counted = [tracker.detector for tracker in self._trackers.values() if tracker.feed(seen)]
        done = [detector for detector in counted if not detector.forbidden]
        new = [detector for detector in done if detector.case.id not in before]
        self._forget_what_was_meant_otherwise(new)
        return Event(
            seen,
            new=tuple(detector.case for detector in new),
            again=tuple(d.case for d in done if d not in new and not d.general),
            broken=tuple(detector.case for detector in counted if detector.forbidden),
            near=None if len(counted) > len(done) or new else self._nearest(seen),
        )

    def _forget_what_was_meant_otherwise(self, new: Sequence[Detector]) -> None:
        """A call that performs a case for the first time was meant for it, and not for those like it."""
        for tracker in self._trackers.values():
            if any(detector.general is tracker.detector.general for detector in new):
                tracker.not_meant()

    def _ours(self, line: Mapping[str, Any]) -> bool:
        """A call whose VIHF was refused names no software."""
        names = (line["software"], line["approval"])
        return not self.candidacy.software or self.candidacy.software in names or not any(names)

    def _nearest(self, seen: Seen) -> Position | None:
        """Of the cases still to do, the one this exchange lacks least for; those about access alone, which every call
        is, and those about whole sequences come last."""
        near = [
            (tracker.detector.case.transaction not in _OF_ANY_CALL, attempt.done, -len(attempt.misses), tracker)
            for tracker in self._trackers.values()
            if (attempt := _near(tracker)) is not None
            and attempt.last is seen
            and not (tracker.performed or tracker.detector.forbidden)
        ]
        return self._position(max(near, key=lambda one: one[:3])[3]) if near else None

    def positions(self) -> list[Position]:
        """Every case that is due, in the order of the plan."""
        return [
            self._position(self._trackers[case.id]) if case.id in self._trackers else _manual(case, case.checklist)
            for case in self._cases
        ]

    def _position(self, tracker: Tracker) -> Position:
        detector, performed = tracker.detector, tracker.performed
        case = detector.case
        if detector.forbidden:
            return Position(case, State.VIOLATED, performed) if performed else _manual(case, _to_show(detector))
        if performed:
            return Position(case, State.DONE, performed, unseen=_to_show(detector))
        return Position(case, State.MISSING, attempt=_near(tracker), unseen=_to_show(detector))


_OF_ANY_CALL = frozenset({"TD0.1", "TNR", "LDRM"})


def _near(tracker: Tracker) -> Attempt | None:
    """The attempt at a case, when it is near enough to be told of."""
    most = NEAR - (tracker.detector.case.transaction == "TD0.1")
    return tracker.attempt if tracker.attempt and len(tracker.attempt.misses) <= most else None


def _to_show(detector: Detector) -> tuple[str, ...]:
    return (*detector.unseen, *detector.case.checklist)


def _manual(case: Case, to_show: Sequence[str]) -> Position:
    return Position(case, State.MANUAL, unseen=tuple(to_show) or (case.title,))


def counts(positions: Iterable[Position]) -> dict[str, int]:
    """How many cases are in each state."""
    found = {str(state): 0 for state in State}
    for position in positions:
        found[position.state] += 1
    return found


def values(position: Position) -> dict[str, Any]:
    """A position as JSON values."""
    attempt = position.attempt
    return {
        "id": position.case.id,
        "title": position.case.title,
        "transaction": position.case.transaction,
        "state": str(position.state),
        "exchanges": [seen.id for seen in position.exchanges],
        "why": list(position.why),
        "last_attempt": attempt.last.id if attempt else None,
        "to_show": list(position.unseen),
    }


# For people


def lines_of(event: Event) -> Iterator[str]:
    """What to print of an exchange."""
    for case in event.new:
        yield f"✓ {case.id:<14} {case.title} ({event.seen.shown()})"
    for case in event.broken:
        yield f"✗ {case.id:<14} {case.title} : le logiciel ne doit pas appeler ({event.seen.shown()})"
    if event.new or event.broken:
        return
    again = f"encore {', '.join(case.id for case in event.again)}" if event.again else ""
    near = _told(event.near) if event.near else ""
    told = " ; ".join(filter(None, (again, near))) or "n'approche aucun des cas qui restent"
    yield f"· {event.seen.shown()} : {told}"


def _told(position: Position) -> str:
    return f"{position.case.id} {', et '.join(position.why)}"


def heading(candidacy: Candidacy, positions: Sequence[Position]) -> Iterator[str]:
    """What it is about, and how far it is."""
    counted = counts(positions)
    profiles = [candidacy.plan.profiles[p].title for p in sorted(candidacy.profiles) if p in candidacy.plan.profiles]
    yield f"{candidacy.plan.title}, version {candidacy.plan.version}"
    yield f"Profils : {', '.join(profiles) or 'aucun, les cas communs seulement'}"
    yield (
        f"{counted['done']} cas faits sur {counted['done'] + counted['missing']}, {counted['missing']} restent, "
        f"{counted['violated']} enfreints, {counted['manual']} à montrer"
    )


def summary(candidacy: Candidacy, positions: Sequence[Position]) -> Iterator[str]:
    """The whole board."""
    yield from heading(candidacy, positions)
    groups: Mapping[str, Sequence[Position]] = {
        "Faits": [p for p in positions if p.state is State.DONE],
        "Enfreints : le logiciel ne doit pas appeler": [p for p in positions if p.state is State.VIOLATED],
        "Tentés, sans compter": [p for p in positions if p.state is State.MISSING and p.why],
        "Pas encore tentés": [p for p in positions if p.state is State.MISSING and not p.why],
        "À montrer : un serveur ne les voit pas": [p for p in positions if p.state is State.MANUAL],
    }
    for head, found in groups.items():
        if found:
            yield ""
            yield f"{head} ({len(found)})"
            for position in found:
                yield from _shown(position)


_MARKS = {State.DONE: "✓", State.VIOLATED: "✗", State.MISSING: " ", State.MANUAL: " "}


def _shown(position: Position) -> Iterator[str]:
    case, where = position.case, ", ".join(str(seen.id) for seen in position.exchanges)
    told = f"échange{'s' * (len(position.exchanges) > 1)} {where}" if where else case.given.patient
    yield f"{_MARKS[position.state]} {case.id:<14} {case.title}{f' ({told})' if told else ''}"
    if position.attempt is not None and position.state is State.MISSING:
        yield from (f"{'':17}{sentence} (échange {position.attempt.last.id})" for sentence in position.why)
    if position.state in (State.DONE, State.MANUAL):
        yield from (f"{'':17}☐ {item}" for item in position.unseen)
