"""Comparing an answer with the one that was expected: structure and values, whatever the identifiers and dates."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher

from lxml import etree

from dmpws.xml.path import path_of

_LIKE = tuple(
    re.compile(pattern)
    for pattern in (
        r"_?(?:urn:uuid:)?[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}",
        r"(?:urn:oid:)?(?:2\.25\.[0-9]+|[0-2](?:\.(?:0|[1-9][0-9]*)){5,})",
        r"[0-9]{8}(?:[0-9]{4}(?:[0-9]{2}(?:\.[0-9]+)?)?)?(?:[+-][0-9]{4})?",
        r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+(?:Z|[+-][0-9:]{5})?",
        r"cid:\S+",
        r"[0-9a-f]{40}",
    )
)
"""UUID, OID, HL7 and ISO instants, Content-ID, SHA-1: two values of one form are taken for equal."""

_COUNTED = frozenset({"size"})
"""Slots whose value follows from the octets."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Where two answers differ. place: path in the answer that has it; expected, found: empty when absent."""

    place: str
    expected: str
    found: str


def differences(expected: etree._Element, found: etree._Element) -> Iterator[Difference]:
    """Every difference of names, attributes, texts, number and order of children."""
    if expected.tag != found.tag:
        yield Difference(path_of(found), str(expected.tag), str(found.tag))
        return
    for name in sorted({*expected.attrib, *found.attrib}):
        wanted, given = expected.get(name), found.get(name)
        if wanted is None or given is None or not _same(wanted, given):
            yield Difference(f"{path_of(found)}/@{etree.QName(name).localname}", wanted or "", given or "")
    if found.get("name") not in _COUNTED:
        wanted, given = (expected.text or "").strip(), (found.text or "").strip()
        if not _same(wanted, given):
            yield Difference(path_of(found), wanted, given)
        yield from _children(expected, found)


def _children(expected: etree._Element, found: etree._Element) -> Iterator[Difference]:
    """Children are paired by name, so that one that is missing does not make those after it differ."""
    here, there = list(expected.iterchildren("*")), list(found.iterchildren("*"))
    names, others = ([str(child.tag) for child in children] for children in (here, there))
    blocks = [("equal", 0, len(names), 0, len(names))]
    if names != others:
        blocks = list(SequenceMatcher(None, names, others, autojunk=False).get_opcodes())
    for _, first, last, start, stop in blocks:
        if last - first == stop - start:  # the same names, or each another
            for wanted, given in zip(here[first:last], there[start:stop], strict=True):
                yield from differences(wanted, given)
            continue
        yield from (Difference(path_of(child), etree.QName(child).localname, "") for child in here[first:last])
        yield from (Difference(path_of(child), "", etree.QName(child).localname) for child in there[start:stop])


def _same(wanted: str, given: str) -> bool:
    return wanted == given or any(form.fullmatch(wanted) and form.fullmatch(given) for form in _LIKE)
