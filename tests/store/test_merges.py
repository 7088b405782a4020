"""Patients who become one, on both databases: nothing is lost, nothing stays, and nobody comes in between."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from dmpws.domain.checks import Refused
from dmpws.domain.document import Folder, Status
from dmpws.domain.patient import Ins, PatientRecord
from dmpws.domain.query import DocumentQuery, FolderQuery, SetQuery
from dmpws.store import Store, StoreOptions, open_store
from dmpws.store.keyring import KeyFile
from dmpws.testing.deposits import FolderDeposit, Lot, entry, lot, new_oid, new_uuid, open_record, received

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
APPROVED = (Status.APPROVED,)


@pytest.fixture(params=["plain", "encrypted"])
def store(request: pytest.FixtureRequest, database_url: str, tmp_path: Path) -> Iterator[Store]:
    key = KeyFile.create(tmp_path / "wrapping.key") if request.param == "encrypted" else None
    opened = open_store(database_url, tmp_path / "documents", options=StoreOptions(encryption=key))
    yield opened
    opened.close()


@pytest.fixture
def pair(store: Store) -> tuple[PatientRecord, PatientRecord]:
    """Who stays, and who goes."""
    with store.write() as work:
        return open_record(work), open_record(work, "nessi")


def deposit(store: Store, record: PatientRecord, octets: bytes = b"x") -> Lot:
    """A lot of one document and one folder, whose fragments name the patient."""
    made = lot(record, [(entry(), received(store.blobs, octets))])
    name = record.ins.value.encode()
    folder = FolderDeposit(Folder("f", new_oid(), "", (), "Grossesse"), new_uuid())
    made = replace(
        made,
        entries=[replace(new, fragment=b"entry of " + name) for new in made.entries],
        folders=[replace(folder, fragment=b"folder of " + name)],
        submission_set_fragment=b"set of " + name,
    )
    with store.write() as work:
        work.documents.add_lot(made, now=NOW)
    return made


def merge(store: Store, gone: Ins, kept: Ins) -> None:
    with store.write() as work:
        work.merging.merge(gone, kept, rewrite=lambda f: f.replace(gone.value.encode(), kept.value.encode()), now=NOW)


def contents(store: Store, record: PatientRecord) -> list[bytes]:
    """Fragments of everything a record has."""
    with store.read() as work:
        objects = (
            *work.documents.find(DocumentQuery(record.id, APPROVED), limit=10_000),
            *work.packages.find_sets(SetQuery(record.id, APPROVED), limit=10_000),
            *work.packages.find_folders(FolderQuery(record.id, APPROVED)),
        )
    return sorted(item.fragment for item in objects)


def test_everything_moves(store: Store, pair: tuple[PatientRecord, PatientRecord]) -> None:
    stays, goes = pair
    deposit(store, stays, b"one")
    moved = deposit(store, goes, b"two")
    with store.write() as work:
        work.patients.identify(goes.id, Ins("OTHER", "1.2.3"))
    merge(store, goes.ins, stays.ins)
    name = stays.ins.value.encode()
    assert contents(store, stays) == sorted(kind + b" of " + name for kind in (b"entry", b"set", b"folder") * 2)
    with store.read() as work:
        assert work.merging.is_subsumed(goes.ins)
        assert not work.merging.is_subsumed(stays.ins)
        assert work.patients.find(goes.ins) is None
        survivor = work.patients.find(Ins("OTHER", "1.2.3"))
        [document] = work.documents.by_entry_uuid([moved.entries[0].entry_uuid])
        assert work.documents.octets(document).read() == b"two"
    assert survivor is not None
    assert survivor.id == stays.id
    assert survivor.identifiers == (stays.ins, Ins("OTHER", "1.2.3"))
    assert survivor.traits == stays.traits


def test_many_objects_move(
    store: Store, pair: tuple[PatientRecord, PatientRecord], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dmpws.store.merging._BATCH", 2)
    stays, goes = pair
    for _ in range(5):
        deposit(store, goes)
    merge(store, goes.ins, stays.ins)
    assert len(contents(store, stays)) == 15


def test_an_identifier_of_the_same_patient(store: Store, pair: tuple[PatientRecord, PatientRecord]) -> None:
    stays, _ = pair
    deposit(store, stays)
    with store.write() as work:
        work.patients.identify(stays.id, Ins("OTHER", "1.2.3"))
    merge(store, stays.ins, Ins("OTHER", "1.2.3"))
    assert contents(store, stays) == [b"entry of OTHER", b"folder of OTHER", b"set of OTHER"]
    with store.read() as work:
        assert work.patients.find(stays.ins) is None
        found = work.patients.find(Ins("OTHER", "1.2.3"))
    assert found is not None
    assert found.identifiers == (Ins("OTHER", "1.2.3"),)


def test_who_is_gone_goes_once(store: Store, pair: tuple[PatientRecord, PatientRecord]) -> None:
    stays, goes = pair
    merge(store, goes.ins, stays.ins)
    for gone, kept in ((goes.ins, stays.ins), (stays.ins, goes.ins), (stays.ins, stays.ins)):
        with pytest.raises(Refused) as refused:
            merge(store, gone, kept)
        assert refused.value.checks[0].rule.id == "STORE-MERGED"


def test_a_purge_forgets_who_was_merged(store: Store, pair: tuple[PatientRecord, PatientRecord]) -> None:
    stays, goes = pair
    merge(store, goes.ins, stays.ins)
    with store.write() as work:
        work.erasure.record(stays.id)
    with store.read() as work:
        assert not work.merging.is_subsumed(goes.ins)


def test_a_chain_of_merges_at_once(store: Store) -> None:
    """Merges in all directions leave one patient at most who was asked to stay, and every document with him."""
    with store.write() as work:
        records = [open_record(work, key) for key in ("pat-trois", "nessi", "petra", "attribut")]
    for record in records:
        deposit(store, record)
    barrier, failed = threading.Barrier(4), []

    def run(gone: PatientRecord, kept: PatientRecord) -> None:
        barrier.wait()
        try:
            merge(store, gone.ins, kept.ins)
        except Refused as error:
            failed.append(error)

    pairs = [(1, 0), (2, 1), (3, 2), (0, 3)]
    threads = [threading.Thread(target=run, args=(records[gone], records[kept])) for gone, kept in pairs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with store.read() as work:
        left = [record for record in records if work.patients.find(record.ins) is not None]
    assert len(left) == len(failed)
    assert sum(len(contents(store, record)) for record in left) == 12


def test_a_document_without_metadata_moves_too(store: Store, pair: tuple[PatientRecord, PatientRecord]) -> None:
    stays, goes = pair
    made = lot(goes, [(entry(), received(store.blobs, b"octets"))])
    made = replace(made, evidence=None)  # type: ignore[arg-type]
    with store.write() as work:
        work.documents.add_lot(made, now=NOW)
        (document,) = made.entries
        work.removal.metadata([made.submission_set_uuid, document.entry_uuid, made.associations[0][0].id], now=NOW)
    merge(store, goes.ins, stays.ins)
    with store.read() as work:
        (held,) = work.removal.unregistered([document.entry.unique_id])
        assert work.documents.octets(held).read() == b"octets"
