"""Attacks on the signature of the VIHF. Wrapping is numbered as in « On Breaking SAML » (USENIX Security 2012)."""

import hashlib
import hmac
from collections.abc import Callable
from copy import deepcopy

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from lxml import etree
from signing_lab import (
    DS,
    EXCLUSIVE,
    SAML,
    assertion,
    base64_of,
    der_text,
    exclusive,
    failed,
    find,
    octets_of,
    seal_assertion,
)

from dmpws.domain.checks import Report
from dmpws.pki.authority import sign_certificate
from dmpws.pki.cards import Card
from dmpws.signature.core import LIMITS, verify_enveloped

FORGED = "801234567897"
Bend = Callable[[etree._Element], etree._Element | None]


def refused(xml: bytes, *, sha1: bool = True) -> list[str]:
    """Rules broken by an assertion that must be refused, with the most permissive policy unless told."""
    report = Report()
    assert verify_enveloped(xml, sha1=sha1, report=report) is None
    assert report.failures
    return failed(report)


def ds(name: str) -> str:
    return f"{{{DS}}}{name}"


def saml(name: str) -> str:
    return f"{{{SAML}}}{name}"


def taken_apart(signed: etree._Element) -> tuple[etree._Element, etree._Element, etree._Element]:
    """Original assertion without signature, its signature, and a forged assertion that names somebody else."""
    original, signature = deepcopy(signed), deepcopy(find(signed, "ds:Signature"))
    original.remove(find(original, "ds:Signature"))
    return original, signature, assertion(FORGED, "_evil")


def xsw1(signed: etree._Element) -> etree._Element:
    """The forged root carries the signature, which envelops the original."""
    original, signature, forged = taken_apart(signed)
    signature.append(original)
    forged.insert(1, signature)
    return forged


def xsw2(signed: etree._Element) -> etree._Element:
    """The forged root carries the signature, detached from the original beside it."""
    original, signature, forged = taken_apart(signed)
    forged.insert(1, signature)
    forged.append(original)
    return forged


def xsw3(signed: etree._Element) -> etree._Element:
    """The original, signed, is a child of the forged root."""
    forged = assertion(FORGED, "_evil")
    forged.insert(0, deepcopy(signed))
    return forged


def xsw4(signed: etree._Element) -> etree._Element:
    """The original, signed, at the end of the forged root."""
    forged = assertion(FORGED, "_evil")
    forged.append(deepcopy(signed))
    return forged


def xsw5(signed: etree._Element) -> etree._Element:
    """The forged root has a copy of the signature, the original stands inside with its own."""
    _, signature, forged = taken_apart(signed)
    forged.insert(1, signature)
    forged.append(deepcopy(signed))
    return forged


def xsw6(signed: etree._Element) -> etree._Element:
    """The original inside an Object of the signature of the forged root."""
    original, signature, forged = taken_apart(signed)
    etree.SubElement(signature, ds("Object")).append(original)
    forged.insert(1, signature)
    return forged


def xsw7(signed: etree._Element) -> etree._Element:
    """The original, signed, in an element whose content no schema looks at."""
    forged = assertion(FORGED, "_evil")
    advice = etree.SubElement(forged, saml("Advice"))
    advice.append(deepcopy(signed))
    return forged


def xsw8(signed: etree._Element) -> etree._Element:
    """The original in an Object, and the forged root with the ID that was signed."""
    original, signature, _ = taken_apart(signed)
    forged = assertion(FORGED, "_a1")
    etree.SubElement(signature, ds("Object")).append(original)
    forged.insert(1, signature)
    return forged


def same_id_after(signed: etree._Element) -> etree._Element:
    original, signature, _ = taken_apart(signed)
    forged = assertion(FORGED, "_a1")
    forged.insert(1, signature)
    forged.append(original)
    return forged


def id_in_other_attribute(signed: etree._Element) -> etree._Element:
    """Libraries that look for Id before ID would take the original for the root."""
    original, signature, _ = taken_apart(signed)
    forged = assertion(FORGED, "_a1")
    forged.insert(1, signature)
    del original.attrib["ID"]
    original.set("Id", "_a1")
    forged.append(original)
    return forged


def id_behind_a_hash(signed: etree._Element) -> etree._Element:
    """signxml strips every # of a URI: ##_a1 would be found as _a1."""
    original, signature, _ = taken_apart(signed)
    forged = assertion(FORGED, "#_a1")
    forged.insert(1, signature)
    forged.append(original)
    find(signature, ".//ds:Reference").set("URI", "##_a1")
    return forged


