"""The signature of the VIHF: what is good, what is told, what other tools think of it."""

import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
import xmlsec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree
from signing_lab import (
    DS,
    EXCLUSIVE,
    NS,
    PERSON,
    assertion,
    der_text,
    exclusive,
    failed,
    find,
    message,
    octets_of,
    seal_assertion,
)

from dmpws.domain.checks import Outcome, Report
from dmpws.pki.cards import Card
from dmpws.pki.demo import DemoPki
from dmpws.signature.core import EnvelopedSignature, sign_enveloped, verify_enveloped

RSA_SHA1 = "http://www.w3.org/2000/09/xmldsig#rsa-sha1"
SHA1 = "http://www.w3.org/2000/09/xmldsig#sha1"


def verify(xml: bytes, *, sha1: bool = False) -> tuple[EnvelopedSignature | None, Report]:
    report = Report()
    return verify_enveloped(xml, sha1=sha1, report=report), report


def name_id(result: EnvelopedSignature) -> str | None:
    return find(result.signed, "saml:Subject/saml:NameID").text


def test_what_we_sign_is_good_and_holds_what_was_signed(signed: etree._Element, card: Card) -> None:
    result, report = verify(octets_of(signed))
    assert report.ok
    assert result is not None
    assert (result.signed.get("ID"), name_id(result)) == ("_a1", PERSON)
    assert result.signed.find("ds:Signature", NS) is None
    assert (result.certificate, result.sha1_used) == (card.signing_certificate, False)


def test_signature_stands_after_issuer_and_the_source_is_left_alone(card: Card) -> None:
    root = assertion()
    before = octets_of(root)
    made = etree.fromstring(sign_enveloped(root, card.signing_key, card.signing_certificate))
    assert [etree.QName(child).localname for child in made[:3]] == ["Issuer", "Signature", "Subject"]
    assert octets_of(root) == before
    assert b"sha1" not in octets_of(made)


@pytest.mark.parametrize("spoil", [lambda r: r.attrib.pop("ID"), lambda r: r.remove(r[0])])
def test_an_assertion_without_id_or_issuer_is_not_signed(card: Card, spoil: Callable[[etree._Element], object]) -> None:
    root = assertion()
    spoil(root)
    with pytest.raises(ValueError, match="ID"):
        sign_enveloped(root, card.signing_key, card.signing_certificate)


def test_embedding_in_an_envelope_keeps_the_signature(signed: etree._Element) -> None:
    envelope = etree.fromstring(
        '<s:Envelope xmlns:s="urn:x" xmlns="urn:default" xmlns:u="urn:unused"><s:H/></s:Envelope>'
    )
    envelope[0].append(signed)
    taken = etree.fromstring(octets_of(envelope))[0][0]
    assert verify(octets_of(taken))[0] is not None


def test_changed_content_and_wrong_key_are_told_apart(signed: etree._Element, other_card: Card) -> None:
    find(signed, "saml:Subject/saml:NameID").text = "801234567897"
    report = verify(octets_of(signed))[1]
    assert failed(report) == ["SIG-CONTENU"]
    assert "Contenu modifié après signature" in message(report, "SIG-CONTENU")
    assert find(signed, ".//ds:DigestValue").text in message(report, "SIG-CONTENU")

    report = verify(seal_assertion(signed, other_card.signing_key))[1]
    assert failed(report) == ["SIG-VALEUR"]
    assert "La valeur de signature ne correspond pas à la clé" in message(report, "SIG-VALEUR")
    assert PERSON in message(report, "SIG-VALEUR")


def test_sha1_is_refused_or_warned_about(signed: etree._Element, card: Card) -> None:
    find(signed, ".//ds:SignatureMethod").set("Algorithm", RSA_SHA1)
    find(signed, ".//ds:DigestMethod").set("Algorithm", SHA1)
    xml = seal_assertion(signed, card.signing_key, sha1=True)
    assert failed(verify(xml)[1]) == ["SIG-SHA1"]
    result, report = verify(xml, sha1=True)
    assert result is not None
    assert result.sha1_used
    assert [c.rule.id for c in report if c.outcome is Outcome.WARNED] == ["SIG-SHA1"]


def test_carriage_returns_and_spaces_in_base64_are_tolerated(signed: etree._Element) -> None:
    for path in (".//ds:SignatureValue", ".//ds:X509Certificate"):
        element = find(signed, path)
        text = (element.text or "").replace("\n", "")
        element.text = "\r\n " + "\r\n".join(text[i : i + 76] for i in range(0, len(text), 76)) + "\r\n"
    xml = octets_of(signed)
    assert b"&#13;" in xml
    assert verify(xml)[0] is not None


def test_inclusive_prefixes_and_names_of_the_certificate_are_tolerated(signed: etree._Element, card: Card) -> None:
    transform = find(signed, ".//ds:Transforms")[1]
    etree.SubElement(transform, f"{{{EXCLUSIVE}}}InclusiveNamespaces", PrefixList="saml2")
    etree.SubElement(find(signed, ".//ds:X509Data"), f"{{{DS}}}X509SubjectName").text = "CN=n'importe qui"
    assert verify(seal_assertion(signed, card.signing_key))[0] is not None


