"""The CDA header against the metadata (CI-SIS LM 3.1, DMPWS D17): an incoherence names both values.

A header attribute that is absent is not compared: whether it may be absent is said by the header schema. One that
is there is there in the metadata too (GI-DMP EX_2.1-2020), except eventCodeList and referenceIdList, which are
optional.
"""

import unicodedata

from dmpws.domain.cda import CdaActor, CdaHeader, same_time
from dmpws.domain.checks import Report, Rule
from dmpws.domain.code import Code
from dmpws.domain.datatypes import Cx, Xon
from dmpws.domain.document import Author, DocumentEntry
from dmpws.domain.lot.facts import LotFacts
from dmpws.domain.names import fold

_REPOSITORY = "XDSRepositoryMetadataError"
CDA_ID = Rule("CDA-ID", "id@root, sans extension, est le uniqueId", "DMPWS D17", _REPOSITORY)
CDA_PATIENT = Rule("CDA-PATIENT", "recordTarget porte l'INS du patient", "DMPWS D17", _REPOSITORY)
CDA_SOURCE_PATIENT = Rule(
    "CDA-SOURCE-PATIENT", "sourcePatientId est un identifiant de recordTarget", "DMPWS D17", _REPOSITORY
)
CDA_PATIENT_INFO = Rule(
    "CDA-PATIENT-INFO", "sourcePatientInfo porte les traits de recordTarget", "DMPWS D17", _REPOSITORY
)
CDA_TYPE = Rule("CDA-TYPE", "code est le typeCode", "DMPWS D17", _REPOSITORY)
CDA_TITLE = Rule("CDA-TITLE", "title est le titre de la fiche", "DMPWS D17", _REPOSITORY)
CDA_CREATION = Rule("CDA-CREATION", "effectiveTime est creationTime", "DMPWS D17", _REPOSITORY)
CDA_LANGUAGE = Rule("CDA-LANGUAGE", "languageCode est celui de la fiche", "DMPWS D17", _REPOSITORY)
CDA_LEVEL = Rule(
    "CDA-LEVEL", "confidentialityCode est le niveau de confidentialité de la fiche", "DMPWS D17", _REPOSITORY
)
CDA_AUTHOR = Rule("CDA-AUTHOR", "Les auteurs sont ceux de la fiche", "DMPWS D17", _REPOSITORY)
CDA_AUTHORS = Rule("CDA-AUTHORS", "Le CDA et la fiche ont le même nombre d'auteurs", "GI-DMP EX_2.1-2020", _REPOSITORY)
CDA_INSTITUTION = Rule("CDA-INSTITUTION", "La structure d'un auteur est celle de la fiche", "DMPWS D17", _REPOSITORY)
CDA_SPECIALTY = Rule("CDA-SPECIALTY", "La spécialité d'un auteur est celle de la fiche", "DMPWS D17", _REPOSITORY)
CDA_ROLE = Rule("CDA-ROLE", "La fonction d'un auteur est celle de la fiche", "DMPWS D17", _REPOSITORY)
CDA_AUTHENTICATOR = Rule("CDA-AUTHENTICATOR", "legalAuthenticator est celui de la fiche", "DMPWS D17", _REPOSITORY)
CDA_SERVICE = Rule("CDA-SERVICE", "L'acte documenté a les dates de la fiche", "DMPWS D17", _REPOSITORY)
CDA_EVENT = Rule("CDA-EVENT", "eventCodeList porte les codes des actes documentés", "DMPWS D17", _REPOSITORY)
CDA_REFERENCE = Rule(
    "CDA-REFERENCE", "referenceIdList porte des identifiants de prescription ou d'acte", "DMPWS D17", _REPOSITORY
)
CDA_FACILITY = Rule("CDA-FACILITY", "healthCareFacility/code est healthcareFacilityTypeCode", "DMPWS D17", _REPOSITORY)
CDA_SETTING = Rule("CDA-SETTING", "standardIndustryClassCode est practiceSettingCode", "DMPWS D17", _REPOSITORY)
CDA_FORMAT = Rule("CDA-FORMAT", "formatCode est celui du modèle de document", "DMPWS D17", _REPOSITORY)
CDA_MIME = Rule("CDA-MIME", "mimeType dit si le document est auto-présentable", "DMPWS D17", _REPOSITORY)

