"""Required metadata and their formats (ITI TF-3 4.2.3)."""

import re
import unicodedata
from collections.abc import Callable, Iterable

from dmpws.domain.checks import Report, Rule
from dmpws.domain.datatypes import Cx, Xcn, Xon, is_dtm, is_oid
from dmpws.domain.document import STABLE, Author, DocumentEntry, Submission, SubmissionSet
from dmpws.domain.lot.facts import LotFacts
from dmpws.domain.references import STUDY

_METADATA = "XDSRegistryMetadataError"
REQUIRED = Rule("XDS-REQUIRED", "Une métadonnée obligatoire est présente", "ITI TF-3 4.3.1.1", _METADATA)
FORMAT = Rule("XDS-FORMAT", "Une métadonnée a le format prescrit", "ITI TF-3 4.2.3.1.7", _METADATA)
UNIQUE_ID = Rule(
    "XDS-UNIQUE-ID",
    "uniqueId est un OID sans extension, de 128 caractères au plus",
    "GI-DMP EX_2.1-1130",
    _METADATA,
)
TITLE = Rule("XDS-TITLE", "Le titre a 128 caractères au plus", "GI-DMP EX_2.1-1020", _METADATA)
SET_TITLE = Rule("XDS-SET-TITLE", "Le titre d'un lot a 256 caractères au plus", "ITI TF-3 4.2.3.3", _METADATA)
OBJECT_TYPE = Rule("XDS-OBJECT-TYPE", "La fiche est celle d'un document stable", "ITI TF-3 4.2.3.2", _METADATA)
LOGICAL_ID = Rule("XDS-LOGICAL-ID", "lid, à l'alimentation, est absent ou égal à id", "ITI TF-2 3.42.4.1.3", _METADATA)
SERVICE_TIMES = Rule(
    "XDS-SERVICE-TIMES", "serviceStopTime ne précède pas serviceStartTime", "ITI TF-2 3.42.4.1.3", _METADATA
)
AUTHORS = Rule("XDS-AUTHORS", "Le lot a un auteur et un seul", "DMP-FRAME TD2.1", _METADATA)
PATIENT = Rule(
    "XDS-PATIENT",
    "Lot et fiches concernent le patient du VIHF",
    "ITI TF-2 3.42.4.1.3",
    "XDSPatientIdDoesNotMatch",
)
PATIENT_INFO = Rule(
    "XDS-PATIENT-INFO",
    "sourcePatientInfo : champs PID-n|valeur, PID-5 présent, un seul PID-7 et PID-8",
    "ITI TF-3 4.2.3.2",
    _METADATA,
)

LONGEST_TITLE = 128
LONGEST_SET_TITLE = 256
LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")
SHA1 = re.compile(r"[0-9A-Fa-f]{40}")
_PID = re.compile(r"PID-(\d{1,2})\|")
_PID_FORBIDDEN = frozenset({"2", "4", "12", "19"})
_SHOWN = 200

Field = tuple[str, Callable[[DocumentEntry], object]]
_REQUIRED: tuple[Field, ...] = (
    ("mimeType", lambda e: e.mime_type),
    ("uniqueId", lambda e: e.unique_id),
    ("patientId", lambda e: e.patient_id),
    ("sourcePatientId", lambda e: e.source_patient_id),
    ("author", lambda e: e.authors),
    ("legalAuthenticator", lambda e: e.legal_authenticator),
    ("title", lambda e: e.title.strip()),
    ("creationTime", lambda e: e.creation_time),
    ("serviceStartTime", lambda e: e.service_start),
    ("languageCode", lambda e: e.language),
    ("classCode", lambda e: e.class_code),
    ("typeCode", lambda e: e.type_code),
    ("formatCode", lambda e: e.format_code),
    ("confidentialityCode", lambda e: e.confidentiality),
    ("healthcareFacilityTypeCode", lambda e: e.facility_type),
    ("practiceSettingCode", lambda e: e.practice_setting),
)


def check_metadata(submission: Submission, facts: LotFacts, report: Report) -> None:
    """Check the submission set and each entry."""
    check_set(submission.submission_set, facts, report)
    for entry in submission.entries:
        for name, read in _REQUIRED:
            if not read(entry):
                report.failed(REQUIRED, expected=name, found="rien", where=entry.id)
        _check_entry(entry, facts, report)


def check_set(lot: SubmissionSet, facts: LotFacts, report: Report) -> None:
    """Check the metadata of a submission set."""
    required = (
        ("submissionTime", lot.submission_time),
        ("contentTypeCode", lot.content_type),
        ("sourceId", lot.source_id),
        ("uniqueId", lot.unique_id),
        ("patientId", lot.patient_id),
    )
    for name, value in required:
        if not value:
            report.failed(REQUIRED, expected=name, found="rien", where=lot.id)
    report.require(len(lot.authors) == 1, AUTHORS, expected="1", found=str(len(lot.authors)), where=lot.id)
    _check_authors(lot.authors, lot.id, report)
    check_patient(lot.patient_id, lot.id, facts, report)
    if lot.submission_time:
        ok = len(lot.submission_time) == 14 and is_dtm(lot.submission_time)
        check_format(ok, "submissionTime", "AAAAMMJJhhmmss (UTC)", lot.submission_time, lot.id, report)
    found = f"{len(lot.title)} caractères"
    report.require(len(lot.title) <= LONGEST_SET_TITLE, SET_TITLE, expected="au plus 256", found=found, where=lot.id)
    if lot.source_id:
        check_format(is_oid(lot.source_id), "sourceId", "un OID", lot.source_id, lot.id, report)
    _check_unique_id(lot.unique_id, lot.id, report)


