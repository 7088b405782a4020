"""The SOAP 1.2 envelope of a request, and taking an answer apart."""

import uuid
from xml.sax.saxutils import escape

from lxml import etree

from dmpws.client.errors import BadAnswer, FaultDetail, ServerFault
from dmpws.domain.checks import Refused
from dmpws.xml.names import SOAP, WSA, WSSE
from dmpws.xml.parser import XmlLimits, parse

ANONYMOUS = f"{WSA}/anonymous"
LIMITS = XmlLimits(octets=256 * 1024 * 1024, tags=20_000_000)


def new_message_id() -> str:
    """A `wsa:MessageID` that nobody else has."""
    return f"urn:uuid:{uuid.uuid4()}"


def envelope(*, action: str, to: str, assertion: bytes, body: bytes, message_id: str = "") -> bytes:
    """Return a request. The assertion, if any, is put in as the octets that were signed, never moved between trees."""
    head = (
        f'<?xml version="1.0" encoding="UTF-8"?><soap:Envelope xmlns:soap="{SOAP}"><soap:Header>'
        f'<wsa:Action xmlns:wsa="{WSA}" soap:mustUnderstand="true">{escape(action)}</wsa:Action>'
        f'<wsa:MessageID xmlns:wsa="{WSA}">{message_id or new_message_id()}</wsa:MessageID>'
        f'<wsa:To xmlns:wsa="{WSA}">{escape(to)}</wsa:To>'
        f'<wsa:ReplyTo xmlns:wsa="{WSA}"><wsa:Address>{ANONYMOUS}</wsa:Address></wsa:ReplyTo>'
    )
    security = b'<wsse:Security xmlns:wsse="%s">%s</wsse:Security>' % (WSSE.encode(), assertion) if assertion else b""
    return head.encode() + security + b"</soap:Header><soap:Body>" + body + b"</soap:Body></soap:Envelope>"


def body_of(octets: bytes, *, message_id: str = "") -> etree._Element:
    """Return the Body child of an answer. message_id: of the request, which the answer may relate to (WSA10 3.4).

    Raises ServerFault for a fault, BadAnswer for anything that is not a SOAP 1.2 envelope with one body, and for the
    answer to another request, late or sent twice.
    """
    try:
        root = parse(octets, LIMITS)
    except Refused as refused:
        raise BadAnswer(str(refused)) from None
    body = root.find(f"{{{SOAP}}}Body") if root.tag == f"{{{SOAP}}}Envelope" else None
    if body is None or len(body) != 1:
        raise BadAnswer("the answer is not a SOAP 1.2 envelope with one body element")
    relates_to = (root.findtext(f"{{{SOAP}}}Header/{{{WSA}}}RelatesTo") or "").strip()
    if message_id and relates_to and relates_to != message_id:
        raise BadAnswer(f"the answer is to the message {relates_to[:100]}, not to {message_id}")
    child = body[0]
    if child.tag == f"{{{SOAP}}}Fault":
        raise _fault(child)
    return child


def _fault(fault: etree._Element) -> ServerFault:
    values = [_local(v.text or "") for v in fault.iter(f"{{{SOAP}}}Value")]
    reason = fault.findtext(f"{{{SOAP}}}Reason/{{{SOAP}}}Text") or ""
    detail = fault.find(f"{{{SOAP}}}Detail")
    details = tuple(_detail(child) for child in detail) if detail is not None else ()
    return ServerFault(values[0] if values else "", values[-1] if len(values) > 1 else "", reason, details)


def _local(qname: str) -> str:
    return qname.strip().rpartition(":")[2]


def _detail(check: etree._Element) -> FaultDetail:
    def value(name: str) -> str:
        child = check.find(f"{{*}}{name}")
        return check.get(name) or (child.text or "" if child is not None else "")

    return FaultDetail(value("rule"), value("reference"), value("expected"), value("found"))
