"""What crosses the border between SOAP and the transactions: operations, requests, replies."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from lxml import etree

from dmpws.domain.octets import Octets


@dataclass(frozen=True, slots=True)
class Operation:
    """One WSDL operation. Several transactions may share it (TD0.2 and TD1.3a, TD2.1 and TD2.2).

    service: last segment of the path (`patients`). aliases: other paths serving the same contract.
    body: qualified name of the Body child, in Clark notation.
    action_variants: other wsa:Action values real clients send, accepted.
    mtom: the request must be MTOM and the answer is multipart, faults included (ITI-41, ITI-43).
    """

    service: str
    name: str
    body: str
    action: str
    response_action: str
    aliases: tuple[str, ...] = ()
    action_variants: tuple[str, ...] = ()
    mtom_request: bool = False
    mtom_answer: bool = False


@dataclass(frozen=True, slots=True)
class TlsFacts:
    """What is known of the client's end of the TLS connection."""

    certificate: bytes
    """DER of the client certificate; empty when there is none and the server lets such clients in (profile `ihe`)."""
    peer: str = ""
    """IP address of the client."""


@dataclass(frozen=True, slots=True)
class SoapRequest:
    """One call, its envelope already checked and taken apart.

    assertions: each saml2:Assertion of the WS-Security header, as octets that stand alone (the token checks
    refuse any number but one). parts: the other MIME parts by Content-ID. received_at: aware UTC.
    """

    operation: Operation
    path_service: str
    """Last segment of the path really called (`repositoryCPE`)."""
    body: etree._Element
    assertions: tuple[bytes, ...]
    message_id: str
    received_at: datetime
    correlation_id: str
    tls: TlsFacts | None
    parts: Mapping[str, Octets] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SoapReply:
    """The Body child to send, and the parts its xop:Include elements name.

    body: an lxml element, or the serialised octets of one (answers joined from stored fragments).
    """

    body: etree._Element | bytes
    attachments: Mapping[str, Octets] = field(default_factory=dict)


Dispatch = Callable[[SoapRequest], SoapReply]
"""Runs one request. May raise `dmpws.soap.faults.SoapFault`, or `dmpws.domain.checks.Refused` (security)."""
