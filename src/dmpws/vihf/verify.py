"""The verdict on a VIHF: every check, in order, and the only maker of `VerifiedVihf`.

1. The octets of the assertion alone are parsed and their signature verified; everything said about the token
   afterwards is read from what the signature covers (`EnvelopedSignature.signed`), or from the received
   assertion when there is no signature to speak of. After a bad signature the checks go on, only to explain:
   no verdict can come of them.
2. A check that fails does not stop the next one, so that a report shows everything; the first failure gives
   the code of the refusal.
3. The single use of an AIR token comes last and only after a clean report: a refused token is not burnt.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from cryptography import x509
from lxml import etree

from dmpws.domain.access import AuthMode
from dmpws.domain.checks import Check, Outcome, Refused, Report, refusal
from dmpws.domain.directory import Directory, TokenMemory
from dmpws.domain.software import Software
from dmpws.pki.trust import TrustStore, load_certificate
from dmpws.signature.core import verify_enveloped
from dmpws.soap.message import TlsFacts
from dmpws.vihf import access, certificates, content, form, identity, rules, token, workplace
from dmpws.vihf.model import SEAL, VerifiedVihf
from dmpws.vihf.policy import SoftwarePolicy, VihfPolicy
from dmpws.vihf.subject import Holder, Subject, holder, shown
from dmpws.xml import names
from dmpws.xml.parser import XmlLimits, parse

LIMITS = XmlLimits(octets=256 * 1024, tags=4000, depth=30)
"""Real tokens have 4 to 9 KB and 60 tags."""

LONGEST_KEPT = 32 * 1024
"""Octets of a token whose verdict is kept: 256 of them cost 8 MB at most."""

_ASSERTION = f"{{{names.SAML}}}Assertion"
_SIGNATURE = f"{{{names.DS}}}Signature"


def only(assertions: Sequence[bytes]) -> bytes:
    """Return the assertion of a security header. Raises Refused when there is none, or more than one."""
    if len(assertions) != 1:
        raise refusal(rules.ONE_ASSERTION, expected="1", found=str(len(assertions)), where="wsse:Security")
    return assertions[0]


def verify(
    octets: bytes,
    *,
    tls: TlsFacts | None,
    policy: VihfPolicy,
    trust: TrustStore,
    directory: Directory,
    memory: TokenMemory,
    now: datetime,
) -> VerifiedVihf:
    """Return the verified token. Raises Refused with every failed check."""
    report, verified = examine(octets, tls=tls, policy=policy, trust=trust, directory=directory, memory=memory, now=now)
    report.raise_failures()
    assert verified is not None
    return verified


def examine(
    octets: bytes,
    *,
    tls: TlsFacts | None,
    policy: VihfPolicy,
    trust: TrustStore,
    directory: Directory,
    memory: TokenMemory | None,
    now: datetime,
) -> tuple[Report, VerifiedVihf | None]:
    """Check a token and say everything that was seen.

    octets: one saml2:Assertion, alone. tls: the client's certificate, None when there was no TLS connection.
    memory: of used AIR tokens; None refuses none but verifies none either. now: aware UTC.
    """
    report, connection = Report(), Report()
    received = (_read_once if len(octets) <= LONGEST_KEPT else _read)(octets, policy.sha1)
    if received.token is None:
        report.checks.extend(received.checks)
        return report, None
    subject = Subject(
        token=received.token,
        carries_signature=received.carries_signature,
        signer=holder(received.signer, "certificat signataire") if received.signer else None,
        client=_client(tls, connection),
        policy=policy,
        directory=directory,
        now=now,
        report=report,
    )
    form.check(subject)
    report.checks.extend(received.checks)
    _tls(subject, tls)
    report.checks.extend(connection.checks)
    certificates.check(subject, trust)
    identity.check(subject)
    workplace.check(subject)
    software = content.check(subject)
    # Where any number will do, an approval limits nothing (DMPWS D35).
    approved = software if policy.software is SoftwarePolicy.LISTED else None
    return report, _verdict(subject, memory, approved)


@dataclass(frozen=True, slots=True)
class _Received:
    """What the octets of a token alone decide, whoever sends it and whenever.

    token: None when there is none to read. checks: of its form, or of its signature. signer: None when unsigned, or
    when the signature is not good.
    """

    token: token.Token | None
    checks: tuple[Check, ...]
    carries_signature: bool = False
    signer: x509.Certificate | None = None


def _read(octets: bytes, sha1: bool) -> _Received:
    """Parse a token and verify its signature; what is read is what the signature covers."""
    try:
        root = parse(octets, LIMITS)
    except Refused as refused:
        return _Received(None, refused.checks)
    report = Report()
    if root.tag != _ASSERTION:
        report.failed(rules.FORM, expected=_ASSERTION, found=shown(str(root.tag)), where="/")
        return _Received(None, tuple(report.checks))
    carries_signature = next(root.iter(_SIGNATURE), None) is not None
    signature = verify_enveloped(octets, sha1=sha1, report=report) if carries_signature else None
    # The canonical form leaves comments out: whatever is in them was signed by nobody.
    foreign = next(root.iter(etree.Comment, etree.PI), None)
    if foreign is not None:
        report.failed(rules.COMMENTS, found=shown(etree.tostring(foreign, with_tail=False, encoding="unicode")))
    read = token.read(root if signature is None else signature.signed)
    return _Received(read, tuple(report.checks), carries_signature, signature.certificate if signature else None)


# Software uses a token for many calls (DMPWS D2). The same octets always give the same verdict on their signature;
# everything that depends on the moment or the connection is checked again at every call.
_read_once = lru_cache(maxsize=256)(_read)


@lru_cache(maxsize=256)
def _loaded(der: bytes) -> x509.Certificate:
    """Loading takes longer than validating; a connection sends the same certificate with every call."""
    return load_certificate(der)


def _client(tls: TlsFacts | None, report: Report) -> Holder | None:
    """The holder of the TLS certificate; a certificate the library cannot load is a failed check."""
    if tls is None:
        return None
    try:
        return holder(_loaded(tls.certificate), "certificat TLS")
    except Refused as refused:
        report.checks.extend(refused.checks)
        return None


def _tls(subject: Subject, tls: TlsFacts | None) -> None:
    if tls is None and not subject.policy.tls_certificate:
        subject.report.skipped(rules.TLS_PRESENT, "pas de connexion TLS à examiner")
    else:
        subject.report.require(
            tls is not None, rules.TLS_PRESENT, expected="un certificat client", found="" if tls else "aucun"
        )


def _verdict(subject: Subject, memory: TokenMemory | None, software: Software | None) -> VerifiedVihf | None:
    report = subject.report
    if not report.ok or (subject.carries_signature and subject.signer is None):
        return None
    issued_at = form.instant(subject.token.issue_instant)
    assert issued_at is not None
    if subject.mode is AuthMode.INDIRECTE_RENFORCEE:
        if memory is None:
            report.skipped(rules.SINGLE_USE, "pas de mémoire des jetons déjà servis")
            return None
        # Remembered a little longer than the token can be accepted, whatever the clocks of the workers.
        expires_at = issued_at + subject.policy.air_max_age + subject.policy.max_future
        if not report.require(
            memory.remember(subject.token.id, expires_at=expires_at),
            rules.SINGLE_USE,
            expected="un premier usage",
            found=shown(subject.token.id),
            where="@ID",
        ):
            return None
    return _verified(subject, issued_at, software)


def _verified(subject: Subject, issued_at: datetime, software: Software | None) -> VerifiedVihf:
    read, mode, card = subject.token, subject.mode, subject.client or subject.signer
    patient = content.resource_id(read.text(token.RESOURCE_ID))
    purpose = access.purpose(read.code(token.PURPOSE))
    assert mode and card and patient and purpose
    return VerifiedVihf(
        id=read.id,
        issued_at=issued_at,
        issuer=read.issuer,
        name_id=read.name_id,
        mode=mode,
        version=read.text(token.VERSION),
        structure=read.text(token.STRUCTURE),
        sector=workplace.sector_code(read.text(token.SECTOR)),
        subject_id=read.text(token.SUBJECT_ID),
        roles=read.codes(token.ROLE),
        patient=patient,
        purpose=purpose,
        secret_connection=access.is_secret(subject),
        reason=read.text(token.REASON),
        software_id=read.text(token.LPS_ID),
        software_name=read.text(token.LPS_NAME),
        software_version=read.text(token.LPS_VERSION),
        approval_number=read.text(token.APPROVAL),
        signed=subject.signer is not None,
        certificate_kind=str(card.identity.kind),
        certificate_serial=card.identity.serial,
        legal_entity=card.identity.structure,
        software=software,
        warnings=tuple(check.message for check in subject.report if check.outcome is Outcome.WARNED),
        seal=SEAL,
    )
