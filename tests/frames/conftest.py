"""A server in this process, a client of it, and the configuration that trusts the same cards."""

from pathlib import Path

import pytest
from frames_world import Tap

from dmpws.client import LpsSession
from dmpws.client.transport import WsgiTransport
from dmpws.config import Config, load
from dmpws.pki.demo import DemoPki
from dmpws.testing.local import PATH, LocalApp


@pytest.fixture
def tap(app: LocalApp, pki: DemoPki) -> Tap:
    return Tap(WsgiTransport(app, pki.card("medecin-libre"), PATH))


@pytest.fixture
def session(app: LocalApp, tap: Tap) -> LpsSession:
    return LpsSession(app.pki.card("medecin-libre"), transport=tap, clock=app.clock)


@pytest.fixture
def config(pki: DemoPki, tmp_path: Path) -> Config:
    return load({"data": str(tmp_path / "var"), "trust": str(pki.trust_folder)}, environment={})
