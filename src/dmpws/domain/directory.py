"""The directory: professionals, structures, cards and approved software (DMPWS D8)."""

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from dmpws.domain.software import Software

STRUCTURE_ID = re.compile(r"[0-9A-Za-z][0-9A-Za-z.-]{0,63}")
"""Struct_IdNat."""
PERSON_ID = re.compile(rf"{STRUCTURE_ID.pattern}(/[^\s/][^/]{{0,127}})?")
"""PS_IdNat, or `<structure>/<internal id>`: an opaque string that no application may interpret (GI-DMP EX_0.1-1025),
of which only the outline is checked."""


@dataclass(frozen=True, slots=True)
class Structure:
    """A structure; `parent` is the FINESS EJ of a FINESS EG, `sectors` its activity sectors (SAxx).

    regulation: a medical regulation centre (centre 15), whose certificate opens that access mode (DMPWS D142).
    """

    identifier: str
    name: str = ""
    sectors: frozenset[str] = frozenset()
    active: bool = True
    parent: str = ""
    regulation: bool = False


@dataclass(frozen=True, slots=True)
class Professional:
    """A person of the directory; `structures` are the Struct_IdNat of the places of practice."""

    identifier: str
    family: str = ""
    given: str = ""
    structures: frozenset[str] = frozenset()
    active: bool = True


@dataclass(frozen=True, slots=True)
class Card:
    """One certificate of a card or of a structure, as the operator knows it (DMPWS D141).

    serial: lower-case hexadecimal, as traces show it. holder: PS_IdNat or Struct_IdNat. active: False is an
    opposition, which stops the card before its authority does.
    """

    serial: str
    holder: str = ""
    label: str = ""
    active: bool = True


class Directory(Protocol):
    """Look-ups; implemented by dmpws.store."""

    def structure(self, identifier: str) -> Structure | None: ...

    def professional(self, identifier: str) -> Professional | None: ...

    def software(self, number: str) -> Software | None: ...

    def cards(self, serials: Collection[str]) -> Sequence[Card]: ...


class TokenMemory(Protocol):
    """Used assertion IDs (INDIRECTE_RENFORCEE: single use, DMPWS D2), shared by all workers and restarts."""

    def remember(self, assertion_id: str, *, expires_at: datetime) -> bool:
        """Record the ID durably; False when it was already there."""
        ...


def works_in(directory: Directory, person: str, structure: str) -> bool:
    """An active professional has a place of practice in the structure, or in one that counts as it."""
    known = directory.professional(person)
    if known is None or not known.active:
        return False
    return structure in known.structures or bool(equal_structures(directory, structure, known.structures))


def equal_structures(directory: Directory, structure: str, named: Iterable[str]) -> frozenset[str]:
    """The structures among `named` that count as `structure`: the FINESS EJ of its EG, the EG attached to its EJ."""
    own = directory.structure(structure)
    parent = own.parent if own is not None else ""
    others = {identifier: directory.structure(identifier) for identifier in frozenset(named) - {structure, parent}}
    children = {i for i, other in others.items() if other is not None and other.parent == structure}
    return frozenset(children | ({parent} & frozenset(named)))
