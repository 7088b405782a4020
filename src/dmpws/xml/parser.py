"""The one XML parser: no DTD, no entity, no network, bounded in octets, tags and depth.

Every document that comes from outside goes through `parse`; `tests/test_architecture.py` fails when another
module builds an lxml parser. Parsing what the program itself wrote uses `reparse`.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from lxml import etree

from dmpws.domain.checks import Rule, refusal

SIZE = Rule("XML-SIZE", "Le document XML dépasse la taille permise", "DMPWS LIMITS", "DMPInvalidRequest")
TAGS = Rule("XML-TAGS", "Le document XML a trop de balises", "DMPWS LIMITS", "DMPInvalidRequest")
ATTRIBUTES = Rule("XML-ATTRIBUTES", "Le document XML a trop d'attributs", "DMPWS LIMITS", "DMPInvalidRequest")
DEPTH = Rule("XML-DEPTH", "Le document XML est trop profond", "DMPWS LIMITS", "DMPInvalidRequest")
DTD = Rule("XML-DTD", "Une déclaration DOCTYPE est interdite", "SOAP12 5", "DMPInvalidRequest")
ENCODING = Rule("XML-ENCODING", "Le document XML est en UTF-8 ou UTF-16", "XML10 4.3.3", "DMPInvalidRequest")
WELL_FORMED = Rule("XML-FORM", "Le document n'est pas du XML bien formé", "XML10 2.1", "DMPInvalidRequest")


# Octets are counted before parsing, so `<` must be itself: UTF-7, UTF-32 and the encodings with escapes, which
# libxml2 knows, would hide it. What libxml2 found is not asked: it calls UTF-16 without declaration UTF-8.
_ASCII_INSIDE = frozenset({"UTF-8", "US-ASCII", "ASCII", "ISO-8859-1", "ISO-8859-15", "WINDOWS-1252"})
_DECLARATION = re.compile(rb"""(?:\xef\xbb\xbf)?<\?xml\s[^>]*?\bencoding\s*=\s*["']([^"'>]*)""")
_POSITION = re.compile(r"(, line \d+, column \d+)?( \(.*, line \d+\))?$")
_UTF32 = (b"\xff\xfe\0\0", b"\0\0\xfe\xff", b"<\0\0\0", b"\0\0\0<")
_UTF16 = (b"\xff\xfe", b"\xfe\xff", b"<\0", b"\0<")


@dataclass(frozen=True, slots=True)
class XmlLimits:
    """Bounds of one kind of document; octets before parsing, the others cost nothing measurable."""

    octets: int = 10 * 1024 * 1024
    tags: int = 1_000_000
    """Start, end and empty tags, comments and processing instructions together; and as many attributes, which
    cost twice as much memory each."""
    depth: int = 100


def _parser() -> etree.XMLParser:
    # One parser per call: lxml parsers are not safe to share between threads while they hold an error log.
    # huge_tree lifts the 10,000,000 character limit of a text node; our own limits stand in for it.
    return etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=True,
        remove_comments=False,
        remove_pis=False,
        strip_cdata=False,
    )


@lru_cache
def _deeper_than(depth: int) -> etree.XPath:
    return etree.XPath("boolean(" + "/*" * (depth + 1) + ")")


def parse(octets: bytes, limits: XmlLimits = XmlLimits()) -> etree._Element:
    """Parse octets received from outside and return the root.

    Raises Refused (DMPInvalidRequest) when a limit is passed, a DOCTYPE is present, the encoding is an exotic one,
    the octets are not what it claims, or the document is not well-formed; the position is in `where`.
    """
    if len(octets) > limits.octets:
        raise refusal(SIZE, expected=f"au plus {limits.octets} octets", found=f"{len(octets)} octets")
    if encoding := _exotic(octets):
        raise refusal(ENCODING, expected="UTF-8 ou UTF-16", found=encoding)
    if len(octets) > limits.tags:
        _require_few_tags(octets, limits.tags)
    try:
        root = etree.fromstring(octets, _parser())
    except (etree.XMLSyntaxError, ValueError, LookupError) as error:
        line, column = getattr(error, "position", (0, 0))
        where = f"ligne {line}, colonne {column}" if line else ""
        raise refusal(WELL_FORMED, found=_why(octets, error), where=where) from None
    info: Any = root.getroottree().docinfo
    if info.doctype or info.internalDTD is not None:
        raise refusal(DTD, found=info.doctype or "DOCTYPE")
    if _deeper_than(limits.depth)(root.getroottree()):
        raise refusal(DEPTH, expected=f"au plus {limits.depth} niveaux", found="davantage")
    return root


def _why(octets: bytes, error: Exception) -> str:
    """What is wrong, in one line. Clients that write Windows-1252 without saying so are told the octet."""
    try:
        octets.decode()
    except UnicodeDecodeError as bad:
        if not octets.startswith(_UTF16) and not _DECLARATION.match(octets):
            return f"l'octet {octets[bad.start]:#04x}, qui n'est pas de l'UTF-8, sans encodage déclaré"
    return _POSITION.sub("", str(error).partition("\n")[0])


def _require_few_tags(octets: bytes, most: int) -> None:
    """Count before parsing: a tree costs a hundred times the octets of its smallest tags."""
    if (tags := octets.count(b"<")) > most:
        raise refusal(TAGS, expected=f"au plus {most} balises", found=f"{tags} balises")
    if (attributes := octets.count(b"=")) > most:
        raise refusal(ATTRIBUTES, expected=f"au plus {most} attributs", found=f"jusqu'à {attributes} attributs")


def encoding_of(octets: bytes) -> str:
    """The encoding of a document, as its first octets show it or its declaration says."""
    if octets.startswith(_UTF32):
        return "UTF-32"
    if octets.startswith(_UTF16):
        return "UTF-16"
    declared = _DECLARATION.match(octets)
    name = declared[1].decode("ascii", "replace").strip() if declared else "UTF-8"
    return name[:40] or "?"


def _exotic(octets: bytes) -> str:
    """The encoding of a document when it is not let in, else an empty string. Windows-1252 and its like are: old
    clients write them."""
    name = encoding_of(octets)
    let_in = name.upper() in _ASCII_INSIDE or (name == "UTF-16" and octets.startswith(_UTF16))
    return "" if let_in else name


def reparse(element: etree._Element) -> etree._Element:
    """Return a copy of `element` that is the root of a document of its own.

    libxml2 2.14 emits spurious `xmlns=""` when it canonicalises (inclusive C14N) an element inside a larger
    tree; a copy that stands alone is right. Inherited `xml:*` attributes, which C14N 1.0 imports, are carried.
    """
    copy: etree._Element = etree.fromstring(etree.tostring(element, with_tail=False), _parser())
    for ancestor in element.iterancestors():
        for name, value in ancestor.attrib.items():
            if str(name).startswith("{http://www.w3.org/XML/1998/namespace}") and name not in copy.attrib:
                copy.set(name, value)
    return copy
