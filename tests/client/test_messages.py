"""What the kit sends, and how it reads faults and answers."""

from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from lxml import etree

from dmpws import cast
from dmpws.client import KIT, Actor, BadAnswer, ServerFault
from dmpws.client.envelope import body_of, envelope
from dmpws.client.patients import administrative_request, existence_request
from dmpws.client.registration import (
    Oppositions,
    Sender,
    change_request,
    closure_request,
    creation_request,
    reactivation_request,
)
from dmpws.client.registry import quoted
from dmpws.domain.access import AuthMode
from dmpws.domain.patient import Address, Name, Representative, Telecom, has_valid_key
from dmpws.xml.names import SOAP, WSA

LIBRE = Actor(AuthMode.DIRECTE, "899900063480", "LIBRE", "MAX", "499900063480001", "CABINET DR LIBRE", "SA07")
PATIENT = cast.PATIENTS["conteste"]
NOW = datetime(2026, 11, 21, tzinfo=UTC)
FAULT = b"""<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Body><s:Fault>
<s:Code><s:Value>s:Sender</s:Value><s:Subcode><s:Value>s:DMPInvalidCertificate</s:Value></s:Subcode></s:Code>
<s:Reason><s:Text xml:lang="fr">Non</s:Text></s:Reason></s:Fault></s:Body></s:Envelope>"""


def test_the_assertion_is_carried_octet_for_octet() -> None:
    assertion = b"<a:Assertion xmlns:a='urn:a'   ID = \"x\" />"
    assert assertion in envelope(action="urn:x", to="", assertion=assertion, body=b"<b/>")


def test_a_fault_is_an_exception_with_its_subcode() -> None:
    with pytest.raises(ServerFault) as fault:
        body_of(FAULT)
    assert (fault.value.code, fault.value.subcode, fault.value.reason) == ("Sender", "DMPInvalidCertificate", "Non")


@pytest.mark.parametrize("octets", [b"<html/>", b"not xml", b"<!DOCTYPE a><a/>"])
def test_what_is_not_an_envelope_is_a_bad_answer(octets: bytes) -> None:
    with pytest.raises(BadAnswer):
        body_of(octets)


@pytest.mark.parametrize("body", ["<x/>", "<s:Fault/>"])
@pytest.mark.parametrize(("relates_to", "ours"), [("urn:a", False), (" urn:b ", True), ("", True), (None, True)])
def test_the_answer_to_another_message_is_a_bad_answer(body: str, relates_to: str | None, ours: bool) -> None:
    header = "" if relates_to is None else f'<w:RelatesTo xmlns:w="{WSA}">{relates_to}</w:RelatesTo>'
    octets = f'<s:Envelope xmlns:s="{SOAP}"><s:Header>{header}</s:Header><s:Body>{body}</s:Body></s:Envelope>'.encode()
    with ExitStack() as expected:
        if not ours:
            expected.enter_context(pytest.raises(BadAnswer, match="to the message urn:a, not to urn:b"))
        elif "Fault" in body:
            expected.enter_context(pytest.raises(ServerFault))
        assert body_of(octets, message_id="urn:b").tag == "x"


def test_quotes_are_doubled_in_lists() -> None:
    assert quoted(["a", "l'autre"]) == "('a','l''autre')"


def test_requests_are_valid_for_the_official_schemas(reference: Path) -> None:
    folder = reference / "contracts/dmp/schema/HL7V3/NE2009/multicacheschemas"
    sender, name, oppositions = Sender(LIBRE, KIT, NOW), PATIENT.traits.name, Oppositions(True, False)
    relative = Representative("MTH", Name("ALOT", given="CECILE"), (Address(city="LYON"),), (Telecom("tel:1", "MC"),))
    traits = replace(
        PATIENT.traits,
        birth_country="FRA",
        deceased=True,
        telecoms=(Telecom("tel:0102030405"),),
        representatives=(relative,),
        vitale_name=name,
        vitale_birth_date="19790328",
    )
    requests = [
        existence_request(PATIENT.ins, KIT, NOW),
        administrative_request(PATIENT.ins, KIT, NOW),
        creation_request([PATIENT.ins], traits, sender, consent=NOW, oppositions=oppositions),
        reactivation_request(PATIENT.ins, name, sender, consent=NOW, oppositions=Oppositions()),
        change_request(PATIENT.ins, traits, sender, oppositions=oppositions),
        closure_request(PATIENT.ins, name, sender, code="FERMETURE_DEMANDE_PATIENT", text="Non"),
    ]
    for request in requests:
        schema = etree.XMLSchema(etree.parse(folder / f"{etree.QName(request).localname}.xsd"))
        schema.assertValid(etree.fromstring(etree.tostring(request)))


def test_an_allocated_ins_has_a_valid_key() -> None:
    ins = cast.allocate_ins(cast.PATIENTS["cas12"].traits, 12345678)
    assert ins.value.startswith("1870112345678")
    assert has_valid_key(ins.value)
