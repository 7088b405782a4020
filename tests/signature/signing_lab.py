"""Builds signed assertions and lots, and signs again what a test has bent, with whatever key it likes."""

import base64
import contextlib
import hashlib
import io
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree

from dmpws.domain.access import AuthMode
from dmpws.domain.checks import Report
from dmpws.pki.cards import Card
from dmpws.pki.trust import TrustStore
from dmpws.signature.canonical import canonical
from dmpws.signature.make_lot import sign_lot
from dmpws.signature.model import LotDocument, ReceivedLot, VerifiedLot
from dmpws.signature.verify_lot import ExpectedSigner, LotPolicy, examine

SAML = "urn:oasis:names:tc:SAML:2.0:assertion"
DS = "http://www.w3.org/2000/09/xmldsig#"
XADES = "http://uri.etsi.org/01903/v1.1.1#"
EXCLUSIVE = "http://www.w3.org/2001/10/xml-exc-c14n#"
NS = {"ds": DS, "saml": SAML, "xades": XADES}

STRICT = LotPolicy()

PERSON = "899900063480"
STRUCTURE = "499900063480001"
LOT = "1.2.250.1.999.1.1.7898.3.1"
CDA = "1.2.250.1.999.1.1.7898.4.1"
PDF = "1.2.250.1.999.1.1.7898.4.2"
SIGNATURE = "1.2.250.1.999.1.1.7898.3.10"

CDA_OCTETS = """<?xml version="1.0" encoding="UTF-8"?>
<?xml-stylesheet type="text/xsl" href="cda.xsl"?>
<!-- fictif -->
<ClinicalDocument xmlns="urn:hl7-org:v3" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
  <id root="1.2.250.1.999.1.1.7898.4.1"/><title>Compte rendu – état</title><!-- corps -->
  <effectiveTime value='20261121130000+0100' xsi:type="TS"></effectiveTime>
</ClinicalDocument>
""".encode()
PDF_OCTETS = b"%PDF-1.4\r\n" + bytes(range(256)) * 8


@dataclass(frozen=True)
class MemoryOctets:
    """Octets whose digests were taken while they arrived."""

    content: bytes
    readable: bool = True

    @property
    def size(self) -> int:
        return len(self.content)

    @property
    def sha1(self) -> str:
        return hashlib.sha1(self.content).hexdigest()

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()

    def open(self) -> contextlib.AbstractContextManager[io.BytesIO]:
        return contextlib.closing(io.BytesIO(self.read()))

    def read(self) -> bytes:
        assert self.readable, "these octets must not be read a second time"
        return self.content


def assertion(name_id: str = PERSON, identifier: str = "_a1") -> etree._Element:
    """A minimal SAML assertion, not signed."""
    return etree.fromstring(
        f'<saml2:Assertion xmlns:saml2="{SAML}" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
        f'ID="{identifier}" IssueInstant="2026-11-21T12:00:00Z" Version="2.0">\n'
        f"<saml2:Issuer>CN={PERSON}</saml2:Issuer><saml2:Subject><saml2:NameID>{name_id}</saml2:NameID>"
        '</saml2:Subject><saml2:AttributeStatement><saml2:Attribute Name="VIHF_Version">'
        '<saml2:AttributeValue xmlns:xs="http://www.w3.org/2001/XMLSchema" xsi:type="xs:string">3.0'
        "</saml2:AttributeValue></saml2:Attribute></saml2:AttributeStatement></saml2:Assertion>"
    )


def octets_of(root: etree._Element) -> bytes:
    return etree.tostring(root, with_tail=False)


def find(root: etree._Element, path: str) -> etree._Element:
    found = root.find(path, NS)
    assert found is not None, path
    return found


def base64_of(octets: bytes) -> str:
    return base64.b64encode(octets).decode()


def der_text(certificate: x509.Certificate) -> str:
    return base64_of(certificate.public_bytes(Encoding.DER))


