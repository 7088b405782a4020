"""Sending a frame to a server, and reading what it answers."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from lxml import etree

from dmpws.client.transport import Answer, Transport
from dmpws.client.verdict import verdict
from dmpws.domain.checks import Report
from dmpws.domain.octets import Octets
from dmpws.frames.operations import Recognised, recognise
from dmpws.frames.reading import Frame, Kind, understand
from dmpws.http.mtom import SOAP_TYPE, write_package
from dmpws.soap.envelope import open_envelope


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer. body: child of the Body, fault or not. carrier, code: what it says in one word."""

    status: int
    octets: bytes
    body: etree._Element
    carrier: str
    code: str


def operation_of(frame: Frame) -> Recognised | None:
    """The operation of a whole message, or the one it almost is; None for anything else. Raises Refused."""
    if frame.kind not in (Kind.ENVELOPE, Kind.PACKAGE):
        return None
    body = open_envelope(frame.root, soap11=frame.kind is Kind.PACKAGE).body
    return recognise(body, next(frame.root.iterchildren("{*}Header"), None), Report())


def send(transport: Transport, found: Recognised, envelope: bytes, parts: Mapping[str, Octets]) -> Answered:
    """Send a message and read the answer. Raises Unreachable, and Refused when the answer is not the DMP's."""
    operation = found.operation
    if parts or operation.mtom_request:
        package = write_package(envelope, parts, action=operation.action)
        answer = transport.post(found.service, package.content_type, package.chunks, package.length)
    else:
        content_type = f'{SOAP_TYPE}; charset=UTF-8; action="{operation.action}"'
        answer = transport.post(found.service, content_type, [envelope], len(envelope))
    return _read(answer)


def _read(answer: Answer) -> Answered:
    octets = answer.stream.read()
    captured = f"Content-Type: {answer.content_type}\r\n\r\n".encode() + octets
    body = body_of(understand(captured))
    return Answered(answer.status, octets, body, *verdict(body))


def body_of(frame: Frame) -> etree._Element:
    """The child of the Body of a message; the root of what is none. Raises Refused for an empty Body."""
    if frame.kind in (Kind.ENVELOPE, Kind.PACKAGE):
        return open_envelope(frame.root, soap11=True).body
    return frame.root


def reasons(body: etree._Element) -> Iterator[str]:
    """The sentences with which an answer explains a refusal, whatever carries them."""
    for element in body.iter("*"):
        name = etree.QName(element).localname
        text = (element.text or "").strip()
        if name == "RegistryError":
            yield f"{element.get('errorCode', '')}: {element.get('codeContext', '')}"
        elif text and name == "context":
            yield text
        elif text and (parent := element.getparent()) is not None:
            holder = etree.QName(parent).localname
            if (name, holder) in {("Text", "Reason"), ("text", "acknowledgementDetail")}:
                yield text
