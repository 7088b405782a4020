"""The folder `conformance/`: plans with their profiles, cases, scenarios; read strictly, checked against each other."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from dmpws.cast import BY_CASE, PROFESSIONALS, STRUCTURES, CastPatient
from dmpws.conformance.toml import BadFile, Table
from dmpws.domain.access import Purpose
from dmpws.domain.errors import Carrier
from dmpws.resources import folder

OWN_PREFIX = "DMPWS-"
_TRANSACTION = re.compile(r"TD\d\.\d+[a-d]?|TNR|LDRM")
_E = TypeVar("_E", bound=StrEnum)


class Profile(StrEnum):
    """Whom a case is for: everybody, or one profile of DMP-compatibility."""

    COMMON = "commun"
    CREATION = "creation-gestion"
    FEEDING = "alimentation"
    READING = "consultation"


class Kind(StrEnum):
    """Whether the runner plays a case, or a person ticks its checklist."""

    PLAYABLE = "playable"
    MANUAL = "manual"


class Authentication(StrEnum):
    """How the user of a case is authenticated, in the words of the plan; PSC is Pro Santé Connect."""

    ANY = "any"
    DIRECT = "direct"
    INDIRECT = "indirect"
    AIR = "air"
    PSC = "psc"


class Who(StrEnum):
    """What the plan says of the user or of his card; ANY leaves it to the vendor."""

    ANY = "any"
    CPS = "cps"
    DOCTOR = "doctor"
    TREATING_DOCTOR = "treating-doctor"
    PHARMACIST = "pharmacist"
    OTHER_PROFESSION = "other-profession"
    CPE = "cpe"
    CPE_NOMINATIVE = "cpe-nominative"
    CPE_ANONYMOUS = "cpe-anonymous"
    CPF = "cpf"
    REPLACEMENT = "replacement"
    PSC = "psc"
    E_CPS = "e-cps"
    PARM = "parm"
    SOCIAL_CARE = "social-care"


class Outcome(StrEnum):
    """The result the plan wants to see; UNSAID when its column is empty."""

    OK = "OK"
    REFUSED = "ERREUR"
    UNSAID = ""


@dataclass(frozen=True, slots=True)
class ProfileOfPlan:
    """A profile in one version of the plan: its title and the transactions a product of it must have."""

    profile: Profile
    title: str
    mandatory: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """A version of the test plan. date: ISO. guide: version of the integration guide. profiles: by identifier."""

    version: str
    title: str
    date: str
    guide: str
    profiles: Mapping[Profile, ProfileOfPlan]


@dataclass(frozen=True, slots=True)
class Given:
    """The state a case needs before it is played; an empty value leaves it open.

    patient: number in the plan (`59`, `Cas2 AD1`); empty when any will do. dmp: none, active or closed. authorisation:
    of the case's actor, as TD0.2 says it (VALIDE, NON_EXISTE, EXPIRE, INTERDIT). treating_doctor: he is médecin
    traitant. opposed: the emergency mode the patient refuses. documents: what the record must hold, in words.
    """

    patient: str = ""
    dmp: str = ""
    authorisation: str = ""
    treating_doctor: bool | None = None
    opposed: str = ""
    documents: str = ""

    @property
    def person(self) -> CastPatient | None:
        """Who the patient is."""
        return BY_CASE.get(self.patient)


@dataclass(frozen=True, slots=True)
class CaseActor:
    """Who plays: a card of the demo PKI, and how he comes in.

    card: `any` when the plan leaves the choice. authentication, who: what the plan asks for. access_mode: purpose of
    use. secret: connexion secrète. regulation: the software is one of medical regulation (LDRM). person, structure:
    of the public cast: who works with a structure's card, and where, when the card does not say it or says the EJ.
    """

    card: str = "any"
    authentication: Authentication = Authentication.ANY
    who: Who = Who.ANY
    access_mode: Purpose = Purpose.NORMAL
    secret: bool = False
    regulation: bool = False
    person: str = ""
    structure: str = ""


@dataclass(frozen=True, slots=True)
class Expected:
    """The answer a server owes. Empty values are not compared.

    status: AA, AE, Success, Failure, DMPOk …; code: `queryResponseCode` or error code; carrier: how it travels.
    tls: a connection refused by TLS is as good.
    """

    status: str = ""
    code: str = ""
    carrier: Carrier | None = None
    tls: bool = False


@dataclass(frozen=True, slots=True)
class Assertion:
    """An XPath on the Body of the answer. One of equals, contains (texts) and at_least (a number of nodes)."""

    xpath: str
    equals: str | None = None
    contains: str | None = None
    at_least: int | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """One call of the client kit.

    call: a verb of `dmpws.conformance.verbs`, arguments: its own. actor, patient: when they are not those of the case.
    expect: answers that are good, any of them; empty for any success.
    """

    call: str
    title: str = ""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    actor: CaseActor | None = None
    patient: str = ""
    expect: tuple[Expected, ...] = ()
    assertions: tuple[Assertion, ...] = ()


@dataclass(frozen=True, slots=True)
class Case:
    """A case of the plan, or one of ours.

    transaction: code of the registry (`TD3.1`), or TNR, LDRM. plans: versions of the plan that have it; none when it is
    ours, guide is then the version of the integration guide it follows, otherwise the plan's. option: what a product
    must offer for the case to concern it, in the words of the plan. outcome, expected: the answer to the step that is
    judged, the last one. marked: keys of it that are ours, because the plan does not fix them. reason: why nobody can
    play it. prepare: steps that bring the record into the state needed. checklist: what a person makes sure of, in
    French.
    """

    id: str
    title: str
    transaction: str
    plans: tuple[str, ...]
    guide: str
    profile: Profile
    option: str
    references: tuple[str, ...]
    kind: Kind
    outcome: Outcome
    expected: Expected
    marked: tuple[str, ...]
    given: Given
    actor: CaseActor
    reason: str
    prepare: tuple[Step, ...]
    steps: tuple[Step, ...]
    checklist: tuple[str, ...]
    folder: Path

    @property
    def own(self) -> bool:
        """Not of the national plan."""
        return self.id.startswith(OWN_PREFIX)


@dataclass(frozen=True, slots=True)
class Scenario:
    """Cases played one after the other, on one world. purpose: in French."""

    name: str
    title: str
    purpose: str
    cases: tuple[str, ...]


class Conformance:
    """Everything in a folder of conformance data. base: the project's own folder when it is not given.

    Every property raises BadFile.
    """

    def __init__(self, base: Path | None = None) -> None:
        self.base = base or folder("conformance")

    @cached_property
    def plans(self) -> Mapping[str, Plan]:
        """By version."""
        return {plan.version: plan for plan in map(_plan, sorted((self.base / "plans").glob("*.toml")))}

    @cached_property
    def cases(self) -> Mapping[str, Case]:
        """By identifier, in the order of identifiers."""
        paths = sorted(
            (self.base / "cases").glob("*/case.toml"),
            key=lambda path: (path.parent.name.startswith(OWN_PREFIX), natural(path.parent.name)),
        )
        return {case.id: case for case in (self._case(path) for path in paths)}

    @cached_property
    def scenarios(self) -> Mapping[str, Scenario]:
        """By name."""
        paths = sorted((self.base / "scenarios").glob("*.toml"))
        return {scenario.name: scenario for scenario in map(self._scenario, paths)}

    def of_plan(self, version: str) -> Iterator[Case]:
        """The cases of a version of the plan, and ours. Raises KeyError when there is no such version."""
        if version not in self.plans:
            raise KeyError(f"{version}: no such plan; there is {', '.join(self.plans) or f'none in {self.base}'}")
        return (case for case in self.cases.values() if case.own or version in case.plans)

    def _case(self, path: Path) -> Case:
        table = Table.load(path)
        case = _case(table)
        if case.id != path.parent.name:
            raise table.bad("id", f"{case.id!r} is not the name of the folder")
        if unknown := [version for version in case.plans if version not in self.plans]:
            raise table.bad("plan", f"there is no plan {unknown[0]!r}")
        if case.own == bool(case.plans):
            raise table.bad("plan", f"a case of ours begins with {OWN_PREFIX} and is of no plan, the others are of one")
        if case.own != bool(case.guide):
            raise table.bad("guide", "a case of ours names its version of the guide, the others have the plan's")
        return case

    def _scenario(self, path: Path) -> Scenario:
        table = Table.load(path)
        scenario = Scenario(path.stem, table.text("title"), table.text("purpose"), table.texts("cases"))
        table.end()
        for case in scenario.cases:
            if case not in self.cases:
                raise table.bad("cases", f"there is no case {case!r}")
            if self.cases[case].kind is Kind.MANUAL:
                raise table.bad("cases", f"{case} is manual, nobody plays it")
        return scenario


def natural(name: str) -> list[int | str]:
    """By what names are sorted: TD0.10 comes after TD0.9."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)]


