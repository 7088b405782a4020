"""The parts of a ds:Signature, read with suspicion: exact children, unique identifiers, algorithms, one key."""

import base64
import binascii
from collections import Counter
from collections.abc import Collection
from functools import lru_cache
from typing import Any, Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, SECP384R1, SECP521R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from lxml import etree

from dmpws.domain.checks import Refused, Report, Rule
from dmpws.pki.trust import load_certificate
from dmpws.signature.rules import CoreRules
from dmpws.xml.names import DS
from dmpws.xml.path import path_of

RSA_SHA256: Final = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
ECDSA_SHA256: Final = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256"
RSA_SHA1: Final = "http://www.w3.org/2000/09/xmldsig#rsa-sha1"
SHA256: Final = "http://www.w3.org/2001/04/xmlenc#sha256"
SHA1: Final = "http://www.w3.org/2000/09/xmldsig#sha1"
EXCLUSIVE: Final = "http://www.w3.org/2001/10/xml-exc-c14n#"
HASHES: Final = {SHA256: "sha256", SHA1: "sha1"}
"""Digest algorithm to its name in hashlib."""

_WEAK = frozenset({RSA_SHA1, SHA1})
_KEY_SIZES = range(2048, 8193)
_CURVES = (SECP256R1, SECP384R1, SECP521R1)
_MAX_CERTIFICATE = 16 * 1024
"""Octets; a real one has 2 KB, and the ones read are kept."""
_KEY_NAMES = frozenset({"X509SubjectName", "X509IssuerSerial", "X509SKI"})
_IDENTIFIERS = etree.XPath("//@*[local-name()='Id' or local-name()='ID' or local-name()='id']")
_AMBIGUOUS = etree.XPath("boolean(.//comment() | .//processing-instruction() | descendant-or-self::*/@xml:*)")

_load = lru_cache(maxsize=512)(load_certificate)  # reading is pure; whether to trust is asked every time


def ds(name: str) -> str:
    """Qualified name of an element of XML-DSig."""
    return f"{{{DS}}}{name}"


def elements(parent: etree._Element) -> list[etree._Element]:
    """Child elements, without comments and processing instructions."""
    return [child for child in parent if isinstance(child.tag, str)]


def has_exactly(parent: etree._Element, *names: str) -> bool:
    """Whether the child elements of `parent` are those of XML-DSig so named, in this order."""
    return [child.tag for child in parent] == [ds(name) for name in names]


def names_of(parent: etree._Element) -> str:
    """Names of the children, for messages."""
    return ", ".join(
        etree.QName(child).localname if isinstance(child.tag, str) else "commentaire ou instruction de traitement"
        for child in list(parent)[:20]
    )


def text_of(element: etree._Element | None) -> str:
    """Text of an element without the space around it; empty when there is no element."""
    return (element.text or "").strip() if element is not None else ""


def value_of(element: etree._Element | None) -> bytes | None:
    """Octets of a base64 element, white space and carriage returns ignored; None when it is not base64."""
    try:
        return base64.b64decode("".join(text_of(element).split()), validate=True)
    except (binascii.Error, ValueError):
        return None


def base64_text(octets: bytes) -> str:
    return base64.b64encode(octets).decode("ascii")


def check_identifiers(root: etree._Element, report: Report, rule: Rule) -> bool:
    """No value is carried twice by attributes that some library takes for an identifier, in any namespace."""
    values: Any = _IDENTIFIERS(root)
    twice = [str(value) for value, count in Counter(values).items() if count > 1]
    return report.require(not twice, rule, found=", ".join(value[:100] for value in twice[:5]))


def is_plain(signature: etree._Element) -> bool:
    """Whether nothing in `signature` can be read in two ways: no comment, no instruction, no xml: attribute.

    Comments are outside most canonical forms and split the text around them; C14N 1.0 lets xml: attributes of
    an ancestor into the signed form of its descendants. No real signature has any.
    """
    return not _AMBIGUOUS(signature)


