"""Canonical XML of what is signed, with its two traps closed: a defect of libxml2, and its quadratic cost.

Canonicalising an element costs the square of the namespace declarations in scope and of its own attributes:
120 KB chosen for it keep a processor busy for two minutes. `parse_signed` refuses such a document before
anything canonicalises it.
"""

import hashlib
from typing import Any, Final

from lxml import etree

from dmpws.domain.checks import Rule, refusal
from dmpws.xml.parser import XmlLimits, parse, reparse

COST = Rule(
    "XML-C14N",
    "La mise en forme canonique du document doit avoir un coût raisonnable",
    "DMPWS LIMITS",
    "DMPInvalidRequest",
)
NAMESPACES = Rule(
    "XML-C14N-URI",
    "Les espaces de noms d'un document signé sont des URI absolues",
    "XML-C14N 1.3",
    "DMPInvalidRequest",
)

C14N: Final = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"
C14N_WITH_COMMENTS: Final = C14N + "#WithComments"
INCLUSIVE: Final = frozenset({C14N, C14N_WITH_COMMENTS})

_BUDGET = 100_000_000
"""Elements times the square of the declarations in scope: 0.6 s; a CDA document stays below a hundredth of it."""
_FEW_ATTRIBUTES = 10_000
_XMLNS_UTF16 = b"x\0m\0l\0n\0s"
"""`xmlns` in UTF-16, either way round."""
_ELEMENTS: Any = etree.XPath("count(//*)")
_CROWDED = etree.XPath("boolean(//*[count(@*) > 256])")


class _Hash:
    """A file to write to, that keeps only the digest."""

    def __init__(self, algorithm: str) -> None:
        self._hash = hashlib.new(algorithm)

    def write(self, chunk: bytes) -> int:
        self._hash.update(chunk)
        return len(chunk)

    def digest(self) -> bytes:
        return self._hash.digest()


def parse_signed(octets: bytes, limits: XmlLimits) -> etree._Element:
    """Parse octets received from outside that are going to be canonicalised, and return the root.

    Raises Refused as `dmpws.xml.parser.parse` does, and when canonicalising would cost too much.
    """
    root = parse(octets, limits)
    # Counting octets is cheap, and never counts too little in the encodings that `parse` lets in.
    declarations = octets.count(b"xmlns") + (octets.count(_XMLNS_UTF16) if b"\0" in octets else 0)
    if len(octets) * declarations**2 > _BUDGET and octets.count(b"<") * declarations**2 > _BUDGET:
        found = _declarations_in_scope(root)
        if int(_ELEMENTS(root)) * found**2 > _BUDGET:
            raise refusal(COST, found=f"{found} déclarations d'espaces de noms sur une même branche")
    if len(octets) > _FEW_ATTRIBUTES and octets.count(b"=") > _FEW_ATTRIBUTES and _CROWDED(root):
        raise refusal(COST, expected="au plus 256 attributs par élément", found="davantage")
    return root


def _declarations_in_scope(root: etree._Element) -> int:
    most = current = 0
    for event, _ in etree.iterwalk(root, events=("start-ns", "end-ns")):
        current += 1 if event == "start-ns" else -1
        most = max(most, current)
    return most


def canonical(element: etree._Element) -> bytes:
    """Inclusive C14N 1.0, without comments, of one element with all that it inherits (XML-C14N 2.3)."""
    return _tostring(reparse(element))


def document_digest(root: etree._Element, algorithm: str, *, comments: bool) -> bytes:
    """Digest of the inclusive C14N 1.0 of a whole document, which is never held in memory in that form.

    algorithm: a name of hashlib. Raises Refused when a namespace is relative, which has no canonical form.
    """
    digest = _Hash(algorithm)
    try:
        tree: Any = root.getroottree()
        tree.write_c14n(digest, exclusive=False, with_comments=comments)
    except etree.C14NError:
        raise refusal(NAMESPACES) from None
    return digest.digest()


def _tostring(root: etree._Element) -> bytes:
    try:
        return etree.tostring(root, method="c14n", exclusive=False, with_comments=False)
    except etree.C14NError:
        raise refusal(NAMESPACES) from None
