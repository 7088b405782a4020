"""Beginning and ending transactions, and waiting for one's turn to write.

SQLite has one writer at a time, and those who wait for it sleep up to 100 ms at a stretch, whoever came first: with
eight threads one write in a hundred takes more than 130 ms. Here the threads of a process queue for a lock, and the
first of them asks SQLite again every half millisecond.
"""

import os
import sqlite3
import threading
import time
import weakref
from typing import Any

from sqlalchemy import Connection

from dmpws.store.engine import BUSY_MILLISECONDS
from dmpws.store.failures import is_busy
from dmpws.transactions.ports import StorageBusy

PAUSE_SECONDS = 0.0005

_SNAPSHOT = {"sqlite": "BEGIN", "postgresql": "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"}


def run(connection: Connection, statement: str) -> None:
    """Run a statement of transaction control on the driver's connection: SQLAlchemy has nothing to add to it."""
    driver: Any = connection.connection.dbapi_connection
    driver.execute(statement)


def begin_snapshot(connection: Connection) -> None:
    """Start a read transaction in which every statement sees the same state."""
    run(connection, _SNAPSHOT[connection.dialect.name])


def begin_change(connection: Connection) -> None:
    """Start a write transaction. On SQLite it takes the only write lock at once, so it never fails half-way."""
    if connection.dialect.name == "sqlite":
        _begin_immediate(connection)
    else:
        run(connection, "BEGIN")


def _begin_immediate(connection: Connection) -> None:
    deadline = time.monotonic() + BUSY_MILLISECONDS / 1000
    run(connection, "PRAGMA busy_timeout = 0")
    try:
        while True:
            try:
                return run(connection, "BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                if not is_busy(error) or time.monotonic() > deadline:
                    raise
            time.sleep(PAUSE_SECONDS)
    finally:
        run(connection, f"PRAGMA busy_timeout = {BUSY_MILLISECONDS}")


class WriteTurn:
    """The turn of the threads of this process to write on one SQLite database; on PostgreSQL everybody's."""

    def __init__(self, *, one_writer: bool) -> None:
        self._one_writer = one_writer
        self._renew()
        _turns.add(self)

    def _renew(self) -> None:
        self._lock = threading.Lock()
        self._owner: int | None = None

    def take(self) -> None:
        """Wait for the turn. Raises StorageBusy, and RuntimeError in a thread that would wait for itself."""
        if not self._one_writer:
            return
        if self._owner == threading.get_ident():
            raise RuntimeError("a write transaction inside another one of the same thread")
        if not self._lock.acquire(timeout=BUSY_MILLISECONDS / 1000):
            raise StorageBusy("the writers before did not finish")
        self._owner = threading.get_ident()

    def give(self) -> None:
        """Let the next one write."""
        if self._one_writer:
            self._owner = None
            self._lock.release()


_turns: "weakref.WeakSet[WriteTurn]" = weakref.WeakSet()


def _renew_turns() -> None:
    for turn in list(_turns):
        turn._renew()


# The thread that held the lock does not exist in the child.
os.register_at_fork(after_in_child=_renew_turns)
