"""What the registry holds of the things a lot names, as far as its depositor may know of them."""

from collections import defaultdict
from collections.abc import Callable, Iterable

from dmpws.domain.checks import Report
from dmpws.domain.document import (
    APND,
    DEPENDENTS,
    HAS_MEMBER,
    IN_FORCE,
    XFRM,
    Status,
    StoredEntry,
    Submission,
    SubmissionSet,
)
from dmpws.domain.lot.associations import dependents, folder_links, references, replacements, signatures
from dmpws.domain.lot.facts import RegistryFacts
from dmpws.domain.lot.registry import NEW_ID, SET_KNOWN
from dmpws.domain.lot.relations import check_ids, ids_of
from dmpws.domain.packages import StoredFolder
from dmpws.domain.patient import PatientRecord
from dmpws.domain.visibility import is_author, knows
from dmpws.transactions.call import Call, Context
from dmpws.transactions.reading import current_versions, reader_of

Known = Callable[[Iterable[StoredEntry]], list[StoredEntry]]
"""Gives those of some entries that the depositor may know of."""


def registry_facts(call: Call, record: PatientRecord, submission: Submission) -> RegistryFacts:
    """Read what the registry holds of this lot, as its depositor would find it there."""
    return gather(call, submission, lambda found: _known(call, record, found))


def gather(call: Context, submission: Submission, known: Known) -> RegistryFacts:
    """Read what the registry holds of the things a submission names."""
    unique_id = submission.submission_set.unique_id
    folder_ids = [folder.unique_id for folder in submission.folders]
    entries: dict[str, list[StoredEntry]] = defaultdict(list)
    wanted = [unique_id, *(e.unique_id for e in submission.entries), *folder_ids]
    for entry in call.store.documents.by_unique_id(wanted):
        entries[entry.unique_id].append(entry)
    ties = (
        *replacements(submission),
        *dependents(submission),
        *signatures(submission),
        *folder_links(submission),
        *references(submission),
    )
    targets = {a.target.lower() for a in ties}
    found = call.store.documents.by_entry_uuid(targets) if targets else []
    packages = call.store.documents.known_packages(wanted)
    return RegistryFacts(
        set_known=unique_id in packages,
        entries=entries,
        targets={e.entry_uuid: e for e in known(found)},
        folders=_folders(call, submission, known),
        taken=packages | {i for i in folder_ids if entries.get(i)},
        transforms=_transforms(call, submission),
        uuids=known_uuids(call, ids_of(submission)),
    )


def check_new_set(call: Context, lot: SubmissionSet, report: Report) -> None:
    """Check that the submission set of an update is new, by uniqueId and UUID."""
    documents = call.store.documents
    known = documents.known_packages([lot.unique_id]) or documents.by_unique_id([lot.unique_id])
    report.require(not known, SET_KNOWN, expected=NEW_ID, found=f"lot, uniqueId={lot.unique_id[:200]}", where=lot.id)
    check_ids([lot.id], known_uuids(call, [lot.id]), report)


def known_uuids(call: Context, ids: Iterable[str]) -> frozenset[str]:
    """Those of the ids of a message that registered objects of any kind have."""
    uuids = [name for name in ids if name.startswith("urn:uuid:")]
    if not uuids:
        return frozenset()
    packages = call.store.packages
    found = {entry.entry_uuid for entry in call.store.documents.by_entry_uuid(uuids)}
    found |= {lot.uuid for lot in packages.sets(uuids=uuids)} | {f.uuid for f in packages.folders(uuids=uuids)}
    return frozenset(found | {link.uuid for link in packages.associations(uuids=uuids)})


def _known(call: Call, record: PatientRecord, found: Iterable[StoredEntry]) -> list[StoredEntry]:
    """Those the depositor may know of; of another patient's documents he knows his own alone.

    An older version may be named, but the latest one says who may know of it.
    """
    current = current_versions(call, found)
    if not current:
        return []  # the usual lot names nothing that is registered
    reader = reader_of(call, record, current.values())

    def is_known(entry: StoredEntry) -> bool:
        return knows(reader, entry) if entry.patient == record.id else is_author(reader, entry)

    return [entry for entry in found if is_known(current[entry.entry_uuid])]


def _folders(call: Context, submission: Submission, known: Known) -> dict[str, StoredFolder]:
    """The registered folders that the lot fills; one that holds only what the depositor may not know is unknown."""
    links = folder_links(submission)
    if not links:
        return {}
    found = call.store.packages.folders(uuids={a.source.lower() for a in links})
    held: dict[str, set[str]] = {folder.uuid: set() for folder in found}
    for link in call.store.packages.associations(sources=held):
        if link.type == HAS_MEMBER:
            held[link.source].add(link.target)
    members = call.store.documents.by_entry_uuid({uuid for uuids in held.values() for uuid in uuids})
    shown = {entry.entry_uuid for entry in known(members)}
    return {folder.uuid: folder for folder in found if not held[folder.uuid] or held[folder.uuid] & shown}


def _transforms(call: Context, submission: Submission) -> frozenset[str]:
    appended = {a.target.lower() for a in dependents(submission) if a.type == APND}
    if not appended:
        return frozenset()
    return frozenset(link.source for link in call.store.packages.associations(sources=appended) if link.type == XFRM)


def falling(call: Context, submission: Submission) -> list[StoredEntry]:
    """The documents that complete or transform one that the lot replaces, and fall with it: archived, one could come
    back alone.

    They are known once the record is locked.
    """
    replaced = {a.target.lower() for a in replacements(submission)}
    if not replaced:
        return []
    links = call.store.packages.associations(targets=replaced)
    sources = [link.source for link in links if link.type in DEPENDENTS and link.status is Status.APPROVED]
    return [entry for entry in call.store.documents.by_entry_uuid(sources) if entry.status in IN_FORCE]
