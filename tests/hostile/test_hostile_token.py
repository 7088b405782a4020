"""VIHF that were wrapped, bent, stolen or replayed, inside whole envelopes.

The attacker is a hospital with a good card and a good token on one patient; it wants the record of another. Were
the forgery believed, the answer would be AA with the other patient's name.
"""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
from assault import (
    ACK,
    DS,
    FAULT,
    OTHER,
    REGISTRY,
    SAML,
    TARGET,
    Bend,
    Forge,
    Message,
    Range,
    exclusive,
    find,
    octets_of,
    seal_token,
)
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree

from dmpws.client.scenario import HOSPITAL_DOCTOR, OTHER_DOCTOR
from dmpws.testing.local import in_air

OBJECT, SIGNATURE = f"{{{DS}}}Object", f"{{{DS}}}Signature"
Wrap = Callable[[etree._Element], bytes]
"""From a good assertion to the content of the security header."""


def forged(original: etree._Element, identifier: str = "_00000000-0000-4000-8000-000000000000") -> etree._Element:
    """The same assertion, unsigned, on the other patient."""
    evil = bare(original)
    evil.set("ID", identifier)
    [resource] = [v for v in evil.iter(f"{{{SAML}}}AttributeValue") if (v.text or "").startswith(TARGET.ins.value)]
    resource.text = resource.text.replace(TARGET.ins.value, OTHER.ins.value)
    return evil


def bare(original: etree._Element) -> etree._Element:
    copy = deepcopy(original)
    copy.remove(find(copy, "ds:Signature"))
    return copy


def signature_of(original: etree._Element) -> etree._Element:
    return deepcopy(find(original, "ds:Signature"))


def signed_by(signature: etree._Element, evil: etree._Element) -> bytes:
    """The forged assertion, carrying a signature where its own would be."""
    evil.insert(1, signature)
    return octets_of(evil)


def xsw1(original: etree._Element) -> bytes:
    """The forged root carries the signature, which envelops the original."""
    signature = signature_of(original)
    signature.append(bare(original))
    return signed_by(signature, forged(original))


def xsw2(original: etree._Element) -> bytes:
    """The forged root carries the signature, detached from the original beside it."""
    return signed_by(signature_of(original), forged(original)) + octets_of(bare(original))


def xsw3(original: etree._Element) -> bytes:
    """The forged assertion before the signed one."""
    return octets_of(forged(original)) + octets_of(original)


def xsw4(original: etree._Element) -> bytes:
    """The signed assertion inside the forged one."""
    evil = forged(original)
    evil.append(deepcopy(original))
    return octets_of(evil)


def xsw5(original: etree._Element) -> bytes:
    """The signature on the forged root, the original without it at the end of the header."""
    return (
        signed_by(signature_of(original), forged(original)) + b"<Trailer>" + octets_of(bare(original)) + b"</Trailer>"
    )


def xsw6(original: etree._Element) -> bytes:
    """The original, signed, inside the signature of the forged root."""
    signature = signature_of(original)
    etree.SubElement(signature, OBJECT).append(deepcopy(original))
    return signed_by(signature, forged(original))


def xsw7(original: etree._Element) -> bytes:
    """The forged assertion in an element nobody looks into, before the signed one."""
    return b'<Extensions xmlns="urn:x">' + octets_of(forged(original)) + b"</Extensions>" + octets_of(original)


def xsw8(original: etree._Element) -> bytes:
    """The original in an Object of the signature, and the forged root with the ID that was signed."""
    signature = signature_of(original)
    etree.SubElement(signature, OBJECT).append(bare(original))
    return signed_by(signature, forged(original, original.get("ID", "")))


def same_id_beside(original: etree._Element) -> bytes:
    """Two assertions with one ID."""
    return octets_of(forged(original, original.get("ID", ""))) + octets_of(original)


def same_id_inside(original: etree._Element) -> bytes:
    evil = forged(original, original.get("ID", ""))
    evil.append(bare(original))
    return signed_by(signature_of(original), evil)


