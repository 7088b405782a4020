"""The records a holder may open, on both databases: who is listed, since when, and with which dates."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import update

from dmpws.audit.trace import Trace, TraceOutcome
from dmpws.cast import PATIENTS
from dmpws.codec.ebxml.attachments import InlineOctets
from dmpws.domain import oids
from dmpws.domain.authorisation import By, Holder, HolderKind
from dmpws.domain.authorised import AuthorisedQuery, AuthorisedRecord, DateType, Sight
from dmpws.domain.code import Code
from dmpws.domain.document import MASQUE_PS, Status
from dmpws.domain.patient import Ins, PatientRecord
from dmpws.store import Store
from dmpws.store.tables import authorisation, patient
from dmpws.testing import deposits
from dmpws.testing.deposits import RECEIVED as NOW
from dmpws.testing.deposits import open_record

YEAR, DAY = timedelta(days=365), timedelta(days=1)
LIBRE = Holder(HolderKind.PERSON, "899900063480")
CABINET = Holder(HolderKind.STRUCTURE, "499900063480001")
BY_DOCUMENT = DateType.DOCUMENT
SIGHT = Sight(person="801234567897", masked=True)
MASKED = (deposits.NORMAL, Code(MASQUE_PS, oids.VISIBILITY, MASQUE_PS))


def listed(
    store: Store, *holders: Holder, without_block_of: tuple[Holder, ...] = (), **query: Any
) -> list[AuthorisedRecord]:
    asked = holders or (LIBRE,)
    with store.read() as work:
        wanted = AuthorisedQuery(asked, (*asked, *without_block_of), **{"now": NOW, "sight": SIGHT, **query})
        found = work.patients.authorised(wanted, limit=10)
    assert found is not None
    return list(found)


def keys(found: list[AuthorisedRecord]) -> list[str]:
    by_ins = {p.ins: p.key for p in PATIENTS.values()}
    return [by_ins[item.record.ins] for item in found]


def grant(store: Store, record: PatientRecord, holder: Holder = LIBRE, ago: timedelta = DAY, **more: Any) -> None:
    with store.write() as work:
        at = NOW - ago
        values = {"by": By(holder.identifier), "treating_doctor": False, **more}
        work.authorisations.grant(record.id, holder, now=at, expires_at=at + YEAR, **values)


def opened(store: Store, *names: str) -> list[PatientRecord]:
    with store.write() as work:
        return [open_record(work, name) for name in names]


def deposit(store: Store, record: PatientRecord, at: datetime, status: Status = Status.APPROVED, **entry: Any) -> None:
    lot = deposits.lot(record, [(deposits.entry(**entry), InlineOctets(b"<ClinicalDocument/>"))])
    with store.write() as work:
        work.documents.add_lot(lot, now=at)
        [stored] = work.documents.by_entry_uuid([lot.entries[0].entry_uuid])
        work.documents.set_status([stored.id], status)


def trace(store: Store, ins: Ins, at: datetime, outcome: TraceOutcome = TraceOutcome.ACCEPTED, **who: str) -> None:
    store.append_trace(Trace(at, "TD3.1", outcome, patient=f"{ins.value}^{ins.authority}", **who))


def test_only_valid_authorisations_on_open_records(store: Store) -> None:
    valid, expired, closed, blocked, ended, other = opened(
        store, "pat-trois", "nessi", "petra", "attribut", "alot", "conteste"
    )
    for record in (valid, closed, blocked, ended):
        grant(store, record)
    grant(store, expired, ago=2 * YEAR)
    grant(store, other, CABINET)
    with store.write() as work:
        work.authorisations.revoke(ended.id, LIBRE, by=By(LIBRE.identifier), now=NOW, only_treating_doctor=False)
        work.patients.close(closed.id, now=NOW, code="X", text="", final=False)
    store.database.change(update(authorisation).where(authorisation.c.patient_id == blocked.id).values(blocked=True))
    assert keys(listed(store)) == ["pat-trois"]
    assert keys(listed(store, now=NOW - DAY + YEAR)) == []
    assert keys(listed(store, LIBRE, CABINET)) == ["conteste", "pat-trois"]


def test_a_block_of_the_structure_or_of_who_asks(store: Store) -> None:
    [record] = opened(store, "pat-trois")
    grant(store, record)
    grant(store, record, CABINET)
    store.database.change(
        update(authorisation).where(authorisation.c.holder == CABINET.identifier).values(blocked=True)
    )
    assert len(listed(store)) == 1
    assert listed(store, without_block_of=(CABINET,)) == []
    assert listed(store, LIBRE, CABINET) == []


def test_a_record_without_nir_is_invisible(store: Store) -> None:
    person = PATIENTS["pat-trois"]
    with store.write() as work:
        old = work.patients.create(
            [Ins("0277119330044912345678", oids.INS_C)],
            person.traits,
            now=NOW,
            opposes_bris_de_glace=False,
            opposes_centre_15=False,
        )
    grant(store, old)
    assert listed(store) == []
    with store.write() as work:
        work.patients.identify(old.id, person.ins)
    [found] = listed(store)
    assert found.record.shown == (Ins("0277119330044912345678", oids.INS_C), person.ins)


def test_since_the_authorisation(store: Store) -> None:
    first, second = opened(store, "pat-trois", "nessi")
    grant(store, first, ago=3 * DAY)
    grant(store, second, ago=DAY)
    assert keys(listed(store)) == keys(listed(store, since=NOW - 3 * DAY)) == ["nessi", "pat-trois"]
    assert keys(listed(store, since=NOW - 2 * DAY)) == ["nessi"]
    assert keys(listed(store, since=NOW + DAY)) == []


def test_since_the_last_document(store: Store) -> None:
    early, late, empty = opened(store, "pat-trois", "nessi", "petra")
    for record in (early, late, empty):
        grant(store, record, ago=9 * DAY)
    deposit(store, early, NOW - 5 * DAY)
    deposit(store, late, NOW - 6 * DAY)
    deposit(store, late, NOW - 2 * DAY)
    assert sorted(keys(listed(store, since=NOW - 5 * DAY, date_type=BY_DOCUMENT))) == ["nessi", "pat-trois"]
    assert keys(listed(store, since=NOW - 4 * DAY, date_type=BY_DOCUMENT)) == ["nessi"]
    found = {item.record.id: item.last_add for item in listed(store)}
    assert found == {early.id: NOW - 5 * DAY, late.id: NOW - 2 * DAY, empty.id: None}


@pytest.mark.parametrize(
    ("status", "entry", "for_all", "for_doctor"),
    [
        (Status.APPROVED, {"confidentiality": MASKED}, False, True),
        (Status.ARCHIVED, {}, True, True),
        (Status.DELETED, {}, False, False),
        (Status.DELETED, {"confidentiality": MASKED}, False, False),
    ],
)
def test_documents_that_count(
    store: Store, status: Status, entry: dict[str, Any], for_all: bool, for_doctor: bool
) -> None:
    [record] = opened(store, "pat-trois")
    grant(store, record)
    deposit(store, record, NOW - DAY, status, **entry)
    for counts in (for_all, for_doctor):
        assert (listed(store, since=NOW - DAY, date_type=BY_DOCUMENT) != []) is counts
        [found] = listed(store)
        assert found.last_add == found.last_update == (NOW - DAY if counts else None)
        assert found.has_news is counts
        grant(store, record, treating_doctor=True)


PSYCHIATRIC = Code("34112-3", "2.16.840.1.113883.6.1", "Note")
REPORT = Code("11488-4", "2.16.840.1.113883.6.1", "CR")


@pytest.mark.parametrize(
    ("sight", "entry", "counts"),
    [
        (Sight(masked=True), {"confidentiality": MASKED}, True),
        (Sight(), {"confidentiality": MASKED}, False),
        (Sight(person="899900063480"), {"confidentiality": MASKED}, True),
        (Sight(person="89990006348"), {"confidentiality": MASKED}, False),
        (Sight(person="%"), {"confidentiality": MASKED}, False),
        (Sight(person="8999000634_0"), {"confidentiality": MASKED}, False),
        (Sight(structure="499900063480001"), {"confidentiality": MASKED}, True),
        (Sight(structure="899900063480"), {"confidentiality": MASKED}, False),
        (Sight(person="899900063480"), {"authors": (), "confidentiality": MASKED}, True),
        (Sight(person="899900063480"), {"authors": (), "legal_authenticator": "", "confidentiality": MASKED}, False),
        (Sight(), {"authors": (), "legal_authenticator": "", "confidentiality": MASKED}, False),
        (Sight(other_types=frozenset({"34112-3"})), {"type_code": PSYCHIATRIC}, False),
        (Sight(other_types=frozenset({"34112-3"})), {"type_code": REPORT}, True),
        (Sight(other_types=frozenset({"34112-3"}), person="899900063480"), {"type_code": PSYCHIATRIC}, True),
        (Sight(types=False, other_types=frozenset({"34112-3"})), {"type_code": PSYCHIATRIC}, True),
        (Sight(types=False, other_types=frozenset({"34112-3"})), {"type_code": REPORT}, False),
        (Sight(types=False), {"type_code": REPORT}, False),
        (Sight(types=False, masked=True), {"confidentiality": MASKED}, False),
    ],
)
def test_what_may_be_known_counts(store: Store, sight: Sight, entry: dict[str, Any], counts: bool) -> None:
    [record] = opened(store, "pat-trois")
    grant(store, record, treating_doctor=True)
    deposit(store, record, NOW - DAY, **entry)
    assert (listed(store, since=NOW - DAY, date_type=BY_DOCUMENT, sight=sight) != []) is counts
    [found] = listed(store, sight=sight)
    assert (found.last_add, found.last_update) == ((NOW - DAY, NOW - DAY) if counts else (None, None))


def test_last_access_is_the_holders_own(store: Store) -> None:
    [record] = opened(store, "pat-trois")
    grant(store, record)
    grant(store, record, CABINET)
    trace(store, record.ins, NOW - 5 * DAY, person=LIBRE.identifier, structure=CABINET.identifier)
    trace(store, record.ins, NOW - 3 * DAY, TraceOutcome.REFUSED, person=LIBRE.identifier)
    trace(store, record.ins, NOW - 2 * DAY, person="801234534765", structure=CABINET.identifier)
    trace(store, PATIENTS["nessi"].ins, NOW - DAY, person=LIBRE.identifier)
    assert [item.last_access for item in listed(store)] == [NOW - 5 * DAY]
    assert [item.last_access for item in listed(store, CABINET)] == [NOW - 2 * DAY]
    assert [item.last_access for item in listed(store, LIBRE, CABINET)] == [NOW - 2 * DAY]


def test_last_access_under_a_former_identifier(store: Store) -> None:
    [record] = opened(store, "pat-trois")
    grant(store, record)
    trace(store, record.ins, NOW - 5 * DAY, person=LIBRE.identifier)
    with store.write() as work:
        work.patients.identify(record.id, Ins("279035121518989", oids.INS_NIR))
    assert [item.last_access for item in listed(store)] == [NOW - 5 * DAY]


def test_news_is_what_came_after_the_last_access(store: Store) -> None:
    [record] = opened(store, "pat-trois")
    grant(store, record)
    assert [item.has_news for item in listed(store)] == [False]
    deposit(store, record, NOW - 4 * DAY)
    assert [item.has_news for item in listed(store)] == [True]
    trace(store, record.ins, NOW - 4 * DAY, person=LIBRE.identifier)
    assert [item.has_news for item in listed(store)] == [False]


def test_two_holders_give_one_line(store: Store) -> None:
    [record] = opened(store, "pat-trois")
    grant(store, record, ago=3 * DAY, treating_doctor=True)
    grant(store, record, CABINET, ago=DAY)
    [found] = listed(store, CABINET, LIBRE)
    assert found.treating_doctor
    assert listed(store, CABINET) == [replace(found, treating_doctor=False, granted_at=NOW - DAY)]


def test_more_than_the_limit_is_no_list(store: Store) -> None:
    for record in opened(store, "pat-trois", "nessi", "petra"):
        grant(store, record)
        grant(store, record, CABINET)
    query = AuthorisedQuery((LIBRE, CABINET), (), SIGHT, NOW)
    with store.read() as work:
        lists = [work.patients.authorised(query, limit=limit) for limit in range(5)]
    assert [found if found is None else len(found) for found in lists] == [None, None, None, 3, 3]


def test_more_records_than_one_statement_takes(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dmpws.store.record_rows.BATCH", 2)
    names = ("pat-trois", "nessi", "petra", "attribut", "alot")
    for record in opened(store, *names):
        grant(store, record)
        deposit(store, record, NOW - DAY)
        trace(store, record.ins, NOW, person=LIBRE.identifier)
    found = listed(store)
    assert sorted(keys(found)) == sorted(names)
    assert {(item.last_access, item.last_add) for item in found} == {(NOW, NOW - DAY)}


def test_the_patient_table_knows_no_state_but_open(store: Store) -> None:
    [record] = opened(store, "pat-trois")
    grant(store, record)
    store.database.change(update(patient).values(opposes_bris_de_glace=True, opposes_centre_15=True))
    assert keys(listed(store)) == ["pat-trois"]
