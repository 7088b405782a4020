"""The VSM in force of a record, for the policy on them (DMPWS D34)."""

from dmpws.domain.authorisation import AuthorisationState
from dmpws.domain.checks import Report
from dmpws.domain.document import Status, Submission
from dmpws.domain.lot.vsm import FORMATS, VsmFacts, check_vsm, is_vsm
from dmpws.domain.patient import PatientRecord
from dmpws.domain.query import DocumentQuery
from dmpws.domain.visibility import knows
from dmpws.transactions.admission import caller_of, standing_of
from dmpws.transactions.call import Call
from dmpws.transactions.reading import reader_of

_MOST = 100


def vsm_facts(call: Call, record: PatientRecord, submission: Submission) -> VsmFacts | None:
    """What the policy looks at; None when the lot has no VSM."""
    if not any(is_vsm(entry) for entry in submission.entries):
        return None
    settings = call.settings
    query = DocumentQuery(patient=record.id, statuses=(Status.APPROVED,), formats=FORMATS)
    found = () if settings.vsm == "off" else call.store.documents.find(query, limit=_MOST)
    reader = reader_of(call, record, found)
    return VsmFacts(
        policy=settings.vsm,
        reserved=settings.vsm_reserved,
        treating_doctor=reader.treating_doctor,
        current=[entry for entry in found if knows(reader, entry)],
    )


def replaceable(call: Call, record: PatientRecord, facts: VsmFacts | None) -> frozenset[int]:
    """Row ids of the VSM that the depositor may replace though another wrote them: the doctor authorised last."""
    if facts is None or facts.policy != "per_record":
        return frozenset()
    caller = caller_of(call.vihf)
    authorised = standing_of(call, caller, record).state is AuthorisationState.VALIDE
    return frozenset(e.id for e in facts.current) if caller.is_doctor and authorised else frozenset()


def require_vsm(call: Call, record: PatientRecord, submission: Submission) -> None:
    """Check again, now that nobody else may change the record. Raises Refused."""
    facts = vsm_facts(call, record, submission)
    report = Report()
    if facts is not None:
        check_vsm(submission, facts, report)
    report.raise_failures()
