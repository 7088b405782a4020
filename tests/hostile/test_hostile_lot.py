"""Lots whose signature was wrapped or bent, and documents made to hurt, inside whole TD2.1 packages.

The attacker wants another document, or another moment, under a good signature: the signed Manifest and
SignedProperties are still there, and something else stands where they are looked for.
"""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from assault import (
    CANARY,
    DS,
    NS,
    REGISTRY,
    TARGET,
    XADES,
    Bend,
    Forge,
    Range,
    find,
    octets_of,
    seal_lot,
    signature_of,
    with_signature,
)
from lxml import etree

from dmpws.client import Deposit, Lot
from dmpws.signature.make_lot import sign_lot
from dmpws.testing.local import LocalApp

OBJECT = f"{{{DS}}}Object"


def refused(range_: Range, forge: Forge, lot: Lot, code: str, rule: str) -> None:
    range_.refused(forge.deposit(lot), code, rule, carrier=REGISTRY)


# Wrapping: the signature value stays the signer's own, nothing is sealed again.


def object_of(root: etree._Element, path: str) -> etree._Element:
    parent = find(root, path).getparent()
    assert parent is not None
    return parent


def forged_manifest(root: etree._Element) -> etree._Element:
    """The Manifest of another document."""
    evil = deepcopy(find(root, ".//ds:Manifest"))
    find(evil, "ds:Reference[2]/ds:DigestValue").text = "A" * 43 + "="
    return evil


def forged_properties(root: etree._Element) -> etree._Element:
    """The properties of another moment."""
    evil = deepcopy(find(root, ".//xades:QualifyingProperties"))
    find(evil, ".//xades:SigningTime").text = "2026-11-21T11:00:00.000+00:00"
    return evil


def manifest_beside(root: etree._Element) -> None:
    """A forged Manifest with the same Id before the signed one, in an Object of its own."""
    evil = etree.Element(OBJECT)
    evil.append(forged_manifest(root))
    root.insert(3, evil)


def manifest_in_the_same_object(root: etree._Element) -> None:
    object_of(root, ".//ds:Manifest").insert(0, forged_manifest(root))


def manifest_renamed(root: etree._Element) -> None:
    """The forged Manifest where it is looked for, the signed one moved into the SignatureProperties."""
    signed, evil = find(root, ".//ds:Manifest"), forged_manifest(root)
    evil.set("Id", "Other")
    object_of(root, ".//ds:Manifest").replace(signed, evil)
    find(root, ".//SignatureProperty").append(signed)


def manifest_same_id(root: etree._Element) -> None:
    manifest_renamed(root)
    find(root, "ds:Object/ds:Manifest").set("Id", "IHEManifest")


def manifest_in_key_info(root: etree._Element) -> None:
    signed, evil = find(root, ".//ds:Manifest"), forged_manifest(root)
    object_of(root, ".//ds:Manifest").replace(signed, evil)
    find(root, "ds:KeyInfo").append(signed)


def manifest_in_manifest(root: etree._Element) -> None:
    """The signed Manifest inside the forged one."""
    signed, evil = find(root, ".//ds:Manifest"), forged_manifest(root)
    evil.set("Id", "Other")
    object_of(root, ".//ds:Manifest").replace(signed, evil)
    evil.append(signed)


def signature_in_signature(root: etree._Element) -> etree._Element:
    """A forged Signature whose Object holds the whole good one."""
    evil = deepcopy(root)
    object_of(evil, ".//ds:Manifest").replace(find(evil, ".//ds:Manifest"), forged_manifest(root))
    etree.SubElement(evil, OBJECT).append(deepcopy(root))
    return evil


def signature_in_wrapper(root: etree._Element) -> etree._Element:
    wrapper = etree.Element("Wrapper")
    wrapper.append(deepcopy(root))
    return wrapper


def properties_beside(root: etree._Element) -> None:
    evil = etree.Element(OBJECT)
    evil.append(forged_properties(root))
    root.insert(3, evil)


def properties_renamed(root: etree._Element) -> None:
    """The forged properties where they are looked for, under another Id; the signed ones in an Object of their own."""
    signed, evil = find(root, ".//xades:QualifyingProperties"), forged_properties(root)
    find(evil, "xades:SignedProperties").set("Id", "Other")
    object_of(root, ".//xades:QualifyingProperties").replace(signed, evil)
    etree.SubElement(root, OBJECT).append(signed)


def properties_inside(root: etree._Element) -> None:
    """The signed SignedProperties in UnsignedProperties of the forged ones."""
    signed, evil = find(root, ".//xades:QualifyingProperties"), forged_properties(root)
    object_of(root, ".//xades:QualifyingProperties").replace(signed, evil)
    etree.SubElement(evil, f"{{{XADES}}}UnsignedProperties").append(find(signed, "xades:SignedProperties"))


