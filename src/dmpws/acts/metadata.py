"""New metadata versions of a document, made by an act: the machinery of TD3.3 without its message."""

from dataclasses import replace
from uuid import UUID

from dmpws.acts.desk import Act
from dmpws.codec.ebxml.rim import RimObject
from dmpws.codec.ebxml.submission import read_entry, read_submission
from dmpws.codec.ebxml.writing import provide_and_register
from dmpws.domain import oids
from dmpws.domain.checks import Report, Rule, refusal
from dmpws.domain.datatypes import Cx, Xcn, format_dtm
from dmpws.domain.document import HAS_MEMBER, Association, Author, Status, StoredEntry, SubmissionSet
from dmpws.domain.lot.update import NewMetadata
from dmpws.domain.producers import BY_PATIENT
from dmpws.domain.visibility import Owner, sees
from dmpws.transactions.versioning import new_version, store_update

UNKNOWN = Rule("ACT-DOCUMENT", "Le document est dans ce DMP", "DMPWS D147", "XDSDocumentUniqueIdError")
DELETED = Rule("ACT-NOT-DELETED", "Un document supprimé ne change plus", "GI-DMP EX_3.3-1050", "XDSMetadataUpdateError")

_SET, _ENTRY = "SubmissionSet01", "Document01"


def document_of(act: Act, unique_id: str, owner: Owner) -> StoredEntry:
    """The current version of a document that the owner sees. Raises Refused: unknown, or deleted."""
    versions = [e for e in act.store.documents.by_unique_id([unique_id]) if e.patient == act.record.id]
    if not versions or not sees(owner, versions[0]):
        raise refusal(UNKNOWN, found=unique_id[:128])
    current = versions[0]
    if current.status is Status.DELETED:
        raise refusal(DELETED, found=current.status.name)
    act.notes.documents.append({"uniqueId": current.unique_id, "typeCode": current.type_code})
    return current


def store_version(act: Act, current: StoredEntry, item: RimObject, *, title: str) -> None:
    """Store `item` as the version that follows `current`, in a set of the patient's that says why (`title`)."""
    entry = replace(read_entry(item, Report()), id=_ENTRY)
    slots = {"SubmissionSetStatus": ("Original",), "PreviousVersion": (str(current.version),)}
    member = Association("member", HAS_MEMBER, _SET, _ENTRY, slots)
    received = read_submission(provide_and_register(_set(act, title), [entry], [member], []), Report())
    change = NewMetadata(_ENTRY, current.lid, entry, str(current.version), propagates=True)
    store_update(act, act.record, received, [new_version(act, change, current, item)], [])
    act.notes.submission_set = received.submission.submission_set.unique_id


def _set(act: Act, title: str) -> SubmissionSet:
    """A submission set whose author is the patient (CI-SIS LM 3.3)."""
    ins, name = act.record.ins, act.record.traits.name
    person = Xcn(ins.value, name.birth, name.given, ins.authority, "D", "NH")
    specialty = f"{BY_PATIENT.code}^{BY_PATIENT.display}^{BY_PATIENT.system}"
    return SubmissionSet(
        id=_SET,
        unique_id=f"2.25.{UUID(act.new_uuid()).int}",
        source_id=oids.DMP_CUSTODIAN,
        patient_id=str(Cx(ins.value, ins.authority, "NH")),
        submission_time=format_dtm(act.now),
        content_type=BY_PATIENT,
        authors=(Author(str(person), specialties=(specialty,)),),
        title=title,
    )
