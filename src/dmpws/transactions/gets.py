"""The stored queries that name what they want by identifier: GetDocuments and its kin."""

from collections.abc import Collection, Iterable, Sequence

from dmpws.codec.ebxml.stored_queries import Asked
from dmpws.domain.checks import Rule, refusal
from dmpws.domain.document import HAS_MEMBER, RPLC, RPLC_2010, StoredEntry
from dmpws.domain.packages import StoredAssociation, StoredFolder, StoredSet
from dmpws.transactions.finds import Found, links_of
from dmpws.transactions.shelf import Shelf

ONE_PATIENT = Rule(
    "SQ-ONE-PATIENT",
    "Les objets demandés sont d'un seul patient",
    "DMPWS D88",
    "XDSResultNotSinglePatient",
)
_DE, _SS, _FD = "$XDSDocumentEntry", "$XDSSubmissionSet", "$XDSFolder"


def get_documents(asked: Asked, shelf: Shelf, _limit: int) -> Found:
    return _documents(asked, shelf)


def get_folders(asked: Asked, shelf: Shelf, _limit: int) -> Found:
    return _folders(asked, shelf)


def get_associations(asked: Asked, shelf: Shelf, _limit: int) -> Found:
    """The associations that have one of the UUIDs at an end."""
    uuids = asked.texts("$uuid")
    found = shelf.associations(shelf.store.packages.associations(sources=uuids, targets=uuids))
    return _of_status(found, asked)


def get_documents_and_associations(asked: Asked, shelf: Shelf, _limit: int) -> Found:
    entries = _documents(asked, shelf)
    return [*entries, *links_of(entries, asked, shelf)]


def get_submission_sets(asked: Asked, shelf: Shelf, _limit: int) -> Found:
    """The sets that hold one of the UUIDs, and the HasMembers that say so."""
    packages = shelf.store.packages
    links = shelf.associations(
        link for link in packages.associations(targets=asked.texts("$uuid")) if link.type == HAS_MEMBER
    )
    sets = shelf.sets(packages.sets(uuids=[link.source for link in links]))
    uuids = {lot.uuid for lot in sets}
    return [*sets, *(link for link in links if link.source in uuids)]


def get_submission_set_and_contents(asked: Asked, shelf: Shelf, _limit: int) -> Found:
    """The set, its documents that pass the filters, its folders, what it put in folders, and the HasMembers."""
    shelf = shelf.with_signatures()
    packages = shelf.store.packages
    sets = packages.sets(uuids=asked.texts(f"{_SS}EntryUUID"), unique_ids=asked.texts(f"{_SS}UniqueId"))
    lots = shelf.sets(sets)
    _require_one_patient(sets, lots, asked, shelf)
    links = _members(lots, shelf)
    targets = {link.target for link in links}
    entries = _contents(targets, asked, shelf)
    folders = _current(shelf.folders(packages.folders(uuids=targets)), asked)
    known = {lot.uuid for lot in lots} | {e.entry_uuid for e in entries} | {folder.uuid for folder in folders}
    inner = [a for a in packages.associations(uuids=targets) if a.source in known and a.target in known]
    known |= {link.uuid for link in inner}
    return [*lots, *entries, *folders, *inner, *(link for link in links if link.target in known)]


def get_folder_and_contents(asked: Asked, shelf: Shelf, _limit: int) -> Found:
    """The folder, its documents that pass the filters, and the HasMembers."""
    folders = _folders(asked, shelf)
    links = _of_status(_members(folders, shelf), asked)
    entries = _contents({link.target for link in links}, asked, shelf)
    known = {entry.entry_uuid for entry in entries}
    return [*folders, *entries, *(link for link in links if link.target in known)]