def properties_twice(root: etree._Element) -> None:
    qualifying = find(root, ".//xades:QualifyingProperties")
    qualifying.insert(0, find(forged_properties(root), "xades:SignedProperties"))


def references_swapped(root: etree._Element) -> None:
    """The reference typed Manifest points to the properties, and the other way round."""
    first, second = root.findall("ds:SignedInfo/ds:Reference", NS)
    uri = first.get("URI", "")
    first.set("URI", second.get("URI", ""))
    second.set("URI", uri)


def manifest_changed(root: etree._Element) -> None:
    find(root, ".//ds:Manifest/ds:Reference[2]/ds:DigestValue").text = "A" * 43 + "="


def time_changed(root: etree._Element) -> None:
    find(root, ".//xades:SigningTime").text = "2026-11-21T11:00:00.000+00:00"


WRAPS: dict[Callable[[etree._Element], etree._Element | None], str] = {
    manifest_beside: "LOT-ID",
    manifest_in_the_same_object: "LOT-ID",
    manifest_renamed: "LOT-FORME",
    manifest_same_id: "LOT-ID",
    manifest_in_key_info: "LOT-ID",
    manifest_in_manifest: "LOT-FORME",
    signature_in_signature: "LOT-ID",
    signature_in_wrapper: "LOT-FORME",
    properties_beside: "LOT-ID",
    properties_renamed: "LOT-FORME",
    properties_inside: "LOT-ID",
    properties_twice: "LOT-ID",
    references_swapped: "LOT-REFERENCES",
    manifest_changed: "LOT-CONTENU",
    time_changed: "LOT-CONTENU",
}


@pytest.mark.parametrize("wrap", WRAPS, ids=lambda wrap: wrap.__name__)
def test_wrapping_is_refused(target: Range, forge: Forge, wrap: Any) -> None:
    lot = forge.lot()
    root = signature_of(lot)
    wrapped = wrap(root)
    octets = octets_of(root if wrapped is None else wrapped)
    refused(target, forge, with_signature(lot, octets), "XDSRegistryMetadataError", WRAPS[wrap])


# Bent by who holds the key: signed again, only the form is wrong.


def setting(path: str, name: str, value: str) -> Bend:
    return lambda root: find(root, path).set(name, value)


def adding(path: str, xml: str, at: int = 0) -> Bend:
    return lambda root: find(root, path).insert(at, etree.fromstring(f"<x>{xml}</x>")[0])


def transform(algorithm: str, content: str = "") -> str:
    return f'<Transforms xmlns="{DS}"><Transform Algorithm="{algorithm}">{content}</Transform></Transforms>'


STYLE = (
    '<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform"><xsl:template match="/">'
    "<xsl:copy-of select=\"document('file:///etc/passwd')\"/></xsl:template></xsl:stylesheet>"
)
XSLT = "http://www.w3.org/TR/1999/REC-xslt-19991116"
XPATH = "http://www.w3.org/TR/1999/REC-xpath-19991116"
MANIFEST_REFERENCE = "ds:SignedInfo/ds:Reference"
DOCUMENT_TRANSFORM = ".//ds:Manifest/ds:Reference[2]/ds:Transforms/ds:Transform"


@dataclass(frozen=True)
class Form:
    bend: Bend
    rule: str
    code: str = "XDSRegistryMetadataError"


def certificate(text: str) -> Bend:
    def bend(root: etree._Element) -> None:
        find(root, ".//ds:X509Certificate").text = text

    return bend


