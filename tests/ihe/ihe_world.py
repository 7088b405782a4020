"""A server of profile `ihe` in this process, and a plain XDS client: envelopes written by hand, as public tools do."""

import json
import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from lxml import etree

from dmpws.app import SERVICES_PATH as PATH
from dmpws.app import build_app
from dmpws.client.envelope import body_of
from dmpws.client.received import ReceivedSink
from dmpws.client.transport import Answer, WsgiTransport
from dmpws.config import load
from dmpws.domain.octets import Octets
from dmpws.http.limits import Limits
from dmpws.http.media_type import parse_media_type
from dmpws.http.mtom import PackageReader
from dmpws.pki.demo import DemoPki
from dmpws.store import Store
from dmpws.xml.names import RS, SOAP, WSA, WSSE

DATA = Path(__file__).parent / "data"
AUTHORITY = "1.3.6.1.4.1.21367.2005.13.20.1000"


@dataclass(frozen=True)
class Received:
    """An answer: the child of its Body and its parts."""

    status: int
    content_type: str
    body: etree._Element
    parts: Mapping[str, Octets] = field(default_factory=dict)

    @property
    def outcome(self) -> str:
        """`Success`, `Failure`, `PartialSuccess`."""
        found = self.body if self.body.get("status") else next(self.body.iter(f"{{{RS}}}RegistryResponse"))
        return found.get("status", "").rpartition(":")[2]

    @property
    def errors(self) -> list[tuple[str, str]]:
        """errorCode and location of each RegistryError."""
        return [(e.get("errorCode", ""), e.get("location", "")) for e in self.body.iter(f"{{{RS}}}RegistryError")]

    @property
    def codes(self) -> list[str]:
        return [code for code, _ in self.errors]

    @property
    def contexts(self) -> str:
        return "\n".join(e.get("codeContext", "") for e in self.body.iter(f"{{{RS}}}RegistryError"))


MakeLab = Callable[..., "Lab"]
"""The fixture `make_lab`: a server with this affinity domain and these options."""


@dataclass
class Lab:
    """One server of profile `ihe` (or another) on a store, and the client with a card of the demo PKI."""

    store: Store
    pki: DemoPki
    now: datetime
    options: Mapping[str, Any] = field(default_factory=dict)
    card: str = "hopital"

    def __post_init__(self) -> None:
        given = {"profile": "ihe", "trust": str(self.pki.trust_folder), **self.options}
        self.app = build_app(load(given, environment={}), store=self.store, clock=lambda: self.now)

    def send(self, service: str, content_type: str, octets: bytes) -> Answer:
        """Post octets as they are."""
        transport = WsgiTransport(self.app, self.pki.card(self.card), PATH)
        return transport.post(service, content_type, [octets], len(octets))

    def soap(self, service: str, action: str, body: str, *, assertion: bytes = b"") -> Received:
        """A simple SOAP 1.2 request, as IHE clients send ITI-18."""
        content_type = f'application/soap+xml; charset=UTF-8; action="{action}"'
        return received(self.send(service, content_type, envelope(action, body, assertion)))

    def mtom(self, service: str, action: str, body: str, parts: Sequence[tuple[str, bytes]] = ()) -> Received:
        """An MTOM request; parts: Content-ID and octets."""
        content_type, octets = package(envelope(action, body), parts)
        return received(self.send(service, content_type, octets))

    def traces(self) -> list[Any]:

        with self.store.read() as work:
            return [json.loads(row.content) for row in work.traces.rows()]


def envelope(action: str, body: str, assertion: bytes = b"") -> bytes:
    """The envelope of the IHE examples: addressing with mustUnderstand, WS-Security only when there is an assertion."""
    security = b'<wsse:Security xmlns:wsse="%s">%s</wsse:Security>' % (WSSE.encode(), assertion) if assertion else b""
    head = (
        f'<s:Envelope xmlns:s="{SOAP}" xmlns:a="{WSA}"><s:Header>'
        f'<a:Action s:mustUnderstand="1">{action}</a:Action><a:MessageID>urn:uuid:{uuid.uuid4()}</a:MessageID>'
        f'<a:ReplyTo><a:Address>{WSA}/anonymous</a:Address></a:ReplyTo><a:To s:mustUnderstand="1">https://h/x</a:To>'
    )
    return head.encode() + security + f"</s:Header><s:Body>{body}</s:Body></s:Envelope>".encode()


def package(root: bytes, parts: Sequence[tuple[str, bytes]]) -> tuple[str, bytes]:
    """Content-Type and octets of a multipart message, as Axis2 writes it."""
    boundary = "MIMEBoundaryurn_uuid_A1B2C3"
    pieces = [
        b'Content-Type: application/xop+xml; charset=UTF-8; type="application/soap+xml"\r\n'
        b"Content-Transfer-Encoding: binary\r\nContent-ID: <0.urn:uuid:root@apache.org>\r\n\r\n" + root
    ]
    head = "Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: binary\r\nContent-ID: <{}>\r\n\r\n"
    pieces += [head.format(cid).encode() + octets for cid, octets in parts]
    body = b"".join(b"--" + boundary.encode() + b"\r\n" + piece + b"\r\n" for piece in pieces)
    content_type = (
        f'multipart/related; boundary={boundary}; type="application/xop+xml"; '
        'start="<0.urn:uuid:root@apache.org>"; start-info="application/soap+xml"'
    )
    return content_type, body + b"--" + boundary.encode() + b"--\r\n"


def received(answer: Answer) -> Received:
    """Take an answer apart. Raises ServerFault for a fault."""
    media_type = parse_media_type(answer.content_type)
    octets = answer.stream.read()
    if media_type.name != "multipart/related":
        return Received(answer.status, answer.content_type, body_of(octets))
    reader = PackageReader(media_type, ReceivedSink(), Limits())
    reader.feed(octets)
    taken = reader.finish()
    return Received(answer.status, answer.content_type, body_of(taken.envelope), taken.parts)


def message(name: str, **values: str) -> str:
    """A message of tests/ihe/data, its placeholders filled; those without a value are fresh identifiers."""
    given = dict(values)

    def value(match: re.Match[str]) -> str:
        name = match[1]
        if name not in given:
            given[name] = str(uuid.uuid4()) if name.startswith("uuid") else f"2.25.{uuid.uuid4().int}"
        return given[name]

    return re.sub(r"\{\{(\w+)\}\}", value, (DATA / f"{name}.xml").read_text("utf-8"))
