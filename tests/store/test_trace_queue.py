"""Traces that wait together are written together, in order, and none answers for another."""

import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from dmpws.audit.chain import verify_chain
from dmpws.audit.trace import Trace, TraceOutcome
from dmpws.store import Store
from dmpws.store.trace_queue import TraceQueue
from dmpws.transactions.ports import StorageBusy, StorageError, TraceRow

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def trace(name: str) -> Trace:
    return Trace(NOW, "TD0.2", TraceOutcome.ACCEPTED, correlation_id=name)


class Disk:
    """Keeps what is written; the first write waits until the test lets it go on."""

    def __init__(self, waits_for: int = 0) -> None:
        self.batches: list[list[str]] = []
        self.refused: dict[str, Exception] = {}
        self.goes_on = threading.Event()
        self.queue = TraceQueue(self._write)
        if not waits_for:
            self.goes_on.set()

    def _write(self, rows: Sequence[TraceRow]) -> None:
        names = [str(row.values()["correlation_id"]) for row in rows]
        if not self.batches:
            self.batches.append(names)
            assert self.goes_on.wait(120)
            return
        for name in names:
            if name in self.refused:
                raise self.refused[name]
        self.batches.append(names)

    def append_while_the_first_waits(self, names: Sequence[str]) -> dict[str, BaseException | None]:
        """Append `first`, and the others once it is being written."""
        with ThreadPoolExecutor(len(names) + 1) as pool:
            begun = pool.submit(self.queue.append, trace("first"))
            while not self.batches:
                time.sleep(0.001)
            others = {}
            for number, name in enumerate(names, 1):
                others[name] = pool.submit(self.queue.append, trace(name))
                while len(self.queue._waiting) < number:
                    time.sleep(0.001)
            self.goes_on.set()
            assert begun.exception() is None
            return {name: future.exception() for name, future in others.items()}


def test_those_that_wait_are_written_together() -> None:
    disk = Disk(waits_for=5)
    errors = disk.append_while_the_first_waits(["a", "b", "c", "d", "e"])
    assert disk.batches == [["first"], ["a", "b", "c", "d", "e"]]
    assert not any(errors.values())
    disk.queue.append(trace("later"))
    assert disk.batches[-1] == ["later"]


def test_one_that_cannot_be_written_takes_no_other_with_it() -> None:
    disk = Disk(waits_for=3)
    disk.refused["b"] = StorageError("too long")
    errors = disk.append_while_the_first_waits(["a", "b", "c"])
    assert disk.batches == [["first"], ["a"], ["c"]]
    assert errors == {"a": None, "b": disk.refused["b"], "c": None}


def test_a_busy_database_is_busy_for_all() -> None:
    """Each by itself would wait as long again."""
    disk = Disk(waits_for=2)
    disk.refused["b"] = StorageBusy("database is locked")
    errors = disk.append_while_the_first_waits(["a", "b"])
    assert disk.batches == [["first"]]
    assert set(errors.values()) == {disk.refused["b"]}


def test_a_failure_stops_nobody_for_ever() -> None:
    disk = Disk()
    disk.queue.append(trace("first"))
    disk.refused["a"] = StorageError("full")
    for _ in range(2):
        with pytest.raises(StorageError):
            disk.queue.append(trace("a"))
    disk.queue.append(trace("b"))
    assert disk.batches == [["first"], ["b"]]


def test_the_chain_is_whole(store: Store) -> None:
    """Many threads, on both databases: every trace is there once, and follows the one before."""
    names = [f"{n:03}" for n in range(120)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda name: store.append_trace(trace(name)), names))
    result = verify_chain(store)
    assert result.ok, result
    with store.read() as work:
        written = [str(row.columns["correlation_id"]) for row in work.traces.rows()]
    assert sorted(written) == names
    assert result.head[0] == len(names)


def test_a_trace_is_there_on_return(store: Store) -> None:
    for number in range(3):
        store.append_trace(Trace(NOW + timedelta(seconds=number), "TD3.1", TraceOutcome.REFUSED))
        with store.read() as work:
            assert work.traces.head()[0] == number + 1
