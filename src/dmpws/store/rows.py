"""Rows of document entries: from what was submitted, and to what the transactions see."""

import zlib
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from dmpws.domain.datatypes import Xcn, Xon
from dmpws.domain.document import Author, DocumentEntry, Status, StoredEntry
from dmpws.domain.query import dtm_key
from dmpws.store.encryption import OctetsDamaged, Sealer
from dmpws.store.search import nfc, spelled

ERASED = "ERASED"
"""Status of what was erased: only its identifiers are left, and no query gives it (dmpws.store.erasure)."""


_USUAL = b"".join((Path(__file__).parent / "usual_fragments.txt").read_bytes().splitlines())
"""What fragments have in common, as the preset dictionary of zlib: they take a third of the room they need without.

It never changes: what was packed with it opens with it alone, as zlib tells by a checksum. What was packed before there
was one still opens.
"""
_WINDOW, _MEMORY = 14, 6
"""For zlib: 16 KB, more than most fragments after the dictionary. By default it sets 256 KB up each time, which takes
longer than most."""
_PACKING = zlib.compressobj(wbits=_WINDOW, memLevel=_MEMORY, zdict=_USUAL)
_UNPACKING = zlib.decompressobj(zdict=_USUAL)


def pack(fragment: bytes, context: str, sealer: Sealer) -> bytes:
    """A fragment as it is stored: compressed, then sealed for the object `context` names."""
    stream = _PACKING.copy()
    return sealer.seal(stream.compress(fragment) + stream.flush(), context)


def unpack(stored: bytes, context: str, sealer: Sealer) -> bytes:
    """Undo `pack`. Raises OctetsDamaged."""
    stream = _UNPACKING.copy()
    try:
        fragment = stream.decompress(sealer.open(stored, context))
    except zlib.error:
        fragment = b""
    if not stream.eof:
        raise OctetsDamaged(f"a stored fragment does not open: {context}")
    return fragment


def join(values: Iterable[str]) -> str:
    """A set of identifiers or codes as one column, one per line; blanks inside, which none has, cannot add one."""
    return "\n".join(sorted({" ".join(value.split()) for value in values} - {""}))


@lru_cache(maxsize=4096)  # the same few authors write most of a record
def split(column: str) -> frozenset[str]:
    """Undo `join`."""
    return frozenset(column.split("\n")) if column else frozenset()


def persons(authors: Iterable[Author]) -> list[str]:
    """The whole XCN of the author persons, what patterns are matched with."""
    return [nfc(author.person) for author in authors if author.person]


def author_columns(authors: Sequence[Author]) -> dict[str, str]:
    """Identifiers of the authors, what rights are decided with."""
    return {
        "author_persons": join(Xcn.parse(author.person).id for author in authors),
        "author_institutions": join(Xon.parse(i).id for author in authors for i in author.institutions),
    }


def derived_columns(entry: DocumentEntry) -> dict[str, Any]:
    """The columns that repeat parts of the fragment."""
    return {
        "object_type": entry.object_type,
        "mime_type": entry.mime_type,
        "class_code": spelled(entry.class_code),
        "type_code": spelled(entry.type_code),
        "format_code": spelled(entry.format_code),
        "facility_type": spelled(entry.facility_type),
        "practice_setting": spelled(entry.practice_setting),
        "event_codes": [spelled(code) for code in entry.event_codes],
        "confidentiality": [spelled(code) for code in entry.confidentiality],
        "authors": persons(entry.authors),
        "reference_ids": [nfc(reference) for reference in entry.reference_ids],
        "visibility": join(entry.visibility),
        **author_columns(entry.authors),
        "legal_authenticator": Xcn.parse(entry.legal_authenticator).id,
        "is_signature": entry.is_signature,
        "creation_time": entry.creation_time,
        "creation_key": dtm_key(entry.creation_time),
        "service_start_key": dtm_key(entry.service_start),
        "service_stop_key": dtm_key(entry.service_stop),
    }


def stored_entry(row: Sequence[Any], sealer: Sealer) -> StoredEntry:
    """A row of ENTRY_COLUMNS as the transactions see it. A search builds hundreds: unpacked by position."""
    (
        row_id, entry_uuid, lid, version, latest, unique_id, patient, submission_set, status,
        object_type, mime_type, sha1, size, coded_type, coded_class, visibility, author_persons,
        author_institutions, legal_authenticator, is_signature, creation_time, received_at, octets,
        fragment, sha256,
    ) = row  # fmt: skip
    type_code, _, type_system = coded_type.partition("^^")
    return StoredEntry(
        row_id, entry_uuid, lid, version, latest, unique_id, patient, submission_set, Status[status],
        object_type, mime_type, sha1, size, type_code, type_system, coded_class.partition("^^")[0],
        split(visibility), split(author_persons), split(author_institutions), legal_authenticator,
        is_signature, creation_time, received_at, octets, unpack(fragment, entry_uuid, sealer), sha256,
    )  # fmt: skip
