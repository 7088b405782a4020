"""What plain IHE takes away: metadata out of the registry (ITI-62), octets out of the repository (ITI-86).

The one does not know the other: a document without metadata is still in the repository.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Table, bindparam, delete, exists, func, select, update

from dmpws.domain.checks import refusal
from dmpws.domain.document import HAS_MEMBER, HeldDocument
from dmpws.store import rules
from dmpws.store.conditions import one_of
from dmpws.store.engine import by_dialect
from dmpws.store.erasure import Removals
from dmpws.store.lots import IN_EVIDENCE
from dmpws.store.session import Statements
from dmpws.store.tables import (
    association,
    document_entry,
    folder,
    lot_evidence,
    submission_set,
    unregistered_document,
)

_E, _F, _S, _A, _U = document_entry.c, folder.c, submission_set.c, association.c, unregistered_document.c

_EVIDENCE = select(_S.uuid).join(lot_evidence).where(one_of(_S.uuid, "uuids"))
_other = document_entry.alias("other")
# Of each document of which no entry is left, here at least.
_LEFT = (
    select(_E.unique_id, _E.octets, _E.mime_type, _E.hash, _E.sha256, _E.size, _E.patient_id)
    .where(
        one_of(_E.entry_uuid, "uuids"),
        _E.octets != "",
        ~exists().where(
            _other.c.unique_id == _E.unique_id, _other.c.octets != "", ~one_of(_other.c.entry_uuid, "uuids")
        ),
    )
    .distinct()
)
_LIDS = {
    table: select(table.c.lid).distinct().where(one_of(name, "uuids"), table.c.latest)
    for table, name in ((document_entry, _E.entry_uuid), (folder, _F.uuid))
}


def _newest(table: Table) -> Any:
    """Make the highest version that is left of each logical id the latest."""
    version = table.alias("version")
    highest = select(func.max(version.c.version)).where(version.c.lid == table.c.lid).scalar_subquery()
    return update(table).where(one_of(table.c.lid, "lids"), table.c.version == highest).values(latest=True)


_NEWEST = {table: _newest(table) for table in (document_entry, folder)}
_REMOVE_FIRST = [
    delete(table).where(one_of(name, "uuids"))
    for table, name in ((association, _A.uuid), (document_entry, _E.entry_uuid), (folder, _F.uuid))
]
_REMOVE_SETS = delete(submission_set).where(one_of(_S.uuid, "uuids"))
_SETS = select(_S.id).where(one_of(_S.uuid, "uuids"))


def _moved(table: Table, uuid: Any) -> Any:
    """What a set brought that goes, and another set holds too, is that one's now."""
    holder: ColumnElement[Any] = (
        select(func.min(_S.id))
        .join_from(submission_set, _link, _link.c.source == _S.uuid)
        .where(_link.c.target == uuid, _link.c.type == HAS_MEMBER, ~one_of(_S.uuid, "uuids"))
        .scalar_subquery()
    )
    if table is association:  # otherwise it is of the set that brought its source
        sources = (
            select(end.c.submission_set_id).where(name == _A.source).scalar_subquery()
            for end, name in ((_other, _other.c.entry_uuid), (folder, _F.uuid))
        )
        holder = func.coalesce(holder, *sources, select(_S.id).where(_S.uuid == _A.source).scalar_subquery())
    return update(table).where(table.c.submission_set_id.in_(_SETS)).values(submission_set_id=holder)


_link = association.alias("link")
_MOVED = [
    _moved(table, uuid) for table, uuid in ((document_entry, _E.entry_uuid), (folder, _F.uuid), (association, _A.uuid))
]
_KEEP = by_dialect(
    lambda insert: (put := insert(unregistered_document)).on_conflict_do_update(
        index_elements=[_U.unique_id],
        set_={column.name: put.excluded[column.name] for column in _U if not column.primary_key},
    )
)
_KEPT = select(unregistered_document).where(one_of(_U.unique_id, "unique_ids"))
_HELD = select(_E.id, _E.octets).where(_E.unique_id == bindparam("unique"), _E.octets != "").with_for_update()
_EMPTY = update(document_entry).where(_E.unique_id == bindparam("unique")).values(octets="")
_UNKEEP = delete(unregistered_document).where(_U.unique_id == bindparam("unique")).returning(_U.octets)


class RemovalTable:
    """Implements dmpws.transactions.ports.Removal."""

    def __init__(self, statements: Statements, removals: Removals) -> None:
        self._db = statements
        self._removals = removals

    def metadata(self, uuids: Collection[str], *, now: datetime) -> None:
        """Delete the objects of these UUIDs. Raises Refused: see the port."""
        values = {"uuids": sorted(uuids)}
        if rows := self._db.rows(_EVIDENCE, values):
            raise refusal(rules.SIGNED_LOT, found=rows[0].uuid, where=rows[0].uuid)
        self._keep(self._db.rows(_LEFT, values), now)
        lids = {table: [row.lid for row in self._db.rows(_LIDS[table], values)] for table in _LIDS}
        for statement in (*_REMOVE_FIRST, *_MOVED, _REMOVE_SETS):
            self._db.change(statement, values)
        for table, names in lids.items():
            self._db.change(_NEWEST[table], {"lids": names})

    def _keep(self, left: Sequence[Row[Any]], now: datetime) -> None:
        """Remember the octets of documents that lose their last entry; of two contents of one the last."""
        kept = {row.unique_id: row for row in left if not row.octets.startswith(IN_EVIDENCE)}
        before = self._db.rows(_KEPT, {"unique_ids": list(kept)})
        for row in kept.values():
            self._db.change(_KEEP, [{**row._mapping, "removed_at": now}])
        self._forget(row.octets for row in (*before, *left) if row.octets not in {k.octets for k in kept.values()})

    def unregistered(self, unique_ids: Iterable[str]) -> Sequence[HeldDocument]:
        """The documents without metadata of these uniqueIds."""
        return [
            HeldDocument(
                unique_id=row.unique_id,
                patient=row.patient_id,
                mime_type=row.mime_type,
                hash=row.hash,
                sha256=row.sha256,
                size=row.size,
                octets=row.octets,
            )
            for row in self._db.rows(_KEPT, {"unique_ids": list(dict.fromkeys(unique_ids))})
        ]

    def octets(self, unique_id: str) -> bool:
        """Take the octets of a document away; False when there are none. Raises Refused: see the port."""
        values = {"unique": unique_id}
        held = [row.octets for row in self._db.returning(_HELD, values)]
        if any(name.startswith(IN_EVIDENCE) for name in held):
            raise refusal(rules.SIGNATURE_KEPT, found=unique_id, where=unique_id)
        self._db.change(_EMPTY, values)
        held += [row.octets for row in self._db.returning(_UNKEEP, values)]
        self._forget(held)
        return bool(held)

    def _forget(self, octets: Iterable[str]) -> None:
        self._removals.forget({name for name in octets if not name.startswith(IN_EVIDENCE)})