def get_folders_for_document(asked: Asked, shelf: Shelf, _limit: int) -> Found:
    uuids = [entry.entry_uuid for entry in _documents(asked, shelf)]
    packages = shelf.store.packages
    links = [link for link in packages.associations(targets=uuids) if link.type == HAS_MEMBER]
    holders = {link.source for link in _of_status(links, asked)}
    return _current(shelf.folders(packages.folders(uuids=holders)), asked)


def get_related_documents(asked: Asked, shelf: Shelf, _limit: int) -> Found:
    """The relationships of a document, and the documents at both ends; nothing when it has none."""
    types = {RPLC if text == RPLC_2010 else text for text in asked.texts("$AssociationTypes")}
    given = {entry.entry_uuid for entry in _documents(asked, shelf)}
    touching = shelf.store.packages.associations(sources=given, targets=given)
    links = _of_status(shelf.associations(link for link in touching if link.type in types), asked)
    entries = {
        entry.entry_uuid: entry
        for entry in shelf.documents(dict.fromkeys(end for link in links for end in (link.source, link.target)))
        if entry.object_type in asked.object_types and (entry.latest or asked.all_versions)
    }
    between = [link for link in links if link.source in entries and link.target in entries]
    kept = {end for link in between for end in (link.source, link.target)}
    return [*(entry for uuid, entry in entries.items() if uuid in kept), *between]


def _documents(asked: Asked, shelf: Shelf) -> list[StoredEntry]:
    documents = shelf.store.documents
    found: list[StoredEntry] = []
    if uuids := asked.texts(f"{_DE}EntryUUID"):
        found += documents.by_entry_uuid(uuids)
    if unique_ids := asked.texts(f"{_DE}UniqueId"):
        found += documents.by_unique_id(unique_ids)
    if lids := asked.texts(f"{_DE}LogicalID"):
        found += documents.by_lid(lids)
    entries = shelf.entries(found)
    _require_one_patient(found, entries, asked, shelf)
    return [entry for entry in entries if entry.latest or asked.all_versions]


def _folders(asked: Asked, shelf: Shelf) -> list[StoredFolder]:
    found = shelf.store.packages.folders(
        uuids=asked.texts(f"{_FD}EntryUUID"),
        unique_ids=asked.texts(f"{_FD}UniqueId"),
        lids=asked.texts(f"{_FD}LogicalID"),
    )
    return _current(shelf.folders(found), asked)


def _current(folders: Iterable[StoredFolder], asked: Asked) -> list[StoredFolder]:
    return [folder for folder in folders if folder.latest or asked.all_versions]


def _members(packages: Sequence[StoredSet] | Sequence[StoredFolder], shelf: Shelf) -> list[StoredAssociation]:
    """The HasMembers of packages that exist, those to hidden things left out."""
    uuids = [package.uuid for package in packages]
    return shelf.associations(link for links in shelf.members(uuids).values() for link in links)


def _of_status(links: Iterable[StoredAssociation], asked: Asked) -> list[StoredAssociation]:
    statuses = asked.statuses("$XDSAssociationStatus")
    return [link for link in links if not statuses or link.status in statuses]


def _contents(uuids: Collection[str], asked: Asked, shelf: Shelf) -> list[StoredEntry]:
    """The entries of a package that pass its filters: format, confidentiality, type, version."""
    if not uuids:
        return []
    query = asked.document_query(shelf.patient, signatures=True, among=tuple(uuids))
    return shelf.entries(shelf.store.documents.find(query, limit=len(uuids)))


def _require_one_patient(
    found: Iterable[StoredEntry | StoredSet], existing: Iterable[StoredEntry | StoredSet], asked: Asked, shelf: Shelf
) -> None:
    """Refuse metadata of several patients. existing: those of `found` that exist; of other patients only the author
    is told."""
    if asked.object_refs:
        return
    known = {item.patient for item in existing} | {item.patient for item in found if shelf.tells_of(item)}
    if len(known) > 1:
        raise refusal(ONE_PATIENT, expected="1 patient", found=f"{len(known)} patients")
