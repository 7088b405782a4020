"""A server to attack, in this process; every test leaves in it nothing but traces."""

import shutil
import signal
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from assault import CANARY, TARGET, Forge, Range, hospital

from dmpws.audit.chain import verify_chain
from dmpws.pki.demo import DemoPki
from dmpws.store import open_store
from dmpws.testing.local import LocalApp

PATIENCE = 300
"""Seconds after which a case counts as one that never ends."""

STRICT = {"sha1": "false", "directory": "strict", "approval": "listed", "crl": "strict"}
SMALL = {
    "max_body": 400_000,
    "max_envelope": 200_000,
    "max_document": 100_000,
    "max_xml_document": 80_000,
    "max_parts": 6,
    "max_part_headers": 1000,
    "max_tags": 3000,
    "max_depth": 40,
}


@pytest.fixture(autouse=True)
def _patience() -> Iterator[None]:
    """End a case that hangs; how fast the others are is not measured here."""

    def give_up(*_: Any) -> None:
        pytest.fail(f"no answer after {PATIENCE} s")

    former = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(PATIENCE)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, former)


@pytest.fixture(scope="session")
def target(
    _migrated_sqlite: Path, tmp_path_factory: pytest.TempPathFactory, pki: DemoPki, now: datetime
) -> Iterator[Range]:
    """The server with its usual limits. In the end, its chain of traces holds every call once."""
    folder = tmp_path_factory.mktemp("range")
    shutil.copyfile(_migrated_sqlite, folder / "dmpws.sqlite")
    documents = folder / "documents"
    store = open_store(f"sqlite:///{folder / 'dmpws.sqlite'}", documents)
    app = LocalApp(store, pki, now, **STRICT)
    found = Range(app, documents)
    assert app.session("medecin-libre").add_authorisation(TARGET.ins).ok
    found.sent += 1
    yield found
    result = verify_chain(store)
    assert result.ok, result.reason
    assert result.rows == found.sent, "a call left no trace, or two"
    store.close()


@pytest.fixture(scope="session")
def small(target: Range) -> Iterator[Range]:
    """The same store behind a server with small limits."""
    app = LocalApp(target.app.store, target.app.pki, target.app.now, **STRICT, **SMALL)
    found = Range(app, target.folder)
    yield found
    target.sent += found.sent


@pytest.fixture(scope="session")
def forge(target: Range) -> Forge:
    """A doctor's software."""
    return Forge(target.app)


@pytest.fixture(scope="session")
def hospital_forge(target: Range) -> Forge:
    """A hospital's software."""
    return hospital(target.app)


@pytest.fixture(scope="session")
def canary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file that must not be read."""
    path = tmp_path_factory.mktemp("secret") / "canary.txt"
    path.write_text(CANARY)
    return path
