"""Who is admitted to the desk, and what the traces keep of it."""

import json
from dataclasses import replace
from typing import Any

import pytest
from acts_world import GUARDIAN, INS, LIBRE, MOTHER, NOW, World, doctor, refused

from dmpws.acts import switches
from dmpws.acts.actor import Actor, operator, patient, producer, representative
from dmpws.acts.desk import ALLOWED, MOTIVE, Kind
from dmpws.acts.switches import BY_PATIENT
from dmpws.audit.chain import verify_chain
from dmpws.cast import PATIENTS
from dmpws.domain.access import Purpose
from dmpws.domain.authorisation import By
from dmpws.domain.checks import Refused
from dmpws.domain.patient import Switch

OPPOSE, MASKED = Switch.OPPOSES_BRIS_DE_GLACE, Switch.MASKED_IN_EMERGENCY


def test_the_patient_turns_a_switch_and_the_trace_says_old_and_new(world: World) -> None:
    world.open()
    assert switches.switch(world.desk(patient(INS)), INS, OPPOSE, on=True)
    assert world.record().opposes_bris_de_glace
    assert not switches.switch(world.desk(patient(INS)), INS, OPPOSE, on=True)
    first, second = world.traces()
    assert first["changes"] == [{"what": "opposes_bris_de_glace", "old": "False", "new": "True"}]
    assert "changes" not in second
    assert (first["transaction"], first["actor"], first["outcome"]) == (
        "act:oppose-bris-de-glace",
        "patient",
        "accepted",
    )
    assert first["person"] == first["patient"] == f"{INS.value}^{INS.authority}"
    assert "on_behalf_of" not in first
    assert verify_chain(world.store).ok


def test_the_treating_doctor_acts_under_both_names(world: World) -> None:
    world.open()
    world.authorise(LIBRE, treating_doctor=True)
    assert switches.switch(world.desk(doctor()), INS, MASKED, on=True)
    trace = world.traces()[-1]
    assert (trace["person"], trace["person_name"]) == (LIBRE.identifier, "MAX LIBRE")
    assert trace["structure"] == "499900063480001"
    assert trace["on_behalf_of"] == trace["patient"]


@pytest.mark.parametrize(
    ("given", "actor"),
    [
        ({}, doctor()),
        ({"treating_doctor": False}, doctor()),
        ({"treating_doctor": True, "days": -1}, doctor()),
        ({"treating_doctor": True}, doctor(purpose=Purpose.BRIS_DE_GLACE)),
        ({"treating_doctor": True}, doctor(person="801234534765")),
        ({"treating_doctor": True}, doctor(roles=(replace(doctor().caller.roles[0], code="60"),))),
    ],
    ids=["no authorisation", "not treating", "expired", "bris de glace", "another doctor", "a nurse"],
)
def test_nobody_else_acts_as_the_treating_doctor(world: World, given: dict[str, Any], actor: Actor) -> None:
    world.open()
    if given:
        world.authorise(LIBRE, **given)
    assert refused(lambda: switches.switch(world.desk(actor), INS, MASKED, on=True)) == "ACT-TREATS"
    assert not world.record().masked_visible_in_emergency
    (trace,) = world.traces()
    assert (trace["outcome"], trace["code"]) == ("refused", "DMPAccessForbidden")
    assert "MEDECIN_TRAITANT" in trace["message"] or "mode normal" in trace["message"]


def test_the_treating_doctor_may_not_do_everything(world: World) -> None:
    world.open()
    world.authorise(LIBRE, treating_doctor=True)
    with pytest.raises(Refused) as caught:
        switches.switch(world.desk(doctor()), INS, OPPOSE, on=True)
    assert caught.value.checks[0].rule is ALLOWED
    assert "le patient, son représentant légal, l'hébergeur" in caught.value.message
    assert "son médecin traitant" in caught.value.message


def test_a_patient_acts_on_his_own_record_only(world: World) -> None:
    world.open()
    other = patient(PATIENTS["nessi"].ins)
    assert refused(lambda: switches.switch(world.desk(other), INS, OPPOSE, on=True)) == "ACT-OWN-RECORD"
    assert "279035121518989" not in world.traces()[-1]["message"]


