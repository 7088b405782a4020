"""The documents against their metadata: hash, size, and the CDA header (DMPWS D15 and D17).

An incoherence names both values. A header attribute that is absent is not compared: whether it may be absent is
said by the header schema.
"""

from dmpws.domain.cda import CdaActor, CdaHeader, same_time
from dmpws.domain.checks import Report, Rule
from dmpws.domain.code import Code
from dmpws.domain.datatypes import Cx
from dmpws.domain.document import DocumentEntry, Submission
from dmpws.domain.lot.facts import LotFacts
from dmpws.domain.lot.identity import check_record_target, check_source_patient_info
from dmpws.domain.octets import Octets

_REPOSITORY = "XDSRepositoryMetadataError"
HASH = Rule("DOC-HASH", "hash est le SHA-1 du document joint", "DMPWS D15", _REPOSITORY)
SIZE = Rule("DOC-SIZE", "size est la taille du document joint", "DMPWS D15", _REPOSITORY)
CDA_ID = Rule("CDA-ID", "id@root, sans extension, est le uniqueId", "DMPWS D17", _REPOSITORY)
CDA_PATIENT = Rule("CDA-PATIENT", "recordTarget porte l'INS du patient", "DMPWS D17", _REPOSITORY)
CDA_TYPE = Rule("CDA-TYPE", "code est le typeCode", "DMPWS D17", _REPOSITORY)
CDA_TITLE = Rule("CDA-TITLE", "title est le titre de la fiche", "DMPWS D17", _REPOSITORY)
CDA_CREATION = Rule("CDA-CREATION", "effectiveTime est creationTime", "DMPWS D17", _REPOSITORY)
CDA_LANGUAGE = Rule("CDA-LANGUAGE", "languageCode est celui de la fiche", "DMPWS D17", _REPOSITORY)
CDA_LEVEL = Rule(
    "CDA-LEVEL", "confidentialityCode est le niveau de confidentialité de la fiche", "DMPWS D17", _REPOSITORY
)
CDA_AUTHOR = Rule("CDA-AUTHOR", "Les auteurs sont ceux de la fiche", "DMPWS D17", _REPOSITORY)
CDA_AUTHENTICATOR = Rule("CDA-AUTHENTICATOR", "legalAuthenticator est celui de la fiche", "DMPWS D17", _REPOSITORY)
CDA_SERVICE = Rule("CDA-SERVICE", "L'acte documenté a les dates de la fiche", "DMPWS D17", _REPOSITORY)
CDA_FACILITY = Rule("CDA-FACILITY", "healthCareFacility/code est healthcareFacilityTypeCode", "DMPWS D17", _REPOSITORY)
CDA_SETTING = Rule("CDA-SETTING", "standardIndustryClassCode est practiceSettingCode", "DMPWS D17", _REPOSITORY)
CDA_FORMAT = Rule("CDA-FORMAT", "formatCode est celui du modèle de document", "DMPWS D17", _REPOSITORY)
CDA_MIME = Rule("CDA-MIME", "mimeType dit si le document est auto-présentable", "DMPWS D17", _REPOSITORY)

SELF_PRESENTING = "application/xslt+xml"
_SHOWN = 200


def check_contents(submission: Submission, facts: LotFacts, report: Report) -> None:
    """Check each entry that has octets, and those that have a CDA header."""
    for entry in submission.entries:
        if octets := facts.octets.get(entry.id):
            _check_octets(entry, octets, report)
        check_source_patient_info(entry.source_patient_info, entry.id, facts, report)
        if header := facts.headers.get(entry.id):
            _check_header(entry, header, facts, report)
            check_record_target(header.patient, entry.id, facts, report)


def _check_octets(entry: DocumentEntry, octets: Octets, report: Report) -> None:
    if entry.hash:
        ok = entry.hash.lower() == octets.sha1
        report.require(ok, HASH, expected=octets.sha1, found=entry.hash[:_SHOWN], where=entry.id)
    if entry.size:
        ok = entry.size == str(octets.size)
        report.require(ok, SIZE, expected=str(octets.size), found=entry.size[:_SHOWN], where=entry.id)


