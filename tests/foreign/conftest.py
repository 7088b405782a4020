"""One server for the clients of other languages and libraries."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import requests
from foreign_desk import CARD, Desk, make_desk

from dmpws.pki.demo import create
from dmpws.testing.server import LiveServer


@pytest.fixture(scope="session")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    folder = tmp_path_factory.mktemp("foreign")
    create(folder / "pki", now=datetime.now(UTC))
    with LiveServer(folder, workers="1") as server:
        yield server


@pytest.fixture(scope="module")
def desk(live: LiveServer, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Desk:
    """The folder of the client of this module."""
    folder: Path = tmp_path_factory.mktemp("desk")
    return make_desk(live, folder, request.module.__name__.removeprefix("test_foreign_"))


@pytest.fixture(scope="module")
def session(live: LiveServer) -> Iterator[requests.Session]:
    """HTTP with the card, for the clients written in Python."""
    card = live.pki.card(CARD)
    with requests.Session() as session:
        session.cert = (str(card.auth_certificate_file), str(card.auth_key_file))
        session.verify = str(live.pki.ca_file)
        session.trust_env = False  # REQUESTS_CA_BUNDLE would win over `verify`
        yield session
