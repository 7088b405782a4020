"""ITI-57, Update Document Set: new versions of metadata, new statuses, associations (DMPWS D100)."""

from lxml import etree

from dmpws.codec.ebxml.answers import registry_response
from dmpws.codec.ebxml.submission import read_submission
from dmpws.codec.ebxml.versions import read_stored
from dmpws.domain.checks import Report
from dmpws.domain.document import Status, StoredEntry, SubmissionSet
from dmpws.domain.ihe.metadata import IheFacts, check_set
from dmpws.domain.ihe.update import (
    TARGET,
    AskedUpdate,
    AskedVersion,
    Registered,
    Stored,
    check_initial,
    check_link,
    check_once,
    check_status,
    check_version,
    read_update,
    uuid_of,
)
from dmpws.domain.packages import StoredAssociation, StoredFolder
from dmpws.domain.patient import PatientRecord
from dmpws.soap.message import Operation, SoapReply
from dmpws.transactions.ihe import IheCall, find_patient, hold_all, refuse_with, register_ihe, unknown_patient
from dmpws.transactions.ihe_update import Judged, check_joined, check_relatives, patients_of, prepare, registered
from dmpws.transactions.registry_facts import check_new_set
from dmpws.transactions.versioning import PreparedUpdate
from dmpws.xml.names import LCM

OPERATION = Operation(
    service="registry",
    name="DocumentRegistry_UpdateDocumentSet",
    body=f"{{{LCM}}}SubmitObjectsRequest",
    action="urn:ihe:iti:2010:UpdateDocumentSet",
    response_action="urn:ihe:iti:2010:UpdateDocumentSetResponse",
)


def handle(call: IheCall, body: etree._Element) -> SoapReply:
    """Judge an update against what the registry holds, which nobody changes meanwhile, and store it."""
    report = Report()
    received = read_submission(body, report)
    lot = received.submission.submission_set
    call.notes.submission_set = lot.unique_id
    asked = read_update(received.submission, report)
    report.raise_failures()
    hold_all(call, lambda: patients_of(registered(call, asked)) | {_record(call, lot).id})
    record, held = _record(call, lot), registered(call, asked)
    facts = IheFacts(call.domain, lot.patient_id, record)
    check_set(lot, facts, report)
    check_new_set(call, lot, report)
    judged = _judge(asked, held, facts, record, report)
    check_once(asked, held, report)
    check_relatives(call, asked, held, report)
    report.raise_failures()
    update = prepare(call, received, judged, record.id)
    call.store.documents.add_update(update, now=call.now)
    check_joined(call, update, report)
    report.raise_failures()
    _note(call, update)
    return SoapReply(registry_response())


def _record(call: IheCall, lot: SubmissionSet) -> PatientRecord:
    record = find_patient(call, lot.patient_id)
    if record is None:
        raise unknown_patient(lot.patient_id)
    return record


def _judge(asked: AskedUpdate, held: Registered, facts: IheFacts, record: PatientRecord, report: Report) -> Judged:
    """What is to be done; what is wrong goes into `report`."""
    versions: list[tuple[AskedVersion, StoredEntry | StoredFolder]] = []
    statuses: list[tuple[Stored, Status]] = []
    for version in asked.versions:
        if not check_initial(version, facts, report):
            continue
        current = held.current(version)
        if current is None or isinstance(current, StoredAssociation):
            report.failed(TARGET, expected="un lid enregistré", found=version.lid[:200], where=version.where)
            continue
        stored = read_stored(current)[0] if isinstance(current, StoredEntry) else None
        check_version(version, current, stored, facts, report)
        versions.append((version, current))
    for change in asked.statuses:
        item = held.current(change)
        if item is None:
            report.failed(TARGET, expected="un objet enregistré", found=change.target[:200], where=change.where)
            continue
        check_status(change, item, held, report)
        statuses.append((item, change.wanted))
    for link in asked.links.values():
        check_link(link, held, record.id, report)
    return Judged(versions, statuses, tuple(asked.links.items()))


def _note(call: IheCall, update: PreparedUpdate) -> None:
    """Old and new values in the trace (DMPWS D22)."""
    notes = call.notes
    for version in update.versions:
        entry = version.entry
        notes.documents.append({
            "uniqueId": entry.unique_id, "typeCode": entry.type_code.code if entry.type_code else ""
        })  # fmt: skip
    superseded: list[tuple[StoredEntry | StoredFolder, Status]] = [(v.previous, v.status) for v in update.versions]
    superseded += [(v.previous, v.status) for v in update.folder_versions]
    for old, _ in superseded:
        change = {"old": str(old.version), "new": str(old.version + 1), "entryUUID": uuid_of(old)}
        notes.changes.append({"uniqueId": old.unique_id, "what": "version", **change})
    for item, status in (*superseded, *update.statuses):
        if status is not item.status:
            name = {} if isinstance(item, StoredAssociation) else {"uniqueId": item.unique_id}
            change = {"old": item.status.name, "new": status.name, "entryUUID": uuid_of(item)}
            notes.changes.append({**name, **change})


register_ihe(
    "ITI-57",
    "Mise à jour de métadonnées",
    OPERATION,
    handle,
    refuse_with("XDSMetadataUpdateError"),
    module=__name__,
    audit="update",
    writes=True,
)
