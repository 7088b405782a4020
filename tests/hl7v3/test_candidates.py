"""PRPA_IN201305UV02 in, PRPA_IN201306UV02 out: every element of the query spoiled in every way."""

from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from lxml import etree
from messages import HEAD, flat

from dmpws.cast import PATIENTS
from dmpws.codec.hl7v3 import candidates
from dmpws.codec.hl7v3.candidates import Candidate, CandidatesQuery, read_query
from dmpws.codec.hl7v3.reading import Identifier
from dmpws.domain import oids
from dmpws.domain.checks import Check, Outcome, Refused, Report
from dmpws.domain.patient import DmpStatus, Ins, Name, PatientRecord, Traits
from dmpws.domain.patient_search import PatientCriteria
from dmpws.soap.validation import Schemas
from dmpws.xml.parser import parse, reparse

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
UUID = "93e46b54-0000-4000-8000-000000000001"
H = "{urn:hl7-org:v3}"
NAMES = {"h": "urn:hl7-org:v3"}
INS_C = Ins("0277119330044912345678", oids.INS_C)
RECORD = PatientRecord(
    id=1,
    identifiers=(PATIENTS["nessi"].ins, INS_C),
    status=DmpStatus.ACTIVE,
    traits=PATIENTS["nessi"].traits,
    created_at=NOW,
)
SEARCH = """<PRPA_IN201305UV02 xmlns="urn:hl7-org:v3" ITSVersion="XML_1.0">{head}
<controlActProcess classCode="CACT" moodCode="EVN">
<code code="PRPA_TE201305UV02" codeSystem="2.16.840.1.113883.1.6"/>
<queryByParameter><queryId root="1.2.250.1.999.1.2" extension="87d5fd8f-72b2-43bf-938c-0402bf850d25"/>
<statusCode code="new"/><parameterList>
<livingSubjectAdministrativeGender><value code="F"/>
  <semanticsText>LivingSubject.administrativeGender</semanticsText></livingSubjectAdministrativeGender>
<livingSubjectBirthTime><value value="19770714"/><semanticsText>LivingSubject.birthTime</semanticsText>
</livingSubjectBirthTime>
<livingSubjectName><value use="SRCH"><family>NESSI</family><given>RUTH</given></value>
  <semanticsText>LivingSubject.name</semanticsText></livingSubjectName>
<patientAddress><value><postalCode>75001</postalCode><city>PARIS</city></value>
  <semanticsText>Patient.addr</semanticsText></patientAddress>
</parameterList></queryByParameter></controlActProcess></PRPA_IN201305UV02>"""
PARAMETERS = f".//{H}parameterList/{H}"
CRITERIA = PatientCriteria("NESSI", "RUTH", "19770714", "F", "75001", "PARIS", similar_name=True)
Validate = Callable[[etree._Element], list[str]]


def message() -> etree._Element:
    return parse(SEARCH.format(head=HEAD.format(interaction="PRPA_IN201305UV02")).encode())


def at(body: etree._Element, path: str) -> etree._Element:
    found = body.find(path)
    assert found is not None, path
    return found


def found(*records: PatientRecord, asked: CandidatesQuery | None = None) -> etree._Element:
    query = asked or read_query(message())
    return candidates.found(query, [Candidate(record, 98) for record in records], message_id=UUID, now=NOW)


def values(element: etree._Element, path: str) -> list[str]:
    return [str(value) for value in element.xpath(path, namespaces=NAMES)]


def test_what_a_query_says() -> None:
    query = read_query(message())
    assert query.criteria == CRITERIA
    assert query.query_id == Identifier("1.2.250.1.999.1.2", "87d5fd8f-72b2-43bf-938c-0402bf850d25")


# The element, what else there is of it when it is read alone, its longest text, a text of no use.
LEAVES = [
    ("livingSubjectName/{H}value/{H}family", "family", 81, "-'-"),
    ("livingSubjectName/{H}value/{H}given", "given", 61, "’"),
    ("patientAddress/{H}value/{H}postalCode", "postal_code", 11, "."),
    ("patientAddress/{H}value/{H}city", "city", 39, "…"),
]


