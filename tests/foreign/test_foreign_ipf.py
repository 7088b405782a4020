"""Open eHealth IPF, the public XDS client that most Java software has, against profile `ihe`: every transaction."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from foreign_build import IPF
from foreign_clients import JAVA_COMMAND, require, run

from dmpws.pki.cards import P12_PASSWORD
from dmpws.testing.deposits import new_oid
from dmpws.testing.server import LiveServer

pytestmark = [pytest.mark.live, pytest.mark.slow]

AUTHORITY = "1.3.6.1.4.1.21367.2005.13.20.1000"


@pytest.fixture(scope="module")
def built() -> None:
    require(IPF)


@pytest.fixture(scope="module")
def plain(built: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server whose patients are those whom a submission names."""
    folder = tmp_path_factory.mktemp("plain")
    domain = folder / "domain.toml"
    domain.write_text(f'assigning_authorities = ["{AUTHORITY}"]\npatients = "any"\n', "utf-8")
    with LiveServer(folder, profile="ihe", affinity_domain=str(domain), workers="1") as server:
        yield server


def test_every_transaction_of_xds(plain: LiveServer, tmp_path: Path) -> None:
    facts = {
        "url": plain.url, "password": P12_PASSWORD, "patient": "IPF-1", "authority": AUTHORITY, "oid": new_oid(),
    }  # fmt: skip
    (tmp_path / "facts.properties").write_text("".join(f"{name}={value}\n" for name, value in facts.items()), "utf-8")
    (tmp_path / "card.p12").write_bytes(plain.pki.card("hopital").p12_file.read_bytes())
    (tmp_path / "ca.pem").write_bytes(plain.pki.ca_file.read_bytes())
    target = IPF.folder / "target"
    words = [*JAVA_COMMAND, f"{target / 'xds.jar'}:{target / 'dependency'}/*", "org.example.xds.Main"]
    assert run(words, tmp_path) == {
        "ITI-41": ["SUCCESS"],
        "ITI-18 FindDocuments": ["SUCCESS"],
        "found": ['Bilan d\'été "A&B" <1>', "7"],
        "ITI-18 GetAll": ["SUCCESS"],
        "ITI-43": ["SUCCESS"],
        "read": ["Bonjour"],
        "ITI-42": ["SUCCESS"],
        "ITI-57 status": ["SUCCESS"],
        "ITI-57 version": ["SUCCESS"],
        "ITI-62 refused": ["FAILURE", "REFERENCE_EXISTS_EXCEPTION", "REFERENCE_EXISTS_EXCEPTION"],
        "ITI-62": ["SUCCESS"],
        "ITI-86": ["SUCCESS"],
    }