WRAPPINGS = [xsw1, xsw2, xsw3, xsw4, xsw5, xsw6, xsw7, xsw8, same_id_after, id_in_other_attribute, id_behind_a_hash]


@pytest.mark.parametrize("wrap", WRAPPINGS, ids=lambda wrap: wrap.__name__)
def test_wrapping_is_refused(signed: etree._Element, wrap: Callable[[etree._Element], etree._Element]) -> None:
    wrapped = wrap(signed)
    assert FORGED in octets_of(wrapped).decode()
    assert set(refused(octets_of(wrapped))) & {"SIG-FORME", "SIG-REFERENCE", "SIG-ID", "SIG-CONTENU", "SIG-VALEUR"}


@pytest.mark.parametrize("attribute", ["Id", "id", "{urn:x}ID", "{http://www.w3.org/XML/1998/namespace}id"])
def test_an_identifier_carried_twice_is_refused(signed: etree._Element, card: Card, attribute: str) -> None:
    find(signed, "saml:Subject").set(attribute, "_a1")
    assert refused(seal_assertion(signed, card.signing_key)) == ["SIG-ID"]


def transforms(*algorithms: str) -> Bend:
    def bend(root: etree._Element) -> None:
        parent = find(root, ".//ds:Transforms")
        parent[:] = [etree.Element(ds("Transform"), Algorithm=algorithm) for algorithm in algorithms]

    return bend


def setting(path: str, name: str, value: str) -> Bend:
    return lambda root: find(root, path).set(name, value)


def adding(path: str, *elements: str, first: bool = False) -> Bend:
    def bend(root: etree._Element) -> None:
        parent = find(root, path)
        for xml in elements:
            parent.insert(0 if first else len(parent), etree.fromstring(f"<x>{xml}</x>")[0])

    return bend


def removing(path: str) -> Bend:
    def bend(root: etree._Element) -> None:
        element = find(root, path)
        parent = element.getparent()
        assert parent is not None
        parent.remove(element)

    return bend


def moving_signature_last(root: etree._Element) -> None:
    root.append(find(root, "ds:Signature"))