@pytest.mark.parametrize(("path", "criterion", "longest", "bad"), LEAVES, ids=lambda value: value)
def test_texts(path: str, criterion: str, longest: int, bad: str) -> None:
    where = PARAMETERS + path.format(H=H)

    def read(text: str | None, times: int = 1) -> PatientCriteria:
        body = message()
        leaf = at(body, where)
        leaf.text = text
        for _ in range(times - 1):
            leaf.addnext(deepcopy(leaf))
        if times == 0:
            leaf.getparent().remove(leaf)  # type: ignore[union-attr]
        return read_query(body).criteria

    for nothing in (read(None), read(" \n "), read("", times=0)):
        assert nothing == replace(CRITERIA, **{criterion: ""})  # type: ignore[arg-type]
    assert getattr(read("é" * longest), criterion) == "é" * longest
    assert rule_of(lambda: read("é" * (longest + 1))) == "TD05-LENGTH"
    assert rule_of(lambda: read(bad)) == "TD05-WRITTEN"
    assert getattr(read("  A \n B "), criterion) == "A B"
    if criterion == "given":
        assert read("RUTH", times=2).given == "RUTH RUTH"  # several given names are one list
    else:
        assert rule_of(lambda: read("A", times=2)) == "HL7-SINGLE"


def rule_of(call: Callable[[], object]) -> str:
    with pytest.raises(Refused) as caught:
        call()
    assert caught.value.code == "DMPInvalidRequest"
    return caught.value.checks[0].rule.id


@pytest.mark.parametrize(
    ("value", "read"),
    [("19770714", "19770714"), ("1977", "1977"), ("197707", "197707"), ("19770700", "197707"), (" 1977 ", "1977"),
     ("20000229", "20000229"), ("19770000", "1977")],
)  # fmt: skip
def test_birth_dates(value: str, read: str) -> None:
    body = message()
    at(body, PARAMETERS + f"livingSubjectBirthTime/{H}value").set("value", value)
    assert read_query(body).criteria.birth == read


@pytest.mark.parametrize(
    "value",
    ["", "77", "197", "19771", "19770231", "19771301", "19000229", "00000101", "1977-07-14", "197707141200", "١٩٧٧",
     "19770014", "19770032", "x" * 500, "19770714+0100"],
)  # fmt: skip
def test_impossible_birth_dates(value: str) -> None:
    body = message()
    at(body, PARAMETERS + f"livingSubjectBirthTime/{H}value").set("value", value)
    assert rule_of(lambda: read_query(body)) == "TD05-BIRTH"


@pytest.mark.parametrize("code", ["UN", "f", "MF", "1", "x" * 500])
def test_other_sexes(code: str) -> None:
    body = message()
    at(body, PARAMETERS + f"livingSubjectAdministrativeGender/{H}value").set("code", code)
    assert rule_of(lambda: read_query(body)) == "TD05-SEX"


@pytest.mark.parametrize("parameter", ["livingSubjectAdministrativeGender", "livingSubjectBirthTime"])
def test_values_without_attribute_ask_nothing(parameter: str) -> None:
    body = message()
    at(body, PARAMETERS + f"{parameter}/{H}value").attrib.clear()
    criterion = "sex" if "Gender" in parameter else "birth"
    assert read_query(body).criteria == replace(CRITERIA, **{criterion: ""})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("use", "similar"), [("SRCH", True), ("L SRCH", True), ("", False), ("L", False), ("srch", False), ("SRCHX", False)]
)
def test_use(use: str, similar: bool) -> None:
    body = message()
    for parameter in ("livingSubjectName", "patientAddress"):
        at(body, PARAMETERS + f"{parameter}/{H}value").set("use", use)
    criteria = read_query(body).criteria
    assert (criteria.similar_name, criteria.similar_address) == (similar, similar)


@pytest.mark.parametrize(
    "name",
    ["livingSubjectId", "mothersMaidenName", "otherIDsScopingOrganization", "patientTelecom", "patientStatusCode",
     "livingSubjectBirthPlaceName", "livingSubjectDeceasedTime", "principalCareProviderId", "anything"],
)  # fmt: skip
def test_other_criteria(name: str) -> None:
    """Leaving one out would widen the search."""
    body = message()
    other = etree.SubElement(at(body, f".//{H}parameterList"), f"{H}{name}")
    assert rule_of(lambda: read_query(body)) == "TD05-SUPPORTED"
    other.set("{http://www.w3.org/2001/XMLSchema-instance}nil", "true")
    assert read_query(body).criteria == CRITERIA


def test_no_criterion() -> None:
    body = message()
    at(body, f".//{H}parameterList").clear()
    assert rule_of(lambda: read_query(body)) == "TD05-CRITERIA"


def spoiled() -> Iterator[tuple[str, etree._Element]]:
    """The message with each of its elements missing, doubled, emptied, or without attributes."""
    for number, element in enumerate(message().iter(etree.Element)):
        for way in ("missing", "doubled", "emptied", "bare"):
            body = message()
            victim = list(body.iter(etree.Element))[number]
            parent = victim.getparent()
            if way == "emptied":
                for child in list(victim):
                    victim.remove(child)
                victim.text = ""
            elif way == "bare":
                victim.attrib.clear()
            elif parent is None:
                continue
            elif way == "missing":
                parent.remove(victim)
            else:
                victim.addnext(deepcopy(victim))
            yield f"{etree.QName(element).localname} {way}", body


