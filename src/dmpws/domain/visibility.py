"""Who may know that a document exists: the one function behind every list and every read, the patient's too.

A masked document is shown to its authors, to the structure that authored it, to the médecin traitant and, in an
emergency mode, to whoever the patient's switch allows. A document of a type that the reader's profession may not
read is shown to its authors alone. To all others it does not exist.
"""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

from dmpws.domain.access import Purpose
from dmpws.domain.caller import Caller
from dmpws.domain.document import INVISIBLE_PATIENT, INVISIBLE_REPRESENTANTS_LEGAUX, MASQUE_PS, StoredEntry
from dmpws.domain.rights import decide, is_of_structure, is_own, profile_of, reading_rows
from dmpws.domain.type_rights import TypeRights

STRUCTURE_PROFILES = frozenset({"es", "cpe", "pe"})
"""Profiles that act for a structure."""


@dataclass(frozen=True)
class Reader:
    """A caller before one record.

    treating_doctor: médecin traitant of this patient. masked_in_emergency: the patient's switch (note 7).
    types: the document-type rights (DMPWS D19).
    """

    caller: Caller
    treating_doctor: bool
    masked_in_emergency: bool
    types: TypeRights

    @cached_property  # asked for each entry of a search
    def profile(self) -> str:
        return profile_of(self.caller, treating_doctor=self.treating_doctor)

    @cached_property
    def for_structure(self) -> bool:
        return self.profile in STRUCTURE_PROFILES


class Owner(StrEnum):
    """Who reads a record as the one it is about: the patient, or a legal representative of his."""

    PATIENT = "patient"
    REPRESENTATIVE = "representative"


_HIDDEN_FROM = {
    Owner.PATIENT: frozenset({INVISIBLE_PATIENT}),
    # What is kept from a minor himself is kept from those who read for him.
    Owner.REPRESENTATIVE: frozenset({INVISIBLE_PATIENT, INVISIBLE_REPRESENTANTS_LEGAUX}),
}


def is_shown_to(owner: Owner, visibility: Collection[str]) -> bool:
    """Nothing among these visibility codes hides a document from the one it is about."""
    return _HIDDEN_FROM[owner].isdisjoint(visibility)


def is_author(reader: Reader, entry: StoredEntry) -> bool:
    """The reader is an author of the entry, in person or through the structure it acts for."""
    if reader.for_structure:
        return is_of_structure(entry, reader.caller)
    return is_own(entry, reader.caller)


def sees(reader: Reader | Owner, entry: StoredEntry) -> bool:
    """Tell whether the entry exists for this reader.

    The patient and his representatives see everything, masked, archived, obsolete and deleted documents included,
    but what was made invisible to them, and no lot signature.
    """
    if isinstance(reader, Owner):
        return is_shown_to(reader, entry.visibility) and not entry.is_signature
    if not (reader.types.allow(reader.caller.roles, entry.type_code) or entry.is_signature or is_author(reader, entry)):
        return False
    if MASQUE_PS not in entry.visibility:
        return True
    if reader.for_structure:
        return is_author(reader, entry)
    if reader.caller.purpose is not Purpose.NORMAL:
        return reader.masked_in_emergency
    return reader.profile == "mt" or is_author(reader, entry)


def knows(reader: Reader, entry: StoredEntry) -> bool:
    """Tell whether this reader may be told that the entry exists: it sees it, or it wrote it.

    In an emergency mode an author does not see his masked document, and may still delete it (PDT-INF-526 note 8).
    A lot signature is its author's affair (DMPWS D14).
    """
    return is_author(reader, entry) or (sees(reader, entry) and not entry.is_signature)


def reads(reader: Reader | Owner, entry: StoredEntry) -> bool:
    """Tell whether the reader sees the entry and every row of the rights it falls under allows its octets."""
    if isinstance(reader, Owner):
        return sees(reader, entry)
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
