"""Submission sets, folders and associations as the transactions see them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, Table, select

from dmpws.domain.document import Status
from dmpws.domain.packages import StoredAssociation, StoredFolder, StoredSet
from dmpws.domain.query import FolderQuery, SetQuery, dtm_key
from dmpws.store.conditions import any_like, any_one_of, one_of
from dmpws.store.encryption import Sealer
from dmpws.store.rows import ERASED, split, unpack
from dmpws.store.search import nfc, spelled
from dmpws.store.session import Statements
from dmpws.store.tables import association, folder, submission_set

_S, _F, _A = submission_set.c, folder.c, association.c

_LINKS = select(association, _S.patient_id, _S.received_at).join(submission_set).order_by(_A.id)
# Two statements: an OR over two columns would keep both indexes from serving on PostgreSQL.
_FROM, _TO = (_LINKS.where(one_of(column, "uuids")) for column in (_A.source, _A.target))
_BY_UUID = _LINKS.where(one_of(_A.uuid, "uuids"))


def _by(table: Table, name: str) -> Select[Any]:
    return select(table).where(one_of(table.c[name], "values"), table.c.status != ERASED).order_by(table.c.id.desc())


_SETS = {name: _by(submission_set, name) for name in ("uuid", "unique_id")}
_FOLDERS = {name: _by(folder, name) for name in ("uuid", "unique_id", "lid")}


class PackageTable:
    """Implements dmpws.transactions.ports.Packages."""

    def __init__(self, statements: Statements, sealer: Sealer) -> None:
        self._db = statements
        self._sealer = sealer

    def find_sets(self, query: SetQuery, *, limit: int, offset: int = 0) -> Sequence[StoredSet]:
        """Submission sets matching, newest submissionTime first; at most `limit + 1` after the first `offset`."""
        newest = (_S.submission_time.desc(), _S.id.desc())
        statement = select(submission_set).where(*_set_conditions(query)).order_by(*newest)
        return self._sets(self._db.rows(statement.limit(limit + 1).offset(offset), _set_values(query)))

    def find_folders(self, query: FolderQuery) -> Sequence[StoredFolder]:
        """Folders matching, last arrived first."""
        groups = {f"codes_{n}": [spelled(code) for code in codes] for n, codes in enumerate(query.codes)}
        statement = (
            select(folder)
            .where(
                _F.patient_id == query.patient,
                _F.status.in_(status.name for status in query.statuses),
                *(() if query.all_versions else (_F.latest,)),
                *(any_one_of(_F.codes, name) for name in groups),
            )
            .order_by(_F.id.desc())
        )
        return self._folders(self._db.rows(statement, groups))

    def sets(self, *, uuids: Iterable[str] = (), unique_ids: Iterable[str] = ()) -> Sequence[StoredSet]:
        """The submission sets of these UUIDs, or of these uniqueIds, last arrived first."""
        return self._sets(self._asked(_SETS, {"uuid": uuids, "unique_id": unique_ids}))

    def folders(
        self, *, uuids: Iterable[str] = (), unique_ids: Iterable[str] = (), lids: Iterable[str] = ()
    ) -> Sequence[StoredFolder]:
        """The folders, all their versions, of these UUIDs, uniqueIds or logical ids, last arrived first."""
        return self._folders(self._asked(_FOLDERS, {"uuid": uuids, "unique_id": unique_ids, "lid": lids}))

    def associations(
        self, *, uuids: Iterable[str] = (), sources: Iterable[str] = (), targets: Iterable[str] = ()
    ) -> Sequence[StoredAssociation]:
        """The associations that have one of these UUIDs, or one of these sources or targets, in order of arrival."""
        found: dict[str, Row[Any]] = {}
        for statement, asked in ((_BY_UUID, uuids), (_FROM, sources), (_TO, targets)):
            if wanted := list(dict.fromkeys(asked)):
                found |= {row.uuid: row for row in self._db.rows(statement, {"uuids": wanted})}
        return [self._association(row) for row in sorted(found.values(), key=lambda row: row.id)]

    def _asked(self, statements: Mapping[str, Select[Any]], values: Mapping[str, Iterable[str]]) -> list[Row[Any]]:
        rows: dict[int, Row[Any]] = {}
        for name, asked in values.items():
            if wanted := list(dict.fromkeys(asked)):
                rows |= {row.id: row for row in self._db.rows(statements[name], {"values": wanted})}
        return list(rows.values())

    def _sets(self, rows: Iterable[Row[Any]]) -> list[StoredSet]:
        return [
            StoredSet(
                id=row.id,
                uuid=row.uuid,
                unique_id=row.unique_id,
                patient=row.patient_id,
                status=Status[row.status],
                author_persons=split(row.author_persons),
                author_institutions=split(row.author_institutions),
                received_at=row.received_at,
                fragment=unpack(row.fragment, row.uuid, self._sealer),
            )
            for row in rows
        ]

    def _folders(self, rows: Iterable[Row[Any]]) -> list[StoredFolder]:
        return [
            StoredFolder(
                id=row.id,
                uuid=row.uuid,
                lid=row.lid,
                version=row.version,
                latest=row.latest,
                unique_id=row.unique_id,
                patient=row.patient_id,
                status=Status[row.status],
                last_update=row.received_at,
                fragment=unpack(row.fragment, row.uuid, self._sealer),
            )
            for row in rows
        ]

    def _association(self, row: Row[Any]) -> StoredAssociation:
        return StoredAssociation(
            uuid=row.uuid,
            type=row.type,
            source=row.source,
            target=row.target,
            status=Status[row.status],
            patient=row.patient_id,
            received_at=row.received_at,
            fragment=unpack(row.fragment, row.uuid, self._sealer),
        )


def _set_conditions(query: SetQuery) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = [
        _S.patient_id == query.patient,
        _S.status.in_(status.name for status in query.statuses),
    ]
    if query.source_ids:
        conditions.append(one_of(_S.source_id, "source_ids"))
    if query.content_types:
        conditions.append(one_of(_S.content_type, "content_types"))
    if query.author_person:
        conditions.append(any_like(_S.authors, "author_persons"))
    if query.submission.start:
        conditions.append(_S.submission_time >= dtm_key(query.submission.start))
    if query.submission.stop:
        conditions.append(_S.submission_time < dtm_key(query.submission.stop))
    return conditions


def _set_values(query: SetQuery) -> dict[str, Any]:
    values: dict[str, Any] = {}
    if query.source_ids:
        values["source_ids"] = list(query.source_ids)
    if query.content_types:
        values["content_types"] = [spelled(code) for code in query.content_types]
    if query.author_person:
        values["author_persons"] = [nfc(query.author_person)]
    return values