FORMS: dict[str, Form] = {
    "XSLT on the Manifest": Form(adding(MANIFEST_REFERENCE, transform(XSLT, STYLE)), "LOT-REFERENCES"),
    "XPath on the Manifest": Form(adding(MANIFEST_REFERENCE, transform(XPATH)), "LOT-REFERENCES"),
    "XSLT on the properties": Form(adding(f"{MANIFEST_REFERENCE}[2]", transform(XSLT, STYLE)), "LOT-REFERENCES"),
    "XSLT on a document": Form(setting(DOCUMENT_TRANSFORM, "Algorithm", XSLT), "LOT-MANIFEST"),
    "XSLT inside a transform": Form(adding(DOCUMENT_TRANSFORM, STYLE), "LOT-MANIFEST"),
    "XPath on a document": Form(setting(DOCUMENT_TRANSFORM, "Algorithm", XPATH), "LOT-MANIFEST"),
    "base64 on a document": Form(setting(DOCUMENT_TRANSFORM, "Algorithm", f"{DS}base64"), "LOT-MANIFEST"),
    "reference to nothing": Form(setting(MANIFEST_REFERENCE, "URI", "#nothing"), "LOT-REFERENCES"),
    "reference to everything": Form(setting(MANIFEST_REFERENCE, "URI", ""), "LOT-REFERENCES"),
    "reference to a file": Form(setting(MANIFEST_REFERENCE, "URI", "file:///etc/passwd"), "LOT-REFERENCES"),
    "reference to an address": Form(setting(MANIFEST_REFERENCE, "URI", "http://192.0.2.1/x"), "LOT-REFERENCES"),
    "XPointer": Form(setting(MANIFEST_REFERENCE, "URI", "#xpointer(id('IHEManifest'))"), "LOT-REFERENCES"),
    "reference without type": Form(setting(MANIFEST_REFERENCE, "Type", ""), "LOT-REFERENCES"),
    "third reference": Form(adding("ds:SignedInfo", f'<Reference xmlns="{DS}" URI="#x"/>', 9), "LOT-FORME"),
    "document by file": Form(setting(".//ds:Manifest/ds:Reference[2]", "URI", "file:///etc/passwd"), "LOT-DOCUMENTS"),
    "document of nobody": Form(setting(".//ds:Manifest/ds:Reference[2]", "URI", "urn:oid:1.2.3"), "LOT-DOCUMENTS"),
    "doubled Id": Form(setting(".//xades:SignedProperties", "Id", "IHEManifest"), "LOT-ID"),
    "doubled xml:id": Form(setting("ds:KeyInfo", "{http://www.w3.org/XML/1998/namespace}id", "IHEManifest"), "LOT-ID"),
    "comment in a digest": Form(
        lambda root: find(root, ".//ds:Manifest/ds:Reference[2]/ds:DigestValue").append(etree.Comment("x")),
        "LOT-FORME",
    ),
    "comment in the time": Form(
        lambda root: find(root, ".//xades:SigningTime").append(etree.Comment("x")), "LOT-FORME"
    ),
    "SHA-1": Form(
        setting(".//ds:SignatureMethod", "Algorithm", "http://www.w3.org/2000/09/xmldsig#rsa-sha1"), "LOT-SHA1"
    ),
    "HMAC": Form(
        setting(".//ds:SignatureMethod", "Algorithm", "http://www.w3.org/2000/09/xmldsig#hmac-sha1"), "LOT-ALGO"
    ),
    "key beside the certificate": Form(
        adding("ds:KeyInfo", f'<KeyValue xmlns="{DS}"/>'), "LOT-KEYINFO", "DMPInvalidCertificate"
    ),
    "certificate nobody can load": Form(certificate("MIIBAAAA"), "PKI-LOAD", "DMPInvalidCertificate"),
}


@pytest.mark.parametrize("name", FORMS)
def test_another_form_of_signature_is_refused(target: Range, forge: Forge, name: str) -> None:
    lot, form = forge.lot(), FORMS[name]
    root = signature_of(lot)
    form.bend(root)
    octets = seal_lot(root, forge.card.signing_key)
    refused(target, forge, with_signature(lot, octets), form.code, form.rule)


def test_another_signer_is_refused(target: Range, forge: Forge) -> None:
    """A whole, good signature, by the card of somebody else."""
    camparini = target.app.pki.card("medecin-camparini")
    lot = forge.session.build_lot(TARGET.ins, [Deposit(forge.document())], signer=camparini)
    refused(target, forge, lot, "DMPInvalidCertificate", "LOT-SIGNATAIRE")


# Documents and signature documents made to hurt

BILLION = '<!ENTITY l0 "lol">' + "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12))
SPACES = " ".join(f'xmlns:p{n}="urn:{n}"' for n in range(1500))
SLOW = f"<a {SPACES}>{'<b/>' * 4000}</a>"


def hurtful(canary: str) -> dict[str, bytes]:
    """What is put before the root, or instead of the document."""
    return {
        "DTD": b"<!DOCTYPE a>",
        "entity": b'<!DOCTYPE a [<!ENTITY x "y">]>',
        "external entity": f'<!DOCTYPE a [<!ENTITY x SYSTEM "{canary}">]>'.encode(),
        "parameter entity": f'<!DOCTYPE a [<!ENTITY % x SYSTEM "{canary}"> %x;]>'.encode(),
        "external DTD": b'<!DOCTYPE a SYSTEM "http://192.0.2.1/x.dtd">',
    }


@pytest.mark.parametrize("name", hurtful(""))
def test_a_doctype_is_refused_in_the_signature(target: Range, forge: Forge, canary: Path, name: str) -> None:
    lot = forge.lot()
    *_, octets = lot.attachments.values()
    bent = hurtful(canary.as_uri())[name] + octets.read()
    refused(target, forge, with_signature(lot, bent), "XDSRegistryMetadataError", "LOT-XML")


