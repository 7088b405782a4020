"""Traces in the database: appended at the end of a unit of work, read back for verification."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Row, bindparam, delete, select, union_all

from dmpws.audit.chain import COLUMNS, ChainRow, Checkpoint, link
from dmpws.audit.trace import canonical
from dmpws.domain.traces import TraceQuery, TraceRecord, TraceSpan
from dmpws.store.conditions import one_of
from dmpws.store.ready import Ready
from dmpws.store.session import Statements
from dmpws.store.tables import trace, trace_checkpoint, trace_head
from dmpws.transactions.ports import StorageError, TraceRow

BATCH = 1000

_HEAD = select(trace_head.c.seq, trace_head.c.hash)
_LOCKED_HEAD = Ready(_HEAD.with_for_update())  # on SQLite the write lock of the transaction does the same
_APPEND = Ready(trace.insert())  # a trigger moves the head
_BATCH = select(trace).where(trace.c.seq > bindparam("after")).order_by(trace.c.seq).limit(BATCH)

_FIRST_KEPT = select(trace.c.seq).where(trace.c.occurred_at >= bindparam("before")).order_by(trace.c.seq).limit(1)
_OLD = select(trace.c.seq, trace.c.previous, trace.c.hash).where(trace.c.seq <= bindparam("seq"))
_ENDS = union_all(
    select(_OLD.order_by(trace.c.seq).limit(1).subquery()),
    select(_OLD.order_by(trace.c.seq.desc()).limit(1).subquery()),
)
_CUT = delete(trace).where(trace.c.seq >= bindparam("first"), trace.c.seq <= bindparam("last"))


class TraceTable:
    """Implements dmpws.transactions.ports.Traces and dmpws.audit.chain.StoredChain."""

    def __init__(self, statements: Statements) -> None:
        self._db = statements
        self._pending: list[TraceRow] = []

    def append(self, row: TraceRow) -> None:
        """Add a trace, written when the unit of work commits."""
        self._pending.append(row)

    def flush(self) -> None:
        """Write the traces. The head stays locked until the commit, so this is the last thing before it."""
        if not self._pending:
            return
        seq, previous = _head(self._db.returning(_LOCKED_HEAD))
        rows = []
        for pending in self._pending:
            values = pending.values()
            content, seq = canonical(values), seq + 1
            columns = {name: values.get(name, "") for name in COLUMNS}
            columns["occurred_at"] = datetime.fromisoformat(str(columns["occurred_at"]))
            digest = link(seq, previous, content)
            rows.append({"seq": seq, "content": content, "previous": previous, "hash": digest, **columns})
            previous = digest
        self._db.change(_APPEND, rows)
        self._pending.clear()

    def find(self, query: TraceQuery) -> Sequence[TraceRecord]:
        """Traces, newest first, at most `query.limit`."""
        wanted = select(trace.c.seq, trace.c.content).order_by(trace.c.seq.desc()).limit(query.limit)
        values: dict[str, Any] = {}
        if query.patients:
            wanted, values["patients"] = wanted.where(one_of(trace.c.patient, "patients")), list(query.patients)
        for column, value in ((trace.c.person, query.person), (trace.c.structure, query.structure)):
            if value:
                wanted = wanted.where(column == value)
        if query.since is not None:
            wanted = wanted.where(trace.c.occurred_at >= query.since)
        if query.until is not None:
            wanted = wanted.where(trace.c.occurred_at < query.until)
        if query.before is not None:
            wanted = wanted.where(trace.c.seq < query.before)
        return [TraceRecord(row.seq, json.loads(row.content)) for row in self._db.rows(wanted, values)]

    def lapsed(self, before: datetime) -> TraceSpan | None:
        """The oldest traces, up to the first that is not older than `before`; None when there is none."""
        kept = self._db.rows(_FIRST_KEPT, {"before": before})
        oldest = self._db.rows(_ENDS, {"seq": (kept[0].seq if kept else self.head()[0] + 1) - 1})
        if not oldest:
            return None
        first, last = oldest[0], oldest[-1]
        return TraceSpan(first.seq, last.seq, first.previous, last.hash)

    def cut(self, span: TraceSpan, *, reason: str, made_at: datetime, signature: bytes, certificate: bytes) -> None:
        """Take away these traces and leave a checkpoint in their place, without which a trigger keeps them."""
        point = Checkpoint(
            span.first, span.last, span.hash_before, span.hash_after, reason, made_at, signature, certificate
        )
        self._db.change(trace_checkpoint.insert(), asdict(point))
        self._db.change(_CUT, {"first": span.first, "last": span.last})

    def after(self, seq: int) -> Sequence[TraceRecord]:
        """A batch of the traces that follow one, oldest first."""
        return [TraceRecord(row.seq, json.loads(row.content)) for row in self._db.rows(_BATCH, {"after": seq})]

    def rows(self) -> Iterator[ChainRow]:
        """All rows by number, a batch at a time."""
        after = 0
        while batch := self._db.rows(_BATCH, {"after": after}):
            for row in batch:
                yield ChainRow(row.seq, row.previous, row.hash, row.content, _columns(row._mapping))
            after = batch[-1].seq

    def head(self) -> tuple[int, str]:
        """Number and hash of the last row. Raises StorageError."""
        return _head(self._db.rows(_HEAD))

    def checkpoints(self) -> Iterator[Checkpoint]:
        for row in self._db.rows(select(trace_checkpoint).order_by(trace_checkpoint.c.first_seq)):
            yield Checkpoint(**row._mapping)


def _head(rows: Sequence[Row[Any]]) -> tuple[int, str]:
    if not rows:
        raise StorageError("the head of the trace chain is missing")
    return rows[0].seq, rows[0].hash


def _columns(row: Any) -> dict[str, object]:
    instant: datetime = row["occurred_at"]
    return {
        **{name: row[name] for name in COLUMNS},
        "occurred_at": instant.astimezone(UTC).isoformat(timespec="microseconds"),
    }
