"""Who a certificate stands for: kind of card, identifiers, usages (DMPWS D5, D6)."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import lru_cache

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from dmpws.pki.dn import GIVEN_NAME, ORGANISATION, SURNAME, Dn

# Extensions of the IGC-CPS, as in the certificates of the official frames (DMP-FRAME TD2.1, vihf-directe).
CARD_TYPE = x509.ObjectIdentifier("1.2.250.1.71.1.2.2")
"""INTEGER. 0 is seen on a CPS of the frames; 1 and 2 are this project's reading for CPF and CPE."""
CARD_CATEGORY = x509.ObjectIdentifier("1.2.250.1.71.1.2.5")
"""OCTET STRING of one octet, high bit set on test certificates."""
PROFESSION = x509.ObjectIdentifier("1.2.250.1.71.1.2.7")
"""INTEGER, code of table G15: 10 for a doctor."""
TRAINEE_PROFESSION = x509.ObjectIdentifier("1.2.250.1.71.1.2.8")
"""INTEGER, code of table G16: a professional in training."""
SPECIALITIES = x509.ObjectIdentifier("1.2.250.1.71.4.2.5")
"""SEQUENCE OF UTF8String, codes of table R01."""
REPLACEMENT = x509.ObjectIdentifier("2.25.198085019699948900452541677595362525918")
"""NULL. Marks the card of a replacing professional: ours, the public certificates show no such mark."""


class CertificateKind(StrEnum):
    """What holds the key."""

    CPS = "CPS"
    """Card of a health professional."""
    CPF = "CPF"
    """Card of a professional in training; it names no structure."""
    CPE = "CPE"
    """Card of an employee of a structure, nominative or anonymous."""
    CPS_REMPLACANT = "CPS_REMPLACANT"
    """Card of a professional who replaces another."""
    ORG_AUTH_CLI = "ORG_AUTH_CLI"
    """Structure, TLS client."""
    ORG_SIGN = "ORG_SIGN"
    """Structure, seal (cachet)."""
    SERVER = "SERVER"
    OTHER = "OTHER"
    """Authorities, and whatever has none of the shapes above."""


PERSON_KINDS = frozenset(
    {CertificateKind.CPS, CertificateKind.CPE, CertificateKind.CPF, CertificateKind.CPS_REMPLACANT}
)
ORGANISATION_KINDS = frozenset({CertificateKind.ORG_AUTH_CLI, CertificateKind.ORG_SIGN})


@dataclass(frozen=True, slots=True)
class CertificateIdentity:
    """What a certificate says of its holder. Nothing here is trusted before `TrustStore.validate`.

    not_before, not_after: aware UTC.
    """

    kind: CertificateKind
    subject: Dn
    issuer: Dn
    person: str
    """PS_IdNat (CN) for the card of a person, else empty (DMPWS D6)."""
    structure: str
    """Struct_IdNat (OU) for a structure, else empty (DMPWS D6)."""
    family: str
    """Surname; for an anonymous CPE, O of the subject (PDT-INF-617)."""
    given: str
    """Given name; for an anonymous CPE, CN of the subject, `xxxx/yyyy` (PDT-INF-617)."""
    serial: str
    """Serial number, lower-case hexadecimal."""
    signs: bool
    """keyUsage nonRepudiation, or EKU emailProtection (DMPWS D5)."""
    authenticates: bool
    """EKU clientAuth, or keyUsage digitalSignature and keyEncipherment on a certificate that does not sign."""
    not_before: datetime
    not_after: datetime
    profession: str = ""
    """Code of table G15 on the card of a professional, of table G16 on one in training; empty without."""


@lru_cache(maxsize=256)  # small: whoever shows a certificate chooses its size
def identify(certificate: x509.Certificate) -> CertificateIdentity:
    """Read the identity of a certificate that `dmpws.pki.trust.load_certificate` accepted."""
    subject = Dn.of(certificate.subject)
    signs, authenticates = _usages(certificate)
    kind = _kind(certificate, subject, signs)
    person = kind in PERSON_KINDS
    anonymous = person and not subject.first(SURNAME)
    return CertificateIdentity(
        kind=kind,
        subject=subject,
        issuer=Dn.of(certificate.issuer),
        person=subject.common_name if person else "",
        structure=subject.organisational_unit if kind in ORGANISATION_KINDS else "",
        family=subject.first(ORGANISATION if anonymous else SURNAME),
        given=subject.common_name if anonymous else subject.first(GIVEN_NAME),
        serial=f"{certificate.serial_number:x}",
        signs=signs,
        authenticates=authenticates,
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        profession=_profession(certificate, TRAINEE_PROFESSION if kind is CertificateKind.CPF else PROFESSION),
    )


def is_authority(certificate: x509.Certificate) -> bool:
    """True when basicConstraints says CA (RFC 5280 4.2.1.9)."""
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def _usages(certificate: x509.Certificate) -> tuple[bool, bool]:
    extended = _extended_usages(certificate)
    try:
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        repudiable, authentication = True, False
    else:
        repudiable = not usage.content_commitment
        authentication = usage.digital_signature and usage.key_encipherment
    signs = not repudiable or ExtendedKeyUsageOID.EMAIL_PROTECTION in extended
    return signs, ExtendedKeyUsageOID.CLIENT_AUTH in extended or (authentication and not signs)


def _extended_usages(certificate: x509.Certificate) -> frozenset[x509.ObjectIdentifier]:
    try:
        return frozenset(certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)
    except x509.ExtensionNotFound:
        return frozenset()


def _kind(certificate: x509.Certificate, subject: Dn, signs: bool) -> CertificateKind:
    if is_authority(certificate):
        return CertificateKind.OTHER
    if ExtendedKeyUsageOID.SERVER_AUTH in _extended_usages(certificate):
        return CertificateKind.SERVER
    card = _card_kind({extension.oid for extension in certificate.extensions}, _card_type(certificate))
    if card is not CertificateKind.OTHER or subject.first(SURNAME):
        return card
    if subject.organisational_unit and subject.first(ORGANISATION):
        return CertificateKind.ORG_SIGN if signs else CertificateKind.ORG_AUTH_CLI
    return CertificateKind.OTHER


def _card_kind(extensions: set[x509.ObjectIdentifier], card_type: int | None) -> CertificateKind:
    """Kind of a person's card. Software certificates of the IGC-Santé carry a profession and no card type."""
    if REPLACEMENT in extensions:
        return CertificateKind.CPS_REMPLACANT
    if card_type == 1 or TRAINEE_PROFESSION in extensions:
        return CertificateKind.CPF
    if card_type == 2:
        return CertificateKind.CPE
    if card_type == 0 or PROFESSION in extensions:
        return CertificateKind.CPS
    return CertificateKind.OTHER


def _card_type(certificate: x509.Certificate) -> int | None:
    return _small_integer(certificate, CARD_TYPE)


def _profession(certificate: x509.Certificate, oid: x509.ObjectIdentifier) -> str:
    code = _small_integer(certificate, oid)
    return "" if code is None else str(code)


def _small_integer(certificate: x509.Certificate, oid: x509.ObjectIdentifier) -> int | None:
    """The value of an extension that is an INTEGER of one octet, as those of the IGC-CPS are."""
    try:
        extension = certificate.extensions.get_extension_for_oid(oid).value
    except x509.ExtensionNotFound:
        return None
    assert isinstance(extension, x509.UnrecognizedExtension)
    octets = extension.value
    return octets[2] if len(octets) == 3 and octets[:2] == b"\x02\x01" else None
