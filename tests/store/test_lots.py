"""Storing lots: all or nothing, byte for byte, identifiers unique, replaced entries still in force."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import insert, select, update

from dmpws.domain import oids
from dmpws.domain.checks import Refused
from dmpws.domain.code import Code
from dmpws.domain.document import MASQUE_PS, Author, Status
from dmpws.domain.patient import Ins, PatientRecord
from dmpws.domain.query import DocumentQuery
from dmpws.signature.model import LotEvidence
from dmpws.store import Store
from dmpws.store.octets import MemoryOctets
from dmpws.store.tables import association, document_entry
from dmpws.testing.deposits import Lot, entry, lot, new_oid, open_record, received, signature_entry
from dmpws.transactions.ports import StorageError

PDF = b"%PDF-1.7 " + bytes(range(256)) * 600
CDA = "<ClinicalDocument>é</ClinicalDocument>".encode()
SIGNATURE = b"<ds:Signature/>"


@pytest.fixture
def record(store: Store) -> PatientRecord:
    with store.write() as work:
        return open_record(work)


def _signed(store: Store, record: PatientRecord, *contents: bytes, unique_ids: tuple[str, ...] = ()) -> Lot:
    ids = unique_ids or tuple(new_oid() for _ in contents)
    documents = [(entry(unique_id=i), received(store.blobs, c)) for i, c in zip(ids, contents, strict=True)]
    documents.append((signature_entry(), received(store.blobs, SIGNATURE)))
    evidence = LotEvidence(SIGNATURE, (b"leaf", b"anchor", b"leaf"), (("CN=IGC", 7),), record.created_at, '["é"]')
    return lot(record, documents, evidence=evidence)


def _store(store: Store, new: Lot, now: datetime) -> None:
    with store.write() as work:
        work.documents.add_lot(new, now=now)


def test_a_lot_comes_back_byte_for_byte(store: Store, record: PatientRecord, now: datetime) -> None:
    new = _signed(store, record, PDF, CDA, b"")
    _store(store, new, now)
    with store.read() as work:
        stored = work.documents.by_entry_uuid(e.entry_uuid for e in new.entries)
        octets = [work.documents.octets(e) for e in stored]
        assert work.documents.known_packages([new.submission_set.unique_id])
        assert not work.documents.known_packages([new.entries[0].entry.unique_id])
    assert [o.read() for o in octets] == [PDF, CDA, b"", SIGNATURE]
    assert [(o.size, o.sha1, o.sha256) for o in octets] == [
        (len(c), hashlib.sha1(c).hexdigest(), hashlib.sha256(c).hexdigest()) for c in (PDF, CDA, b"", SIGNATURE)
    ]
    assert [e.fragment for e in stored] == [e.fragment for e in new.entries]
    assert [e.is_signature for e in stored] == [False, False, False, True]


def test_what_rights_and_answers_need(store: Store, record: PatientRecord, now: datetime) -> None:
    author = Author(
        "899900063480^LIBRE^MAX^^^^^^&1.2.250.1.71.4.2.1&ISO^D^^^IDNPS",
        ("HOPITAL^^^^^&1.2.250.1.71.4.2.2&ISO^IDNST^^^11B0062640", "SANS NUMERO"),
    )
    anonymous = Author("^SANS^NUMERO")
    document = entry(
        authors=(author, anonymous),
        legal_authenticator="801234567897^DOCTORANT",
        confidentiality=(Code("N", oids.CONFIDENTIALITY), Code(MASQUE_PS, oids.VISIBILITY)),
        creation_time="202611",
    )
    new = lot(record, [(document, received(store.blobs, PDF))])
    _store(store, new, now)
    with store.read() as work:
        (stored,) = work.documents.by_unique_id([document.unique_id])
    assert stored.author_persons == {"899900063480"}
    assert stored.author_institutions == {"11B0062640"}
    assert stored.legal_authenticator == "801234567897"
    assert stored.visibility == {MASQUE_PS}
    assert (stored.status, stored.version, stored.latest) == (Status.APPROVED, 1, True)
    assert stored.lid == stored.entry_uuid == new.entries[0].entry_uuid
    assert (stored.type_code, stored.type_system) == ("11488-4", "2.16.840.1.113883.6.1")
    assert (stored.class_code, stored.mime_type, stored.creation_time) == ("10", "text/xml", "202611")
    assert (stored.hash, stored.size) == (hashlib.sha1(PDF).hexdigest(), len(PDF))
    assert (stored.patient, stored.received_at) == (record.id, now)


def test_an_identifier_cannot_smuggle_another_one_in(store: Store, record: PatientRecord, now: datetime) -> None:
    document = entry(authors=(Author("1\n899900063480^X"),))
    _store(store, lot(record, [(document, received(store.blobs, PDF))]), now)
    with store.read() as work:
        (stored,) = work.documents.by_unique_id([document.unique_id])
    assert stored.author_persons == {"1 899900063480"}


def test_the_evidence_of_a_lot(store: Store, record: PatientRecord, now: datetime) -> None:
    new = _signed(store, record, PDF)
    _store(store, new, now)
    with store.read() as work:
        stored = work.documents.lot(new.submission_set.unique_id)
        assert stored is not None
        entries = work.documents.of_lot(stored)
        assert work.documents.lot("1.2.3") is None
    assert stored.evidence == new.evidence
    assert (stored.received_at, stored.submission_time) == (now, new.submission_set.submission_time)
    assert [e.unique_id for e in entries] == [e.entry.unique_id for e in new.entries]


def test_associations_are_kept(store: Store, record: PatientRecord, now: datetime) -> None:
    new = _signed(store, record, PDF, CDA)
    _store(store, new, now)
    rows = store.database.rows(select(association).order_by(association.c.id))
    assert [(r.uuid, r.type, r.source, r.target) for r in rows] == [
        (a.id, a.type, a.source, a.target) for a, _ in new.associations
    ]


def _end(*ended: Lot) -> None:
    """What the edge does when an exchange is over: forget the octets that were not stored."""
    for one in ended:
        for new in one.entries:
            new.octets.discard()  # type: ignore[attr-defined]


def test_the_signature_is_stored_once(
    store: Store, record: PatientRecord, now: datetime, stored_files: Callable[[], set[str]]
) -> None:
    new = _signed(store, record, PDF)
    _store(store, new, now)
    _end(new)
    assert stored_files() == {hashlib.sha256(PDF).hexdigest()}


@pytest.mark.parametrize(
    ("content", "code"),
    [(PDF, "XDSRegistryMetadataError"), (PDF + b".", "XDSNonIdenticalHash"), (CDA, "XDSNonIdenticalHash")],
)
def test_a_document_id_is_taken_once(
    store: Store,
    record: PatientRecord,
    now: datetime,
    content: bytes,
    code: str,
    stored_files: Callable[[], set[str]],
) -> None:
    first = _signed(store, record, PDF)
    _store(store, first, now)
    _end(first)
    before = stored_files()
    again = _signed(store, record, b"new", content, unique_ids=(new_oid(), first.entries[0].entry.unique_id))
    with pytest.raises(Refused) as refused:
        _store(store, again, now)
    assert refused.value.code == code
    assert first.entries[0].entry.unique_id in refused.value.message
    with store.read() as work:
        assert not work.documents.by_entry_uuid(e.entry_uuid for e in again.entries)
        assert not work.documents.known_packages([again.submission_set.unique_id])
        (kept,) = work.documents.by_unique_id([first.entries[0].entry.unique_id])
        assert work.documents.octets(kept).read() == PDF
    _end(again)
    assert stored_files() == before


def test_the_refusal_does_not_show_the_other_document(store: Store, record: PatientRecord, now: datetime) -> None:
    first = _signed(store, record, PDF)
    _store(store, first, now)
    with pytest.raises(Refused) as refused:
        _store(store, _signed(store, record, CDA, unique_ids=(first.entries[0].entry.unique_id,)), now)
    assert hashlib.sha1(PDF).hexdigest() not in refused.value.message
    assert refused.value.checks[0].expected == "un uniqueId nouveau"


def test_a_submission_set_id_is_taken_once(store: Store, record: PatientRecord, now: datetime) -> None:
    first, second = _signed(store, record, PDF), _signed(store, record, CDA)
    _store(store, first, now)
    with pytest.raises(Refused) as refused:
        _store(store, replace(second, submission_set=first.submission_set), now)
    assert refused.value.code == "XDSDuplicateUniqueIdInRegistry"


def test_entry_and_association_uuids_are_taken_once(store: Store, record: PatientRecord, now: datetime) -> None:
    first, second, third = (_signed(store, record, c) for c in (PDF, CDA, b"3"))
    _store(store, first, now)
    taken = replace(second, entries=[replace(second.entries[0], entry_uuid=first.entries[0].entry_uuid)])
    for new in (taken, replace(third, associations=first.associations)):
        with pytest.raises(Refused) as refused:
            _store(store, new, now)
        assert refused.value.checks[0].rule.id == "STORE-ENTRY-UUID"
        assert refused.value.checks[0].expected


def test_an_error_in_the_unit_of_work_leaves_nothing(
    store: Store, record: PatientRecord, now: datetime, stored_files: Callable[[], set[str]]
) -> None:
    new = _signed(store, record, PDF)
    with pytest.raises(ZeroDivisionError), store.write() as work:
        work.documents.add_lot(new, now=now)
        assert hashlib.sha256(PDF).hexdigest() in stored_files()
        _ = 1 // 0
    _end(new)
    assert stored_files() == set()
    with store.read() as work:
        assert not work.documents.by_entry_uuid(e.entry_uuid for e in new.entries)


def test_octets_that_another_lot_holds_stay_when_a_lot_fails(
    store: Store, record: PatientRecord, now: datetime, stored_files: Callable[[], set[str]]
) -> None:
    kept, failed = _signed(store, record, PDF), _signed(store, record, PDF)
    _store(store, kept, now)
    with pytest.raises(ZeroDivisionError), store.write() as work:
        work.documents.add_lot(failed, now=now)
        _ = 1 // 0
    _end(kept, failed)
    assert stored_files() == {hashlib.sha256(PDF).hexdigest()}


def test_the_same_octets_twice_in_a_lot(store: Store, record: PatientRecord, now: datetime) -> None:
    same = received(store.blobs, PDF)
    new = lot(record, [(entry(), same), (entry(), same), (entry(), received(store.blobs, PDF))])
    _store(store, new, now)
    with store.read() as work:
        stored = work.documents.by_entry_uuid(e.entry_uuid for e in new.entries)
        assert [work.documents.octets(e).read() for e in stored] == [PDF] * 3


def test_octets_that_did_not_come_through_the_edge(store: Store, record: PatientRecord, now: datetime) -> None:
    inline = MemoryOctets(CDA, sha1=hashlib.sha1(CDA).hexdigest(), sha256=hashlib.sha256(CDA).hexdigest())
    new = lot(record, [(entry(), inline)])
    _store(store, new, now)
    with store.read() as work:
        (stored,) = work.documents.by_entry_uuid([new.entries[0].entry_uuid])
        assert work.documents.octets(stored).read() == CDA


def test_replacement(store: Store, record: PatientRecord, now: datetime) -> None:
    first = _signed(store, record, PDF)
    _store(store, first, now)
    with store.read() as work:
        (old,) = work.documents.by_unique_id([first.entries[0].entry.unique_id])
    second = lot(record, [(entry(), received(store.blobs, CDA))], replaces=[(old.id, old.entry_uuid)])
    _store(store, second, now)
    with store.read() as work:
        (old,) = work.documents.by_entry_uuid([old.entry_uuid])
        (new,) = work.documents.by_entry_uuid([second.entries[0].entry_uuid])
        deprecated = work.documents.find(DocumentQuery(record.id, (Status.DEPRECATED,)), limit=10)
    assert (old.status, new.status) == (Status.DEPRECATED, Status.APPROVED)
    assert [e.entry_uuid for e in deprecated] == [old.entry_uuid]

    third = lot(record, [(entry(), received(store.blobs, b"3"))], replaces=[(old.id, old.entry_uuid)])
    with pytest.raises(Refused) as refused:
        _store(store, third, now)
    assert refused.value.code == "XDSRegistryDeprecatedDocumentError"
    with store.read() as work:
        assert not work.documents.by_entry_uuid([third.entries[0].entry_uuid])


def test_status(store: Store, record: PatientRecord, now: datetime) -> None:
    new = _signed(store, record, PDF, CDA)
    _store(store, new, now)
    with store.write() as work:
        first, second, _ = work.documents.by_entry_uuid(e.entry_uuid for e in new.entries)
        work.documents.set_status([first.id], Status.DELETED)
        work.documents.set_status([], Status.ARCHIVED)
    with store.read() as work:
        found = {s: work.documents.find(DocumentQuery(record.id, (s,)), limit=10) for s in Status}
    assert {s: [e.id for e in entries] for s, entries in found.items()} == {
        Status.APPROVED: [second.id],
        Status.DELETED: [first.id],
        Status.DEPRECATED: [],
        Status.ARCHIVED: [],
    }


def test_metadata_versions_share_a_unique_id(store: Store, record: PatientRecord, now: datetime) -> None:
    """What ITI-57 will write: same lid and uniqueId, next version; the search gives the latest only."""
    new = _signed(store, record, PDF)
    _store(store, new, now)
    table = document_entry
    with store.read() as work:
        (first,) = work.documents.by_unique_id([new.entries[0].entry.unique_id])
    values = dict(store.database.rows(select(table).where(table.c.id == first.id))[0]._mapping)
    del values["id"]
    # The fragment is bound to its entryUUID only when encrypted; here it opens anyway.
    second = {**values, "entry_uuid": "urn:uuid:second", "version": 2}
    store.database.change(insert(table), second)
    store.database.change(update(table).where(table.c.id == first.id).values(latest=False, status="DEPRECATED"))
    with store.read() as work:
        versions = work.documents.by_unique_id([first.unique_id])
        every = (Status.APPROVED, Status.DEPRECATED)
        found = work.documents.find(DocumentQuery(record.id, every), limit=10)
    assert [(e.version, e.latest) for e in versions] == [(2, True), (1, False)]
    assert [e.version for e in found] == [2]


def test_answers_follow_the_order_asked(store: Store, record: PatientRecord, now: datetime) -> None:
    new = _signed(store, record, *(bytes([i]) for i in range(5)))
    _store(store, new, now)
    uuids = [e.entry_uuid for e in new.entries][::-1]
    ids = [e.entry.unique_id for e in new.entries][::-1]
    with store.read() as work:
        by_uuid = work.documents.by_entry_uuid(["urn:uuid:unknown", *uuids, uuids[0]])
        by_id = work.documents.by_unique_id(["1.2.3", *ids, ids[0]])
        assert work.documents.by_entry_uuid([]) == []
    assert [e.entry_uuid for e in by_uuid] == uuids
    assert [e.unique_id for e in by_id] == ids


def test_a_damaged_fragment_is_a_storage_error(store: Store, record: PatientRecord, now: datetime) -> None:
    new = _signed(store, record, PDF)
    _store(store, new, now)
    store.database.change(update(document_entry).values(fragment=b"pgarbage"))
    with pytest.raises(StorageError, match="does not open"), store.read() as work:
        work.documents.by_entry_uuid([new.entries[0].entry_uuid])


def test_long_lists(store: Store, record: PatientRecord, now: datetime) -> None:
    """No limit of the database on the number of values shows."""
    new = _signed(store, record, PDF)
    _store(store, new, now)
    many = [f"urn:uuid:{n}" for n in range(70_000)]
    codes = tuple(Code(str(n), "x") for n in range(20_000))
    query = DocumentQuery(
        record.id,
        (Status.APPROVED,),
        classes=(*codes, Code("10", oids.CLASSES)),
        types=(*codes, Code("11488-4", "2.16.840.1.113883.6.1")),
        author_persons=(*(str(n) for n in range(2000)), "%LIBRE%"),
    )
    with store.read() as work:
        assert len(work.documents.by_entry_uuid([*many, new.entries[0].entry_uuid])) == 1
        assert len(work.documents.find(query, limit=10)) == 1


def test_documents_of_an_old_identifier_belong_to_the_record(store: Store, now: datetime) -> None:
    current, old = Ins("279035121518989", oids.INS_NIR_TEST), Ins("0277119330044912345678", oids.INS_C)
    with store.write() as work:
        whole = open_record(work, "petra")
        record = work.patients.create(
            [current, old], whole.traits, now=now, opposes_bris_de_glace=False, opposes_centre_15=False
        )
    document = entry(patient_id=f"{old.value}^^^&{old.authority}&ISO^INS-C")
    _store(store, lot(record, [(document, received(store.blobs, CDA))]), now)
    with store.read() as work:
        found = work.patients.find(current)
        assert found is not None
        entries = work.documents.find(DocumentQuery(found.id, (Status.APPROVED,)), limit=10)
    assert [e.unique_id for e in entries] == [document.unique_id]


def test_newest_first_then_latest_reception(store: Store, record: PatientRecord, now: datetime) -> None:
    order = [("2026", 0), ("20260102", 1), ("2025", 0), ("2026", 2), ("20260101", 1)]
    ids = []
    for creation_time, minutes in order:
        document = entry(creation_time=creation_time)
        ids.append(document.unique_id)
        new = lot(record, [(document, received(store.blobs, CDA))])
        _store(store, new, now + timedelta(minutes=minutes))
    with store.read() as work:
        found = [e.unique_id for e in work.documents.find(DocumentQuery(record.id, (Status.APPROVED,)), limit=10)]
        first = work.documents.find(DocumentQuery(record.id, (Status.APPROVED,)), limit=2)
    assert found == [ids[1], ids[3], ids[4], ids[0], ids[2]]
    assert [e.unique_id for e in first] == found[:3]
