"""Attacks on the signature of a lot: wrapping of Manifest and SignedProperties, algorithms, keys, form."""

import hashlib
import hmac
from collections.abc import Callable
from copy import deepcopy

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from lxml import etree
from signing_lab import (
    CDA,
    DS,
    LOT,
    PDF,
    XADES,
    LotLab,
    base64_of,
    der_text,
    failed,
    find,
    message,
    octets_of,
)

from dmpws.pki.cards import Card
from dmpws.signature.canonical import canonical
from dmpws.signature.lot_form import LIMITS
from dmpws.signature.verify_lot import LotPolicy

Bend = Callable[[etree._Element], object]
FORGED = b"forged"
XSLT = (
    f'<Transforms xmlns="{DS}"><Transform Algorithm="http://www.w3.org/TR/1999/REC-xslt-19991116"><xsl:stylesheet '
    'version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform"/></Transform></Transforms>'
)
C14N = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"


def ds(name: str) -> str:
    return f"{{{DS}}}{name}"


def parent_of(element: etree._Element) -> etree._Element:
    parent = element.getparent()
    assert parent is not None
    return parent


def forged_manifest(root: etree._Element) -> etree._Element:
    """A copy of the Manifest that accepts the forged PDF."""
    manifest = deepcopy(find(root, ".//ds:Manifest"))
    digest = find(manifest, f"ds:Reference[@URI='urn:oid:{PDF}']/ds:DigestValue")
    digest.text = base64_of(hashlib.sha256(FORGED).digest())
    return manifest


# --- wrapping: the signed part is moved away, a forged one stands where it is looked for --------------------------


def second_manifest_in_an_object(root: etree._Element) -> None:
    etree.SubElement(root, ds("Object")).append(forged_manifest(root))


def second_manifest_before(root: etree._Element) -> None:
    forged = forged_manifest(root)
    forged.set("Id", "other")
    place = etree.Element(ds("Object"))
    place.append(forged)
    root.insert(3, place)


def manifest_moved_into_an_object_in_the_object(root: etree._Element) -> None:
    manifest, forged = find(root, ".//ds:Manifest"), forged_manifest(root)
    place = parent_of(manifest)
    etree.SubElement(place, ds("Object")).append(manifest)
    forged.set("Id", "other")
    place.insert(0, forged)


def manifest_moved_into_the_purpose(root: etree._Element) -> None:
    manifest, forged = find(root, ".//ds:Manifest"), forged_manifest(root)
    parent_of(manifest).append(forged)
    forged.set("Id", "other")
    find(root, ".//SignatureProperty").append(manifest)


def manifest_moved_into_key_info(root: etree._Element) -> None:
    manifest, forged = find(root, ".//ds:Manifest"), forged_manifest(root)
    parent_of(manifest).append(forged)
    del forged.attrib["Id"]
    find(root, "ds:KeyInfo").append(manifest)


def manifest_swapped_for_one_in_another_namespace(root: etree._Element) -> None:
    manifest = find(root, ".//ds:Manifest")
    forged = etree.fromstring(octets_of(forged_manifest(root)).replace(DS.encode(), b"urn:x"))
    parent_of(manifest).append(forged)
    find(root, ".//SignatureProperty").append(manifest)


def manifest_with_the_identifier_in_another_attribute(root: etree._Element) -> None:
    manifest, forged = find(root, ".//ds:Manifest"), forged_manifest(root)
    forged.attrib.pop("Id")
    forged.set("ID", "IHEManifest")
    parent_of(manifest).append(forged)


def properties_outside(root: etree._Element) -> None:
    properties = find(root, ".//xades:SignedProperties")
    etree.SubElement(root, ds("Object")).append(properties)


def second_properties(root: etree._Element) -> None:
    properties = find(root, ".//xades:SignedProperties")
    forged = deepcopy(properties)
    forged.set("Id", "other")
    find(forged, ".//xades:SigningTime").text = "2026-11-21T00:00:00Z"
    parent_of(properties).insert(0, forged)


