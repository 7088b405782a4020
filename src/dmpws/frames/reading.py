"""What a file holds: an envelope, a MIME package, a Body alone, a VIHF, a CDA document or a lot signature."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.parser import BytesHeaderParser
from enum import StrEnum
from pathlib import Path

from lxml import etree

from dmpws.client.received import ReceivedSink
from dmpws.domain.octets import Octets
from dmpws.http.limits import Limits
from dmpws.http.media_type import MediaType, parse_media_type
from dmpws.http.mtom import XOP_TYPE, PackageReader
from dmpws.xml.names import DS, HL7, SAML, SOAP, SOAP11
from dmpws.xml.parser import XmlLimits, parse

LIMITS = XmlLimits(octets=112 * 1024 * 1024)
_HEADER_LINE = re.compile(rb"(?:POST \S+ HTTP/1\.[01]|[A-Za-z0-9-]+:[^\r\n]*)\r?\n")
_HEADERS_END = re.compile(rb"\r?\n\r?\n")


class Kind(StrEnum):
    """What a file is, in French."""

    ENVELOPE = "enveloppe SOAP"
    PACKAGE = "enveloppe SOAP dans un paquet MTOM"
    VIHF = "VIHF (assertion SAML)"
    CDA = "document CDA"
    SIGNATURE = "signature de lot (XAdES)"
    BODY = "contenu d'un Body SOAP, sans enveloppe"


_BY_ROOT = {
    f"{{{SOAP}}}Envelope": Kind.ENVELOPE,
    f"{{{SOAP11}}}Envelope": Kind.ENVELOPE,
    f"{{{SAML}}}Assertion": Kind.VIHF,
    f"{{{HL7}}}ClinicalDocument": Kind.CDA,
    f"{{{DS}}}Signature": Kind.SIGNATURE,
}


@dataclass(frozen=True, slots=True)
class Frame:
    """A file, read. octets: of `root` alone, without the package around it. parts: documents of a package, by
    Content-ID."""

    kind: Kind
    octets: bytes
    root: etree._Element
    parts: Mapping[str, Octets] = field(default_factory=dict)


def read(path: Path) -> Frame:
    """Read a file. Raises OSError, and Refused when what it holds is neither XML nor a MIME package."""
    return understand(path.read_bytes())


def understand(octets: bytes) -> Frame:
    """Recognise what the octets of a file are; HTTP headers before them are allowed. Raises Refused."""
    content_type, octets = _without_headers(octets)
    if not octets.lstrip().startswith(b"--"):
        root = parse(octets, LIMITS)
        return Frame(_BY_ROOT.get(str(root.tag), Kind.BODY), octets, root)
    reader = PackageReader(content_type or _guessed(octets), ReceivedSink(), Limits())
    reader.feed(octets)
    package = reader.finish()
    return Frame(Kind.PACKAGE, package.envelope, parse(package.envelope, LIMITS), package.parts)


def _without_headers(octets: bytes) -> tuple[MediaType | None, bytes]:
    """Take off the request line and headers of an HTTP capture; an XML file begins with neither."""
    if not _HEADER_LINE.match(octets) or octets.startswith(b"--") or not (end := _HEADERS_END.search(octets)):
        return None, octets
    head = octets[: end.start()]
    if head.startswith(b"POST "):
        head = head.partition(b"\n")[2]
    named = BytesHeaderParser().parsebytes(head).get("Content-Type", "")
    media_type = parse_media_type(named) if named.lower().startswith("multipart/") else None
    return media_type, octets[end.end() :]


def _guessed(octets: bytes) -> MediaType:
    """The media type of a package captured without its HTTP headers: the boundary is its first line."""
    boundary = octets.lstrip().split(b"\n", 1)[0].strip()[2:].decode("latin-1")
    return MediaType("multipart/related", {"boundary": boundary, "type": XOP_TYPE})
