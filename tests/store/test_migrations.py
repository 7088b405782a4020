"""Migrations: up from nothing gives exactly the tables of the code, on both databases, once."""

import threading
from pathlib import Path

import pytest
from sqlalchemy import inspect

from dmpws import resources
from dmpws.store import migrate
from dmpws.store.engine import make_engine
from dmpws.store.tables import metadata
from dmpws.testing.databases import Postgres
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


def test_a_migration_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite too runs its DDL in one transaction."""
    scripts = tmp_path / "migrations"
    (scripts / "versions").mkdir(parents=True)
    for name in ("env.py", "script.py.mako"):
        (scripts / name).write_bytes((resources.folder("migrations") / name).read_bytes())
    (scripts / "versions" / "0001_x.py").write_text(
        "import sqlalchemy as sa\nfrom alembic import op\nrevision, down_revision = '0001', None\n"
        "def upgrade():\n    op.create_table('half', sa.Column('a', sa.Text()))\n    raise ValueError('half-way')\n"
    )
    monkeypatch.setattr(resources, "folder", lambda name: scripts)
    engine = make_engine(f"sqlite:///{tmp_path / 'new.sqlite'}", pool_size=1)
    with pytest.raises(ValueError, match="half-way"):
        migrate.upgrade(engine)
    assert inspect(engine).get_table_names() == []
    engine.dispose()


@pytest.mark.parametrize("url", ["mysql://x/y", "sqlite://", "nonsense", "sqlite:///:memory:"])
def test_other_databases_are_refused(url: str) -> None:
    with pytest.raises(StorageError):
        make_engine(url, pool_size=1)


def test_an_unwritable_place_is_said(tmp_path: Path) -> None:
    engine = make_engine(f"sqlite:///{tmp_path / 'missing' / 'x.sqlite'}", pool_size=1)
    with pytest.raises(StorageError, match="unable to open database file"):
        migrate.upgrade(engine)
    engine.dispose()
