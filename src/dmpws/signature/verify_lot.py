"""Verification of the signature of a lot de soumission (ITI TF-3 5.5).

Order: form, algorithms, certificate and signer, cryptography, then what was signed: the lot and the properties.
A failed step does not hide the next one where that can still be read safely; nothing of the Manifest or of the
SignedProperties is read before their digests and the signature value are good.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from lxml import etree

from dmpws.domain.access import AuthMode
from dmpws.domain.checks import Report
from dmpws.domain.octets import Octets
from dmpws.pki.identity import identify
from dmpws.pki.trust import TrustStore
from dmpws.signature.canonical import INCLUSIVE
from dmpws.signature.engine import verify_core
from dmpws.signature.lot_form import LotForm, check_labels, read_form
from dmpws.signature.manifest import DOCUMENT_LIMITS, check_lot, check_manifest
from dmpws.signature.model import SEAL, LotEvidence, ReceivedLot, VerifiedLot
from dmpws.signature.parts import check_methods, check_sha1, key_info_certificate
from dmpws.signature.properties import check_near, check_signing_certificate, dtm, signing_time
from dmpws.signature.rules import DOCUMENTS, LOT, SIGNER, SIGNING_TIME, SUBMISSION_TIME, USAGE
from dmpws.signature.verdict import to_json
from dmpws.xml.parser import XmlLimits


@dataclass(frozen=True, slots=True)
class LotPolicy:
    """What is let in; each field says what it costs."""

    sha1_allowed: bool = False
    """True lets SHA-1 in with a warning: two documents with one digest are affordable (DMPWS D4)."""
    max_signing_skew: timedelta = timedelta(minutes=5)
    """How far SigningTime and submissionTime may be in the future: clocks of practices differ. A signer may
    post-date by as much."""
    max_signing_age: timedelta = timedelta(hours=72)
    """How far they may be in the past: a lot prepared on Friday may leave on Monday. How long a signed lot that
    was never sent may be kept and sent; one that was accepted is refused again by its uniqueId (DMPWS D16)."""
    xml_document: XmlLimits = DOCUMENT_LIMITS
    """Bounds of a document that must be canonicalised: what a lot may cost in memory and time."""
    check_path: bool = True
    """False explains a signature without trusting its certificate; it makes no VerifiedLot."""
    check_lot: bool = True
    """False explains a signature without its documents; it makes no VerifiedLot."""


@dataclass(frozen=True, slots=True)
class ExpectedSigner:
    """Who may sign, from the verified VIHF (GI-DMP EX_GEN-1450, DMPWS D7)."""

    mode: AuthMode
    person: str
    """PS_IdNat: NameID of a DIRECTE VIHF."""
    structures: frozenset[str]
    """Struct_IdNat whose seal may sign in the indirect modes: the structure, and the EJ it is attached to."""


@dataclass(frozen=True, slots=True)
class Signed:
    """What a good signature signs, parsed from the canonical forms."""

    manifest: etree._Element
    properties: etree._Element


def examine(
    lot: ReceivedLot, *, policy: LotPolicy, trust: TrustStore | None, signer: ExpectedSigner | None
) -> tuple[Report, VerifiedLot | None]:
    """Check the signature of a lot and report every check.

    signer: None when nobody says who signs (profile without VIHF). The VerifiedLot comes only with a report
    without failure and a policy that checks everything. Raises ValueError when the path must be checked and
    `trust` is None.
    """
    if policy.check_path and trust is None:
        raise ValueError("a path is checked against a trust store")
    report = Report()
    if (form := read_form(lot.signature, report)) is None:
        return report, None
    check_labels(form, lot.signature_unique_id, report)
    certificate = key_info_certificate(form.root, report, LOT)
    path, subject = None, ""
    if certificate is not None:
        subject = check_signer(certificate, signer, report)
        if policy.check_path and trust is not None:
            path = trust.validate(certificate, lot.received_at, report, where="KeyInfo du lot")
    signed = read_signed(form, certificate, sha1=policy.sha1_allowed, report=report)
    if signed is None or certificate is None:
        return report, None
    documents: dict[str, Octets | None] = {d.unique_id: d.octets for d in lot.documents}
    references = check_manifest(signed.manifest, sha1=policy.sha1_allowed, report=report)
    if len(documents) != len(lot.documents):
        report.failed(DOCUMENTS, found="deux documents du lot ont le même uniqueId")
    if policy.check_lot:
        check_lot(references, lot.submission_set_unique_id, documents, policy.xml_document, report)
    check_signing_certificate(signed.properties, certificate, sha1=policy.sha1_allowed, report=report)
    signed_at = _check_times(signed, lot, policy, report)
    if path is None or signed_at is None or not policy.check_lot or not report.ok:
        return report, None
    evidence = LotEvidence(lot.signature, path.chain, path.crl_numbers, lot.received_at, to_json(report))
    return report, VerifiedLot(subject, signed_at, tuple(documents), evidence, SEAL)


def verify(lot: ReceivedLot, *, policy: LotPolicy, trust: TrustStore, signer: ExpectedSigner | None) -> VerifiedLot:
    """Check the signature of a lot. Raises Refused with every failed check."""
    if not (policy.check_path and policy.check_lot):
        raise ValueError("a policy that does not check everything verifies nothing")
    report, verified = examine(lot, policy=policy, trust=trust, signer=signer)
    report.raise_failures()
    assert verified is not None
    return verified


def check_signer(certificate: x509.Certificate, signer: ExpectedSigner | None, report: Report) -> str:
    """Check usage and owner of the signing certificate; return its subject."""
    identity = identify(certificate)
    subject = str(identity.subject)
    report.require(
        identity.signs,
        USAGE,
        expected="keyUsage nonRepudiation ou EKU emailProtection",
        found=f"{identity.kind} {subject}",
        text="" if identity.signs else "Le certificat ayant signé le lot est invalide : il ne sert pas à signer",
    )
    if signer is None:
        report.skipped(SIGNER, "aucun VIHF ne dit qui signe")
        return subject
    direct = signer.mode is AuthMode.DIRECTE
    allowed = {signer.person} if direct else signer.structures
    owner = identity.person if direct else identity.structure
    report.require(
        bool(owner) and owner in allowed,
        SIGNER,
        expected=("carte " if direct else "cachet ") + " ou ".join(sorted(allowed)),
        found=owner or subject,
    )
    return subject


def read_signed(form: LotForm, certificate: x509.Certificate | None, *, sha1: bool, report: Report) -> Signed | None:
    """Verify the cryptography of a signature of good form; None, with a failed check, when it is not good."""
    signed_info = form.root[0]
    known = check_methods(signed_info, INCLUSIVE, report, LOT)
    check_sha1(signed_info, sha1=sha1, report=report, rule=LOT.sha1)
    if certificate is None or not known:
        return None
    parts = verify_core(form.root, form.root, certificate, report, LOT)
    if parts is None:
        return None
    found = {(part.tag, part.get("Id")): part for part in parts if part is not None}
    wanted = [(part.tag, part.get("Id")) for part in (form.manifest, form.qualifying[0])]
    if len(parts) != 2 or set(wanted) != set(found):  # the form makes it impossible, this makes it sure
        report.failed(LOT.content, found="autre chose que Manifest et SignedProperties")
        return None
    return Signed(*(found[key] for key in wanted))


def _check_times(signed: Signed, lot: ReceivedLot, policy: LotPolicy, report: Report) -> datetime | None:
    skew, age = policy.max_signing_skew, policy.max_signing_age
    if (signed_at := signing_time(signed.properties, report)) is not None:
        check_near(signed_at, lot.received_at, skew, age, SIGNING_TIME, report)
    if not policy.check_lot:
        return signed_at
    if (submitted := dtm(lot.submission_time)) is None:
        report.failed(SUBMISSION_TIME, expected="AAAAMMJJhhmmss", found=lot.submission_time[:100] or "rien")
    else:
        check_near(submitted, lot.received_at, skew, age, SUBMISSION_TIME, report)
    return signed_at
