"""The signature of a lot: what is good, who may sign, when, what, and what is kept of it."""

import json
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
import xmlsec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree
from signing_lab import (
    CDA,
    CDA_OCTETS,
    DS,
    LOT,
    NS,
    PDF,
    PDF_OCTETS,
    PERSON,
    SIGNATURE,
    STRUCTURE,
    LotLab,
    MemoryOctets,
    base64_of,
    failed,
    find,
    message,
    octets_of,
    seal_lot,
)

from dmpws.domain.access import AuthMode
from dmpws.domain.checks import Outcome, Refused, Report
from dmpws.pki.demo import DemoPki
from dmpws.signature.canonical import canonical, parse_signed
from dmpws.signature.engine import verify_core
from dmpws.signature.make_lot import sign_lot
from dmpws.signature.model import LotDocument, VerifiedLot
from dmpws.signature.reexamine import reexamine
from dmpws.signature.rules import LOT as LOT_RULES
from dmpws.signature.verify_lot import ExpectedSigner, LotPolicy, examine, verify
from dmpws.xml.parser import XmlLimits

HOSPITAL = "11B0062640"
OFFICIAL_LOT = "1.2.250.1.999.1.1.7898.3.9956570900"
OFFICIAL_CDA = "1.2.250.1.999.1.1.7898.4.9956570902"


def warned(report: Report) -> list[str]:
    return list(dict.fromkeys(c.rule.id for c in report if c.outcome is Outcome.WARNED))


# --- good ones -------------------------------------------------------------------------------------------------


def test_what_we_sign_is_accepted_with_its_evidence(lot: LotLab) -> None:
    signature = lot.sign()
    report, verified = lot.examine(signature)
    assert (report.ok, warned(report)) == (True, [])
    assert verified is not None
    assert verified.document_ids == (CDA, PDF)
    assert verified.signing_time == lot.now
    assert PERSON in verified.signer_subject
    evidence = verified.evidence
    assert (evidence.signature, evidence.received_at) == (signature, lot.now)
    assert [len(evidence.chain), len(evidence.crl_numbers)] == [3, 2]
    outcomes = {row["rule"]: row["outcome"] for row in json.loads(evidence.verdict)}
    assert outcomes["LOT-VALEUR"] == outcomes["PKI-REVOCATION"] == outcomes["LOT-EMPREINTE"] == "passed"


def test_our_layout_is_the_official_one(lot: LotLab, reference: Path) -> None:
    official = etree.parse(str(reference / "frames" / "td2.1-signaturexades.xml")).getroot()
    ours = etree.fromstring(lot.sign())
    references = [e for e in (ours, official) for e in e.findall(".//ds:Manifest/ds:Reference", NS)[2:]]
    for reference_of_second_document in references:
        reference_of_second_document.getparent().remove(reference_of_second_document)

    def shape(root: etree._Element) -> list[tuple[str, list[str]]]:
        return [(str(e.tag), sorted(map(str, e.attrib))) for e in root.iter(etree.Element)]

    assert shape(ours) == shape(official)
    fixed = ("CanonicalizationMethod", "SignatureProperty")
    for name in fixed:
        path = f".//{{*}}{name}"
        assert (find(ours, path).get("Algorithm"), find(ours, path).text) == (
            find(official, path).get("Algorithm"),
            find(official, path).text,
        )
    assert [(r.get("Type"), r.get("URI")) for r in ours.iterfind("ds:SignedInfo/ds:Reference", NS)] == [
        (r.get("Type"), r.get("URI")) for r in official.iterfind("ds:SignedInfo/ds:Reference", NS)
    ]


def test_we_never_sign_with_sha1_nor_without_an_offset(lot: LotLab) -> None:
    assert b"sha1" not in lot.sign()
    with pytest.raises(ValueError, match="offset"):
        lot.sign(signing_time=datetime(2026, 11, 21, 12))


def test_signing_refuses_a_document_that_is_not_the_xml_it_is_said_to_be(lot: LotLab) -> None:
    with pytest.raises(Refused):
        sign_lot(
            signature_id="1.2", submission_set_unique_id="1.2.3", documents=[("1.2.4", b"<a>", True)], card=lot.card,
            signing_time=lot.now,
        )  # fmt: skip


