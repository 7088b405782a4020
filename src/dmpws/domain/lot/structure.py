"""How a lot is built: members, associations, signature entry (ITI TF-3 4.2.1.4)."""

from collections import Counter

from dmpws.domain import oids
from dmpws.domain.checks import Report, Rule
from dmpws.domain.code import Code
from dmpws.domain.document import (
    HAS_MEMBER,
    INVISIBLE_PATIENT,
    MASQUE_PS,
    RPLC,
    RPLC_2010,
    SIGNATURE_CLASS,
    SIGNS,
    Association,
    DocumentEntry,
    Submission,
)

_METADATA = "XDSRegistryMetadataError"
MEMBER = Rule("LOT-MEMBER", "Chaque fiche est reliée au lot par HasMember", "ITI TF-3 4.2.1.4", _METADATA)
MEMBER_STATUS = Rule("LOT-MEMBER-STATUS", "SubmissionSetStatus vaut Original", "ITI TF-3 4.2.1.4.1", _METADATA)
ASSOCIATION_TYPE = Rule(
    "LOT-ASSOCIATION-TYPE", "Le type d'association est HasMember, signs ou RPLC", "ITI TF-3 4.2.2", _METADATA
)
ASSOCIATION_END = Rule(
    "LOT-ASSOCIATION-END", "Une association relie des objets du message", "ITI TF-3 4.2.1.4", _METADATA
)
REPLACEMENT_SOURCE = Rule(
    "LOT-RPLC-SOURCE",
    "La source de RPLC est une fiche de document du lot",
    "ITI TF-2 3.42.4.1.3.5",
    "UnresolvedReferenceException",
)
REPLACEMENT_TARGET = Rule(
    "LOT-RPLC-TARGET",
    "La cible de RPLC est l'entryUUID d'une fiche déjà enregistrée",
    "DMPWS D32",
    "UnresolvedReferenceException",
)
REPLACEMENT_ONCE = Rule(
    "LOT-RPLC-ONCE", "Un document n'est remplacé que par un seul document", "DMPWS D32", "XDSReplaceFailed"
)
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
SIGNATURE_LINK = Rule("LOT-SIGNATURE-LINK", "La signature est reliée au lot par signs", "DMP-FRAME TD2.1", _METADATA)

REPLACEMENTS = frozenset({RPLC, RPLC_2010})
SIGNATURE_FORMATS = (
    Code("http://www.w3.org/2000/09/xmldsig#", "URN"),
    Code("urn:ihe:iti:dsg:detached:2014", "1.3.6.1.4.1.19376.1.2.3"),
)
SIGNATURE_PURPOSE = Code("1.2.840.10065.1.12.1.14", "1.2.840.10065.1.12", "Source")


def check_structure(submission: Submission, report: Report) -> None:
    """Check members, association ends, uniqueIds and the signature entry."""
    entries = {e.id: e for e in submission.entries}
    lot = submission.submission_set.id
    for association in submission.associations:
        _check_association(association, lot, entries, report)
    members = {a.target for a in submission.associations if a.type == HAS_MEMBER and a.source == lot}
    for entry_id in entries:
        report.require(entry_id in members, MEMBER, expected=f"{lot} vers {entry_id}", where=entry_id)
    replaced = Counter(a.target for a in submission.associations if a.type in REPLACEMENTS)
    for target, times in replaced.items():
        if times > 1:
            report.failed(REPLACEMENT_ONCE, expected="1", found=str(times), where=target)
    _check_unique_ids(submission, report)
    _check_signature(submission, report)


def replacements(submission: Submission) -> list[Association]:
    """The RPLC associations, both spellings."""
    return [a for a in submission.associations if a.type in REPLACEMENTS]


def _check_association(a: Association, lot: str, entries: dict[str, DocumentEntry], report: Report) -> None:
    where = a.id
    if a.type == HAS_MEMBER:
        ends = f"{a.source} vers {a.target}"
        ok = a.source == lot and a.target in entries
        report.require(ok, ASSOCIATION_END, expected=f"{lot} vers une fiche du message", found=ends, where=where)
        status = a.slots.get("SubmissionSetStatus", ())
        report.require(status in ((), ("Original",)), MEMBER_STATUS, found=", ".join(status), where=where)
    elif a.type == SIGNS:
        report.require(a.source in entries, ASSOCIATION_END, found=a.source, where=where)
        ok = a.target == lot or a.target in entries
        report.require(ok, ASSOCIATION_END, found=a.target, where=where)
    elif a.type in REPLACEMENTS:
        source = entries.get(a.source)
        ok = source is not None and not source.is_signature
        report.require(ok, REPLACEMENT_SOURCE, found=a.source, where=where)
        ok = a.target.startswith("urn:uuid:") and a.target not in entries
        report.require(ok, REPLACEMENT_TARGET, expected="urn:uuid:…", found=a.target, where=where)
    else:
        report.failed(ASSOCIATION_TYPE, found=a.type, where=where)


def _check_unique_ids(submission: Submission, report: Report) -> None:
    unique_ids = [submission.submission_set.unique_id, *(e.unique_id for e in submission.entries)]
    for unique_id, times in Counter(unique_ids).items():
        if unique_id and times > 1:
            report.failed(UNIQUE_IDS, found=f"uniqueId={unique_id}, {times} fois", where=unique_id)


def _check_signature(submission: Submission, report: Report) -> None:
    signatures = [e for e in submission.entries if e.is_signature]
    report.require(len(signatures) < len(submission.entries), DOCUMENT, expected="au moins 1", found="0")
    report.require(len(signatures) == 1, SIGNATURE, expected="1", found=str(len(signatures)))
    for entry in signatures:
        for name, expected, found, ok in _signature_metadata(entry):
            report.require(ok, SIGNATURE_ENTRY, expected=f"{name} {expected}", found=found or "rien", where=entry.id)
        signed = {a.target for a in submission.associations if a.type == SIGNS and a.source == entry.id}
        lot = submission.submission_set.id
        report.require(lot in signed, SIGNATURE_LINK, expected=f"{entry.id} vers {lot}", where=entry.id)


def _signature_metadata(entry: DocumentEntry) -> list[tuple[str, str, str, bool]]:
    """The imposed values: attribute, expected, found, whether it is right."""
    formats = [f.code for f in SIGNATURE_FORMATS]
    events = [e.code for e in entry.event_codes]
    hidden = {MASQUE_PS, INVISIBLE_PATIENT}
    masks = {c.code for c in entry.confidentiality if c.system == oids.VISIBILITY}
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
        ("confidentialityCode", " et ".join(sorted(hidden)), ", ".join(sorted(masks)), hidden <= masks),
    ]


def _code(code: Code | None) -> str:
    return code.code if code else ""


def _is(code: Code | None, *expected: Code) -> bool:
    return code is not None and any(code.same(e) for e in expected)
