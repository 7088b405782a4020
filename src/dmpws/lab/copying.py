"""A whole database copied into a SQLite file and back, while it is used: what a snapshot keeps (DMPWS D199).

SQLite copies itself. PostgreSQL is read and written table by table, each time in one transaction.
"""

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine, func, select

from dmpws.store import migrate
from dmpws.store.engine import BUSY_MILLISECONDS, make_engine
from dmpws.store.failures import translated
from dmpws.store.tables import metadata
from dmpws.store.turn import begin_change, begin_snapshot, run
from dmpws.transactions.ports import StorageBusy

_PAUSE_SECONDS = 0.005
"""Between two attempts, while a call writes."""
_LOCK_MILLISECONDS = 200
"""Shorter than the time after which PostgreSQL looks for a deadlock: it is never a call that is ended for one."""
_ROWS = 500


def copy_out(database: Engine, copy: Path) -> None:
    """Make `copy`, a SQLite file, of one state of the database. Raises StorageError."""
    with translated():
        if database.dialect.name == "sqlite":
            return _copy_file(Path(str(database.url.database)), copy)
        target = make_engine(f"sqlite:///{copy}", pool_size=1, synchronous="NORMAL")
        try:
            migrate.upgrade(target)
            with (
                _transaction(database, begin_snapshot) as source,
                _transaction(target, begin_change) as connection,
                _no_sqlite_triggers(connection),
            ):
                _copy_rows(source, connection)
        finally:
            target.dispose()


def copy_in(copy: Path, database: Engine) -> None:
    """Put what `copy_out` made in the place of everything. Who reads meanwhile sees all of it, or nothing.

    Raises StorageError: StorageBusy when calls leave no moment for it.
    """
    with translated():
        if database.dialect.name == "sqlite":
            return _copy_file(copy, Path(str(database.url.database)))
        source = make_engine(f"sqlite:///{copy}", pool_size=1)
        try:
            with (
                _transaction(source, begin_snapshot) as old,
                _transaction(database, _begin_alone) as connection,
                _no_triggers(connection),
            ):
                _copy_rows(old, connection)
                _number_on(connection)
        finally:
            source.dispose()


def _copy_file(source: Path, target: Path) -> None:
    with closing(sqlite3.connect(source)) as old, closing(sqlite3.connect(target)) as new:
        new.execute("PRAGMA synchronous = NORMAL")
        old.backup(new, sleep=_PAUSE_SECONDS)


def _copy_rows(source: Connection, target: Connection) -> None:
    for table in reversed(metadata.sorted_tables):
        target.execute(table.delete())  # not TRUNCATE: a reader who has begun goes on seeing the rows
    for table in metadata.sorted_tables:
        for rows in source.execute(select(table), execution_options={"yield_per": _ROWS}).partitions():
            target.execute(table.insert(), [row._asdict() for row in rows])


@contextmanager
def _transaction(database: Engine, begin: Callable[[Connection], None]) -> Iterator[Connection]:
    with database.connect() as connection:
        try:
            begin(connection)
            yield connection
            run(connection, "COMMIT")
        except BaseException:
            connection.invalidate()  # whatever state it is in, nobody else gets it
            raise


def _begin_alone(connection: Connection) -> None:
    """Begin when nobody is in the middle of a transaction; others wait for the end of this one."""
    tables = ", ".join(table.name for table in metadata.sorted_tables)
    deadline = time.monotonic() + BUSY_MILLISECONDS / 1000
    while True:
        try:
            with translated():
                run(connection, "BEGIN")
                run(connection, f"SET LOCAL lock_timeout = {_LOCK_MILLISECONDS}")
                return run(connection, f"LOCK TABLE {tables} IN ACCESS EXCLUSIVE MODE")
        except StorageBusy:
            run(connection, "ROLLBACK")
            if time.monotonic() > deadline:
                raise
        time.sleep(_PAUSE_SECONDS)


@contextmanager
def _no_triggers(connection: Connection) -> Iterator[None]:
    """Without the guards of the traces, which only let them be appended; foreign keys stay."""
    for table in metadata.sorted_tables:
        run(connection, f"ALTER TABLE {table.name} DISABLE TRIGGER USER")
    yield
    for table in metadata.sorted_tables:
        run(connection, f"ALTER TABLE {table.name} ENABLE TRIGGER USER")


@contextmanager
def _no_sqlite_triggers(connection: Connection) -> Iterator[None]:
    triggers = connection.exec_driver_sql("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").all()
    for name, _ in triggers:
        run(connection, f"DROP TRIGGER {name}")
    yield
    for _, sql in triggers:
        run(connection, sql)


def _number_on(connection: Connection) -> None:
    """Let new rows be numbered from those that are there, as SQLite does by itself."""
    for table in metadata.sorted_tables:
        if (column := table.autoincrement_column) is not None:
            highest, sequence = connection.execute(
                select(func.max(column), func.pg_get_serial_sequence(table.name, column.name))
            ).one()
            run(connection, f"ALTER SEQUENCE {sequence} RESTART WITH {(highest or 0) + 1}")
