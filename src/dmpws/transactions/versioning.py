"""New metadata versions and new statuses, ready to be stored: what TD3.3 and the acts of dmpws.acts share."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from dmpws.codec.ebxml.fragments import association_fragment, entry_fragment, set_fragment
from dmpws.codec.ebxml.rim import RimObject
from dmpws.codec.ebxml.submission import ReceivedSubmission, read_entry
from dmpws.domain import oids
from dmpws.domain.checks import Report
from dmpws.domain.document import HAS_MEMBER, Association, DocumentEntry, Folder, Status, StoredEntry, SubmissionSet
from dmpws.domain.lot.update import NewMetadata
from dmpws.domain.packages import StoredAssociation, StoredFolder
from dmpws.domain.patient import PatientRecord
from dmpws.transactions.call import Context
from dmpws.transactions.deposit import final_association, final_id
from dmpws.transactions.vaccination import are_notes, keep_history


@dataclass(frozen=True, slots=True)
class PreparedVersion:
    """Implements dmpws.transactions.ports.NewVersion."""

    previous: StoredEntry
    entry: DocumentEntry
    entry_uuid: str
    fragment: bytes
    status: Status
    submitted_id: str
    propagates: bool


@dataclass(frozen=True, slots=True)
class PreparedFolderVersion:
    """Implements dmpws.transactions.ports.NewFolderVersion; plain IHE alone has them (DMPWS D104)."""

    previous: StoredFolder
    folder: Folder
    uuid: str
    fragment: bytes
    status: Status
    propagates: bool


@dataclass(frozen=True, slots=True)
class PreparedUpdate:
    """Implements dmpws.transactions.ports.RegistryUpdate."""

    patient: int
    submission_set: SubmissionSet
    submission_set_uuid: str
    submission_set_fragment: bytes
    versions: Sequence[PreparedVersion]
    statuses: Sequence[tuple[StoredEntry | StoredFolder | StoredAssociation, Status]]
    associations: Sequence[tuple[Association, bytes]]
    folder_versions: Sequence[PreparedFolderVersion] = ()


def store_update(
    call: Context,
    record: PatientRecord,
    received: ReceivedSubmission,
    versions: Sequence[PreparedVersion],
    statuses: Sequence[tuple[StoredEntry, Status]],
) -> None:
    """Store an update with the set that asks for it, note old and new values, and keep the historique up to date."""
    call.store.documents.add_update(_prepare(call, record, received, versions, statuses), now=call.now)
    deleted = [entry for entry, status in statuses if status is Status.DELETED]
    if are_notes([*deleted, *(version.previous for version in versions)]):
        keep_history(call, record)
    _note(call, versions, statuses)


def new_version(call: Context, change: NewMetadata, current: StoredEntry, item: RimObject) -> PreparedVersion:
    """The version that follows `current`; item: its whole metadata, of which `change` gives id and propagation."""
    # A client that copies what TD3.1 gave it names the old version: it did not choose that UUID.
    own = change.entry.id.lower() != current.entry_uuid
    uuid = final_id(change.entry.id if own else "", call)
    fragment = entry_fragment(
        item,
        uuid,
        hash_=current.hash,
        size=current.size,
        repository=oids.REPOSITORY,
        version=current.version + 1,
        new_uuid=call.new_uuid,
    )
    entry = read_entry(item, Report())
    return PreparedVersion(current, entry, uuid, fragment, current.status, change.entry.id, change.propagates)


def _prepare(
    call: Context,
    record: PatientRecord,
    received: ReceivedSubmission,
    versions: Sequence[PreparedVersion],
    statuses: Sequence[tuple[StoredEntry, Status]],
) -> PreparedUpdate:
    """Final ids and fragments of the set and of its HasMember associations; UpdateAvailabilityStatus is not kept."""
    lot = received.submission.submission_set
    set_uuid = final_id(lot.id, call)
    documents = {version.submitted_id: version.entry_uuid for version in versions}
    kept = [a for a in received.submission.associations if a.type == HAS_MEMBER]
    final = {lot.id: set_uuid} | documents | {a.id: final_id(a.id, call) for a in kept}
    members = [final_association(a, final, lot.id, frozenset(documents)) for a in kept]
    return PreparedUpdate(
        patient=record.id,
        submission_set=lot,
        submission_set_uuid=set_uuid,
        submission_set_fragment=set_fragment(received.set, set_uuid, new_uuid=call.new_uuid),
        versions=versions,
        statuses=statuses,
        associations=[(a, association_fragment(a, new_uuid=call.new_uuid)) for a in members],
    )


def _note(call: Context, versions: Sequence[PreparedVersion], statuses: Iterable[tuple[StoredEntry, Status]]) -> None:
    """Old and new values in the trace (DMPWS D22)."""
    for version in versions:
        old, new = version.previous, version.entry
        visibility = {"old": ", ".join(sorted(old.visibility)), "new": ", ".join(sorted(new.visibility))}
        call.notes.changes.append({"uniqueId": old.unique_id, **visibility, "entryUUID": version.entry_uuid})
    moved = ((v.previous, v.status) for v in versions if v.status is not v.previous.status)
    for entry, status in (*moved, *statuses):
        call.notes.changes.append({"uniqueId": entry.unique_id, "old": entry.status.name, "new": status.name})