@pytest.mark.parametrize("prefix", [b"", b"\xef\xbb\xbf", b'<?xml version="1.0" encoding="UTF-8"?>\n', b"<!-- x -->\n"])
def test_what_stands_before_the_root_does_not_matter(lot: LotLab, prefix: bytes) -> None:
    assert lot.examine(prefix + lot.sign())[1] is not None


def test_a_lot_is_also_good_in_other_encodings(lot: LotLab) -> None:
    assert lot.examine(etree.tostring(lot.tree(), encoding="UTF-16"))[1] is not None


def test_octets_signed_as_they_are_are_not_read_again(lot: LotLab) -> None:
    lot.documents = {PDF: PDF_OCTETS}
    documents = [LotDocument(PDF, MemoryOctets(PDF_OCTETS, readable=False))]
    assert lot.examine(lot.sign(), documents=documents)[1] is not None


def test_a_document_signed_in_canonical_form_may_be_written_otherwise(lot: LotLab) -> None:
    signature = lot.sign()
    other = CDA_OCTETS.replace(b"'", b'"').replace(b'<?xml version="1.0" encoding="UTF-8"?>', b"<?xml version='1.0'?>")
    other = other.replace(b"></effectiveTime>", b"/>").replace(b"\n<!-- fictif", b"<!-- fictif")
    assert other != CDA_OCTETS
    lot.documents[CDA] = other
    assert lot.examine(signature)[1] is not None


@pytest.mark.parametrize("value", ["0421d1cc-b27b-4b0d-bab2-7ebcd54d47f6", "S1"])
def test_an_id_that_is_not_the_unique_id_is_a_warning(lot: LotLab, value: str) -> None:
    xml = lot.sign().replace(f'"{SIGNATURE}"'.encode(), f'"{value}"'.encode())
    xml = xml.replace(f"#{SIGNATURE}".encode(), f"#{value}".encode())
    report, verified = lot.examine(xml)
    assert verified is not None
    assert warned(report) == ["LOT-SIGNATURE-ID"]


def test_variants_of_real_clients_are_accepted(lot: LotLab) -> None:
    root = lot.tree()
    for method in root.iterfind(".//xades:CertDigest/xades:DigestMethod", NS):
        method.set("Algorithm", "http://www.w3.org/2000/09/xmldsig#sha256")
    find(root, ".//ds:CanonicalizationMethod").set("Algorithm", "http://www.w3.org/TR/2001/REC-xml-c14n-20010315")
    find(root, ".//xades:SignedProperties").tail = "\n"
    properties = find(root, ".//SignatureProperties")
    parent = properties.getparent()
    assert parent is not None
    parent[:] = [etree.fromstring(octets_of(properties).replace(b'xmlns=""', f'xmlns="{DS}"'.encode()))]
    assert lot.examine(lot.seal(root))[1] is not None


def test_xades_1_3_2_is_accepted(lot: LotLab) -> None:
    xml = lot.sign().replace(b"http://uri.etsi.org/01903/v1.1.1#", b"http://uri.etsi.org/01903/v1.3.2#")
    root = etree.fromstring(xml.replace(b"v1.3.2#SignedProperties", b"v1.3.2#SignedProperties"))
    root.findall("ds:SignedInfo/ds:Reference", NS)[1].set("Type", "http://uri.etsi.org/01903#SignedProperties")
    assert lot.examine(lot.seal(root))[1] is not None


# --- the official frame ----------------------------------------------------------------------------------------


def test_official_signature_verifies_and_each_policy_refuses_it_by_name(lot: LotLab, reference: Path) -> None:
    signature = (reference / "frames" / "td2.1-signaturexades.xml").read_bytes()
    cda = (reference / "frames" / "td2.1-documentme2.xml").read_bytes()
    received = replace(
        lot.received(signature),
        submission_set_unique_id=OFFICIAL_LOT,
        documents=[LotDocument(OFFICIAL_CDA, MemoryOctets(cda))],
    )
    lenient = LotPolicy(sha1_allowed=True, check_path=False, check_lot=False, max_signing_age=timedelta(days=9999))

    def rules(policy: LotPolicy) -> list[str]:
        return failed(examine(received, policy=policy, trust=lot.trust, signer=lot.direct)[0])

    report, verified = examine(received, policy=lenient, trust=None, signer=lot.direct)
    assert (failed(report), verified) == ([], None)
    passed = {c.rule.id for c in report if c.outcome is Outcome.PASSED}
    assert {"LOT-VALEUR", "LOT-CONTENU", "LOT-CERTIFICAT", "LOT-SIGNATAIRE"} <= passed
    assert rules(replace(lenient, sha1_allowed=False)) == ["LOT-SHA1"]
    assert rules(replace(lenient, check_path=True)) == ["PKI-PATH"]
    assert rules(replace(lenient, check_lot=True)) == ["LOT-EMPREINTE"]
    assert rules(replace(lenient, max_signing_age=timedelta(hours=72))) == ["LOT-SIGNINGTIME"]
    assert rules(LotPolicy()) == ["PKI-PATH", "LOT-SHA1", "LOT-EMPREINTE", "LOT-SIGNINGTIME"]


