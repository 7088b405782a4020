"""Vaccinations, as notes report them and as the historique gathers them."""

from dataclasses import dataclass

from dmpws.domain.cda import CdaActor, CdaId
from dmpws.domain.code import Code

LOINC = "2.16.840.1.113883.6.1"
NOTE_TYPE = Code("87273-9", LOINC, "Note de vaccination")
HISTORY_TYPE = Code("11369-6", LOINC, "Historique des vaccinations")
NOTE_MODEL = "1.2.250.1.213.1.1.1.46"
HISTORY_MODEL = "1.2.250.1.213.1.1.1.37"
NOTE_VERSION = "2023.01"
CIS = "1.2.250.1.213.2.3.1"
"""Code system of vaccines."""
RANK, COMMENT = "30973-2", "48767-8"
"""LOINC codes of what a vaccination may hold besides: its rank, and a comment."""


@dataclass(frozen=True, slots=True)
class Vaccination:
    """One vaccination. ids: of the entry. day: as written, digits. cis: code of the vaccine, empty without.

    authors, performers: those named in the entry with an identifier.
    """

    ids: tuple[CdaId, ...]
    day: str
    cis: str
    authors: tuple[CdaActor, ...] = ()
    performers: tuple[CdaActor, ...] = ()

    @property
    def key(self) -> tuple[str, str] | None:
        """CIS code and day: what makes two vaccinations the same; None when one of them is missing."""
        return (self.cis, self.day[:8]) if self.cis and self.day else None


@dataclass(frozen=True, slots=True)
class VaccinationActor:
    """Who vaccinated, or reported a vaccination. time: HL7, local; empty without. structure: (identifier, name)."""

    ids: tuple[CdaId, ...]
    specialty: Code | None = None
    family: str = ""
    given: str = ""
    structure: CdaId | None = None
    structure_name: str = ""
    time: str = ""


@dataclass(frozen=True, slots=True)
class Reaction:
    """What was observed after a vaccination. day: HL7 time; empty without."""

    code: Code | None
    text: str
    day: str = ""


@dataclass(frozen=True, slots=True)
class VaccinationAct:
    """A vaccination as the historique repeats it: what the model of notes says, in values that are what they must be.

    kind: of the act. day: HL7 time, empty when unknown. rank: digits, empty without. note: uniqueId of the note.
    """

    id: CdaId | None
    note: str
    kind: Code | None
    day: str
    route: Code | None
    sites: tuple[Code, ...]
    product: Code | None
    translations: tuple[Code, ...]
    name: str
    lot: str
    rank: str
    performers: tuple[VaccinationActor, ...]
    authors: tuple[VaccinationActor, ...]
    reactions: tuple[Reaction, ...]
    comment: str


@dataclass(frozen=True, slots=True)
class VaccinationNote:
    """What a note says beyond its header. versions: of the model it follows. performers: identifiers of the
    performers of the act in the header."""

    versions: tuple[str, ...]
    vaccinations: tuple[Vaccination, ...]
    performers: frozenset[str]
