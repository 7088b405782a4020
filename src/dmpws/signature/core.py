"""The enveloped signature of the VIHF: verified and made with signxml (SAML2 5.4).

Form, references, transforms and algorithms are exactly those of the interface, and what is read afterwards is
what signxml returned. The path of the certificate is checked by the caller (dmpws.pki.trust): nothing is
trusted before.
"""

from copy import deepcopy
from dataclasses import dataclass
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from lxml import etree
from signxml import (
    CanonicalizationMethod,
    DigestAlgorithm,
    SignatureConstructionMethod,
    SignatureMethod,
    XMLSigner,
)

from dmpws.domain.checks import Outcome, Refused, Report
from dmpws.signature.canonical import parse_signed
from dmpws.signature.engine import verify_core
from dmpws.signature.parts import (
    EXCLUSIVE,
    check_identifiers,
    check_methods,
    check_sha1,
    ds,
    elements,
    has_exactly,
    is_plain,
    is_prefix_list,
    key_info_certificate,
    names_of,
)
from dmpws.signature.rules import ENVELOPED, REFERENCE, TRANSFORMS, CoreRules
from dmpws.xml.names import DS, SAML
from dmpws.xml.parser import XmlLimits
from dmpws.xml.path import path_of

LIMITS: Final = XmlLimits(octets=256 * 1024, tags=10_000, depth=50)
"""A real VIHF has 8 KB."""

_ENVELOPED_TRANSFORM = "http://www.w3.org/2000/09/xmldsig#enveloped-signature"
_FORM = (
    (".", ("SignedInfo", "SignatureValue", "KeyInfo")),
    ("ds:SignedInfo", ("CanonicalizationMethod", "SignatureMethod", "Reference")),
    ("ds:SignedInfo/ds:Reference", ("Transforms", "DigestMethod", "DigestValue")),
)
"""Children of the signature, from the outside in."""
_ISSUER = f"{{{SAML}}}Issuer"


@dataclass(frozen=True, slots=True)
class EnvelopedSignature:
    """A good enveloped signature. `certificate` is the key that made it, not yet anybody's."""

    signed: etree._Element
    """What was signed, parsed from its canonical form: the only thing to read afterwards. Namespaces that are
    used in values alone (`xs` of `xsi:type="xs:string"`) are not declared in it."""
    certificate: x509.Certificate
    sha1_used: bool


def verify_enveloped(
    xml: bytes, *, sha1: bool, report: Report, rules: CoreRules = ENVELOPED
) -> EnvelopedSignature | None:
    """Verify the enveloped signature of a SAML assertion (SAML2 5.4).

    xml: the octets of the assertion alone. sha1: whether SHA-1 is let in, with a warning (DMPWS D4).
    Every check goes to `report`. Returns None when one failed; the certificate's path stays to be validated.
    """
    try:
        root = parse_signed(xml, LIMITS)
    except Refused as refused:
        report.checks.extend(refused.checks)
        return None
    if (signature := _only_signature(root, report, rules)) is None:
        return None
    signed_info = signature[0]
    checked = (
        check_identifiers(root, report, rules.identifiers),
        _references_root(signed_info, root, report),
        check_methods(signed_info, (EXCLUSIVE,), report, rules),
        check_sha1(signed_info, sha1=sha1, report=report, rule=rules.sha1),
    )
    certificate = key_info_certificate(signature, report, rules)
    if certificate is None or not all(checked):
        return None
    if (parts := verify_core(root, signature, certificate, report, rules)) is None:
        return None
    (signed,) = parts
    # The wall against wrapping: what was signed is the element that was received as the assertion.
    same = signed is not None and signed.tag == root.tag and signed.get("ID") == root.get("ID")
    if not same:
        report.failed(REFERENCE, expected=path_of(root), found="un autre élément")
        return None
    weak = any(check.rule is rules.sha1 and check.outcome is Outcome.WARNED for check in report)
    return EnvelopedSignature(signed, certificate, weak)


def _only_signature(root: etree._Element, report: Report, rules: CoreRules) -> etree._Element | None:
    """The one ds:Signature, after Issuer, with the children of the DMP's form."""
    found = list(root.iter(ds("Signature")))
    if len(found) != 1:
        report.failed(rules.shape, expected="une ds:Signature", found=f"{len(found)}", where=path_of(root))
        return None
    signature, children = found[0], elements(root)
    if len(children) < 2 or children[0].tag != _ISSUER or children[1] is not signature:
        report.failed(rules.shape, expected="juste après Issuer", found=path_of(signature), where=path_of(root))
        return None
    for path, names in _FORM:
        element = signature.find(path, {"ds": DS})
        assert element is not None
        if not has_exactly(element, *names):
            inside = names_of(element)
            report.failed(rules.shape, expected=", ".join(names), found=inside, where=path_of(element))
            return None
    if not is_plain(signature):
        problem = "commentaire, instruction de traitement ou attribut xml:"
        report.failed(rules.shape, found=problem, where=path_of(signature))
        return None
    report.passed(rules.shape)
    return signature


def _references_root(signed_info: etree._Element, root: etree._Element, report: Report) -> bool:
    """The Reference is to the root, by its ID, with the two transforms of SAML2 5.4.4."""
    reference = signed_info[2]
    uri, wanted = reference.get("URI"), f"#{root.get('ID', '')}"
    whole = wanted != "#" and uri == wanted
    report.require(whole, REFERENCE, expected=wanted, found=f"URI={uri}", where="" if whole else path_of(reference))
    transforms = list(reference[0])
    algorithms = [transform.get("Algorithm", "") for transform in transforms]
    exact = (
        all(transform.tag == ds("Transform") for transform in transforms)
        and algorithms == [_ENVELOPED_TRANSFORM, EXCLUSIVE]
        and len(transforms[0]) == 0
        and all(is_prefix_list(child, EXCLUSIVE) for child in transforms[1])
    )
    found = "" if exact else " ".join(algorithms)[:300] or "rien"
    report.require(exact, TRANSFORMS, expected="enveloped-signature, exc-c14n", found=found)
    return whole and exact


def sign_enveloped(
    root: etree._Element, key: RSAPrivateKey | EllipticCurvePrivateKey, certificate: x509.Certificate
) -> bytes:
    """Sign a SAML assertion: exclusive C14N, SHA-256, Signature after Issuer, leaf certificate in KeyInfo.

    `root` is left as it is. Raises ValueError when it has no ID or does not begin with Issuer.
    """
    assertion = deepcopy(root)
    issuer = next(iter(elements(assertion)), None)
    identifier = assertion.get("ID")
    if not identifier or issuer is None or issuer.tag != _ISSUER:
        raise ValueError("an assertion to sign has an ID and begins with Issuer")
    assertion.insert(assertion.index(issuer) + 1, etree.Element(ds("Signature"), Id="placeholder", nsmap={"ds": DS}))
    signer = XMLSigner(
        method=SignatureConstructionMethod.enveloped,
        signature_algorithm=SignatureMethod.RSA_SHA256
        if isinstance(key, RSAPrivateKey)
        else SignatureMethod.ECDSA_SHA256,
        digest_algorithm=DigestAlgorithm.SHA256,
        c14n_algorithm=CanonicalizationMethod.EXCLUSIVE_XML_CANONICALIZATION_1_0,
    )
    signed = signer.sign(assertion, key=key, cert=[certificate], reference_uri=identifier)
    return etree.tostring(signed, encoding="UTF-8")