def test_official_digests_need_the_copy_of_the_element(reference: Path) -> None:
    """Trap 2 of libxml2: canonicalised in place, the same element has another form."""
    root = parse_signed((reference / "frames" / "td2.1-signaturexades.xml").read_bytes(), XmlLimits())
    properties = find(root, ".//xades:SignedProperties")
    in_place = etree.tostring(properties, method="c14n", with_tail=False)
    assert canonical(properties) != in_place
    assert b'xmlns=""' in in_place
    assert b'xmlns=""' not in canonical(properties)


def without_manifest(lot: LotLab) -> etree._Element:
    """libxmlsec wants to fetch what a Manifest lists, and cannot be told not to; under another name it does not."""
    root = etree.fromstring(lot.sign().replace(b"<Signature ", b'<Signature xmlns:unused="urn:x" ', 1))
    find(root, ".//ds:Manifest").tag = f"{{{DS}}}Inventory"
    find(root, "ds:SignedInfo/ds:Reference").attrib.pop("Type")
    return root


def xmlsec_context(lot: LotLab, root: etree._Element, key: str) -> xmlsec.SignatureContext:
    xmlsec.tree.add_ids(root, ["Id"])
    context = xmlsec.SignatureContext()
    file = lot.card.sign_key_file if key == "key" else lot.card.sign_certificate_file
    form = xmlsec.constants.KeyDataFormatPem if key == "key" else xmlsec.constants.KeyDataFormatCertPem
    context.key = xmlsec.Key.from_file(str(file), form)
    return context


def test_xmlsec_agrees_on_inclusive_canonical_forms(lot: LotLab) -> None:
    root = etree.fromstring(lot.seal(without_manifest(lot)))
    xmlsec_context(lot, root, "certificate").verify(root)
    find(root, ".//xades:SigningTime").text = "2026-11-21T12:00:01Z"
    with pytest.raises(xmlsec.Error):
        xmlsec_context(lot, root, "certificate").verify(root)


def test_we_agree_with_what_xmlsec_signs_in_the_layout_of_a_lot(lot: LotLab) -> None:
    root = without_manifest(lot)
    for path in (".//ds:SignedInfo//ds:DigestValue", "ds:SignatureValue"):
        for value in root.iterfind(path, NS):
            value.text = None
    xmlsec_context(lot, root, "key").sign(root)
    root, report = etree.fromstring(octets_of(root)), Report()
    parts = verify_core(root, root, lot.card.signing_certificate, report, LOT_RULES)
    assert failed(report) == []
    assert parts is not None
    assert [etree.QName(part).localname for part in parts] == ["Inventory", "SignedProperties"]


# --- who -------------------------------------------------------------------------------------------------------


def signers(lot: LotLab, card: str, pki: DemoPki, expected: ExpectedSigner) -> list[str]:
    report, verified = examine(
        lot.received(lot.sign(card=pki.card(card))), policy=LotPolicy(), trust=lot.trust, signer=expected
    )
    assert (verified is None) == bool(report.failures)
    return failed(report)


def test_the_professional_signs_in_direct_mode(lot: LotLab, pki: DemoPki) -> None:
    assert signers(lot, "medecin-libre", pki, lot.direct) == []
    assert signers(lot, "medecin-virginie", pki, lot.direct) == ["LOT-SIGNATAIRE"]
    assert signers(lot, "hopital", pki, lot.direct) == ["LOT-SIGNATAIRE"]
    assert signers(lot, "cpe-libre", pki, lot.direct) == ["LOT-SIGNATAIRE"]


