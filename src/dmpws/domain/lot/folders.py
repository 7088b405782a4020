"""The metadata of folders (ITI TF-3 4.2.3.4). No value set is published for codeList: none is checked (DMPWS D92)."""

from dmpws.domain.checks import Report, Rule
from dmpws.domain.datatypes import is_oid
from dmpws.domain.document import Folder, Submission
from dmpws.domain.lot.facts import LotFacts
from dmpws.domain.lot.metadata import LONGEST_TITLE, check_patient

_METADATA = "XDSRegistryMetadataError"
REQUIRED = Rule("FOLDER-REQUIRED", "Une métadonnée obligatoire du classeur est présente", "ITI TF-3 4.2.3.4", _METADATA)
UNIQUE_ID = Rule("FOLDER-UNIQUE-ID", "Le uniqueId d'un classeur est un OID", "ITI TF-3 4.2.3.4", _METADATA)
TITLE = Rule("FOLDER-TITLE", "Le titre d'un classeur a 128 caractères au plus", "ITI TF-3 4.2.3.4", _METADATA)
LOGICAL_ID = Rule(
    "FOLDER-LOGICAL-ID", "lid, à l'alimentation, est absent ou égal à id", "ITI TF-2 3.42.4.1.3", _METADATA
)


def check_folders(submission: Submission, facts: LotFacts, report: Report) -> None:
    """Check each folder of a lot."""
    for folder in submission.folders:
        _check_folder(folder, facts, report)


def _check_folder(folder: Folder, facts: LotFacts, report: Report) -> None:
    where = folder.id
    required = {
        "uniqueId": folder.unique_id,
        "patientId": folder.patient_id,
        "title": folder.title,
        "codeList": folder.codes,
    }
    for name, value in required.items():
        report.require(bool(value), REQUIRED, expected=name, found="" if value else "rien", where=where)
    if folder.unique_id:
        report.require(is_oid(folder.unique_id), UNIQUE_ID, expected="un OID", found=folder.unique_id, where=where)
    check_patient(folder.patient_id, where, facts, report)
    ok = len(folder.title) <= LONGEST_TITLE
    report.require(ok, TITLE, expected="au plus 128", found=f"{len(folder.title)} caractères", where=where)
    ok = folder.lid in ("", folder.id)
    report.require(ok, LOGICAL_ID, expected=folder.id, found=folder.lid, where=where)