ENVELOPED = DS + "enveloped-signature"
XSLT = (
    f'<Transform xmlns="{DS}" Algorithm="http://www.w3.org/TR/1999/REC-xslt-19991116"><xsl:stylesheet version="1.0" '
    'xmlns:xsl="http://www.w3.org/1999/XSL/Transform"><xsl:template match="/"/></xsl:stylesheet></Transform>'
)
OBJECT = f'<Object xmlns="{DS}"/>'
FORMS: dict[str, tuple[Bend, str]] = {
    "only enveloped": (transforms(ENVELOPED), "SIG-TRANSFORMS"),
    "only c14n": (transforms(EXCLUSIVE), "SIG-TRANSFORMS"),
    "swapped": (transforms(EXCLUSIVE, ENVELOPED), "SIG-TRANSFORMS"),
    "twice": (transforms(ENVELOPED, EXCLUSIVE, EXCLUSIVE), "SIG-TRANSFORMS"),
    "with comments": (transforms(ENVELOPED, EXCLUSIVE + "WithComments"), "SIG-TRANSFORMS"),
    "inclusive": (transforms(ENVELOPED, "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"), "SIG-TRANSFORMS"),
    "xpath": (transforms(ENVELOPED, "http://www.w3.org/TR/1999/REC-xpath-19991116", EXCLUSIVE), "SIG-TRANSFORMS"),
    "base64": (transforms(ENVELOPED, EXCLUSIVE, DS + "base64"), "SIG-TRANSFORMS"),
    "xslt": (adding(".//ds:Transforms", XSLT), "SIG-TRANSFORMS"),
    "xslt inside a transform": (adding(".//ds:Transform[2]", "<x xmlns='urn:x'/>"), "SIG-TRANSFORMS"),
    "no transforms": (removing(".//ds:Transforms"), "SIG-FORME"),
    "no reference": (removing(".//ds:Reference"), "SIG-FORME"),
    "two references": (adding(".//ds:SignedInfo", f'<Reference xmlns="{DS}" URI="#_a1"/>'), "SIG-FORME"),
    "empty URI": (setting(".//ds:Reference", "URI", ""), "SIG-REFERENCE"),
    "URI to nothing": (setting(".//ds:Reference", "URI", "#_nothing"), "SIG-REFERENCE"),
    "external URI": (setting(".//ds:Reference", "URI", "https://example.invalid/"), "SIG-REFERENCE"),
    "xpointer": (setting(".//ds:Reference", "URI", "#xpointer(id('_a1'))"), "SIG-REFERENCE"),
    "no URI": (lambda root: find(root, ".//ds:Reference").attrib.pop("URI") and None, "SIG-REFERENCE"),
    "no ID": (lambda root: root.attrib.pop("ID") and None, "SIG-REFERENCE"),
    "an object": (adding("ds:Signature", OBJECT), "SIG-FORME"),
    "signature in signature": (adding(".//ds:KeyInfo", f'<Signature xmlns="{DS}"/>'), "SIG-FORME"),
    "signature last": (moving_signature_last, "SIG-FORME"),
    "no key info": (removing(".//ds:KeyInfo"), "SIG-FORME"),
    "no value": (removing(".//ds:SignatureValue"), "SIG-FORME"),
    "no issuer": (removing("saml:Issuer"), "SIG-FORME"),
    "comment in digest": (adding(".//ds:DigestValue", "<!--x-->"), "SIG-FORME"),
    "comment in signed info": (adding(".//ds:SignedInfo", "<!--x-->"), "SIG-FORME"),
    "instruction": (adding("ds:Signature", "<?x y?>"), "SIG-FORME"),
    "inclusive signed info": (
        setting(".//ds:CanonicalizationMethod", "Algorithm", "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"),
        "SIG-ALGO",
    ),
    "signed info with comments": (
        setting(".//ds:CanonicalizationMethod", "Algorithm", EXCLUSIVE + "WithComments"),
        "SIG-ALGO",
    ),
    "rsa-sha512": (
        setting(".//ds:SignatureMethod", "Algorithm", "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512"),
        "SIG-ALGO",
    ),
    "no algorithm": (lambda root: find(root, ".//ds:SignatureMethod").attrib.clear(), "SIG-ALGO"),
    "md5": (setting(".//ds:DigestMethod", "Algorithm", "http://www.w3.org/2001/04/xmldsig-more#md5"), "SIG-ALGO"),
    "hmac length": (
        adding(".//ds:SignatureMethod", f'<HMACOutputLength xmlns="{DS}">0</HMACOutputLength>'),
        "SIG-ALGO",
    ),
    "key value": (adding(".//ds:KeyInfo", f'<KeyValue xmlns="{DS}"/>', first=True), "SIG-KEYINFO"),
    "retrieval method": (adding(".//ds:KeyInfo", f'<RetrievalMethod xmlns="{DS}" URI="#k"/>'), "SIG-KEYINFO"),
    "crl": (adding(".//ds:X509Data", f'<X509CRL xmlns="{DS}">AA==</X509CRL>'), "SIG-KEYINFO"),
    "two certificates": (
        adding(".//ds:X509Data", f'<X509Certificate xmlns="{DS}">AA==</X509Certificate>'),
        "SIG-KEYINFO",
    ),
    "no certificate": (removing(".//ds:X509Certificate"), "SIG-KEYINFO"),
    "empty certificate": (lambda root: setattr(find(root, ".//ds:X509Certificate"), "text", ""), "SIG-KEYINFO"),
    "not base64": (lambda root: setattr(find(root, ".//ds:X509Certificate"), "text", "@@"), "SIG-KEYINFO"),
    "huge certificate": (
        lambda root: setattr(find(root, ".//ds:X509Certificate"), "text", "A" * 30_000),
        "SIG-KEYINFO",
    ),
    "not a certificate": (lambda root: setattr(find(root, ".//ds:X509Certificate"), "text", "AAAA"), "PKI-LOAD"),
}


@pytest.mark.parametrize("name", FORMS)
def test_any_other_form_is_refused_by_name(signed: etree._Element, card: Card, name: str) -> None:
    """Signed by the right key as far as a signature can be made, so that the form alone is refused."""
    bend, rule = FORMS[name]
    bend(signed)
    try:
        xml = seal_assertion(signed, card.signing_key)
    except AssertionError:  # there is nothing left to seal
        xml = octets_of(signed)
    assert refused(xml) == [rule]


@pytest.mark.parametrize("path", [".//ds:SignatureValue", ".//ds:DigestValue"])
@pytest.mark.parametrize("text", ["", "@", "AA==", "é"])
def test_unreadable_values_are_refused(signed: etree._Element, path: str, text: str) -> None:
    find(signed, path).text = text
    assert set(refused(octets_of(signed))) <= {"SIG-VALEUR", "SIG-CONTENU"}


def test_public_key_as_hmac_secret_is_refused(signed: etree._Element, card: Card) -> None:
    find(signed, ".//ds:SignatureMethod").set("Algorithm", "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256")
    secret = card.signing_certificate.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    value = hmac.new(secret, exclusive(find(signed, ".//ds:SignedInfo")), hashlib.sha256).digest()
    find(signed, ".//ds:SignatureValue").text = base64_of(value)
    assert refused(octets_of(signed)) == ["SIG-ALGO"]


