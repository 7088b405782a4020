"""Connections: settings of each database, and safety over fork."""

import os
import sqlite3
import time
import weakref
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, cast

from sqlalchemy import Engine, Executable, Table, create_engine, event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import InvalidatePoolError, SQLAlchemyError
from sqlalchemy.pool import QueuePool

from dmpws.transactions.ports import StorageError

BUSY_MILLISECONDS = 15_000
REST_SECONDS = 1.0
"""A connection of PostgreSQL that was used within it is taken to be alive: a ping costs as much as a query."""
_RESTS_SINCE = "rests since"
ByDialect = Mapping[str, Executable]
"""One statement as each database spells it."""


def by_dialect(build: Callable[[Callable[[Table], postgresql.Insert]], Executable]) -> ByDialect:
    """Build a statement from an `insert` that knows ON CONFLICT; once, at import: building costs more than running."""
    inserts: dict[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}
    return {name: build(insert) for name, insert in inserts.items()}


_engines: "weakref.WeakSet[Engine]" = weakref.WeakSet()


def make_engine(url: str, *, pool_size: int, synchronous: str = "FULL") -> Engine:
    """Return an engine whose connections are in autocommit: the store writes its own BEGIN and COMMIT.

    synchronous: of SQLite; NORMAL may lose the last transactions in a power cut.
    Raises StorageError when the URL names another database than SQLite or PostgreSQL.
    """
    target = _normal(url)
    engine = create_engine(
        target,
        isolation_level="AUTOCOMMIT",
        execution_options={"preserve_rowcount": True},  # of INSERT ... ON CONFLICT DO NOTHING too
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_timeout=BUSY_MILLISECONDS / 1000,
    )
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", partial(_prepare_sqlite, synchronous))
    else:
        event.listen(engine, "checkin", _note_rest)
        event.listen(engine, "checkout", partial(_check_rested, engine))
    _engines.add(engine)
    return engine


def _normal(url: str) -> URL:
    try:
        target = make_url(url)
        backend = target.get_backend_name()
    except SQLAlchemyError as error:
        raise StorageError(f"unusable database URL: {error}") from None
    if backend == "postgresql":
        return target.set(drivername="postgresql+psycopg")
    if backend == "sqlite" and target.database and target.database != ":memory:":
        return target
    raise StorageError("the database is SQLite in a file, or PostgreSQL")


def _prepare_sqlite(synchronous: str, connection: sqlite3.Connection, _record: Any) -> None:
    connection.isolation_level = None
    for pragma in (
        f"busy_timeout = {BUSY_MILLISECONDS}",
        "journal_mode = WAL",
        f"synchronous = {synchronous}",
        "foreign_keys = ON",
        "secure_delete = ON",  # what was erased is not left in free pages
        "case_sensitive_like = ON",  # ITI TF-2 3.18: strings compare case-sensitively
    ):
        connection.execute(f"PRAGMA {pragma}")


def _note_rest(_connection: Any, record: Any) -> None:
    record.info[_RESTS_SINCE] = time.monotonic()


def _check_rested(engine: Engine, connection: Any, record: Any, _proxy: Any) -> None:
    """Ask a connection that rested whether it still lives: the server may have been started again meanwhile."""
    if time.monotonic() - record.info.get(_RESTS_SINCE, 0) < REST_SECONDS:
        return
    try:
        engine.dialect.do_ping(connection)
    except engine.dialect.loaded_dbapi.Error as error:
        raise InvalidatePoolError from error  # the others of its age are no better


def _close_idle_connections() -> None:
    for engine in list(_engines):
        for _ in range(cast(QueuePool, engine.pool).checkedin()):
            engine.raw_connection().invalidate()


def _forget_connections() -> None:
    for engine in list(_engines):
        engine.dispose(close=False)


# A connection shared by two processes corrupts: gunicorn preloads the application, then forks its workers.
os.register_at_fork(before=_close_idle_connections, after_in_child=_forget_connections)
