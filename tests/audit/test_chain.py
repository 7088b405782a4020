"""The chain: whatever is changed in the database behind its back shows, and where."""

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import delete, insert, select, text, update

from dmpws.audit.chain import GENESIS, Checkpoint, link, verify_chain
from dmpws.audit.trace import Trace, TraceOutcome, canonical
from dmpws.store import Store
from dmpws.store.tables import trace, trace_checkpoint, trace_head
from dmpws.testing.deposits import entry, lot, open_record, received
from dmpws.transactions.ports import StorageError


def _trace(now: datetime, number: int = 0, **values: Any) -> Trace:
    return Trace(now, "TD3.1", TraceOutcome.ACCEPTED, correlation_id=str(number), **values)


@pytest.fixture
def filled(store: Store, now: datetime) -> Store:
    for number in range(5):
        store.append_trace(_trace(now, number, person="899900063480", patient="279035121518989^x"))
    return store


def _unguarded(store: Store, statement: Any, parameters: Any = None) -> None:
    """What somebody who owns the database can do: the triggers are off for a moment."""
    with store.database.engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            rows = connection.execute(text("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")).all()
            for name, _ in rows:
                connection.execute(text(f"DROP TRIGGER {name}"))
            connection.execute(statement, parameters)
            for _, sql in rows:
                connection.exec_driver_sql(sql)
        else:
            connection.execute(text("SET session_replication_role = replica"))
            connection.execute(statement, parameters)
            connection.execute(text("SET session_replication_role = DEFAULT"))


def test_an_empty_chain_is_good(store: Store) -> None:
    result = verify_chain(store)
    assert (result.ok, result.rows, result.head) == (True, 0, (0, GENESIS))


def test_a_chain_is_good_and_names_its_head(filled: Store) -> None:
    result = verify_chain(filled)
    assert (result.ok, result.rows, result.head[0]) == (True, 5, 5)
    rows = filled.database.rows(select(trace).order_by(trace.c.seq))
    assert result.head == (5, rows[-1].hash)
    assert [r.previous for r in rows] == [GENESIS, *(r.hash for r in rows[:-1])]
    assert rows[0].hash == link(1, GENESIS, rows[0].content)