@pytest.mark.parametrize("mode", [AuthMode.INDIRECTE, AuthMode.INDIRECTE_RENFORCEE])
def test_the_seal_of_the_structure_signs_in_indirect_mode(lot: LotLab, pki: DemoPki, mode: AuthMode) -> None:
    hospital = ExpectedSigner(mode, "", frozenset({HOSPITAL}))
    assert signers(lot, "hopital", pki, hospital) == []
    assert signers(lot, "hopital", pki, ExpectedSigner(mode, PERSON, frozenset({STRUCTURE}))) == ["LOT-SIGNATAIRE"]
    assert signers(lot, "medecin-libre", pki, ExpectedSigner(mode, PERSON, frozenset({""}))) == ["LOT-SIGNATAIRE"]
    assert signers(lot, "hopital", pki, ExpectedSigner(mode, "", frozenset())) == ["LOT-SIGNATAIRE"]


def test_without_vihf_the_signer_is_not_compared_and_the_verdict_says_so(lot: LotLab) -> None:
    report, verified = examine(lot.received(lot.sign()), policy=LotPolicy(), trust=lot.trust, signer=None)
    assert verified is not None
    assert [c.rule.id for c in report if c.outcome is Outcome.SKIPPED] == ["LOT-SIGNATAIRE"]


def test_bad_certificates_are_refused_for_their_own_reason(lot: LotLab, pki: DemoPki) -> None:
    assert "PKI-REVOCATION" in signers(lot, "medecin-revoque", pki, lot.direct)
    assert "PKI-VALIDITY" in signers(lot, "medecin-expire", pki, lot.direct)
    options: dict[str, Any] = {"common_name": PERSON, "family": "LIBRE", "given": "MAX"}
    pki.issue("cps", "lot-inconnu", unknown_ca=True, **options)
    pki.issue("cps", "lot-usage", wrong_usage=True, **options)
    assert signers(lot, "lot-inconnu", pki, lot.direct) == ["PKI-PATH"]
    report = examine(
        lot.received(lot.sign(card=pki.card("lot-usage"))), policy=LotPolicy(), trust=lot.trust, signer=lot.direct
    )[0]
    assert failed(report) == ["LOT-CERT-USAGE"]
    assert report.failures[0].rule.code == "DMPInvalidCertificate"
    assert "Le certificat ayant signé le lot est invalide" in message(report, "LOT-CERT-USAGE")


def test_a_path_is_asked_for_a_verified_lot(lot: LotLab) -> None:
    received = lot.received(lot.sign())
    with pytest.raises(ValueError, match="trust store"):
        examine(received, policy=LotPolicy(), trust=None, signer=None)
    for relaxed in (LotPolicy(check_path=False), LotPolicy(check_lot=False)):
        report, verified = examine(received, policy=relaxed, trust=lot.trust, signer=lot.direct)
        assert (report.ok, verified) == (True, None)
        with pytest.raises(ValueError, match="everything"):
            verify(received, policy=relaxed, trust=lot.trust, signer=lot.direct)


def test_verify_gives_the_lot_or_all_that_is_wrong(lot: LotLab) -> None:
    good = lot.received(lot.sign())
    assert isinstance(verify(good, policy=LotPolicy(), trust=lot.trust, signer=lot.direct), VerifiedLot)
    bad = replace(good, submission_time="20201121120000", submission_set_unique_id="1.2.3")
    with pytest.raises(Refused) as caught:
        verify(bad, policy=LotPolicy(), trust=lot.trust, signer=lot.direct)
    assert [c.rule.id for c in caught.value.checks] == ["LOT-LOT", "LOT-DOCUMENTS", "LOT-SUBMISSIONTIME"]
    assert caught.value.code == "XDSRegistryMetadataError"


# --- when ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shift", "good"),
    [
        (timedelta(minutes=5), True),
        (timedelta(minutes=5, seconds=1), False),
        (timedelta(hours=-72), True),
        (timedelta(hours=-72, seconds=-1), False),
    ],
)
def test_times_are_near_reception(lot: LotLab, shift: timedelta, good: bool) -> None:
    at = (lot.now + shift).astimezone(timezone(timedelta(hours=1)))
    assert failed(lot.examine(lot.sign(signing_time=at))[0]) == ([] if good else ["LOT-SIGNINGTIME"])
    submitted = f"{lot.now + shift:%Y%m%d%H%M%S}"
    report = lot.examine(lot.sign(), submission_time=submitted)[0]
    assert failed(report) == ([] if good else ["LOT-SUBMISSIONTIME"])


