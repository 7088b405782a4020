"""The edge behind a real gunicorn: mutual TLS, streams, time limits, the proxy's unix socket."""

import hashlib
import http.client
import json
import select
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from lxml import etree
from wsgi_server import BASE, EXISTENCE, MTOM, PROVIDE, SOAP, Response, include, package, request

from dmpws.http.tls_context import SUITES
from dmpws.pki.cards import Card
from dmpws.pki.demo import DemoPki, create
from dmpws.testing.server import free_port

pytestmark = pytest.mark.live
HERE = Path(__file__).parent
MB = 1024 * 1024


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> DemoPki:
    """A PKI of today: TLS looks at the clock of the machine."""
    return create(tmp_path_factory.mktemp("live") / "pki", now=datetime.now(UTC))


def files(demo: DemoPki, *more: Path) -> list[str]:
    return [str(f) for f in (demo.server_certificate_file, demo.server_key_file, demo.ca_file, *more)]


@contextmanager
def running(folder: Path, address: int | str, **options: Any) -> Iterator[Path]:
    """Start the server, wait until it listens, stop it; gives the folder of its parts."""
    parts = folder / "parts"
    parts.mkdir()
    options |= {"folder": str(parts), "port" if isinstance(address, int) else "unix_socket": address}
    command = [sys.executable, str(HERE / "live_app.py"), json.dumps(options)]
    with (folder / "log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log, cwd=HERE) as server:
        try:
            deadline = time.monotonic() + 120
            while not listening(address):
                assert server.poll() is None and time.monotonic() < deadline, (folder / "log").read_text()
                time.sleep(0.05)
            yield parts
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(120)
    assert "Traceback" not in (folder / "log").read_text()


def listening(address: int | str) -> bool:
    family = socket.AF_INET if isinstance(address, int) else socket.AF_UNIX
    with socket.socket(family) as probe:
        return probe.connect_ex(("127.0.0.1", address) if isinstance(address, int) else address) == 0


def client_context(
    demo: DemoPki, card: Card | None, version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3
) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(demo.ca_file))
    context.minimum_version = context.maximum_version = version
    if card is not None:
        context.load_cert_chain(card.auth_certificate_file, card.auth_key_file)
    return context


def post(
    connection: http.client.HTTPConnection, body: Any, content_type: str, service: str = "repository", **headers: str
) -> Response:
    fields = {"Content-Type": content_type, **{k.replace("_", "-"): v for k, v in headers.items()}}
    connection.request("POST", f"{BASE}/{service}", body, fields, encode_chunked=isinstance(body, Iterator))
    return read(connection)


def read(connection: http.client.HTTPConnection) -> Response:
    answer = connection.getresponse()
    return Response(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())


@pytest.fixture(scope="module")
def address(demo: DemoPki, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, Path]]:
    """One server for the tests that do not change it, and the folder of its parts."""
    port = free_port()
    with running(tmp_path_factory.mktemp("server"), port, tls=files(demo)) as parts:
        yield port, parts


def connect(port: int, context: ssl.SSLContext) -> http.client.HTTPSConnection:
    return http.client.HTTPSConnection("localhost", port, context=context, timeout=60)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_the_dispatch_sees_the_certificate_of_the_client(
    demo: DemoPki, address: tuple[int, Path], version: ssl.TLSVersion
) -> None:
    connection = connect(address[0], client_context(demo, demo.card("medecin-libre"), version))
    expected = hashlib.sha256(demo.card("medecin-libre").auth_certificate.public_bytes(_der())).hexdigest()
    for _ in range(3):  # on one connection
        answer = post(connection, request(EXISTENCE), "application/soap+xml", "patients")
        assert (answer.status, answer.body.get("peer"), answer.body.get("certificate")) == (200, "127.0.0.1", expected)
    tls = connection.sock
    assert isinstance(tls, ssl.SSLSocket)
    name, protocol, _ = tls.cipher() or ("", "", 0)
    assert protocol == ("TLSv1.2" if version is ssl.TLSVersion.TLSv1_2 else "TLSv1.3")
    assert version is ssl.TLSVersion.TLSv1_3 or name in SUITES
    connection.close()


def _der() -> Any:
    from cryptography.hazmat.primitives.serialization import Encoding

    return Encoding.DER


def test_a_client_without_certificate_does_not_get_in(demo: DemoPki, address: tuple[int, Path]) -> None:
    for context in (client_context(demo, None), client_context(demo, None, ssl.TLSVersion.TLSv1_2)):
        connection = connect(address[0], context)
        with pytest.raises((ssl.SSLError, ConnectionError)):
            post(connection, request(EXISTENCE), "application/soap+xml", "patients")
        connection.close()


