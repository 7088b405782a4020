"""Connections: settings of each database, and safety over fork."""

import os
import sqlite3
import weakref
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, cast

from sqlalchemy import Engine, Executable, Table, create_engine, event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import QueuePool

from dmpws.transactions.ports import StorageError

BUSY_MILLISECONDS = 15_000
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
        pool_pre_ping=target.get_backend_name() == "postgresql",
    )
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", partial(_prepare_sqlite, synchronous))
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


def _close_idle_connections() -> None:
    for engine in list(_engines):
        for _ in range(cast(QueuePool, engine.pool).checkedin()):
            engine.raw_connection().invalidate()


def _forget_connections() -> None:
    for engine in list(_engines):
        engine.dispose(close=False)


# A connection shared by two processes corrupts: gunicorn preloads the application, then forks its workers.
os.register_at_fork(before=_close_idle_connections, after_in_child=_forget_connections)
