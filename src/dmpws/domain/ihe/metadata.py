"""Required metadata and their formats, as IHE asks for them (ITI TF-3 4.2.3, 4.3.1)."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from dmpws.domain.affinity import AffinityDomain, Coded
from dmpws.domain.checks import Report, Rule
from dmpws.domain.code import Code
from dmpws.domain.datatypes import Cx, Xcn, Xon, is_dtm, is_oid
from dmpws.domain.document import STABLE, Author, DocumentEntry, Folder, SubmissionSet
from dmpws.domain.lot.metadata import LANGUAGE, LOGICAL_ID, OBJECT_TYPE, REQUIRED, SHA1, check_format, check_times
from dmpws.domain.patient import Ins, PatientRecord

TITLE = Rule(
    "IHE-TITLE", "Le titre a 128 caractères au plus, 256 pour un lot", "ITI TF-3 4.2.3.2", "XDSRegistryMetadataError"
)
CODE = Rule("IHE-CODE", "Le code fait partie du domaine d'affinité", "DMPWS D98", "XDSRegistryMetadataError")
AUTHOR = Rule(
    "IHE-AUTHOR",
    "Un auteur a authorPerson, authorInstitution ou authorTelecommunication",
    "ITI TF-3 4.2.3.1.4",
    "XDSRegistryMetadataError",
)
PATIENT_INFO = Rule(
    "IHE-PATIENT-INFO",
    "sourcePatientInfo : champs PID-n|valeur, ni PID-2, 4, 12, 19, un seul PID-7 et PID-8",
    "ITI TF-3 4.2.3.2",
    "XDSRegistryMetadataError",
)
PATIENT = Rule(
    "IHE-ONE-PATIENT",
    "Lot, fiches et classeurs sont du même patient",
    "ITI TF-2 3.42.4.1.3",
    "XDSPatientIdDoesNotMatch",
)

LONGEST_TITLE, LONGEST_SET_TITLE = 128, 256
_CX = re.compile(r"[^^]+\^\^\^&[0-9.]+&ISO(\^.*)?")
_PID = re.compile(r"PID-(\d{1,2})\|")
_PID_FORBIDDEN = frozenset({"2", "4", "12", "19"})
_SHOWN = 200

_REQUIRED: tuple[tuple[str, Callable[[DocumentEntry], object]], ...] = (
    ("mimeType", lambda e: e.mime_type),
    ("uniqueId", lambda e: e.unique_id),
    ("sourcePatientId", lambda e: e.source_patient_id),
    ("creationTime", lambda e: e.creation_time),
    ("languageCode", lambda e: e.language),
    ("classCode", lambda e: e.class_code),
    ("typeCode", lambda e: e.type_code),
    ("formatCode", lambda e: e.format_code),
    ("confidentialityCode", lambda e: e.confidentiality),
    ("healthcareFacilityTypeCode", lambda e: e.facility_type),
    ("practiceSettingCode", lambda e: e.practice_setting),
)
_REGISTERED: tuple[tuple[str, Callable[[DocumentEntry], object]], ...] = (
    ("hash", lambda e: e.hash),
    ("size", lambda e: e.size),
    ("repositoryUniqueId", lambda e: e.repository_unique_id),
)
"""What the repository adds in ITI-41, and ITI-42 must have."""


@dataclass(frozen=True, slots=True)
class IheFacts:
    """What a submission is judged against.

    patient: CX of the submission set. record: what the registry holds under it. registered: the documents are in
    another repository (ITI-42).
    """

    domain: AffinityDomain
    patient: str
    record: PatientRecord | None
    registered: bool = False


def check_set(lot: SubmissionSet, facts: IheFacts, report: Report) -> None:
    """Check the metadata of a submission set."""
    required = {
        "submissionTime": lot.submission_time,
        "contentTypeCode": lot.content_type,
        "sourceId": lot.source_id,
        "uniqueId": lot.unique_id,
    }
    _check_required(required, lot.id, report)
    if lot.submission_time:
        ok = is_dtm(lot.submission_time)
        check_format(ok, "submissionTime", "AAAA[MM[JJ[hh[mm[ss]]]]] (UTC)", lot.submission_time, lot.id, report)
    for name, oid in (("sourceId", lot.source_id), ("uniqueId", lot.unique_id)):
        if oid:
            check_format(is_oid(oid), name, "un OID", oid, lot.id, report)
    _check_title(lot.title, LONGEST_SET_TITLE, lot.id, report)
    _check_authors(lot.authors, lot.id, report)
    check_patient_id(lot.patient_id, lot.id, facts, report)
    _check_codes(Coded.CONTENT_TYPE, [lot.content_type], lot.id, facts, report)


def check_entry(entry: DocumentEntry, facts: IheFacts, report: Report) -> None:
    """Check the metadata of a document entry; its lid is the affair of who calls."""
    where = entry.id
    fields = _REQUIRED + (_REGISTERED if facts.registered else ())
    _check_required({name: read(entry) for name, read in fields}, where, report)
    report.require(entry.object_type == STABLE, OBJECT_TYPE, expected=STABLE, found=entry.object_type, where=where)
    _check_title(entry.title, LONGEST_TITLE, where, report)
    check_times(entry, report)
    check_patient_id(entry.patient_id, where, facts, report)
    if entry.source_patient_id:
        ok = _CX.fullmatch(entry.source_patient_id) is not None
        check_format(ok, "sourcePatientId", "id^^^&OID&ISO", entry.source_patient_id, where, report)
    if entry.language:
        ok = LANGUAGE.fullmatch(entry.language) is not None
        check_format(ok, "languageCode", "RFC 5646", entry.language, where, report)
    if entry.hash:
        check_format(SHA1.fullmatch(entry.hash) is not None, "hash", "SHA-1 en hexadécimal", entry.hash, where, report)
    if entry.size:
        ok = entry.size.isascii() and entry.size.isdigit() and len(entry.size) < 19
        check_format(ok, "size", "un nombre d'octets", entry.size, where, report)
    if entry.repository_unique_id:
        ok = is_oid(entry.repository_unique_id, 64)
        check_format(ok, "repositoryUniqueId", "un OID", entry.repository_unique_id, where, report)
    _check_authors(entry.authors, where, report)
    if entry.legal_authenticator:
        _check_person("legalAuthenticator", entry.legal_authenticator, where, report)
    _check_references(entry.reference_ids, where, report)
    _check_patient_info(entry.source_patient_info, where, report)
    _check_entry_codes(entry, facts, report)


def check_folder(folder: Folder, facts: IheFacts, report: Report) -> None:
    """Check the metadata of a folder; its lid is the affair of who calls."""
    required = {"uniqueId": folder.unique_id, "title": folder.title, "codeList": folder.codes}
    _check_required(required, folder.id, report)
    if folder.unique_id:
        check_format(is_oid(folder.unique_id), "uniqueId", "un OID", folder.unique_id, folder.id, report)
    _check_title(folder.title, LONGEST_TITLE, folder.id, report)
    check_patient_id(folder.patient_id, folder.id, facts, report)
    _check_codes(Coded.FOLDER, folder.codes, folder.id, facts, report)


def check_initial(item: DocumentEntry | Folder, report: Report) -> None:
    """Check that an object is a first version: its lid is absent or its own id."""
    ok = item.lid in ("", item.id)
    report.require(ok, LOGICAL_ID, expected=item.id, found=item.lid[:_SHOWN], where=item.id)


def check_patient_id(text: str, where: str, facts: IheFacts, report: Report) -> None:
    """Check that a patientId is a CX, of the patient of the submission set."""
    if not text:
        report.failed(REQUIRED, expected="patientId", found="rien", where=where)
        return
    if not _CX.fullmatch(text):
        check_format(False, "patientId", "id^^^&OID&ISO", text, where, report)
        return
    patient = Cx.parse(text)
    identifiers = facts.record.identifiers if facts.record is not None else ()
    ok = patient.same(Cx.parse(facts.patient)) or Ins(patient.id, patient.authority) in identifiers
    report.require(ok, PATIENT, expected=facts.patient[:_SHOWN], found=text[:_SHOWN], where=where)


def _check_required(values: Mapping[str, object], where: str, report: Report) -> None:
    for name, value in values.items():
        if not value:
            report.failed(REQUIRED, expected=name, found="rien", where=where)


def _check_title(title: str, longest: int, where: str, report: Report) -> None:
    found = f"{len(title)} caractères"
    report.require(len(title) <= longest, TITLE, expected=f"au plus {longest}", found=found, where=where)


def _check_authors(authors: Iterable[Author], where: str, report: Report) -> None:
    for author in authors:
        ok = bool(author.person or any(author.institutions) or any(author.telecoms))
        report.require(ok, AUTHOR, expected="l'un des trois", found="" if ok else "aucun", where=where)
        if author.person:
            _check_person("authorPerson", author.person, where, report)
        for text in author.institutions:
            structure = Xon.parse(text)
            ok = bool(structure.name) and (not structure.id or is_oid(structure.id) or is_oid(structure.authority))
            check_format(ok, "authorInstitution", "nom^^^^^&OID&ISO^^^^id", text, where, report)


def _check_person(name: str, text: str, where: str, report: Report) -> None:
    person = Xcn.parse(text)
    ok = bool(person.id or person.family) and (not person.authority or is_oid(person.authority))
    check_format(ok, name, "id^nom^prénom^^^^^^&OID&ISO", text, where, report)


def _check_references(references: Iterable[str], where: str, report: Report) -> None:
    for text in references:
        reference = Cx.parse(text)
        ok = bool(reference.id and reference.type)
        check_format(ok, "referenceIdList", "id^^^&OID&ISO^type", text, where, report)


def _check_patient_info(lines: tuple[str, ...], where: str, report: Report) -> None:
    found = [_PID.match(line) for line in lines]
    numbers = [match.group(1) for match in found if match]
    ok = (
        len(numbers) == len(lines)
        and numbers.count("7") <= 1
        and numbers.count("8") <= 1
        and _PID_FORBIDDEN.isdisjoint(numbers)
    )
    shown = ", ".join(line[:20] for line in lines)[:_SHOWN]
    report.require(ok, PATIENT_INFO, expected="des PID-n|valeur permis", found=shown, where=where)


def _check_entry_codes(entry: DocumentEntry, facts: IheFacts, report: Report) -> None:
    for attribute, codes in (
        (Coded.CLASS, [entry.class_code]),
        (Coded.TYPE, [entry.type_code]),
        (Coded.FORMAT, [entry.format_code]),
        (Coded.FACILITY_TYPE, [entry.facility_type]),
        (Coded.PRACTICE_SETTING, [entry.practice_setting]),
        (Coded.CONFIDENTIALITY, entry.confidentiality),
        (Coded.EVENT, entry.event_codes),
        (Coded.MIME_TYPE, [Code(entry.mime_type, "")] if entry.mime_type else []),
    ):
        _check_codes(attribute, codes, entry.id, facts, report)


def _check_codes(attribute: Coded, codes: Iterable[Code | None], where: str, facts: IheFacts, report: Report) -> None:
    for code in codes:
        if code is not None and not facts.domain.accepts(attribute, code.code, code.system):
            known = sorted("^^".join(filter(None, pair)) for pair in facts.domain.codes[attribute])
            system = "" if attribute is Coded.MIME_TYPE else f" ({code.system[:100] or 'sans système'})"
            found = f"{attribute} {code.code[:_SHOWN]}{system}"
            report.failed(CODE, expected=", ".join(known)[:_SHOWN], found=found, where=where)
