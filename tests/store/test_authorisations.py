"""Authorisations in the store: blocking, which beats everything, and the history of who did what."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest

from dmpws.domain.authorisation import (
    AuthorisationAct,
    AuthorisationEvent,
    AuthorisationState,
    By,
    Holder,
    HolderKind,
    state_of,
)
from dmpws.domain.patient import PatientRecord
from dmpws.store import Store
from dmpws.testing.deposits import open_record

YEAR, DAY = timedelta(days=365), timedelta(days=1)
LIBRE = Holder(HolderKind.PERSON, "899900063480")
HOSPITAL = Holder(HolderKind.STRUCTURE, "11B0062640")
HIMSELF = By("899900063480", "MAX LIBRE")
PATIENT = By("279035121518989^1.2.250.1.213.1.4.10", "DOMINIQUE PAT-TROIS", "patient")
ADD, REMOVE, BLOCK, UNBLOCK = (
    AuthorisationAct.ADD, AuthorisationAct.REMOVE, AuthorisationAct.BLOCK, AuthorisationAct.UNBLOCK
)  # fmt: skip


@pytest.fixture
def record(store: Store) -> PatientRecord:
    with store.write() as work:
        return open_record(work)


def state(store: Store, record: PatientRecord, at: datetime, holder: Holder = LIBRE) -> AuthorisationState:
    with store.read() as work:
        return state_of(work.authorisations.get(record.id, holder), at)


def events(store: Store, record: PatientRecord, holder: Holder | None = None) -> Sequence[AuthorisationEvent]:
    with store.read() as work:
        return work.authorisations.history(record.id, holder)


def grant(store: Store, record: PatientRecord, now: datetime, *, treating_doctor: bool = False) -> None:
    with store.write() as work:
        work.authorisations.grant(
            record.id, LIBRE, by=HIMSELF, now=now, expires_at=now + YEAR, treating_doctor=treating_doctor
        )


def block(store: Store, record: PatientRecord, now: datetime, holder: Holder = LIBRE) -> bool:
    with store.write() as work:
        return work.authorisations.block(record.id, holder, by=PATIENT, now=now)


def unblock(store: Store, record: PatientRecord, now: datetime, holder: Holder = LIBRE) -> bool:
    with store.write() as work:
        return work.authorisations.unblock(record.id, holder, by=PATIENT, now=now)


def test_a_block_beats_what_was_and_what_comes(store: Store, record: PatientRecord, now: datetime) -> None:
    grant(store, record, now, treating_doctor=True)
    assert block(store, record, now)
    assert state(store, record, now) is AuthorisationState.INTERDIT
    grant(store, record, now)
    assert state(store, record, now) is AuthorisationState.INTERDIT
    with store.write() as work:
        assert work.authorisations.revoke(record.id, LIBRE, by=HIMSELF, now=now, only_treating_doctor=False)
    assert state(store, record, now + 2 * YEAR) is AuthorisationState.INTERDIT


def test_those_of_some_holders(store: Store, record: PatientRecord, now: datetime) -> None:
    """A structure that has the number of a person is not that person."""
    grant(store, record, now)
    namesake, stranger = Holder(HolderKind.STRUCTURE, LIBRE.identifier), Holder(HolderKind.PERSON, "1")
    with store.read() as work:
        held = work.authorisations.get(record.id, LIBRE)
        assert held is not None
        assert work.authorisations.of_holders(record.id, [stranger, LIBRE]) == {LIBRE: held}
        assert work.authorisations.of_holders(record.id, [namesake]) == {}
        assert work.authorisations.of_holders(record.id + 1, [LIBRE]) == {}


def test_somebody_who_never_came_can_be_blocked(store: Store, record: PatientRecord, now: datetime) -> None:
    for holder in (LIBRE, HOSPITAL):
        assert block(store, record, now, holder)
        assert state(store, record, now, holder) is AuthorisationState.INTERDIT
        assert unblock(store, record, now, holder)
        assert state(store, record, now, holder) is AuthorisationState.NON_EXISTE


@pytest.mark.parametrize(("later", "shown"), [(DAY, "VALIDE"), (YEAR, "EXPIRE")])
def test_unblocking_shows_what_is_beneath(
    store: Store, record: PatientRecord, now: datetime, later: timedelta, shown: str
) -> None:
    grant(store, record, now)
    block(store, record, now)
    assert unblock(store, record, now + later)
    assert state(store, record, now + later) == shown


def test_blocking_twice_changes_nothing(store: Store, record: PatientRecord, now: datetime) -> None:
    assert [block(store, record, now), block(store, record, now + DAY)] == [True, False]
    assert [unblock(store, record, now), unblock(store, record, now + DAY)] == [True, False]
    assert [event.act for event in events(store, record)] == [BLOCK, UNBLOCK]
    with store.read() as work:
        held = work.authorisations.get(record.id, LIBRE)
    assert held is not None
    assert held.last_action_at == now


def test_the_history_says_who_when_and_what(store: Store, record: PatientRecord, now: datetime) -> None:
    grant(store, record, now, treating_doctor=True)
    with store.write() as work:
        work.authorisations.revoke(record.id, LIBRE, by=HIMSELF, now=now + DAY, only_treating_doctor=True)
    block(store, record, now + 2 * DAY)
    unblock(store, record, now + 3 * DAY)
    with store.write() as work:
        work.authorisations.revoke(record.id, LIBRE, by=HIMSELF, now=now + 4 * DAY, only_treating_doctor=False)
    block(store, record, now + 5 * DAY, HOSPITAL)
    assert events(store, record, LIBRE) == [
        AuthorisationEvent(LIBRE, ADD, now, HIMSELF, True, now + YEAR),
        AuthorisationEvent(LIBRE, REMOVE, now + DAY, HIMSELF, True, now + YEAR),
        AuthorisationEvent(LIBRE, BLOCK, now + 2 * DAY, PATIENT, False, now + YEAR),
        AuthorisationEvent(LIBRE, UNBLOCK, now + 3 * DAY, PATIENT, False, now + YEAR),
        AuthorisationEvent(LIBRE, REMOVE, now + 4 * DAY, HIMSELF, False, None),
    ]
    of_hospital = [AuthorisationEvent(HOSPITAL, BLOCK, now + 5 * DAY, PATIENT, False, None)]
    assert events(store, record, HOSPITAL) == of_hospital
    assert events(store, record) == [*events(store, record, LIBRE), *of_hospital]


def test_what_changes_nothing_leaves_no_event(store: Store, record: PatientRecord, now: datetime) -> None:
    with store.write() as work:
        for only_role in (True, False):
            assert not work.authorisations.revoke(record.id, LIBRE, by=HIMSELF, now=now, only_treating_doctor=only_role)
        assert work.authorisations.expire(record.id, by=HIMSELF, now=now) == 0
    assert events(store, record) == []


def test_an_event_is_undone_with_its_change(store: Store, record: PatientRecord, now: datetime) -> None:
    with pytest.raises(ZeroDivisionError), store.write() as work:
        work.authorisations.block(record.id, LIBRE, by=PATIENT, now=now)
        raise ZeroDivisionError
    assert events(store, record) == []
    assert state(store, record, now) is AuthorisationState.NON_EXISTE


def test_histories_do_not_mix(store: Store, record: PatientRecord, now: datetime) -> None:
    with store.write() as work:
        other = open_record(work, "petra")
    block(store, other, now)
    assert events(store, record) == []
    assert state(store, record, now) is AuthorisationState.NON_EXISTE


def test_specialties_stay_when_none_are_told(store: Store, record: PatientRecord, now: datetime) -> None:
    def held(*specialties: str) -> tuple[str, ...]:
        with store.write() as work:
            work.authorisations.grant(
                record.id,
                LIBRE,
                by=PATIENT,
                now=now,
                expires_at=now + YEAR,
                treating_doctor=False,
                specialties=specialties,
            )
            found = work.authorisations.get(record.id, LIBRE)
        assert found is not None
        return found.specialties

    assert held() == ()
    assert held("G15_10/SM26", "G15_10/CAPA02") == ("G15_10/SM26", "G15_10/CAPA02")
    assert held() == ("G15_10/SM26", "G15_10/CAPA02")
    assert held("G15_10") == ("G15_10",)
