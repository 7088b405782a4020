"""The records that somebody may open, as TD0.4 lists them (DMPWS D123 to D126)."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from dmpws.domain.authorisation import Holder
from dmpws.domain.patient import PatientRecord


class DateType(StrEnum):
    """Which date `startDate` is compared with; the misspelling is the interface's."""

    AUTHORISATION = "LASTAUTORIZATION"
    DOCUMENT = "LASTDOC"


@dataclass(frozen=True, slots=True)
class Sight:
    """Which documents who asks may know of, as dmpws.domain.visibility says of one record: his own, and those that
    neither their masking nor their type hides from him.

    person, structure: the author that he is, the other one empty. masked: those of the records whose médecin traitant
    he is too. types: whether he may know of a type; other_types: those of which the contrary holds.
    """

    person: str = ""
    structure: str = ""
    masked: bool = False
    types: bool = True
    other_types: frozenset[str] = frozenset()

    @property
    def all_types(self) -> bool:
        return self.types and not self.other_types


@dataclass(frozen=True, slots=True)
class AuthorisedQuery:
    """Which records are asked for: open, with a usable INS, and a valid authorisation of one of `holders` at `now`.

    without_block_of: records that block one of these are left out. sight: what the dates may tell of. since: aware,
    None for all.
    """

    holders: tuple[Holder, ...]
    without_block_of: tuple[Holder, ...]
    sight: Sight
    now: datetime
    since: datetime | None = None
    date_type: DateType = DateType.AUTHORISATION


@dataclass(frozen=True, slots=True)
class AuthorisedRecord:
    """One record of the list.

    treating_doctor: a holder asked for is the médecin traitant. granted_at: beginning of the authorisation.
    last_access: of the holder. last_update, last_add: of the documents that who asks may know of. None for never.
    """

    record: PatientRecord
    treating_doctor: bool
    granted_at: datetime
    last_access: datetime | None = None
    last_update: datetime | None = None
    last_add: datetime | None = None

    @property
    def has_news(self) -> bool:
        """A document came after the last access: what `message` says (DMPWS D125)."""
        return self.last_add is not None and (self.last_access is None or self.last_add > self.last_access)
