"""Erasing a document and destroying records, on both databases: what remains, and what does not."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from acts_world import INS, LIBRE, NOW, World, document, refused
from sqlalchemy import func, select, true, update

from dmpws.acts import closing, erasing, retention, switches
from dmpws.acts.actor import Actor, operator, patient
from dmpws.audit.chain import verify_chain
from dmpws.cast import PATIENTS
from dmpws.domain.checks import Refused
from dmpws.domain.document import APND, HAS_MEMBER, RPLC, Association, Folder, Status
from dmpws.domain.patient import Switch
from dmpws.domain.query import DocumentQuery, FolderQuery, SetQuery
from dmpws.store import KeyFile, StoreOptions, open_store, tables
from dmpws.store.erasure import of_record
from dmpws.testing.deposits import FolderDeposit, Lot, new_oid, new_uuid
from dmpws.transactions.ports import UnitOfWork

HOST = operator("exploitation")


def erase(world: World, unique_id: str) -> erasing.ErasurePlan:
    desk = world.desk(HOST, motive="demande du patient")
    made = erasing.plan(desk, INS, unique_id)
    return erasing.erase(desk, INS, unique_id, confirmed=made.confirmation)


def everything(work: UnitOfWork, record: int) -> str:
    """All that queries can say of a record."""
    found: list[Any] = [
        *work.documents.find(DocumentQuery(patient=record, statuses=tuple(Status), signatures=True), limit=100),
        *work.packages.find_sets(SetQuery(patient=record, statuses=tuple(Status)), limit=100),
        *work.packages.find_folders(FolderQuery(patient=record, statuses=tuple(Status))),
    ]
    uuids = [getattr(item, "entry_uuid", getattr(item, "uuid", "")) for item in found]
    found += [*work.packages.associations(sources=uuids), *work.packages.associations(targets=uuids)]
    return "\n".join(map(repr, found))


def test_an_erased_document_is_unknown_and_its_lot_with_it(world: World) -> None:
    world.open()
    made = world.deposit((document(title="Consultation"), b"secret"))
    entry, signature = made.entries
    world.delete(entry.entry.unique_id)
    plan = erase(world, entry.entry.unique_id)
    assert (plan.title, plan.versions, plan.octets, plan.shared) == ("Consultation", 1, 6, False)
    with world.store.read() as work:
        assert not work.documents.by_unique_id([entry.entry.unique_id, signature.entry.unique_id])
        assert not work.documents.by_entry_uuid([entry.entry_uuid, signature.entry_uuid])
        assert not work.documents.by_lid([entry.entry_uuid])
        assert not work.packages.sets(uuids=[made.submission_set_uuid])
        assert not work.packages.associations(sources=[made.submission_set_uuid, signature.entry_uuid])
        assert everything(work, world.record().id) == ""
        assert work.documents.lot(made.submission_set.unique_id) is None
    assert world.files() == set()
    assert refused(lambda: erase(world, entry.entry.unique_id)) == "ERASE-UNKNOWN"
    assert verify_chain(world.store).ok


def test_nothing_but_identifiers_is_left_in_the_tables(world: World) -> None:
    world.open()
    made = world.deposit((document(title="Consultation confidentielle"), b"secret"))
    unique_id = made.entries[0].entry.unique_id
    world.delete(unique_id)
    erase(world, unique_id)
    blank = {"fragment": b"", "authors": [], "author_persons": "", "author_institutions": "", "status": "ERASED"}
    for table in (tables.document_entry, tables.submission_set):
        for row in world.store.database.rows(select(table)):
            assert {name: row._mapping[name] for name in blank} == blank
    (row,) = world.store.database.rows(select(tables.document_entry).where(~tables.document_entry.c.is_signature))
    filled = {name for name, value in row._mapping.items() if value not in ("", [], b"", 0, False, None)}
    assert filled == {
        "id", "entry_uuid", "lid", "version", "unique_id", "patient_id", "submission_set_id", "status", "received_at",
    }  # fmt: skip


def test_all_versions_folders_and_relations_go_and_neighbours_stay(world: World) -> None:
    record = world.open()
    old = world.deposit((document(), b"old"))
    with world.store.read() as work:
        (target,) = work.documents.by_entry_uuid([old.entries[0].entry_uuid])
    classeur = FolderDeposit(Folder("f", new_oid(), "", (), "Grossesse"), new_uuid())
    both = world.deposit(
        (document(), b"doomed"), (document(), b"neighbour"),
        replaces=[(target.id, target.entry_uuid)], folders=[classeur],
    )  # fmt: skip
    doomed, neighbour, _ = both.entries
    inside = Association(new_uuid(), HAS_MEMBER, classeur.uuid, doomed.entry_uuid)
    held = Association(new_uuid(), HAS_MEMBER, both.submission_set_uuid, inside.id)
    addition = Association(new_uuid(), APND, neighbour.entry_uuid, doomed.entry_uuid)
    other = world.deposit((document(), b"more"), associations=[inside, held, addition])
    world.delete(doomed.entry.unique_id)
    erase(world, doomed.entry.unique_id)
    with world.store.read() as work:
        said = everything(work, record.id)
        assert doomed.entry_uuid not in said
        assert doomed.entry.unique_id not in said
        assert inside.id not in said
        for known in (neighbour.entry_uuid, other.submission_set_uuid, both.submission_set_uuid, classeur.uuid):
            assert known in said
        (former,) = work.documents.by_entry_uuid([target.entry_uuid])
        assert former.status is Status.DEPRECATED
        lot = work.documents.lot(both.submission_set.unique_id)
        assert lot is not None
        assert work.documents.erased_of_lot(lot) == [doomed.entry.unique_id]
    assert world.files() == {"old", "neighbour", "more", *()}
    assert RPLC not in said


def test_octets_that_another_document_has_stay_for_that_one(world: World) -> None:
    world.open()
    first, second = (world.deposit((document(), b"the same")).entries[0].entry.unique_id for _ in range(2))
    world.delete(first)
    assert erase(world, first).shared
    assert world.files() == {"the same"}
    with world.store.read() as work:
        (kept,) = work.documents.by_unique_id([second])
        assert work.documents.octets(kept).read() == b"the same"
    world.delete(second)
    assert not erase(world, second).shared
    assert world.files() == set()


def test_erasing_meets_deposits_of_the_same_octets(world: World) -> None:
    """Whoever comes first, what is known can be read, and no file is left that nobody knows."""
    world.open()
    doomed = [world.deposit((document(), b"the same")).entries[0].entry.unique_id for _ in range(8)]
    for unique_id in doomed:
        world.delete(unique_id)
    added: list[str] = []

    def deposit() -> None:
        for _ in doomed:
            added.append(world.deposit((document(), b"the same")).entries[0].entry.unique_id)

    def sweep() -> None:
        for unique_id in doomed:
            erase(world, unique_id)

    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(deposit), pool.submit(sweep)]:
            done.result()
    with world.store.read() as work:
        for entry in work.documents.by_unique_id(added):
            assert work.documents.octets(entry).read() == b"the same"
    assert world.files() == {"the same"}
    for unique_id in added:
        world.delete(unique_id)
        erase(world, unique_id)
    assert world.files() == set()


def test_encrypted_octets_are_erased_too(database_url: str, tmp_path: Path) -> None:
    options = StoreOptions(encryption=KeyFile.create(tmp_path / "wrapping.key"))
    store = open_store(database_url, tmp_path / "documents", options=options)
    world = World(store, tmp_path / "documents")
    world.open()
    unique_id = world.deposit((document(), b"secret")).entries[0].entry.unique_id
    (stored,) = world.documents.glob("??/*")
    assert b"secret" not in stored.read_bytes()
    world.delete(unique_id)
    assert erase(world, unique_id).title == "Consultation"
    assert list(world.documents.glob("??/*")) == []
    store.close()


@pytest.mark.parametrize("content", [b"the same", b"other"])
def test_an_erased_identifier_never_comes_back(world: World, content: bytes) -> None:
    """Whatever is sent under it: what it was is not told."""
    world.open()
    entry = document()
    made = world.deposit((entry, b"the same"))
    world.delete(entry.unique_id)
    erase(world, entry.unique_id)
    assert refused(lambda: world.deposit((entry, content))) == "STORE-DOCUMENT-ID"
    again = {"unique_id": made.submission_set.unique_id}
    assert refused(lambda: world.deposit((document(), b"new"), **again)) == "STORE-SUBMISSION-SET-ID"
    assert world.files() == set()


def test_a_set_and_version_may_come_again(world: World) -> None:
    record = world.open()
    made = world.deposit((document(), b"a"))
    unique_id = made.entries[0].entry.unique_id
    values = {"patient_id": record.id, "set_id": "1.2.3", "version": "1", "unique_id": unique_id}
    world.store.database.change(tables.document_set.insert(), values)
    world.delete(unique_id)
    erase(world, unique_id)
    with world.store.read() as work:
        assert not work.documents.set_versions(record.id, ["1.2.3"])


@pytest.mark.parametrize("status", [Status.APPROVED, Status.ARCHIVED, Status.DEPRECATED])
def test_only_a_deleted_document_is_erased(world: World, status: Status) -> None:
    world.open()
    unique_id = world.deposit((document(), b"a")).entries[0].entry.unique_id
    with world.store.write() as work:
        work.documents.set_status([work.documents.by_unique_id([unique_id])[0].id], status)
    assert refused(lambda: erase(world, unique_id)) == "ERASE-DELETED"
    assert world.known(unique_id)


def test_a_signature_is_not_erased_by_itself(world: World) -> None:
    world.open()
    unique_id = world.deposit((document(), b"a")).entries[-1].entry.unique_id
    assert refused(lambda: erase(world, unique_id)) == "ERASE-SIGNATURE"


def test_another_record_s_document_is_unknown(world: World) -> None:
    world.open()
    with world.store.write() as work:
        who = PATIENTS["nessi"]
        other = work.patients.create(
            [who.ins], who.traits, now=NOW, opposes_bris_de_glace=False, opposes_centre_15=False
        )
    unique_id = world.deposit((document(), b"a"), record=other).entries[0].entry.unique_id
    world.delete(unique_id)
    assert refused(lambda: erase(world, unique_id)) == "ERASE-UNKNOWN"
    assert world.known(unique_id)


@pytest.mark.parametrize("actor", [HOST, patient(INS)])
@pytest.mark.parametrize("confirmed", ["", "erase-00000000"])
def test_without_the_phrase_nothing_is_erased(world: World, actor: Actor, confirmed: str) -> None:
    world.open()
    unique_id = world.deposit((document(), b"a")).entries[0].entry.unique_id
    world.delete(unique_id)
    desk = world.desk(actor, motive="demande")
    expected = "ACT-CONFIRMED" if actor is HOST else "ACT-ALLOWED"
    assert refused(lambda: erasing.erase(desk, INS, unique_id, confirmed=confirmed)) == expected
    assert world.known(unique_id)
    assert world.files() == {"a"}


def test_the_phrase_is_of_one_motive_and_one_state(world: World) -> None:
    world.open()
    first, second = (world.deposit((document(), b"a")).entries[0].entry.unique_id for _ in range(2))
    for unique_id in (first, second):
        world.delete(unique_id)
    desk = world.desk(HOST, motive="demande")
    phrases = {
        erasing.plan(desk, INS, first).confirmation,
        erasing.plan(desk, INS, second).confirmation,
        erasing.plan(world.desk(HOST, motive="autre"), INS, first).confirmation,
        erasing.plan(world.desk(HOST, motive="demande", proof="LR 1"), INS, first).confirmation,
    }
    assert len(phrases) == 4
    assert refused(lambda: erasing.plan(world.desk(HOST), INS, first)) == "ACT-MOTIVE"


def test_the_traces_keep_what_was_planned_and_erased(world: World) -> None:
    world.open()
    unique_id = world.deposit((document(), b"a")).entries[0].entry.unique_id
    world.delete(unique_id)
    erase(world, unique_id)
    planned, erased = world.traces()
    assert (planned["transaction"], erased["transaction"]) == ("act:erase-plan", "act:erase")
    assert erased["reason"] == "demande du patient"
    assert erased["person"] == "operator:exploitation"
    assert erased["changes"][0] == {"uniqueId": unique_id, "old": "DELETED", "new": "ERASED"}
    assert planned["documents"] == erased["documents"]
    assert erased["documents"] == [{"uniqueId": unique_id, "typeCode": "11488-4", "visibility": ""}]


# Whole records


def filled(world: World) -> Lot:
    """A record with a bit of everything, and a neighbour who shares octets."""
    world.open()
    world.authorise(LIBRE, treating_doctor=True)
    switches.switch(world.desk(patient(INS)), INS, Switch.OPPOSES_CENTRE_15, on=True)
    with world.store.write() as work:
        who = PATIENTS["nessi"]
        other = work.patients.create(
            [who.ins], who.traits, now=NOW, opposes_bris_de_glace=False, opposes_centre_15=False
        )
    world.deposit((document(), b"shared"), record=other)
    classeur = FolderDeposit(Folder("f", new_oid(), "", (), "Grossesse"), new_uuid())
    return world.deposit((document(), b"shared"), (document(), b"own"), folders=[classeur])


def rows(world: World, record: int | None = None) -> dict[str, int]:
    """Rows of each table that holds some, of all records or of one."""
    counted = {}
    for table in tables.metadata.sorted_tables:
        belongs = of_record(table)
        if belongs is not None:
            statement = select(func.count()).select_from(table).where(belongs if record is not None else true())
            counted[table.name] = world.store.database.rows(statement, {"patient": record})[0][0]
    return {name: count for name, count in counted.items() if count}


def test_a_destroyed_record_leaves_its_traces_only(world: World) -> None:
    made = filled(world)
    record = world.record()
    closing.close(world.desk(patient(INS), motive="plus de DMP"), INS)
    desk = world.desk(HOST, motive="demande du patient", proof="LR du 2 novembre")
    plan, phrase = retention.plan_destruction(desk, INS)
    assert (plan.content.documents, plan.content.octets) == (2, 9)
    retention.destroy(desk, INS, confirmed=phrase)
    with world.store.read() as work:
        assert work.patients.find(INS) is None
        assert not work.documents.by_entry_uuid([e.entry_uuid for e in made.entries])
        assert everything(work, record.id) == ""
    assert world.files() == {"shared"}
    assert rows(world, record.id) == {}
    assert rows(world)["document_entry"] == 2
    last = world.traces()[-1]
    assert (last["transaction"], last["proof"]) == ("act:destroy", "LR du 2 novembre")
    assert verify_chain(world.store).ok
    world.open()
    assert not world.record().opposes_centre_15


@pytest.mark.parametrize(("closed", "proof", "rule"), [(False, "LR", "DESTROY-CLOSED"), (True, "", "DESTROY-PROOF")])
def test_a_destruction_needs_a_closed_record_and_a_reference(world: World, closed: bool, proof: str, rule: str) -> None:
    world.open()
    if closed:
        closing.close(world.desk(patient(INS), motive="plus de DMP"), INS)
    desk = world.desk(HOST, motive="demande", proof=proof)
    assert refused(lambda: retention.plan_destruction(desk, INS)) == rule
    assert refused(lambda: retention.destroy(desk, INS, confirmed="destroy-00000000")) == rule


@pytest.mark.parametrize(
    ("closed_days", "deceased_on", "due"),
    [
        (3653, "", True),
        (3651, "", False),
        (None, "20161121", True),
        (None, "20161122", False),
        (1, "20061121", True),
        (None, "", False),
    ],
)
def test_when_conservation_is_over(world: World, closed_days: int | None, deceased_on: str, due: bool) -> None:
    """Ten years after the closure or the death, whichever came first; today is 21 November 2026."""
    record = world.open()
    changes: dict[str, Any] = {"deceased_on": deceased_on}
    if closed_days is not None:
        changes |= {"status": "terminated", "closed_at": NOW - timedelta(days=closed_days)}
    world.store.database.change(update(tables.patient).where(tables.patient.c.id == record.id).values(**changes))
    plans, _ = retention.plan_purge(world.desk(HOST, motive="échéance"))
    assert [plan.ins for plan in plans] == ([INS] if due else [])


def test_a_purge_destroys_what_is_due_and_no_more(world: World) -> None:
    filled(world)
    closed = {"status": "terminated", "closed_at": NOW - timedelta(days=4000)}
    world.store.database.change(update(tables.patient).where(tables.patient.c.opposes_centre_15).values(**closed))
    desk = world.desk(HOST, motive="échéance 2026")
    plans, phrase = retention.plan_purge(desk)
    assert [(plan.ins, plan.content.documents) for plan in plans] == [(INS, 2)]
    assert refused(lambda: retention.purge(desk, confirmed="purge-00000000")) == "ACT-CONFIRMED"
    assert retention.purge(desk, confirmed=phrase) == plans
    assert rows(world)["patient"] == 1
    assert world.files() == {"shared"}
    assert retention.plan_purge(desk)[0] == []
    assert world.traces()[-1]["transaction"] == "act:purge"
    assert verify_chain(world.store).ok


def test_a_record_that_opened_again_is_not_purged(world: World) -> None:
    """The phrase is worth nothing once anything moved."""
    filled(world)
    closed = {"status": "terminated", "closed_at": NOW - timedelta(days=4000)}
    world.store.database.change(update(tables.patient).where(tables.patient.c.opposes_centre_15).values(**closed))
    desk = world.desk(HOST, motive="échéance")
    phrase = retention.plan_purge(desk)[1]
    closing.restore(desk, INS)
    assert refused(lambda: retention.purge(desk, confirmed=phrase)) == "ACT-CONFIRMED"
    assert world.record()


def test_only_the_host_purges(world: World) -> None:
    with pytest.raises(Refused):
        retention.plan_purge(world.desk(patient(INS), motive="échéance"))


def test_the_twenty_ninth_of_february() -> None:
    assert retention.end_of_conservation(NOW.replace(year=2028, month=2, day=29), 10) == NOW.replace(
        year=2018, month=2, day=28
    )
