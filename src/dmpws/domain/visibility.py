"""Who may know that a document exists: the one function behind every list and every read.

A masked document is shown to its authors, to the structure that authored it, to the médecin traitant and, in an
emergency mode, to whoever the patient's switch allows. To all others it does not exist.
"""

from dataclasses import dataclass

from dmpws.domain.access import Purpose
from dmpws.domain.caller import Caller
from dmpws.domain.document import MASQUE_PS, StoredEntry
from dmpws.domain.rights import decide, is_of_structure, is_own, profile_of, reading_rows

STRUCTURE_PROFILES = frozenset({"es", "cpe", "pe"})
"""Profiles that act for a structure."""


@dataclass(frozen=True, slots=True)
class Reader:
    """A caller before one record.

    treating_doctor: médecin traitant of this patient. masked_in_emergency: the patient's switch (note 7).
    """

    caller: Caller
    treating_doctor: bool
    masked_in_emergency: bool

    @property
    def profile(self) -> str:
        return profile_of(self.caller, treating_doctor=self.treating_doctor)

    @property
    def for_structure(self) -> bool:
        return self.profile in STRUCTURE_PROFILES


def is_author(reader: Reader, entry: StoredEntry) -> bool:
    """The reader is an author of the entry, in person or through the structure it acts for."""
    if reader.for_structure:
        return is_of_structure(entry, reader.caller)
    return is_own(entry, reader.caller)


def sees(reader: Reader, entry: StoredEntry) -> bool:
    """Tell whether the entry exists for this reader."""
    if MASQUE_PS not in entry.visibility:
        return True
    if reader.for_structure:
        return is_author(reader, entry)
    if reader.caller.purpose is not Purpose.NORMAL:
        return reader.masked_in_emergency
    return reader.profile == "mt" or is_author(reader, entry)


def reads(reader: Reader, entry: StoredEntry) -> bool:
    """Tell whether the reader sees the entry and every row of the rights it falls under allows its octets."""
    return sees(reader, entry) and all(
        decide(
            row,
            reader.caller,
            treating_doctor=reader.treating_doctor,
            masked_in_emergency=reader.masked_in_emergency,
            document=entry,
        ).allowed
        for row in reading_rows(entry)
    )
