"""PRPA_IN201311UV02 in, 201312 or 201313 out."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree
from messages import creation

from dmpws.codec.hl7v3.patients import write_name
from dmpws.codec.hl7v3.reading import Identifier
from dmpws.codec.hl7v3.reasons import CREATION
from dmpws.codec.hl7v3.registration import Observation, read_person, read_registration
from dmpws.codec.hl7v3.registration_answers import created, refused
from dmpws.domain.checks import Check, Outcome, Refused, Rule
from dmpws.domain.patient import Address, Ins, Name, Representative, Telecom

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
NAMES = {"h": "urn:hl7-org:v3", "g": "asip:ci-sis:gdp:2010"}
PROBLEM = Check(Rule("T-1", "Titre", "DMPWS D11", "DMPFound"), Outcome.FAILED)
Validate = Callable[[etree._Element], list[str]]


def read_all(message: etree._Element) -> None:
    read_registration(message)
    read_person(message)


def values(message: etree._Element, path: str) -> list[str]:
    found: list[str] = message.xpath(path, namespaces=NAMES)
    return [str(f) for f in found]


def test_everything_an_lps_may_say_is_read(schema_errors: Validate) -> None:
    message = creation()
    request = read_registration(message)
    assert request.identifiers == (Ins("277076322082910", "1.2.250.1.213.1.4.10"),)
    traits = read_person(message).traits
    assert traits.name == Name(birth="NESSI", used="DE VINCI", given="RUTH", prefix="Mme")
    assert (traits.sex, traits.birth_date, traits.birth_country, traits.deceased) == ("F", "19770714", "FRA", False)
    assert traits.telecoms == (Telecom("tel:0102030405", "HP"), Telecom("mailto:ruth@example.org"))
    assert traits.addresses == (Address("1 rue de la Paix", "bat. A", "75002", "PARIS", "FRA"),)
    assert traits.vitale_name == Name(birth="NESSI", given="RUTH I")
    assert traits.vitale_birth_date == "19770714"
    assert traits.representatives == (
        Representative("MTH", Name(birth="NESSI", given="NATHALIE"), telecoms=(Telecom("tel:0607080910"),)),
    )
    assert request.observations["CONSENTEMENT_OUVERTURE_DMP"] == Observation(True, "20261121")
    assert request.opposition("OPPOSITION_BRIS_DE_GLACE", before=False)
    assert request.opposition("OPPOSITION_ACCES_URGENCE", before=True)
    assert request.author.person == Identifier("1.2.250.1.71.4.2.1", "899900063480")
    assert request.author.structure == Identifier("1.2.250.1.71.4.2.2", "499900063480001")
    assert (request.author.family, request.author.given) == ("LIBRE", "MAX")
    assert schema_errors(message) == []


@pytest.mark.parametrize("unknown", ["NON_RENSEIGNE", "NON RENSEIGNE", "non_renseigne"])
def test_a_name_that_is_not_known_is_not_a_name(unknown: str) -> None:
    name = read_person(creation(('qualifier="SP">DE VINCI<', f'qualifier="SP">{unknown}<'))).traits.name
    assert name == Name(birth="NESSI", given="RUTH", prefix="Mme")


def test_a_family_name_without_qualifier_is_the_birth_name() -> None:
    plain = creation(('<family qualifier="SP">DE VINCI</family><family qualifier="BR">NESSI', "<family>NESSI"))
    assert read_person(plain).traits.name.birth == "NESSI"


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        ('<id root="1.2.250.1.213.1.4.10" extension="277076322082910"/>', "", "HL7-PRESENT"),
        ('extension="277076322082910"', 'extension=""', "HL7-VALUED"),
        ("<patientPerson>", "<patientPerson/><patientPerson>", "HL7-SINGLE"),
        ("<patientPerson>", "<patientPerson><name/>", "HL7-SINGLE"),
        ('<birthTime value="19770714"/>\n  <addr>', '<birthTime/><birthTime value="1"/><addr>', "HL7-SINGLE"),
        ('value="true"', 'value="oui"', "HL7-VALUED"),
        ('value="true"', "", "HL7-VALUED"),
        ("OPPOSITION_BRIS_DE_GLACE", "CONSENTEMENT_OUVERTURE_DMP", "HL7-SINGLE"),
        ('<code code="MTH"', "<code", "HL7-VALUED"),
        ("<assignedEntity ", '<assignedEntity xsi:nil="true" ', "HL7-PRESENT"),
        ("registrationRequest", "registrationEvent", "HL7-PRESENT"),
    ],
)
def test_a_bad_request_is_refused_by_name(old: str, new: str, rule: str) -> None:
    with pytest.raises(Refused) as caught:
        read_all(creation((old, new)))
    assert caught.value.checks[0].rule.id == rule
    assert caught.value.checks[0].where.startswith("/PRPA_IN201311UV02")


def test_created(schema_errors: Validate) -> None:
    answer = created(read_registration(creation()), CREATION, message_id="u", now=NOW)
    assert answer.tag == "{asip:ci-sis:gdp:2010}PRPA_IN201311UV02_Response"
    message = answer[0]
    assert etree.QName(message).localname == "PRPA_IN201312UV02"
    assert values(message, "h:id/@root") == ["1.2.250.1.213.4.1.1.1.1"]
    assert values(message, "h:acknowledgement/@typeCode") == ["AA"]
    assert values(message, ".//h:patient/h:id/@extension") == ["277076322082910"]
    assert values(message, ".//h:registrationEvent/h:statusCode/@code") == ["completed"]
    assert schema_errors(answer) == []


def test_refused_sends_identity_and_author_back_and_nothing_else(schema_errors: Validate) -> None:
    answer = refused(creation(), CREATION, [PROBLEM], message_id="u", now=NOW)
    message = answer[0]
    assert etree.QName(message).localname == "PRPA_IN201313UV02"
    detail = "h:acknowledgement[@typeCode='AE']/h:acknowledgementDetail"
    assert values(message, f"{detail}/h:code/@code") == ["DMPFound"]
    assert values(message, ".//h:patient/h:id/@extension") == ["277076322082910"]
    assert values(message, ".//h:assignedEntity/h:id/@extension") == ["899900063480"]
    assert values(message, ".//h:addr | .//h:telecom | .//h:birthTime") == []
    assert schema_errors(answer) == []


@pytest.mark.parametrize(
    "message",
    [
        creation(("registrationRequest", "registrationEvent")),
        etree.Element("{urn:hl7-org:v3}PRPA_IN201311UV02"),
        creation(("<id root=", "<nope root=")),
    ],
)
def test_a_refusal_is_valid_whatever_was_sent(message: etree._Element, schema_errors: Validate) -> None:
    answer = refused(message, CREATION, [PROBLEM], message_id="u", now=NOW)
    assert values(answer, ".//h:subject/h:registrationRequest") == []
    assert schema_errors(answer) == []


@pytest.mark.parametrize("name", [Name(), Name(birth="A"), Name(used="B", given="C", prefix="M")])
def test_names_of_all_shapes_are_echoed_validly(name: Name, schema_errors: Validate) -> None:
    message = creation()
    person = message.find(".//{*}patientPerson")
    assert person is not None
    person.replace(person[0], write_name(name))
    assert schema_errors(refused(message, CREATION, [PROBLEM], message_id="u", now=NOW)) == []


@given(old=st.sampled_from(["extension=", "root=", "<family", "<name", "value=", "code=", "<id "]), data=st.data())
def test_no_damage_escapes_as_anything_but_a_refusal(old: str, data: st.DataObject) -> None:
    new = data.draw(st.sampled_from(["x=", "<x", "<name", "<id "])) if old[0] == "<" else "x="
    try:
        damaged = creation((old, new))
    except Refused:
        return  # no longer well-formed
    try:
        read_all(damaged)
    except Refused as caught:
        assert caught.code == "DMPInvalidRequest"
    assert len(refused(damaged, CREATION, [PROBLEM], message_id="u", now=NOW)) == 1
