"""One exchange with a server: the message of an operation, simple or MTOM, and its answer taken apart."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from lxml import etree

from dmpws.client.envelope import body_of, envelope, new_message_id
from dmpws.client.errors import BadAnswer
from dmpws.client.received import ReceivedSink
from dmpws.client.transport import Answer, Transport
from dmpws.domain.checks import Refused
from dmpws.domain.octets import Octets
from dmpws.http.limits import Limits
from dmpws.http.media_type import parse_media_type
from dmpws.http.mtom import SOAP_TYPE, PackageReader, write_package
from dmpws.transactions.registry import transaction

_GIGABYTE = 1024**3


@dataclass(frozen=True, slots=True)
class Received:
    """The child of the Body of an answer, and its parts by Content-ID."""

    body: etree._Element
    parts: Mapping[str, Octets] = field(default_factory=dict)


def exchange(
    transport: Transport,
    code: str,
    body: etree._Element,
    *,
    assertion: bytes = b"",
    attachments: Mapping[str, Octets] | None = None,
    service: str = "",
) -> Received:
    """Send the message of a transaction. service: path called, when it is not the first of the operation.

    Raises Unreachable without an answer, ServerFault for a SOAP fault, BadAnswer for anything that is not SOAP, or the
    answer to another message.
    """
    operation = transaction(code).operation
    if operation is None:
        raise ValueError(f"{code} has no message of its own")
    path = service or operation.service
    message_id = new_message_id()
    message = envelope(
        action=operation.action,
        to=f"{transport.url}/{path}",
        assertion=assertion,
        body=etree.tostring(body),
        message_id=message_id,
    )
    if operation.mtom_request or operation.mtom_answer:
        sent = write_package(message, attachments or {}, action=operation.action)
        answer = transport.post(path, sent.content_type, sent.chunks, sent.length)
    else:
        content_type = f'{SOAP_TYPE}; charset=UTF-8; action="{operation.action}"'
        answer = transport.post(path, content_type, [message], len(message))
    try:
        return _received(answer, message_id)
    except BadAnswer:
        transport.close()  # what may still come on this connection is not the answer to the next request
        raise


def _received(answer: Answer, message_id: str) -> Received:
    media_type = parse_media_type(answer.content_type)
    if media_type.name == SOAP_TYPE:
        return Received(body_of(answer.stream.read(), message_id=message_id))
    if media_type.name != "multipart/related":
        start = answer.stream.read(200).decode("utf-8", "replace")
        raise BadAnswer(f"HTTP {answer.status}, {answer.content_type or 'no Content-Type'}: {start}")
    limits = Limits(body=_GIGABYTE, document=_GIGABYTE)
    try:
        reader = PackageReader(media_type, ReceivedSink(), limits)
        while piece := answer.stream.read(256 * 1024):
            reader.feed(piece)
        package = reader.finish()
    except Refused as refused:
        raise BadAnswer(str(refused)) from None
    return Received(body_of(package.envelope, message_id=message_id), package.parts)