def second_qualifying_properties(root: etree._Element) -> None:
    qualifying = find(root, ".//xades:QualifyingProperties")
    forged = deepcopy(qualifying)
    find(forged, ".//xades:SigningTime").text = "2026-11-21T00:00:00Z"
    parent_of(qualifying).insert(0, forged)


def unsigned_properties(root: etree._Element) -> None:
    etree.SubElement(find(root, ".//xades:QualifyingProperties"), f"{{{XADES}}}UnsignedProperties")


def nested_signature(root: etree._Element) -> None:
    etree.SubElement(root, ds("Object")).append(deepcopy(root))


def signature_below_another_root(root: etree._Element) -> None:
    inner = deepcopy(root)
    for child in list(root):
        root.remove(child)
    root.tag = ds("Object")
    root.append(inner)


def id_on_another_element(root: etree._Element) -> None:
    find(root, ".//ds:KeyInfo").set("Id", "IHEManifest")


def id_behind_a_hash(root: etree._Element) -> None:
    """signxml strips every # of a URI: ##IHEManifest would be found as IHEManifest."""
    find(root, ".//ds:Manifest").set("Id", "#IHEManifest")
    find(root, ".//ds:KeyInfo").set("Id", "IHEManifest")
    find(root, "ds:SignedInfo/ds:Reference").set("URI", "##IHEManifest")


WRAPPINGS = {
    second_manifest_in_an_object: {"LOT-FORME", "LOT-ID"},
    second_manifest_before: {"LOT-FORME", "LOT-ID"},
    manifest_moved_into_an_object_in_the_object: {"LOT-FORME"},
    manifest_moved_into_the_purpose: {"LOT-FORME"},
    manifest_moved_into_key_info: {"LOT-FORME"},
    manifest_swapped_for_one_in_another_namespace: {"LOT-FORME", "LOT-ID"},
    manifest_with_the_identifier_in_another_attribute: {"LOT-FORME", "LOT-ID"},
    properties_outside: {"LOT-FORME"},
    second_properties: {"LOT-FORME"},
    second_qualifying_properties: {"LOT-FORME", "LOT-ID"},
    unsigned_properties: {"LOT-FORME"},
    nested_signature: {"LOT-FORME", "LOT-ID"},
    signature_below_another_root: {"LOT-FORME", "LOT-ID"},
    id_on_another_element: {"LOT-ID"},
    id_behind_a_hash: {"LOT-VALEUR", "LOT-CONTENU"},
}


@pytest.mark.parametrize("wrap", WRAPPINGS, ids=lambda wrap: wrap.__name__)
def test_wrapping_is_refused(lot: LotLab, wrap: Bend) -> None:
    root = lot.tree()
    lot.documents[PDF] = FORGED
    wrap(root)
    rules = {rule for rule in failed(lot.refused(octets_of(root))) if rule.startswith("LOT-")}
    assert rules
    assert rules <= WRAPPINGS[wrap]


# --- forms the right key may sign, and that are refused all the same ----------------------------------------------


def setting(path: str, name: str, value: str) -> Bend:
    return lambda root: find(root, path).set(name, value)


def text(path: str, value: str) -> Bend:
    return lambda root: setattr(find(root, path), "text", value)


def removing(path: str) -> Bend:
    return lambda root: parent_of(find(root, path)).remove(find(root, path))


def adding(path: str, xml: str, *, first: bool = False) -> Bend:
    def bend(root: etree._Element) -> None:
        parent = find(root, path)
        parent.insert(0 if first else len(parent), etree.fromstring(f"<x>{xml}</x>")[0])

    return bend


def doubling(path: str) -> Bend:
    return lambda root: parent_of(find(root, path)).append(deepcopy(find(root, path)))


