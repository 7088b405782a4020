"""Who reads: what TD3.1 and TD3.2 need to know of a caller who was admitted."""

from collections.abc import Iterable

from dmpws.domain.document import StoredEntry
from dmpws.domain.patient import PatientRecord
from dmpws.domain.visibility import Reader
from dmpws.transactions.admission import Standing, caller_of, standing_of, with_equals
from dmpws.transactions.call import Call


def reader_of(
    call: Call, record: PatientRecord, entries: Iterable[StoredEntry] = (), standing: Standing | None = None
) -> Reader:
    """The caller as a reader of this record, and of these entries, which may be those of a linked structure.

    standing: what the record holds about him, when it was read already.
    """
    caller = caller_of(call.vihf)
    standing = standing or standing_of(call, caller, record)
    caller = with_equals(call, caller, entries)
    return Reader(caller, standing.treating_doctor, record.masked_visible_in_emergency, call.settings.type_rights)


def current_versions(call: Call, entries: Iterable[StoredEntry]) -> dict[str, StoredEntry]:
    """The latest metadata version of the document of each entry, by the entryUUID of the entry.

    Who may know of a document is said by its latest version alone: it may have been masked since.
    """
    versions = {entry.entry_uuid: entry for entry in entries}
    old = {entry.lid for entry in versions.values() if not entry.latest}
    latest = {entry.lid: entry for entry in call.store.documents.by_lid(old) if entry.latest} if old else {}
    return {uuid: entry if entry.latest else latest[entry.lid] for uuid, entry in versions.items()}