def _check_header(entry: DocumentEntry, header: CdaHeader, facts: LotFacts, report: Report) -> None:
    def same(rule: Rule, ok: bool, cda: str, metadata: str) -> None:
        report.require(ok, rule, expected=f"{metadata[:_SHOWN]} (fiche)", found=f"{cda[:_SHOWN]} (CDA)", where=entry.id)

    extension = f"^{header.id.extension}" if header.id.extension else ""
    same(CDA_ID, header.id.root + extension == entry.unique_id, header.id.root + extension, entry.unique_id)
    patient = Cx.parse(entry.patient_id)
    ids = header.patient.ids
    ok = any((i.extension, i.root) == (patient.id, patient.authority) for i in ids)
    same(CDA_PATIENT, ok, ", ".join(f"{i.extension} ({i.root})" for i in ids), str(patient))
    if header.title and entry.title:
        same(CDA_TITLE, _words(header.title) == _words(entry.title), header.title, entry.title)
    if header.language and entry.language:
        same(CDA_LANGUAGE, header.language == entry.language, header.language, entry.language)
    for rule, cda, dtm in (
        (CDA_CREATION, header.effective_time, entry.creation_time),
        (CDA_SERVICE, header.service_start, entry.service_start),
        (CDA_SERVICE, header.service_stop, entry.service_stop),
    ):
        if cda and dtm:
            same(rule, same_time(cda, dtm), cda, f"{dtm} UTC")
    for rule, code, metadata in (
        (CDA_TYPE, header.code, entry.type_code),
        (CDA_FACILITY, header.facility_type, entry.facility_type),
        (CDA_SETTING, header.practice_setting, entry.practice_setting),
    ):
        if code and metadata:
            same(rule, code.same(metadata), _shown(code), _shown(metadata))
    if (level := header.confidentiality) and entry.confidentiality:
        levels = ", ".join(c.code for c in entry.confidentiality)
        same(CDA_LEVEL, any(c.same(level) for c in entry.confidentiality), level.code, levels)
    _check_actors(entry, header, report)
    _check_format(entry, header, facts, report)
    presenting = header.self_presenting == (entry.mime_type == SELF_PRESENTING)
    same(CDA_MIME, presenting, "auto-présentable" if header.self_presenting else "CDA seul", entry.mime_type)


def _check_actors(entry: DocumentEntry, header: CdaHeader, report: Report) -> None:
    for author in header.authors:
        _same_actor(CDA_AUTHOR, author, entry.author_persons, entry.id, report)
    if header.legal_authenticator and entry.legal_authenticator:
        known = frozenset({entry.legal_authenticator_id})
        _same_actor(CDA_AUTHENTICATOR, header.legal_authenticator, known, entry.id, report)


def _same_actor(rule: Rule, actor: CdaActor, known: frozenset[str], where: str, report: Report) -> None:
    # A device of an instance is named by its OID alone, a person by the extension.
    ids = {i.extension or i.root for i in actor.ids} - {""}
    if ids:
        expected = ", ".join(sorted(known))[:_SHOWN] + " (fiche)"
        found = ", ".join(sorted(ids))[:_SHOWN] + " (CDA)"
        report.require(not ids.isdisjoint(known), rule, expected=expected, found=found, where=where)


def _check_format(entry: DocumentEntry, header: CdaHeader, facts: LotFacts, report: Report) -> None:
    """The formatCode follows from the media type of a non structured body, else from a known model."""
    keys = [header.media_type] if header.media_type else header.template_ids
    formats = [facts.values.formats[key] for key in keys if key in facts.values.formats]
    if formats and entry.format_code is not None:
        ok = any(f.same(entry.format_code) for f in formats)
        expected = " ou ".join(sorted({f.code for f in formats}))
        report.require(ok, CDA_FORMAT, expected=expected, found=entry.format_code.code, where=entry.id)


def _words(text: str) -> list[str]:
    return text.split()


def _shown(code: Code) -> str:
    return f"{code.code} ({code.system})"