def id_in_another_attribute(original: etree._Element) -> bytes:
    """A library that looks for Id, id or xml:id before ID would take the original for what is referenced."""
    evil, inner = forged(original, original.get("ID", "")), bare(original)
    del inner.attrib["ID"]
    inner.set("{http://www.w3.org/XML/1998/namespace}id", original.get("ID", ""))
    evil.append(inner)
    return signed_by(signature_of(original), evil)


def stripped(original: etree._Element) -> bytes:
    return octets_of(forged(original))


def moved(original: etree._Element) -> bytes:
    """The signature last, where SAML does not have it."""
    evil = bare(original)
    evil.append(signature_of(original))
    return octets_of(evil)


def altered(original: etree._Element) -> bytes:
    """Another patient under a good signature."""
    return octets_of(original).replace(TARGET.ins.value.encode(), OTHER.ins.value.encode())


def unsigned_second_attribute(original: etree._Element) -> bytes:
    """A second AttributeStatement, added after signing."""
    evil = deepcopy(original)
    evil.append(deepcopy(find(forged(original), "saml:AttributeStatement")))
    return octets_of(evil)


WRAPS: dict[Wrap, tuple[str, str]] = {
    xsw1: ("DMPAuthenticationError", "SIG-FORME"),
    xsw2: ("DMPInvalidRequest", "VIHF-NOMBRE"),
    xsw3: ("DMPInvalidRequest", "VIHF-NOMBRE"),
    xsw4: ("DMPAuthenticationError", "SIG-FORME"),
    xsw5: ("DMPAuthenticationError", "SIG-REFERENCE"),
    xsw6: ("DMPAuthenticationError", "SIG-FORME"),
    xsw8: ("DMPAuthenticationError", "SIG-FORME"),
    same_id_beside: ("DMPInvalidRequest", "VIHF-NOMBRE"),
    same_id_inside: ("DMPAuthenticationError", "SIG-ID"),
    id_in_another_attribute: ("DMPAuthenticationError", "SIG-ID"),
    stripped: ("DMPAuthenticationError", "VIHF-SIGNE"),
    moved: ("DMPAuthenticationError", "SIG-FORME"),
    altered: ("DMPAuthenticationError", "SIG-CONTENU"),
    unsigned_second_attribute: ("DMPInvalidRequest", "VIHF-DOUBLON"),
}


@pytest.mark.parametrize("wrap", WRAPS, ids=lambda wrap: wrap.__name__)
def test_wrapping_is_refused(target: Range, hospital_forge: Forge, wrap: Wrap) -> None:
    security = wrap(etree.fromstring(hospital_forge.token()))
    message = hospital_forge.existence(security, patient=OTHER)
    target.refused(message, *WRAPS[wrap])


def test_what_is_read_is_what_was_signed(target: Range, hospital_forge: Forge) -> None:
    """XSW 7: the forgery is not even seen, so the message speaks of another patient than its token."""
    message = hospital_forge.existence(xsw7(etree.fromstring(hospital_forge.token())), patient=OTHER)
    target.refused(message, "DMPInvalidRequest", "ADM-SAME", carrier=ACK)


def test_the_token_itself_is_good(target: Range, hospital_forge: Forge, forge: Forge) -> None:
    """Every refusal here is the work of what was done to it, and the prize is real."""
    target.accepted(hospital_forge.existence(hospital_forge.token()), "AA")
    reply = target.accepted(hospital_forge.existence(patient=OTHER), "AA")
    assert OTHER.traits.name.birth in reply.text
    target.accepted(forge.existence(forge.token()), "AA")


# Bent by who holds the key: only the form is wrong.


def setting(path: str, name: str, value: str) -> Bend:
    return lambda root: find(root, path).set(name, value)


def texting(path: str, text: str) -> Bend:
    def bend(root: etree._Element) -> None:
        find(root, path).text = text

    return bend


def adding(path: str, xml: str) -> Bend:
    return lambda root: find(root, path).append(etree.fromstring(f"<x>{xml}</x>")[0])