def sign_info(
    signature: etree._Element, key: RSAPrivateKey, form: Callable[[etree._Element], bytes], sha1: bool
) -> None:
    """Write the SignatureValue of a SignedInfo as it stands."""
    octets = form(find(signature, "ds:SignedInfo"))
    value = key.sign(octets, PKCS1v15(), SHA1() if sha1 else SHA256())
    find(signature, "ds:SignatureValue").text = base64_of(value)


def exclusive(element: etree._Element) -> bytes:
    copy = etree.fromstring(octets_of(element))
    return etree.tostring(copy, method="c14n", exclusive=True, with_comments=False)


def seal_assertion(root: etree._Element, key: RSAPrivateKey, *, sha1: bool = False) -> bytes:
    """Compute digest and signature of an assertion again, as its own signer would, whatever its form says."""
    signature = find(root, "ds:Signature")
    bare = etree.fromstring(octets_of(root))
    bare.remove(find(bare, "ds:Signature"))
    digest = hashlib.new("sha1" if sha1 else "sha256", exclusive(bare)).digest()
    find(signature, "ds:SignedInfo/ds:Reference/ds:DigestValue").text = base64_of(digest)
    sign_info(signature, key, exclusive, sha1)
    return octets_of(root)


def seal_lot(root: etree._Element, key: RSAPrivateKey, *, sha1: bool = False) -> bytes:
    """Compute the two digests and the signature of a lot again, as its own signer would."""
    for reference in root.iterfind("ds:SignedInfo/ds:Reference", NS):
        targets = root.xpath("//*[@Id=$id]", id=reference.get("URI", "").lstrip("#"))
        if targets:
            digest = hashlib.new("sha1" if sha1 else "sha256", canonical(targets[0])).digest()
            find(reference, "ds:DigestValue").text = base64_of(digest)
    sign_info(root, key, canonical, sha1)
    return octets_of(root)


def failed(report: Report) -> list[str]:
    """Rules broken, in order, each once."""
    return list(dict.fromkeys(check.rule.id for check in report.failures))


def message(report: Report, rule: str) -> str:
    return next(check.message for check in report.failures if check.rule.id == rule)


@dataclass
class LotLab:
    """A good lot: one CDA signed in canonical form, one PDF signed as octets."""

    card: Card
    trust: TrustStore
    now: datetime
    documents: dict[str, bytes] = field(default_factory=lambda: {CDA: CDA_OCTETS, PDF: PDF_OCTETS})

    @property
    def direct(self) -> ExpectedSigner:
        return ExpectedSigner(AuthMode.DIRECTE, PERSON, frozenset())

    def sign(self, *, card: Card | None = None, signing_time: datetime | None = None) -> bytes:
        return sign_lot(
            signature_id=SIGNATURE,
            submission_set_unique_id=LOT,
            documents=[(u, octets, octets.startswith(b"<?xml")) for u, octets in self.documents.items()],
            card=card or self.card,
            signing_time=signing_time or self.now,
        )

    def tree(self) -> etree._Element:
        return etree.fromstring(self.sign())

    def received(self, signature: bytes, **changes: object) -> ReceivedLot:
        values: dict[str, object] = {
            "signature": signature,
            "signature_unique_id": SIGNATURE,
            "submission_set_unique_id": LOT,
            "submission_time": f"{self.now:%Y%m%d%H%M%S}",
            "documents": [LotDocument(u, MemoryOctets(octets)) for u, octets in self.documents.items()],
            "received_at": self.now,
        }
        return ReceivedLot(**{**values, **changes})  # type: ignore[arg-type]

    def examine(
        self, signature: bytes, *, policy: LotPolicy = STRICT, **changes: object
    ) -> tuple[Report, VerifiedLot | None]:
        return examine(self.received(signature, **changes), policy=policy, trust=self.trust, signer=self.direct)

    def refused(self, signature: bytes, **changes: object) -> Report:
        """The report of a lot that must be refused."""
        report, verified = self.examine(signature, **changes)  # type: ignore[arg-type]
        assert verified is None
        assert report.failures
        return report

    def seal(self, root: etree._Element) -> bytes:
        return seal_lot(root, self.card.signing_key)