REFERENCE = f'<Reference xmlns="{DS}" URI="%s"/>'
IN_INFO = "ds:SignedInfo/ds:Reference"
IN_MANIFEST = ".//ds:Manifest/ds:Reference"
OF_CDA = f"{IN_MANIFEST}[@URI='urn:oid:{CDA}']"
CERT = ".//xades:SigningCertificate/xades:Cert"
FORMS: dict[str, tuple[Bend, str]] = {
    "no id": (lambda r: r.attrib.pop("Id"), "LOT-FORME"),
    "comment": (adding(".//ds:Manifest", "<!-- x -->"), "LOT-FORME"),
    "comment in a digest": (adding(f"{IN_MANIFEST}/ds:DigestValue", "<!-- x -->"), "LOT-FORME"),
    "instruction": (adding(".", "<?x y?>"), "LOT-FORME"),
    "xml attribute": (setting(".", "{http://www.w3.org/XML/1998/namespace}lang", "fr"), "LOT-FORME"),
    "xml id": (setting(".//ds:Manifest", "{http://www.w3.org/XML/1998/namespace}id", "x"), "LOT-FORME"),
    "empty object": (lambda r: r[3].clear(), "LOT-FORME"),
    "foreign content": (adding("ds:Object", "<y xmlns='urn:x'/>"), "LOT-FORME"),
    "no manifest": (removing(".//ds:Manifest"), "LOT-FORME"),
    "no properties": (removing(".//xades:QualifyingProperties"), "LOT-FORME"),
    "no key info": (removing("ds:KeyInfo"), "LOT-FORME"),
    "one reference": (removing(IN_INFO), "LOT-FORME"),
    "three references": (adding("ds:SignedInfo", REFERENCE % "#x"), "LOT-FORME"),
    "the manifest twice": (
        lambda r: find(r, f"{IN_INFO}[2]").attrib.update(find(r, IN_INFO).attrib),
        "LOT-REFERENCES",
    ),
    "reference to nothing": (setting(IN_INFO, "URI", "#nothing"), "LOT-REFERENCES"),
    "reference to the whole": (setting(IN_INFO, "URI", ""), "LOT-REFERENCES"),
    "reference to the purpose": (setting(IN_INFO, "URI", "#purposeOfSignature"), "LOT-REFERENCES"),
    "reference outside": (setting(IN_INFO, "URI", "https://example.invalid"), "LOT-REFERENCES"),
    "reference without type": (lambda r: find(r, IN_INFO).attrib.pop("Type"), "LOT-REFERENCES"),
    "object type": (setting(IN_INFO, "Type", DS + "Object"), "LOT-REFERENCES"),
    "xslt on the manifest": (adding(IN_INFO, XSLT, first=True), "LOT-REFERENCES"),
    "exclusive c14n on the manifest": (
        adding(
            IN_INFO,
            XSLT.replace("http://www.w3.org/TR/1999/REC-xslt-19991116", "http://www.w3.org/2001/10/xml-exc-c14n#"),
            first=True,
        ),
        "LOT-REFERENCES",
    ),
    "manifest without id": (lambda r: find(r, ".//ds:Manifest").attrib.pop("Id"), "LOT-REFERENCES"),
    "c14n 1.1": (
        setting(".//ds:CanonicalizationMethod", "Algorithm", "http://www.w3.org/2006/12/xml-c14n11"),
        "LOT-ALGO",
    ),
    "exclusive signed info": (
        setting(".//ds:CanonicalizationMethod", "Algorithm", "http://www.w3.org/2001/10/xml-exc-c14n#"),
        "LOT-ALGO",
    ),
    "rsa-md5": (
        setting(".//ds:SignatureMethod", "Algorithm", "http://www.w3.org/2001/04/xmldsig-more#rsa-md5"),
        "LOT-ALGO",
    ),
    "sha512": (
        setting(f"{IN_INFO}/ds:DigestMethod", "Algorithm", "http://www.w3.org/2001/04/xmlenc#sha512"),
        "LOT-ALGO",
    ),
    "odd sha256 elsewhere": (setting(f"{IN_INFO}/ds:DigestMethod", "Algorithm", DS + "sha256"), "LOT-ALGO"),
    "key value": (adding("ds:KeyInfo", f'<KeyValue xmlns="{DS}"/>', first=True), "LOT-KEYINFO"),
    "key name": (adding("ds:KeyInfo", f'<KeyName xmlns="{DS}">x</KeyName>'), "LOT-KEYINFO"),
    "retrieval method": (adding("ds:KeyInfo", f'<RetrievalMethod xmlns="{DS}" URI="#k"/>'), "LOT-KEYINFO"),
    "two certificates": (doubling(".//ds:X509Certificate"), "LOT-KEYINFO"),
    "wrong target": (setting(".//xades:QualifyingProperties", "Target", "#x"), "LOT-TARGET"),
    "no target": (lambda r: find(r, ".//xades:QualifyingProperties").attrib.pop("Target"), "LOT-TARGET"),
    "wrong target of purpose": (setting(".//SignatureProperty", "Target", "#x"), "LOT-TARGET"),
    "other purpose": (text(".//SignatureProperty", "1.2.840.10065.1.12.1.5"), "LOT-PURPOSE"),
    "no purpose": (removing(".//SignatureProperty"), "LOT-PURPOSE"),
    "xslt on a document": (adding(f"{IN_MANIFEST}[last()]", XSLT, first=True), "LOT-MANIFEST"),
    "xpath on a document": (
        setting(f"{IN_MANIFEST}//ds:Transform", "Algorithm", "http://www.w3.org/TR/1999/REC-xpath-19991116"),
        "LOT-MANIFEST",
    ),
    "base64 on a document": (setting(f"{IN_MANIFEST}//ds:Transform", "Algorithm", DS + "base64"), "LOT-MANIFEST"),
    "two transforms": (doubling(f"{IN_MANIFEST}//ds:Transform"), "LOT-MANIFEST"),
    "no transform": (removing(f"{IN_MANIFEST}//ds:Transform"), "LOT-MANIFEST"),
    "a document twice": (doubling(OF_CDA), "LOT-MANIFEST"),
    "the lot twice": (doubling(IN_MANIFEST), "LOT-MANIFEST"),
    "nested manifest content": (adding(".//ds:Manifest", f'<KeyName xmlns="{DS}"/>'), "LOT-MANIFEST"),
    "no digest": (removing(f"{OF_CDA}/ds:DigestValue"), "LOT-MANIFEST"),
    "empty digest": (text(f"{OF_CDA}/ds:DigestValue", ""), "LOT-MANIFEST"),
    "digest that is not base64": (text(f"{OF_CDA}/ds:DigestValue", "@@@@"), "LOT-MANIFEST"),
    "unknown digest": (setting(f"{OF_CDA}/ds:DigestMethod", "Algorithm", "urn:x"), "LOT-MANIFEST"),
    "transform on the lot": (
        adding(IN_MANIFEST, f'<Transforms xmlns="{DS}"><Transform Algorithm="{C14N}"/></Transforms>', first=True),
        "LOT-LOT",
    ),
    "no lot": (removing(IN_MANIFEST), "LOT-LOT"),
    "unsigned document": (removing(f"{IN_MANIFEST}[last()]"), "LOT-DOCUMENTS"),
    "one document too many": (
        adding(
            ".//ds:Manifest",
            f'<Reference xmlns="{DS}" URI="urn:oid:1.2.3"><DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/>'
            "<DigestValue>AA==</DigestValue></Reference>",
        ),
        "LOT-DOCUMENTS",
    ),
    "identifier without urn:oid": (setting(OF_CDA, "URI", CDA), "LOT-DOCUMENTS"),
    "empty URI": (setting(OF_CDA, "URI", ""), "LOT-DOCUMENTS"),
    "URI of a file": (setting(OF_CDA, "URI", "file:///etc/passwd"), "LOT-DOCUMENTS"),
    "no signing certificate": (removing(".//xades:SigningCertificate"), "LOT-CERTIFICAT"),
    "other certificate first": (removing(CERT), "LOT-CERTIFICAT"),
    "other digest of the certificate": (text(f"{CERT}/xades:CertDigest/xades:DigestValue", "AA=="), "LOT-CERTIFICAT"),
    "unknown digest of the certificate": (
        setting(f"{CERT}/xades:CertDigest/xades:DigestMethod", "Algorithm", "urn:x"),
        "LOT-CERTIFICAT",
    ),
    "other serial": (text(f"{CERT}//ds:X509SerialNumber", "1"), "LOT-CERTIFICAT"),
    "serial of a million digits": (text(f"{CERT}//ds:X509SerialNumber", "1" * 1000), "LOT-CERTIFICAT"),
    "other issuer": (text(f"{CERT}//ds:X509IssuerName", "CN=x,C=FR"), "LOT-CERTIFICAT"),
    "unreadable issuer": (text(f"{CERT}//ds:X509IssuerName", "x"), "LOT-CERTIFICAT"),
    "no signing time": (removing(".//xades:SigningTime"), "LOT-SIGNINGTIME"),
}
FOLLOWED_BY = {"LOT-MANIFEST": {"LOT-LOT", "LOT-DOCUMENTS"}, "LOT-KEYINFO": set(), "LOT-LOT": {"LOT-DOCUMENTS"}}
"""What a fault of form brings with it, because nothing is hidden."""


