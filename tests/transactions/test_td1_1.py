"""TD1.1: creation of a DMP (DMPWS D13 and D36)."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from lxml import etree
from world import World

from dmpws.codec.hl7v3.message import E
from dmpws.domain import administration, oids
from dmpws.domain.checks import Refused
from dmpws.domain.ins_c import ins_c
from dmpws.domain.patient import Ins
from dmpws.transactions import td1_1
from dmpws.transactions.call import Settings
from dmpws.transactions.registry import transaction

NESSI = {
    "ids": [("277076322082910", oids.INS_NIR_TEST)],
    "birth": "NESSI",
    "used": "DE VINCI",
    "given": "RUTH",
    "sex": "F",
    "birth_date": "19770714",
    "consent": "true",
    "consent_time": "20261121",
    "relation": "",
    "reason": "CREA_RD",
    "author": ("899900063480", "LIBRE", "MAX", "499900063480001"),
}


def request(**changes: Any) -> etree._Element:
    """A PRPA_IN201311UV02 for NESSI RUTH; an empty value leaves its element out."""
    v: dict[str, Any] = {**NESSI, **changes}
    person, family, given, structure = v["author"]
    name = E.name(E.given(v["given"]), E.family(v["birth"], qualifier="BR"), E.family(v["used"], qualifier="SP"))
    relation = [
        E.personalRelationship(
            E.code(code=v["relation"]), E.relationshipHolder1(E.name(E.family("NESSI", qualifier="BR")))
        )
    ]
    consent = E.administrativeObservation(
        E.code(code="CONSENTEMENT_OUVERTURE_DMP"),
        *([E.effectiveTime(value=v["consent_time"])] if v["consent_time"] else []),
        E.value(value=v["consent"]),
    )
    opposition = E.administrativeObservation(E.code(code="OPPOSITION_ACCES_URGENCE"), E.value(value="true"))
    patient = E.patient(
        *(E.id(root=root, extension=value) for value, root in v["ids"]),
        E.patientPerson(
            name,
            E.administrativeGenderCode(code=v["sex"]),
            E.birthTime(value=v["birth_date"]),
            *(relation if v["relation"] else []),
        ),
        *([E.subjectOf(consent)] if v["consent"] else []),
        E.subjectOf(opposition),
    )
    author = E.assignedEntity(
        E.id(root=oids.PERSONS, extension=person),
        E.assignedPerson(E.name(E.family(family), E.given(given))),
        E.representedOrganization(E.id(root=oids.STRUCTURES, extension=structure)),
    )
    act = E.controlActProcess(
        E.reasonCode(code=v["reason"]),
        E.subject(E.registrationRequest(E.subject1(patient), E.author(author))),
    )
    return E.PRPA_IN201311UV02(E.id(root="1.2", extension="42"), act)


def world(**changes: Any) -> World:
    return World(patient="nessi", **changes)


def refused(w: World, **changes: Any) -> list[str]:
    """The rules that refuse; nothing may have been stored."""
    before = list(w.store.patients.records)
    with pytest.raises(Refused) as caught:
        td1_1.handle(w.call(), request(**changes))
    assert w.store.patients.records == before
    return [check.rule.id for check in caught.value.checks]


def test_a_record_is_opened() -> None:
    w = world()
    answer = td1_1.handle(w.call(), request()).body
    assert isinstance(answer, etree._Element)
    assert etree.QName(answer[0]).localname == "PRPA_IN201312UV02"
    record = w.record
    assert record is not None
    assert record.ins == w.person.ins
    assert record.identifiers[1:] == (Ins(ins_c("RUTH", "770714", "2770763220829"), oids.INS_C),)
    assert (record.traits.name.birth, record.traits.name.used) == ("NESSI", "DE VINCI")
    assert (record.opposes_bris_de_glace, record.opposes_centre_15) == (False, True)
    assert w.notes.operation == td1_1.ROW


@pytest.mark.parametrize("order", [1, -1], ids=["after the INS", "before it, twice"])
def test_a_given_ins_c_is_kept(order: int) -> None:
    w = world()
    given = ("1197854176879056415520", oids.INS_C)
    ids = [*NESSI["ids"], given] if order == 1 else [given, given, *NESSI["ids"]]
    td1_1.handle(w.call(), request(ids=ids))
    assert w.record is not None
    assert w.record.identifiers[1:] == (Ins(*given),)


@pytest.mark.parametrize("dmp", ["active", "closed"])
def test_an_existing_record_is_found(dmp: str) -> None:
    w = world().given(dmp=dmp)
    with pytest.raises(Refused) as caught:
        td1_1.handle(w.call(), request())
    assert caught.value.code == "DMPFound"


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"consent": ""}, "GDP-CONSENT"),
        ({"consent": "false"}, "GDP-CONSENT"),
        ({"consent_time": ""}, "GDP-CONSENT"),
        ({"consent_time": "20261131"}, "GDP-CONSENT"),
        ({"consent_time": "hier"}, "GDP-CONSENT"),
        ({"consent_time": "20261123"}, "GDP-CONSENT"),
        ({"author": ("899900063480", "", "MAX", "499900063480001")}, "GDP-AUTHOR-NAMES"),
        ({"author": ("899900063480", "LIBRE", " ", "499900063480001")}, "GDP-AUTHOR-NAMES"),
        ({"author": ("801234534765", "CAMPARINI", "Marcel", "499900063480001")}, "GDP-AUTHOR"),
        ({"birth": "NON_RENSEIGNE", "used": "NON_RENSEIGNE"}, "GDP-NAME"),
        ({"given": ""}, "GDP-NAME"),
        ({"sex": "X"}, "GDP-SEX"),
        ({"birth_date": "19770230"}, "GDP-BIRTH"),
        ({"birth_date": "20261122"}, "GDP-BIRTH"),
        ({"birth_date": "1977"}, "GDP-BIRTH"),
        ({"birth_date": "197707140000"}, "GDP-BIRTH"),
        ({"relation": "BOSS"}, "GDP-RELATION"),
        ({"reason": "REAC"}, "TD11-REASON"),
        ({"ids": [*NESSI["ids"], ("1", oids.INS_C)]}, "GDP-IDENTIFIERS"),
        ({"ids": [*NESSI["ids"], *[("1197854176879056415520", oids.INS_C)] * 10]}, "GDP-IDENTIFIERS"),
        ({"ids": [*NESSI["ids"], ("279035121518989", oids.INS_NIR_TEST)]}, "GDP-IDENTIFIERS"),
        ({"ids": [("279035121518989", oids.INS_NIR_TEST)]}, "ADM-SAME"),
    ],
)
def test_refused(changes: dict[str, Any], rule: str) -> None:
    assert refused(world(), **changes) == [rule]


def test_every_failed_rule_is_told_at_once() -> None:
    assert refused(world(), consent="", sex="", given="") == ["GDP-NAME", "GDP-SEX", "GDP-CONSENT"]


@pytest.mark.parametrize("name", ["birth", "used"])
def test_one_unknown_name_is_enough(name: str) -> None:
    w = world()
    td1_1.handle(w.call(), request(**{name: "NON_RENSEIGNE"}))
    assert w.record is not None
    assert getattr(w.record.traits.name, name) == ""


@pytest.mark.parametrize("time", ["20261121", "202611211300", "20261121130000", "20261121130000+0100", "20261122"])
def test_forms_of_the_date_of_consent(time: str) -> None:
    w = world()
    td1_1.handle(w.call(), request(consent_time=time))
    assert w.record is not None


@pytest.mark.parametrize("relation", sorted(administration.RELATIONS))
def test_relations(relation: str) -> None:
    w = world()
    td1_1.handle(w.call(), request(relation=relation))
    assert w.record is not None
    assert w.record.traits.representatives[0].code == relation


def test_creation_may_be_closed() -> None:
    assert refused(world(settings=Settings(creation="refused"))) == ["GDP-ENABLED"]


@pytest.mark.parametrize(
    ("caller", "purpose", "rule"),
    [
        ("medecin-libre", "bris_de_glace", "ADM-RIGHTS"),
        ("medecin-libre", "centre_15", "ADM-RIGHTS"),
        ("hopital-air", "normal", "ADM-RIGHTS-AIR"),
        ("employe-air", "normal", "ADM-RIGHTS-AIR"),
    ],
)
def test_the_matrix(caller: str, purpose: str, rule: str) -> None:
    assert refused(world(caller=caller, purpose=purpose)) == [rule]


@pytest.mark.parametrize(("caller", "structure"), [("cpe-libre", "499900063480001"), ("hopital", "11B0062640")])
def test_an_employee_or_a_structure_is_author_by_its_structure(caller: str, structure: str) -> None:
    w = world(caller=caller)
    td1_1.handle(w.call(), request(author=("other", "LIBRE", "MAX", structure)))
    assert w.record is not None
    other = world(caller=caller)
    assert refused(other, author=("other", "LIBRE", "MAX", "10B0127189")) == ["GDP-AUTHOR"]


def test_a_nia_gets_no_record() -> None:
    w = World(patient="provisoire")
    assert refused(w, ids=[("109076322088835", oids.INS_NIA)]) == ["ADM-NIA"]


def test_the_day_of_consent_is_local() -> None:
    """Half past midnight in Paris is still the day before in UTC."""
    w = replace(world(), now=datetime(2026, 11, 20, 23, 30, tzinfo=UTC))
    td1_1.handle(w.call(), request(consent_time="20261121003000"))
    assert w.record is not None


def test_refuse_is_a_201313_with_every_code() -> None:
    body = request(consent="", sex="")
    with pytest.raises(Refused) as caught:
        td1_1.handle(world().call(), body)
    answer = transaction("TD1.1").refuse(caught.value, body).body
    assert isinstance(answer, etree._Element)
    codes = [e.get("code") for e in answer.iterfind(".//{*}acknowledgementDetail/{*}code")]
    assert codes == ["DMPInvalidRequest"] * 2
