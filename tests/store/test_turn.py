"""Waiting for one's turn to write: no thread waits for itself, none waits for ever, all get theirs."""

import sqlite3
import threading
import time
from pathlib import Path

import pytest
from sqlalchemy import func, select, text

from dmpws.store import Store, engine, open_store, turn
from dmpws.store.tables import patient
from dmpws.testing.deposits import open_record
from dmpws.testing.postgres import Postgres
from dmpws.transactions.ports import StorageBusy, StorageError


@pytest.fixture
def sqlite_store(sqlite_url: str, tmp_path: Path) -> Store:
    return open_store(sqlite_url, tmp_path / "documents")


def test_a_write_inside_a_write_is_said_at_once(sqlite_store: Store) -> None:
    with pytest.raises(RuntimeError, match="inside another"), sqlite_store.write() as work:
        open_record(work)
        with sqlite_store.write() as inner:
            open_record(inner, "petra")
    with sqlite_store.write() as work:
        open_record(work)
    sqlite_store.close()


def test_another_process_that_keeps_the_lock_makes_us_busy(
    sqlite_store: Store, sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turn, "BUSY_MILLISECONDS", 50)
    other = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StorageBusy), sqlite_store.write() as work:
        open_record(work)
    other.execute("ROLLBACK")
    other.close()
    with sqlite_store.write() as work:
        open_record(work)
    sqlite_store.close()


def test_another_thread_that_keeps_the_turn_makes_us_busy(sqlite_store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turn, "BUSY_MILLISECONDS", 50)
    holding, done = threading.Event(), threading.Event()

    def hold() -> None:
        with sqlite_store.write() as work:
            open_record(work)
            holding.set()
            done.wait()

    holder = threading.Thread(target=hold)
    holder.start()
    holding.wait()
    with pytest.raises(StorageBusy), sqlite_store.write() as work:
        open_record(work, "petra")
    done.set()
    holder.join()
    sqlite_store.close()


def test_reading_and_checking_do_not_wait_for_writers(store: Store) -> None:
    """A write unit of work takes the turn with its first change, not before."""
    with store.write() as work:
        record = open_record(work)
    with store.write() as slow:
        assert slow.patients.find(record.ins) == record  # and here it would verify signatures
        other = threading.Thread(target=lambda: _grant(store))
        other.start()
        other.join(timeout=120)
        assert not other.is_alive()


def _grant(store: Store) -> None:
    with store.write() as work:
        open_record(work, "petra")


def test_a_failed_statement_frees_the_connection_and_the_turn(store: Store) -> None:
    with pytest.raises(StorageError), store.write() as work:
        open_record(work)
        work.documents._db.rows(select(func.no_such_function()))
    with store.write() as work:
        open_record(work)


@pytest.mark.postgres
def test_a_lost_connection_is_a_storage_error_and_the_next_call_works(
    postgres_server: Postgres, tmp_path: Path
) -> None:
    with postgres_server.database() as url:
        store = open_store(url, tmp_path / "documents")
        with pytest.raises(StorageError), store.write() as work:
            open_record(work)
            backend = _backend(work.documents._db)
            store.database.rows(select(func.pg_terminate_backend(backend)))
            alive = select(func.count()).select_from(text("pg_stat_activity")).where(text(f"pid = {backend}"))
            while store.database.rows(alive)[0][0]:
                time.sleep(0.01)
            open_record(work, "petra")
        with store.write() as work:
            open_record(work)
        assert store.database.rows(select(func.count()).select_from(patient))[0][0] == 1
        store.close()


@pytest.mark.postgres
def test_connections_that_died_while_they_rested_are_replaced(
    postgres_server: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "REST_SECONDS", 0.0)
    with postgres_server.database() as url:
        store = open_store(url, tmp_path / "documents")
        with store.read() as first, store.read() as second:
            resting = [_backend(work.documents._db) for work in (first, second)]
        for backend in resting:
            postgres_server.execute(f"SELECT pg_terminate_backend({backend}, 30000)")
        with store.read() as first, store.read() as second:
            assert not {_backend(work.documents._db) for work in (first, second)} & set(resting)
        store.close()


def _backend(session: object) -> int:
    return int(session.rows(select(func.pg_backend_pid()))[0][0])  # type: ignore[attr-defined]