def _plan(path: Path) -> Plan:
    table = Table.load(path)
    profiles = table.table("profiles")
    plan = Plan(
        version=table.text("version"),
        title=table.text("title"),
        date=table.text("date"),
        guide=table.text("guide"),
        profiles={profile: _profile(profile, profiles.table(profile)) for profile in Profile if profile in profiles},
    )
    table.end()
    profiles.end()
    if plan.version != path.stem:
        raise table.bad("version", f"{plan.version!r} is not the name of the file")
    return plan


def _profile(profile: Profile, table: Table) -> ProfileOfPlan:
    found = ProfileOfPlan(profile, table.text("title"), table.texts("mandatory"))
    table.end()
    for code in found.mandatory:
        _transaction(table, "mandatory", code)
    return found


def _transaction(table: Table, key: str, code: str) -> str:
    if not _TRANSACTION.fullmatch(code):
        raise table.bad(key, f"{code!r} is not a transaction")
    return code


def _case(table: Table) -> Case:
    expected = table.table("expected")
    actor = _actor(table.table("actor"), CaseActor())
    case = Case(
        id=table.text("id"),
        title=table.text("title"),
        transaction=_transaction(table, "transaction", table.text("transaction")),
        plans=table.texts("plan"),
        guide=table.text("guide", ""),
        profile=_choice(table, "profile", Profile),
        option=table.text("option", ""),
        references=table.texts("references"),
        kind=_choice(table, "kind", Kind),
        outcome=_choice(expected, "outcome", Outcome, Outcome.UNSAID),
        expected=_expected(expected),
        marked=table.texts("marked"),
        given=_given(table.table("given")),
        actor=actor,
        reason=table.text("reason", ""),
        prepare=tuple(_step(step, actor) for step in table.tables("prepare")),
        steps=tuple(_step(step, actor) for step in table.tables("steps")),
        checklist=_checklist(table.table("checklist")),
        folder=table.path.parent,
    )
    table.end()
    if not case.references:
        raise table.bad("references", "a case refers to something")
    if case.kind is Kind.MANUAL and (not case.reason or not case.checklist or case.steps):
        raise table.bad("kind", "a manual case has a reason, a checklist and no steps")
    if case.kind is Kind.PLAYABLE and case.reason:
        raise table.bad("reason", "only a manual case has one")
    if case.steps and case.steps[-1].expect:
        raise table.bad("steps", "the last step is judged by [expected]; it has no `expect` of its own")
    for key in case.marked:
        if key not in ("outcome", "status", "code", "carrier"):
            raise table.bad("marked", f"{key!r} is not a key of [expected]")
    return case


