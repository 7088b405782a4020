"""The SignedProperties of a lot: when and with which certificate the signer says he signed (XADES 7.2)."""

import re
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA1 as HASH_SHA1
from cryptography.hazmat.primitives.hashes import SHA256 as HASH_SHA256
from lxml import etree

from dmpws.domain.checks import Report, Rule
from dmpws.pki.dn import Dn
from dmpws.pki.identity import identify
from dmpws.signature.parts import SHA1, SHA256, base64_text, check_sha1, elements, text_of, value_of
from dmpws.signature.rules import LOT, SIGNING_CERTIFICATE, SIGNING_TIME
from dmpws.xml.path import path_of

_CERT_DIGESTS = {
    SHA256: HASH_SHA256,
    "http://www.w3.org/2000/09/xmldsig#sha256": HASH_SHA256,  # no such URI exists, real clients write it here
    SHA1: HASH_SHA1,
}
_DATE_TIME = re.compile(r"[12]\d{3}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)")
_DTM = re.compile(r"[12]\d{3}(\d\d){0,5}")


def check_signing_certificate(
    properties: etree._Element, certificate: x509.Certificate, *, sha1: bool, report: Report
) -> None:
    """The first certificate of SigningCertificate is that of KeyInfo: digest, issuer and serial number.

    properties: the signed SignedProperties. sha1: whether SHA-1 is let in, with a warning.
    """
    first = _path(properties, "SignedSignatureProperties", "SigningCertificate", "Cert")
    method = _path(first, "CertDigest", "DigestMethod")
    algorithm = "" if method is None else method.get("Algorithm", "")
    if first is None or (hash_class := _CERT_DIGESTS.get(algorithm)) is None:
        report.failed(SIGNING_CERTIFICATE, found=f"CertDigest : {algorithm[:200] or 'absent'}", where=_where(first))
        return
    check_sha1(first, sha1=sha1, report=report, rule=LOT.sha1)
    expected = certificate.fingerprint(hash_class())
    digest = value_of(_path(first, "CertDigest", "DigestValue"))
    serial = text_of(_path(first, "IssuerSerial", "X509SerialNumber"))
    issuer = text_of(_path(first, "IssuerSerial", "X509IssuerName"))
    wanted = identify(certificate).issuer
    problem: tuple[str, str] | None = None
    if digest != expected:
        problem = f"empreinte {base64_text(expected)}", f"empreinte {base64_text(digest or b'')[:100]}"
    elif not re.fullmatch(r"\d{1,60}", serial) or int(serial) != certificate.serial_number:
        problem = f"n° {certificate.serial_number}", f"n° {serial[:100]}"
    elif not _same_name(issuer, wanted):
        problem = str(wanted), issuer[:300]
    if problem is None:
        report.passed(SIGNING_CERTIFICATE)
    else:
        report.failed(SIGNING_CERTIFICATE, expected=problem[0], found=problem[1], where=_where(first))


def signing_time(properties: etree._Element, report: Report) -> datetime | None:
    """SigningTime, aware; None, with a failed check, when it is not a date and time with its offset."""
    found = text_of(_path(properties, "SignedSignatureProperties", "SigningTime"))
    try:
        if _DATE_TIME.fullmatch(found):
            return datetime.fromisoformat(found)
    except ValueError:
        pass
    expected = "une date et heure avec décalage, 2026-11-21T13:00:00+01:00"
    report.failed(SIGNING_TIME, expected=expected, found=found[:100] or "rien", where=path_of(properties))
    return None


def dtm(text: str) -> datetime | None:
    """First instant of a DTM of 4 to 14 digits, UTC (ITI TF-3 4.2.3.1.7); None when it is not one."""
    if not _DTM.fullmatch(text):
        return None
    try:
        return datetime.strptime(text + "00000101000000"[len(text) :], "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        return None


def check_near(
    instant: datetime, received_at: datetime, skew: timedelta, age: timedelta, rule: Rule, report: Report
) -> None:
    """`instant` is at most `skew` after reception and at most `age` before."""
    text = ""
    if instant > received_at + skew:
        text = f"{rule.title.split(' ')[0]} est dans le futur"
    elif instant < received_at - age:
        text = f"{rule.title.split(' ')[0]} est trop ancien"
    expected = f"entre {_shown(received_at - age)} et {_shown(received_at + skew)}"
    report.require(not text, rule, expected=expected, found=_shown(instant), text=text)


def _shown(instant: datetime) -> str:
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _path(element: etree._Element | None, *names: str) -> etree._Element | None:
    """First child of each name in turn, in the namespace of XAdES or of XML-DSig (both are seen)."""
    for name in names:
        if element is None:
            return None
        element = next((child for child in elements(element) if etree.QName(child).localname == name), None)
    return element


def _same_name(text: str, wanted: Dn) -> bool:
    try:
        return Dn.parse(text).matches(wanted)
    except ValueError:
        return False


def _where(element: etree._Element | None) -> str:
    return path_of(element) if element is not None else ""
