"""Years later: show that a lot was good when it was received, from what was kept with it."""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from dmpws.domain.checks import Outcome, Refused, Report
from dmpws.domain.octets import Octets
from dmpws.pki.path import Link, PathBuilder, by_name
from dmpws.pki.trust import load_certificate
from dmpws.signature.lot_form import read_form
from dmpws.signature.manifest import DOCUMENT_LIMITS, check_lot, check_manifest
from dmpws.signature.model import LotEvidence, ReceivedLot
from dmpws.signature.parts import key_info_certificate
from dmpws.signature.properties import check_signing_certificate
from dmpws.signature.rules import EVIDENCE, LOT, VERDICT
from dmpws.signature.verdict import outcomes
from dmpws.signature.verify_lot import check_signer, read_signed
from dmpws.xml.parser import XmlLimits


def reexamine(
    evidence: LotEvidence,
    lot: ReceivedLot,
    *,
    erased: Collection[str] = (),
    limits: XmlLimits = DOCUMENT_LIMITS,
) -> Report:
    """Verify again a lot that was accepted, as of its reception.

    lot: what the registry and the repository hold today: signature octets, identifiers and the documents that
    still have octets. erased: uniqueId of the documents whose octets were erased since (DMPWS D29).
    limits: of a document that must be canonicalised, at least those of its reception.

    The signature, the digests and the chain are computed again; the chain is the stored one, at the time of
    reception, so that authorities may have changed since. Revocation and dates of signing are those of the kept
    verdict, with the numbers of the lists that were consulted.
    """
    report = Report()
    sha1 = _check_verdict(evidence, lot.signature, report)
    if (form := read_form(evidence.signature, report)) is None:
        return report
    certificate = key_info_certificate(form.root, report, LOT)
    if certificate is not None:
        check_signer(certificate, None, report)
        _check_chain(certificate, evidence, report)
    signed = read_signed(form, certificate, sha1=sha1, report=report)
    if signed is None or certificate is None:
        return report
    documents: dict[str, Octets | None] = dict.fromkeys(erased)
    documents.update({document.unique_id: document.octets for document in lot.documents})
    references = check_manifest(signed.manifest, sha1=sha1, report=report)
    check_lot(references, lot.submission_set_unique_id, documents, limits, report)
    check_signing_certificate(signed.properties, certificate, sha1=sha1, report=report)
    return report


def _check_verdict(evidence: LotEvidence, stored: bytes, report: Report) -> bool:
    """The kept verdict accepts; returns whether it let SHA-1 in."""
    problem = "" if stored == evidence.signature else "la signature de l'entrepôt n'est pas celle de la preuve"
    found: set[tuple[str, Outcome]] = set()
    try:
        found = outcomes(evidence.verdict)
    except ValueError as error:
        problem = problem or f"verdict illisible ou défavorable : {error}"[:200]
    report.require(not problem, VERDICT, found=problem or f"reçu le {evidence.received_at.astimezone(UTC):%d/%m/%Y}")
    return (LOT.sha1.id, Outcome.WARNED) in found


def _check_chain(certificate: x509.Certificate, evidence: LotEvidence, report: Report) -> None:
    """The stored chain is a path from the certificate of the signature, within dates at reception."""
    lists = ", ".join(f"CRL n° {number} de {issuer}" for issuer, number in evidence.crl_numbers)
    problem = _problem(certificate, evidence.chain, evidence.received_at)
    report.require(not problem, EVIDENCE, found=problem or lists or "aucune CRL consultée")


def _problem(certificate: x509.Certificate, chain: Sequence[bytes], at: datetime) -> str:
    if not chain or chain[0] != certificate.public_bytes(Encoding.DER):
        return "la chaîne n'est pas celle du certificat signataire"
    try:
        issuers = [load_certificate(der) for der in chain[1:]]
    except Refused as refused:
        return refused.message
    links = [Link(issuer, anchor=issuer is issuers[-1]) for issuer in issuers]
    builder = PathBuilder(by_name(links))
    paths = builder.paths(Link(certificate))
    if not paths:
        return builder.problem
    if tuple(chain) not in [tuple(link.der for link in path) for path in paths]:
        return "la chaîne n'est pas un chemin de certification"
    late = [c for c in (certificate, *issuers) if not c.not_valid_before_utc <= at <= c.not_valid_after_utc]
    return f"hors de sa validité à la réception : {late[0].subject.rfc4514_string()}" if late else ""
