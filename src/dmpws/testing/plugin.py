"""pytest plugin: `pki`, `now`, `store` and `app`, for this project and for vendors who test against dmpws."""

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from dmpws.testing.databases import (  # noqa: F401 - fixtures
    _migrated_sqlite,
    database_url,
    postgres_server,
    store,
)

if TYPE_CHECKING:
    from dmpws.pki.demo import DemoPki
    from dmpws.testing.local import LocalApp

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "postgres: needs a PostgreSQL server, found or started by the suite")


@pytest.fixture(scope="session")
def now() -> datetime:
    """The instant at which tests play."""
    return NOW


@pytest.fixture(scope="session")
def pki(tmp_path_factory: pytest.TempPathFactory) -> "DemoPki":
    """A throw-away PKI with the demo cards, made once per run."""
    from dmpws.pki.demo import create  # noqa: PLC0415 - the plugin is loaded by every pytest run of the machine

    return create(tmp_path_factory.mktemp("pki"), now=NOW)


@pytest.fixture
def app(
    _migrated_sqlite: Path,  # noqa: F811 - a fixture too
    tmp_path: Path,
    pki: "DemoPki",
    now: datetime,
) -> "Iterator[LocalApp]":
    """The server in this process, on a fresh SQLite store with the public cast."""
    from dmpws.store import open_store  # noqa: PLC0415
    from dmpws.testing.local import LocalApp  # noqa: PLC0415

    path = tmp_path / "dmpws.sqlite"
    shutil.copyfile(_migrated_sqlite, path)
    opened = open_store(f"sqlite:///{path}", tmp_path / "documents")
    yield LocalApp(opened, pki, now)
    opened.close()
