"""TD0.2: existence and authorisation."""

from typing import Any

import pytest
from lxml import etree
from world import World

from dmpws.codec.hl7v3.message import E
from dmpws.domain.checks import Refused
from dmpws.domain.patient import Ins
from dmpws.transactions import load, td0_2
from dmpws.transactions.registry import select

load()
NAMES = {"h": "urn:hl7-org:v3"}


def query(ins: Ins, reason: str = "TEST_EXST") -> etree._Element:
    value = E.value(root=ins.authority, extension=ins.value)
    act = E.controlActProcess(
        E.reasonCode(code=reason),
        E.queryByParameter(E.queryId(root="1.2", extension="7"), E.parameterList(E.patientIdentifier(value))),
    )
    return E.PRPA_IN201307UV02(E.id(root="1.2", extension="42"), act)


def ask(world: World) -> dict[str, str]:
    body = td0_2.handle(world.call(), query(world.person.ins)).body
    assert isinstance(body, etree._Element)
    return {
        "ack": body.xpath("string(h:acknowledgement/@typeCode)", namespaces=NAMES),
        "response": body.xpath("string(.//h:queryResponseCode/@code)", namespaces=NAMES),
        "status": body.xpath("string(.//h:patient/h:statusCode/@code)", namespaces=NAMES),
        "state": body.xpath("string(h:attentionLine[1]/h:value/@code)", namespaces=NAMES),
        "doctor": body.xpath("string(h:attentionLine[2]/h:value/@value)", namespaces=NAMES),
    }


@pytest.mark.parametrize(
    ("given", "purpose", "expected"),
    [
        ({}, "normal", {"status": "active", "state": "NON_EXISTE", "doctor": "false"}),
        ({"authorisation": "VALIDE"}, "normal", {"status": "active", "state": "VALIDE", "doctor": "false"}),
        (
            {"authorisation": "VALIDE", "treating_doctor": True},
            "normal",
            {"status": "active", "state": "VALIDE", "doctor": "true"},
        ),
        ({"authorisation": "EXPIRE"}, "normal", {"status": "active", "state": "EXPIRE", "doctor": "false"}),
        ({"authorisation": "INTERDIT"}, "normal", {"status": "active", "state": "INTERDIT", "doctor": "false"}),
        ({"structure_authorisation": "INTERDIT"}, "normal", {"status": "active", "state": "INTERDIT"}),
        ({"dmp": "closed"}, "normal", {"status": "terminated"}),
        ({"opposes": "bris_de_glace"}, "bris_de_glace", {"status": "active"}),
        ({"opposes": "centre_15"}, "centre_15", {"status": "active"}),
    ],
)
def test_a_known_patient_is_always_acknowledged(given: dict[str, Any], purpose: str, expected: dict[str, str]) -> None:
    answer = ask(World(purpose=purpose).given(**given))
    assert answer.items() >= {"ack": "AA", "response": "OK", **expected}.items()


@pytest.mark.parametrize("caller", ["cpe-libre", "hopital", "hopital-air", "employe-air"])
def test_every_kind_of_caller_may_ask(caller: str) -> None:
    assert ask(World(caller=caller).given())["ack"] == "AA"


def test_an_unknown_patient_is_not_found() -> None:
    world = World().given(dmp="none")
    assert ask(world) == {"ack": "AA", "response": "NF", "status": "", "state": "", "doctor": ""}
    assert world.notes.operation == td0_2.ROW


def refused_by(world: World, ins: Ins) -> str:
    with pytest.raises(Refused) as caught:
        td0_2.handle(world.call(), query(ins))
    assert caught.value.code == "DMPInvalidRequest"
    return caught.value.checks[0].rule.id


def test_the_query_must_be_about_the_tokens_patient() -> None:
    world = World().given()
    other = World(patient="nessi").person.ins
    assert refused_by(world, other) == "ADM-SAME"
    assert refused_by(world, Ins(world.person.ins.value, "1.2.250.1.213.1.4.8")) == "ADM-SAME"


def test_a_nia_is_refused() -> None:
    world = World(patient="provisoire")
    assert refused_by(world, world.person.ins) == "ADM-NIA"


def test_the_reason_code_tells_it_from_td1_3a() -> None:
    ins = World().person.ins
    chosen = [
        select(td0_2.OPERATION, body, "patients")
        for body in (query(ins), query(ins, reason="CNSLT_DATA"), query(ins, reason="FERM"), E.PRPA_IN201307UV02())
    ]
    assert [[t.code for t in asked] for asked in chosen] == [["TD0.2"], ["TD1.3a"], [], []]


def test_refuse_acknowledges_ae_with_a_new_message_each_time() -> None:
    world = World(patient="provisoire")
    body = query(world.person.ins)
    with pytest.raises(Refused) as caught:
        td0_2.handle(world.call(), body)
    answers = [td0_2.refuse(caught.value, body).body for _ in range(2)]
    ids = {a.xpath("string(h:id/@root)", namespaces=NAMES) for a in answers if isinstance(a, etree._Element)}
    assert len(ids) == 2
    assert b'code="DMPInvalidRequest"' in etree.tostring(answers[0])  # type: ignore[arg-type]