def test_every_element_spoiled_is_answered(schemas: Schemas) -> None:
    """By the schema, by a refusal or by an answer, each of them valid: never by a crash."""
    ways = {"schema": 0, "refused": 0, "answered": 0}
    for name, body in spoiled():
        report = Report()
        if not schemas.check(reparse(body), report):
            checks, way = report.failures, "schema"
        else:
            try:
                answer, way = found(RECORD, asked=read_query(body)), "answered"
            except Refused as refused:
                checks, way = refused.checks, "refused"
        if way != "answered":
            assert {check.rule.code for check in checks} == {"DMPInvalidRequest"}, name
            answer = candidates.refused(body, checks, message_id=UUID, now=NOW)
        ways[way] += 1
        report = Report()
        schemas.check(reparse(answer), report)
        assert [f"{name}: {check.message}" for check in report.failures] == []
    assert min(ways.values()) > 5, ways


def test_an_answer_says_what_may_be_known(schema_errors: Validate) -> None:
    answer = found(RECORD)
    assert schema_errors(answer) == []
    patient = at(answer, f".//{H}patient")
    assert values(patient, "h:id/@root") == [oids.INS_NIR_TEST, oids.INS_C]
    assert values(patient, ".//h:family/text()") == ["NESSI", "DE VINCI"]
    assert values(patient, ".//h:addr/*/text()") == ["PARIS", "75001"]
    assert values(patient, "h:subjectOf1//h:value/@value") == ["98"]
    assert values(answer, "//h:acknowledgement/@typeCode") == []
    assert values(answer, "//h:acknowledgement/h:typeCode/@code") == ["AA"]
    assert values(answer, "//h:queryAck/*/@code | //h:queryAck/*/@value") == ["OK", "1", "1", "0"]


def test_traits_that_are_not_known_are_left_out(schema_errors: Validate) -> None:
    answer = found(replace(RECORD, traits=Traits(name=Name(birth="NESSI"))))
    assert schema_errors(answer) == []
    assert [etree.QName(child).localname for child in at(answer, f".//{H}patientPerson")] == ["name"]


def test_nobody_and_several(schema_errors: Validate) -> None:
    for records, code in (((), "NF"), ((RECORD, RECORD, RECORD), "OK")):
        answer = found(*records)
        assert schema_errors(answer) == []
        assert values(answer, "//h:queryResponseCode/@code") == [code]
        assert values(answer, "//h:resultTotalQuantity/@value") == [str(len(records))]
        assert len(values(answer, "//h:queryMatchObservation/h:code/@code")) == len(records)


def test_the_answer_repeats_the_query(schema_errors: Validate) -> None:
    body = message()
    at(body, PARAMETERS + f"livingSubjectBirthTime/{H}value").set(
        "{http://www.w3.org/2001/XMLSchema-instance}type", "p:IVL_TS"
    )
    at(body, f".//{H}parameterList").insert(0, etree.Comment("gardé pour moi"))
    answer = found(asked=read_query(body))
    echo = at(answer, f".//{H}queryByParameter")
    assert schema_errors(answer) == []
    assert b"moi" not in etree.tostring(echo)
    expected = message()
    at(expected, PARAMETERS + f"patientAddress/{H}value").set("use", "")
    assert list(flat(echo)) == list(flat(at(expected, f".//{H}queryByParameter")))
    assert values(echo, ".//h:value/@use") == ["SRCH", ""]
    assert len(body.findall(f".//{H}queryByParameter")) == 1, "the request keeps its own"


def test_a_refusal_echoes_ids_and_explains(schema_errors: Validate) -> None:
    problem = Check(candidates.CRITERIA, Outcome.FAILED, found="aucun", where="/x")
    answer = candidates.refused(message(), [problem], message_id=UUID, now=NOW)
    assert schema_errors(answer) == []
    assert values(answer, "//h:acknowledgement/h:typeCode/@code") == ["AE"]
    assert values(answer, "//h:acknowledgementDetail/h:code/@code") == ["DMPInvalidRequest"]
    assert values(answer, "//h:queryAck/h:queryResponseCode/@code") == ["AE"]
    assert values(answer, "//h:queryAck/h:queryId/@extension") == ["87d5fd8f-72b2-43bf-938c-0402bf850d25"]
    assert values(answer, "//h:resultTotalQuantity/@value") == values(answer, "//h:queryByParameter") == []