XSLT = (
    f'<Transform xmlns="{DS}" Algorithm="http://www.w3.org/TR/1999/REC-xslt-19991116"><xsl:stylesheet version="1.0" '
    'xmlns:xsl="http://www.w3.org/1999/XSL/Transform"><xsl:template match="/"><xsl:copy-of '
    "select=\"document('file:///etc/passwd')\"/></xsl:template></xsl:stylesheet></Transform>"
)
XPATH = (
    f'<Transform xmlns="{DS}" Algorithm="http://www.w3.org/TR/1999/REC-xpath-19991116"><XPath>not(self::*)</XPath>'
    "</Transform>"
)
FORMS: dict[str, tuple[Bend, str]] = {
    "XSLT": (adding(".//ds:Transforms", XSLT), "SIG-TRANSFORMS"),
    "XPath": (adding(".//ds:Transforms", XPATH), "SIG-TRANSFORMS"),
    "base64": (adding(".//ds:Transforms", f'<Transform xmlns="{DS}" Algorithm="{DS}base64"/>'), "SIG-TRANSFORMS"),
    "inclusive C14N": (
        setting(".//ds:Transform[2]", "Algorithm", "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"),
        "SIG-TRANSFORMS",
    ),
    "reference to nothing": (setting(".//ds:Reference", "URI", "#_nothing"), "SIG-REFERENCE"),
    "empty reference": (setting(".//ds:Reference", "URI", ""), "SIG-REFERENCE"),
    "reference to a file": (setting(".//ds:Reference", "URI", "file:///etc/passwd"), "SIG-REFERENCE"),
    "reference to an address": (setting(".//ds:Reference", "URI", "http://192.0.2.1/x"), "SIG-REFERENCE"),
    "XPointer": (setting(".//ds:Reference", "URI", "#xpointer(/)"), "SIG-REFERENCE"),
    "two references": (adding(".//ds:SignedInfo", f'<Reference xmlns="{DS}" URI="#x"/>'), "SIG-FORME"),
    "doubled ID": (lambda root: find(root, "saml:Subject").set("ID", root.get("ID", "")), "SIG-ID"),
    "doubled xml:id": (
        lambda root: find(root, "saml:Subject").set("{http://www.w3.org/XML/1998/namespace}id", root.get("ID", "")),
        "SIG-ID",
    ),
    "HMAC": (
        setting(".//ds:SignatureMethod", "Algorithm", "http://www.w3.org/2000/09/xmldsig#hmac-sha1"),
        "SIG-ALGO",
    ),
    "SHA-1": (setting(".//ds:SignatureMethod", "Algorithm", "http://www.w3.org/2000/09/xmldsig#rsa-sha1"), "SIG-SHA1"),
    "MD5": (setting(".//ds:DigestMethod", "Algorithm", "http://www.w3.org/2001/04/xmldsig-more#md5"), "SIG-ALGO"),
    "comment in the signature": (
        lambda root: find(root, ".//ds:SignedInfo").append(etree.Comment("x")),
        "SIG-FORME",
    ),
    "key beside the certificate": (adding(".//ds:KeyInfo", f'<KeyValue xmlns="{DS}"/>'), "SIG-KEYINFO"),
    "key elsewhere": (
        adding(".//ds:KeyInfo", f'<RetrievalMethod xmlns="{DS}" URI="http://192.0.2.1/k"/>'),
        "SIG-KEYINFO",
    ),
    "certificate nobody can load": (texting(".//ds:X509Certificate", "MIIBAAAA"), "PKI-LOAD"),
}
CERTIFICATE_RULES = {"SIG-KEYINFO", "PKI-LOAD"}


@pytest.mark.parametrize("name", FORMS)
def test_another_form_of_signature_is_refused(target: Range, hospital_forge: Forge, name: str) -> None:
    bend, rule = FORMS[name]
    root = etree.fromstring(hospital_forge.token())
    bend(root)
    message = hospital_forge.existence(seal_token(root, hospital_forge.card.signing_key))
    code = "DMPInvalidCertificate" if rule in CERTIFICATE_RULES else "DMPAuthenticationError"
    target.refused(message, code, rule)