def check_methods(
    signed_info: etree._Element, canonicalisations: Collection[str], report: Report, rules: CoreRules
) -> bool:
    """The algorithms of a SignedInfo whose children have been checked are known ones; SHA-1 is one of them."""
    methods = (RSA_SHA256, RSA_SHA1, *((ECDSA_SHA256,) if rules.elliptic else ()))
    expected = [(signed_info[0], canonicalisations), (signed_info[1], methods)]
    expected += [(digest, tuple(HASHES)) for digest in signed_info.iter(ds("DigestMethod"))]
    for element, allowed in expected:
        algorithm = element.get("Algorithm", "")
        parameters = [child for child in element if not is_prefix_list(child, algorithm)]
        if algorithm not in allowed or parameters:
            wanted = " ou ".join(a for a in sorted(allowed) if a not in _WEAK)
            found = algorithm[:200] + (f" avec {names_of(element)}" if parameters else "")
            report.failed(rules.method, expected=wanted, found=found or "rien", where=path_of(element))
            return False
    report.passed(rules.method, found=signed_info[1].get("Algorithm", ""))
    return True


def check_sha1(inside: etree._Element, *, sha1: bool, report: Report, rule: Rule) -> bool:
    """No algorithm named in `inside` is SHA-1; `sha1` lets it in, with a warning (DMPWS D4)."""
    weak = next((e for e in inside.iter() if e.get("Algorithm") in _WEAK), None)
    if weak is None:
        return True
    record = report.warned if sha1 else report.failed
    record(rule, expected="SHA-256", found=weak.get("Algorithm", ""), where=path_of(weak))
    return sha1


def is_prefix_list(element: etree._Element, algorithm: str) -> bool:
    """The one parameter accepted: InclusiveNamespaces of exclusive C14N; OpenSAML writes it (XML-EXC-C14N 4)."""
    return algorithm == EXCLUSIVE and element.tag == f"{{{EXCLUSIVE}}}InclusiveNamespaces" and len(element) == 0


def key_info_certificate(signature: etree._Element, report: Report, rules: CoreRules) -> x509.Certificate | None:
    """The certificate of KeyInfo, with a usable key. Its path is the caller's business."""
    key_info = signature.find(ds("KeyInfo"))
    assert key_info is not None
    where = path_of(key_info)
    told = [child for child in key_info if not (rules.key_value and child.tag == ds("KeyValue"))]
    data = told[0] if [child.tag for child in told] == [ds("X509Data")] else None
    found = [] if data is None else [child for child in data if child.tag == ds("X509Certificate")]
    named = {ds(name) for name in _KEY_NAMES}
    if data is None or len(found) != 1 or any(child.tag not in named for child in data if child is not found[0]):
        inside = names_of(key_info if data is None else data)
        report.failed(rules.key_info, expected="X509Data avec un X509Certificate", found=inside or "rien", where=where)
        return None
    der = value_of(found[0])
    if not der or len(der) > _MAX_CERTIFICATE:
        report.failed(rules.key_info, expected="un certificat en base64", found=text_of(found[0])[:60], where=where)
        return None
    try:
        certificate = _load(der)
        key = certificate.public_key()
    except Refused as refused:
        report.checks.extend(refused.checks)
        return None
    except (ValueError, UnsupportedAlgorithm):
        report.failed(rules.key, found="une clé illisible", where=where)
        return None
    report.passed(rules.key_info, found=f"n° {certificate.serial_number:x}")
    if isinstance(key, RSAPublicKey):
        found_key, usable = f"RSA {key.key_size}", key.key_size in _KEY_SIZES
    elif isinstance(key, EllipticCurvePublicKey):
        found_key, usable = key.curve.name, rules.elliptic and isinstance(key.curve, _CURVES)
    else:
        found_key, usable = type(key).__name__.lstrip("_"), False
    return certificate if report.require(usable, rules.key, found=found_key) else None
