"""Metadata and octets that plain IHE takes away, on both databases."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from dmpws.domain.checks import Refused
from dmpws.domain.document import APND, HAS_MEMBER, Association, Folder, Status, StoredEntry
from dmpws.domain.patient import PatientRecord
from dmpws.domain.query import DocumentQuery
from dmpws.store import Store
from dmpws.testing.deposits import (
    FolderDeposit,
    Lot,
    entry,
    lot,
    new_oid,
    new_uuid,
    open_record,
    received,
    signature_entry,
)

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
Files = Callable[[], set[str]]


@pytest.fixture
def record(store: Store) -> PatientRecord:
    with store.write() as work:
        return open_record(work)


def deposit(store: Store, record: PatientRecord, octets: bytes = b"x", **values: object) -> Lot:
    """An unsigned lot of one document."""
    made = lot(record, [(entry(**values), received(store.blobs, octets))])
    return add(store, made)


def add(store: Store, made: Lot, *more: tuple[str, str, str]) -> Lot:
    """Store a lot without evidence; more: kind, source and target of other associations."""
    links = [(Association(new_uuid(), *ends), b"<link/>") for ends in more]
    made = replace(made, evidence=None, copies=True, associations=[*made.associations, *links])  # type: ignore[arg-type]
    with store.write() as work:
        work.documents.add_lot(made, now=NOW)
    return made


def remove(store: Store, *uuids: str) -> None:
    with store.write() as work:
        work.removal.metadata(uuids, now=NOW)


def parts(made: Lot) -> tuple[str, ...]:
    """UUIDs of everything of a lot."""
    return (made.submission_set_uuid, *(e.entry_uuid for e in made.entries), *(a.id for a, _ in made.associations))


def found(store: Store, record: PatientRecord) -> list[StoredEntry]:
    with store.read() as work:
        return list(work.documents.find(DocumentQuery(record.id, tuple(Status)), limit=100))


def test_a_document_without_metadata_is_still_held(store: Store, record: PatientRecord, stored_files: Files) -> None:
    made = deposit(store, record, b"octets")
    remove(store, *parts(made))
    assert found(store, record) == []
    unique_id = made.entries[0].entry.unique_id
    with store.read() as work:
        (held,) = work.removal.unregistered([unique_id, "1.2.3"])
        assert work.documents.octets(held).read() == b"octets"
        assert not work.documents.known_packages([made.submission_set.unique_id])
    assert len(stored_files()) == 1
    with store.write() as work:
        assert work.removal.octets(unique_id)
        assert not work.removal.octets(unique_id)
    assert stored_files() == set()
    with store.read() as work:
        assert work.removal.unregistered([unique_id]) == []


def test_nothing_is_swept_that_is_held(store: Store, record: PatientRecord, stored_files: Files) -> None:
    made = deposit(store, record, b"octets")
    other = deposit(store, record, b"octets")
    remove(store, *parts(made))
    with store.write() as work:
        assert work.removal.octets(other.entries[0].entry.unique_id)
    assert len(stored_files()) == 1
    with store.write() as work:
        work.erasure.record(record.id)
    assert stored_files() == set()


def test_octets_go_and_metadata_stay(store: Store, record: PatientRecord, stored_files: Files) -> None:
    made = deposit(store, record, b"octets")
    with store.write() as work:
        assert work.removal.octets(made.entries[0].entry.unique_id)
    (left,) = found(store, record)
    assert left.octets == ""
    assert stored_files() == set()
    remove(store, *parts(made))
    with store.read() as work:
        assert work.removal.unregistered([left.unique_id]) == []


def test_what_is_undone_takes_nothing_away(store: Store, record: PatientRecord, stored_files: Files) -> None:
    made = deposit(store, record, b"octets")
    with pytest.raises(ZeroDivisionError), store.write() as work:
        work.removal.octets(made.entries[0].entry.unique_id)
        work.removal.metadata(parts(made), now=NOW)
        _ = 1 / 0
    (left,) = found(store, record)
    with store.read() as work:
        assert work.documents.octets(left).read() == b"octets"
    assert len(stored_files()) == 1


def test_the_last_octets_of_a_document_are_kept(store: Store, record: PatientRecord, stored_files: Files) -> None:
    first = deposit(store, record, b"first")
    unique_id = first.entries[0].entry.unique_id
    remove(store, *parts(first))
    second = deposit(store, record, b"second", unique_id=unique_id)
    remove(store, *parts(second))
    with store.read() as work:
        (held,) = work.removal.unregistered([unique_id])
        assert work.documents.octets(held).read() == b"second"
    assert len(stored_files()) == 1


def test_what_two_sets_hold_stays(store: Store, record: PatientRecord) -> None:
    first = deposit(store, record)
    (document,) = first.entries
    made = lot(record, [(entry(), received(store.blobs, b"x"))])
    second = add(
        store,
        made,
        (HAS_MEMBER, made.submission_set_uuid, document.entry_uuid),
        (APND, document.entry_uuid, made.entries[0].entry_uuid),
    )
    remove(store, first.submission_set_uuid, first.associations[0][0].id)
    assert len(found(store, record)) == 2
    with store.read() as work:
        (kept,) = work.documents.by_entry_uuid([document.entry_uuid])
        (holder,) = work.packages.sets(uuids=[second.submission_set_uuid])
        assert kept.submission_set == holder.id
        assert len(work.packages.associations(uuids=[a.id for a, _ in second.associations])) == 3


@pytest.mark.parametrize("source", ["document", "folder", "set"])
def test_a_relationship_is_of_the_set_of_its_source(store: Store, record: PatientRecord, source: str) -> None:
    holder = lot(record, [(entry(), received(store.blobs, b"x"))])
    folder = FolderDeposit(Folder("Folder01", new_oid(), str(record.ins), (), "Classeur"), new_uuid(), b"<folder/>")
    add(store, replace(holder, folders=[folder]))
    ends = {"document": holder.entries[0].entry_uuid, "folder": folder.uuid, "set": holder.submission_set_uuid}
    kind = APND if source == "document" else HAS_MEMBER
    link = (kind, ends[source], deposit(store, record).entries[0].entry_uuid)
    brought = add(store, lot(record, []), link)
    remove(store, brought.submission_set_uuid)
    with store.read() as work:
        (kept,) = work.packages.associations(uuids=[brought.associations[0][0].id])
    assert (kept.type, kept.source, kept.target) == link


def test_octets_are_taken_away_once(store: Store, record: PatientRecord) -> None:
    """Of two at once, who comes second finds nothing."""
    made = deposit(store, record, b"octets")
    remove(store, *parts(made))

    def take(_: int) -> bool:
        with store.write() as work:
            return work.removal.octets(made.entries[0].entry.unique_id)

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(take, range(4))) == [False, False, False, True]


def test_evidence_stays(store: Store, record: PatientRecord) -> None:
    signature = signature_entry()
    made = lot(record, [(signature, received(store.blobs, b"<Signature/>"))])
    with store.write() as work:
        work.documents.add_lot(made, now=NOW)
    with pytest.raises(Refused) as refused:
        remove(store, *parts(made))
    assert refused.value.checks[0].rule.id == "STORE-SIGNED-LOT"
    with store.write() as work, pytest.raises(Refused) as refused:
        work.removal.octets(signature.unique_id)
    assert refused.value.checks[0].rule.id == "STORE-SIGNATURE-KEPT"
