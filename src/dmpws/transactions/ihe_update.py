"""What ITI-57 does in steps: what the registry holds, the rows to store, the last look at the patients."""

from collections.abc import Sequence
from dataclasses import dataclass

from dmpws.codec.ebxml.fragments import association_fragment, entry_fragment, folder_fragment, set_fragment
from dmpws.codec.ebxml.rim import RimObject
from dmpws.codec.ebxml.submission import ReceivedSubmission
from dmpws.codec.ebxml.versions import read_stored
from dmpws.domain.checks import Report
from dmpws.domain.document import HAS_MEMBER, Association, DocumentEntry, Status, StoredEntry
from dmpws.domain.ihe.update import (
    AskedUpdate,
    AskedVersion,
    Registered,
    Stored,
    check_patients,
    check_propagation,
    uuid_of,
)
from dmpws.domain.packages import StoredFolder, StoredSet
from dmpws.transactions.deposit import final_association, final_id
from dmpws.transactions.ihe import IheCall
from dmpws.transactions.versioning import PreparedFolderVersion, PreparedUpdate, PreparedVersion


@dataclass(frozen=True, slots=True)
class Judged:
    """What is to be done, each thing with the object it is done to."""

    versions: Sequence[tuple[AskedVersion, StoredEntry | StoredFolder]]
    statuses: Sequence[tuple[Stored, Status]]
    links: Sequence[tuple[str, Association]]
    """Id of the SubmitAssociation, and the association it submits."""


def registered(call: IheCall, asked: AskedUpdate) -> Registered:
    """Read what the registry holds of the objects that a message names."""
    documents, packages = call.store.documents, call.store.packages
    uuids = [s.target for s in asked.statuses if not s.with_version]
    uuids += [end.lower() for link in asked.links.values() for end in (link.source, link.target)]
    lids = [v.lid for v in asked.versions] + [s.target for s in asked.statuses if s.with_version]
    links = packages.associations(uuids=uuids)
    sets = {lot.uuid for lot in packages.sets(uuids=[link.source for link in links])}
    objects: tuple[Stored, ...] = (*documents.by_entry_uuid(uuids), *packages.folders(uuids=uuids), *links)
    versions: tuple[StoredEntry | StoredFolder, ...] = (*documents.by_lid(lids), *packages.folders(lids=lids))
    return Registered(
        by_uuid={uuid_of(item): item for item in objects},
        by_lid={item.lid: item for item in versions if item.latest},
        of_sets=frozenset(link.uuid for link in links if link.source in sets),
    )


def patients_of(held: Registered) -> set[int]:
    """Rows of the patients of the objects that a message names."""
    return {item.patient for item in (*held.by_uuid.values(), *held.by_lid.values())}


def check_relatives(call: IheCall, asked: AskedUpdate, held: Registered, report: Report) -> None:
    """Check that objects which are related propagate their associations alike."""
    flags = {uuid_of(current): v.propagates for v in asked.versions if (current := held.current(v)) is not None}
    if len(set(flags.values())) > 1:
        check_propagation(flags, call.store.packages.associations(sources=flags, targets=flags), report)


def prepare(call: IheCall, received: ReceivedSubmission, judged: Judged, patient: int) -> PreparedUpdate:
    """Give everything its final id, and make the fragments that answers will carry.

    An object that gets both has its new version first, which then takes the new status (ITI TF-2 3.57.4.1.3).
    """
    lot = received.submission.submission_set
    submitted = {a.id: a for a in received.submission.associations}
    wanted = {uuid_of(item): status for item, status in judged.statuses}
    superseded = {uuid_of(current) for _, current in judged.versions}
    final = {lot.id: final_id(lot.id, call)}
    # A client that copies what ITI-18 gave it names the old version: it did not choose that UUID.
    final |= {
        v.item.id: final_id("" if v.item.id.lower() == uuid_of(current) else v.item.id, call)
        for v, current in judged.versions
    }
    documents = frozenset(final)
    kept = [submitted[v.link] for v, _ in judged.versions] + [link for _, link in judged.links]
    kept += [Association(by, HAS_MEMBER, lot.id, link.id) for by, link in judged.links]
    final |= {a.id: final_id(a.id, call) for a in kept}
    associations = [final_association(a, final, lot.id, documents) for a in kept]
    versions, folders = [], []
    items = {item.id: item for item in (*received.entries, *received.folders)}
    for version, current in judged.versions:
        uuid, status = final[version.item.id], wanted.get(uuid_of(current), current.status)
        item = items[version.item.id]
        if isinstance(current, StoredFolder):
            folders.append(_folder_version(call, version, current, item, uuid, status))
        else:
            versions.append(_version(call, version, current, item, uuid, status))
    return PreparedUpdate(
        patient=patient,
        submission_set=lot,
        submission_set_uuid=final[lot.id],
        submission_set_fragment=set_fragment(received.set, final[lot.id], new_uuid=call.new_uuid),
        versions=versions,
        folder_versions=folders,
        statuses=[(item, status) for item, status in judged.statuses if uuid_of(item) not in superseded],
        associations=[(a, association_fragment(a, new_uuid=call.new_uuid)) for a in associations],
    )


def _version(
    call: IheCall, version: AskedVersion, current: StoredEntry, item: RimObject, uuid: str, status: Status
) -> PreparedVersion:
    assert isinstance(version.item, DocumentEntry)
    stored, _ = read_stored(current)
    fragment = entry_fragment(
        item,
        uuid,
        hash_=current.hash,
        size=current.size,
        repository=stored.repository_unique_id,
        version=current.version + 1,
        new_uuid=call.new_uuid,
    )
    return PreparedVersion(current, version.item, uuid, fragment, status, version.item.id, version.propagates)


def _folder_version(
    call: IheCall, version: AskedVersion, current: StoredFolder, item: RimObject, uuid: str, status: Status
) -> PreparedFolderVersion:
    assert not isinstance(version.item, DocumentEntry)
    fragment = folder_fragment(item, uuid, new_uuid=call.new_uuid, version=current.version + 1)
    return PreparedFolderVersion(current, version.item, uuid, fragment, status, version.propagates)


def check_joined(call: IheCall, update: PreparedUpdate, report: Report) -> None:
    """Check, when everything is stored, that what was touched is still joined to its own patient's objects alone."""
    documents, packages = call.store.documents, call.store.packages
    touched = {v.entry_uuid for v in update.versions} | {v.uuid for v in update.folder_versions}
    touched |= {uuid_of(item) for item, status in update.statuses if status is Status.APPROVED}
    links = packages.associations(uuids=touched, sources=touched, targets=touched)
    uuids = {end for link in links for end in (link.source, link.target)}
    found: tuple[StoredEntry | StoredFolder, ...]
    found = (*documents.by_entry_uuid(uuids), *packages.folders(uuids=uuids))
    ends: dict[str, StoredEntry | StoredFolder | StoredSet]
    ends = {uuid_of(item): item for item in found if item.status is Status.APPROVED}
    ends |= {lot.uuid: lot for lot in packages.sets(uuids=uuids)}
    check_patients(links, ends, report)
