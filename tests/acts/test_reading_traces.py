"""Who reads which traces: the patient, who represents him, his médecin traitant, a professional his own actions."""

from collections.abc import Sequence
from datetime import timedelta

import pytest
from acts_world import CABINET, CAMPARINI, INS, LIBRE, MOTHER, NOW, World, doctor, document, refused

from dmpws.acts import actor, erasing, listing, traces
from dmpws.audit.trace import Trace, TraceOutcome
from dmpws.domain import oids
from dmpws.domain.code import Code
from dmpws.domain.document import INVISIBLE_PATIENT, INVISIBLE_REPRESENTANTS_LEGAUX, MASQUE_PS
from dmpws.domain.patient import Ins
from dmpws.domain.traces import TraceQuery

PATIENT = f"{INS.value}^{INS.authority}"
ALL = TraceQuery()
MINOR = "20100907"


def trace(**changes: object) -> Trace:
    usual = Trace(NOW, "TD3.2", TraceOutcome.ACCEPTED, verified=True, person=LIBRE.identifier, patient=PATIENT)
    return usual._replace(**changes)  # type: ignore[arg-type]


def seen(found: Sequence[traces.Access]) -> list[str]:
    return [access.transaction for access in found if not access.transaction.startswith("act:read")]


def masked(*codes: str) -> tuple[Code, ...]:
    return (Code("N", oids.CONFIDENTIALITY), *(Code(code, oids.VISIBILITY) for code in codes))


@pytest.fixture
def minor(world: World) -> World:
    world.open(birth_date=MINOR, representatives=(MOTHER,))
    return world


def test_the_patient_sees_who_did_what_newest_first(world: World) -> None:
    world.open()
    world.store.append_trace(trace(transaction="TD0.2", occurred_at=NOW - timedelta(days=900)))
    world.store.append_trace(trace(reason="coma", purpose="bris_de_glace", structure=CABINET.identifier))
    world.store.append_trace(trace(transaction="TD2.1", patient="277076322082910^1.2.250.1.213.1.4.10"))
    world.store.append_trace(trace(transaction="TD0.2", verified=False, person="", outcome=TraceOutcome.REFUSED))
    found = traces.of_record(world.desk(actor.patient(INS)), INS, ALL)
    assert seen(found) == ["TD3.2", "TD0.2"]
    assert (found[0].who, found[0].reason, found[0].structure) == (LIBRE.identifier, "coma", CABINET.identifier)
    assert world.traces()[-1]["transaction"] == "act:read-traces"
    late = traces.of_record(world.desk(actor.patient(INS)), INS, TraceQuery(since=NOW - timedelta(days=1), limit=1))
    assert seen(late) == []  # the newest is the reading before
    assert late[0].transaction == "act:read-traces"


def test_former_identifiers_are_the_same_patient(world: World) -> None:
    record = world.open()
    new = Ins("177019999999932", oids.INS_NIR_TEST)
    world.store.append_trace(trace())
    with world.store.write() as work:
        work.patients.identify(record.id, new)
    world.store.append_trace(trace(transaction="TD3.1", patient=f"{new.value}^{new.authority}"))
    assert seen(traces.of_record(world.desk(actor.patient(new)), INS, ALL)) == ["TD3.1", "TD3.2"]


@pytest.mark.parametrize(
    ("codes", "by_patient", "by_mother"),
    [
        ((), True, True),
        ((MASQUE_PS,), True, True),
        ((INVISIBLE_PATIENT,), False, False),
        ((INVISIBLE_REPRESENTANTS_LEGAUX,), True, False),
    ],
)
def test_what_is_invisible_shows_in_no_trace(
    minor: World, codes: tuple[str, ...], by_patient: bool, by_mother: bool
) -> None:
    entry = document(confidentiality=masked(*codes))
    minor.deposit((entry, b"<cda/>"))
    named = {"uniqueId": entry.unique_id, "typeCode": entry.type_code.code if entry.type_code else ""}
    minor.store.append_trace(trace(transaction="TD2.1", documents=(named,)))
    minor.store.append_trace(trace(transaction="TD3.3d", changes=({"uniqueId": entry.unique_id, "new": "ARCHIVED"},)))
    for who, told in ((actor.patient(INS), by_patient), (actor.representative(MOTHER), by_mother)):
        found = traces.of_record(minor.desk(who), INS, ALL)
        assert seen(found) == (["TD3.3d", "TD2.1"] if told else [])
        assert any(entry.unique_id in str(access) for access in found) is told


def test_only_the_visible_documents_of_a_lot_are_told(world: World) -> None:
    world.open()
    shown, hidden = document(), document(confidentiality=masked(INVISIBLE_PATIENT))
    world.deposit((shown, b"<a/>"), (hidden, b"<b/>"))
    both = tuple({"uniqueId": e.unique_id, "typeCode": "11488-4"} for e in (shown, hidden))
    world.store.append_trace(trace(transaction="TD2.1", documents=both))
    [access] = [a for a in traces.of_record(world.desk(actor.patient(INS)), INS, ALL) if a.transaction == "TD2.1"]
    assert [d["uniqueId"] for d in access.documents] == [shown.unique_id]


