"""Keeping what travels: a transport that holds every request and answer that passes through it."""

import io
import time
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from lxml import etree

from dmpws.client.envelope import LIMITS
from dmpws.client.received import ReceivedSink
from dmpws.client.transport import Answer, Transport
from dmpws.domain.checks import Refused
from dmpws.http.limits import Limits
from dmpws.http.media_type import parse_media_type
from dmpws.http.mtom import PackageReader
from dmpws.xml.names import SOAP
from dmpws.xml.parser import parse

SHOWN = 40_000
"""Characters of a frame that a report shows."""


@dataclass(frozen=True)
class Message:
    """One message. octets: as they travelled, parts included."""

    content_type: str
    octets: bytes

    @cached_property
    def _package(self) -> tuple[bytes, tuple[str, ...]]:
        """The envelope, and a line for each attachment."""
        try:
            media_type = parse_media_type(self.content_type)
            if media_type.name != "multipart/related":
                return self.octets, ()
            reader = PackageReader(media_type, ReceivedSink(), Limits())
            reader.feed(self.octets)
            package = reader.finish()
        except Refused as refused:
            return self.octets, (str(refused),)
        parts = package.parts.items()
        return package.envelope, tuple(f"{name}: {o.size} octets, SHA-1 {o.sha1}" for name, o in parts)

    @property
    def attachments(self) -> tuple[str, ...]:
        """Content-ID, size and SHA-1 of each attachment."""
        return self._package[1]

    @cached_property
    def body(self) -> etree._Element | None:
        """The child of the Body, a fault too; None for what is no SOAP message."""
        try:
            root = parse(self._package[0], LIMITS)
        except Refused:
            return None
        return next(root.iterfind(f"{{{SOAP}}}Body/*"), None)

    @cached_property
    def text(self) -> str:
        """The envelope for people: indented, cut at SHOWN characters."""
        try:
            root = parse(self._package[0], LIMITS)
        except Refused:
            return self._package[0].decode("utf-8", "replace")[:SHOWN]
        etree.indent(root)
        text: str = etree.tostring(root, encoding="unicode")
        return text if len(text) <= SHOWN else f"{text[:SHOWN]}\n… ({len(text)} caractères)"


@dataclass(frozen=True)
class Exchange:
    """A request and its answer. service: path called. milliseconds: from the first octet sent to the last received."""

    service: str
    request: Message
    answer: Message
    http_status: int
    milliseconds: float


class Recorder:
    """A transport around another one. `exchanges` holds what was answered, in order."""

    def __init__(self, transport: Transport) -> None:
        self.url = transport.url
        self.exchanges: list[Exchange] = []
        self._transport = transport

    def post(self, service: str, content_type: str, content: Iterable[bytes], length: int) -> Answer:
        """Send one request. Raises Unreachable."""
        request = b"".join(content)
        started = time.perf_counter()
        answer = self._transport.post(service, content_type, [request], length)
        octets = answer.stream.read()
        elapsed = (time.perf_counter() - started) * 1000
        received = Message(answer.content_type, octets)
        self.exchanges.append(Exchange(service, Message(content_type, request), received, answer.status, elapsed))
        return Answer(answer.status, answer.content_type, io.BytesIO(octets))

    def close(self) -> None:
        """Close the connection."""
        self._transport.close()
