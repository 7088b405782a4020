"""What a lot ties to the registry besides replacements: additions, transformations, folders, references
(ITI TF-2 3.42.4.1.3)."""

from collections.abc import Collection, Iterable

from dmpws.domain.checks import Report, Rule
from dmpws.domain.document import APND, XFRM, Association, Status, StoredEntry, Submission
from dmpws.domain.lot.associations import dependents, folder_links, references, replacements, signatures
from dmpws.domain.lot.facts import LotFacts, RegistryFacts

_METADATA = "XDSRegistryMetadataError"
REGISTERED = "l'entryUUID d'un document enregistré"
_FOLDER = "l'entryUUID d'un classeur enregistré"
SAME_PATIENT = "le même patient"
DOCUMENT = "un document d'origine"
_REFERENCE = "ITI TF-2 3.42.4.1.3.5"
TARGET = Rule(
    "REG-TARGET", "L'objet auquel le lot se rattache est enregistré", _REFERENCE, "UnresolvedReferenceException"
)
TARGET_PATIENT = Rule(
    "REG-TARGET-PATIENT", "Les deux objets reliés sont du même patient", _REFERENCE, "XDSPatientIdDoesNotMatch"
)
TARGET_STATUS = Rule(
    "REG-TARGET-STATUS", "Le document relié est en vigueur", _REFERENCE, "XDSRegistryDeprecatedDocumentError"
)
TARGET_KIND = Rule("REG-TARGET-KIND", "Une signature de lot ne se relie pas", "DMPWS D14", _METADATA)
APPENDED = Rule("REG-APND-XFRM", "Une transformation ne se complète pas", _REFERENCE, _METADATA)
FOLDER_STATUS = Rule("REG-FOLDER-STATUS", "Le classeur est en vigueur", _REFERENCE, _METADATA)
NEW_UUID = Rule("REG-UUID", "L'id d'un objet nouveau n'est pas celui d'un autre", "DMPWS D211", _METADATA)
FOLDER_ID = Rule(
    "REG-FOLDER-ID",
    "Le uniqueId du classeur n'est pas déjà enregistré",
    "ITI TF-2 3.42.4.1.3",
    "XDSDuplicateUniqueIdInRegistry",
)


def check_relations(submission: Submission, facts: LotFacts, registry: RegistryFacts, report: Report) -> None:
    """Check everything a lot points to in the registry that it does not replace."""
    check_ids(ids_of(submission), registry.uuids, report)
    check_folder_ids(submission, registry, report)
    check_appended(submission, registry, report)
    links = folder_links(submission)
    for a in (*dependents(submission), *links, *references(submission)):
        old = check_target(a, submission, facts.record.id, registry, report)
        if old is not None:
            found = f"une signature, {a.target}"
            report.require(not old.is_signature, TARGET_KIND, expected=DOCUMENT, found=found, where=a.id)
    for a in links:
        check_folder_target(a, submission, facts.record.id, registry, report)


def ids_of(submission: Submission) -> list[str]:
    """The ids of the objects of a lot."""
    ids = [submission.submission_set.id, *(entry.id for entry in submission.entries)]
    return ids + [folder.id for folder in submission.folders] + [a.id for a in submission.associations]


def check_ids(ids: Iterable[str], known: Collection[str], report: Report) -> None:
    """Check that the UUIDs which a message gives to its objects are new. known: those that are not."""
    for name in ids:
        if name in known:
            report.failed(NEW_UUID, expected="un UUID nouveau", found=f"{name}, déjà enregistré", where=name)


def check_folder_ids(submission: Submission, registry: RegistryFacts, report: Report) -> None:
    """Check that the uniqueIds of new folders are new."""
    for folder in submission.folders:
        ok = folder.unique_id not in registry.taken
        found = f"classeur, uniqueId={folder.unique_id[:200]}"
        report.require(ok, FOLDER_ID, expected="un uniqueId nouveau", found=found, where=folder.id)


def check_appended(submission: Submission, registry: RegistryFacts, report: Report) -> None:
    """Check that nothing completes a transformation."""
    transformed = {a.source for a in submission.associations if a.type == XFRM} | registry.transforms
    for a in dependents(submission):
        ok = a.type != APND or transformed.isdisjoint({a.target, a.target.lower()})
        found = f"une transformation, {a.target}"
        report.require(ok, APPENDED, expected=DOCUMENT, found=found, where=a.id)


def relied_on(submission: Submission, registry: RegistryFacts) -> list[StoredEntry]:
    """The registered documents that a lot completes, transforms, refers to or puts in a folder."""
    ties = (*dependents(submission), *signatures(submission), *folder_links(submission), *references(submission))
    found = (registry.targets.get(a.target.lower()) for a in ties)
    return [entry for entry in found if entry is not None]


def check_target(
    a: Association, submission: Submission, patient: int | None, registry: RegistryFacts, report: Report
) -> StoredEntry | None:
    """Check the document that an association points to, unless it is in the message; return it when it is registered.

    patient: row of whom it must be; None: anybody's.
    """
    if a.target in {entry.id for entry in submission.entries}:
        return None
    old = registry.targets.get(a.target.lower())
    if not report.require(old is not None, TARGET, expected=REGISTERED, found=a.target, where=a.id) or old is None:
        return None
    ok, found = patient in (None, old.patient), f"un autre, {a.target}"
    if not report.require(ok, TARGET_PATIENT, expected=SAME_PATIENT, found=found, where=a.id):
        return None
    status = old.status.rpartition(":")[2] if old.latest else "version antérieure"
    if a.target.lower() in {r.target.lower() for r in replacements(submission)}:
        status = "remplacé par ce lot"  # what completes it would be obsolete from the start
    report.require(status == "Approved", TARGET_STATUS, expected="Approved", found=status, where=a.id)
    return old


def check_folder_target(
    a: Association, submission: Submission, patient: int, registry: RegistryFacts, report: Report
) -> None:
    """Check the folder that an association fills, unless it is in the message."""
    if any(a.source == folder.id for folder in submission.folders):
        return
    folder = registry.folders.get(a.source.lower())
    if not report.require(folder is not None, TARGET, expected=_FOLDER, found=a.source, where=a.id) or folder is None:
        return
    found = f"un autre, {a.source}"
    if report.require(folder.patient == patient, TARGET_PATIENT, expected=SAME_PATIENT, found=found, where=a.id):
        current = folder.status is Status.APPROVED and folder.latest
        report.require(current, FOLDER_STATUS, expected="Approved", found=folder.status.name, where=a.id)
