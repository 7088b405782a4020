"""What ITI-41 and ITI-42 share: judging a submission of plain IHE, and storing it."""

from collections.abc import Iterable, Mapping

from dmpws.codec.ebxml.submission import ReceivedSubmission
from dmpws.domain.checks import Outcome, Refused, Report, refusal
from dmpws.domain.datatypes import Cx
from dmpws.domain.document import DocumentEntry, Status, StoredEntry, Submission
from dmpws.domain.ihe.metadata import IheFacts
from dmpws.domain.ihe.submission import check_registry, check_submission
from dmpws.domain.lot.associations import replacements
from dmpws.domain.octets import Octets
from dmpws.domain.patient import Ins, Name, PatientRecord, Traits
from dmpws.transactions.deposit import prepare_lot
from dmpws.transactions.ihe import KNOWN_PATIENT, PATIENT, IheCall, find_patient, hold_all, unknown_patient
from dmpws.transactions.pipeline import BUSY
from dmpws.transactions.registry_facts import falling, gather


def submit(
    call: IheCall, received: ReceivedSubmission, octets: Mapping[str, Octets], report: Report, *, registered: bool
) -> None:
    """Judge a submission and store it. Raises Refused with every broken rule.

    octets: of each entry, by its id. report: what was found so far. registered: the documents are in another
    repository, and only measured (ITI-42).
    """
    submission = received.submission
    text = submission.submission_set.patient_id
    check_submission(submission, IheFacts(call.domain, text, find_patient(call, text), registered), report)
    hold_all(call, lambda: _involved(call, submission))
    record = find_patient(call, text)
    known = record is not None or (not call.domain.fed and call.domain.identifies(Cx.parse(text).authority))
    if text and not known:
        report.failed(PATIENT, expected=KNOWN_PATIENT, found=text[:200], where=submission.submission_set.id)
    registry = gather(call, submission, list)
    check_registry(submission, record.id if record is not None else 0, octets, registry, report)
    _note(call, submission, report)
    report.raise_failures()
    replaced = [registry.targets[a.target.lower()] for a in replacements(submission)]
    _note_deprecated(call, [*replaced, *falling(call, submission)])
    patient = record or _make_known(call, text)
    repository = _registered_repository if registered else lambda _entry: call.domain.repository
    lot = prepare_lot(call, received, octets, None, registry, patient.id, {}, repository=repository, copies=True)
    call.store.documents.add_lot(lot, now=call.now)


def _involved(call: IheCall, submission: Submission) -> set[int]:
    """Rows of the patients of a submission, and of what it is tied to."""
    named = {end.lower() for a in submission.associations for end in (a.source, a.target)}
    ends = [end for end in named if end.startswith("urn:uuid:")]
    patients = {entry.patient for entry in call.store.documents.by_entry_uuid(ends)} if ends else set()
    patients |= {folder.patient for folder in call.store.packages.folders(uuids=ends)}
    record = find_patient(call, submission.submission_set.patient_id)
    return patients | {record.id} if record is not None else patients


def _registered_repository(entry: DocumentEntry) -> str:
    return entry.repository_unique_id


def _make_known(call: IheCall, text: str) -> PatientRecord:
    """A patient whom no feed announces (DMPWS D98)."""
    patient = Cx.parse(text)
    ins = Ins(patient.id, patient.authority)
    try:
        record = call.store.patients.create(
            [ins],
            Traits(Name()),
            now=call.now,
            opposes_bris_de_glace=False,
            opposes_centre_15=False,
        )
    except Refused:  # another call has just made him known
        raise refusal(BUSY) from None
    if call.store.merging.is_subsumed(ins):
        raise unknown_patient(text)
    return record


def _note(call: IheCall, submission: Submission, report: Report) -> None:
    """Say in the trace what was to be registered (DMPWS D22)."""
    call.notes.submission_set = submission.submission_set.unique_id
    call.notes.documents += [
        {"uniqueId": e.unique_id, "typeCode": e.type_code.code if e.type_code else ""} for e in submission.entries
    ]
    warned = dict.fromkeys(c.message for c in report if c.outcome is Outcome.WARNED)
    call.notes.warnings += list(warned)[:50]


def _note_deprecated(call: IheCall, entries: Iterable[StoredEntry]) -> None:
    for old in entries:
        change = {"uniqueId": old.unique_id, "old": old.status.name, "new": Status.DEPRECATED.name}
        call.notes.changes.append(change)