def _check_entry(entry: DocumentEntry, facts: LotFacts, report: Report) -> None:
    where = entry.id
    report.require(entry.object_type == STABLE, OBJECT_TYPE, expected=STABLE, found=entry.object_type, where=where)
    if entry.lid:
        report.require(entry.lid == entry.id, LOGICAL_ID, expected=entry.id, found=entry.lid, where=where)
    _check_unique_id(entry.unique_id, where, report)
    check_patient(entry.patient_id, where, facts, report)
    _check_authors(entry.authors, where, report)
    if entry.legal_authenticator:
        _check_person("legalAuthenticator", entry.legal_authenticator, where, report)
    check_times(entry, report)
    length = len(unicodedata.normalize("NFC", entry.title))
    ok, found = length <= LONGEST_TITLE, f"{length} caractères"
    report.require(ok, TITLE, expected="au plus 128", found=found, where=where)
    if entry.language:
        ok = LANGUAGE.fullmatch(entry.language) is not None
        check_format(ok, "languageCode", "RFC 5646", entry.language, where, report)
    if entry.source_patient_id:
        source = Cx.parse(entry.source_patient_id)
        ok = bool(source.id) and is_oid(source.authority)
        check_format(ok, "sourcePatientId", "id^^^&OID&ISO", entry.source_patient_id, where, report)
    if entry.hash:
        check_format(SHA1.fullmatch(entry.hash) is not None, "hash", "SHA-1 en hexadécimal", entry.hash, where, report)
    if entry.size:
        ok = entry.size.isascii() and entry.size.isdigit()
        check_format(ok, "size", "un nombre d'octets", entry.size, where, report)
    _check_patient_info(entry.source_patient_info, where, report)
    for text in entry.reference_ids:
        reference = Cx.parse(text)
        form, ok = "id^^^&OID&ISO^type", bool(reference.id) and is_oid(reference.authority)
        if reference.type == STUDY:  # a DICOM UID needs no authority
            form, ok = "UID^^^^type", is_oid(reference.id, longest=64)
        check_format(ok, "referenceIdList", form, text, where, report)


def check_times(entry: DocumentEntry, report: Report) -> None:
    """Check that the times of an entry are DTM, and that the act did not stop before it started."""
    times = {
        "creationTime": entry.creation_time,
        "serviceStartTime": entry.service_start,
        "serviceStopTime": entry.service_stop,
    }
    for name, value in times.items():
        if value:
            check_format(is_dtm(value), name, "AAAA[MM[JJ[hh[mm[ss]]]]] (UTC)", value, entry.id, report)
    start, stop = entry.service_start, entry.service_stop
    if is_dtm(start) and is_dtm(stop):
        # To the coarser precision of both: 2026 does not precede 20261121.
        shortest = min(len(start), len(stop))
        ok = start[:shortest] <= stop[:shortest]
        report.require(ok, SERVICE_TIMES, expected=f"au moins {start}", found=stop, where=entry.id)


def _check_unique_id(unique_id: str, where: str, report: Report) -> None:
    if unique_id:
        report.require(
            is_oid(unique_id),
            UNIQUE_ID,
            expected="un OID d'au plus 128 caractères",
            found=unique_id[:_SHOWN],
            where=where,
        )


def check_patient(text: str, where: str, facts: LotFacts, report: Report) -> None:
    """Check that a patientId is one of the record's identifiers (components 1 and 4)."""
    if not text:
        return
    patient = Cx.parse(text)
    if not (patient.id and is_oid(patient.authority)):
        check_format(False, "patientId", "INS^^^&OID&ISO^NH", text, where, report)
        return
    known = {(ins.value, ins.authority) for ins in facts.record.identifiers}
    expected = f"{facts.record.ins.value}^^^&{facts.record.ins.authority}&ISO^NH"
    ok = (patient.id, patient.authority) in known
    report.require(ok, PATIENT, expected=expected, found=text[:_SHOWN], where=where)


def _check_authors(authors: Iterable[Author], where: str, report: Report) -> None:
    for author in authors:
        if author.person:
            _check_person("authorPerson", author.person, where, report)
        else:
            report.failed(REQUIRED, expected="authorPerson", found="rien", where=where)
        for text in author.institutions:
            structure = Xon.parse(text)
            ok = bool(structure.name and structure.id and structure.type) and is_oid(structure.authority)
            check_format(ok, "authorInstitution", "nom^^^^^&OID&ISO^IDNST^^^id", text, where, report)


def _check_person(name: str, text: str, where: str, report: Report) -> None:
    person = Xcn.parse(text)
    ok = bool(person.id and person.family and person.id_type) and is_oid(person.authority)
    ok = ok and person.name_type in ("D", "U")
    check_format(ok, name, "id^nom^prénom^^^^^^&OID&ISO^D^^^IDNPS", text, where, report)


def _check_patient_info(lines: tuple[str, ...], where: str, report: Report) -> None:
    if not lines:
        return
    found = [_PID.match(line) for line in lines]
    numbers = [match.group(1) for match in found if match]
    ok = (
        len(numbers) == len(lines)
        and "5" in numbers
        and numbers.count("7") <= 1
        and numbers.count("8") <= 1
        and _PID_FORBIDDEN.isdisjoint(numbers)
    )
    shown = ", ".join(line[:20] for line in lines)[:_SHOWN]
    report.require(ok, PATIENT_INFO, expected="PID-5|…, PID-7|…, PID-8|…", found=shown, where=where)


def check_format(ok: bool, name: str, expected: str, found: str, where: str, report: Report) -> None:
    """Record whether a metadata attribute has its format."""
    report.require(ok, FORMAT, expected=f"{name} {expected}", found=found[:_SHOWN], where=where)