def test_times_that_are_not_near_say_which_way(lot: LotLab) -> None:
    report = lot.refused(lot.sign(), submission_time="20261122120000")
    assert "submissionTime est dans le futur" in message(report, "LOT-SUBMISSIONTIME")
    report = lot.refused(lot.sign(signing_time=lot.now - timedelta(days=30)))
    assert "SigningTime est trop ancien" in message(report, "LOT-SIGNINGTIME")


@pytest.mark.parametrize(
    "text", ["", "2026", "202611", "20261121", "20261321", "2026112112000", "hier", "0001", "2026-11-21"]
)
def test_submission_time_is_a_dtm(lot: LotLab, text: str) -> None:
    rules = failed(lot.examine(lot.sign(), submission_time=text)[0])
    assert rules == ([] if text == "20261121" else ["LOT-SUBMISSIONTIME"])


@pytest.mark.parametrize(
    "text",
    ["", "2026-11-21", "2026-11-21T12:00:00", "2026-13-21T12:00:00Z", "0001-01-01T00:00:00+14:00", "20261121T120000Z"],
)
def test_signing_time_has_an_offset(lot: LotLab, text: str) -> None:
    root = lot.tree()
    find(root, ".//xades:SigningTime").text = text
    assert failed(lot.refused(lot.seal(root))) == ["LOT-SIGNINGTIME"]


# --- what ------------------------------------------------------------------------------------------------------


def test_one_changed_octet_of_a_document_is_refused(lot: LotLab) -> None:
    signature = lot.sign()
    for unique_id, octets in list(lot.documents.items()):
        lot.documents[unique_id] = octets.replace(b"rendu", b"rendU").replace(b"%PDF", b"%PDf")
        report = lot.refused(signature)
        assert failed(report) == ["LOT-EMPREINTE"]
        assert f"Le document {unique_id} n'est pas celui qui a été signé" in message(report, "LOT-EMPREINTE")
        assert report.failures[0].rule.code == "XDSRepositoryMetadataError"
        lot.documents[unique_id] = octets


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_changed_octet_of_a_document_is_refused_or_changes_nothing(lot: LotLab, data: st.DataObject) -> None:
    unique_id = data.draw(st.sampled_from([CDA, PDF]))
    octets = lot.documents[unique_id]
    position = data.draw(st.integers(0, len(octets) - 1))
    changed = octets[:position] + bytes([data.draw(st.integers(0, 255))]) + octets[position + 1 :]
    documents = [LotDocument(u, MemoryOctets(changed if u == unique_id else o)) for u, o in lot.documents.items()]
    report, verified = lot.examine(lot.sign(), documents=documents)
    if verified is None:
        assert failed(report) == ["LOT-EMPREINTE"]
    elif unique_id == PDF:
        assert changed == octets
    else:
        roots = (etree.fromstring(each).getroottree() for each in (octets, changed))
        before, after = (etree.tostring(root, method="c14n", with_comments=True) for root in roots)
        assert before == after


def test_missing_and_foreign_documents_are_all_named(lot: LotLab) -> None:
    signature = lot.sign()
    lot.documents = {CDA: CDA_OCTETS, "1.2.3.4": b"x", "1.2.3.5": b"y"}
    report = lot.refused(signature)
    assert failed(report) == ["LOT-DOCUMENTS"]
    for text in ("non signé : urn:oid:1.2.3.4", "non signé : urn:oid:1.2.3.5", f"hors du lot : urn:oid:{PDF}"):
        assert text in message(report, "LOT-DOCUMENTS")


def test_the_same_document_twice_in_the_lot_is_refused(lot: LotLab) -> None:
    documents = [LotDocument(u, MemoryOctets(o)) for u, o in [(CDA, b"other"), *lot.documents.items()]]
    assert failed(lot.refused(lot.sign(), documents=documents)) == ["LOT-DOCUMENTS"]


def manifest_reference(root: etree._Element, unique_id: str) -> etree._Element:
    return find(root, f".//ds:Manifest/ds:Reference[@URI='urn:oid:{unique_id}']")


def test_a_document_without_digest_is_refused(lot: LotLab) -> None:
    root = lot.tree()
    find(manifest_reference(root, CDA), "ds:DigestValue").text = "AA=="
    assert failed(lot.refused(lot.seal(root))) == ["LOT-EMPREINTE"]


