"""The `Document` elements of an ITI-41 request: xop:Include or inline base64, matched with the entries."""

import base64
import binascii
import hashlib
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import BinaryIO

from lxml import etree

from dmpws.domain.checks import Report, Rule
from dmpws.domain.octets import Octets
from dmpws.xml.names import XDSB
from dmpws.xml.text import text_of
from dmpws.xml.xop import INCLUDE, content_id_of

_REFERENCE = "ITI TF-2 3.41.4.1.3"
MISSING = Rule("XDS-DOC-MISSING", "Chaque fiche a son document joint", _REFERENCE, "XDSMissingDocument")
PART = Rule("XDS-DOC-PART", "xop:Include désigne une partie du message", _REFERENCE, "XDSMissingDocument")
BASE64 = Rule("XDS-DOC-BASE64", "Un document inclus est du base64 valide", _REFERENCE, "XDSMissingDocument")
EXTRA = Rule("XDS-DOC-EXTRA", "Chaque document joint a sa fiche", _REFERENCE, "XDSMissingDocumentMetadata")
ORPHAN = Rule("XDS-DOC-ORPHAN", "Chaque partie du message est un document", _REFERENCE, "XDSMissingDocumentMetadata")
TWICE = Rule("XDS-DOC-TWICE", "Une fiche n'a qu'un document joint", _REFERENCE, "XDSMissingDocumentMetadata")
CASE = Rule("XDS-DOC-CASE", "Document@id est exactement l'id de la fiche", _REFERENCE, "XDSMissingDocument")

_DOCUMENT = f"{{{XDSB}}}Document"


@dataclass(frozen=True)
class InlineOctets:
    """Octets that came inside the envelope, which bounds them."""

    content: bytes

    @property
    def size(self) -> int:
        return len(self.content)

    @cached_property
    def sha1(self) -> str:
        return hashlib.sha1(self.content, usedforsecurity=False).hexdigest()

    @cached_property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()

    def open(self) -> BinaryIO:
        return io.BytesIO(self.content)

    def read(self) -> bytes:
        return self.content


def read_documents(
    body: etree._Element, entry_ids: Iterable[str], parts: Mapping[str, Octets], report: Report
) -> dict[str, Octets]:
    """Return the octets of each entry, by entry id; what does not match goes into `report`.

    parts: the other MIME parts by Content-ID.
    """
    known = {entry_id: entry_id for entry_id in entry_ids}
    # The official frame itself writes documentME2 for DocumentME2: accepted, and said.
    folded = {entry_id.casefold(): entry_id for entry_id in known}
    available = {name.strip("<>"): octets for name, octets in parts.items()}
    found: dict[str, Octets] = {}
    used: set[str] = set()
    for element in body.iterchildren(_DOCUMENT):
        name = element.get("id", "")
        octets = _octets(element, name, available, used, report)
        entry_id = known.get(name) or folded.get(name.casefold())
        if entry_id is None:
            report.failed(EXTRA, expected="l'id d'une fiche", found=name[:200] or "rien", where=name)
            continue
        if entry_id != name:
            report.warned(CASE, expected=entry_id, found=name, where=entry_id)
        if entry_id in found:
            report.failed(TWICE, expected="1 Document", found=f"encore {name}", where=entry_id)
        if octets is not None:
            found[entry_id] = octets
        else:
            known.pop(entry_id, None)
    for entry_id in known:
        if entry_id not in found:
            report.failed(MISSING, expected=f"un Document {entry_id}", found="aucun", where=entry_id)
    for orphan in available.keys() - used:
        report.failed(ORPHAN, expected="une partie nommée par un xop:Include", found=orphan[:200])
    return found


def _octets(
    element: etree._Element, name: str, available: Mapping[str, Octets], used: set[str], report: Report
) -> Octets | None:
    include = element.find(INCLUDE)
    if include is None:
        try:
            return InlineOctets(base64.b64decode("".join(text_of(element).split()), validate=True))
        except (binascii.Error, ValueError):
            report.failed(BASE64, expected="du base64", found="autre chose", where=name)
            return None
    cid = content_id_of(include)
    used.add(cid)
    if cid not in available:
        report.failed(PART, expected="une partie MIME", found=include.get("href", ""), where=name)
        return None
    return available[cid]
