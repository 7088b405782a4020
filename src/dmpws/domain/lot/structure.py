"""How a lot is built: members, associations, signature entry (ITI TF-3 4.2.1.4)."""

from collections import Counter

from dmpws.domain.checks import Report, Rule
from dmpws.domain.code import Code
from dmpws.domain.datatypes import Cx
from dmpws.domain.document import (
    INVISIBLE_PATIENT,
    MASQUE_PS,
    SIGNATURE_CLASS,
    SIGNS,
    DocumentEntry,
    Submission,
    SubmissionSet,
)
from dmpws.domain.lot.associations import check_associations

_METADATA = "XDSRegistryMetadataError"
UNIQUE_IDS = Rule(
    "LOT-UNIQUE-IDS",
    "Un uniqueId n'apparaît qu'une fois dans le message",
    "ITI TF-2 3.42.4.1.3",
    "XDSRegistryDuplicateUniqueIdInMessage",
)
DOCUMENT = Rule("LOT-DOCUMENT", "Le lot contient au moins un document", "DMP-FRAME TD2.1", _METADATA)
SIGNATURE = Rule("LOT-SIGNATURE", "Le lot contient une signature et une seule", "DMP-FRAME TD2.1", _METADATA)
SIGNATURE_ENTRY = Rule(
    "LOT-SIGNATURE-ENTRY", "La fiche de signature porte les métadonnées imposées", "DMP-FRAME TD2.1", _METADATA
)
SIGNATURE_USUAL = Rule(
    "LOT-SIGNATURE-USUAL", "La fiche de signature porte les métadonnées d'usage", "DMP-FRAME TD2.1", _METADATA
)
SIGNATURE_LINK = Rule("LOT-SIGNATURE-LINK", "La signature est reliée au lot par signs", "DMP-FRAME TD2.1", _METADATA)

SIGNATURE_FORMATS = (
    Code("http://www.w3.org/2000/09/xmldsig#", "URN"),
    Code("urn:ihe:iti:dsg:detached:2014", "1.3.6.1.4.1.19376.1.2.3"),
)
SIGNATURE_LEVEL = "N"
SIGNATURE_PURPOSE = Code("1.2.840.10065.1.12.1.14", "1.2.840.10065.1.12", "Source")


def check_structure(submission: Submission, report: Report, *, signed: bool) -> None:
    """Check members, association ends, uniqueIds and, of a lot that is signed, the signature entry."""
    check_associations(submission, report)
    check_unique_ids(submission, report)
    if signed:
        _check_signature(submission, report)


def check_unique_ids(submission: Submission, report: Report) -> None:
    """Check that no uniqueId comes twice in a message."""
    unique_ids = [submission.submission_set.unique_id, *(e.unique_id for e in submission.entries)]
    unique_ids += [folder.unique_id for folder in submission.folders]
    for unique_id, times in Counter(unique_ids).items():
        if unique_id and times > 1:
            report.failed(UNIQUE_IDS, expected="1 fois", found=f"uniqueId={unique_id}, {times} fois", where=unique_id)


def _check_signature(submission: Submission, report: Report) -> None:
    signatures = [e for e in submission.entries if e.is_signature]
    report.require(len(signatures) < len(submission.entries), DOCUMENT, expected="au moins 1", found="0")
    report.require(len(signatures) == 1, SIGNATURE, expected="1", found=str(len(signatures)))
    for entry in signatures:
        for name, expected, found, ok in _signature_metadata(entry):
            report.require(ok, SIGNATURE_ENTRY, expected=f"{name} {expected}", found=found or "rien", where=entry.id)
        for name, expected, found in _unusual(entry, submission.submission_set):
            report.warned(SIGNATURE_USUAL, expected=f"{name} {expected}", found=found or "rien", where=entry.id)
        signed = {a.target for a in submission.associations if a.type == SIGNS and a.source == entry.id}
        lot = submission.submission_set.id
        found = ", ".join(sorted(signed))[:200] or "rien"
        report.require(lot in signed, SIGNATURE_LINK, expected=f"{entry.id} vers {lot}", found=found, where=entry.id)


def _signature_metadata(entry: DocumentEntry) -> list[tuple[str, str, str, bool]]:
    """The imposed values: attribute, expected, found, whether it is right."""
    formats = [f.code for f in SIGNATURE_FORMATS]
    events = [e.code for e in entry.event_codes]
    codes = {SIGNATURE_LEVEL, MASQUE_PS, INVISIBLE_PATIENT}
    found = {c.code for c in entry.confidentiality}
    return [
        ("mimeType", "text/xml", entry.mime_type, entry.mime_type == "text/xml"),
        ("languageCode", "art", entry.language, entry.language == "art"),
        ("classCode", SIGNATURE_CLASS.code, _code(entry.class_code), _is(entry.class_code, SIGNATURE_CLASS)),
        ("formatCode", " ou ".join(formats), _code(entry.format_code), _is(entry.format_code, *SIGNATURE_FORMATS)),
        (
            "eventCodeList",
            SIGNATURE_PURPOSE.code,
            ", ".join(events),
            any(e.same(SIGNATURE_PURPOSE) for e in entry.event_codes),
        ),
        ("confidentialityCode", " et ".join(sorted(codes)), ", ".join(sorted(found)), codes <= found),
    ]


def _unusual(entry: DocumentEntry, lot: SubmissionSet) -> list[tuple[str, str, str]]:
    """What every known frame has and no rule imposes: attribute, expected, found, where it differs."""
    usual = [
        ("title", "Source", entry.title),
        ("creationTime", lot.submission_time, entry.creation_time),
        ("serviceStartTime", lot.submission_time, entry.service_start),
        ("serviceStopTime", lot.submission_time, entry.service_stop),
        ("sourcePatientId", Cx.parse(entry.patient_id).id, Cx.parse(entry.source_patient_id).id),
    ]
    return [(name, expected, found) for name, expected, found in usual if expected != found]


def _code(code: Code | None) -> str:
    return code.code if code else ""


def _is(code: Code | None, *expected: Code) -> bool:
    return code is not None and any(code.same(e) for e in expected)
