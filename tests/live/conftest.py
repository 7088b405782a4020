"""One server that most live tests share, and the PKI of all of them, valid today."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from live_wire import serving

from dmpws.pki.demo import DemoPki, create
from dmpws.testing.server import LiveServer, copy_pki


@pytest.fixture(scope="session")
def live_pki(tmp_path_factory: pytest.TempPathFactory) -> DemoPki:
    """A PKI of today: a real server has the clock of the machine."""
    return create(tmp_path_factory.mktemp("live") / "pki", now=datetime.now(UTC))


@pytest.fixture(scope="session")
def live(live_pki: DemoPki, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server in direct mode, with two workers, and whatever the tests before left in it."""
    with serving(live_pki, tmp_path_factory.mktemp("shared"), workers="2") as server:
        yield server


@pytest.fixture
def folder(live_pki: DemoPki, tmp_path: Path) -> Path:
    """A data folder that has its PKI."""
    copy_pki(live_pki, tmp_path / "data")
    return tmp_path / "data"
