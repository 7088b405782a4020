"""Submission sets, folders and associations, on both databases."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dmpws.domain.checks import Refused
from dmpws.domain.code import Code
from dmpws.domain.document import APND, HAS_MEMBER, RPLC, XFRM, Association, Author, Folder, Status
from dmpws.domain.patient import PatientRecord
from dmpws.domain.query import DocumentQuery, FolderQuery, SetQuery, TimeRange
from dmpws.store import Store
from dmpws.testing.deposits import FolderDeposit, Lot, entry, lot, new_oid, new_uuid, open_record, received

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
SUIVI, AUTRE = Code("SUIVI", "1.2.3"), Code("AUTRE", "1.2.3")


@pytest.fixture
def record(store: Store) -> PatientRecord:
    with store.write() as work:
        return open_record(work)


def deposit(store: Store, new: Lot, at: datetime = NOW) -> Lot:
    with store.write() as work:
        work.documents.add_lot(new, now=at)
    return new


def one(store: Store, record: PatientRecord, **values: Any) -> Lot:
    """A lot of one document."""
    made = lot(record, [(entry(), received(store.blobs, b"x"))])
    return replace(made, submission_set=replace(made.submission_set, **values))


def folder(*codes: Code, unique_id: str = "") -> FolderDeposit:
    return FolderDeposit(Folder("f", unique_id or new_oid(), "", codes, "Grossesse"), new_uuid())


def tied(store: Store, record: PatientRecord, kind: str, target: str, **values: Any) -> Lot:
    """A lot of one document, tied to `target`."""
    made = one(store, record)
    link = Association(new_uuid(), kind, made.entries[0].entry_uuid, target)
    return replace(made, associations=[*made.associations, (link, b"<link/>")], **values)


def row(store: Store, new: Lot) -> int:
    with store.read() as work:
        return work.documents.by_entry_uuid([new.entries[0].entry_uuid])[0].id


def status(store: Store, new: Lot) -> Status:
    with store.read() as work:
        return work.documents.by_entry_uuid([new.entries[0].entry_uuid])[0].status


def test_sets_are_found_by_what_they_say(store: Store, record: PatientRecord) -> None:
    first = deposit(store, one(store, record, submission_time="20261101100000", source_id="1.2"))
    second = deposit(
        store,
        one(store, record, submission_time="20261102100000", authors=(Author("1^DUPRÉ"),), content_type=SUIVI),
        NOW + timedelta(hours=1),
    )

    def found(**criteria: Any) -> list[str]:
        with store.read() as work:
            query = SetQuery(record.id, (Status.APPROVED,), **criteria)
            return [s.unique_id for s in work.packages.find_sets(query, limit=10)]

    a, b = first.submission_set.unique_id, second.submission_set.unique_id
    assert found() == [b, a]
    assert found(source_ids=("1.2", "1.3")) == [a]
    assert found(author_person="%DUPRE\u0301") == [b]
    assert found(author_person="' OR 1=1 --") == []
    assert found(content_types=(AUTRE, SUIVI)) == [b]
    assert found(submission=TimeRange("2026110110", "20261102100000")) == [a]
    assert found(submission=TimeRange("20261102", "")) == [b]
    with store.read() as work:
        archived = SetQuery(record.id, (Status.ARCHIVED,))
        assert work.packages.find_sets(archived, limit=10) == []
        approved = SetQuery(record.id, (Status.APPROVED,))
        assert [s.unique_id for s in work.packages.find_sets(approved, limit=1, offset=1)] == [a]
        (stored,) = work.packages.sets(uuids=[first.submission_set_uuid, "absent"])
    assert (stored.unique_id, stored.status, stored.received_at) == (a, Status.APPROVED, NOW)
    assert stored.author_persons == {"899900063480"}
    assert stored.author_institutions == {"499900063480001"}
    assert stored.fragment == first.submission_set_fragment


def test_folders_are_found_by_what_they_say(store: Store, record: PatientRecord) -> None:
    first, second = folder(SUIVI), folder(SUIVI, AUTRE)
    deposit(store, replace(one(store, record), folders=[first, second]))
    with store.read() as work:
        packages = work.packages

        def found(*codes: tuple[Code, ...]) -> list[str]:
            return [f.uuid for f in packages.find_folders(FolderQuery(record.id, (Status.APPROVED,), codes))]

        assert found() == [second.uuid, first.uuid]
        assert found((SUIVI,), (AUTRE,)) == [second.uuid]
        assert found((AUTRE, Code("x", "y"))) == [second.uuid]
        assert found((Code("' OR ''='", "y"),)) == []
        (stored,) = packages.folders(lids=[first.uuid])
        assert (stored.unique_id, stored.version, stored.last_update) == (first.folder.unique_id, 1, NOW)
        assert stored.fragment == first.fragment
        assert [f.uuid for f in packages.folders(unique_ids=[second.folder.unique_id])] == [second.uuid]
        assert work.documents.known_packages([first.folder.unique_id])


def test_the_unique_id_of_a_folder_is_taken_once(store: Store, record: PatientRecord) -> None:
    taken = folder(SUIVI)
    deposit(store, replace(one(store, record), folders=[taken]))
    with pytest.raises(Refused) as refused:
        deposit(store, replace(one(store, record), folders=[folder(SUIVI, unique_id=taken.folder.unique_id)]))
    assert refused.value.code == "XDSDuplicateUniqueIdInRegistry"


def test_associations_by_what_they_tie(store: Store, record: PatientRecord) -> None:
    first = deposit(store, one(store, record))
    second = deposit(store, tied(store, record, APND, first.entries[0].entry_uuid))
    (addition,) = [a for a, _ in second.associations if a.type == APND]
    with store.read() as work:
        packages = work.packages
        everything = packages.associations(sources=[addition.source], targets=[addition.target], uuids=[addition.id])
        assert [a.type for a in everything] == [HAS_MEMBER, APND]
        (stored,) = packages.associations(uuids=[addition.id])
        assert packages.associations() == []
    assert (stored.source, stored.target, stored.patient, stored.received_at) == (
        addition.source, addition.target, record.id, NOW,
    )  # fmt: skip


@pytest.mark.parametrize("kind", [APND, XFRM])
def test_what_completes_a_document_falls_with_it(store: Store, record: PatientRecord, kind: str) -> None:
    first = deposit(store, one(store, record))
    other = deposit(store, one(store, record))
    target = first.entries[0].entry_uuid
    addition = deposit(store, tied(store, record, kind, target, relies_on=[row(store, first)]))
    new = deposit(store, tied(store, record, RPLC, target, deprecates=[row(store, first)]))
    statuses = [status(store, x) for x in (first, addition, other, new)]
    assert statuses == [Status.DEPRECATED, Status.DEPRECATED, Status.APPROVED, Status.APPROVED]
    with pytest.raises(Refused) as refused:
        deposit(store, tied(store, record, kind, target, relies_on=[row(store, first)]))
    assert refused.value.code == "XDSRegistryDeprecatedDocumentError"


def test_the_new_document_goes_in_the_folders_of_the_old_one(store: Store, record: PatientRecord) -> None:
    holder, old_holder = folder(SUIVI), folder(SUIVI)
    made = replace(one(store, record), folders=[holder, old_holder])
    document = made.entries[0].entry_uuid
    links = [(Association(new_uuid(), HAS_MEMBER, f.uuid, document), b"<link/>") for f in (holder, old_holder)]
    first = deposit(store, replace(made, associations=[*made.associations, *links]))
    with store.database.connection() as connection:
        connection.exec_driver_sql(f"UPDATE folder SET status = 'DEPRECATED' WHERE uuid = '{old_holder.uuid}'")
    new = deposit(store, tied(store, record, RPLC, document, deprecates=[row(store, first)]))
    with store.read() as work:
        held = {f.uuid: [a.target for a in work.packages.associations(sources=[f.uuid])] for f in (holder, old_holder)}
    assert held == {holder.uuid: [document, new.entries[0].entry_uuid], old_holder.uuid: [document]}


def test_reference_ids_and_long_lists(store: Store, record: PatientRecord) -> None:
    document = entry(reference_ids=("42^^^&1.2&ISO^order", "1.2.840^^^^study"))
    new = deposit(store, lot(record, [(document, received(store.blobs, b"x"))]))

    def found(**criteria: Any) -> int:
        with store.read() as work:
            query = DocumentQuery(record.id, (Status.APPROVED,), **criteria)
            return len(work.documents.find(query, limit=10))

    assert found(reference_ids=(("42^^^&1.2&ISO^order",),)) == 1
    assert found(reference_ids=(("4_^^^%", "x"), ("%study",))) == 1
    assert found(reference_ids=(("42%",), ("43%",))) == 0
    many = tuple(f"urn:uuid:{n}" for n in range(10_000))
    assert found(among=(*many, new.entries[0].entry_uuid)) == 1
    assert found(reference_ids=(tuple(f"{n}^^^%" for n in range(10_000)),)) == 1
    with store.read() as work:
        assert len(work.documents.by_unique_id((*many, document.unique_id))) == 1
        assert work.packages.associations(sources=many, targets=many, uuids=many) == []
        assert work.packages.sets(uuids=many) == []
