"""Asking the traces: which ones, and what comes back."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class TraceQuery:
    """Which traces, newest first. Empty: any.

    patients: identifiers of one patient, `value^authority`. person: NameID, or who did an act. structure:
    Struct_IdNat. since, until: of reception, aware UTC, until excluded. before: those of a lower number.
    """

    patients: tuple[str, ...] = ()
    person: str = ""
    structure: str = ""
    since: datetime | None = None
    until: datetime | None = None
    before: int | None = None
    limit: int = 100


@dataclass(frozen=True, slots=True)
class TraceSpan:
    """The oldest traces of the chain, by number: hash_before is what the first follows, hash_after that of the last."""

    first: int
    last: int
    hash_before: str
    hash_after: str


@dataclass(frozen=True, slots=True)
class TraceRecord:
    """A trace as stored. seq: its number in the chain. content: see dmpws.audit.trace."""

    seq: int
    content: Mapping[str, Any]

    @property
    def documents(self) -> frozenset[str]:
        """uniqueIds of every document it speaks of."""
        named = (*self.content.get("documents", ()), *self.content.get("changes", ()))
        return frozenset(str(one["uniqueId"]) for one in named if one.get("uniqueId"))
