"""Changing, closing, opening again and identifying a record: conditions and races, on both databases."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from functools import partial

import pytest

from dmpws.domain import oids
from dmpws.domain.checks import Refused
from dmpws.domain.patient import DmpStatus, Ins, Name, PatientRecord, Telecom
from dmpws.store import Store
from dmpws.store.unit_of_work import UnitOfWork
from dmpws.testing.deposits import open_record
from dmpws.testing.together import together

NEW = Ins("279035121519090", oids.INS_NIR_TEST)


@pytest.fixture
def record(store: Store) -> PatientRecord:
    with store.write() as work:
        return open_record(work)


def now_in(store: Store, record: PatientRecord) -> PatientRecord:
    with store.read() as work:
        found = work.patients.find(record.ins)
    assert found is not None
    return found


def close(work: UnitOfWork, record: PatientRecord, now: datetime, *, final: bool = False) -> bool:
    return work.patients.close(record.id, now=now, code="FERMETURE_DEMANDE_PATIENT", text="É", final=final)


def test_traits_and_oppositions_are_replaced(store: Store, record: PatientRecord) -> None:
    traits = replace(record.traits, name=Name("É", given="Ñ"), telecoms=(Telecom("tel:1"),))
    with store.write() as work:
        assert work.patients.update(record.id, traits, opposes_bris_de_glace=True, opposes_centre_15=True)
    changed = replace(record, traits=traits, opposes_bris_de_glace=True, opposes_centre_15=True)
    assert now_in(store, record) == changed


def test_a_closure_is_told_and_undone(store: Store, record: PatientRecord, now: datetime) -> None:
    with store.write() as work:
        assert close(work, record, now)
    closed = now_in(store, record)
    assert (closed.status, closed.closed_at, closed.closure_final) == (DmpStatus.CLOSED, now, False)
    assert (closed.closure_code, closed.closure_text) == ("FERMETURE_DEMANDE_PATIENT", "É")
    with store.write() as work:
        assert work.patients.reopen(record.id)
    assert now_in(store, record) == record


def test_a_closed_record_is_neither_changed_nor_closed_again(
    store: Store, record: PatientRecord, now: datetime
) -> None:
    with store.write() as work:
        close(work, record, now)
    closed = now_in(store, record)
    with store.write() as work:
        assert not work.patients.update(record.id, record.traits, opposes_bris_de_glace=True, opposes_centre_15=True)
        assert not close(work, record, now, final=True)
    assert now_in(store, record) == closed


def test_a_closure_for_good_stays(store: Store, record: PatientRecord, now: datetime) -> None:
    with store.write() as work:
        close(work, record, now, final=True)
        assert not work.patients.reopen(record.id)
    assert now_in(store, record).closure_final


def test_nothing_to_open(store: Store, record: PatientRecord) -> None:
    with store.write() as work:
        assert not work.patients.reopen(record.id)


def test_a_new_identifier_is_the_current_one_and_the_old_ones_still_find_the_record(
    store: Store, record: PatientRecord
) -> None:
    with store.write() as work:
        work.patients.identify(record.id, NEW)
    with store.read() as work:
        found = work.patients.find(NEW)
        assert found is not None
        assert found == work.patients.find(record.ins)
        assert found.identifiers == (NEW, record.ins)


def test_an_old_identifier_can_become_the_current_one_again(store: Store, record: PatientRecord) -> None:
    for ins in (NEW, record.ins, record.ins):
        with store.write() as work:
            work.patients.identify(record.id, ins)
    assert now_in(store, record).identifiers == (record.ins, NEW)


def test_an_identifier_of_somebody_else_is_refused(store: Store, record: PatientRecord) -> None:
    with store.write() as work:
        other = open_record(work, "petra")
    with pytest.raises(Refused) as refused, store.write() as work:
        work.patients.identify(record.id, other.ins)
    assert refused.value.code == "DMPFound"
    assert now_in(store, record).identifiers == (record.ins,)


def at_once(store: Store, actions: list[Callable[[UnitOfWork], object]]) -> Counter[object]:
    """Each in its unit of work."""

    def run(action: Callable[[UnitOfWork], object]) -> object:
        with store.write() as work:
            return action(work)

    return together([partial(run, action) for action in actions])


def test_of_two_closures_one_wins(store: Store, record: PatientRecord, now: datetime) -> None:
    assert at_once(store, [lambda work: close(work, record, now)] * 6) == {True: 1, False: 5}


def test_of_two_reactivations_one_wins(store: Store, record: PatientRecord, now: datetime) -> None:
    with store.write() as work:
        close(work, record, now)
    assert at_once(store, [lambda work: work.patients.reopen(record.id)] * 6) == {True: 1, False: 5}


def test_identifiers_added_at_once_are_all_there(store: Store, record: PatientRecord) -> None:
    added = [Ins(f"27903512151909{n}", oids.INS_NIR_TEST) for n in range(6)]
    identify = [lambda work, ins=ins: work.patients.identify(record.id, ins) for ins in added]
    assert at_once(store, identify) == {None: 6}  # type: ignore[arg-type]
    assert set(now_in(store, record).identifiers) == {record.ins, *added}
