"""PRPA_IN201307UV02 in, PRPA_IN201308UV02 out (DMP-FRAME TD0.2)."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from lxml import etree
from messages import flat, query

from dmpws.cast import PATIENTS
from dmpws.codec.hl7v3 import demographics
from dmpws.codec.hl7v3.reading import Identifier
from dmpws.codec.hl7v3.reasons import TEST_EXISTENCE
from dmpws.domain import oids
from dmpws.domain.authorisation import AuthorisationState
from dmpws.domain.checks import Check, Outcome, Refused, Rule
from dmpws.domain.patient import DmpStatus, Ins, Name, PatientRecord, Telecom, Traits
from dmpws.xml.parser import parse

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
UUID = "93e46b54-0000-4000-8000-000000000001"
RECORD = PatientRecord(
    id=1,
    identifiers=(PATIENTS["pat-trois"].ins,),
    status=DmpStatus.ACTIVE,
    traits=PATIENTS["pat-trois"].traits,
    created_at=NOW,
)
NAMES = {"h": "urn:hl7-org:v3"}
Validate = Callable[[etree._Element], list[str]]


def answer(record: PatientRecord = RECORD, state: AuthorisationState = AuthorisationState.VALIDE) -> etree._Element:
    asked = demographics.read_query(query())
    return demographics.found(asked, record, state, treating_doctor=False, message_id=UUID, now=NOW)


def values(message: etree._Element, path: str) -> list[str]:
    found: list[str] = message.xpath(path, namespaces=NAMES)
    return [str(f) for f in found]


def test_what_a_query_says() -> None:
    asked = demographics.read_query(query())
    assert asked.patient == Ins("279035121518989", "1.2.250.1.213.1.4.10")
    assert asked.query_id == Identifier("1.2.250.1.999.1.2", "87d5fd8f-72b2-43bf-938c-0402bf850d25")
    assert asked.header.reason == "TEST_EXST"
    assert asked.header.software == "dmpws kit"
    assert asked.header.sender == Identifier("1.2.250.1.999.1.1.7898")
    assert asked.header.id.extension == "1633a409-3d61-4869-aed8-74d92ae20272"


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        ('extension="279035121518989"', 'extension=" "', "HL7-VALUED"),
        ('<value root="1.2.250.1.213.1.4.10"', "<value", "HL7-VALUED"),
        ('<value root="1.2.250.1.213.1.4.10" extension="279035121518989"/>', "", "HL7-PRESENT"),
        ("<semanticsText>", '<value root="1.2" extension="1"/><semanticsText>', "HL7-SINGLE"),
        ("<patientIdentifier>", "<patientIdentifier/><patientIdentifier>", ""),
        ('<queryId root="1.2.250.1.999.1.2" extension="87d5fd8f-72b2-43bf-938c-0402bf850d25"/>', "", "HL7-PRESENT"),
    ],
)
def test_a_bad_query_is_refused_by_name(old: str, new: str, rule: str) -> None:
    if not rule:  # an empty identifier beside the good one says nothing
        assert demographics.read_query(query((old, new))).patient.value == "279035121518989"
        return
    with pytest.raises(Refused) as refused:
        demographics.read_query(query((old, new)))
    assert refused.value.code == "DMPInvalidRequest"
    assert refused.value.checks[0].rule.id == rule
    assert refused.value.checks[0].where.startswith("/PRPA_IN201307UV02")


def test_the_official_answer_is_rebuilt_element_by_element(reference: Path) -> None:
    """Names, attributes, texts and order of the official frame, from the values it holds."""
    asked, frame = (
        parse((reference / "frames" / f"td0.2-{part}.xml").read_bytes())[1][0] for part in ("request", "response")
    )
    traits = Traits(
        name=Name(used="patb-quatre", given="LAURENCE", prefix="M"),
        sex="M",
        birth_date="19070525",
        telecoms=(Telecom("mailto:alain@gmail.com"), Telecom("tel:0102030405", "MC")),
    )
    record = replace(
        RECORD,
        identifiers=(Ins("207058575627097", oids.INS_NIR_TEST), Ins("1197854176879056415520", oids.INS_C)),
        traits=traits,
        internet_account=True,
    )
    built = demographics.found(
        demographics.read_query(asked),
        record,
        AuthorisationState.VALIDE,
        treating_doctor=True,
        message_id="0cc7f660-e7b5-4131-aee3-5ad75c0b32f2",
        now=datetime(2021, 6, 1, 12, 53, 5, tzinfo=UTC),
    )
    assert list(flat(built)) == list(flat(frame))


@pytest.mark.parametrize("state", list(AuthorisationState))
def test_states(state: AuthorisationState, schema_errors: Validate) -> None:
    message = answer(state=state)
    assert values(message, "h:attentionLine[h:keyWordText/@code='AUTORISATION']/h:value/@code") == [state.value]
    assert schema_errors(message) == []


def test_a_closed_record_tells_date_and_motive(schema_errors: Validate) -> None:
    closed = replace(
        RECORD,
        status=DmpStatus.CLOSED,
        closed_at=datetime(2026, 3, 2, 9, 30, tzinfo=UTC),
        closure_code="FERMETURE_DEMANDE_PATIENT",
        closure_text="Je ne veux plus de DMP",
    )
    message = answer(closed)
    assert values(message, ".//h:patient/h:statusCode/@code") == ["terminated"]
    assert values(message, ".//h:registrationEvent/h:effectiveTime/@value") == ["20260302093000"]
    issue = "h:controlActProcess/h:reasonOf/h:detectedIssueEvent"
    assert values(message, f"{issue}/h:code/@code") == ["FERMETURE_DEMANDE_PATIENT"]
    assert values(message, f"{issue}/h:text/text()") == ["Je ne veux plus de DMP"]
    assert schema_errors(message) == []


def test_a_record_without_optional_traits(schema_errors: Validate) -> None:
    bare = replace(RECORD, traits=Traits(name=Name(birth="PAT-TROIS", given="DOMINIQUE")))
    message = answer(bare)
    assert values(message, ".//h:family/@qualifier") == ["BR"]
    assert values(message, ".//h:patientPerson/*[not(self::h:name)]") == []
    assert schema_errors(message) == []


def test_former_identifiers_are_not_shown() -> None:
    current, former = RECORD.ins, Ins("279035121518888", oids.INS_NIR_TEST)
    message = answer(replace(RECORD, identifiers=(current, former)))
    assert values(message, ".//h:patient/h:id/@extension") == [current.value]


def test_not_found_is_acknowledged_and_has_no_subject(schema_errors: Validate) -> None:
    message = demographics.not_found(demographics.read_query(query()), message_id=UUID, now=NOW)
    assert values(message, "h:acknowledgement/@typeCode") == ["AA"]
    assert values(message, ".//h:queryResponseCode/@code") == ["NF"]
    assert values(message, ".//h:subject") == []
    assert schema_errors(message) == []


PROBLEM = Check(Rule("T-1", "Titre", "DMPWS D11", "DMPInvalidRequest"), Outcome.FAILED, found="<x>", where="/a/b")


@pytest.mark.parametrize(
    "message",
    [
        query(),
        query(('extension="279035121518989"', 'extension=""')),
        parse(b'<PRPA_IN201307UV02 xmlns="urn:hl7-org:v3"/>'),
        parse(
            b'<PRPA_IN201307UV02 xmlns="urn:hl7-org:v3"><id root="not an oid!"/><sender><device/></sender>'
            b"<controlActProcess><reasonCode/><queryByParameter><queryId/></queryByParameter></controlActProcess>"
            b"</PRPA_IN201307UV02>"
        ),
    ],
    ids=["good", "bad", "empty", "hollow"],
)
def test_a_refusal_is_valid_whatever_was_sent(message: etree._Element, schema_errors: Validate) -> None:
    refused = demographics.refused(message, TEST_EXISTENCE, [PROBLEM, PROBLEM], message_id=UUID, now=NOW)
    assert values(refused, "h:acknowledgement/@typeCode") == ["AE"]
    detail = "h:acknowledgement/h:acknowledgementDetail"
    assert values(refused, f"{detail}/h:code/@code") == ["DMPInvalidRequest"] * 2
    assert values(refused, f"{detail}[1]/h:text/text()") == [PROBLEM.message]
    assert values(refused, f"{detail}[1]/h:location/text()") == ["/a/b"]
    assert values(refused, ".//h:queryResponseCode/@code") == ["AE"]
    assert schema_errors(refused) == []