def _choice(table: Table, key: str, kind: type[_E], default: _E | None = None) -> _E:
    text = table.text(key, default)
    try:
        return kind(text)
    except ValueError:
        raise table.bad(key, f"{text!r} is none of {', '.join(repr(str(value)) for value in kind)}") from None


def _given(table: Table) -> Given:
    doctor = table.flag("treating_doctor") if "treating_doctor" in table else None
    given = Given(
        patient=table.text("patient", ""),
        dmp=table.text("dmp", ""),
        authorisation=table.text("authorisation", ""),
        treating_doctor=doctor,
        opposed=table.text("opposed", ""),
        documents=table.text("documents", ""),
    )
    table.end()
    _known_patient(table, given.patient)
    if given.dmp not in ("", "none", "active", "closed"):
        raise table.bad("dmp", f"{given.dmp!r} is not none, active or closed")
    if given.authorisation not in ("", "VALIDE", "NON_EXISTE", "EXPIRE", "INTERDIT"):
        raise table.bad("authorisation", f"{given.authorisation!r} is not a state of TD0.2")
    if given.opposed not in ("", Purpose.BRIS_DE_GLACE, Purpose.CENTRE_15):
        raise table.bad("opposed", f"{given.opposed!r} is not an emergency mode")
    return given


def _known_patient(table: Table, patient: str) -> str:
    if patient and patient not in BY_CASE:
        raise table.bad("patient", f"{patient!r} is no patient of the plan")
    return patient


def _actor(table: Table, default: CaseActor) -> CaseActor:
    actor = CaseActor(
        card=table.text("card", default.card),
        authentication=_choice(table, "authentication", Authentication, default.authentication),
        who=_choice(table, "who", Who, default.who),
        access_mode=_choice(table, "access_mode", Purpose, default.access_mode),
        secret=table.flag("secret") if "secret" in table else default.secret,
        regulation=table.flag("regulation") if "regulation" in table else default.regulation,
        person=table.text("person", default.person),
        structure=table.text("structure", default.structure),
    )
    table.end()
    if actor.person and actor.person not in PROFESSIONALS:
        raise table.bad("person", f"{actor.person!r} is nobody of the public cast")
    if actor.structure and actor.structure not in STRUCTURES:
        raise table.bad("structure", f"{actor.structure!r} is no structure of the public cast")
    return actor


def _expected(table: Table) -> Expected:
    carrier = _choice(table, "carrier", Carrier) if "carrier" in table else None
    expected = Expected(table.text("status", ""), table.text("code", ""), carrier, table.flag("tls"))
    table.end()
    return expected


def _step(table: Table, actor: CaseActor) -> Step:
    expect = table.tables("expect") if isinstance(table.peek("expect"), list) else [table.table("expect")]
    call, title = table.text("call"), table.text("title", "")
    own = _actor(table.table("actor"), actor) if "actor" in table else None
    patient = _known_patient(table, table.text("patient", ""))
    assertions = tuple(map(_assertion, table.tables("assert")))
    answers = tuple(e for e in map(_expected, expect) if e != Expected())
    return Step(call, title, table.rest(), own, patient, answers, assertions)


def _assertion(table: Table) -> Assertion:
    values = table.rest()
    try:
        assertion = Assertion(**values)
    except TypeError as error:
        raise table.bad("", str(error)) from None
    if [assertion.equals, assertion.contains, assertion.at_least].count(None) != 2:
        raise table.bad("", "one of equals, contains and at_least")
    return assertion


def _checklist(table: Table) -> tuple[str, ...]:
    items = table.texts("items")
    table.end()
    return items


__all__ = ["BadFile", "Case", "CaseActor", "Conformance", "Plan", "Profile", "Scenario", "Step"]
