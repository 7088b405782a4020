"""Behind a TLS proxy: its headers are believed where only it can speak, and nowhere else."""

import http.client
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from live_wire import Request, UnixConnection, existence, https, post, serving, traces

from dmpws import cast
from dmpws.pki.cards import Card
from dmpws.pki.demo import DemoPki
from dmpws.testing.server import LiveServer

pytestmark = pytest.mark.live

PATIENT = cast.PATIENTS["pat-trois"]
SECRET = "le secret du mandataire"
NOT_A_CERTIFICATE = "-----BEGIN CERTIFICATE-----%0AAAAA%0A-----END CERTIFICATE-----"


def shown(card: Card, **others: str) -> dict[str, str]:
    """What nginx says of a client with this card."""
    leaf = card.auth_certificate_file.read_text().partition("-----END CERTIFICATE-----")
    return {
        "X-SSL-Client-Verify": "SUCCESS",
        "X-SSL-Client-Cert": quote(leaf[0] + leaf[1] + "\n"),
        "X-Real-IP": "192.0.2.7",
        **others,
    }


@pytest.fixture(scope="module")
def unix(live_pki: DemoPki, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[LiveServer, Path]]:
    """A server on a unix socket. Its path has few characters: the system allows 107."""
    folder = tmp_path_factory.mktemp("unix")
    with tempfile.TemporaryDirectory(prefix="dmpws-") as short:
        path = Path(short) / "s"
        with serving(live_pki, folder, workers="1", tls="proxy", unix_socket=str(path)) as server:
            yield server, path


@pytest.fixture(scope="module")
def tcp(live_pki: DemoPki, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server on a TCP port that knows its proxy by a secret."""
    with serving(live_pki, tmp_path_factory.mktemp("tcp"), workers="1", tls="proxy", proxy_secret=SECRET) as server:
        yield server


@pytest.fixture
def card(live_pki: DemoPki) -> Card:
    return live_pki.card("medecin-libre")


@pytest.fixture
def request_(card: Card) -> Request:
    return existence(card, PATIENT)


def test_the_unix_socket_is_the_proxy(unix: tuple[LiveServer, Path], card: Card, request_: Request) -> None:
    server, path = unix
    answer = post(UnixConnection(path), request_, shown(card))
    assert (answer.status, answer.code) == (200, "AA")
    [trace] = [trace for trace in traces(server.folder) if trace["correlation_id"] == answer.correlation_id]
    assert (trace["peer"], trace["certificate_kind"]) == ("192.0.2.7", "CPS")


def test_not_everybody_may_open_the_unix_socket(unix: tuple[LiveServer, Path]) -> None:
    """Who can, can be anybody."""
    mode = unix[1].stat().st_mode
    assert stat.S_ISSOCK(mode)
    assert mode & stat.S_IRWXO == 0


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"X-SSL-Client-Verify": "NONE"}, "DMPInvalidCertificate"),
        ({"X-SSL-Client-Verify": "FAILED:certificate revoked"}, "DMPInvalidCertificate"),
        ({"X-SSL-Client-Cert": ""}, "DMPInvalidCertificate"),
        (
            {"X-SSL-Client-Cert": "-----BEGIN CERTIFICATE-----%0AAAAA%0A-----END CERTIFICATE-----"},
            "DMPInvalidCertificate",
        ),
    ],
)
def test_what_the_proxy_did_not_verify_is_refused(
    unix: tuple[LiveServer, Path], card: Card, request_: Request, change: dict[str, str], code: str
) -> None:
    assert post(UnixConnection(unix[1]), request_, shown(card, **change))[:2] == (500, code)


def test_the_card_behind_the_proxy_must_be_that_of_the_token(
    unix: tuple[LiveServer, Path], live_pki: DemoPki, request_: Request
) -> None:
    other = shown(live_pki.card("medecin-camparini"))
    status, code, text, _ = post(UnixConnection(unix[1]), request_, other)
    assert (status, code) == (500, "DMPAuthenticationError")
    assert "VIHF-NAMEID" in text


@pytest.mark.parametrize(
    ("secret", "status", "code"),
    [
        ({"X-DMPWS-Proxy-Secret": SECRET}, 200, "AA"),
        ({"X-DMPWS-Proxy-Secret": SECRET + "x"}, 500, "DMPAuthenticationError"),
        ({"X-DMPWS-Proxy-Secret": ""}, 500, "DMPAuthenticationError"),
        ({"X_DMPWS_Proxy_Secret": SECRET}, 500, "DMPAuthenticationError"),
        ({}, 500, "DMPAuthenticationError"),
    ],
)
def test_the_secret_is_the_proxy(
    tcp: LiveServer, card: Card, request_: Request, secret: dict[str, str], status: int, code: str
) -> None:
    connection = http.client.HTTPConnection("localhost", tcp.port, timeout=60)
    found = post(connection, request_, {**shown(card), **secret})
    assert found[:2] == (status, code)
    assert SECRET not in found[2]


def test_who_is_not_the_proxy_leaves_no_trace(tcp: LiveServer, card: Card, request_: Request) -> None:
    """Nobody authenticated him: he could fill the chain."""
    before = len(traces(tcp.folder))
    connection = http.client.HTTPConnection("localhost", tcp.port, timeout=60)
    assert post(connection, request_, shown(card))[1] == "DMPAuthenticationError"
    assert len(traces(tcp.folder)) == before


def test_direct_tls_ignores_what_a_client_says_of_itself(live: LiveServer, request_: Request) -> None:
    """The token and the headers are LIBRE's, the connection CAMPARINI's."""
    spoofed = {**shown(live.pki.card("medecin-libre")), "X-DMPWS-Proxy-Secret": SECRET}
    token = existence(live.pki.card("medecin-libre"), PATIENT)
    status, code, text, _ = post(https(live, live.pki.card("medecin-camparini")), token, spoofed)
    assert (status, code) == (500, "DMPAuthenticationError")
    assert "VIHF-NAMEID" in text
    answer = post(https(live, live.pki.card("medecin-libre")), token, spoofed)
    assert (answer.status, answer.code) == (200, "AA")
    [trace] = [trace for trace in traces(live.folder) if trace["correlation_id"] == answer.correlation_id]
    assert trace["peer"] == "127.0.0.1"
