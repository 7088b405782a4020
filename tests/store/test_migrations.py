"""Migrations: up from nothing gives exactly the tables of the code, on both databases, once."""

import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import inspect

from dmpws import resources
from dmpws.cast import PATIENTS
from dmpws.domain.patient_search import PatientCriteria
from dmpws.store import Store, migrate, open_store
from dmpws.store.engine import make_engine
from dmpws.store.erasure import of_record
from dmpws.store.tables import metadata
from dmpws.store.turn import begin_change
from dmpws.testing.deposits import open_record
from dmpws.testing.postgres import Postgres
from dmpws.transactions.ports import StorageError


def test_tables_are_those_of_the_code(database_url: str) -> None:
    engine = make_engine(database_url, pool_size=1)
    assert migrate.compare(engine) == []
    assert set(inspect(engine).get_table_names()) == {*metadata.tables, "alembic_version"}
    assert migrate.current(engine) == migrate.head()
    engine.dispose()


def test_upgrade_from_nothing_and_again(tmp_path: Path) -> None:
    engine = make_engine(f"sqlite:///{tmp_path / 'new.sqlite'}", pool_size=1)
    assert migrate.current(engine) is None
    migrate.upgrade(engine)
    migrate.upgrade(engine)
    assert migrate.current(engine) == migrate.head()
    with engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
    engine.dispose()


def _upgrade_from_four_threads(url: str) -> None:
    errors: list[BaseException] = []

    def upgrade() -> None:
        engine = make_engine(url, pool_size=1)
        try:
            migrate.upgrade(engine)
        except BaseException as error:
            errors.append(error)
        engine.dispose()

    threads = [threading.Thread(target=upgrade) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    engine = make_engine(url, pool_size=1)
    assert migrate.compare(engine) == []
    engine.dispose()


def test_servers_that_start_together_on_sqlite(tmp_path: Path) -> None:
    _upgrade_from_four_threads(f"sqlite:///{tmp_path / 'new.sqlite'}")


@pytest.mark.postgres
def test_servers_that_start_together_on_postgres(postgres_server: Postgres) -> None:
    postgres_server.execute("CREATE DATABASE four_threads")
    try:
        _upgrade_from_four_threads(postgres_server.named("four_threads"))
    finally:
        postgres_server.execute("DROP DATABASE four_threads WITH (FORCE)")


HEADER = "import sqlalchemy as sa\nfrom alembic import op\nrevision, down_revision = {0!r}, {1!r}\ndef upgrade():\n"


@pytest.fixture
def next_migration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Adds a revision after the newest one."""

    def add(body: str) -> None:
        scripts = tmp_path / "migrations"
        newest = migrate.head()
        shutil.copytree(resources.folder("migrations"), scripts)
        (scripts / "versions" / "9999_next.py").write_text(HEADER.format("9999", newest) + body)
        monkeypatch.setattr(resources, "folder", lambda name: scripts)

    return add


def test_a_migration_that_fails_leaves_nothing(sqlite_url: str, next_migration: Callable[[str], None]) -> None:
    """SQLite too runs its DDL in one transaction."""
    engine = make_engine(sqlite_url, pool_size=1)
    before = migrate.current(engine)
    next_migration("    op.create_table('half', sa.Column('a', sa.Text()))\n    raise ValueError('half-way')\n")
    with pytest.raises(ValueError, match="half-way"):
        migrate.upgrade(engine)
    assert migrate.current(engine) == before
    assert "half" not in inspect(engine).get_table_names()
    with pytest.raises(StorageError, match="this program wants 9999"):
        migrate.require_current(engine)
    engine.dispose()


ALTER = """    with op.batch_alter_table("patient") as batch:
        batch.alter_column("closure_text", nullable=True)
        batch.add_column(sa.Column("colour", sa.Text(), nullable=False, server_default="blue"))
"""


def test_a_table_others_refer_to_can_be_altered(
    sqlite_url: str, tmp_path: Path, next_migration: Callable[[str], None]
) -> None:
    """SQLite rebuilds the table, which foreign keys forbid unless they are off."""
    store = open_store(sqlite_url, tmp_path / "documents")
    with store.write() as work:
        record = open_record(work)
    next_migration(ALTER)
    migrate.upgrade(store.database.engine)
    migrate.require_current(store.database.engine)
    with store.database.connection() as connection:
        assert connection.exec_driver_sql("SELECT id, colour FROM patient").all() == [(record.id, "blue")]
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
    store.close()


def test_a_migration_that_loses_rows_others_refer_to_is_undone(
    sqlite_url: str, tmp_path: Path, next_migration: Callable[[str], None]
) -> None:
    store = open_store(sqlite_url, tmp_path / "documents")
    with store.write() as work:
        record = open_record(work)
    next_migration("    op.execute('DELETE FROM patient')\n")
    with pytest.raises(StorageError, match="refer to"):
        migrate.upgrade(store.database.engine)
    with store.read() as work:
        assert work.patients.find(record.ins) == record
    store.close()


def test_records_that_are_there_can_be_searched(store: Store) -> None:
    """Down to before the keys of TD0.5 and up again."""
    names = ("pat-trois", "nessi", "petra", "attribut", "alot")
    with store.write() as work:
        for name in names:
            open_record(work, name)
    engine = store.database.engine
    with engine.connect() as connection:
        begin_change(connection)
        command.downgrade(migrate._config(connection), "0011")
        connection.exec_driver_sql("COMMIT")
        connection.invalidate()
    assert "patient_search" not in inspect(engine).get_table_names()
    migrate.upgrade(engine)
    with store.read() as work:
        everyone = PatientCriteria(postal_code="75", similar_address=True)
        assert len(work.patients.search(everyone, without_block_of=(), limit=50)) == len(names)
        [found] = work.patients.search(PatientCriteria(family="de vinci"), without_block_of=(), limit=50)
    assert found.ins == PATIENTS["nessi"].ins


@pytest.mark.parametrize("url", ["mysql://x/y", "sqlite://", "nonsense", "sqlite:///:memory:"])
def test_other_databases_are_refused(url: str) -> None:
    with pytest.raises(StorageError):
        make_engine(url, pool_size=1)


def test_an_unwritable_place_is_said(tmp_path: Path) -> None:
    engine = make_engine(f"sqlite:///{tmp_path / 'missing' / 'x.sqlite'}", pool_size=1)
    with pytest.raises(StorageError, match="unable to open database file"):
        migrate.upgrade(engine)
    engine.dispose()


KEPT = {
    "structure", "professional", "professional_structure", "card", "software", "used_token", "search_use",
    "trace", "trace_head", "trace_checkpoint", "homologation", "homologation_event",
}  # fmt: skip
"""Tables that hold nothing of a record, or outlive it."""


def test_every_table_belongs_to_a_record_or_outlives_it() -> None:
    """What is purged with a record is what foreign keys lead to it: a new table has one, or is named here."""
    without = {table.name for table in metadata.sorted_tables if of_record(table) is None}
    assert without == KEPT
