"""How a request reaches a server: mutual TLS, or straight into a WSGI application for tests."""

import http.client
import io
import select
import ssl
import urllib.parse
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Protocol

from cryptography.hazmat.primitives.serialization import Encoding

from dmpws.client.errors import Unreachable
from dmpws.pki.cards import Card


@dataclass(slots=True)
class Answer:
    """A raw answer: HTTP status, Content-Type, and the octets as a stream to read once."""

    status: int
    content_type: str
    stream: IO[bytes]


class Transport(Protocol):
    """Sends one request; `url` is the base of the services."""

    url: str

    def post(self, service: str, content_type: str, content: Iterable[bytes], length: int) -> Answer: ...

    def close(self) -> None: ...


class HttpsTransport:
    """One kept-alive HTTPS connection, authenticated by the card's authentication certificate.

    url: `https://host:port/si-dmp-server/v2/services`. timeout: seconds for each socket operation.
    """

    def __init__(self, url: str, card: Card, ca_file: Path, timeout: float = 60) -> None:
        self.url = url.rstrip("/")
        parts = urllib.parse.urlsplit(self.url)
        if parts.scheme != "https" or not parts.hostname:
            raise ValueError(f"{url}: the DMP is called over https (PDT-INF-579)")
        self._path = parts.path
        context = ssl.create_default_context(cafile=str(ca_file))
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(card.auth_certificate_file, card.auth_key_file)
        self._connection = http.client.HTTPSConnection(
            parts.hostname, parts.port or 443, context=context, timeout=timeout
        )

    def post(self, service: str, content_type: str, content: Iterable[bytes], length: int) -> Answer:
        """Send one request. Raises Unreachable."""
        self._reconnect_if_closed()
        headers = {"Content-Type": content_type, "Content-Length": str(length)}
        try:
            self._connection.request("POST", f"{self._path}/{service}", body=content, headers=headers)
            response = self._connection.getresponse()
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            raise Unreachable(f"{self.url}: {error}") from None
        return Answer(response.status, response.getheader("Content-Type", ""), response)

    def _reconnect_if_closed(self) -> None:
        """A server ends idle connections; nothing is to be read between two requests, unless it did."""
        sock = self._connection.sock
        if sock is not None and select.select([sock], [], [], 0)[0]:
            self._connection.close()

    def close(self) -> None:
        self._connection.close()


def connection(url: str, card: Card, ca_file: Path | None) -> HttpsTransport:
    """The connection of a session with a server that `ca_file` vouches for. Raises ValueError without one."""
    if ca_file is None:
        raise ValueError("an HTTPS session needs ca_file, the authorities of the server")
    return HttpsTransport(url, card, ca_file)


class _Peer:
    """Stands for the TLS socket that gunicorn shows the application."""

    def __init__(self, certificate: bytes) -> None:
        self._certificate = certificate

    def getpeercert(self, binary_form: bool = False) -> bytes:
        return self._certificate


class WsgiTransport:
    """Calls a WSGI application in this process, as if over mutual TLS with this card."""

    def __init__(self, app: Callable[..., Iterable[bytes]], card: Card, path: str) -> None:
        self.url = f"https://localhost{path}"
        self._app = app
        self._path = path
        self._peer = _Peer(card.auth_certificate.public_bytes(Encoding.DER))

    def post(self, service: str, content_type: str, content: Iterable[bytes], length: int) -> Answer:
        """Send one request."""
        started: list[tuple[str, list[tuple[str, str]]]] = []

        def start_response(status: str, headers: list[tuple[str, str]], _exc: Any = None) -> Callable[[bytes], None]:
            started.append((status, headers))
            return lambda _data: None

        environ = {
            "REQUEST_METHOD": "POST",
            "SCRIPT_NAME": "",
            "PATH_INFO": f"{self._path}/{service}",
            "QUERY_STRING": "",
            "CONTENT_TYPE": content_type,
            "CONTENT_LENGTH": str(length),
            "SERVER_NAME": "localhost",
            "SERVER_PORT": "443",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": "127.0.0.1",
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "https",
            "wsgi.input": io.BytesIO(b"".join(content)),
            "wsgi.errors": io.StringIO(),
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
            "gunicorn.socket": self._peer,
        }
        chunks = self._app(environ, start_response)
        try:
            octets = b"".join(chunks)
        finally:
            if hasattr(chunks, "close"):
                chunks.close()
        status, headers = started[-1]
        fields = {name.lower(): value for name, value in headers}
        return Answer(int(status.split()[0]), fields.get("content-type", ""), io.BytesIO(octets))

    def close(self) -> None:
        """Nothing to close."""
