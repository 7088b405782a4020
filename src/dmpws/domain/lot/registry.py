"""The lot against what the registry holds: uniqueIds already there, documents replaced (DMPWS D16 and D32)."""

from collections.abc import Mapping

from dmpws.domain.cda import CdaHeader
from dmpws.domain.checks import Report, Rule
from dmpws.domain.document import (
    INVISIBLE_PATIENT,
    INVISIBLE_REPRESENTANTS_LEGAUX,
    DocumentEntry,
    Status,
    StoredEntry,
    Submission,
)
from dmpws.domain.lot.associations import replacements
from dmpws.domain.lot.depositor import AUTHOR, TEXT, expected_author
from dmpws.domain.lot.facts import Depositor, LotFacts, RegistryFacts
from dmpws.domain.lot.relations import DOCUMENT, REGISTERED, SAME_PATIENT, check_relations
from dmpws.domain.lot.vsm import is_vsm
from dmpws.domain.octets import Octets

SET_KNOWN = Rule(
    "REG-SET", "Le uniqueId du lot n'est pas déjà enregistré", "DMPWS D16", "XDSDuplicateUniqueIdInRegistry"
)
KNOWN = Rule("REG-KNOWN", "Le uniqueId du document n'est pas déjà enregistré", "DMPWS D16", "XDSRegistryMetadataError")
HASH = Rule("REG-HASH", "Un uniqueId déjà enregistré désigne les mêmes octets", "DMPWS D16", "XDSNonIdenticalHash")
SIZE = Rule("REG-SIZE", "Un uniqueId déjà enregistré désigne les mêmes octets", "DMPWS D16", "XDSNonIdenticalSize")
TARGET = Rule("REG-RPLC-TARGET", "Le document à remplacer est enregistré", "DMPWS D32", "UnresolvedReferenceException")
TARGET_PATIENT = Rule(
    "REG-RPLC-PATIENT",
    "Le document à remplacer est celui du même patient",
    "DMPWS D32",
    "XDSPatientIdDoesNotMatch",
)
TARGET_STATUS = Rule(
    "REG-RPLC-STATUS", "Le document à remplacer est en vigueur", "DMPWS D32", "XDSRegistryDeprecatedDocumentError"
)
TARGET_KIND = Rule("REG-RPLC-KIND", "Une signature de lot ne se remplace pas", "DMPWS D32", "XDSReplaceFailed")
VISIBLE = Rule(
    "REG-RPLC-VISIBLE",
    "Un document déjà visible ne redevient pas invisible",
    "GI-DMP EX_2.1-1050",
    "XDSReplaceFailed",
)
_SHOWN = 200
NEW_ID = "un uniqueId nouveau"
STILL_VISIBLE = "ni INVISIBLE_PATIENT ni INVISIBLE_REPRESENTANTS_LEGAUX de plus"
PARENT = Rule(
    "CDA-PARENT",
    "relatedDocument du CDA désigne le document remplacé",
    "DMPWS D17",
    "XDSRepositoryMetadataError",
)


def check_registry(submission: Submission, facts: LotFacts, registry: RegistryFacts, report: Report) -> None:
    """Check the uniqueIds of a lot, its replacements and its other ties against the registry."""
    check_set_known(submission, registry, report)
    for entry in submission.entries:
        known = registry.entries.get(entry.unique_id)
        if known and check_same(entry, known[0], facts.octets.get(entry.id), report):
            report.failed(KNOWN, expected=NEW_ID, found=f"uniqueId={entry.unique_id}", where=entry.id)
        elif not known and entry.unique_id in registry.taken:
            found = f"uniqueId={entry.unique_id}, d'un lot ou d'un classeur"
            report.failed(KNOWN, expected=NEW_ID, found=found, where=entry.id)
    entries = {e.id: e for e in submission.entries}
    for association in replacements(submission):
        if new := entries.get(association.source):
            _check_replacement(new, association.target, facts, registry.targets, report)
    check_relations(submission, facts, registry, report)


def check_set_known(submission: Submission, registry: RegistryFacts, report: Report) -> None:
    """Check that the uniqueId of the submission set is new."""
    unique_id = submission.submission_set.unique_id
    ok = not (registry.set_known or registry.entries.get(unique_id))
    found = f"lot, uniqueId={unique_id[:_SHOWN]}"
    report.require(ok, SET_KNOWN, expected=NEW_ID, found=found, where=submission.submission_set.id)


def check_same(entry: DocumentEntry, known: StoredEntry, octets: Octets | None, report: Report) -> bool:
    """Check that a document is the registered one of the same uniqueId."""
    found = f"uniqueId={entry.unique_id[:_SHOWN]}"
    same_hash = octets is not None and octets.sha1 == known.hash
    same_size = octets is not None and octets.size == known.size
    if not same_hash:
        report.failed(HASH, expected=NEW_ID, found=f"{found}, d'un autre hash", where=entry.id)
    if not same_size:
        report.failed(SIZE, expected=NEW_ID, found=f"{found}, d'une autre taille", where=entry.id)
    return same_hash and same_size


def _check_replacement(
    new: DocumentEntry, target: str, facts: LotFacts, targets: Mapping[str, StoredEntry], report: Report
) -> None:
    old = check_replaced(new, target, facts.record.id, targets, report)
    if old is None:
        return
    found = f"une signature, {target}"
    report.require(not old.is_signature, TARGET_KIND, expected=DOCUMENT, found=found, where=new.id)
    if not (is_vsm(new) and old.id in facts.replaceable):
        _check_author(facts.depositor, old, new.id, report)
    hidden = (new.visibility - old.visibility) & {INVISIBLE_PATIENT, INVISIBLE_REPRESENTANTS_LEGAUX}
    report.require(not hidden, VISIBLE, expected=STILL_VISIBLE, found=", ".join(sorted(hidden)), where=new.id)
    _check_parent(facts.headers.get(new.id), old, new.id, report)


def check_replaced(
    new: DocumentEntry, target: str, patient: int, targets: Mapping[str, StoredEntry], report: Report
) -> StoredEntry | None:
    """Check that what a document replaces is registered, this patient's and in force; return it when it is his."""
    old = targets.get(target.lower())
    if not report.require(old is not None, TARGET, expected=REGISTERED, found=target, where=new.id) or old is None:
        return None
    found = f"un autre, {target}"
    if not report.require(old.patient == patient, TARGET_PATIENT, expected=SAME_PATIENT, found=found, where=new.id):
        return None
    current = old.status is Status.APPROVED and old.latest
    status = old.status.rpartition(":")[2] if old.latest else "version antérieure"
    report.require(current, TARGET_STATUS, expected="Approved", found=status, where=new.id)
    return old


def _check_author(depositor: Depositor, old: StoredEntry, where: str, report: Report) -> None:
    ok = depositor.is_author_of(old)
    expected = f"{expected_author(depositor)} du document remplacé"
    report.require(ok, AUTHOR, expected=expected, found="" if ok else "un autre", where=where, text="" if ok else TEXT)


def _check_parent(header: CdaHeader | None, old: StoredEntry, where: str, report: Report) -> None:
    if header is None or not header.replaces:
        return
    found = ", ".join(header.replaces)[:200]
    report.require(old.unique_id in header.replaces, PARENT, expected=old.unique_id, found=found, where=where)