def test_an_expired_certificate_is_a_matter_of_path_not_of_signature(pki: DemoPki) -> None:
    expired = pki.card("medecin-expire")
    xml = sign_enveloped(assertion(), expired.signing_key, expired.signing_certificate)
    result, _ = verify(xml)
    assert result is not None
    assert result.certificate.not_valid_after_utc < datetime(2026, 11, 21, tzinfo=UTC)


def test_comments_in_values_do_not_cut_them(signed: etree._Element) -> None:
    xml = octets_of(signed).replace(PERSON.encode() + b"</saml2:NameID", b"8999<!--x-->00063480</saml2:NameID")
    result, _ = verify(xml)
    assert result is not None
    assert name_id(result) == PERSON
    assert etree.fromstring(xml).findtext(".//saml:NameID", None, NS) == "8999"


def test_xmlsec_verifies_ours(signed: etree._Element, card: Card) -> None:
    tree = etree.fromstring(octets_of(signed))
    xmlsec.tree.add_ids(tree, ["ID"])
    context = xmlsec.SignatureContext()
    context.key = xmlsec.Key.from_file(str(card.sign_certificate_file), xmlsec.constants.KeyDataFormatCertPem)
    context.verify(find(tree, "ds:Signature"))
    find(tree, ".//saml:NameID").text = "801234567897"
    with pytest.raises(xmlsec.Error):
        context = xmlsec.SignatureContext()
        context.key = xmlsec.Key.from_file(str(card.sign_certificate_file), xmlsec.constants.KeyDataFormatCertPem)
        context.verify(find(tree, "ds:Signature"))


def test_we_verify_what_xmlsec_signs(card: Card) -> None:
    root = assertion()
    exc = xmlsec.constants.TransformExclC14N
    signature = xmlsec.template.create(root, exc, xmlsec.constants.TransformRsaSha256, ns=None)
    root.insert(1, signature)
    reference = xmlsec.template.add_reference(signature, xmlsec.constants.TransformSha256, uri="#_a1")
    xmlsec.template.add_transform(reference, xmlsec.constants.TransformEnveloped)
    xmlsec.template.add_transform(reference, exc)
    data = xmlsec.template.add_x509_data(xmlsec.template.ensure_key_info(signature))
    xmlsec.template.x509_data_add_certificate(data)
    xmlsec.tree.add_ids(root, ["ID"])
    context = xmlsec.SignatureContext()
    context.key = xmlsec.Key.from_file(str(card.sign_key_file), xmlsec.constants.KeyDataFormatPem)
    context.key.load_cert_from_file(str(card.sign_certificate_file), xmlsec.constants.KeyDataFormatCertPem)
    context.sign(signature)
    result, report = verify(octets_of(root))
    assert report.ok, failed(report)
    assert result is not None
    assert name_id(result) == PERSON


def test_official_indirect_assertion_was_changed_after_signature(reference: Path) -> None:
    xml = (reference / "frames" / "vihf-indirecte.xml").read_bytes()
    result, report = verify(xml, sha1=True)
    assert (result, failed(report)) == (None, ["SIG-CONTENU"])  # anonymised, the signature value is good
    assert failed(verify(xml)[1]) == ["SIG-SHA1"]


def test_official_assertion_that_is_not_the_utf8_it_claims_is_refused(reference: Path) -> None:
    result, report = verify((reference / "frames" / "vihf-directe.xml").read_bytes())
    assert (result, failed(report)) == (None, ["XML-FORM"])


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_one_changed_octet_is_refused_or_changes_nothing_that_is_signed(
    signed: etree._Element, data: st.DataObject
) -> None:
    xml = octets_of(signed)
    bare = etree.fromstring(xml)
    bare.remove(find(bare, "ds:Signature"))
    position = data.draw(st.integers(0, len(xml) - 1))
    octet = data.draw(st.integers(0, 255))
    result, report = verify(xml[:position] + bytes([octet]) + xml[position + 1 :])
    if result is None:
        assert report.failures
    else:
        assert exclusive(result.signed) == exclusive(bare)


@settings(max_examples=100)
@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_anything_else_is_refused_without_a_traceback(octets: bytes) -> None:
    result, report = verify(octets)
    assert result is None
    assert report.failures


def test_a_token_costs_little(signed: etree._Element) -> None:
    """Counted in calls of functions, which are the same on a busy machine."""
    xml = octets_of(signed)
    calls: list[str] = []
    sys.setprofile(lambda frame, event, argument: calls.append(event) if "return" not in event else None)
    try:
        verify(xml)
    finally:
        sys.setprofile(None)
    assert len(calls) < 7_000  # ten times what it takes


def test_the_certificate_of_the_result_is_the_one_of_key_info(signed: etree._Element, other_card: Card) -> None:
    find(signed, ".//ds:X509Certificate").text = der_text(other_card.signing_certificate)
    result, report = verify(seal_assertion(signed, other_card.signing_key))
    assert report.ok
    assert result is not None
    assert result.certificate == other_card.signing_certificate  # who that is, the path and the VIHF rules say
