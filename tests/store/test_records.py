"""Records, authorisations, directory, token memory: the ports as the transactions use them."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from dmpws.cast import PATIENTS, PROFESSIONALS, SOFTWARE, STRUCTURES
from dmpws.domain import oids
from dmpws.domain.authorisation import Authorisation, AuthorisationState, By, Holder, HolderKind, state_of
from dmpws.domain.checks import Refused
from dmpws.domain.patient import Address, Ins, Name, Representative, Telecom, Traits
from dmpws.store import Store
from dmpws.testing.deposits import open_record

YEAR = timedelta(days=365)
LIBRE = Holder(HolderKind.PERSON, "899900063480")
HOSPITAL = Holder(HolderKind.STRUCTURE, "11B0062640")
BY = By("899900063480", "MAX LIBRE")


def test_a_record_comes_back_whole(store: Store, now: datetime) -> None:
    traits = Traits(
        name=Name("PAT-TROIS", "D'USAGE", "DOMINIQUE", "Mme"),
        sex="F",
        birth_date="19790328",
        deceased=True,
        telecoms=(Telecom("tel:0102030405", "HP"), Telecom("mailto:a@example.org")),
        addresses=(Address("1 RUE", "", "75001", "PARIS", "FRA"),),
        representatives=(Representative("MTH", Name("ALOT", "", "CECILE"), (), (Telecom("tel:1"),)),),
        vitale_name=Name("PAT-TROIS"),
        vitale_birth_date="19790328",
    )
    current, old = Ins("279035121518989", oids.INS_NIR_TEST), Ins("0277119330044912345678", oids.INS_C)
    with store.write() as work:
        created = work.patients.create(
            [current, old], traits, now=now, opposes_bris_de_glace=True, opposes_centre_15=False
        )
    with store.read() as work:
        assert work.patients.find(current) == work.patients.find(old) == created
    assert created.ins == current
    assert created.identifiers == (current, old)
    assert created.traits == traits
    assert (created.created_at, created.opposes_bris_de_glace, created.opposes_centre_15) == (now, True, False)


def test_identifiers_compare_with_their_authority(store: Store) -> None:
    with store.write() as work:
        record = open_record(work)
    with store.read() as work:
        assert work.patients.find(Ins(record.ins.value, oids.INS_NIR)) is None
        assert work.patients.find(Ins(record.ins.value[:-1], record.ins.authority)) is None


def test_a_second_record_for_an_identifier_is_refused_and_leaves_nothing(store: Store, now: datetime) -> None:
    fresh = Ins("207100486108281", oids.INS_NIR_TEST)
    with store.write() as work:
        first = open_record(work)
    with pytest.raises(Refused) as refused, store.write() as work:
        work.patients.create(
            [first.ins, fresh], first.traits, now=now, opposes_bris_de_glace=False, opposes_centre_15=False
        )
    assert refused.value.code == "DMPFound"
    with store.read() as work:
        assert work.patients.find(fresh) is None
        assert work.patients.find(first.ins) == first


def test_the_life_of_an_authorisation(store: Store, now: datetime) -> None:
    def state(at: datetime) -> AuthorisationState:
        with store.read() as work:
            return state_of(work.authorisations.get(record.id, LIBRE), at)

    with store.write() as work:
        record = open_record(work)
    assert state(now) == AuthorisationState.NON_EXISTE
    with store.write() as work:
        work.authorisations.grant(record.id, LIBRE, by=BY, now=now, expires_at=now + YEAR, treating_doctor=False)
    assert state(now) == AuthorisationState.VALIDE
    assert state(now + YEAR) == AuthorisationState.EXPIRE
    with store.write() as work:
        work.authorisations.revoke(record.id, LIBRE, by=BY, now=now, only_treating_doctor=False)
    assert state(now) == AuthorisationState.NON_EXISTE


def test_renewal_keeps_the_beginning_of_a_running_period_and_the_role(store: Store, now: datetime) -> None:
    later, much_later = now + timedelta(days=30), now + timedelta(days=800)
    with store.write() as work:
        record = open_record(work)
        rights = work.authorisations
        rights.grant(record.id, LIBRE, by=BY, now=now, expires_at=now + YEAR, treating_doctor=True)
        rights.grant(record.id, LIBRE, by=BY, now=later, expires_at=later + YEAR, treating_doctor=False)
        assert rights.get(record.id, LIBRE) == Authorisation(LIBRE, now, later, later + YEAR, treating_doctor=True)
        rights.grant(record.id, LIBRE, by=BY, now=much_later, expires_at=much_later + YEAR, treating_doctor=False)
        renewed = rights.get(record.id, LIBRE)
        assert renewed is not None
        assert renewed.granted_at == much_later


def test_treating_doctors(store: Store, now: datetime) -> None:
    with store.write() as work:
        record, other = open_record(work), open_record(work, "petra")
        rights = work.authorisations
        rights.grant(record.id, LIBRE, by=BY, now=now, expires_at=now + YEAR, treating_doctor=True)
        rights.grant(record.id, HOSPITAL, by=BY, now=now, expires_at=now + YEAR, treating_doctor=False)
        assert rights.treating_doctors(record.id) == [LIBRE]
        assert rights.treating_doctors(other.id) == []
        rights.revoke(record.id, LIBRE, by=BY, now=now, only_treating_doctor=True)
        assert rights.treating_doctors(record.id) == []
        kept = rights.get(record.id, LIBRE)
        assert state_of(kept, now) == AuthorisationState.VALIDE


def test_directory(store: Store) -> None:
    with store.write() as work:
        for structure in STRUCTURES.values():
            work.directory.put_structure(structure)
        for professional in PROFESSIONALS.values():
            work.directory.put_professional(professional)
        work.directory.put_software(SOFTWARE)
    assert {key: store.directory.structure(key) for key in STRUCTURES} == STRUCTURES
    assert {key: store.directory.professional(key) for key in PROFESSIONALS} == PROFESSIONALS
    assert store.directory.software(SOFTWARE.number) == SOFTWARE
    assert store.directory.structure("nobody") is None
    assert store.directory.professional("nobody") is None
    assert store.directory.software("nothing") is None


def test_directory_entries_are_replaced(store: Store) -> None:
    libre = PROFESSIONALS["899900063480"]
    moved = replace(libre, structures=frozenset({"10B0127189"}), active=False)
    homeless = replace(libre, structures=frozenset())
    for value in (libre, moved, homeless):
        with store.write() as work:
            work.directory.put_professional(value)
        assert store.directory.professional(libre.identifier) == value


def test_a_token_is_used_once(store: Store, now: datetime) -> None:
    assert store.tokens.remember("_a", expires_at=now)
    assert not store.tokens.remember("_a", expires_at=now)
    assert store.tokens.remember("_A" * 5000, expires_at=now)


def test_tokens_long_expired_are_forgotten(store: Store, now: datetime) -> None:
    store.tokens.remember("_a", expires_at=now)
    store.tokens.remember("_b", expires_at=now + timedelta(hours=23))
    assert not store.tokens.remember("_a", expires_at=now + timedelta(hours=23))
    store.tokens.remember("_c", expires_at=now + timedelta(hours=25))
    assert store.tokens.remember("_a", expires_at=now + timedelta(hours=25))


def test_a_read_unit_of_work_does_not_write(store: Store) -> None:
    with pytest.raises(TypeError), store.read() as work:
        open_record(work)


def test_what_is_not_committed_is_not_seen(store: Store) -> None:
    ins = PATIENTS["pat-trois"].ins
    with store.write() as work:
        open_record(work)
        with store.read() as other:
            assert other.patients.find(ins) is None
        assert work.patients.find(ins) is not None
    with store.read() as work:
        assert work.patients.find(ins) is not None


def test_a_read_unit_of_work_is_one_snapshot(store: Store) -> None:
    ins = PATIENTS["pat-trois"].ins
    with store.read() as work:
        assert work.patients.find(PATIENTS["petra"].ins) is None  # the snapshot starts with the first query
        with store.write() as writer:
            open_record(writer)
        assert work.patients.find(ins) is None
