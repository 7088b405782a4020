"""The public fictitious patients, professionals and structures of the national test plan.

Seed, demo, examples and tests all play with this cast; nobody else may appear in the project.
"""

import csv
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import resources

from dmpws.domain import oids
from dmpws.domain.directory import Professional, Structure
from dmpws.domain.patient import Address, Ins, Name, Traits, nir_key
from dmpws.domain.software import EVERYTHING, Category, Software


@dataclass(frozen=True, slots=True)
class Situation:
    """Something that is special about a DMP; `dmpws.seed.situations` knows the kinds. detail: a holder, a text …"""

    kind: str
    detail: str


@dataclass(frozen=True, slots=True)
class CastPatient:
    """A patient of the test plan.

    key: short name for the command line. case: his number in the plan (`59`, `Cas2 AD1`). rank: of birth. has_dmp:
    when the tests begin. small: in the set that a laboratory server has from its first start. note: what he is for.
    """

    key: str
    ins: Ins
    traits: Traits
    case: str
    rank: str
    has_dmp: bool
    small: bool
    situations: tuple[Situation, ...]
    note: str

    @property
    def label(self) -> str:
        return f"{self.traits.name.birth} {self.traits.name.given}"


def allocate_ins(traits: Traits, number: int) -> Ins:
    """Make up a test INS for a patient to whom the test plan gives one "at initialisation".

    number: 0 to 99 999 999, stands for place and order of birth. The key is right; the authority is the test one.
    """
    sex = {"M": "1", "F": "2"}[traits.sex]
    nir = f"{sex}{traits.birth_date[2:6]}{number:08d}"
    return Ins(nir + nir_key(nir), oids.INS_NIR_TEST)


def invented_ins(traits: Traits, order: int) -> Ins:
    """The test INS of a patient whom the plan gives none, the same everywhere (DMPWS D173).

    order: 0 to 999, from his number in the plan; the place of birth, 99 999, is no place.
    """
    return allocate_ins(traits, 99_999_000 + order)


_AUTHORITIES = {"test": oids.INS_NIR_TEST, "demo": oids.INS_NIR_DEMO, "nia": oids.INS_NIA}
_ORDER = re.compile(r"(?:Cas)?([0-9]+)(?: AD([0-9]?))?")


def _patient(row: Mapping[str, str]) -> CastPatient:
    sex = row["sex"]
    name = Name(birth=row["birth"], used=row["used"], given=row["given"], prefix="Mme" if sex == "F" else "M")
    address = Address(postal_code="75001", city="PARIS", country="FRA")
    traits = Traits(name=name, sex=sex, birth_date=row["birth_date"], addresses=(address,))
    ins = Ins(row["ins"], _AUTHORITIES[row["authority"]]) if row["ins"] else invented_ins(traits, _order(row["case"]))
    situations = (part.partition(": ") for part in row["situation"].split("; ") if part)
    return CastPatient(
        key=row["key"],
        ins=ins,
        traits=traits,
        case=row["case"],
        rank=row["rank"],
        has_dmp=row["dmp"] == "yes",
        small=row["cast"] == "yes",
        situations=tuple(Situation(kind, detail) for kind, _, detail in situations),
        note=row["note"],
    )


def _order(case: str) -> int:
    """Ten times the number in the plan; its children (AD) count on from there."""
    found = _ORDER.fullmatch(case)
    if found is None:
        raise ValueError(f"{case}: not a case of the plan")
    number, child = found.groups()
    return int(number) * 10 + (int(child or 1) if child is not None else 0)


def table(name: str) -> Iterator[Mapping[str, str]]:
    """The rows of a table of `dmpws/data`, by column."""
    text = resources.files("dmpws").joinpath("data", f"{name}.tsv").read_text(encoding="utf-8")
    return csv.DictReader((line for line in text.splitlines() if not line.startswith("#")), delimiter="\t")


PATIENTS: dict[str, CastPatient] = {person.key: person for person in map(_patient, table("patients"))}
"""By key; `dmpws/data/patients.tsv` holds them."""

BY_CASE = {person.case: person for person in PATIENTS.values() if person.case}
"""By number in the plan (`59`, `Cas2 AD1`)."""

STRUCTURES: dict[str, Structure] = {
    s.identifier: s
    for s in (
        Structure("499900063480001", "CABINET DR LIBRE", frozenset({"SA07"})),
        Structure("11B0062640", "HOPITAL DES 3. DAMES", frozenset({"SA01"})),
        Structure("10B0156832", "HOPITAL DES 3. DAMES SITE", frozenset({"SA01"}), parent="11B0062640", regulation=True),
        Structure("10B0127189", "HOPITAL DES 3 VALLEES", frozenset({"SA01"})),
    )
}

PROFESSIONALS: dict[str, Professional] = {
    p.identifier: p
    for p in (
        Professional("899900063480", "LIBRE", "MAX", frozenset({"499900063480001"})),
        Professional("801234567897", "DOCTORANT", "Charles", frozenset({"10B0127189", "11B0062640"})),
        Professional("801234534765", "CAMPARINI", "Marcel", frozenset({"10B0127189"})),
        Professional("899700433156", "MEDECIN RPPS0043315", "VIRGINIE", frozenset({"10B0127189"})),
    )
}

SOFTWARE = Software("DMPWS-KIT-tmp1", "dmpws kit", "dmpws", Category.LGC, scopes=EVERYTHING)
REGULATION_SOFTWARE = Software("DMPWS-LDRM-tmp1", "dmpws kit régulation", "dmpws", Category.LDRM, scopes=EVERYTHING)
APPROVED = {software.number: software for software in (SOFTWARE, REGULATION_SOFTWARE)}