SELF_PRESENTING = "application/xslt+xml"
_SHOWN = 200
_COMPARED_SEXES = frozenset({"M", "F"})


def check_header(entry: DocumentEntry, header: CdaHeader, facts: LotFacts, report: Report) -> None:
    """Compare each attribute that CI-SIS LM 3.1 maps."""
    comparison = _Comparison(entry.id, report)
    same = comparison.same
    extension = f"^{header.id.extension}" if header.id.extension else ""
    same(CDA_ID, header.id.root + extension == entry.unique_id, header.id.root + extension, entry.unique_id)
    _check_patient(entry, header, comparison)
    same(CDA_TITLE, _words(header.title) == _words(entry.title), header.title, entry.title)
    if header.language:
        same(CDA_LANGUAGE, header.language == entry.language, header.language, entry.language)
    for rule, cda, dtm in (
        (CDA_CREATION, header.effective_time, entry.creation_time),
        (CDA_SERVICE, header.service_start, entry.service_start),
        (CDA_SERVICE, header.service_stop, entry.service_stop),
    ):
        if cda:
            same(rule, same_time(cda, dtm), cda, f"{dtm} UTC" if dtm else "")
    for rule, code, metadata in (
        (CDA_TYPE, header.code, entry.type_code),
        (CDA_FACILITY, header.facility_type, entry.facility_type),
        (CDA_SETTING, header.practice_setting, entry.practice_setting),
    ):
        if code:
            same(rule, metadata is not None and code.same(metadata), _shown(code), _shown(metadata))
    if level := header.confidentiality:
        levels = ", ".join(c.code for c in entry.confidentiality)
        same(CDA_LEVEL, any(c.same(level) for c in entry.confidentiality), level.code, levels)
    _check_authors(entry, header, comparison)
    _check_acts(entry, header, comparison)
    _check_format(entry, header, facts, report)
    presenting = header.self_presenting == (entry.mime_type == SELF_PRESENTING)
    same(CDA_MIME, presenting, "auto-présentable" if header.self_presenting else "CDA seul", entry.mime_type)


class _Comparison:
    """Records comparisons of one document with its entry."""

    def __init__(self, where: str, report: Report) -> None:
        self.where = where
        self.report = report

    def same(self, rule: Rule, ok: bool, cda: str, metadata: str) -> None:
        expected, found = f"{metadata[:_SHOWN] or 'rien'} (fiche)", f"{cda[:_SHOWN] or 'rien'} (CDA)"
        self.report.require(ok, rule, expected=expected, found=found, where=self.where)

    def similar(self, rule: Rule, ok: bool, cda: str, metadata: str) -> None:
        """A difference that is only said: display texts are never compared strictly (DMPWS D18)."""
        if not ok:
            self.report.warned(
                rule, expected=f"{metadata[:_SHOWN]} (fiche)", found=f"{cda[:_SHOWN]} (CDA)", where=self.where
            )


def _check_patient(entry: DocumentEntry, header: CdaHeader, comparison: _Comparison) -> None:
    ids = {(i.extension, i.root) for i in header.patient.ids}
    shown = ", ".join(f"{i.extension} ({i.root})" for i in header.patient.ids)
    for rule, text in ((CDA_PATIENT, entry.patient_id), (CDA_SOURCE_PATIENT, entry.source_patient_id)):
        cx = Cx.parse(text)
        if cx.id:
            comparison.same(rule, (cx.id, cx.authority) in ids, shown, str(cx))
    for line in entry.source_patient_info:
        number, _, value = line.partition("|")
        cda = _trait(number, value, header)
        if cda:
            comparison.same(CDA_PATIENT_INFO, False, cda, line)


def _trait(number: str, value: str, header: CdaHeader) -> str:
    """What the header says instead of a PID field; empty when both agree, or there is nothing to compare."""
    patient = header.patient
    if number == "PID-5":
        family, given = [*value.split("^"), ""][:2]
        families, givens = {fold(f) for _, f in patient.families}, {fold(g) for g in patient.givens}
        firsts = {g.partition(" ")[0] for g in givens}
        agrees = (not family or not families or fold(family) in families) and (
            not given or not givens or fold(given).partition(" ")[0] in firsts
        )
        return "" if agrees else ", ".join([*(f for _, f in patient.families), *patient.givens])
    if number == "PID-7":
        length = min(len(value[:8]), len(patient.birth_time[:8]))
        return "" if value[:length] == patient.birth_time[:length] else patient.birth_time
    if number == "PID-8":
        compared = {value, patient.sex} <= _COMPARED_SEXES
        return patient.sex if compared and value != patient.sex else ""
    return ""


