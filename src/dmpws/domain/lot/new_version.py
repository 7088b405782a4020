"""New metadata against those of the current version: nothing but the visibility may differ (TD3.3a, TD3.3b).

Masking to professionals is reversible. What the patient or his representatives may see stays visible
(GI-DMP EX_3.3-1040, EX_3.3-1045).
"""

from collections.abc import Callable, Iterable
from dataclasses import replace

from dmpws.domain import oids
from dmpws.domain.checks import Report, Rule
from dmpws.domain.code import Code
from dmpws.domain.datatypes import Cx
from dmpws.domain.document import INVISIBLE_PATIENT, MASQUE_PS, VISIBILITIES, Author, DocumentEntry, StoredEntry
from dmpws.domain.lot.codes import VALUE_SET, outside_domain
from dmpws.domain.lot.facts import LotFacts
from dmpws.domain.lot.masking import ONE_OF_THEM, PAIR, TWICE, VACCINATION
from dmpws.domain.lot.metadata import REQUIRED, check_patient
from dmpws.domain.lot.registry import STILL_VISIBLE
from dmpws.domain.lot.vaccination import is_note

_FAILED = "XDSMetadataUpdateError"
IDENTIFIER = Rule(
    "UPD-IDENTIFIER",
    "lid, uniqueId et objectType sont ceux du document",
    "ITI TF-2 3.57.4.1.3",
    "XDSMetadataIdentifierError",
)
UNCHANGED = Rule("UPD-UNCHANGED", "Seule la visibilité d'un document change", "DMPWS D78", _FAILED)
NOTHING = Rule("UPD-NOTHING", "La mise à jour change la visibilité", "DMPWS D78", _FAILED)
VISIBLE = Rule(
    "UPD-VISIBLE", "Un document visible du patient ou des représentants le reste", "GI-DMP EX_3.3-1040", _FAILED
)

_SHOWN = 100


def check_new_version(
    new: DocumentEntry, current: StoredEntry, old: DocumentEntry, facts: LotFacts, report: Report
) -> None:
    """Check submitted metadata against the stored ones. current, old: the entry in force, and what its fragment says.

    Errors are located by the entryUUID of the document (ITI TF-2 3.57.4.1.3).
    """
    where = current.entry_uuid
    for name, expected, found in (
        ("lid", current.lid, new.lid.lower()),
        ("uniqueId", old.unique_id, new.unique_id),
        ("objectType", old.object_type, new.object_type),
    ):
        ok = expected == found
        report.require(ok, IDENTIFIER, expected=f"{name} {expected}", found=found[:_SHOWN] or "rien", where=where)
    found = "" if new.patient_id else "rien"
    report.require(bool(new.patient_id), REQUIRED, expected="patientId", found=found, where=where)
    check_patient(new.patient_id, where, facts, report)
    for name, read in _COMPARED.items():
        _same(name, read(old), read(new), where, report)
    # What the repository computes need not come back, and an empty slot says nothing.
    for name, before, after in (
        ("hash", old.hash.lower(), new.hash.lower()),
        ("size", old.size, new.size),
        ("repositoryUniqueId", old.repository_unique_id, new.repository_unique_id),
        *((name, ", ".join(old.slots.get(name, ())), ", ".join(values)) for name, values in new.slots.items()),
    ):
        if after:
            _same(name, before, after, where, report)
    _check_visibility(new, old, where, facts, report)


def _codes(codes: Iterable[Code | None]) -> str:
    """What of codes is compared: never the display name."""
    return ", ".join(sorted(f"{code.code} ({code.system})" for code in codes if code is not None))


def _authors(authors: Iterable[Author]) -> str:
    parts = ([a.person, *a.institutions, *a.roles, *a.specialties, *a.telecoms] for a in authors)
    return ", ".join(" ".join(author) for author in parts)


def _levels(entry: DocumentEntry) -> list[Code]:
    return [code for code in entry.confidentiality if code.system != oids.VISIBILITY]


_COMPARED: dict[str, Callable[[DocumentEntry], str]] = {
    "mimeType": lambda e: e.mime_type,
    "classCode": lambda e: _codes([e.class_code]),
    "typeCode": lambda e: _codes([e.type_code]),
    "formatCode": lambda e: _codes([e.format_code]),
    "healthcareFacilityTypeCode": lambda e: _codes([e.facility_type]),
    "practiceSettingCode": lambda e: _codes([e.practice_setting]),
    "eventCodeList": lambda e: _codes(e.event_codes),
    "confidentialityCode": lambda e: _codes(_levels(e)),
    "author": lambda e: _authors(e.authors),
    "legalAuthenticator": lambda e: e.legal_authenticator,
    "creationTime": lambda e: e.creation_time,
    "serviceStartTime": lambda e: e.service_start,
    "serviceStopTime": lambda e: e.service_stop,
    "languageCode": lambda e: e.language,
    "sourcePatientId": lambda e: str(replace(Cx.parse(e.source_patient_id), type="")),
    "sourcePatientInfo": lambda e: ", ".join(e.source_patient_info),
    "referenceIdList": lambda e: ", ".join(e.reference_ids),
    "title": lambda e: e.title,
    "comments": lambda e: e.comments,
}


def _same(name: str, before: str, after: str, where: str, report: Report) -> None:
    expected, found = (f"{name} {text or 'rien'}"[:_SHOWN] for text in (before, after))
    report.require(before == after, UNCHANGED, expected=expected, found=found, where=where)


def _check_visibility(new: DocumentEntry, old: DocumentEntry, where: str, facts: LotFacts, report: Report) -> None:
    codes = [code.code for code in new.confidentiality if code.system == oids.VISIBILITY]
    for code in set(codes) - VISIBILITIES:
        expected, found = ", ".join(sorted(VISIBILITIES)), f"confidentialityCode {code[:_SHOWN]}"
        report.failed(VALUE_SET, expected=expected, found=found, where=where, text=outside_domain(code))
    found = ", ".join(sorted(codes)) or "aucun masquage"
    report.require(len(set(codes)) == len(codes), TWICE, expected="une fois chacun", found=found, where=where)
    before, after = old.visibility, new.visibility
    report.require(before != after, NOTHING, expected="une autre visibilité", found=found, where=where)
    hidden = after - before - {MASQUE_PS}
    report.require(not hidden, VISIBLE, expected=STILL_VISIBLE, found=", ".join(sorted(hidden)), where=where)
    if is_note(old):
        more = ", ".join(sorted(after - before))
        report.require(not more, VACCINATION, expected="N", found=more, where=where)
    both = {MASQUE_PS, INVISIBLE_PATIENT} <= after
    report.require(not both or facts.masked_and_invisible, PAIR, expected=ONE_OF_THEM, found=found, where=where)
