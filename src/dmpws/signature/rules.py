"""The rules of the two signatures, in the order in which they are checked.

Codes: a key or certificate that is not good is DMPInvalidCertificate. Otherwise the VIHF answers
DMPAuthenticationError (DMPWS D10), a lot XDSRegistryMetadataError for what the signature says and
XDSRepositoryMetadataError for octets that are not those that were signed.
The rules of the certificate path are in dmpws.pki.trust.
"""

from dataclasses import dataclass, replace
from typing import Final

from dmpws.domain.checks import Rule

_CERTIFICATE: Final = "DMPInvalidCertificate"
_TOKEN: Final = "DMPAuthenticationError"  # noqa: S105 - an error code
_FORM: Final = "XDSRegistryMetadataError"
_OCTETS: Final = "XDSRepositoryMetadataError"


@dataclass(frozen=True, slots=True)
class CoreRules:
    """What both signatures obey: XML-DSig, restricted.

    elliptic: ECDSA is known too. key_value: a KeyValue may stand beside the certificate, whose key it must be.
    """

    shape: Rule
    identifiers: Rule
    method: Rule
    sha1: Rule
    key_info: Rule
    key: Rule
    value: Rule
    content: Rule
    elliptic: bool = False
    key_value: bool = False


ENVELOPED: Final = CoreRules(
    shape=Rule(
        "SIG-FORME",
        "L'assertion porte une seule signature, après Issuer, de la forme du DMP et sans autre contenu",
        "SAML2 5.4.1",
        _TOKEN,
    ),
    identifiers=Rule("SIG-ID", "Aucun identifiant n'est porté par deux éléments de l'assertion", "SAML2 1.3.4", _TOKEN),
    method=Rule("SIG-ALGO", "La signature du VIHF emploie les algorithmes du DMP", "DMP-FRAME TD0.2", _TOKEN),
    sha1=Rule("SIG-SHA1", "La signature du VIHF n'emploie pas SHA-1", "DMPWS D4", _TOKEN),
    key_info=Rule(
        "SIG-KEYINFO",
        "KeyInfo porte le certificat signataire, lui seul, dans X509Data",
        "XMLDSIG 4.5.4",
        _CERTIFICATE,
    ),
    key=Rule("SIG-CLE", "Le VIHF est signé par une clé RSA de 2048 à 8192 bits", "DMPWS D5", _CERTIFICATE),
    value=Rule("SIG-VALEUR", "SignatureValue est celle de la clé du certificat", "XMLDSIG 3.2.2", _TOKEN),
    content=Rule("SIG-CONTENU", "L'assertion est celle qui a été signée", "XMLDSIG 3.2.1", _TOKEN),
)
ASSERTION: Final = replace(
    ENVELOPED,
    method=Rule("XUA-ALGO", "L'assertion est signée par RSA ou ECDSA, avec SHA-256", "DMPWS D97", _TOKEN),
    sha1=Rule("XUA-SHA1", "La signature de l'assertion n'emploie pas SHA-1", "DMPWS D4", _TOKEN),
    key=Rule("XUA-CLE", "La clé est RSA de 2048 à 8192 bits, ou d'une courbe P-256, P-384 ou P-521", "DMPWS D97",
        _CERTIFICATE),
    elliptic=True,
    key_value=True,
)  # fmt: skip
"""An assertion of plain IHE (XUA): its provider is nobody of the DMP."""
REFERENCE: Final = Rule(
    "SIG-REFERENCE", "L'unique Reference désigne l'assertion entière par son ID", "SAML2 5.4.2", _TOKEN
)
TRANSFORMS: Final = Rule(
    "SIG-TRANSFORMS",
    "Les transformations sont enveloped-signature puis exc-c14n, et rien d'autre",
    "SAML2 5.4.4",
    _TOKEN,
)

