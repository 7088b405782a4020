"""The records a holder may open, as TD0.4 lists them: by holder and date, each part by an index."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, and_, bindparam, case, exists, func, or_, select

from dmpws.audit.trace import TraceOutcome
from dmpws.domain import oids
from dmpws.domain.authorisation import Holder, HolderKind
from dmpws.domain.authorised import AuthorisedQuery, AuthorisedRecord, DateType
from dmpws.domain.document import MASQUE_PS, Status
from dmpws.domain.patient import DmpStatus
from dmpws.store.record_rows import batches, records_of
from dmpws.store.session import Statements
from dmpws.store.tables import authorisation, document_entry, patient, patient_identifier, submission_set, trace

_HELD = authorisation.c
_ENTRY = document_entry.c

HAS_NIR = exists().where(
    patient_identifier.c.patient_id == patient.c.id, patient_identifier.c.authority.in_(sorted(oids.NIR_AUTHORITIES))
)
"""The record has a usable INS: those of the API v1 have none, and are invisible (DMP-CDT 0.5-510)."""
IS_OPEN = patient.c.status == DmpStatus.ACTIVE.value

_COUNTS = and_(_ENTRY.latest, ~_ENTRY.is_signature, _ENTRY.status != Status.DELETED.name)
_MASKED = _ENTRY.visibility.contains(MASQUE_PS)


def blocks_one_of(record: ColumnElement[int], holders: str) -> ColumnElement[bool]:
    """The record blocks one of the identifiers bound to `holders`, of persons and structures alike: their forms
    differ, and a block too many shows nothing."""
    blocked = authorisation.alias("blocked")
    return exists().where(
        blocked.c.patient_id == record,
        blocked.c.blocked,
        blocked.c.holder.in_(bindparam(holders, expanding=True)),
    )


@cache
def _statement(date_type: DateType, since: bool) -> Select[Any]:
    found = (
        select(_HELD.patient_id, _HELD.treating_doctor, _HELD.granted_at)
        .join(patient, patient.c.id == _HELD.patient_id)
        .where(
            _HELD.holder_kind == bindparam("kind"),
            _HELD.holder == bindparam("holder"),
            _HELD.granted_at.is_not(None),
            _HELD.expires_at > bindparam("now"),
            ~blocks_one_of(_HELD.patient_id, "unblocked"),
            IS_OPEN,
            HAS_NIR,
        )
        .order_by(_HELD.granted_at.desc(), _HELD.patient_id)
        .limit(bindparam("limit"))
    )
    if not since:
        return found
    if date_type is DateType.AUTHORISATION:
        return found.where(_HELD.granted_at >= bindparam("since"))
    added = exists().where(
        _ENTRY.patient_id == _HELD.patient_id,
        _ENTRY.received_at >= bindparam("since"),
        _COUNTS,
        or_(_HELD.treating_doctor, ~_MASKED),
    )
    return found.where(added)


def _shown(instant: ColumnElement[Any]) -> ColumnElement[Any]:
    return func.max(case((_MASKED, None), else_=instant))


# Masked documents count for the médecin traitant alone (DMPWS D125).
_DOCUMENTS = (
    select(
        _ENTRY.patient_id,
        _shown(_ENTRY.received_at).label("last_add"),
        _shown(submission_set.c.received_at).label("last_update"),
        func.max(_ENTRY.received_at).label("any_add"),
        func.max(submission_set.c.received_at).label("any_update"),
    )
    .join(submission_set, submission_set.c.id == _ENTRY.submission_set_id)
    .where(_ENTRY.patient_id.in_(bindparam("ids", expanding=True)), _COUNTS)
    .group_by(_ENTRY.patient_id)
)
_ACCESSES = {
    kind: select(patient_identifier.c.patient_id, func.max(trace.c.occurred_at).label("at"))
    .join(trace, trace.c.patient == patient_identifier.c.value + "^" + patient_identifier.c.authority)
    .where(
        patient_identifier.c.patient_id.in_(bindparam("ids", expanding=True)),
        column == bindparam("holder"),
        trace.c.outcome == TraceOutcome.ACCEPTED.value,
    )
    .group_by(patient_identifier.c.patient_id)
    for kind, column in ((HolderKind.PERSON, trace.c.person), (HolderKind.STRUCTURE, trace.c.structure))
}


def find_authorised(db: Statements, query: AuthorisedQuery, limit: int) -> Sequence[AuthorisedRecord]:
    """The records of `query`, last authorised first; at most `limit + 1`, so that the caller can tell there are
    too many."""
    held: dict[int, Row[Any]] = {}
    doctors: set[int] = set()
    for holder in query.holders:
        for row in _held_by(db, holder, query, limit):
            held.setdefault(row.patient_id, row)
            if row.treating_doctor:
                doctors.add(row.patient_id)
    rows = sorted(held.values(), key=lambda row: (row.granted_at, row.patient_id), reverse=True)[: limit + 1]
    ids = [row.patient_id for row in rows]
    records, documents, accesses = records_of(db, ids), _documents(db, ids), _accesses(db, ids, query.holders)
    listed = []
    for row in rows:
        number = row.patient_id
        dates, mt = documents.get(number), number in doctors
        listed.append(
            AuthorisedRecord(
                records[number],
                mt,
                row.granted_at,
                last_access=accesses.get(number),
                last_update=dates and (dates.any_update if mt else dates.last_update),
                last_add=dates and (dates.any_add if mt else dates.last_add),
            )
        )
    return listed


def _held_by(db: Statements, holder: Holder, query: AuthorisedQuery, limit: int) -> Sequence[Row[Any]]:
    values: dict[str, Any] = {
        "kind": holder.kind.value,
        "holder": holder.identifier,
        "now": query.now,
        "unblocked": [blocked.identifier for blocked in query.without_block_of],
        "limit": limit + 1,
    }
    if query.since is not None:
        values["since"] = query.since
    return db.rows(_statement(query.date_type, query.since is not None), values)


def _documents(db: Statements, ids: Sequence[int]) -> Mapping[int, Row[Any]]:
    rows = (row for batch in batches(ids) for row in db.rows(_DOCUMENTS, {"ids": batch}))
    return {row.patient_id: row for row in rows}


def _accesses(db: Statements, ids: Sequence[int], holders: Sequence[Holder]) -> Mapping[int, Any]:
    """When one of the holders last had an answer about each record."""
    found: dict[int, Any] = {}
    for holder in holders:
        for batch in batches(ids):
            for row in db.rows(_ACCESSES[holder.kind], {"ids": batch, "holder": holder.identifier}):
                found[row.patient_id] = max(row.at, found.get(row.patient_id, row.at))
    return found
