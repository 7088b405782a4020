"""Updates of the registry (ITI-57): new metadata versions and new statuses, all of a message or nothing."""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import Row, bindparam, or_, select, update

from dmpws.domain.checks import refusal
from dmpws.domain.document import HAS_MEMBER, Status, StoredEntry
from dmpws.store import rules
from dmpws.store.encryption import Sealer
from dmpws.store.engine import by_dialect
from dmpws.store.lots import APPROVED, DEPRECATED, LotTables
from dmpws.store.rows import derived_columns, pack, unpack
from dmpws.store.session import Statements
from dmpws.store.tables import association, document_entry, submission_set
from dmpws.transactions.ports import NewVersion, RegistryUpdate

_E, _A = document_entry.c, association.c
# What was read before may have moved since: both tell by their count whether it still holds.
_CURRENT = (_E.id == bindparam("row"), _E.latest, _E.status == bindparam("old"))
_SUPERSEDE = update(document_entry).where(*_CURRENT).values(latest=False, status=DEPRECATED)
_SET_STATUS = update(document_entry).where(*_CURRENT).values(status=bindparam("new"))
_COPY = select(_E.copy).where(_E.id == bindparam("row")).scalar_subquery()
_NEW_VERSION = by_dialect(lambda insert: insert(document_entry).values(copy=_COPY).on_conflict_do_nothing())
_NEW_ASSOCIATION = association.insert()
_SETS = select(submission_set.c.uuid).where(submission_set.c.uuid == _A.source).exists()
_LINKS = (
    select(association)
    .where(
        or_(_A.source == bindparam("entry"), _A.target == bindparam("entry")),
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
            self._add_version(version, new, set_id)
        self._lots.add_associations(new.associations, set_id)
        for entry, status in new.statuses:
            self._set_status(entry, status)

    def _set_status(self, entry: StoredEntry, status: Status) -> None:
        values = {"row": entry.id, "old": entry.status.name, "new": status.name}
        if self._db.change(_SET_STATUS, values) != 1:
            raise refusal(rules.STATUS_MOVED, where=entry.entry_uuid)

    def _add_version(self, new: NewVersion, update: RegistryUpdate, set_id: int) -> None:
        """The old row leaves the searches, the new one takes its octets and its place in the order."""
        old = new.previous
        if self._db.change(_SUPERSEDE, {"row": old.id, "old": old.status.name}) != 1:
            raise refusal(rules.VERSION_MOVED, found=str(old.version), where=old.entry_uuid)
        row = {
            "row": old.id,
            "entry_uuid": new.entry_uuid,
            "lid": old.lid,
            "version": old.version + 1,
            "latest": True,
            "unique_id": old.unique_id,
            "patient_id": update.patient,
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
            raise refusal(rules.ENTRY_UUID, found=new.entry_uuid)
        if new.propagates:
            self._propagate(old.entry_uuid, new.entry_uuid, set_id, update.submission_set_uuid)

    def _propagate(self, old: str, new: str, set_id: int, set_uuid: str) -> None:
        """The new version has the associations of the old one, which keeps them; what puts it in a folder is a
        member of the update (ITI TF-2 3.57.4.1.3.3.3)."""
        for link in self._db.rows(_LINKS, {"entry": old}):
            source, target = (new if end == old else end for end in (link.source, link.target))
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