def _check_authors(entry: DocumentEntry, header: CdaHeader, comparison: _Comparison) -> None:
    known = ", ".join(sorted(entry.author_persons))
    for actor in header.authors:
        if not actor.names:
            continue
        author = next((a for a in entry.authors if a.person_id in actor.names and _same_structure(a, actor)), None)
        author = author or next((a for a in entry.authors if a.person_id in actor.names), None)
        comparison.same(CDA_AUTHOR, author is not None, ", ".join(sorted(actor.names)), known)
        if author is not None:
            _check_author(author, actor, comparison)
    counts = len(header.authors), len(entry.authors)
    comparison.same(CDA_AUTHORS, counts[0] == counts[1], *(f"{n} auteur(s)" for n in counts))
    authenticator = header.legal_authenticator
    if authenticator is not None and authenticator.names:
        metadata, names = entry.legal_authenticator_id, authenticator.names
        comparison.same(CDA_AUTHENTICATOR, metadata in names, ", ".join(sorted(names)), metadata)


def _same_structure(author: Author, actor: CdaActor) -> bool:
    return not actor.structure_names or not author.institution_ids.isdisjoint(actor.structure_names)


def _check_author(author: Author, actor: CdaActor, comparison: _Comparison) -> None:
    """Structure and specialty of an author; their names are never compared (DMPWS D18)."""
    if actor.structure_names:
        found = ", ".join(sorted(actor.structure_names))
        known = ", ".join(Xon.parse(i).id for i in author.institutions)
        comparison.same(CDA_INSTITUTION, _same_structure(author, actor), found, known)
    if code := actor.specialty:
        known = ", ".join(author.specialties)
        parts = [[*s.split("^"), "", ""][:3] for s in author.specialties]
        comparison.same(CDA_SPECIALTY, [code.code, code.system] in [[p[0], p[2]] for p in parts], _shown(code), known)
    if actor.role and author.roles:
        ok = fold(actor.role) in {fold(r) for r in author.roles}
        comparison.similar(CDA_ROLE, ok, actor.role, ", ".join(author.roles))


def _check_acts(entry: DocumentEntry, header: CdaHeader, comparison: _Comparison) -> None:
    """Event codes and references: optional in the metadata, but those of this document when they are there."""
    if entry.event_codes and header.event_codes:
        known = ", ".join(map(_shown, entry.event_codes))
        for code in header.event_codes:
            comparison.same(CDA_EVENT, any(code.same(c) for c in entry.event_codes), _shown(code), known)
    if header.reference_ids:
        ids = {(i.extension, i.root) for i in header.reference_ids}
        # A study instance UID is a root alone; as CX.1 it has no authority.
        roots = {i.root for i in header.reference_ids if not i.extension}
        shown = ", ".join(f"{i.extension} ({i.root})" if i.extension else i.root for i in header.reference_ids)
        for reference in map(Cx.parse, entry.reference_ids):
            ok = (reference.id, reference.authority) in ids or reference.id in roots
            comparison.same(CDA_REFERENCE, ok, shown, str(reference))


def _check_format(entry: DocumentEntry, header: CdaHeader, facts: LotFacts, report: Report) -> None:
    """The formatCode follows from the media type of a non structured body, else from a known model."""
    keys = [header.media_type] if header.media_type else header.template_ids
    formats = [facts.values.formats[key] for key in keys if key in facts.values.formats]
    if formats and entry.format_code is not None:
        ok = any(f.same(entry.format_code) for f in formats)
        expected = " ou ".join(sorted({f.code for f in formats}))
        report.require(ok, CDA_FORMAT, expected=expected, found=entry.format_code.code, where=entry.id)


def _words(text: str) -> list[str]:
    """What of a title is compared: neither its blanks nor how its accents are encoded."""
    return unicodedata.normalize("NFC", text).split()


def _shown(code: Code | None) -> str:
    return f"{code.code} ({code.system})" if code else ""
