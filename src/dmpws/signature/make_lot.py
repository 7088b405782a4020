"""Making the signature of a lot, in the layout of the official frame (DMP-FRAME TD2.1), with SHA-256 alone.

signxml cannot sign this layout (references to a Manifest and to properties inside its own Objects), so it is
built here; `verify_lot` reads it back with signxml.
"""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256 as HASH_SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree

from dmpws.pki.cards import Card
from dmpws.pki.dn import Dn
from dmpws.signature.canonical import C14N_WITH_COMMENTS, canonical, document_digest
from dmpws.signature.lot_form import MANIFEST_TYPE, PURPOSE_SOURCE
from dmpws.signature.manifest import DOCUMENT_LIMITS, SUBMISSION_SET_DIGEST
from dmpws.signature.parts import RSA_SHA256, SHA256, base64_text, ds
from dmpws.xml.names import DS, XADES
from dmpws.xml.parser import parse

_MANIFEST_ID: Final = "IHEManifest"
_PROPERTIES_ID: Final = "S0-SignedProperties"
_DS_DEFAULT: Any = {None: DS}  # the stubs of lxml know no default namespace
_XADES_DEFAULT: Any = {None: XADES}
_NO_DEFAULT: Any = {None: ""}


def sign_lot(
    *,
    signature_id: str,
    submission_set_unique_id: str,
    documents: Sequence[tuple[str, bytes, bool]],
    card: Card,
    signing_time: datetime,
) -> bytes:
    """Sign a lot with the signature key of `card` and return the octets of the signature document.

    signature_id: uniqueId of the signature entry. documents: (uniqueId, octets, whether it is XML and signed in
    canonical form). signing_time: aware, with the local offset. Raises ValueError for a time without offset, and
    Refused when a document said to be XML is not.
    """
    if signing_time.tzinfo is None:
        raise ValueError("signing_time has no offset")
    root = etree.Element(ds("Signature"), Id=signature_id, nsmap=_DS_DEFAULT)
    signed_info = _child(root, "SignedInfo")
    value = _child(root, "SignatureValue")
    certificate = card.signing_certificate
    der = certificate.public_bytes(Encoding.DER)
    _child(_child(_child(root, "KeyInfo"), "X509Data"), "X509Certificate").text = base64_text(der)
    manifest = _manifest(_child(root, "Object"), submission_set_unique_id, documents)
    _purpose(_child(root, "Object"), signature_id)
    properties = _properties(_child(root, "Object"), signature_id, [der, *card.chain], signing_time)
    _child(signed_info, "CanonicalizationMethod", Algorithm=C14N_WITH_COMMENTS)
    _child(signed_info, "SignatureMethod", Algorithm=RSA_SHA256)
    for kind, target in ((MANIFEST_TYPE, manifest), (f"{XADES}SignedProperties", properties)):
        reference = _child(signed_info, "Reference", Type=kind, URI=f"#{target.get('Id')}")
        _digest(reference, base64_text(hashlib.sha256(canonical(target)).digest()))
    value.text = base64_text(card.signing_key.sign(canonical(signed_info), PKCS1v15(), HASH_SHA256()))
    return etree.tostring(root, encoding="UTF-8")


def _child(parent: etree._Element, name: str, **attributes: str) -> etree._Element:
    return etree.SubElement(parent, ds(name), attributes)


def _digest(parent: etree._Element, value: str) -> None:
    _child(parent, "DigestMethod", Algorithm=SHA256)
    _child(parent, "DigestValue").text = value


def _manifest(
    parent: etree._Element, submission_set: str, documents: Sequence[tuple[str, bytes, bool]]
) -> etree._Element:
    manifest = _child(parent, "Manifest", Id=_MANIFEST_ID)
    _digest(_child(manifest, "Reference", URI=f"urn:oid:{submission_set}"), SUBMISSION_SET_DIGEST)
    for unique_id, octets, is_xml in documents:
        reference = _child(manifest, "Reference", URI=f"urn:oid:{unique_id}")
        if is_xml:
            _child(_child(reference, "Transforms"), "Transform", Algorithm=C14N_WITH_COMMENTS)
            digest = document_digest(parse(octets, DOCUMENT_LIMITS), "sha256", comments=True)
        else:
            digest = hashlib.sha256(octets).digest()
        _digest(reference, base64_text(digest))
    return manifest


def _purpose(parent: etree._Element, signature_id: str) -> None:
    # In no namespace, as in the official frame.
    properties = etree.SubElement(parent, "SignatureProperties", nsmap=_NO_DEFAULT)
    purpose = etree.SubElement(properties, "SignatureProperty", Id="purposeOfSignature", Target=f"#{signature_id}")
    purpose.text = PURPOSE_SOURCE


def _properties(
    parent: etree._Element, signature_id: str, chain: Sequence[bytes], signing_time: datetime
) -> etree._Element:
    def child(above: etree._Element, name: str) -> etree._Element:
        return etree.SubElement(above, f"{{{XADES}}}{name}")

    qualifying = etree.SubElement(
        parent, f"{{{XADES}}}QualifyingProperties", Target=f"#{signature_id}", nsmap=_XADES_DEFAULT
    )
    properties = child(qualifying, "SignedProperties")
    properties.set("Id", _PROPERTIES_ID)
    signed = child(properties, "SignedSignatureProperties")
    child(signed, "SigningTime").text = signing_time.isoformat(timespec="milliseconds")
    certificates = child(signed, "SigningCertificate")
    for der in chain:
        issued = x509.load_der_x509_certificate(der)
        described = child(certificates, "Cert")
        digest = child(described, "CertDigest")
        child(digest, "DigestMethod").set("Algorithm", SHA256)
        child(digest, "DigestValue").text = base64_text(hashlib.sha256(der).digest())
        serial = child(described, "IssuerSerial")
        for name, text in (
            ("X509IssuerName", str(Dn.of(issued.issuer))), ("X509SerialNumber", str(issued.serial_number)),
        ):  # fmt: skip
            etree.SubElement(serial, ds(name), nsmap=_DS_DEFAULT).text = text
    child(child(signed, "SignaturePolicyIdentifier"), "SignaturePolicyImplied")
    child(properties, "SignedDataObjectProperties")
    return properties