def test_a_long_chain_is_read_in_batches(store: Store, now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    with store.write() as work:
        for number in range(2500):
            work.traces.append(_trace(now, number))
    result = verify_chain(store)
    assert (result.ok, result.rows) == (True, 2500)


def test_columns_are_those_of_the_content(filled: Store, now: datetime) -> None:
    row = filled.database.rows(select(trace).where(trace.c.seq == 3))[0]
    assert (row.occurred_at, row.person, row.patient, row.transaction) == (
        now, "899900063480", "279035121518989^x", "TD3.1",
    )  # fmt: skip
    assert json.loads(row.content)["correlation_id"] == row.correlation_id == "2"


def _changed_content(seq: int) -> Any:
    content = canonical({"occurred_at": "2026-11-21T12:00:00.000000+00:00", "transaction": "TD3.1"})
    return update(trace).where(trace.c.seq == seq).values(content=content)


@pytest.mark.parametrize(
    ("attack", "broken"),
    [
        (_changed_content(3), 3),
        (update(trace).where(trace.c.seq == 1).values(content="{}", hash=link(1, GENESIS, "{}")), 1),
        (update(trace).where(trace.c.seq == 2).values(hash="0" * 64), 2),
        (update(trace).where(trace.c.seq == 4).values(previous="0" * 64), 4),
        (update(trace).where(trace.c.seq == 4).values(person="other"), 4),
        (update(trace).where(trace.c.seq == 2).values(occurred_at=datetime.fromisoformat("2020-01-01T00:00Z")), 2),
        (delete(trace).where(trace.c.seq == 1), 1),
        (delete(trace).where(trace.c.seq == 3), 3),
        (delete(trace).where(trace.c.seq == 5), 5),
        (delete(trace), 1),
        (update(trace).where(trace.c.seq == 5).values(seq=9), 5),
        (update(trace_head).values(seq=4), 6),
        (update(trace_head).values(hash="0" * 64), 6),
    ],
)
def test_what_is_changed_shows(filled: Store, attack: Any, broken: int) -> None:
    _unguarded(filled, attack)
    result = verify_chain(filled)
    assert not result.ok
    assert result.broken == broken
    assert result.reason


def test_a_forged_row_shows(filled: Store, now: datetime) -> None:
    row = dict(filled.database.rows(select(trace).where(trace.c.seq == 5))[0]._mapping)
    _unguarded(filled, insert(trace), {**row, "seq": 6, "previous": row["hash"], "hash": "f" * 64})
    assert verify_chain(filled).broken == 6


@pytest.mark.parametrize(
    "statement",
    [
        update(trace).values(person="nobody"),
        delete(trace),
        delete(trace).where(trace.c.seq == 5),
        delete(trace_checkpoint),
        update(trace_checkpoint).values(reason="x"),
    ],
)
def test_the_database_refuses_to_change_traces(filled: Store, statement: Any, now: datetime) -> None:
    filled.database.change(insert(trace_checkpoint), _checkpoint(filled, now, 1, 1))
    with pytest.raises(StorageError):
        filled.database.change(statement)
    assert verify_chain(filled).ok


@pytest.mark.parametrize("seq", [1, 5, 7])
def test_the_database_only_appends_what_follows(filled: Store, seq: int) -> None:
    row = dict(filled.database.rows(select(trace).where(trace.c.seq == 5))[0]._mapping)
    with pytest.raises(StorageError):
        filled.database.change(insert(trace), {**row, "seq": seq})


def _checkpoint(store: Store, now: datetime, first: int, last: int) -> dict[str, Any]:
    rows = {r.seq: r for r in store.database.rows(select(trace))}
    return {
        "first_seq": first,
        "last_seq": last,
        "hash_before": rows[first].previous,
        "hash_after": rows[last].hash,
        "reason": "10 ans après la fermeture",
        "made_at": now,
        "signature": b"signature",
        "certificate": b"certificate",
    }


@pytest.mark.parametrize(("first", "last"), [(1, 2), (2, 4), (3, 5), (1, 5)])
def test_a_purge_under_a_checkpoint_keeps_the_chain_verifiable(
    filled: Store, now: datetime, first: int, last: int
) -> None:
    filled.database.change(insert(trace_checkpoint), _checkpoint(filled, now, first, last))
    assert filled.database.change(delete(trace).where(trace.c.seq.between(first, last))) == last - first + 1
    filled.append_trace(_trace(now, 6))
    signed: Callable[[Checkpoint], bool] = lambda point: point.signature == b"signature"  # noqa: E731
    result = verify_chain(filled, accept=signed)
    assert (result.ok, result.rows) == (True, 6 - (last - first + 1))
    unsigned = verify_chain(filled)
    assert unsigned.broken == first
    assert "missing" in unsigned.reason


def test_a_checkpoint_that_does_not_fit_helps_nobody(filled: Store, now: datetime) -> None:
    point = _checkpoint(filled, now, 2, 3)
    filled.database.change(insert(trace_checkpoint), {**point, "hash_after": "0" * 64})
    filled.database.change(delete(trace).where(trace.c.seq.between(2, 3)))
    assert verify_chain(filled, accept=lambda _: True).broken == 4


def test_a_missing_head_is_said(filled: Store, now: datetime) -> None:
    _unguarded(filled, delete(trace_head))
    with pytest.raises(StorageError, match="head"):
        filled.append_trace(_trace(now))
    with pytest.raises(StorageError, match="head"):
        verify_chain(filled)


def test_a_trace_is_committed_with_the_lot_or_not_at_all(store: Store, now: datetime) -> None:
    with store.write() as work:
        record = open_record(work)
    with store.write() as work:
        work.documents.add_lot(lot(record, [(entry(), received(store.blobs, b"1"))]), now=now)
        work.traces.append(_trace(now, 1))
    with pytest.raises(ZeroDivisionError), store.write() as work:
        work.documents.add_lot(lot(record, [(entry(), received(store.blobs, b"2"))]), now=now)
        work.traces.append(_trace(now, 2))
        _ = 1 // 0
    rows = store.database.rows(select(trace.c.correlation_id))
    assert [r.correlation_id for r in rows] == ["1"]
    assert verify_chain(store).ok


def test_several_traces_of_one_unit_of_work_keep_their_order(store: Store, now: datetime) -> None:
    with store.write() as work:
        for number in range(3):
            work.traces.append(_trace(now + timedelta(seconds=number), number))
    rows = store.database.rows(select(trace.c.correlation_id).order_by(trace.c.seq))
    assert [r.correlation_id for r in rows] == ["0", "1", "2"]


def test_many_threads_make_one_chain(store: Store, now: datetime) -> None:
    errors: list[BaseException] = []

    def append(worker: int) -> None:
        try:
            for number in range(10):
                store.append_trace(_trace(now, worker * 100 + number))
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=append, args=(worker,)) for worker in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    result = verify_chain(store)
    assert (result.ok, result.rows) == (True, 60)
    found = {r.correlation_id for r in store.database.rows(select(trace.c.correlation_id))}
    assert found == {str(w * 100 + n) for w in range(6) for n in range(10)}


@dataclass(frozen=True)
class _Anything:
    """A trace of somebody else's making: the port asks for `values` only."""

    content: dict[str, object]

    def values(self) -> dict[str, object]:
        return self.content


def test_a_trace_without_an_instant_is_refused_and_breaks_nothing(store: Store, now: datetime) -> None:
    with pytest.raises(ValueError, match="isoformat"):
        store.append_trace(_Anything({"transaction": "TD0.2"}))
    store.append_trace(_trace(now))
    assert verify_chain(store).ok