@pytest.mark.parametrize("name", FORMS)
def test_any_other_form_is_refused_by_name(lot: LotLab, name: str) -> None:
    """Signed again by the right key, so that the form alone is refused."""
    bend, rule = FORMS[name]
    root = lot.tree()
    bend(root)
    try:
        xml = lot.seal(root)
    except AssertionError:  # there is nothing left to seal
        xml = octets_of(root)
    rules = failed(lot.refused(xml, policy=LotPolicy(sha1_allowed=True)))
    assert rule in rules
    assert set(rules) - {rule} <= FOLLOWED_BY.get(rule, set())


# --- keys and algorithms -------------------------------------------------------------------------------------------


def test_changed_parts_are_named(lot: LotLab) -> None:
    root = lot.tree()
    find(root, ".//xades:SigningTime").text = "2026-11-21T12:00:01Z"
    report = lot.refused(octets_of(root))
    assert failed(report) == ["LOT-CONTENU"]
    assert "Contenu modifié après signature" in message(report, "LOT-CONTENU")
    assert next(c.where for c in report.failures) == "#S0-SignedProperties"
    root = lot.tree()
    find(root, OF_CDA + "/ds:DigestValue").text = base64_of(b"\0" * 32)
    assert next(c.where for c in lot.refused(octets_of(root)).failures) == "#IHEManifest"


