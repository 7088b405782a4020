"""Fixtures of this project's own tests: `pki`, `now`, `store` and `app`. Those of vendors: dmpws.testing.plugin."""

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from dmpws.pki.demo import DemoPki, create
from dmpws.store import open_store
from dmpws.testing.databases import (  # noqa: F401 - fixtures
    _migrated_sqlite,
    database_url,
    postgres_server,
    store,
)
from dmpws.testing.local import LocalApp

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


@pytest.fixture(scope="session")
def now() -> datetime:
    """The instant at which tests play."""
    return NOW


@pytest.fixture(scope="session")
def pki(tmp_path_factory: pytest.TempPathFactory) -> DemoPki:
    """A throw-away PKI with the demo cards, made once per run."""
    return create(tmp_path_factory.mktemp("pki"), now=NOW)


@pytest.fixture
def app(
    _migrated_sqlite: Path,  # noqa: F811 - a fixture too
    tmp_path: Path,
    pki: DemoPki,
    now: datetime,
) -> Iterator[LocalApp]:
    """The server in this process, on a fresh SQLite store with the public cast."""
    path = tmp_path / "dmpws.sqlite"
    shutil.copyfile(_migrated_sqlite, path)
    opened = open_store(f"sqlite:///{path}", tmp_path / "documents")
    yield LocalApp(opened, pki, now)
    opened.close()
