"""Updates of the registry (ITI-57): new metadata versions and new statuses, all of a message or nothing."""

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import BindParameter, Row, Table, bindparam, or_, select, update

from dmpws.domain.checks import refusal
from dmpws.domain.document import HAS_MEMBER, Status, StoredEntry
from dmpws.domain.packages import StoredAssociation, StoredFolder
from dmpws.store import rules
from dmpws.store.encryption import Sealer
from dmpws.store.engine import by_dialect
from dmpws.store.lots import APPROVED, DEPRECATED, LotTables
from dmpws.store.rows import derived_columns, pack, unpack
from dmpws.store.search import spelled
from dmpws.store.session import Statements
from dmpws.store.tables import association, document_entry, folder, submission_set
from dmpws.transactions.ports import NewFolderVersion, NewVersion, RegistryUpdate

_E, _A = document_entry.c, association.c
# What was read before may have moved since: they tell by their count whether it still holds.
_CURRENT = {
    table: (table.c.id == bindparam("row"), table.c.latest, table.c.status == bindparam("old"))
    for table in (document_entry, folder)
}
_SUPERSEDE = {
    table: update(table).where(*current).values(latest=False, status=DEPRECATED) for table, current in _CURRENT.items()
}
_SET_STATUS = {
    table: update(table).where(*current).values(status=bindparam("new")) for table, current in _CURRENT.items()
}
_SET_LINK_STATUS = (
    update(association)
    .where(_A.uuid == bindparam("link"), _A.status == bindparam("old"))
    .values(status=bindparam("new"))
)
_TOUCH = update(folder).where(folder.c.uuid == bindparam("folder")).values(received_at=bindparam("now"))
_COPY = select(_E.copy).where(_E.id == bindparam("row")).scalar_subquery()
_NEW_VERSION = by_dialect(lambda insert: insert(document_entry).values(copy=_COPY).on_conflict_do_nothing())
_NEW_FOLDER_VERSION = by_dialect(lambda insert: insert(folder).on_conflict_do_nothing())
_NEW_ASSOCIATION = association.insert()
_SETS = select(submission_set.c.uuid).where(submission_set.c.uuid == _A.source).exists()
_OLD: BindParameter[Any] = bindparam("old", expanding=True)
_LINKS = (
    select(association)
    .where(
        or_(_A.source.in_(_OLD), _A.target.in_(_OLD)),
        _A.status == APPROVED,
        # A lot keeps the version it brought; a folder follows its document.
        ~((_A.type == HAS_MEMBER) & _SETS),
    )
    .order_by(_A.id)
)


class UpdateTables:
    """Writes updates."""

    def __init__(self, statements: Statements, sealer: Sealer, lots: LotTables) -> None:
        self._db = statements
        self._sealer = sealer
        self._lots = lots

    def add(self, new: RegistryUpdate, *, now: datetime) -> None:
        """Store an update. Raises Refused (see the port)."""
        set_id = self._lots.add_submission_set(new, now)
        for version in new.versions:
            self._add_version(version, new.patient, set_id)
        for folder_version in new.folder_versions:
            self._add_folder_version(folder_version, new.patient, set_id, now)
        self._propagate(
            {v.previous.entry_uuid: v.entry_uuid for v in new.versions if v.propagates}
            | {v.previous.uuid: v.uuid for v in new.folder_versions if v.propagates},
            set_id,
            new.submission_set_uuid,
        )
        self._lots.add_associations(new.associations, set_id)
        for item, status in new.statuses:
            self._set_status(item, status, now)

    def _set_status(self, item: StoredEntry | StoredFolder | StoredAssociation, status: Status, now: datetime) -> None:
        values = {"old": item.status.name, "new": status.name}
        if isinstance(item, StoredAssociation):
            changed = self._db.change(_SET_LINK_STATUS, {**values, "link": item.uuid})
            self._db.change(_TOUCH, {"folder": item.source, "now": now})  # lastUpdateTime of a folder
        else:
            table = document_entry if isinstance(item, StoredEntry) else folder
            changed = self._db.change(_SET_STATUS[table], {**values, "row": item.id})
        if changed != 1:
            where = item.entry_uuid if isinstance(item, StoredEntry) else item.uuid
            raise refusal(rules.STATUS_MOVED, expected=item.status, found="un autre", where=where)

    def _supersede(self, table: Table, old: StoredEntry | StoredFolder, uuid: str) -> None:
        """The old row leaves the searches."""
        if self._db.change(_SUPERSEDE[table], {"row": old.id, "old": old.status.name}) != 1:
            raise refusal(rules.VERSION_MOVED, expected=f"version {old.version}", found="une autre", where=uuid)

    def _add_version(self, new: NewVersion, patient: int, set_id: int) -> None:
        """The new row takes the octets of the old one and its place in the order."""
        old = new.previous
        self._supersede(document_entry, old, old.entry_uuid)
        row = {
            "row": old.id,
            "entry_uuid": new.entry_uuid,
            "lid": old.lid,
            "version": old.version + 1,
            "latest": True,
            "unique_id": old.unique_id,
            "patient_id": patient,
            "submission_set_id": set_id,
            "status": new.status.name,
            "hash": old.hash,
            "sha256": old.sha256,
            "size": old.size,
            "octets": old.octets,
            "received_at": old.received_at,
            "fragment": pack(new.fragment, new.entry_uuid, self._sealer),
            **derived_columns(new.entry),
        }
        if self._db.change(_NEW_VERSION, [row]) != 1:
            raise refusal(rules.ENTRY_UUID, expected=rules.NEW_UUID, found=new.entry_uuid, where=old.entry_uuid)

    def _add_folder_version(self, new: NewFolderVersion, patient: int, set_id: int, now: datetime) -> None:
        old = new.previous
        self._supersede(folder, old, old.uuid)
        row = {
            "uuid": new.uuid,
            "lid": old.lid,
            "version": old.version + 1,
            "latest": True,
            "unique_id": old.unique_id,
            "patient_id": patient,
            "submission_set_id": set_id,
            "status": new.status.name,
            "codes": [spelled(code) for code in new.folder.codes],
            "received_at": now,
            "fragment": pack(new.fragment, new.uuid, self._sealer),
        }
        if self._db.change(_NEW_FOLDER_VERSION, [row]) != 1:
            raise refusal(rules.ENTRY_UUID, expected=rules.NEW_UUID, found=new.uuid, where=old.uuid)

    def _propagate(self, versions: Mapping[str, str], set_id: int, set_uuid: str) -> None:
        """The new versions have the associations of the old ones, which keep them; what puts one in a folder is a
        member of the update (ITI TF-2 3.57.4.1.3.3.3). versions: new UUID by the old one."""
        if not versions:
            return
        for link in self._db.rows(_LINKS, {"old": list(versions)}):
            source, target = (versions.get(end, end) for end in (link.source, link.target))
            copy = self._copy(link, source, target, set_id)
            if link.type == HAS_MEMBER:
                self._copy(link, set_uuid, copy, set_id)

    def _copy(self, link: Row[Any], source: str, target: str, set_id: int) -> str:
        """Insert an association like `link` between other ends, and return its UUID."""
        name = f"urn:uuid:{uuid.uuid4()}"
        fragment = unpack(link.fragment, link.uuid, self._sealer).replace(link.uuid.encode(), name.encode())
        row = {
            "uuid": name,
            "type": link.type,
            "source": source,
            "target": target,
            "submission_set_id": set_id,
            "status": APPROVED,
            "fragment": pack(fragment, name, self._sealer),
        }
        self._db.change(_NEW_ASSOCIATION, row)
        return name
