"""What one request may weigh. Every limit has its own refusal, which names it."""

from dataclasses import dataclass, field

from dmpws.xml.parser import XmlLimits

MB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of a request. Sizes are octets, after the Content-Transfer-Encoding is undone.

    body: the HTTP body as received. envelope: the SOAP envelope. document: one MIME part that is not the envelope.
    xml_document: a document that must be parsed or canonicalised, hence held in memory.
    parts: MIME parts, the envelope included. part_headers: the headers of one part.
    reading_seconds: from the end of the HTTP headers to the last octet of the body.
    """

    body: int = 112 * MB
    envelope: XmlLimits = field(default_factory=XmlLimits)
    document: int = 100 * MB
    xml_document: XmlLimits = field(default_factory=lambda: XmlLimits(octets=32 * MB))
    parts: int = 64
    part_headers: int = 16 * 1024
    reading_seconds: float = 120
