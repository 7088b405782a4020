"""The outbox: rows that a sender of mails or text messages reads, sends and marks (DMPWS D159)."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import bindparam, select, update

from dmpws.domain.notification import Notification, Pending
from dmpws.store.engine import by_dialect
from dmpws.store.ready import Ready
from dmpws.store.record_rows import RECORD_COLUMNS, record_of
from dmpws.store.session import Statements
from dmpws.store.tables import notification, patient, patient_identifier

_N = notification.c
_ADD = Ready(by_dialect(lambda insert: insert(notification).on_conflict_do_nothing()))
_PENDING = (
    select(notification)
    .where(_N.sent_at.is_(None), _N.id > bindparam("after"))
    .order_by(_N.id)
    .limit(bindparam("most"))
)
_RECORD = (
    select(*RECORD_COLUMNS)
    .select_from(patient)
    .join(patient_identifier, patient_identifier.c.patient_id == patient.c.id)
    .where(patient.c.id == bindparam("patient"))
    .order_by(patient_identifier.c.rank.desc())
)
_SENT = update(notification).where(_N.id == bindparam("row"), _N.sent_at.is_(None)).values(sent_at=bindparam("now"))


class NotificationTable:
    """Implements dmpws.transactions.ports.Notifications."""

    def __init__(self, statements: Statements) -> None:
        self._db = statements

    def add(self, patient: int, added: Notification) -> None:
        """Add a row, unless there is one for the same reader, access mode and day already."""
        values = {
            "patient_id": patient,
            "kind": added.kind,
            "person": added.person,
            "structure": added.structure,
            "day": f"{added.occurred_at:%Y-%m-%d}",
            "name": added.name,
            "purpose": added.purpose,
            "occurred_at": added.occurred_at,
        }
        self._db.change(_ADD, values)

    def pending(self, *, after: int = 0, limit: int = 100) -> Sequence[Pending]:
        """Those nobody has sent, oldest first, from the one after `after` on."""
        found = []
        for row in self._db.rows(_PENDING, {"after": after, "most": limit}):
            record = record_of(self._db.rows(_RECORD, {"patient": row.patient_id}))
            told = Notification(row.kind, row.person, row.name, row.structure, row.purpose, row.occurred_at)
            found.append(Pending(row.id, told, record.ins, record.traits.name, record.traits.telecoms))
        return found

    def mark_sent(self, ids: Iterable[int], *, now: datetime) -> int:
        """Say that these were sent; returns how many were not yet."""
        return sum(self._db.change(_SENT, {"row": number, "now": now}) for number in ids)
