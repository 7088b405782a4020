"""Registry and repository as the transactions see them."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import Row, bindparam, select, union_all, update

from dmpws.domain.document import HeldDocument, Status, StoredEntry
from dmpws.domain.octets import Octets
from dmpws.domain.query import DocumentQuery
from dmpws.store.conditions import one_of
from dmpws.store.document_sets import DocumentSets
from dmpws.store.encryption import Sealer
from dmpws.store.lots import IN_EVIDENCE, LotTables, StoredLot
from dmpws.store.octets import MemoryOctets, StoredOctets
from dmpws.store.ready import Ready
from dmpws.store.rows import ERASED, stored_entry
from dmpws.store.search import ENTRY_COLUMNS, find
from dmpws.store.session import Statements
from dmpws.store.tables import document_entry, folder, submission_set
from dmpws.store.updates import UpdateTables
from dmpws.transactions.ports import NewLot, RegistryUpdate

_E = document_entry.c
_KNOWN = Ready(
    union_all(*(select(t.c.unique_id).where(one_of(t.c.unique_id, "unique_ids")) for t in (submission_set, folder)))
)
_ENTRIES = select(*ENTRY_COLUMNS).where(_E.status != ERASED)
_BY_UUID = Ready(_ENTRIES.where(one_of(_E.entry_uuid, "uuids")))
_BY_UNIQUE_ID = Ready(_ENTRIES.where(one_of(_E.unique_id, "unique_ids")))
_BY_LID = Ready(_ENTRIES.where(one_of(_E.lid, "lids")))
_SET_STATUS = update(document_entry).where(_E.id.in_(bindparam("ids", expanding=True))).values(status=bindparam("new"))
_ERASED_OF_LOT = select(_E.unique_id).where(_E.submission_set_id == bindparam("lot"), _E.status == ERASED)
_OF_LOT = _ENTRIES.where(_E.submission_set_id == bindparam("lot"), _E.version == 1).order_by(_E.id)


class OctetsKeeper(Protocol):
    """The document storage as a unit of work uses it."""

    def put(self, octets: Sequence[Octets]) -> Mapping[str, str]:
        """Put octets in place; they stay if the unit of work commits. Return their names by SHA-256."""
        ...

    def get(self, name: str, *, size: int, sha1: str, sha256: str) -> StoredOctets: ...


class DocumentTable:
    """Implements dmpws.transactions.ports.Documents."""

    def __init__(self, statements: Statements, octets: OctetsKeeper, sealer: Sealer) -> None:
        self._db = statements
        self._octets = octets
        self._sealer = sealer
        self._lots = LotTables(statements, sealer)
        self._sets = DocumentSets(statements)
        self._updates = UpdateTables(statements, sealer, self._lots)

    def add_lot(self, lot: NewLot, *, now: datetime) -> None:
        """Store a lot: octets first, then the rows. Raises Refused (see the port)."""
        signature = hashlib.sha256(lot.evidence.signature).hexdigest() if lot.evidence else ""
        here = [new for new in lot.entries if new.octets.sha256]
        files = [new.octets for new in here if not (new.entry.is_signature and new.octets.sha256 == signature)]
        self._lots.add(lot, self._octets.put(files), now=now)
        self._sets.add(lot.patient, lot.entries)

    def add_update(self, update: RegistryUpdate, *, now: datetime) -> None:
        """Store an update. Raises Refused (see the port)."""
        self._updates.add(update, now=now)

    def find(self, query: DocumentQuery, *, limit: int, offset: int = 0) -> Sequence[StoredEntry]:
        """Entries matching `query`, newest first, at most `limit + 1` after the first `offset`."""
        return self._entries(self._db.rows(*find(query, limit=limit, offset=offset)))

    def by_entry_uuid(self, uuids: Iterable[str]) -> Sequence[StoredEntry]:
        """The entries of these UUIDs that exist, in the order asked."""
        asked = list(dict.fromkeys(uuids))
        found = {row.entry_uuid: row for row in self._db.rows(_BY_UUID, {"uuids": asked})}
        return self._entries([found[uuid] for uuid in asked if uuid in found])

    def by_unique_id(self, unique_ids: Iterable[str]) -> Sequence[StoredEntry]:
        """Every metadata version of these documents, in the order asked, latest version first."""
        asked = {unique_id: rank for rank, unique_id in enumerate(dict.fromkeys(unique_ids))}
        rows = self._db.rows(_BY_UNIQUE_ID, {"unique_ids": list(asked)})
        return self._entries(sorted(rows, key=lambda row: (asked[row.unique_id], -row.version)))

    def by_lid(self, lids: Iterable[str]) -> Sequence[StoredEntry]:
        """Every metadata version of these logical ids, in the order asked, latest version first."""
        asked = {lid: rank for rank, lid in enumerate(dict.fromkeys(lids))}
        rows = self._db.rows(_BY_LID, {"lids": list(asked)})
        return self._entries(sorted(rows, key=lambda row: (asked[row.lid], -row.version)))

    def of_lot(self, lot: StoredLot) -> Sequence[StoredEntry]:
        """The entries a lot brought, signature included, in the order submitted."""
        return self._entries(self._db.rows(_OF_LOT, {"lot": lot.id}))

    def erased_of_lot(self, lot: StoredLot) -> Sequence[str]:
        """The uniqueIds of the documents of a lot that were erased."""
        return [row.unique_id for row in self._db.rows(_ERASED_OF_LOT, {"lot": lot.id})]

    def lot(self, unique_id: str) -> StoredLot | None:
        """The lot of this submission set uniqueId, with its evidence."""
        return self._lots.find(unique_id)

    def set_versions(self, patient: int, set_ids: Iterable[str]) -> Mapping[str, tuple[str, str]]:
        """setId and versionNumber by uniqueId, of all documents of these sets."""
        return self._sets.versions(patient, set_ids)

    def known_packages(self, unique_ids: Iterable[str]) -> frozenset[str]:
        """Those of the uniqueIds that submission sets or folders have."""
        return frozenset(
            row.unique_id for row in self._db.rows(_KNOWN, {"unique_ids": list(dict.fromkeys(unique_ids))})
        )

    def octets(self, entry: StoredEntry | HeldDocument) -> StoredOctets | MemoryOctets:
        """The stored octets. Raises KeyError when they were erased."""
        if entry.octets.startswith(IN_EVIDENCE):
            signature = self._lots.signature(int(entry.octets.removeprefix(IN_EVIDENCE)))
            return MemoryOctets(signature, sha1=entry.hash, sha256=entry.sha256)
        octets = self._octets.get(entry.octets, size=entry.size, sha1=entry.hash, sha256=entry.sha256)
        if not octets.path.exists():
            raise KeyError(entry.octets)
        return octets

    def set_status(self, entries: Iterable[int], status: Status) -> None:
        self._db.change(_SET_STATUS, {"ids": sorted(set(entries)), "new": status.name})

    def _entries(self, rows: Iterable[Row[Any]]) -> list[StoredEntry]:
        return [stored_entry(row, self._sealer) for row in rows]