def test_the_seal_of_the_tests_is_good(target: Range, hospital_forge: Forge) -> None:
    root = etree.fromstring(hospital_forge.token())
    assert exclusive(root)
    target.accepted(hospital_forge.existence(seal_token(root, hospital_forge.card.signing_key)), "AA")


# Comments, which exclusive C14N leaves out of what is signed


@pytest.mark.parametrize(
    ("foreign", "code", "rule"),
    [
        (b"<!-- -->", "DMPInvalidRequest", "VIHF-COMMENTAIRE"),
        (b"<?x y?>", "DMPAuthenticationError", "SIG-CONTENU"),
    ],
    ids=["comment", "instruction"],
)
@pytest.mark.parametrize(
    ("whole", "first", "rest"),
    [(b">899900063480<", b">8999", b"00063480<"), (b">499900063480001<", b">4999000634800", b"01<")],
    ids=["NameID", "structure"],
)
def test_nothing_foreign_in_a_token(
    target: Range, forge: Forge, whole: bytes, first: bytes, rest: bytes, foreign: bytes, code: str, rule: str
) -> None:
    commented = forge.token().replace(whole, first + foreign + rest)
    target.refused(forge.existence(commented), code, rule)


# Stolen, replayed, old, foreign


@dataclass(frozen=True)
class Case:
    make: Callable[[Forge], Message]
    code: str
    rule: str


def old(seconds: float) -> Callable[[Forge], Message]:
    def make(forge: Forge) -> Message:
        now = forge.app.now
        forge.app.now = now - timedelta(seconds=seconds)
        token = forge.token()
        forge.app.now = now
        return forge.existence(token)

    return make


def of_card(card: str) -> Callable[[Forge], Message]:
    """A good token of one card over the connection of another."""
    return lambda forge: replace(Forge(forge.app, card).existence(), card=forge.name)


def shown(certificate: bytes) -> Callable[[Forge], Message]:
    return lambda forge: replace(forge.existence(), certificate=certificate)


def unsorted_name(certificate: x509.Certificate) -> bytes:
    """The certificate with its multi-valued RDN in the order of old cards, which the library does not load."""
    name = certificate.subject.public_bytes()
    # The last RDN is the one with several values: a SET that reaches the end of the name.
    start = next(n for n in range(len(name)) if name[n] == 0x31 and n + 2 + name[n + 1] == len(name)) + 2
    second = start + 2 + name[start + 1]
    swapped = name[:start] + name[second:] + name[start:second]
    return certificate.public_bytes(Encoding.DER).replace(name, swapped)


STOLEN: dict[str, Case] = {
    "none": Case(lambda forge: forge.existence().with_security(), "DMPInvalidRequest", "VIHF-NOMBRE"),
    "two": Case(lambda forge: forge.existence(forge.token(), forge.token()), "DMPInvalidRequest", "VIHF-NOMBRE"),
    "something else": Case(
        lambda forge: forge.existence(b'<UsernameToken xmlns="urn:x">root</UsernameToken>'),
        "DMPInvalidRequest",
        "VIHF-NOMBRE",
    ),
    "of another card": Case(of_card("medecin-camparini"), "DMPAuthenticationError", "VIHF-NAMEID"),
    "of a structure": Case(
        lambda forge: replace(Forge(forge.app, "hopital", HOSPITAL_DOCTOR).existence(), card=forge.name),
        "DMPInvalidCertificate",
        "VIHF-TLS-GENRE",
    ),
    "of a revoked card": Case(
        lambda forge: Forge(forge.app, "medecin-revoque").existence(), "DMPInvalidCertificate", "PKI-REVOCATION"
    ),
    "of an expired card": Case(
        lambda forge: Forge(forge.app, "medecin-expire").existence(), "DMPInvalidCertificate", "PKI-VALIDITY"
    ),
    "old": Case(old(3601), "DMPAuthenticationError", "VIHF-AGE"),
    "of the future": Case(old(-61), "DMPAuthenticationError", "VIHF-FUTUR"),
    "certificate with an unsorted name": Case(
        lambda forge: shown(unsorted_name(forge.card.auth_certificate))(forge), "DMPInvalidCertificate", "PKI-LOAD"
    ),
    "unreadable certificate": Case(shown(b"0\x82\x01\x00not DER"), "DMPInvalidCertificate", "PKI-LOAD"),
    "huge": Case(lambda forge: forge.existence(forge.token(reason="x" * 300_000)), "DMPInvalidRequest", "XML-SIZE"),
    "many tags": Case(
        lambda forge: forge.existence(forge.token().replace(b"</saml2:Subject>", b"<a/>" * 5000 + b"</saml2:Subject>")),
        "DMPInvalidRequest",
        "XML-TAGS",
    ),
    "deep": Case(
        lambda forge: forge.existence(
            forge.token().replace(b"</saml2:Subject>", b"<a>" * 60 + b"</a>" * 60 + b"</saml2:Subject>")
        ),
        "DMPInvalidRequest",
        "XML-DEPTH",
    ),
}


