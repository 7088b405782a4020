"""Reading the traces of a record (PDT-INF-527 2.6): the patient and who represents him, the médecin traitant, the
host; and a professional his own actions.

What is told is never more than the reader may know: a trace about documents that do not exist for him does not
exist either, and representatives learn nothing of a minor's secret connections (DMPWS D21).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from dmpws.acts.actor import ActorKind
from dmpws.acts.desk import Act, Desk, Kind
from dmpws.acts.erasing import ERASE, PLAN
from dmpws.audit.trace import TraceOutcome
from dmpws.domain.document import StoredEntry
from dmpws.domain.patient import Ins
from dmpws.domain.traces import TraceQuery, TraceRecord
from dmpws.domain.visibility import Owner, Reader, is_shown_to, sees
from dmpws.transactions.call import TraceNotes

RECORD = Kind(
    "act:read-traces",
    "Lecture des traces du DMP",
    frozenset({ActorKind.PATIENT, ActorKind.REPRESENTATIVE, ActorKind.TREATING_DOCTOR, ActorKind.OPERATOR}),
    open=False,
    writes=False,
)
OWN = Kind("act:read-own-traces", "Lecture de ses propres traces", frozenset({ActorKind.TREATING_DOCTOR}))

YEAR = timedelta(days=365)
MOST = 100
"""Traces that a professional is shown, of one year at most (PDT-INF-527 2.6, DMPWS D158)."""


@dataclass(frozen=True, slots=True)
class Access:
    """One line of what was done to a record. seq: its number, to page by. who: as identified; capacity: of an act.
    documents: uniqueId and typeCode of those the reader may know of. changes: old and new values."""

    seq: int
    at: datetime
    transaction: str
    operation: str
    who: str
    name: str
    structure: str
    capacity: str
    mode: str
    purpose: str
    reason: str
    secret: bool
    outcome: str
    code: str
    patient: str
    documents: tuple[Mapping[str, str], ...]
    changes: tuple[Mapping[str, str], ...]


def of_record(desk: Desk, ins: Ins, query: TraceQuery) -> Sequence[Access]:
    """What was done to a record, newest first. query: period, person, structure and page. Raises Refused."""
    with desk.act(RECORD, ins) as act:
        identifiers = tuple(f"{i.value}^{i.authority}" for i in act.record.identifiers)
        asked = replace(query, patients=identifiers)
        if desk.actor.kind is ActorKind.TREATING_DOCTOR:
            asked = _of_one_year(asked, act.now)
        if desk.actor.kind is ActorKind.OPERATOR:
            return [_access(record) for record in act.store.traces.find(asked)]
        return [_access(record) for record in _told(act, desk, asked)]


def own_actions(desk: Desk, query: TraceQuery) -> Sequence[Access]:
    """What a professional did himself, whatever the record, newest first, of one year at most."""
    caller = desk.actor.caller
    if caller is None:
        raise ValueError("only a professional has actions of his own")
    with desk.store.read() as work:
        found = work.traces.find(_of_one_year(replace(query, person=caller.person), desk.now))
    desk.store.append_trace(desk.trace(OWN, TraceNotes(), TraceOutcome.ACCEPTED))
    return [_access(record) for record in found]


def _of_one_year(query: TraceQuery, now: datetime) -> TraceQuery:
    earliest = now - YEAR
    since = max(query.since, earliest) if query.since else earliest
    return replace(query, since=since, limit=min(query.limit, MOST))


def _told(act: Act, desk: Desk, query: TraceQuery) -> Sequence[TraceRecord]:
    """A page of what the reader may know of: full as long as there is more, or its gaps would tell of the rest."""
    told: list[TraceRecord] = []
    while len(told) < query.limit:
        page = act.store.traces.find(query)
        told += _known(act, desk, page)
        if len(page) < query.limit:
            break
        query = replace(query, before=page[-1].seq)
    return told[: query.limit]


def _known(act: Act, desk: Desk, found: Iterable[TraceRecord]) -> list[TraceRecord]:
    """The traces that the reader may know of, with the documents that exist for him."""
    found = [record for record in found if not _is_kept_from(desk, record)]
    named = frozenset[str]().union(*(record.documents for record in found))
    reader = _reader(act, desk)
    existing, erased = _existing(act, reader, named)
    told = [
        record
        for record in found
        if not record.documents or record.documents & existing or _tells_of_erasure(record, reader, erased)
    ]
    return [_reduced(record, existing) for record in told]


def _tells_of_erasure(record: TraceRecord, reader: Reader | Owner, erased: frozenset[str]) -> bool:
    """An erased document exists for nobody, but that the host erased one is told to who could know of it."""
    if record.content.get("transaction") not in (PLAN.code, ERASE.code) or not record.documents <= erased:
        return False
    visibility = " ".join(document.get("visibility", "") for document in record.content.get("documents", ()))
    return not isinstance(reader, Owner) or is_shown_to(reader, visibility.split())


def _is_kept_from(desk: Desk, record: TraceRecord) -> bool:
    """A minor's secret connection, and what nobody was verified to have done."""
    content = record.content
    if not (content.get("verified") or content.get("actor")):
        return True
    return desk.actor.kind is ActorKind.REPRESENTATIVE and bool(content.get("secret"))


def _existing(act: Act, reader: Reader | Owner, unique_ids: frozenset[str]) -> tuple[frozenset[str], frozenset[str]]:
    """Those documents of the record that exist for the reader today, and those that were erased."""
    current: dict[str, StoredEntry] = {}
    for entry in act.store.documents.by_unique_id(sorted(unique_ids)):
        if entry.patient == act.record.id and entry.latest:
            current[entry.unique_id] = entry
    existing = frozenset(unique_id for unique_id, entry in current.items() if sees(reader, entry))
    return existing, unique_ids - current.keys()


def _reader(act: Act, desk: Desk) -> Reader | Owner:
    if (caller := desk.actor.caller) is not None:
        masked = act.record.masked_visible_in_emergency
        return Reader(caller, treating_doctor=True, masked_in_emergency=masked, types=act.settings.type_rights)
    return Owner.PATIENT if desk.actor.kind is ActorKind.PATIENT else Owner.REPRESENTATIVE


def _reduced(record: TraceRecord, existing: frozenset[str]) -> TraceRecord:
    def known(items: Iterable[Mapping[str, str]]) -> list[Mapping[str, str]]:
        return [item for item in items if not item.get("uniqueId") or item["uniqueId"] in existing]

    content = dict(record.content)
    for name in ("documents", "changes"):
        if name in content:
            content[name] = known(content[name])
    return replace(record, content=content)


def _access(record: TraceRecord) -> Access:
    content: Mapping[str, Any] = record.content
    return Access(
        seq=record.seq,
        at=datetime.fromisoformat(content["occurred_at"]),
        transaction=content.get("transaction", ""),
        operation=content.get("operation", ""),
        who=content.get("person", ""),
        name=content.get("person_name", ""),
        structure=content.get("structure", ""),
        capacity=content.get("actor", ""),
        mode=content.get("mode", ""),
        purpose=content.get("purpose", ""),
        reason=content.get("reason", ""),
        secret=bool(content.get("secret")),
        outcome=content.get("outcome", ""),
        code=content.get("code", ""),
        patient=content.get("patient", ""),
        documents=tuple(content.get("documents", ())),
        changes=tuple(content.get("changes", ())),
    )
