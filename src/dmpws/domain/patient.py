"""A patient's identity (INS) and the administrative record of the DMP."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import date, datetime
from enum import StrEnum

from dmpws.domain import oids


@dataclass(frozen=True, slots=True)
class Ins:
    """An INS: value and assigning authority."""

    value: str
    authority: str

    @property
    def is_nia(self) -> bool:
        return self.authority == oids.INS_NIA

    @property
    def is_ins_c(self) -> bool:
        return self.authority == oids.INS_C


def nir_key(nir: str) -> str:
    """Return the two-digit key of a 13-character NIR, Corsica included (2A counts as 19, 2B as 18).

    Raises ValueError when `nir` is not 13 characters of that form.
    """
    digits = nir.upper()
    if len(digits) == 13 and digits[5:7] in ("2A", "2B"):
        digits = digits[:5] + ("19" if digits[5:7] == "2A" else "18") + digits[7:]
    if len(digits) != 13 or not (digits.isascii() and digits.isdigit()):
        raise ValueError("a NIR has 13 digits")
    return f"{97 - int(digits) % 97:02d}"


def has_valid_key(matricule: str) -> bool:
    """Tell whether a 15-character matricule ends with the key of its NIR."""
    try:
        return len(matricule) == 15 and nir_key(matricule[:13]) == matricule[13:]
    except ValueError:
        return False


def is_minor(birth_date: str, today: date, majority: int) -> bool:
    """Tell whether somebody born on `birth_date` (YYYYMMDD, months and days may be missing or 00) is under age.

    An incomplete date is the latest it can be, an unknown one nobody's minority.
    """
    if len(birth_date) < 4 or not (birth_date.isascii() and birth_date.isdigit()):
        return False
    year, month, day = birth_date[:4], birth_date[4:6], birth_date[6:8]
    of_age = (int(year) + majority, int(month or 0) or 12, int(day or 0) or 31)
    return of_age > (today.year, today.month, today.day)


class DmpStatus(StrEnum):
    """Status of a DMP as TD0.2 gives it (patient/statusCode)."""

    ACTIVE = "active"
    CLOSED = "terminated"


@dataclass(frozen=True, slots=True)
class Name:
    """A patient's name: birth name (BR), used name (SP), given names, civility (M, Mme, Mlle)."""

    birth: str = ""
    used: str = ""
    given: str = ""
    prefix: str = ""


@dataclass(frozen=True, slots=True)
class Address:
    street: str = ""
    locator: str = ""
    postal_code: str = ""
    city: str = ""
    country: str = ""


@dataclass(frozen=True, slots=True)
class Telecom:
    """`value` is a URI (`tel:`, `mailto:`), `use` HP, MC or empty."""

    value: str
    use: str = ""


@dataclass(frozen=True, slots=True)
class Representative:
    """A legal representative or trusted relation; `code` is the HL7 personal relationship (MTH, FTH …)."""

    code: str
    name: Name
    addresses: tuple[Address, ...] = ()
    telecoms: tuple[Telecom, ...] = ()


@dataclass(frozen=True, slots=True)
class Traits:
    """Identity and contact data of a patient. Dates are `YYYYMMDD` strings as received; sex is M, F or U."""

    name: Name
    sex: str = ""
    birth_date: str = ""
    birth_country: str = ""
    deceased: bool = False
    telecoms: tuple[Telecom, ...] = ()
    addresses: tuple[Address, ...] = ()
    representatives: tuple[Representative, ...] = ()
    vitale_name: Name | None = None
    """Name read on the Carte Vitale, unmodified (GI-DMP EX_GEN-1265); None when no card was read."""
    vitale_birth_date: str = ""


def changes(before: Traits, now: Traits) -> Iterator[tuple[str, str, str]]:
    """What differs between two states of somebody's data: the field, its old and its new value, as text."""
    old, new = asdict(before), asdict(now)
    for field, value in old.items():
        if value != new[field]:
            yield field, _spelled(value), _spelled(new[field])


def _spelled(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


class Switch(StrEnum):
    """What the patient turns on or off himself; the values are the attributes of PatientRecord."""

    OPPOSES_BRIS_DE_GLACE = "opposes_bris_de_glace"
    OPPOSES_CENTRE_15 = "opposes_centre_15"
    MASKED_IN_EMERGENCY = "masked_visible_in_emergency"
    SUCCESSORS = "successors_may_read"


@dataclass(frozen=True, slots=True)
class PatientRecord:
    """A DMP as stored: one identity, possibly several identifiers over time (`identifiers[0]` is current)."""

    id: int
    identifiers: tuple[Ins, ...]
    status: DmpStatus
    traits: Traits
    created_at: datetime
    closed_at: datetime | None = None
    closure_code: str = ""
    closure_text: str = ""
    closure_final: bool = False
    """Closed for good: TD1.2 cannot open it again (DMPWS D113)."""
    deceased_on: str = ""
    """Day of death, YYYYMMDD; empty when the patient lives, or when it is not known."""
    successors_may_read: bool = False
    """The patient's wish: his successors (ayants droit) may have a copy (DMPWS D152)."""
    opposes_bris_de_glace: bool = False
    opposes_centre_15: bool = False
    masked_visible_in_emergency: bool = False
    attached_to_ens: bool = False
    """RATTACHEMENT_ENS: the DMP is part of Mon espace santé."""
    internet_account: bool = False

    @property
    def ins(self) -> Ins:
        return self.identifiers[0]

    @property
    def shown(self) -> tuple[Ins, ...]:
        """What answers show of the identifiers: the INS-C first, then the current INS (DMP-FRAME TD0.2)."""
        return (*(ins for ins in self.identifiers if ins.is_ins_c), *(ins for ins in (self.ins,) if not ins.is_ins_c))