@pytest.mark.parametrize("name", STOLEN)
def test_a_token_that_is_not_good_here_is_refused(target: Range, forge: Forge, name: str) -> None:
    case = STOLEN[name]
    target.refused(case.make(forge), case.code, case.rule)


def test_no_client_certificate_is_no_caller(target: Range, forge: Forge) -> None:
    """TLS makes it impossible in direct mode; here the connection is simply not there. It leaves a trace all the
    same, for the token says who was meant."""
    message = forge.existence().with_environ(**{"gunicorn.socket": None})
    reply = target.send(message)
    assert (reply.verdict, reply.rules[:1]) == ((FAULT, "DMPInvalidCertificate"), ["VIHF-TLS"])
    assert target.app.traces()[-1]["code"] == "DMPInvalidCertificate"


def test_an_air_token_serves_once(target: Range) -> None:
    air = Forge(target.app, "hopital", in_air(HOSPITAL_DOCTOR))
    message = air.existence(air.token())
    target.accepted(message, "AA")
    target.refused(message, "DMPAuthenticationError", "VIHF-AIR-UNIQUE")
    target.refused(message.encoded("utf-16"), "DMPAuthenticationError", "VIHF-AIR-UNIQUE")


def test_an_air_token_lives_thirty_seconds(target: Range) -> None:
    air = Forge(target.app, "hopital", in_air(HOSPITAL_DOCTOR))
    target.refused(old(31)(air), "DMPAuthenticationError", "VIHF-AIR-AGE")


# What a good token does not give


def test_another_doctor_reads_nothing(target: Range) -> None:
    other = Forge(target.app, "medecin-camparini", OTHER_DOCTOR)
    target.refused(other.search(), "DMPAuthorizationNotFound", "ADM-AUTHORISED", carrier=REGISTRY)
    target.refused(other.retrieval("1.2.3"), "DMPAuthorizationNotFound", "ADM-AUTHORISED", carrier=REGISTRY)


def test_the_query_speaks_of_the_patient_of_the_token(target: Range, forge: Forge) -> None:
    message = forge.search(forge.token(), patient=OTHER)
    target.refused(message, "XDSPatientIdDoesNotMatch", carrier=REGISTRY)


@pytest.mark.parametrize(
    "value", ["('x') OR 1=1 --')", "'; DROP TABLE trace; --", "(''') UNION SELECT content FROM trace --')", "('\\')"]
)
def test_query_parameters_are_values(target: Range, forge: Forge, value: str) -> None:
    """Refused or empty, but never executed."""
    before = target.contents()
    reply = target.send(forge.search(XDSDocumentEntryClassCode=[value]))
    assert reply.verdict[1] in ("Success", "XDSRegistryError", "XDSStoredQueryParamNumber", "XDSRegistryMetadataError")
    assert not list(reply.body.iter("{*}ExtrinsicObject"))
    assert target.contents() == before
