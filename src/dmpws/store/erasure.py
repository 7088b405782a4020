"""Taking documents and whole records out of the tables, and their octets out of the document storage.

Of an erased document remain its identifiers, so that nobody brings it back, and nothing else: a row of status
`ERASED`, which no status of the interface spells and no query gives (DMPWS D148). Of a purged record nothing remains.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Delete,
    Table,
    and_,
    bindparam,
    delete,
    exists,
    func,
    or_,
    select,
    union,
    union_all,
    update,
)

from dmpws.domain.document import StoredEntry
from dmpws.domain.erasure import Content
from dmpws.domain.patient import DmpStatus, Ins
from dmpws.store.conditions import one_of
from dmpws.store.lots import IN_EVIDENCE
from dmpws.store.rows import ERASED
from dmpws.store.session import Statements
from dmpws.store.tables import (
    association,
    document_entry,
    document_set,
    folder,
    lot_evidence,
    metadata,
    patient,
    patient_identifier,
    submission_set,
    unregistered_document,
)

_E, _A, _S, _F, _P = document_entry.c, association.c, submission_set.c, folder.c, patient.c
_LOT: BindParameter[int] = bindparam("lot")
_UNIQUE_ID: BindParameter[str] = bindparam("unique")
_PATIENT: BindParameter[int] = bindparam("patient")

_VERSIONS = (
    select(_E.entry_uuid, _E.submission_set_id, _E.octets)
    .where(_E.unique_id == _UNIQUE_ID, _E.status != ERASED)
    .with_for_update()
)
_LINKS = union(  # not an OR over two columns, of which SQLite would use no index
    *(select(_A.uuid, _A.submission_set_id).where(one_of(end, "uuids")) for end in (_A.source, _A.target))
)
_UNLINK = delete(association).where(one_of(_A.uuid, "uuids"))
_FORGET_VERSIONS = delete(document_entry).where(_E.unique_id == _UNIQUE_ID, _E.version > 1)
_FORGET_SET_VERSION = delete(document_set).where(
    document_set.c.patient_id == _PATIENT, document_set.c.unique_id == _UNIQUE_ID
)
_NOTHING: dict[str, Any] = {
    "status": ERASED,
    "latest": False,
    **{column.name: "" for column in document_entry.c if column.name in {
        "object_type", "mime_type", "hash", "sha256", "octets", "class_code", "type_code", "format_code",
        "facility_type", "practice_setting", "visibility", "author_persons", "author_institutions",
        "legal_authenticator", "creation_time", "creation_key", "service_start_key", "service_stop_key",
    }},
    **{name: [] for name in ("event_codes", "confidentiality", "authors", "reference_ids")},
    "size": 0,
    "fragment": b"",
}  # fmt: skip
_BLANK = update(document_entry).where(_E.unique_id == _UNIQUE_ID).values(**_NOTHING)
_SIGNATURE = and_(_E.submission_set_id == _LOT, _E.is_signature)
_SIGNATURES = select(_E.entry_uuid, _E.octets).where(_SIGNATURE, _E.status != ERASED)
_BLANK_SIGNATURES = update(document_entry).where(_SIGNATURE).values(**_NOTHING)
# What a lot still holds; its signature, and what relates that, is nothing.
_HOLDS = union_all(
    select(_E.id).where(_E.submission_set_id == _LOT, ~_E.is_signature, _E.status != ERASED),
    select(_F.id).where(_F.submission_set_id == _LOT),
    select(_A.id).where(
        _A.submission_set_id == _LOT, ~exists().where(_SIGNATURE, _E.entry_uuid.in_([_A.source, _A.target]))
    ),
).limit(1)
_FORGET_EVIDENCE = delete(lot_evidence).where(lot_evidence.c.submission_set_id == _LOT)
_BLANK_LOT = (
    update(submission_set)
    .where(_S.id == _LOT)
    .values(
        status=ERASED, source_id="", submission_time="", content_type="", authors=[], author_persons="",
        author_institutions="", fragment=b"",
    )
    .returning(_S.uuid, _S.unique_id)
)  # fmt: skip

# FOR UPDATE: whoever writes into the record has finished, and nobody begins.
_HOLD = select(_P.id).where(_P.id == _PATIENT).with_for_update()
_SHARED = select(_E.id).where(_E.octets == bindparam("octets"), _E.unique_id != _UNIQUE_ID).limit(1)
_OCTETS = union(
    *(select(t.c.octets).where(t.c.patient_id == _PATIENT) for t in (document_entry, unregistered_document))
)
_CONTENT = select(func.count().label("documents"), func.coalesce(func.sum(_E.size), 0).label("octets")).where(
    _E.patient_id == _PATIENT, ~_E.is_signature, _E.latest
)
_other = patient_identifier.alias("other")
_CURRENT_RANK = select(func.max(_other.c.rank)).where(_other.c.patient_id == _P.id).correlate(patient)
_LAPSED = (
    select(patient_identifier.c.value, patient_identifier.c.authority)
    .join(patient)
    .where(
        or_(
            and_(_P.status == DmpStatus.CLOSED.value, _P.closed_at <= bindparam("before")),
            and_(_P.deceased_on != "", _P.deceased_on <= bindparam("day")),
        ),
        patient_identifier.c.rank == _CURRENT_RANK.scalar_subquery(),
    )
    .order_by(_P.id)
)


def of_record(table: Table) -> ColumnElement[bool] | None:
    """The rows of a table that belong to the record bound to `patient`: those whose foreign keys lead to it; None
    when no foreign key does."""
    if table is patient:
        return _P.id == _PATIENT
    for key in table.foreign_keys:
        belongs = of_record(key.column.table)
        if belongs is not None:
            return key.parent.in_(select(key.column).where(belongs))
    return None


def _of_record() -> Iterable[Delete]:
    for table in reversed(metadata.sorted_tables):
        if (belongs := of_record(table)) is not None:
            yield delete(table).where(belongs)


_FORGET_RECORD = tuple(_of_record())
"""One statement per table, those that are referred to last: a table that a migration adds is here too."""


class Removals(Protocol):
    """The document storage as an erasure uses it."""

    def forget(self, names: Collection[str]) -> None:
        """Remove these files once the unit of work has committed, those that other rows hold left out."""
        ...


class Erasures:
    """Implements dmpws.transactions.ports.Erasure."""

    def __init__(self, statements: Statements, removals: Removals) -> None:
        self._db = statements
        self._removals = removals

    def document(self, entry: StoredEntry) -> Sequence[str]:
        """Erase all versions of a document; return the uniqueIds of the lots that held nothing else."""
        versions = self._db.returning(_VERSIONS, {"unique": entry.unique_id})
        lots = {row.submission_set_id for row in versions} | self._unlink([row.entry_uuid for row in versions])
        values = {"unique": entry.unique_id, "patient": entry.patient}
        self._db.change(_FORGET_SET_VERSION, values)
        self._db.change(_FORGET_VERSIONS, values)
        self._db.change(_BLANK, values)
        self._forget(row.octets for row in versions)
        return [unique_id for lot in sorted(lots) for unique_id in self._empty(lot)]

    def _unlink(self, ends: Sequence[str]) -> set[int]:
        """Delete the associations of these objects, and those that make a folder hold one; return their lots."""
        lots: set[int] = set()
        while links := self._db.rows(_LINKS, {"uuids": list(ends)}):
            lots |= {row.submission_set_id for row in links}
            ends = [row.uuid for row in links]
            self._db.change(_UNLINK, {"uuids": ends})
        return lots

    def _empty(self, lot: int) -> Sequence[str]:
        """Erase a lot when it holds nothing any more, with its signature; return its uniqueId."""
        if self._db.rows(_HOLDS, {"lot": lot}):
            return ()
        signatures = self._db.rows(_SIGNATURES, {"lot": lot})
        self._db.change(_FORGET_EVIDENCE, {"lot": lot})
        self._db.change(_BLANK_SIGNATURES, {"lot": lot})
        self._forget(row.octets for row in signatures)
        row = self._db.returning(_BLANK_LOT, {"lot": lot})[0]
        self._unlink([row.uuid, *(signature.entry_uuid for signature in signatures)])
        return (str(row.unique_id),)

    def shares_octets(self, entry: StoredEntry) -> bool:
        """Tell whether another document has the same octets: then they stay, for that one."""
        return bool(self._db.rows(_SHARED, {"octets": entry.octets, "unique": entry.unique_id}))

    def record(self, patient: int) -> None:
        """Delete a record and everything in it."""
        self._db.returning(_HOLD, {"patient": patient})
        octets = [row.octets for row in self._db.rows(_OCTETS, {"patient": patient})]
        for statement in _FORGET_RECORD:
            self._db.change(statement, {"patient": patient})
        self._forget(octets)

    def _forget(self, octets: Iterable[str]) -> None:
        self._removals.forget({name for name in octets if name and not name.startswith(IN_EVIDENCE)})

    def content(self, patient: int) -> Content:
        """How much a record holds."""
        row = self._db.rows(_CONTENT, {"patient": patient})[0]
        return Content(row.documents, int(row.octets))

    def lapsed(self, before: datetime) -> Sequence[Ins]:
        """The records closed, or whose patient is dead, since `before` or longer; by their current identifier."""
        rows = self._db.rows(_LAPSED, {"before": before, "day": f"{before:%Y%m%d}"})
        return [Ins(row.value, row.authority) for row in rows]