def test_a_signature_by_another_key_is_refused(lot: LotLab, other_card: Card) -> None:
    root = lot.tree()
    value = etree.fromstring(lot.sign(card=other_card))
    find(root, "ds:SignatureValue").text = find(value, "ds:SignatureValue").text
    assert failed(lot.refused(octets_of(root))) == ["LOT-VALEUR"]


def test_another_certificate_in_key_info_is_refused(lot: LotLab, other_card: Card) -> None:
    root = lot.tree()
    find(root, ".//ds:X509Certificate").text = der_text(other_card.signing_certificate)
    assert failed(lot.refused(octets_of(root))) == ["LOT-SIGNATAIRE", "LOT-VALEUR"]


def test_a_certificate_that_is_not_the_one_of_the_properties_is_refused(lot: LotLab, other_card: Card) -> None:
    """Two certificates may hold one key: SigningCertificate says which one signed."""
    lot.card = other_card
    root = lot.tree()
    first = find(root, CERT)
    parent_of(first).insert(0, deepcopy(parent_of(first)[1]))
    assert failed(lot.refused(lot.seal(root))) == ["LOT-SIGNATAIRE", "LOT-CERTIFICAT"]


def test_public_key_as_hmac_secret_is_refused(lot: LotLab) -> None:
    root = lot.tree()
    find(root, ".//ds:SignatureMethod").set("Algorithm", "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256")
    public = lot.card.signing_certificate.public_key()
    secret = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    value = hmac.new(secret, canonical(find(root, "ds:SignedInfo")), hashlib.sha256).digest()
    find(root, "ds:SignatureValue").text = base64_of(value)
    assert failed(lot.refused(octets_of(root))) == ["LOT-ALGO"]


