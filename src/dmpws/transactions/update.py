"""What the four transactions TD3.3 share (ITI-57): one operation, one way to read, judge and store an update."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from lxml import etree

from dmpws.codec.ebxml.answers import errors_of, registry_response
from dmpws.codec.ebxml.submission import ReceivedSubmission, read_submission
from dmpws.codec.ebxml.versions import read_stored, with_visibility
from dmpws.codec.value_sets import value_sets
from dmpws.domain.checks import Outcome, Refused, Report
from dmpws.domain.document import (
    StoredEntry,
)
from dmpws.domain.lot.codes import check_set_codes
from dmpws.domain.lot.facts import Depositor, LotFacts
from dmpws.domain.lot.metadata import check_set
from dmpws.domain.lot.new_version import check_new_version
from dmpws.domain.lot.update import (
    TARGET,
    Change,
    StatusChange,
    check_once,
    check_status,
    check_version,
    read_changes,
    rows_of,
)
from dmpws.domain.patient import PatientRecord
from dmpws.domain.visibility import knows
from dmpws.soap.message import Operation, SoapReply
from dmpws.transactions.admission import admit, hold
from dmpws.transactions.call import Call
from dmpws.transactions.observed import tell_handled
from dmpws.transactions.reading import current_versions, reader_of
from dmpws.transactions.registry_facts import check_new_set
from dmpws.transactions.versioning import PreparedVersion, new_version, store_update
from dmpws.xml.names import LCM

OPERATION = Operation(
    service="registry",
    name="DocumentRegistry_UpdateDocumentSet",
    body=f"{{{LCM}}}SubmitObjectsRequest",
    action="urn:ihe:iti:2010:UpdateDocumentSet",
    response_action="urn:ihe:iti:2010:UpdateDocumentSet-Response",
)

REFERENCES = ("ITI TF-2 3.57", "PDT-INF-526", "PDT-INF-606", "DMPWS D28", "DMPWS D77")


def handle(call: Call, body: etree._Element) -> SoapReply:
    """Read what is asked, admit the caller to it, judge it, and store it. Raises Refused with every broken rule.

    Which rows of the rights apply, and so which transaction it is, only the record tells: an update that leaves
    no masking code unmasks a document or shows it to the patient.
    """
    report = Report()
    received = read_submission(body, report)
    changes = read_changes(received.submission, report)
    if not changes:
        report.raise_failures()
    call = hold(call)
    known = _known(call, changes)
    rows = sorted(frozenset[str]().union(*(rows_of(change, known.get(change.target)) for change in changes)))
    call.notes.transaction = ", ".join(dict.fromkeys(row.partition(" ")[0] for row in rows))
    call.notes.submission_set = received.submission.submission_set.unique_id
    handled = {entry.entry_uuid: entry for entry in known.values()}
    call.notes.documents += [{"uniqueId": e.unique_id, "typeCode": e.type_code} for e in handled.values()]
    tell_handled(call.vihf, known.values())
    record = _admit(call, rows, changes, known)
    facts = _facts(call, record)
    check_set(received.submission.submission_set, facts, report)
    check_set_codes(received.submission.submission_set, facts, report)
    check_new_set(call, received.submission.submission_set, report)
    check_once(changes, known, report)
    versions = [
        version
        for change in changes
        if (version := _check(call, change, known.get(change.target), received, facts, report)) is not None
    ]
    call.notes.warnings += [c.message for c in report if c.outcome is Outcome.WARNED][:50]
    report.raise_failures()
    wanted = {known[c.target].id: c.wanted for c in changes if isinstance(c, StatusChange)}
    # A document that gets both has its new version first, which then takes the new status (ITI TF-2 3.57.4.1.3).
    versions = [replace(v, status=wanted.get(v.previous.id, v.status)) for v in versions]
    superseded = {version.previous.id for version in versions}
    statuses = [(e, wanted[e.id]) for e in known.values() if e.id in wanted and e.id not in superseded]
    store_update(call, record, received, versions, statuses)
    return SoapReply(registry_response())


def _known(call: Call, changes: Iterable[Change]) -> Mapping[str, StoredEntry]:
    """The current version of each target, by the UUID that names it. What the caller may not know of is absent."""
    record = call.patient
    if record is None:
        return {}
    targets = dict.fromkeys(change.target for change in changes)
    found = current_versions(call, call.store.documents.by_entry_uuid(targets))
    reader = reader_of(call, record, found.values())
    return {uuid: entry for uuid, entry in found.items() if entry.patient == record.id and knows(reader, entry)}


def _admit(
    call: Call, rows: Sequence[str], changes: Iterable[Change], known: Mapping[str, StoredEntry]
) -> PatientRecord:
    """Admit to every row, and to each document that falls under it (DMPWS D30)."""
    records = [
        admit(call, row, documents=[
            known[change.target]
            for change in changes
            if change.target in known and row in rows_of(change, known[change.target])
        ])
        for row in rows
    ]  # fmt: skip
    call.notes.operation = ", ".join(rows)
    return records[0]


def _facts(call: Call, record: PatientRecord) -> LotFacts:
    return LotFacts(
        record=record,
        depositor=Depositor(call.vihf.name_id, frozenset()),
        values=value_sets(),
        today=call.now.date(),
        guide=call.settings.guide,
        masked_and_invisible=call.settings.masked_and_invisible,
    )


def _check(
    call: Call,
    change: Change,
    current: StoredEntry | None,
    received: ReceivedSubmission,
    facts: LotFacts,
    report: Report,
) -> PreparedVersion | None:
    """Judge one change, and make the new version it asks for; what is wrong goes into `report`."""
    if current is None:
        report.failed(
            TARGET, expected="un document enregistré", found=change.target[:200] or "rien", where=change.where
        )
        return None
    if isinstance(change, StatusChange):
        check_status(change, current, report)
        return None
    check_version(change, current, report)
    stored, item = read_stored(current)
    check_new_version(change.entry, current, stored, facts, report)
    submitted = next(i for i in received.entries if i.id == change.entry.id)
    return new_version(call, change, current, with_visibility(item, submitted))


def refuse(refused: Refused, _body: etree._Element) -> SoapReply:
    """Answer RegistryResponse Failure with one RegistryError per broken rule."""
    return SoapReply(registry_response(errors_of(refused)))
