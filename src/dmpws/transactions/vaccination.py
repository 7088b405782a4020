"""The vaccination notes of a record, and the historique that the DMP writes from them (DMPWS D33, D75, D76)."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from lxml import etree

from dmpws.codec.cda import parse_document, read_header
from dmpws.codec.cda_metadata import entry_of
from dmpws.codec.ebxml.attachments import InlineOctets
from dmpws.codec.ebxml.submission import read_submission
from dmpws.codec.ebxml.writing import provide_and_register
from dmpws.codec.vaccination import read_note
from dmpws.codec.vaccination_acts import birth_place, read_acts
from dmpws.codec.vaccination_history import TITLE, History
from dmpws.domain import oids
from dmpws.domain.checks import Refused, Report, refusal
from dmpws.domain.code import Code
from dmpws.domain.datatypes import Cx, format_dtm
from dmpws.domain.document import (
    HAS_MEMBER,
    IN_FORCE,
    RPLC,
    Association,
    DocumentEntry,
    Status,
    StoredEntry,
    SubmissionSet,
)
from dmpws.domain.lot.facts import RegistryFacts
from dmpws.domain.lot.vaccination import NEW, SAME, SAME_TEXT
from dmpws.domain.patient import PatientRecord
from dmpws.domain.producers import SOCIAL_SECURITY
from dmpws.domain.query import DocumentQuery
from dmpws.domain.vaccination import HISTORY_TYPE, NOTE_TYPE, VaccinationNote
from dmpws.transactions.call import Context
from dmpws.transactions.deposit import prepare_lot

MOST = 1000
"""Notes, or versions of the historique, of one record that are read."""

_SET, _ENTRY = "SubmissionSet01", "Document01"


@dataclass(frozen=True, slots=True)
class StoredNote:
    """A note in force: its entry, its ClinicalDocument and what that says."""

    entry: StoredEntry
    document: etree._Element
    note: VaccinationNote

    @property
    def day(self) -> str:
        return max((v.day for v in self.note.vaccinations), default="")


def are_notes(entries: Iterable[DocumentEntry | StoredEntry]) -> bool:
    """Tell whether one of these entries is a vaccination note: then the historique changes with it."""
    return any(_is_note(entry) for entry in entries)


def _is_note(entry: DocumentEntry | StoredEntry) -> bool:
    if isinstance(entry, StoredEntry):
        return (entry.type_code, entry.type_system) == (NOTE_TYPE.code, NOTE_TYPE.system)
    return entry.type_code is not None and entry.type_code.same(NOTE_TYPE)


def check_duplicates(
    call: Context,
    record: PatientRecord,
    notes: Mapping[str, VaccinationNote],
    replaced: Collection[int],
    report: Report,
) -> None:
    """Check that the vaccinations of a lot are new: no same CIS code and day, in the record or in the lot itself.

    notes: by entry id. replaced: row ids of the documents that the lot replaces.
    """
    if not notes or not call.settings.vaccination_history:
        return
    known = {key for stored in _in_force(call, record) if stored.entry.id not in replaced for key in _keys(stored.note)}
    for entry_id, note in notes.items():
        for key in _keys(note):
            ok = key not in known
            report.require(ok, SAME, expected=NEW, found=_shown(key), where=entry_id, text="" if ok else SAME_TEXT)
            known.add(key)


def keep_history(call: Context, record: PatientRecord, added: Collection[str] = ()) -> None:
    """Write a new version of the historique from the notes in force: after notes were added, replaced or deleted.

    To be called in the unit of work of that change, after it, with the record locked. added: uniqueIds of the notes it
    brought. Raises Refused (DMPFragmentCVAError) when another call brought the same vaccination in the meantime.
    """
    if not call.settings.vaccination_history:
        return
    notes = sorted(_in_force(call, record), key=lambda stored: stored.day, reverse=True)
    _require_new(notes, added)
    former = next(iter(_find(call, record, HISTORY_TYPE, tuple(Status))), None)
    if former is None and not notes:
        return
    current = former if former is not None and former.status in IN_FORCE else None
    _store(call, record, _write(call, record, notes, former, current), current)


def _in_force(call: Context, record: PatientRecord) -> list[StoredNote]:
    """The notes the historique is made of. A hidden one is not: the historique would show it."""
    found: list[StoredNote] = []
    for entry in _find(call, record, NOTE_TYPE, IN_FORCE):
        document = None if entry.visibility else _read(call, entry)
        if document is not None:
            found.append(StoredNote(entry, document, read_note(document)))
    return found


def _find(call: Context, record: PatientRecord, type_code: Code, statuses: tuple[Status, ...]) -> Sequence[StoredEntry]:
    query = DocumentQuery(patient=record.id, statuses=statuses, types=(type_code,))
    return call.store.documents.find(query, limit=MOST)


def _read(call: Context, entry: StoredEntry) -> etree._Element | None:
    """The stored document; None when it cannot be read any more, or never could (`cda` was off)."""
    try:
        document, _ = parse_document(call.store.documents.octets(entry).read(), call.settings.cda_limits)
    except (Refused, KeyError):
        return None
    return document


def _keys(note: VaccinationNote) -> Iterator[tuple[str, str]]:
    return (v.key for v in note.vaccinations if v.key is not None)


def _shown(key: tuple[str, str]) -> str:
    return f"CIS {key[0][:40]}, {key[1]}"


def _require_new(notes: Iterable[StoredNote], added: Collection[str]) -> None:
    first: dict[tuple[str, str], str] = {}
    for stored in notes:
        unique_id = stored.entry.unique_id
        for key in _keys(stored.note):
            if key in first and (unique_id in added or first[key] in added):
                raise refusal(SAME, expected=NEW, found=_shown(key), text=SAME_TEXT)
            first[key] = unique_id


def _write(
    call: Context,
    record: PatientRecord,
    notes: Sequence[StoredNote],
    former: StoredEntry | None,
    current: StoredEntry | None,
) -> bytes:
    """The next version; its number and its set follow from the version before, whatever became of that one."""
    before = _read(call, former) if former is not None else None
    header = read_header(before) if before is not None else None
    version = int(header.version) if header is not None and header.version.isdigit() else 0
    return History(
        ins=record.ins,
        traits=record.traits,
        unique_id=_new_oid(call),
        set_id=header.set_id.root if header is not None and header.set_id.root else _new_oid(call),
        version=version + 1,
        replaces=current.unique_id if current is not None else "",
        effective=call.now,
        new_id=call.new_uuid().upper(),
        acts=[act for stored in notes for act in read_acts(stored.document)],
        birth_place=next(filter(None, (birth_place(d) for d in (*(n.document for n in notes), before))), ""),
    ).to_xml()


def _store(call: Context, record: PatientRecord, cda: bytes, current: StoredEntry | None) -> None:
    """Store a version in a lot of the DMP, as visible as the version it replaces."""
    visibility = tuple(sorted(current.visibility)) if current is not None else ()
    entry = replace(entry_of(cda, _ENTRY, visibility=visibility), service_stop="")
    lot = SubmissionSet(
        id=_SET,
        unique_id=_new_oid(call),
        source_id=oids.DMP_CUSTODIAN,
        patient_id=str(Cx(record.ins.value, record.ins.authority, "NH")),
        submission_time=format_dtm(call.now),
        content_type=SOCIAL_SECURITY,
        authors=entry.authors,
        title=TITLE,
    )
    links = [Association("member", HAS_MEMBER, _SET, _ENTRY, {"SubmissionSetStatus": ("Original",)})]
    targets: dict[str, StoredEntry] = {}
    if current is not None:
        # Left archived, it would be a second historique in force as soon as somebody unarchives it.
        call.store.documents.set_status([current.id], Status.APPROVED)
        links.append(Association("replacement", RPLC, _ENTRY, current.entry_uuid))
        targets[current.entry_uuid] = current
        change = {"uniqueId": current.unique_id, "old": current.status.name, "new": Status.DEPRECATED.name}
        call.notes.changes.append(change)
    received = read_submission(provide_and_register(lot, [entry], links, []), Report())
    registry = RegistryFacts(set_known=False, entries={}, targets=targets)
    headers = {_ENTRY: read_header(parse_document(cda)[0])}
    prepared = prepare_lot(call, received, {_ENTRY: InlineOctets(cda)}, None, registry, record.id, headers)
    call.store.documents.add_lot(prepared, now=call.now)
    call.notes.documents.append({"uniqueId": entry.unique_id, "typeCode": HISTORY_TYPE.code})


def _new_oid(call: Context) -> str:
    return f"{oids.VACCINATION_HISTORIES}.{UUID(call.new_uuid()).int}"