LOT: Final = CoreRules(
    shape=Rule("LOT-FORME", "La signature du lot a la forme du DMP et rien de plus", "DMP-FRAME TD2.1", _FORM),
    identifiers=Rule(
        "LOT-ID", "Aucun identifiant n'est porté par deux éléments de la signature", "XMLDSIG 4.4.3.3", _FORM
    ),
    method=Rule("LOT-ALGO", "La signature du lot emploie les algorithmes du DMP", "DMP-FRAME TD2.1", _FORM),
    sha1=Rule("LOT-SHA1", "La signature du lot n'emploie pas SHA-1", "DMPWS D4", _FORM),
    key_info=Rule(
        "LOT-KEYINFO",
        "KeyInfo porte le certificat signataire, lui seul, dans X509Data",
        "XMLDSIG 4.5.4",
        _CERTIFICATE,
    ),
    key=Rule("LOT-CLE", "Le lot est signé par une clé RSA de 2048 à 8192 bits", "DMPWS D5", _CERTIFICATE),
    value=Rule("LOT-VALEUR", "SignatureValue est celle de la clé du certificat", "XMLDSIG 3.2.2", _FORM),
    content=Rule("LOT-CONTENU", "Manifest et SignedProperties sont ceux qui ont été signés", "XMLDSIG 3.2.1", _FORM),
)
LOT_XML: Final = Rule("LOT-XML", "La signature du lot est un document XML", "DMP-FRAME TD2.1", _FORM)
LOT_REFERENCES: Final = Rule(
    "LOT-REFERENCES",
    "SignedInfo désigne le Manifest et les SignedProperties, sans transformation et rien d'autre",
    "DMP-FRAME TD2.1",
    _FORM,
)
SIGNATURE_ID: Final = Rule(
    "LOT-SIGNATURE-ID", "Signature/@Id est le uniqueId de la fiche de signature", "DMP-CLIENT", _FORM
)
TARGETS: Final = Rule(
    "LOT-TARGET", "QualifyingProperties et SignatureProperty visent cette signature", "XADES 6.2", _FORM
)
PURPOSE: Final = Rule(
    "LOT-PURPOSE", "purposeOfSignature est 1.2.840.10065.1.12.1.14 (Source)", "DMP-FRAME TD2.1", _FORM
)
SIGNING_CERTIFICATE: Final = Rule(
    "LOT-CERTIFICAT", "SigningCertificate désigne d'abord le certificat de KeyInfo", "XADES 7.2.2", _CERTIFICATE
)
USAGE: Final = Rule(
    "LOT-CERT-USAGE", "Le lot est signé par un certificat de signature", "GI-DMP EX_GEN-1450", _CERTIFICATE
)
SIGNER: Final = Rule(
    "LOT-SIGNATAIRE",
    "Le lot est signé par le professionnel du VIHF, ou par le cachet de sa structure en mode indirect",
    "GI-DMP EX_GEN-1450",
    _CERTIFICATE,
)
SIGNING_TIME: Final = Rule("LOT-SIGNINGTIME", "SigningTime est proche de la réception", "XADES 7.2.1", _FORM)
SUBMISSION_TIME: Final = Rule(
    "LOT-SUBMISSIONTIME", "submissionTime est proche de la réception", "ITI TF-3 4.2.3.3.10", _FORM
)
MANIFEST: Final = Rule("LOT-MANIFEST", "Le Manifest a la forme du DMP", "DMP-FRAME TD2.1", _FORM)
SUBMISSION_SET: Final = Rule(
    "LOT-LOT", "Le Manifest désigne le lot par son uniqueId, avec l'empreinte AA==", "DMP-FRAME TD2.1", _FORM
)
DOCUMENTS: Final = Rule(
    "LOT-DOCUMENTS", "Le Manifest désigne chaque document du lot une fois, et rien d'autre", "ITI TF-3 5.5", _FORM
)
DIGEST: Final = Rule("LOT-EMPREINTE", "Le document est celui qui a été signé", "ITI TF-3 5.5", _OCTETS)

VERDICT: Final = Rule(
    "LOT-VERDICT", "Le lot avait été accepté, avec la signature que l'entrepôt contient", "DMPWS D22", _FORM
)
EVIDENCE: Final = Rule(
    "LOT-PREUVE", "La chaîne conservée était valable à la réception du lot", "RFC 5280 6.1", _CERTIFICATE
)