@pytest.mark.parametrize("part", ["ds:SignatureMethod", "ds:Reference/ds:DigestMethod"])
def test_naming_sha1_does_not_downgrade(lot: LotLab, part: str) -> None:
    root = lot.tree()
    find(root, f"ds:SignedInfo/{part}").set("Algorithm", DS + ("rsa-sha1" if "Signature" in part else "sha1"))
    assert failed(lot.refused(octets_of(root))) == ["LOT-SHA1", "LOT-VALEUR"]
    assert failed(lot.refused(octets_of(root), policy=LotPolicy(sha1_allowed=True))) == ["LOT-VALEUR"]


# --- octets that are not a lot signature ---------------------------------------------------------------------------

OCTETS = {
    "nothing": b"",
    "text": b"PK\x03\x04",
    "dtd": b"<!DOCTYPE x><x/>",
    "entity": b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><x>&e;</x>',
    "not utf-8": b"<x>\xe9</x>",
    "truncated": b"<Signature xmlns='http://www.w3.org/2000/09/xmldsig#'>",
    "too large": b"<x>" + b" " * LIMITS.octets + b"</x>",
    "too many tags": b"<x>" + b"<y/>" * LIMITS.tags + b"</x>",
    "too deep": b"<x>" * 500 + b"</x>" * 500,
    "slow": b"<x " + b" ".join(b'xmlns:p%d="urn:%d"' % (i, i) for i in range(9000)) + b">" + b"<y/>" * 9000 + b"</x>",
    "crowded": b"<x " + b" ".join(b'a%d=""' % i for i in range(50000)) + b"/>",
}


@pytest.mark.parametrize("name", OCTETS)
def test_octets_that_are_no_signature_are_refused_at_once(lot: LotLab, name: str) -> None:
    report = lot.refused(OCTETS[name])
    assert failed(report) == ["LOT-XML"]
    assert report.failures[0].rule.code == "XDSRegistryMetadataError"


@pytest.mark.parametrize(
    "octets", [b"<x/>", b"<Signature/>", b"<Signature xmlns='http://www.w3.org/2000/09/xmldsig#' Id='x'/>"]
)
def test_xml_that_is_no_signature_is_refused(lot: LotLab, octets: bytes) -> None:
    assert failed(lot.refused(octets)) == ["LOT-FORME"]


def test_a_signature_for_another_lot_is_refused(lot: LotLab) -> None:
    """Replay of a good signature: everything in it is good, nothing of it is of this lot."""
    signature = lot.sign()
    lot.documents = {"1.2.3.4": b"other"}
    assert failed(lot.refused(signature, submission_set_unique_id="1.2.3")) == ["LOT-LOT", "LOT-DOCUMENTS"]
    assert LOT in message(lot.refused(signature, submission_set_unique_id="1.2.3"), "LOT-DOCUMENTS")


def test_unused_namespaces_around_belong_to_the_signed_form(lot: LotLab) -> None:
    """Inclusive C14N imports what is in scope: a declaration added afterwards changes every digest."""
    xml = lot.sign().replace(b"<Signature ", b'<Signature xmlns:added="urn:x" ', 1)
    assert failed(lot.refused(xml)) == ["LOT-VALEUR"]
    assert lot.examine(lot.seal(etree.fromstring(xml)))[1] is not None
