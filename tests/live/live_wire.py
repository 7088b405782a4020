"""Speaking to a live server below the client kit: raw requests, and what its traces say."""

import http.client
import json
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from lxml import etree

from dmpws.app import store_of
from dmpws.cast import CastPatient
from dmpws.client import LpsSession
from dmpws.client.actor import Actor
from dmpws.client.transport import Answer
from dmpws.client.verdict import verdict
from dmpws.config import load
from dmpws.pki.cards import Card
from dmpws.pki.demo import DemoPki
from dmpws.testing.server import PATH, LiveServer, copy_pki
from dmpws.testing.stage import body_child


@dataclass(frozen=True)
class Request:
    """What the client kit sends."""

    service: str
    content_type: str
    octets: bytes


class _Sent(Exception):
    """There is nobody at the other end."""


class _Wire:
    url = f"https://localhost{PATH}"

    def __init__(self) -> None:
        self.request: Request | None = None

    def post(self, service: str, content_type: str, content: Any, length: int) -> Answer:
        self.request = Request(service, content_type, b"".join(content))
        raise _Sent

    def close(self) -> None:
        """Nothing to close."""


def request_of(card: Card, call: Callable[[LpsSession], object], actor: Actor | None = None) -> Request:
    """The request of one call of the client kit, without sending it."""
    wire = _Wire()
    try:
        call(LpsSession(card, transport=wire, actor=actor))
    except _Sent:
        pass
    assert wire.request is not None
    return wire.request


def existence(card: Card, patient: CastPatient) -> Request:
    """TD0.2."""
    return request_of(card, lambda lps: lps.test_existence(patient.ins))


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a unix socket, as a proxy speaks it."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=60)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(str(self._path))


class Answered(NamedTuple):
    """HTTP status, code and text of an answer, and the correlation identifier that traces and journal have too."""

    status: int
    code: str
    text: str
    correlation_id: str


def post(
    connection: http.client.HTTPConnection, request: Request, headers: Mapping[str, str] | None = None
) -> Answered:
    """Send a request."""
    with closing(connection):
        fields = {"Content-Type": request.content_type, **(headers or {})}
        connection.request("POST", f"{PATH}/{request.service}", request.octets, fields)
        answer = connection.getresponse()
        body = body_child(answer.read())
        text = etree.tostring(body, encoding="unicode")
        return Answered(answer.status, verdict(body)[1], text, answer.getheader("X-Correlation-ID", ""))


@contextmanager
def serving(pki: DemoPki, folder: Path, **options: str) -> Iterator[LiveServer]:
    """A server of one's own, with its data in `folder` and a PKI that was made before."""
    copy_pki(pki, folder)
    with LiveServer(folder, **options) as server:
        yield server


def tls(server: LiveServer, card: Card | None, **settings: Any) -> ssl.SSLContext:
    """A client context; `settings` are attributes of it."""
    context = ssl.create_default_context(cafile=str(server.pki.ca_file))
    if card is not None:
        context.load_cert_chain(card.auth_certificate_file, card.auth_key_file)
    for name, value in settings.items():
        setattr(context, name, value)
    return context


def https(server: LiveServer, card: Card) -> http.client.HTTPSConnection:
    return http.client.HTTPSConnection("localhost", server.port, context=tls(server, card), timeout=60)


def traces(folder: Path) -> list[Mapping[str, Any]]:
    """The traces of the server with this data folder, on SQLite."""
    store = store_of(load({"data": str(folder)}, environment={}))
    try:
        with store.read() as work:
            return [json.loads(row.content) for row in work.traces.rows()]
    finally:
        store.close()


def wait_for_trace(folder: Path, after: int, said: str) -> Mapping[str, Any]:
    """The trace whose message says so, among those after the first `after`. That of an envelope that was refused is
    written when its answer was sent."""
    return until(lambda: [trace for trace in traces(folder)[after:] if said in trace.get("message", "")])[0]


T = TypeVar("T")


def until(found: Callable[[], T]) -> T:
    """Ask until there is something, and return it: what a server does once its answer is sent comes a moment later,
    on a busy machine a long one."""
    deadline = time.monotonic() + 120
    while not (result := found()):
        assert time.monotonic() < deadline, "it does not come"
        time.sleep(0.02)
    return result
