"""The stored queries that look for what a patient has: FindDocuments and its kin, GetAll."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

from dmpws.codec.ebxml.stored_queries import Asked
from dmpws.domain.checks import Rule, refusal
from dmpws.domain.datatypes import format_dtm
from dmpws.domain.document import StoredEntry
from dmpws.domain.packages import RegistryObject, StoredAssociation, StoredFolder, StoredSet
from dmpws.transactions.shelf import Shelf

TOO_MANY = Rule("SQ-TOO-MANY", "La recherche donne trop de résultats", "DMPWS D23", "XDSTooManyResults")

LINKS = 10
"""Associations for each document that an answer may hold."""
_KINDS: Mapping[type, str] = {
    StoredEntry: "fiches",
    StoredSet: "lots",
    StoredFolder: "classeurs",
    StoredAssociation: "associations",
}

Found = Sequence[RegistryObject]
T = TypeVar("T")


def find_documents(asked: Asked, shelf: Shelf, limit: int) -> Found:
    """FindDocuments and FindDocumentsByReferenceId."""
    return _entries(asked, shelf, limit, signatures=shelf.finds_signatures)


def find_submission_sets(asked: Asked, shelf: Shelf, limit: int) -> Found:
    query = asked.set_query(shelf.patient)
    packages = shelf.store.packages
    return visible(lambda offset: packages.find_sets(query, limit=limit, offset=offset), shelf.sets, limit)


def find_folders(asked: Asked, shelf: Shelf, limit: int) -> Found:
    """FindFolders, last updated first; lastUpdateTime is the one the reader may know."""
    query = asked.folder_query(shelf.patient)
    period = asked.time_range("$XDSFolderLastUpdateTime")
    found = shelf.folders(shelf.store.packages.find_folders(query))
    newest = sorted(found, key=lambda folder: (folder.last_update, folder.id), reverse=True)
    return [folder for folder in newest if period.holds(format_dtm(folder.last_update))]


def get_all(asked: Asked, shelf: Shelf, limit: int) -> Found:
    """Sets, entries and folders of the patient, and the associations that touch one of them."""
    sets = find_submission_sets(asked, shelf, limit)
    entries = _entries(asked, shelf, limit, signatures=True)
    folders = shelf.folders(shelf.store.packages.find_folders(asked.folder_query(shelf.patient)))
    found: list[RegistryObject] = [*sets, *entries, *folders]
    return [*found, *links_of(found, asked, shelf)]


def links_of(items: Sequence[RegistryObject], asked: Asked, shelf: Shelf) -> Found:
    """The associations that touch one of the items, of the statuses asked for."""
    uuids = [item.entry_uuid if isinstance(item, StoredEntry) else item.uuid for item in items]
    found = shelf.associations(shelf.store.packages.associations(sources=uuids, targets=uuids))
    statuses = asked.statuses("$XDSAssociationStatus")
    return [link for link in found if not statuses or link.status in statuses]


def require_few(found: Iterable[object], limit: int) -> None:
    """Refuse more objects of a kind than one answer holds; associations are small, and each document has several
    (DMPWS D23)."""
    for kind, number in Counter(map(type, found)).items():
        most = limit * LINKS if kind is StoredAssociation else limit
        if number > most:
            raise refusal(TOO_MANY, expected=f"au plus {most} {_KINDS[kind]}", found="davantage")


def _entries(asked: Asked, shelf: Shelf, limit: int, *, signatures: bool) -> list[StoredEntry]:
    query = asked.document_query(shelf.patient, signatures=signatures)
    documents = shelf.store.documents
    return visible(lambda offset: documents.find(query, limit=limit, offset=offset), shelf.entries, limit)


def visible(page: Callable[[int], Sequence[T]], keep: Callable[[Iterable[T]], list[T]], limit: int) -> list[T]:
    """What exists for the reader, page after page: what is hidden does not count towards the limit (DMPWS D64)."""
    kept: list[T] = []
    offset = 0
    while found := page(offset):
        kept += keep(found)
        require_few(kept, limit)
        offset += len(found)
        if len(found) <= limit:
            break
    return kept
