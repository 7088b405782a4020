"""Codes against the DMP's value sets, class from type, types an LPS may not create (DMPWS D18, EX_2.1-1010)."""

from collections.abc import Iterable

from dmpws.domain import oids
from dmpws.domain.checks import Report, Rule
from dmpws.domain.code import Code
from dmpws.domain.datatypes import Cx
from dmpws.domain.document import Author, DocumentEntry, Submission, SubmissionSet
from dmpws.domain.lot.facts import LotFacts
from dmpws.domain.producers import PATIENT_CLASS
from dmpws.domain.value_sets import Attribute

_METADATA = "XDSRegistryMetadataError"
VALUE_SET = Rule("XDS-VALUE-SET", "Le code fait partie du jeu de valeurs du DMP", "DMPWS D18", _METADATA)
CLASS_OF_TYPE = Rule("XDS-CLASS", "classCode est la classe du typeCode", "CI-SIS ASS_X16", _METADATA)
FORBIDDEN_TYPE = Rule("XDS-FORBIDDEN-TYPE", "Un LPS ne crée pas ce type de document", "GI-DMP EX_2.1-1010", _METADATA)
SPECIALTY = Rule("XDS-SPECIALTY", "authorSpecialty a la forme code^libellé^OID", "ITI TF-3 4.2.3.2.1", _METADATA)

REFUNDS_CLASS = Code("60", oids.CLASSES)
LOINC = "2.16.840.1.113883.6.1"
VACCINATION_HISTORY = Code("11369-6", LOINC)


def check_codes(submission: Submission, facts: LotFacts, report: Report) -> None:
    """Check every coded attribute of the set and of each entry."""
    check_set_codes(submission.submission_set, facts, report)
    for entry in submission.entries:
        _check_entry(entry, facts, report)


def check_set_codes(lot: SubmissionSet, facts: LotFacts, report: Report) -> None:
    """Check the coded attributes of a submission set."""
    _check(Attribute.CONTENT_TYPE, [lot.content_type], lot.id, facts, report)
    _check_specialties(lot.authors, lot.id, facts, report)


def outside_domain(code: str) -> str:
    """The DMP's own sentence."""
    return f"Le code '{code[:200]}' ne fait pas partie du domaine d'affinité"


def forbidden_code(entry: DocumentEntry, class_of_type: Code | None) -> str:
    """The typeCode, or else the classCode, of what only the patient, the Assurance Maladie or the DMP itself creates
    (GI-DMP EX_2.1-1010); empty for what an LPS may create. class_of_type: whatever the entry says."""
    type_code, class_code = entry.type_code, entry.class_code
    if type_code is not None:
        code = type_code.code
        if code.startswith("DOCPAT") or code == "REMB" or type_code.same(VACCINATION_HISTORY):
            return code
    if class_code is not None and (class_code.same(PATIENT_CLASS) or class_code.same(REFUNDS_CLASS)):
        return class_code.code
    if type_code is not None and class_of_type is not None and class_of_type.same(PATIENT_CLASS):
        return type_code.code
    return ""


def _check_entry(entry: DocumentEntry, facts: LotFacts, report: Report) -> None:
    where = entry.id
    known_type = _check(Attribute.TYPE, [entry.type_code], where, facts, report)
    _check(Attribute.CLASS, [entry.class_code], where, facts, report)
    _check(Attribute.FORMAT, [entry.format_code], where, facts, report)
    _check(Attribute.CONFIDENTIALITY, entry.confidentiality, where, facts, report)
    _check(Attribute.FACILITY_TYPE, [entry.facility_type], where, facts, report)
    _check(Attribute.PRACTICE_SETTING, [entry.practice_setting], where, facts, report)
    mime_type = Code(entry.mime_type, "") if entry.mime_type else None
    _check(Attribute.MIME_TYPE, [mime_type], where, facts, report)
    reference_types = [Code(Cx.parse(r).type, REFERENCE_ID_SYSTEM) for r in entry.reference_ids]
    _check(Attribute.REFERENCE_ID_TYPE, reference_types, where, facts, report)
    _check_specialties(entry.authors, where, facts, report)
    expected = facts.values.class_of(entry.type_code) if entry.type_code else None
    if facts.by_lps and (code := forbidden_code(entry, expected)):
        report.failed(
            FORBIDDEN_TYPE, expected="un type ouvert aux LPS", found=code, where=where, text=outside_domain(code)
        )
    elif known_type and entry.type_code and entry.class_code:
        ok = expected is not None and expected.same(entry.class_code)
        wanted = expected.code if expected else ""
        report.require(ok, CLASS_OF_TYPE, expected=wanted, found=entry.class_code.code, where=where)


REFERENCE_ID_SYSTEM = "1.2.250.1.213.1.1.4.347"


def _check(attribute: Attribute, codes: Iterable[Code | None], where: str, facts: LotFacts, report: Report) -> bool:
    """Check the codes that are there; True when all are in the set."""
    ok = True
    for code in codes:
        if code is None:
            continue
        if not facts.values.accepts(attribute, code.code, code.system, today=facts.today, guide=facts.guide):
            found = f"{attribute} {code.code[:200]} ({code.system[:100] or 'sans système'})"
            expected = f"un code de {attribute} en vigueur"
            report.failed(VALUE_SET, expected=expected, found=found, where=where, text=outside_domain(code.code))
            ok = False
    return ok


def _check_specialties(authors: Iterable[Author], where: str, facts: LotFacts, report: Report) -> None:
    for author in authors:
        for text in author.specialties:
            code, _, rest = text.partition("^")
            system = rest.rpartition("^")[2] if "^" in rest else ""
            if not (code and system):
                report.failed(SPECIALTY, expected="code^libellé^OID", found=text[:200], where=where)
                continue
            _check(Attribute.AUTHOR_SPECIALTY, [Code(code, system)], where, facts, report)
