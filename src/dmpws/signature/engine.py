"""The cryptographic core of both signatures, on signxml.

signxml canonicalises, compares digests and verifies the signature value with a pinned certificate. The form, the
references and the algorithms are checked before by the caller; what signs what is read from what it returns.
"""

import logging
from typing import Any

from cryptography import x509
from lxml import etree
from signxml import (
    CanonicalizationMethod,
    DigestAlgorithm,
    SignatureConfiguration,
    SignatureMethod,
    XMLVerifier,
)
from signxml.exceptions import InvalidDigest, InvalidSignature

from dmpws.domain.checks import Refused, Report
from dmpws.signature.canonical import INCLUSIVE, canonical
from dmpws.signature.parts import base64_text, ds, text_of
from dmpws.signature.rules import CoreRules
from dmpws.xml.path import path_of

# At DEBUG it writes every canonical form, thus whole tokens, to the log.
logging.getLogger("signxml").setLevel(logging.INFO)

_METHODS = frozenset({SignatureMethod.RSA_SHA256, SignatureMethod.RSA_SHA1, SignatureMethod.ECDSA_SHA256})
_DIGESTS = frozenset({DigestAlgorithm.SHA256, DigestAlgorithm.SHA1})


class _Verifier(XMLVerifier):  # type: ignore[misc]
    """signxml's verifier with inclusive C14N made right, one copy less, and the digests kept for messages."""

    def __init__(self) -> None:
        self.computed: list[bytes] = []

    def get_root(self, data: etree._Element) -> etree._Element:
        return data  # signxml copies it to shed inherited namespaces; this one is a root, and is not changed

    def _c14n(self, nodes: Any, algorithm: Any, inclusive_ns_prefixes: Any = None) -> bytes:
        if algorithm.value in INCLUSIVE:  # comments have been refused, so both forms are one
            return canonical(nodes)
        octets: bytes = super()._c14n(nodes, algorithm, inclusive_ns_prefixes)
        return octets

    def _get_digest(self, data: bytes, algorithm: Any) -> bytes:
        self.computed.append(super()._get_digest(data, algorithm))
        return self.computed[-1]


def verify_core(
    root: etree._Element,
    signature: etree._Element,
    certificate: x509.Certificate,
    report: Report,
    rules: CoreRules,
) -> list[etree._Element] | None:
    """Verify value and digests of a signature whose form has been checked, with the key of `certificate`.

    root: what holds `signature` as its only ds:Signature, or `signature` itself.
    Returns what each Reference signs, parsed from its canonical form, or None with a failed check.
    """
    references = signature[0].findall(ds("Reference"))
    # Algorithms have been checked, with their policy. Dates are a matter of the path, which the caller checks at
    # the time of reception: the instant given here is one at which the certificate is within them.
    config = SignatureConfiguration(
        location="./",
        expect_references=len(references),
        signature_methods=_METHODS,
        digest_algorithms=_DIGESTS,
        default_reference_c14n_method=CanonicalizationMethod.CANONICAL_XML_1_0,
        verification_time=certificate.not_valid_before_utc,
    )
    verifier = _Verifier()
    try:
        # The schema of XML-DSig refuses the real lot signatures, and the form was checked more closely.
        results = verifier.verify(root, x509_cert=certificate, validate_schema=False, expect_config=config)
    except InvalidDigest:
        report.passed(rules.value)
        _content_changed(references[len(verifier.computed) - 1], verifier.computed[-1], report, rules)
        return None
    except InvalidSignature:
        subject = certificate.subject.rfc4514_string()
        text = "La valeur de signature ne correspond pas à la clé"
        report.failed(rules.value, expected=f"la clé de {subject}", where=path_of(signature[1]), text=text)
        return None
    except Refused as refused:
        report.checks.extend(refused.checks)
        return None
    except (ValueError, TypeError, etree.LxmlError) as error:
        report.failed(rules.value, found=f"signature illisible : {error}"[:200], where=path_of(signature))
        return None
    report.passed(rules.value)
    report.passed(rules.content)
    return [result.signed_xml for result in (results if isinstance(results, list) else [results])]


def _content_changed(reference: etree._Element, computed: bytes, report: Report, rules: CoreRules) -> None:
    report.failed(
        rules.content,
        expected=f"empreinte {text_of(reference.find(ds('DigestValue')))[:100]}",
        found=f"empreinte {base64_text(computed)}",
        where=reference.get("URI", ""),
        text="Contenu modifié après signature",
    )
