"""ITI-62, Remove Metadata: objects leave the registry, their documents stay in the repository (DMPWS D101)."""

from collections.abc import Collection, Sequence

from lxml import etree

from dmpws.codec.ebxml.answers import registry_response
from dmpws.codec.ebxml.removal import read_removal
from dmpws.domain.checks import Report
from dmpws.domain.document import HAS_MEMBER, StoredEntry
from dmpws.domain.ihe.removal import RemovalFacts, check_removal
from dmpws.domain.packages import RegistryObject, StoredAssociation
from dmpws.soap.message import Operation, SoapReply
from dmpws.transactions.ihe import IheCall, hold_all, note_patients, refuse_with, register_ihe
from dmpws.xml.names import LCM

OPERATION = Operation(
    service="registry",
    name="DocumentRegistry_DeleteDocumentSet",
    body=f"{{{LCM}}}RemoveObjectsRequest",
    action="urn:ihe:iti:2010:DeleteDocumentSet",
    response_action="urn:ihe:iti:2010:DeleteDocumentSetResponse",
)


def handle(call: IheCall, body: etree._Element) -> SoapReply:
    """Remove what the message names, all or nothing, while nobody changes the records concerned."""
    uuids = read_removal(body)
    hold_all(call, lambda: _patients(call, _find(call, uuids).values()))
    found = _find(call, uuids)
    note_patients(call, (item.patient for item in found.values()))
    report = Report()
    touching = call.store.packages.associations(sources=found, targets=found)
    check_removal(uuids, RemovalFacts(found, touching, _orphans(call, found)), report)
    report.raise_failures()
    _note(call, found)
    call.store.removal.metadata(found, now=call.now)
    return SoapReply(registry_response())


def _find(call: IheCall, uuids: Sequence[str]) -> dict[str, RegistryObject]:
    """The objects of these UUIDs that exist."""
    documents, packages = call.store.documents, call.store.packages
    found: dict[str, RegistryObject] = {entry.entry_uuid: entry for entry in documents.by_entry_uuid(uuids)}
    for items in (packages.sets(uuids=uuids), packages.folders(uuids=uuids), packages.associations(uuids=uuids)):
        found |= {item.uuid: item for item in items}
    return found


def _patients(call: IheCall, items: Collection[RegistryObject]) -> set[int]:
    """Rows of the patients of these objects and of every entry of the same documents: when two removals take the last
    two entries of a document at the same time, one of them must see that no entry is left."""
    documents = {item.unique_id for item in items if isinstance(item, StoredEntry)}
    return {item.patient for item in (*items, *call.store.documents.by_unique_id(documents))}


def _orphans(call: IheCall, found: dict[str, RegistryObject]) -> list[str]:
    """What stays, but no longer in a submission set."""
    packages = call.store.packages
    gone = [item for item in found.values() if isinstance(item, StoredAssociation) and item.type == HAS_MEMBER]
    of_sets = {lot.uuid for lot in packages.sets(uuids=[link.source for link in gone])}
    lost = {link.target for link in gone if link.source in of_sets} - found.keys()
    left = [a for a in packages.associations(targets=lost) if a.type == HAS_MEMBER and a.uuid not in found]
    holders = {lot.uuid for lot in packages.sets(uuids=[link.source for link in left])}
    return sorted(lost - {link.target for link in left if link.source in holders})


def _note(call: IheCall, found: dict[str, RegistryObject]) -> None:
    for uuid, item in found.items():
        name = {} if isinstance(item, StoredAssociation) else {"uniqueId": item.unique_id}
        call.notes.changes.append({**name, "entryUUID": uuid, "old": item.status.name, "new": ""})
        if isinstance(item, StoredEntry):
            call.notes.documents.append({"uniqueId": item.unique_id, "typeCode": item.type_code})


register_ihe(
    "ITI-62",
    "Retrait de métadonnées",
    OPERATION,
    handle,
    refuse_with("XDSRegistryError"),
    module=__name__,
    audit="remove-metadata",
    writes=True,
    references=("DMPWS D101",),
)
