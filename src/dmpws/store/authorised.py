"""The records a holder may open, as TD0.4 lists them: by holder and date, each part by an index."""

import re
from collections.abc import Collection, Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import Boolean, ColumnElement, Row, Select, and_, bindparam, exists, func, literal, or_, select

from dmpws.audit.trace import TraceOutcome
from dmpws.domain import oids
from dmpws.domain.authorisation import Holder, HolderKind
from dmpws.domain.authorised import AuthorisedQuery, AuthorisedRecord, DateType, Sight
from dmpws.domain.document import MASQUE_PS, Status
from dmpws.domain.patient import DmpStatus
from dmpws.store.conditions import code_of
from dmpws.store.record_rows import batches, records_of
from dmpws.store.session import Statements
from dmpws.store.tables import authorisation, document_entry, patient, patient_identifier, submission_set, trace

_ESCAPE = "!"
_HELD = authorisation.c
_ENTRY = document_entry.c

HAS_NIR = exists().where(
    patient_identifier.c.patient_id == patient.c.id, patient_identifier.c.authority.in_(sorted(oids.NIR_AUTHORITIES))
)
"""The record has a usable INS: those of the API v1 have none, and are invisible (DMP-CDT 0.5-510)."""
IS_OPEN = patient.c.status == DmpStatus.ACTIVE.value

# Of lists with one value per line. The pattern of nobody is empty, which no list with its ends is.
_WRITTEN_BY = or_(
    *(
        (literal("\n") + column + literal("\n")).like(bindparam(pattern), escape=_ESCAPE)
        for column, pattern in (
            (_ENTRY.author_persons, "person_line"),
            (_ENTRY.legal_authenticator, "person_line"),
            (_ENTRY.author_institutions, "structure_line"),
        )
    )
)


def _may_know(masked: ColumnElement[bool], all_types: bool, types: bool) -> ColumnElement[bool]:
    """A document that counts for a Sight. masked: masked ones do."""
    shown = or_(masked, ~_ENTRY.visibility.contains(MASQUE_PS))
    if not all_types:
        other = code_of(_ENTRY.type_code).in_(bindparam("other_types", expanding=True))
        shown = and_(shown, ~other if types else other)
    there = and_(_ENTRY.latest, ~_ENTRY.is_signature, _ENTRY.status != Status.DELETED.name)
    return and_(there, or_(_WRITTEN_BY, shown))


def _sight(sight: Sight) -> dict[str, Any]:
    """The parameters of `_may_know`."""
    lines = {"person_line": sight.person, "structure_line": sight.structure}
    values: dict[str, Any] = {name: _line(value) for name, value in lines.items()}
    return values if sight.all_types else {**values, "other_types": sorted(sight.other_types)}


def _line(value: str) -> str:
    escaped = re.sub(f"[{_ESCAPE}%_]", rf"{_ESCAPE}\g<0>", value)
    return f"%\n{escaped}\n%" if value else ""


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
def _statement(date_type: DateType, since: bool, all_types: bool, types: bool) -> Select[Any]:
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
        _may_know(and_(_HELD.treating_doctor, bindparam("masked", type_=Boolean())), all_types, types),
    )
    return found.where(added)


@cache
def _dates(all_types: bool, types: bool) -> Select[Any]:
    return (
        select(
            _ENTRY.patient_id,
            func.max(_ENTRY.received_at).label("last_add"),
            func.max(submission_set.c.received_at).label("last_update"),
        )
        .join(submission_set, submission_set.c.id == _ENTRY.submission_set_id)
        .where(
            _ENTRY.patient_id.in_(bindparam("ids", expanding=True)),
            _may_know(bindparam("masked", type_=Boolean()), all_types, types),
        )
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


def find_authorised(db: Statements, query: AuthorisedQuery, limit: int) -> Sequence[AuthorisedRecord] | None:
    """The records of `query`, last authorised first; None when there are more than `limit`."""
    held: dict[int, Row[Any]] = {}
    doctors: set[int] = set()
    for holder in query.holders:
        for row in _held_by(db, holder, query, limit):
            held.setdefault(row.patient_id, row)
            if row.treating_doctor:
                doctors.add(row.patient_id)
    if len(held) > limit:
        return None
    rows = sorted(held.values(), key=lambda row: (row.granted_at, row.patient_id), reverse=True)
    ids = [row.patient_id for row in rows]
    records, documents, accesses = (
        records_of(db, ids),
        _documents(db, ids, doctors, query.sight),
        _accesses(db, ids, query.holders),
    )
    listed = []
    for row in rows:
        number = row.patient_id
        dates = documents.get(number)
        listed.append(
            AuthorisedRecord(
                records[number],
                number in doctors,
                row.granted_at,
                last_access=accesses.get(number),
                last_update=dates and dates.last_update,
                last_add=dates and dates.last_add,
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
    sight, since = query.sight, query.since is not None
    if since:
        values |= {"since": query.since, "masked": sight.masked, **_sight(sight)}
    return db.rows(_statement(query.date_type, since, sight.all_types, sight.types), values)


def _documents(db: Statements, ids: Sequence[int], doctors: Collection[int], sight: Sight) -> Mapping[int, Row[Any]]:
    """The dates of the documents of each record. doctors: records whose médecin traitant was asked for."""
    found: dict[int, Row[Any]] = {}
    for masked in (False, True):
        group = [number for number in ids if (sight.masked and number in doctors) is masked]
        for batch in batches(group):
            values = {"ids": batch, "masked": masked, **_sight(sight)}
            found |= {row.patient_id: row for row in db.rows(_dates(sight.all_types, sight.types), values)}
    return found


def _accesses(db: Statements, ids: Sequence[int], holders: Sequence[Holder]) -> Mapping[int, Any]:
    """When one of the holders last had an answer about each record."""
    found: dict[int, Any] = {}
    for holder in holders:
        for batch in batches(ids):
            for row in db.rows(_ACCESSES[holder.kind], {"ids": batch, "holder": holder.identifier}):
                found[row.patient_id] = max(row.at, found.get(row.patient_id, row.at))
    return found
