"""A CDA document as a person opens it: the file of a level 1 body, or the text of a structured one as a page."""

import base64
import binascii
from collections.abc import Iterator

from lxml import etree

from dmpws.codec.cda import parse_document, read_header
from dmpws.codec.xdm.layout import EXTENSIONS
from dmpws.codec.xdm.text import shown
from dmpws.domain.checks import Refused
from dmpws.domain.media import flaw
from dmpws.xml.names import HL7
from dmpws.xml.parser import XmlLimits
from dmpws.xml.text import text_of

_H = f"{{{HL7}}}"
_PAGES = frozenset({"application/pdf", "image/jpeg", "image/tiff", "text/rtf", "text/plain"})
_TAGS = {
    "paragraph": "p", "content": "span", "list": "ul", "item": "li", "table": "table", "thead": "thead",
    "tbody": "tbody", "tfoot": "tfoot", "tr": "tr", "td": "td", "th": "th", "caption": "caption", "sub": "sub",
    "sup": "sup", "br": "br",
}  # fmt: skip
"""The narrative of HL7 CDA R2 in HTML; of anything else only the text is shown, and no attribute but two."""
_STYLE = (
    "body{font:16px/1.5 'Segoe UI',Arial,sans-serif;color:#1b2733;max-width:60rem;margin:2rem auto;padding:0 1rem}"
    "table{border-collapse:collapse}td,th{border:1px solid #c9d6df;padding:.25rem .6rem;text-align:left}"
    "h1{color:#0b4f6c}h2,h3{color:#0b4f6c;margin-bottom:.2rem}"
)


def readable(octets: bytes, limits: XmlLimits) -> tuple[str, bytes] | None:
    """(extension, content) of what a person opens; None when the document is not a CDA, or has nothing to show."""
    try:
        document, _ = parse_document(octets, limits)
    except Refused:
        return None
    body = document.find(f"{_H}component/{_H}nonXMLBody/{_H}text")
    if body is not None:
        return _file(body)
    structured = document.find(f"{_H}component/{_H}structuredBody")
    return ("HTM", "".join(_page(document, structured)).encode()) if structured is not None else None


def _file(body: etree._Element) -> tuple[str, bytes] | None:
    """The file of a level 1 body, when it is what it says: nothing that a computer would run."""
    media_type = body.get("mediaType", "").partition(";")[0].strip().lower()
    text = "".join(map(str, body.itertext()))
    try:
        encoded = body.get("representation") == "B64"
        content = base64.b64decode("".join(text.split()), validate=True) if encoded else text.encode()
    except (binascii.Error, ValueError):
        return None
    if media_type not in _PAGES or not content or flaw(media_type, content):
        return None
    return EXTENSIONS[media_type], content


def _page(document: etree._Element, body: etree._Element) -> Iterator[str]:
    title = shown(read_header(document).title)
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    yield (
        f'<!DOCTYPE html>\n<html lang="fr"><head><meta charset="UTF-8"/><title>{title}</title>'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}"/><style>{_STYLE}</style></head>'
        f"<body><h1>{title}</h1>\n"
    )
    for section in body.iterfind(f"{_H}component/{_H}section"):
        yield from _section(section, 2)
    yield "</body></html>\n"


def _section(section: etree._Element, level: int) -> Iterator[str]:
    title = section.find(f"{_H}title")
    if title is not None:
        yield f"<h{level}>{shown(text_of(title))}</h{level}>\n"
    text = section.find(f"{_H}text")
    if text is not None:
        yield from _narrative(text)
        yield "\n"
    for inner in section.iterfind(f"{_H}component/{_H}section"):
        yield from _section(inner, min(level + 1, 6))


def _narrative(element: etree._Element) -> Iterator[str]:
    """What is inside an element, as HTML."""
    yield shown(element.text or "")
    for child in element.iterchildren(tag=etree.Element):
        tag = _TAGS.get(etree.QName(child).localname, "")
        if tag == "ul" and child.get("listType") == "ordered":
            tag = "ol"
        if tag == "br":
            yield "<br/>"
        elif tag:
            spans = ((name, child.get(name, "")) for name in ("colspan", "rowspan"))
            attributes = "".join(f' {name}="{value}"' for name, value in spans if value.isascii() and value.isdigit())
            yield f"<{tag}{attributes}>"
            yield from _narrative(child)
            yield f"</{tag}>"
        else:
            yield from _narrative(child)
        yield shown(child.tail or "")