def test_a_secret_connection_is_hidden_from_representatives_only(minor: World) -> None:
    minor.store.append_trace(trace(secret=True))
    assert seen(traces.of_record(minor.desk(actor.representative(MOTHER)), INS, ALL)) == []
    assert seen(traces.of_record(minor.desk(actor.patient(INS)), INS, ALL)) == ["TD3.2"]


def test_a_page_has_no_holes_where_something_is_hidden(minor: World) -> None:
    """Its length would tell how much."""
    for number in range(6):
        minor.store.append_trace(trace(secret=number % 2 == 1, occurred_at=NOW - timedelta(hours=number)))
    mother, before, pages = actor.representative(MOTHER), None, []
    while page := traces.of_record(minor.desk(mother), INS, TraceQuery(limit=2, until=NOW, before=before)):
        pages.append([access.transaction for access in page])
        before = page[-1].seq
    assert pages == [["TD3.2", "TD3.2"]]  # the first is of NOW


def test_an_erasure_is_told_but_no_longer_of_what(world: World) -> None:
    world.open()
    world.store.append_trace(
        trace(transaction="act:erase", actor="operator", verified=False, documents=({"uniqueId": "2.25.1"},))
    )
    world.store.append_trace(trace(documents=({"uniqueId": "2.25.1"},)))
    [access] = [a for a in traces.of_record(world.desk(actor.patient(INS)), INS, ALL) if "read" not in a.transaction]
    assert (access.transaction, access.documents) == ("act:erase", ())


@pytest.mark.parametrize(
    ("codes", "by_patient", "by_mother"),
    [((), True, True), ((INVISIBLE_REPRESENTANTS_LEGAUX,), True, False), ((INVISIBLE_PATIENT,), False, False)],
)
def test_nor_is_the_erasure_of_what_was_invisible_told(
    minor: World, codes: tuple[str, ...], by_patient: bool, by_mother: bool
) -> None:
    entry = document(confidentiality=masked(*codes))
    minor.deposit((entry, b"<cda/>"))
    listing.list_documents(minor.desk(actor.patient(INS)), INS)
    minor.delete(entry.unique_id)
    host = minor.desk(actor.operator("exploitation"), motive="à la demande du patient")
    erasing.erase(host, INS, entry.unique_id, confirmed=erasing.plan(host, INS, entry.unique_id).confirmation)
    for who, told in ((actor.patient(INS), by_patient), (actor.representative(MOTHER), by_mother)):
        found = traces.of_record(minor.desk(who), INS, ALL)
        assert seen(found) == (["act:erase", "act:erase-plan"] if told else []) + ["act:list"]
        assert not any(entry.unique_id in str(access) for access in found)
        assert found[-1].changes == ()  # nor how much the list held


def test_the_medecin_traitant_sees_the_record_for_a_year_and_a_hundred_traces(world: World) -> None:
    world.open()
    world.authorise(LIBRE, treating_doctor=True)
    world.store.append_trace(trace(occurred_at=NOW - timedelta(days=366), transaction="TD0.2"))
    for _ in range(101):
        world.store.append_trace(trace(person=CAMPARINI.identifier))
    found = traces.of_record(world.desk(doctor()), INS, TraceQuery(limit=1000))
    assert seen(found) == ["TD3.2"] * 100
    assert {access.who for access in found} == {CAMPARINI.identifier}


def test_another_doctor_reads_only_his_own_actions(world: World) -> None:
    world.open()
    world.authorise(LIBRE)
    assert refused(lambda: traces.of_record(world.desk(doctor()), INS, ALL)) == "ACT-TREATS"
    world.store.append_trace(trace(person=CAMPARINI.identifier))
    world.store.append_trace(trace(transaction="TD2.1"))
    world.store.append_trace(trace(transaction="TD0.2", occurred_at=NOW - timedelta(days=366)))
    found = traces.own_actions(world.desk(doctor()), ALL)
    assert ("TD2.1" in seen(found), "TD3.2" in seen(found), "TD0.2" in seen(found)) == (True, False, False)
    read = world.traces()[-1]
    assert (read["transaction"], read["actor"], read["person_name"]) == (
        "act:read-own-traces",
        "treating_doctor",
        "MAX LIBRE",
    )


def test_strangers_read_nothing(world: World) -> None:
    world.open()
    other = actor.patient(Ins("277076322082910", oids.INS_NIR_TEST))
    assert refused(lambda: traces.of_record(world.desk(other), INS, ALL)) == "ACT-OWN-RECORD"
    assert refused(lambda: traces.of_record(world.desk(actor.producer("remb")), INS, ALL)) == "ACT-ALLOWED"
    assert seen(traces.of_record(world.desk(actor.operator("root")), INS, ALL)) == []
