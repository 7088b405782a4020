"""What a vendor is candidate for (`profil.toml`), and which cases that makes due (DMPWS D190)."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from dmpws.cast import PATIENTS
from dmpws.conformance.cases import Authentication, Case, Conformance, Outcome, Plan, Profile, Who
from dmpws.conformance.toml import Table

NEUTRAL = frozenset({"", "PSC", "médecin traitant", "PSC médecin traitant", "TD0.3", "AIR"})
"""Words of the plan's filter that leave no candidate out: how he authenticates and as whom is asked for elsewhere."""
_SEPARATOR = ", "
_INS = re.compile(r"[0-9AB]{15}\^[0-9.]+")

IMPLIED: Mapping[Who, frozenset[Who]] = {
    Who.DOCTOR: frozenset({Who.CPS, Who.TREATING_DOCTOR}),
    Who.PHARMACIST: frozenset({Who.CPS}),
    Who.OTHER_PROFESSION: frozenset({Who.CPS}),
    Who.REPLACEMENT: frozenset({Who.CPS}),
    Who.CPE_NOMINATIVE: frozenset({Who.CPE}),
    Who.CPE_ANONYMOUS: frozenset({Who.CPE}),
}
"""Who plays a doctor can play what the plan leaves to any CPS."""


@dataclass(frozen=True, slots=True)
class Candidacy:
    """plan: version. software: LPS_Nom or approval number, empty when every call counts. profiles, modes, users,
    options: what he is candidate for, in the words of the cases; no users: all of them. without: cases that were
    agreed not to concern him. patients: INS (`value^authority`) he was given, by patient of the plan."""

    plan: Plan
    software: str
    profiles: frozenset[Profile]
    modes: frozenset[Authentication]
    users: frozenset[Who]
    options: frozenset[str]
    without: frozenset[str]
    patients: Mapping[str, tuple[str, ...]]

    def concerns(self, case: Case) -> bool:
        """Tell whether a case is due. Ours that end in a refusal are for servers (DMPWS D190)."""
        if case.own and case.outcome is not Outcome.OK:
            return False
        return (
            case.id not in self.without
            and (case.profile is Profile.COMMON or case.profile in self.profiles)
            and (case.actor.authentication is Authentication.ANY or case.actor.authentication in self.modes)
            and (not self.users or case.actor.who is Who.ANY or case.actor.who in self.users)
            and (case.option in NEUTRAL or not self.options.isdisjoint(options_of(case)))
        )

    def cases(self, conformance: Conformance) -> Iterator[Case]:
        """The cases that are due, in the order of the plan."""
        return (case for case in conformance.of_plan(self.plan.version) if self.concerns(case))


def options_of(case: Case) -> frozenset[str]:
    """What a product may offer for the case to concern it; one of them is enough."""
    return frozenset(case.option.split(_SEPARATOR)) if case.option not in NEUTRAL else frozenset()


def read_candidacy(path: Path, conformance: Conformance) -> Candidacy:
    """Read a `profil.toml`. Raises BadFile."""
    table = Table.load(path)
    version = table.text("plan")
    if version not in conformance.plans:
        raise table.bad("plan", f"there is no plan {version!r}, only {', '.join(conformance.plans)}")
    known = frozenset[str]().union(*map(options_of, conformance.cases.values()))
    users = frozenset(map(Who, _among(table, "users", Who)))
    patients = table.table("patients")
    candidacy = Candidacy(
        plan=conformance.plans[version],
        software=table.text("software", ""),
        profiles=frozenset(map(Profile, _among(table, "profiles", Profile))),
        modes=frozenset(map(Authentication, _among(table, "modes", Authentication))),
        users=users.union(*(IMPLIED.get(user, ()) for user in users)),
        options=frozenset(_among(table, "options", sorted(known))),
        without=frozenset(_among(table, "without", conformance.cases)),
        patients=_patients(patients),
    )
    table.end()
    if not candidacy.modes:
        raise table.bad("modes", "at least one")
    return candidacy


def _patients(table: Table) -> Mapping[str, tuple[str, ...]]:
    """The INS of the vendor, by patient of the plan."""
    numbers = {person.case for person in PATIENTS.values() if person.case}
    given = table.rest()
    for case, inses in given.items():
        if case not in numbers:
            raise table.bad(case, "no patient of the plan")
        if not isinstance(inses, list) or not all(isinstance(ins, str) and _INS.fullmatch(ins) for ins in inses):
            raise table.bad(case, f"{inses!r} is not a list of INS, each `number^authority`")
    return {case: tuple(inses) for case, inses in given.items()}


def _among(table: Table, key: str, allowed: Iterable[str]) -> tuple[str, ...]:
    words = table.texts(key)
    for word in words:
        if word not in list(allowed):
            raise table.bad(key, f"{word!r} is none of {', '.join(allowed)}")
    return words
