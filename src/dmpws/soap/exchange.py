"""One call from its first octet to its last: what the HTTP edge and the SOAP layer tell each other."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from lxml import etree

from dmpws.domain.octets import Octets
from dmpws.soap.faults import SoapFault
from dmpws.soap.message import Operation, SoapReply, SoapRequest, TlsFacts
from dmpws.soap.routing import Service
from dmpws.xml.parser import XmlLimits

ENVIRON = "dmpws.exchange"
"""Key of the exchange in the WSGI environment, where spyne's contexts find it."""


@dataclass(frozen=True, slots=True)
class SoapOptions:
    """strict_action: a request without wsa:Action is refused. http_binding: a fault of the sender is a 400."""

    strict_action: bool = False
    http_binding: bool = False
    limits: XmlLimits = field(default_factory=XmlLimits)


@dataclass(frozen=True, slots=True)
class Received:
    """A request taken off the wire.

    parts: documents by Content-ID. soap11: a SOAP 1.1 envelope is tolerated (DMPWS D25).
    unless_soap11: the media type is wrong, and this is the fault that says so; but a SOAP 1.1 client, which cannot
    send any other type, is told that its version is wrong.
    """

    envelope: bytes
    parts: Mapping[str, Octets] = field(default_factory=dict)
    soap11: bool = False
    unless_soap11: SoapFault | None = None


class Sendable(Protocol):
    """A message ready for the wire."""

    @property
    def content_type(self) -> str: ...
    @property
    def length(self) -> int: ...
    @property
    def chunks(self) -> Iterable[bytes]: ...


class Wire(Protocol):
    """The HTTP edge, as the SOAP layer sees it."""

    def read(self, exchange: "Exchange") -> Received:
        """Check the HTTP request and read it. Raises Refused and SoapFault."""
        ...

    def write(
        self, envelope: bytes, attachments: Mapping[str, Octets], *, action: str, multipart: bool
    ) -> Sendable: ...


@dataclass(slots=True, eq=False)
class Exchange:
    """State of one call; lives from the first octet of the request to the last of the answer.

    path_service: last segment of the path. service: what is served there, None when nothing is.
    multipart: the request is; the answer then is too (ITI TF-2 V.8.1).
    """

    environ: Mapping[str, Any]
    path_service: str
    service: Service | None
    multipart: bool
    received_at: datetime
    correlation_id: str
    tls: TlsFacts | None = None
    soap11: bool = False
    operation: Operation | None = None
    message_id: str = ""
    assertions: tuple[bytes, ...] = ()
    parts: Mapping[str, Octets] = field(default_factory=dict)
    reply: SoapReply | None = None
    fault: SoapFault | None = None
    answer: Sendable | None = None
    octets_in: int = 0
    dispatched: bool = False
    """Whether the dispatch was called, which keeps a trace of its own."""
    discard: Callable[[], None] = lambda: None
    """Forgets the parts that were not stored; called when the exchange is over, whatever happened."""

    def request(self, body: etree._Element) -> SoapRequest:
        """What the dispatch gets. Only for an exchange whose operation is known."""
        assert self.operation is not None
        return SoapRequest(
            self.operation,
            self.path_service,
            body,
            self.assertions,
            self.message_id,
            self.received_at,
            self.correlation_id,
            self.tls,
            self.parts,
        )

    @property
    def answers_multipart(self) -> bool:
        """The DMP answers ITI-41 and ITI-43 in MTOM always, faults included."""
        if self.operation is not None:
            return self.multipart or self.operation.mtom_answer
        return self.multipart or (self.service is not None and self.service.mtom)
