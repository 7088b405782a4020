"""Fixtures shared by all tests, beside those of dmpws.testing.fixtures."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import settings

from dmpws.domain import internet_account
from dmpws.pki.demo import DemoPki, create
from dmpws.soap.validation import Schemas
from dmpws.store.engine import make_engine

pytest_plugins = ["dmpws.testing.fixtures"]

# The same examples every time, however slow the machine; `--hypothesis-profile=explore` looks for others.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.register_profile("explore", deadline=None, print_blob=True)
settings.load_profile("repeatable")


@pytest.fixture(scope="session")
def reference() -> Path:
    """The folder of official material, which the project may not carry; tests that need it skip without."""
    folder = Path(os.environ.get("DMPWS_REFERENCE") or Path(__file__).parents[2] / "shared" / "reference")
    if not folder.is_dir():
        pytest.skip("official reference material is not at hand (DMPWS_REFERENCE)")
    return folder


@pytest.fixture(scope="session", autouse=True)
def cheap_password_hashes() -> Iterator[None]:
    """The true cost is a third of a second, every time; tests/transactions/test_credentials.py pays it once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(internet_account, "COST", (4, 8, 1))
        yield


@pytest.fixture(scope="session", autouse=True)
def no_waiting_for_the_disk() -> Iterator[None]:
    """What survives a power cut is not tested in this process (tests/store/test_crash.py has its own); PostgreSQL
    does not wait either (dmpws.testing.databases)."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: None)
        patch.setitem(make_engine.__kwdefaults__, "synchronous", "OFF")
        yield


@pytest.fixture(scope="session")
def todays_pki(tmp_path_factory: pytest.TempPathFactory) -> DemoPki:
    """A PKI for what looks at the clock of the machine; that of `pki` is valid around the instant `now`."""
    return create(tmp_path_factory.mktemp("today") / "pki", now=datetime.now(UTC))


@pytest.fixture(scope="session")
def schemas() -> Schemas:
    """The project's schemas, compiled once."""
    return Schemas.load()