@pytest.mark.parametrize(
    ("birth_date", "known", "who", "rule"),
    [
        ("20150101", (MOTHER,), MOTHER, ""),
        ("19790328", (MOTHER,), MOTHER, "ACT-REPRESENTS"),
        ("19790328", (GUARDIAN,), GUARDIAN, ""),
        ("20150101", (MOTHER,), GUARDIAN, "ACT-REPRESENTS"),
        ("20150101", (), MOTHER, "ACT-REPRESENTS"),
    ],
)
def test_who_represents_a_patient(world: World, birth_date: str, known: Any, who: Any, rule: str) -> None:
    world.open(birth_date=birth_date, representatives=known)
    desk = world.desk(representative(who))
    if rule:
        assert refused(lambda: switches.switch(desk, INS, OPPOSE, on=True)) == rule
    else:
        assert switches.switch(desk, INS, OPPOSE, on=True)
        assert world.traces()[-1]["on_behalf_of"] == f"{INS.value}^{INS.authority}"


@pytest.mark.parametrize("actor", [patient(INS), doctor(), representative(GUARDIAN)])
def test_after_a_death_only_the_host_acts(world: World, actor: Actor) -> None:
    world.open(deceased=True, representatives=(GUARDIAN,))
    world.authorise(LIBRE, treating_doctor=True)
    assert refused(lambda: switches.switch(world.desk(actor), INS, MASKED, on=True)) == "ACT-ALIVE"
    assert switches.switch(world.desk(operator("exploitation")), INS, MASKED, on=True)
    assert world.traces()[-1]["person"] == "operator:exploitation"


def test_a_producer_turns_no_switch(world: World) -> None:
    world.open()
    assert (
        refused(lambda: switches.switch(world.desk(producer("318003502400041")), INS, OPPOSE, on=True)) == "ACT-ALLOWED"
    )


def test_without_record_there_is_no_act(world: World) -> None:
    assert refused(lambda: switches.switch(world.desk(operator("x")), INS, OPPOSE, on=True)) == "ADM-PATIENT"
    assert world.traces()[-1]["outcome"] == "refused"


@pytest.mark.parametrize("motive", ["", "  "])
def test_a_motive_that_is_asked_for(world: World, motive: str) -> None:
    world.open()
    kind = Kind("act:test", "Essai", BY_PATIENT, motive=True)
    with pytest.raises(Refused) as caught, world.desk(patient(INS), motive=motive).act(kind, INS):
        pass
    assert caught.value.checks[0].rule is MOTIVE


@pytest.mark.parametrize("words", [{"motive": "x" * 501}, {"proof": "x" * 100_000}])
def test_words_have_a_length(world: World, words: dict[str, str]) -> None:
    world.open()
    desk = world.desk(patient(INS), **words)
    assert refused(lambda: switches.switch(desk, INS, OPPOSE, on=True)) == "ACT-WORDS"
    assert len(json.dumps(world.traces()[-1])) < 2000


def test_what_fails_inside_an_act_changes_nothing_and_is_traced(world: World) -> None:
    world.open()
    kind = Kind("act:test", "Essai", BY_PATIENT)
    with pytest.raises(ZeroDivisionError), world.desk(patient(INS)).act(kind, INS) as act:
        act.store.patients.switch(act.record.id, OPPOSE, on=True)
        raise ZeroDivisionError
    assert not world.record().opposes_bris_de_glace
    assert [trace["outcome"] for trace in world.traces()] == ["failed"]


def test_a_read_act_is_traced_too(world: World) -> None:
    world.open()
    kind = Kind("act:test", "Essai", BY_PATIENT, writes=False)
    with world.desk(patient(INS)).act(kind, INS) as act:
        assert act.record.ins == INS
    assert [trace["outcome"] for trace in world.traces()] == ["accepted"]


def test_authorise_renews_and_says_before_and_after(world: World) -> None:
    world.open()
    world.authorise(LIBRE, days=-1)
    desk = world.desk(patient(INS))
    assert switches.authorise(desk, INS, LIBRE)
    assert not switches.authorise(desk, INS, LIBRE)
    held = world.authorisation(LIBRE)
    assert held is not None and held.expires_at is not None
    assert (held.expires_at - NOW).days == 365
    with world.store.read() as work:
        *_, event = work.authorisations.history(world.record().id, LIBRE)
    assert (event.act, event.by, event.at) == ("AJOUT", By(f"{INS.value}^{INS.authority}", "", "patient"), NOW)
    assert world.traces()[0]["changes"] == [
        {"what": f"authorisation {LIBRE.identifier}", "old": "EXPIRE", "new": "VALIDE"}
    ]
