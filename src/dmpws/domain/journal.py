"""The journal: each exchange as it was received, answered and judged, for who wants to know why."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Message:
    """A request or an answer of `size` octets. octets: those the journal keeps; when `cut`, the first of them."""

    content_type: str = ""
    size: int = 0
    octets: bytes = field(default=b"", repr=False)
    cut: bool = False


@dataclass(frozen=True, slots=True)
class Exchange:
    """One exchange. id: rank in the journal, 0 before it is there. at: reception, aware UTC. seconds: until the last
    octet of the answer. facts: the content of its trace (dmpws.audit.trace), empty when it left none. checks: the
    verdicts in order. steps: what was done, and how long it took, in milliseconds."""

    correlation_id: str
    at: datetime
    seconds: float
    path: str
    status: int
    operation: str
    code: str
    """Code of the refusal; empty when there was none."""
    facts: Mapping[str, Any]
    checks: tuple[Mapping[str, Any], ...]
    steps: tuple[tuple[str, float], ...]
    id: int = 0


@dataclass(frozen=True, slots=True)
class JournalQuery:
    """Which exchanges. Empty: any. patient: `value` or `value^authority` of an INS. software: LPS_Nom or approval
    number. since, until: of the reception, aware UTC, until excluded. after: those of a greater id, oldest first;
    otherwise the newest come first."""

    patient: str = ""
    software: str = ""
    transaction: str = ""
    code: str = ""
    since: datetime | None = None
    until: datetime | None = None
    after: int | None = None
    limit: int = 50
