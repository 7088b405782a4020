"""The directory: professionals, structures and approved software (DMPWS D8)."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from dmpws.domain.software import Software


@dataclass(frozen=True, slots=True)
class Structure:
    """A structure; `parent` is the FINESS EJ of a FINESS EG, `sectors` its activity sectors (SAxx)."""

    identifier: str
    name: str
    sectors: frozenset[str]
    active: bool = True
    parent: str = ""


@dataclass(frozen=True, slots=True)
class Professional:
    """A person of the directory; `structures` are the Struct_IdNat of the places of practice."""

    identifier: str
    family: str
    given: str
    structures: frozenset[str]
    active: bool = True


class Directory(Protocol):
    """Look-ups; implemented by dmpws.store."""

    def structure(self, identifier: str) -> Structure | None: ...

    def professional(self, identifier: str) -> Professional | None: ...

    def software(self, number: str) -> Software | None: ...


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
