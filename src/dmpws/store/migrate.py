"""Alembic from inside the program: the migrations travel in the wheel (dmpws.resources)."""

from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine

from dmpws import resources
from dmpws.store.failures import translated
from dmpws.store.turn import begin_change
from dmpws.transactions.ports import StorageError

_ONE_AT_A_TIME = 5_703_741_002
"""Key of the PostgreSQL advisory lock that several starting servers queue for."""


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(resources.folder("migrations")).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def head() -> str:
    """The newest revision this program knows."""
    revision = ScriptDirectory.from_config(_config()).get_current_head()
    assert revision is not None, "migrations/versions is empty"
    return revision


def current(engine: Engine) -> str | None:
    """The revision of the database, None when it has no tables. Raises StorageError."""
    with translated(), engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def upgrade(engine: Engine) -> None:
    """Bring the tables to the newest revision, all or nothing. Raises StorageError."""
    if current(engine) == head():
        return
    with translated(), engine.connect() as connection:
        sqlite = connection.dialect.name == "sqlite"
        try:
            if sqlite:  # before BEGIN: rebuilding a table (batch) drops the old one, which foreign keys forbid
                connection.exec_driver_sql("PRAGMA foreign_keys = OFF")
            begin_change(connection)
            if not sqlite:
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_ONE_AT_A_TIME})")
            command.upgrade(_config(connection), "head")
            if sqlite and (orphans := connection.exec_driver_sql("PRAGMA foreign_key_check").all()):
                raise StorageError(f"the migration leaves rows without the one they refer to: {orphans[:5]}")
            connection.exec_driver_sql("COMMIT")
        finally:
            connection.invalidate()  # never back to the pool with foreign keys off, or half-way


def require_current(engine: Engine) -> None:
    """Raises StorageError when the tables are not at the revision of this program."""
    if (found := current(engine)) != head():
        raise StorageError(f"the tables are at {found or 'nothing'}, this program wants {head()}: dmpws db upgrade")


def revise(engine: Engine, message: str) -> None:
    """Write a new revision into migrations/versions: what dmpws.store.tables has and the database has not."""
    with translated(), engine.connect() as connection:
        command.revision(_config(connection), message, autogenerate=True, rev_id=f"{int(head()) + 1:04d}")


def compare(engine: Engine) -> list[Any]:
    """What the tables of the database and those of dmpws.store.tables differ in."""
    from alembic.autogenerate import compare_metadata  # noqa: PLC0415 - for tests and revisions only

    from dmpws.store.tables import metadata  # noqa: PLC0415

    with translated(), engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        return list(compare_metadata(context, metadata))
