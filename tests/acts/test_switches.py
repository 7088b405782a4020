"""Blocking, unblocking and the switches, on both databases."""

import json
from collections.abc import Callable

import pytest
from acts_world import CABINET, CAMPARINI, INS, LIBRE, NOW, World, doctor, refused

from dmpws.acts import closing, switches
from dmpws.acts.actor import Actor, operator, patient
from dmpws.acts.desk import Desk
from dmpws.domain.authorisation import AuthorisationState, Holder, HolderKind, state_of
from dmpws.domain.patient import DmpStatus, Ins, Switch


@pytest.mark.parametrize("holder", [CAMPARINI, CABINET])
def test_a_block_beats_an_authorisation_and_is_lifted(world: World, holder: Holder) -> None:
    world.open()
    world.authorise(holder)
    desk = world.desk(patient(INS))
    assert switches.block(desk, INS, holder)
    assert not switches.block(desk, INS, holder)
    assert state_of(world.authorisation(holder), NOW) is AuthorisationState.INTERDIT
    assert refused(lambda: switches.authorise(desk, INS, holder)) == "ACT-NOT-BLOCKED"
    assert switches.unblock(desk, INS, holder)
    assert not switches.unblock(desk, INS, holder)
    assert state_of(world.authorisation(holder), NOW) is AuthorisationState.VALIDE
    changes = [trace["changes"][0] for trace in world.traces() if "changes" in trace]
    assert [(change["old"], change["new"]) for change in changes] == [("VALIDE", "INTERDIT"), ("INTERDIT", "VALIDE")]


def test_the_treating_doctor_blocks_for_the_patient_under_both_names(world: World) -> None:
    world.open()
    world.authorise(LIBRE, treating_doctor=True)
    assert switches.block(world.desk(doctor()), INS, CAMPARINI)
    with world.store.read() as work:
        event = work.authorisations.history(world.record().id, CAMPARINI)[-1]
    assert (event.by.identifier, event.by.capacity) == (LIBRE.identifier, "treating_doctor")
    trace = world.traces()[-1]
    assert (trace["person"], trace["on_behalf_of"], trace["holder"]) == (
        LIBRE.identifier, trace["patient"], CAMPARINI.identifier,
    )  # fmt: skip


@pytest.mark.parametrize("holder", [LIBRE, CABINET])
def test_the_treating_doctor_does_not_lock_himself_out(world: World, holder: Holder) -> None:
    world.open()
    world.authorise(LIBRE, treating_doctor=True)
    assert refused(lambda: switches.block(world.desk(doctor()), INS, holder)) == "ACT-NOT-HIMSELF"


@pytest.mark.parametrize("word", ["", " ", "☃", "Dr LIBRE", "9" * 300, "899900063480\n", "1/", "../../x"])
@pytest.mark.parametrize("kind", HolderKind)
@pytest.mark.parametrize("act", [switches.block, switches.authorise])
def test_a_word_that_is_no_identifier(
    world: World, act: Callable[[Desk, Ins, Holder], bool], kind: HolderKind, word: str
) -> None:
    world.open()
    assert refused(lambda: act(world.desk(patient(INS)), INS, Holder(kind, word))) == "ACT-HOLDER"
    assert len(json.dumps(world.traces()[-1])) < 2000


def test_a_blocked_treating_doctor_does_nothing_any_more(world: World) -> None:
    world.open()
    world.authorise(LIBRE, treating_doctor=True)
    switches.block(world.desk(patient(INS)), INS, CABINET)
    assert refused(lambda: switches.unblock(world.desk(doctor()), INS, CABINET)) == "ACT-TREATS"


@pytest.mark.parametrize("which", list(Switch))
def test_every_switch_goes_on_and_off(world: World, which: Switch) -> None:
    world.open()
    desk = world.desk(operator("exploitation"))
    for on in (True, False):
        assert switches.switch(desk, INS, which, on=on)
        assert getattr(world.record(), which.value) is on


def test_close_restore_and_close_for_good(world: World) -> None:
    world.open()
    desk = world.desk(patient(INS), motive="Je ne veux plus de DMP")
    closing.close(desk, INS)
    closed = world.record()
    assert (closed.status, closed.closed_at, closed.closure_text) == (DmpStatus.CLOSED, NOW, "Je ne veux plus de DMP")
    assert refused(lambda: closing.close(desk, INS)) == "ADM-OPEN"
    assert refused(lambda: switches.switch(desk, INS, Switch.OPPOSES_CENTRE_15, on=True)) == "ADM-OPEN"
    host = world.desk(operator("exploitation"), motive="demande du patient")
    closing.restore(host, INS)
    assert world.record().status is DmpStatus.ACTIVE
    assert refused(lambda: closing.restore(host, INS)) == "RESTORE-CLOSED"
    closing.close(host, INS, final=True)
    assert refused(lambda: closing.restore(host, INS)) == "RESTORE-CLOSED"
    assert refused(lambda: closing.restore(desk, INS)) == "ACT-ALLOWED"


def test_the_host_undoes_the_death_and_the_closure_that_an_lps_told_by_mistake(world: World) -> None:
    world.open(deceased=True)
    host = world.desk(operator("exploitation"), motive="le patient est vivant")
    closing.close(host, INS)
    closing.restore(host, INS)
    assert world.record().status is DmpStatus.ACTIVE


@pytest.mark.parametrize("day", ["", "20261122", "20260230", "2026", "19790327", "abcdefgh"])
def test_an_impossible_day_of_death(world: World, day: str) -> None:
    world.open()
    desk = world.desk(operator("exploitation"), motive="acte de décès")
    assert refused(lambda: closing.close_on_death(desk, INS, day)) == "CLOSE-DEATH"
    assert not world.record().traits.deceased


def test_a_death_closes_for_good_and_can_be_corrected(world: World) -> None:
    world.open()
    desk = world.desk(operator("exploitation"), motive="acte de décès")
    closing.close_on_death(desk, INS, "20261101")
    closing.close_on_death(desk, INS, "20261102")
    record = world.record()
    assert (record.deceased_on, record.traits.deceased, record.closure_final) == ("20261102", True, True)
    assert refused(lambda: closing.restore(desk, INS)) == "RESTORE-CLOSED"
    assert world.traces()[1]["changes"] == [{"what": "deceased_on", "old": "20261101", "new": "20261102"}]


@pytest.mark.parametrize("actor", [patient(INS), doctor()])
def test_only_the_host_notes_a_death(world: World, actor: Actor) -> None:
    world.open()
    desk = world.desk(actor, motive="acte de décès")
    assert refused(lambda: closing.close_on_death(desk, INS, "20261101")) == "ACT-ALLOWED"