SIGNATURES: dict[str, bytes] = {
    "bomb": f"<!DOCTYPE a [{BILLION}]><a>&l11;</a>".encode(),
    "not XML": b"%PDF-1.4",
    "empty": b"",
    "not UTF-8": b"<Signature>\xff</Signature>",
    "UTF-7": b'<?xml version="1.0" encoding="UTF-7"?>+ADw-Signature/+AD4-',
    "slow": SLOW.encode(),
    "slow, UTF-16": SLOW.encode("utf-16"),
    "slow, UTF-32": SLOW.encode("utf-32"),
    "deep": b"<a>" * 500 + b"</a>" * 500,
    "wide": b"<a>" + b"<b/>" * 30_000 + b"</a>",
    "large": b"<a>" + b" " * 2_000_000 + b"</a>",
}


@pytest.mark.parametrize("name", SIGNATURES)
def test_a_signature_made_to_hurt_is_refused(target: Range, forge: Forge, name: str) -> None:
    lot = with_signature(forge.lot(), SIGNATURES[name])
    refused(target, forge, lot, "XDSRegistryMetadataError", "LOT-XML")


def with_octets(forge: Forge, octets: bytes, *, transformed: bool = False) -> Lot:
    """A lot whose document is `octets`, signed as octets; or, transformed, under a signature that announces C14N."""
    lot = forge.lot()
    if not transformed:
        signature = sign_lot(
            signature_id=lot.signature_id,
            submission_set_unique_id=lot.unique_id,
            documents=[(lot.document_ids[0], octets, False)],
            card=forge.card,
            signing_time=forge.app.now,
        )
        lot = with_signature(lot, signature)
    return lot.with_document(0, octets)


@pytest.mark.parametrize("name", hurtful(""))
@pytest.mark.parametrize("transformed", [False, True], ids=["octets", "C14N"])
def test_a_doctype_is_refused_in_a_document(
    target: Range, forge: Forge, canary: Path, name: str, transformed: bool
) -> None:
    cda = forge.document().to_xml().replace(b"?>", b"?>" + hurtful(canary.as_uri())[name], 1)
    lot = with_octets(forge, cda, transformed=transformed)
    refused(target, forge, lot, "XDSRepositoryMetadataError", "CDA-FORM")


def test_an_entity_of_a_document_is_not_read(target: Range, forge: Forge, canary: Path) -> None:
    assert canary.read_text() == CANARY
    cda = forge.document(title="TITRE").to_xml()
    cda = cda.replace(b"?>", b"?>" + hurtful(canary.as_uri())["external entity"], 1).replace(b">TITRE<", b">&x;<")
    refused(target, forge, with_octets(forge, cda), "XDSRepositoryMetadataError", "CDA-FORM")


DOCUMENTS: dict[str, tuple[bytes, str]] = {
    "bomb": (f"<!DOCTYPE a [{BILLION}]><a>&l11;</a>".encode(), "CDA-FORM"),
    "not XML": (b"%PDF-1.4", "CDA-FORM"),
    "empty": (b"", "CDA-FORM"),
    "not UTF-8": (b"<ClinicalDocument>\xe9</ClinicalDocument>", "CDA-FORM"),
    "UTF-7": (b'<?xml version="1.0" encoding="UTF-7"?>+ADw-ClinicalDocument/+AD4-', "CDA-FORM"),
    "UTF-32": ("<ClinicalDocument/>".encode("utf-32"), "CDA-FORM"),
    "slow": (SLOW.encode(), "CDA-ROOT"),
    "slow, UTF-16": (SLOW.encode("utf-16"), "CDA-ROOT"),
    "deep": (b"<a>" * 1000 + b"</a>" * 1000, "CDA-FORM"),
    "HTML": (b"<html><script>alert(1)</script></html>", "CDA-ROOT"),
    "style sheet": (STYLE.encode(), "CDA-ROOT"),
    "no namespace": (b"<ClinicalDocument/>", "CDA-ROOT"),
}


@pytest.mark.parametrize("name", DOCUMENTS)
@pytest.mark.parametrize("transformed", [False, True], ids=["octets", "C14N"])
def test_a_document_made_to_hurt_is_refused(target: Range, forge: Forge, name: str, transformed: bool) -> None:
    octets, rule = DOCUMENTS[name]
    lot = with_octets(forge, octets, transformed=transformed)
    refused(target, forge, lot, "XDSRepositoryMetadataError", rule)


def test_a_lot_signed_by_these_tests_is_good(app: LocalApp) -> None:
    """Every refusal above is the work of its bend; and the good lot is refused when it comes a second time."""
    forge, server = Forge(app), Range(app, Path())
    lot = forge.lot()
    sealed = with_signature(lot, seal_lot(signature_of(lot), forge.card.signing_key))
    server.accepted(forge.deposit(sealed), "Success")
    assert server.send(forge.deposit(sealed)).verdict == (REGISTRY, "XDSDuplicateUniqueIdInRegistry")