def test_sha1_in_one_place_only_is_seen(signed: etree._Element, card: Card) -> None:
    find(signed, ".//ds:DigestMethod").set("Algorithm", DS + "sha1")
    bare = deepcopy(signed)
    bare.remove(find(bare, "ds:Signature"))
    xml = seal_assertion(signed, card.signing_key)
    find(signed, ".//ds:DigestValue").text = base64_of(hashlib.sha1(exclusive(bare)).digest())
    assert refused(xml, sha1=False) == ["SIG-SHA1"]


def test_another_certificate_in_key_info_does_not_verify(signed: etree._Element, other_card: Card) -> None:
    find(signed, ".//ds:X509Certificate").text = der_text(other_card.signing_certificate)
    assert refused(octets_of(signed)) == ["SIG-VALEUR"]


@pytest.mark.parametrize("kind", ["ec", "short"])
def test_a_key_that_is_not_good_enough_is_refused(signed: etree._Element, card: Card, kind: str) -> None:
    key = ec.generate_private_key(ec.SECP256R1()) if kind == "ec" else rsa.generate_private_key(65537, 1024)
    certificate = sign_certificate(
        card.signing_certificate.subject,
        key.public_key(),  # type: ignore[arg-type]
        issuer=card.signing_certificate.subject,
        issuer_key=card.signing_key,
        validity=(card.signing_certificate.not_valid_before_utc, card.signing_certificate.not_valid_after_utc),
        extensions=[],
    )
    find(signed, ".//ds:X509Certificate").text = der_text(certificate)
    assert refused(octets_of(signed)) == ["SIG-CLE"]


DOCTYPES = {
    "dtd": b"<!DOCTYPE x>",
    "entity": b'<!DOCTYPE x [<!ENTITY a "b">]>',
    "external": b'<!DOCTYPE x SYSTEM "file:///etc/passwd">',
    "attlist": b"<!DOCTYPE x [<!ATTLIST x ID ID #IMPLIED>]>",
}


@pytest.mark.parametrize("name", DOCTYPES)
def test_doctype_is_refused(signed: etree._Element, name: str) -> None:
    assert refused(DOCTYPES[name] + octets_of(signed)) == ["XML-DTD"]


def test_entity_bomb_and_xxe_are_refused(signed: etree._Element) -> None:
    lol = "".join(f'<!ENTITY l{i} "{f"&l{i - 1};" * 10}">' for i in range(1, 20))
    bomb = f'<!DOCTYPE x [<!ENTITY l0 "lol">{lol}]>'.encode()
    assert set(refused(bomb + octets_of(signed).replace(b"899900063480</saml2:NameID", b"&l19;</saml2:NameID"))) <= {
        "XML-DTD", "XML-FORM",
    }  # fmt: skip
    xxe = b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>'
    assert set(refused(xxe + octets_of(signed).replace(b">3.0<", b">&e;<"))) <= {"XML-DTD", "XML-FORM"}


HUGE = {
    "octets": b"<a>" + b" " * LIMITS.octets + b"</a>",
    "tags": b"<a>" + b"<b/>" * LIMITS.tags + b"</a>",
    "depth": b"<a>" * 1000 + b"</a>" * 1000,
    "namespaces": b"<a "
    + b" ".join(b'xmlns:p%d="urn:%d"' % (i, i) for i in range(3000))
    + b">"
    + b"<b/>" * 5000
    + b"</a>",
    "chained namespaces": b"".join(
        b"<a " + b" ".join(b'xmlns:p%d="urn:%d.%d"' % (i, level, i) for i in range(50)) + b">" for level in range(40)
    )
    + b"<b/>" * 5000
    + b"</a>" * 40,
    "attributes": b"<a " + b" ".join(b'a%d=""' % i for i in range(25000)) + b"/>",
}


@pytest.mark.parametrize("name", HUGE)
def test_huge_input_is_refused_at_once(signed: etree._Element, name: str) -> None:
    xml = octets_of(signed).replace(b"</saml2:Subject>", HUGE[name] + b"</saml2:Subject>")
    rules = refused(xml)
    assert set(rules) <= {"XML-SIZE", "XML-TAGS", "XML-ATTRIBUTES", "XML-DEPTH", "XML-FORM", "XML-C14N"}


def test_relative_namespaces_have_no_canonical_form(signed: etree._Element) -> None:
    etree.SubElement(find(signed, "saml:Subject"), "{relative}x")
    assert refused(octets_of(signed))
