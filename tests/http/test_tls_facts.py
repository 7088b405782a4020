"""Where the client certificate may come from."""

import socket
import ssl
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from wsgi_server import EXISTENCE, SOAP, Server, request

from dmpws.domain.checks import Refused
from dmpws.http.tls import direct, proxy
from dmpws.soap.message import TlsFacts

DER = b"0\x82 some DER"
PEM = ssl.DER_cert_to_PEM_cert(DER)
SECRET = "a long shared secret"
HEADERS = {"HTTP_X_SSL_CLIENT_VERIFY": "SUCCESS", "HTTP_X_SSL_CLIENT_CERT": quote(PEM), "REMOTE_ADDR": "10.0.0.1"}


class Tls:
    """The TLS socket of gunicorn."""

    family = socket.AF_INET

    def getpeercert(self, binary_form: bool) -> bytes:
        assert binary_form
        return DER


class Unix:
    """A unix socket, as gunicorn shows it."""

    family = socket.AF_UNIX


class Tcp:
    """A TCP connection without TLS."""

    family = socket.AF_INET


def test_direct_reads_the_socket_and_no_header() -> None:
    assert direct({"gunicorn.socket": Tls(), "REMOTE_ADDR": "10.0.0.1"}) == TlsFacts(DER, "10.0.0.1")
    assert direct({"gunicorn.socket": Tcp(), **HEADERS}) is None
    assert direct(HEADERS) is None


def test_proxy_believes_a_unix_socket() -> None:
    facts = proxy()({"gunicorn.socket": Unix(), **HEADERS, "HTTP_X_REAL_IP": "192.0.2.7"})
    assert facts == TlsFacts(DER, "192.0.2.7")


def test_proxy_believes_the_secret() -> None:
    environ = {"gunicorn.socket": Tcp(), **HEADERS, "HTTP_X_DMPWS_PROXY_SECRET": SECRET, "HTTP_X_REAL_IP": "<b>"}
    assert proxy(SECRET)(environ) == TlsFacts(DER, "10.0.0.1")


@pytest.mark.parametrize(
    ("secret", "environ"),
    [
        ("", {"gunicorn.socket": Tcp()}),
        ("", {"gunicorn.socket": Tls()}),
        ("", {}),
        ("", {"HTTP_X_DMPWS_PROXY_SECRET": ""}),
        (SECRET, {"gunicorn.socket": Unix()}),
        (SECRET, {"HTTP_X_DMPWS_PROXY_SECRET": SECRET + "x"}),
        (SECRET, {"HTTP_X_DMPWS_PROXY_SECRET": f"{SECRET},{SECRET}"}),
        (SECRET, {"HTTP_X_DMPWS_PROXY_SECRET": "é\ud800"}),
    ],
)
def test_proxy_believes_nobody_else(secret: str, environ: dict[str, Any]) -> None:
    with pytest.raises(Refused) as refused:
        proxy(secret)({**HEADERS, **environ})
    assert (refused.value.checks[0].rule.id, refused.value.code) == ("TLS-PROXY", "DMPAuthenticationError")
    assert SECRET not in refused.value.message


@pytest.mark.parametrize(
    ("headers", "rule"),
    [
        ({"HTTP_X_SSL_CLIENT_VERIFY": "FAILED:certificate revoked"}, "TLS-CERTIFICATE"),
        ({"HTTP_X_SSL_CLIENT_VERIFY": "SUCCESS,SUCCESS"}, "TLS-CERTIFICATE"),
        ({"HTTP_X_SSL_CLIENT_CERT": ""}, "TLS-CERTIFICATE"),
        ({"HTTP_X_SSL_CLIENT_CERT": "garbage"}, "TLS-CERTIFICATE"),
        ({"HTTP_X_SSL_CLIENT_CERT": quote(PEM.replace("MII", "!"))[:-9]}, "TLS-CERTIFICATE"),
    ],
)  # fmt: skip
def test_what_the_proxy_says_must_be_clear(headers: dict[str, str], rule: str) -> None:
    with pytest.raises(Refused) as refused:
        proxy()({"gunicorn.socket": Unix(), **HEADERS, **headers})
    assert refused.value.checks[0].rule.id == rule


def test_a_client_without_certificate_is_nobody() -> None:
    assert proxy()({"gunicorn.socket": Unix(), "HTTP_X_SSL_CLIENT_VERIFY": "NONE"}) is None
    assert proxy()({"gunicorn.socket": Unix()}) is None


def test_the_facts_reach_the_dispatch_and_refusals_are_faults(tmp_path: Path) -> None:
    server = Server(tmp_path, tls=proxy(SECRET))
    good = {**HEADERS, "HTTP_X_DMPWS_PROXY_SECRET": SECRET}
    server.call("patients", request(EXISTENCE), **good)
    assert server.requests[0].tls == TlsFacts(DER, "10.0.0.1")
    answer = server.call("patients", request(EXISTENCE), **HEADERS)
    assert (answer.status, answer.codes[1]) == (500, f"{{{SOAP}}}DMPAuthenticationError")