@pytest.mark.parametrize("digest", ["MA==", "AAA=", "AA", base64_of(b"\0" * 32)])
def test_the_submission_set_has_the_digest_of_nothing(lot: LotLab, digest: str) -> None:
    root = lot.tree()
    find(manifest_reference(root, LOT), "ds:DigestValue").text = digest
    rules = failed(lot.refused(lot.seal(root)))
    assert "LOT-LOT" in rules


def test_a_document_with_the_identifier_of_the_lot_is_refused(lot: LotLab) -> None:
    signature = lot.sign()
    lot.documents[LOT] = b"\0"
    assert failed(lot.refused(signature)) == ["LOT-DOCUMENTS", "LOT-EMPREINTE"]


def test_a_digest_of_octets_under_a_c14n_transform_is_explained(lot: LotLab) -> None:
    root = lot.tree()
    digest = find(manifest_reference(root, CDA), "ds:DigestValue")
    digest.text = base64_of(bytes.fromhex(MemoryOctets(CDA_OCTETS).sha256))
    report = lot.refused(lot.seal(root))
    assert failed(report) == ["LOT-EMPREINTE"]
    assert "l'empreinte signée est celle des octets" in message(report, "LOT-EMPREINTE")


@pytest.mark.parametrize(
    "octets", [b"", b"%PDF", b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", b"<a>\xff</a>", b"<a xmlns='relative'/>"]
)
def test_a_document_that_cannot_be_canonicalised_is_refused(lot: LotLab, octets: bytes) -> None:
    signature = lot.sign()
    lot.documents[CDA] = octets
    report = lot.refused(signature)
    assert failed(report) == ["LOT-EMPREINTE"]
    assert "illisible" in message(report, "LOT-EMPREINTE")


def test_a_document_too_large_to_be_canonicalised_is_not_even_read(lot: LotLab) -> None:
    signature = lot.sign()
    limits = XmlLimits(octets=100)
    documents = [LotDocument(CDA, MemoryOctets(CDA_OCTETS, readable=False)), LotDocument(PDF, MemoryOctets(PDF_OCTETS))]
    report = lot.refused(signature, policy=LotPolicy(xml_document=limits), documents=documents)
    assert failed(report) == ["LOT-EMPREINTE"]
    assert "au plus 100 octets" in message(report, "LOT-EMPREINTE")


def test_a_document_made_to_be_slow_is_refused_at_once(lot: LotLab) -> None:
    signature = lot.sign()
    namespaces = " ".join(f'xmlns:p{i}="urn:{i}"' for i in range(4000))
    lot.documents[CDA] = f"<a {namespaces}>{'<b/>' * 4000}</a>".encode()
    assert failed(lot.refused(signature)) == ["LOT-EMPREINTE"]


def test_a_real_document_that_repeats_a_declaration_is_not_taken_for_slow(lot: LotLab) -> None:
    rows = b"<td xmlns:xsi='http://www.w3.org/2001/XMLSchema-instance' a='1' b='2'/>" * 6000
    lot.documents[CDA] = b"<?xml version='1.0'?><table>" + rows + b"</table>"
    assert lot.examine(lot.sign())[1] is not None


def test_sha1_digests_in_the_manifest_are_seen(lot: LotLab) -> None:
    root = lot.tree()
    reference = manifest_reference(root, PDF)
    find(reference, "ds:DigestMethod").set("Algorithm", DS + "sha1")
    find(reference, "ds:DigestValue").text = base64_of(bytes.fromhex(MemoryOctets(PDF_OCTETS).sha1))
    xml = lot.seal(root)
    assert failed(lot.refused(xml)) == ["LOT-SHA1"]
    report, verified = lot.examine(xml, policy=LotPolicy(sha1_allowed=True))
    assert verified is not None
    assert warned(report) == ["LOT-SHA1"]


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_one_changed_octet_of_a_signature_is_refused_or_changes_nothing(lot: LotLab, data: st.DataObject) -> None:
    signature = lot.sign()
    position = data.draw(st.integers(0, len(signature) - 1))
    changed = signature[:position] + bytes([data.draw(st.integers(0, 255))]) + signature[position + 1 :]
    report, verified = lot.examine(changed)
    if verified is None:
        assert report.failures
        return
    roots = etree.fromstring(signature), etree.fromstring(changed)
    for path in (".//ds:SignedInfo", ".//ds:Manifest", ".//xades:SignedProperties"):
        before, after = (canonical(find(root, path)) for root in roots)
        assert before == after


# --- years later -----------------------------------------------------------------------------------------------


def accepted(lot: LotLab, **changes: Any) -> VerifiedLot:
    verified = lot.examine(lot.sign(), **changes)[1]
    assert verified is not None
    return verified


def test_a_lot_is_shown_good_years_later(lot: LotLab) -> None:
    verified = accepted(lot)
    report = reexamine(verified.evidence, lot.received(verified.evidence.signature))
    assert report.ok
    proof = next(c for c in report if c.rule.id == "LOT-PREUVE")
    assert "CRL n° " in proof.found


def test_years_later_a_changed_document_or_signature_is_seen(lot: LotLab) -> None:
    evidence = accepted(lot).evidence
    stored = lot.received(evidence.signature)
    changed = [LotDocument(CDA, MemoryOctets(CDA_OCTETS)), LotDocument(PDF, MemoryOctets(b"x"))]
    assert failed(reexamine(evidence, replace(stored, documents=changed))) == ["LOT-EMPREINTE"]
    assert failed(reexamine(evidence, replace(stored, documents=changed[:1]))) == ["LOT-DOCUMENTS"]
    assert failed(reexamine(evidence, replace(stored, signature=b"x"))) == ["LOT-VERDICT"]
    assert failed(reexamine(replace(evidence, signature=stored.signature[:-1]), stored)) == ["LOT-VERDICT", "LOT-XML"]


def test_years_later_erased_octets_are_skipped(lot: LotLab) -> None:
    evidence = accepted(lot).evidence
    stored = lot.received(evidence.signature, documents=[LotDocument(CDA, MemoryOctets(CDA_OCTETS))])
    report = reexamine(evidence, stored, erased=[PDF])
    assert report.ok
    assert [c.rule.id for c in report if c.outcome is Outcome.SKIPPED] == ["LOT-SIGNATAIRE", "LOT-EMPREINTE"]


def test_years_later_the_chain_must_be_the_signer_s_and_within_dates(lot: LotLab, pki: DemoPki) -> None:
    evidence = accepted(lot).evidence
    stored = lot.received(evidence.signature)
    other = pki.card("hopital")
    leaf, *above = evidence.chain
    foreign = lot.examine(lot.sign(card=other))[0]
    assert foreign.failures
    chains = [
        (),
        (leaf,),
        (above[0], *above),
        (leaf, *other.chain),
        (leaf, *reversed(above)),
        (leaf, b"x"),
        (*evidence.chain, leaf),
    ]
    for chain in chains:
        assert failed(reexamine(replace(evidence, chain=chain), stored)) == ["LOT-PREUVE"], chain
    late = replace(evidence, received_at=evidence.received_at + timedelta(days=3650))
    assert failed(reexamine(late, stored)) == ["LOT-PREUVE"]


@pytest.mark.parametrize(
    "verdict", ["", "[]", "{}", "[1]", '[{"rule": "LOT-FORME"}]', '[{"rule":"x","outcome":"failed"}]']
)
def test_years_later_the_verdict_must_accept(lot: LotLab, verdict: str) -> None:
    evidence = replace(accepted(lot).evidence, verdict=verdict)
    assert failed(reexamine(evidence, lot.received(evidence.signature))) == ["LOT-VERDICT"]


def test_years_later_sha1_is_good_if_it_was_let_in(lot: LotLab) -> None:
    root = lot.tree()
    for method in root.iterfind("ds:SignedInfo//ds:DigestMethod", NS):
        method.set("Algorithm", DS + "sha1")
    find(root, ".//ds:SignatureMethod").set("Algorithm", DS + "rsa-sha1")
    xml = seal_lot(root, lot.card.signing_key, sha1=True)
    verified = lot.examine(xml, policy=LotPolicy(sha1_allowed=True))[1]
    assert verified is not None
    stored = lot.received(xml)
    assert reexamine(verified.evidence, stored).ok
    strict = replace(verified.evidence, verdict='[{"rule": "LOT-FORME", "outcome": "passed"}]')
    assert failed(reexamine(strict, stored)) == ["LOT-SHA1"]