@pytest.mark.parametrize("chunked", [False, True])
def test_documents_go_in_and_come_back(demo: DemoPki, address: tuple[int, Path], chunked: bool) -> None:
    port, parts = address
    document = bytes(range(256)) * (4 * MB // 256) + b"\r\n--BOUNDAR"
    octets = package(request(PROVIDE, content=include("cid:a")), {"a": document}, root_last=True)
    body = iter([octets[i : i + 70_001] for i in range(0, len(octets), 70_001)]) if chunked else octets
    connection = connect(port, client_context(demo, demo.card("hopital")))
    answer = post(connection, body, MTOM, **({"Transfer_Encoding": "chunked"} if chunked else {}))
    assert answer.status == 200
    assert int(answer.headers["content-length"]) == len(answer.octets)
    envelope, returned = answer.octets.split(b"\r\n\r\n", 1)[1].split(b"\r\n--uuid:", 1)
    part = etree.fromstring(envelope).find(f"{{{SOAP}}}Body/Seen/Part")
    assert part is not None
    assert (part.get("size"), part.get("sha256")) == (str(len(document)), hashlib.sha256(document).hexdigest())
    assert returned.split(b"\r\n\r\n", 1)[1].rpartition(b"\r\n--uuid:")[0] == document
    connection.close()
    assert [p.name for p in parts.iterdir() if p.stat().st_size != len(document)] == []


@pytest.mark.parametrize("drips", [False, True])
def test_a_body_that_does_not_come_is_answered_in_time(demo: DemoPki, tmp_path: Path, drips: bool) -> None:
    port = free_port()
    octets = package(request(PROVIDE, content=include("cid:a")), {"a": b"x" * 5000})
    with running(tmp_path, port, tls=files(demo), reading_seconds=1) as parts:
        # Of TLS 1.3, the client's socket would hold the tickets of the server, and look like an answer.
        context = client_context(demo, demo.card("hopital"), ssl.TLSVersion.TLSv1_2)
        with closing(connect(port, context)) as connection:
            connection.putrequest("POST", f"{BASE}/repository")
            connection.putheader("Content-Type", MTOM)
            connection.putheader("Content-Length", str(len(octets)))
            connection.endheaders(octets[:2000])
            assert connection.sock is not None
            sent = 2000
            while not select.select([connection.sock], [], [], 0.1)[0]:
                if drips:
                    with suppress(OSError):  # the server has just answered
                        connection.send(octets[sent : sent + 1])
                    sent += 1
            answer = read(connection)
        assert (answer.status, answer.rules) == (408, ["LIMIT-TIME"])
        assert list(parts.iterdir()) == []


def test_connections_that_do_not_ask_are_closed(demo: DemoPki, tmp_path: Path) -> None:
    port = free_port()
    with running(tmp_path, port, tls=files(demo), head_seconds=3):
        silent = socket.create_connection(("127.0.0.1", port), timeout=60)
        silent.sendall(b"\x16\x03\x01")  # the beginning of a handshake, and no more
        talking = client_context(demo, demo.card("hopital")).wrap_socket(
            socket.create_connection(("127.0.0.1", port), timeout=60), server_hostname="localhost"
        )
        talking.sendall(b"POST / HTTP/1.1\r\nX: ")
        for open_connection in (silent, talking):
            with open_connection:
                assert ended(open_connection.recv)
        connection = connect(port, client_context(demo, demo.card("hopital")))
        assert post(connection, request(EXISTENCE), "application/soap+xml", "patients").status == 200
        connection.close()


def ended(receive: Callable[[int], bytes]) -> bool:
    """Whether the other end closes, in whatever manner."""
    try:
        while receive(4096):
            pass
    except (ConnectionError, ssl.SSLError):
        pass
    return True


def test_revoked_clients_are_stopped_in_the_handshake_when_asked_for(demo: DemoPki, tmp_path: Path) -> None:
    crls = tmp_path / "crls.pem"
    crls.write_bytes(b"".join(p.read_bytes() for p in sorted((demo.trust_folder / "crls").iterdir())))
    port = free_port()
    with running(tmp_path, port, tls=files(demo, crls)):
        with (
            closing(connect(port, client_context(demo, demo.card("medecin-revoque")))) as revoked,
            pytest.raises((ssl.SSLError, ConnectionError)),
        ):
            post(revoked, request(EXISTENCE), "application/soap+xml", "patients")
        connection = connect(port, client_context(demo, demo.card("medecin-libre")))
        assert post(connection, request(EXISTENCE), "application/soap+xml", "patients").status == 200
        connection.close()


def leaf_pem(demo: DemoPki) -> str:
    return ssl.DER_cert_to_PEM_cert(demo.card("medecin-libre").auth_certificate.public_bytes(_der()))


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=60)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self._path)


def test_behind_a_proxy_on_a_unix_socket(demo: DemoPki, tmp_path: Path) -> None:
    pem = leaf_pem(demo)
    expected = hashlib.sha256(demo.card("medecin-libre").auth_certificate.public_bytes(_der())).hexdigest()
    path = str(tmp_path / "dmpws.sock")
    with running(tmp_path, path):
        connection = UnixConnection(path)
        headers = {"X_SSL_Client_Verify": "SUCCESS", "X_SSL_Client_Cert": quote(pem), "X_Real_IP": "192.0.2.7"}
        answer = post(connection, request(EXISTENCE), "application/soap+xml", "patients", **headers)
        assert (answer.body.get("peer"), answer.body.get("certificate")) == ("192.0.2.7", expected)
        answer = post(connection, request(EXISTENCE), "application/soap+xml", "patients", X_SSL_Client_Verify="NONE")
        assert answer.body.get("peer") == "none"
        connection.close()


def test_on_a_tcp_port_the_headers_of_a_proxy_are_not_believed_without_its_secret(
    demo: DemoPki, tmp_path: Path
) -> None:
    pem = leaf_pem(demo)
    headers = {"X_SSL_Client_Verify": "SUCCESS", "X_SSL_Client_Cert": quote(pem)}
    port = free_port()
    with running(tmp_path, port, secret="a long shared secret"):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        answer = post(connection, request(EXISTENCE), "application/soap+xml", "patients", **headers)
        assert answer.rules == ["TLS-PROXY"]
        headers["X_DMPWS_Proxy_Secret"] = "a long shared secret"
        assert post(connection, request(EXISTENCE), "application/soap+xml", "patients", **headers).status == 200
        connection.close()
