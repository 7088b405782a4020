"""The chain of traces: each row holds the hash of the one before, so a change anywhere shows.

Cutting off the last rows together with the head is the one thing a chain alone cannot show: `ChainResult.head` is
to be noted outside from time to time. Rows taken away by a lawful purge leave a signed checkpoint in their place
(DMPWS D22).
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

GENESIS = "0" * 64
"""What the first row names as the hash before it."""

COLUMNS = ("occurred_at", "transaction", "outcome", "code", "correlation_id", "person", "structure", "patient")
"""Parts of the content that are columns too, for searching."""


def link(seq: int, previous: str, content: str) -> str:
    """Hash of a row: SHA-256, lower-case hexadecimal."""
    return hashlib.sha256(f"{seq}\n{previous}\n{content}".encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class ChainRow:
    """A stored trace. columns: the columns of `COLUMNS`, as they are in the database."""

    seq: int
    previous: str
    hash: str
    content: str
    columns: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a purge leaves: the rows `first_seq` to `last_seq` are gone, the chain goes on from `hash_after`.

    signature: of the other fields by the key of `certificate` (DER), see dmpws.audit.checkpoint.
    """

    first_seq: int
    last_seq: int
    hash_before: str
    hash_after: str
    reason: str
    made_at: datetime
    signature: bytes
    certificate: bytes


class StoredChain(Protocol):
    """The traces of a store, in one snapshot."""

    def rows(self) -> Iterable[ChainRow]:
        """All rows by number."""
        ...

    def head(self) -> tuple[int, str]:
        """Number and hash of the last row."""
        ...

    def checkpoints(self) -> Iterable[Checkpoint]: ...


class _ReadsTraces(Protocol):
    @property
    def traces(self) -> StoredChain: ...


class TraceStore(Protocol):
    """The part of dmpws.store that verification needs."""

    def read(self) -> AbstractContextManager[_ReadsTraces]: ...


@dataclass(frozen=True, slots=True)
class ChainResult:
    """Verdict. broken: number of the first row that is wrong or missing, None when all are good."""

    rows: int
    head: tuple[int, str]
    broken: int | None = None
    reason: str = ""

    @property
    def ok(self) -> bool:
        return self.broken is None


def _no_checkpoint(_: Checkpoint) -> bool:
    return False


def verify_chain(store: TraceStore, *, accept: Callable[[Checkpoint], bool] = _no_checkpoint) -> ChainResult:
    """Read the whole chain. `accept` tells whether the signature of a checkpoint is good; none is by default."""
    with store.read() as work:
        return check(work.traces, accept)


def check(chain: StoredChain, accept: Callable[[Checkpoint], bool]) -> ChainResult:
    """Verify rows, order, columns and head."""
    head = chain.head()
    checkpoints = {c.first_seq: c for c in chain.checkpoints()}
    seq, previous, count = 0, GENESIS, 0

    def over_checkpoints() -> None:
        nonlocal seq, previous
        while (point := checkpoints.get(seq + 1)) and point.hash_before == previous and accept(point):
            seq, previous = point.last_seq, point.hash_after

    for row in chain.rows():
        if row.seq != seq + 1:
            over_checkpoints()
        if fault := _fault(row, seq + 1, previous):
            return ChainResult(count, head, min(seq + 1, row.seq), fault)
        seq, previous, count = row.seq, row.hash, count + 1
    if (seq, previous) != head:
        over_checkpoints()
    if (seq, previous) != head:
        return ChainResult(count, head, seq + 1, f"the head says row {head[0]}, the last row is {seq}")
    return ChainResult(count, head)


def _fault(row: ChainRow, seq: int, previous: str) -> str:
    if row.seq != seq:
        return f"row {seq} is missing"
    if row.previous != previous:
        return "it does not follow the row before"
    if row.hash != link(row.seq, row.previous, row.content):
        return "its content is not what was hashed"
    content = json.loads(row.content)
    wrong = [name for name in COLUMNS if row.columns[name] != content.get(name, "")]
    return f"its columns differ from its content: {', '.join(wrong)}" if wrong else ""
