"""TD2.1, alimentation: a signed lot of documents, new or replacing others (ITI-41)."""

from collections.abc import Iterable
from functools import partial

from lxml import etree

from dmpws.codec.ebxml.answers import errors_of, registry_response
from dmpws.codec.ebxml.attachments import read_documents
from dmpws.codec.ebxml.submission import read_submission
from dmpws.codec.value_sets import value_sets
from dmpws.domain.checks import Outcome, Refused, Report
from dmpws.domain.document import Status, StoredEntry, Submission
from dmpws.domain.errors import Carrier
from dmpws.domain.lot.associations import replacements
from dmpws.domain.lot.depositor import check_names
from dmpws.domain.lot.examine import examine
from dmpws.domain.lot.facts import LotFacts, RegistryFacts
from dmpws.domain.lot.registry import check_registry
from dmpws.domain.lot.vsm import check_vsm
from dmpws.domain.software import Profile
from dmpws.soap.message import Operation, SoapReply
from dmpws.transactions.admission import admit, hold, is_under_age
from dmpws.transactions.call import Call
from dmpws.transactions.contents import check_sets, files_of, read_contents
from dmpws.transactions.deposit import (
    EMPLOYEE_ROW,
    depositor_of,
    prepare_lot,
    row_of,
    verify_signature,
)
from dmpws.transactions.observed import tell_deposited, tell_replaced
from dmpws.transactions.registry import ALL_MODES, Transaction, register
from dmpws.transactions.registry_facts import falling, registry_facts
from dmpws.transactions.vaccination import are_notes, check_duplicates, keep_history
from dmpws.transactions.vsm import replaceable, require_vsm, vsm_facts
from dmpws.xml.names import XDSB

MOST_WARNINGS = 50
"""Warnings of one lot that its trace keeps."""

OPERATION = Operation(
    service="repository",
    name="DocumentRepository_ProvideAndRegisterDocumentSet-b",
    body=f"{{{XDSB}}}ProvideAndRegisterDocumentSetRequest",
    action="urn:ihe:iti:2007:ProvideAndRegisterDocumentSet-b",
    response_action="urn:ihe:iti:2007:ProvideAndRegisterDocumentSet-bResponse",
    aliases=("repositoryCPE",),
    # The root part of the official frame, and the official sample client.
    action_variants=(
        "DocumentRepository_ProvideAndRegisterDocumentSet-b",
        "urn:ihe:iti:xds-b:2007:ProvideAndRegisterDocumentSet-b",
    ),
    mtom_request=True,
    mtom_answer=True,
)
"""Shared with TD2.2, which differs by the card."""


def handle(call: Call, body: etree._Element) -> SoapReply:
    """Check a lot and store it. Raises Refused with every broken rule.

    Nothing else waits while the lot is checked; then the record is locked, and what may have changed in the meantime
    is looked at again: the admission here, the VSM, the historique, and all that `add_lot` relies on.
    """
    row = row_of(call)
    call.notes.transaction = row.partition(" ")[0]
    record = admit(call, row)
    report = Report()
    received = read_submission(body, report)
    submission = received.submission
    octets = read_documents(body, [e.id for e in submission.entries], call.parts, report)
    registry = registry_facts(call, record, submission)
    depositor = depositor_of(call, [*submission.entries, *registry.targets.values()])
    contents = read_contents(call, submission, octets, report, call.check_cda_header)
    tell_deposited(call.vihf, submission.entries, contents.headers, partial(files_of, report))
    vsm = vsm_facts(call, record, submission)
    facts = LotFacts(
        record=record,
        depositor=depositor,
        values=value_sets(),
        today=call.now.date(),
        guide=call.settings.guide,
        minor=is_under_age(call, record),
        secret_connection=call.vihf.secret_connection,
        masked_and_invisible=call.settings.masked_and_invisible,
        strict_identity=call.settings.strict_identity,
        octets=octets,
        headers=contents.headers,
        replaceable=replaceable(call, record, vsm),
    )
    examine(submission, facts, report)
    check_registry(submission, facts, registry, report)
    replaced = _replaced_by(submission, registry)
    former = [old for documents in replaced.values() for old in documents]
    tell_replaced(call.vihf, former, call.store)
    check_sets(call, record, submission, contents, replaced, report)
    if vsm is not None:
        check_vsm(submission, vsm, report)
    check_duplicates(call, record, contents.notes, {e.id for e in former}, report)
    if row is EMPLOYEE_ROW:
        check_names(submission, report)
    verified = verify_signature(call, submission, octets, report)
    _note(call, submission, report)
    report.raise_failures()
    assert verified is not None
    call = hold(call)
    record = admit(call, row)
    fallen = [*former, *falling(call, submission)]
    _note_fallen(call, fallen)
    if vsm is not None:
        require_vsm(call, record, submission)
    lot = prepare_lot(call, received, octets, verified, registry, record.id, contents.headers)
    call.store.documents.add_lot(lot, now=call.now)
    if are_notes([*submission.entries, *fallen]):
        keep_history(call, record, added={e.unique_id for e in submission.entries})
    return SoapReply(registry_response())


def _note(call: Call, submission: Submission, report: Report) -> None:
    """Say in the trace what was to be deposited (DMPWS D22)."""
    call.notes.submission_set = submission.submission_set.unique_id
    call.notes.documents += [
        {"uniqueId": e.unique_id, "typeCode": e.type_code.code if e.type_code else ""} for e in submission.entries
    ]
    warned = dict.fromkeys(c.message for c in report if c.outcome is Outcome.WARNED)
    call.notes.warnings += list(warned)[:MOST_WARNINGS]


def _replaced_by(submission: Submission, registry: RegistryFacts) -> dict[str, list[StoredEntry]]:
    """The known documents that a lot replaces, by id of the entry that does: one may replace several."""
    found: dict[str, list[StoredEntry]] = {}
    for a in replacements(submission):
        if old := registry.targets.get(a.target.lower()):
            found.setdefault(a.source, []).append(old)
    return found


def _note_fallen(call: Call, fallen: Iterable[StoredEntry]) -> None:
    for old in fallen:
        change = {"uniqueId": old.unique_id, "old": old.status.name, "new": Status.DEPRECATED.name}
        call.notes.changes.append(change)


def matches(_body: etree._Element, service: str) -> bool:
    return service not in OPERATION.aliases


def refuse(refused: Refused, _body: etree._Element) -> SoapReply:
    """Answer RegistryResponse Failure with one RegistryError per broken rule."""
    return SoapReply(registry_response(errors_of(refused)))


register(
    Transaction(
        code="TD2.1",
        title="Alimentation d'un DMP en documents",
        operation=OPERATION,
        modes=ALL_MODES,
        carrier=Carrier.REGISTRY,
        profiles=frozenset({Profile.FEEDING}),
        writes=True,
        audit="provide-and-register",
        references=(
            "DMP-FRAME TD2.1",
            "ITI TF-2 3.41",
            "ITI TF-2 3.42.4.1.3",
            "GI-DMP EX_2.1-1010",
            "GI-DMP EX_2.1-1050",
            "GI-DMP EX_2.1-1130",
            "GI-DMP EX_2.1-1140",
            "GI-DMP EX_2.1-1260",
            "PDT-INF-526",
        ),
        module=__name__,
        handle=handle,
        refuse=refuse,
        matches=matches,
    )
)
