"""Two patients who are one (ITI-44): everything of the one becomes the other's."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlalchemy import Table, and_, bindparam, delete, func, or_, select, update

from dmpws.domain.checks import refusal
from dmpws.domain.patient import Ins
from dmpws.store import rules
from dmpws.store.encryption import Sealer
from dmpws.store.erasure import Erasures
from dmpws.store.rows import pack, unpack
from dmpws.store.session import Statements
from dmpws.store.tables import (
    document_entry,
    folder,
    patient,
    patient_identifier,
    submission_set,
    subsumed_identifier,
    unregistered_document,
)

_BATCH = 500

_I, _G = patient_identifier.c, subsumed_identifier.c
_OWNERS = select(_I.patient_id, _I.value, _I.authority).where(
    or_(
        and_(_I.value == bindparam("gone"), _I.authority == bindparam("gone_of")),
        and_(_I.value == bindparam("kept"), _I.authority == bindparam("kept_of")),
    )
)
# FOR UPDATE: whoever writes into one of the records has finished, and nobody begins.
_HOLD = (
    select(patient.c.id)
    .where(patient.c.id.in_(bindparam("patients", expanding=True)))
    .order_by(patient.c.id)
    .with_for_update()
)
_NEW = subsumed_identifier.insert()
_REMOVE = delete(patient_identifier).where(_I.value == bindparam("gone"), _I.authority == bindparam("gone_of"))
_IDENTIFIERS = select(_I.value, _I.authority).where(_I.patient_id == bindparam("old")).order_by(_I.rank.desc())
_LOWEST = select(func.min(_I.rank)).where(_I.patient_id == bindparam("new"))
_MOVE = (
    update(patient_identifier)
    .where(_I.value == bindparam("id"), _I.authority == bindparam("of"))
    .values(patient_id=bindparam("new"), rank=bindparam("last"))
)
_MOVE_SUBSUMED = (
    update(subsumed_identifier).where(_G.patient_id == bindparam("old")).values(patient_id=bindparam("new"))
)
_MOVE_UNREGISTERED = (
    update(unregistered_document)
    .where(unregistered_document.c.patient_id == bindparam("old"))
    .values(patient_id=bindparam("new"))
)
_IS_SUBSUMED = select(_G.value).where(_G.value == bindparam("gone"), _G.authority == bindparam("gone_of"))


class Merges:
    """Implements dmpws.transactions.ports.Merging."""

    def __init__(self, statements: Statements, sealer: Sealer, erasures: Erasures) -> None:
        self._db = statements
        self._sealer = sealer
        self._erasures = erasures

    def is_subsumed(self, ins: Ins) -> bool:
        """Whether a merge took this identifier away."""
        return bool(self._db.rows(_IS_SUBSUMED, {"gone": ins.value, "gone_of": ins.authority}))

    def merge(self, gone: Ins, kept: Ins, *, rewrite: Callable[[bytes], bytes], now: datetime) -> None:
        """Give all that the patient of `gone` has to the one of `kept`. Raises Refused: see the port."""
        owners = self._owners(gone, kept)
        self._db.returning(_HOLD, {"patients": sorted(set(owners.values()))})
        if self._owners(gone, kept) != owners or len(owners) != 2:
            raise refusal(rules.MERGED, found=f"{gone.value}^{gone.authority}")
        old, new = owners[gone], owners[kept]
        for table, name in ((submission_set, "uuid"), (folder, "uuid"), (document_entry, "entry_uuid")):
            self._move_rows(table, name, old, new, rewrite)
        self._db.change(_MOVE_UNREGISTERED, {"old": old, "new": new})
        self._db.change(_REMOVE, {"gone": gone.value, "gone_of": gone.authority})
        self._db.change(_NEW, {"value": gone.value, "authority": gone.authority, "patient_id": new, "merged_at": now})
        if old != new:
            self._move_identifiers(old, new)
            self._erasures.record(old)

    def _owners(self, *identifiers: Ins) -> dict[Ins, int]:
        gone, kept = identifiers
        values = {"gone": gone.value, "gone_of": gone.authority, "kept": kept.value, "kept_of": kept.authority}
        return {Ins(row.value, row.authority): row.patient_id for row in self._db.rows(_OWNERS, values)}

    def _move_rows(self, table: Table, uuid: str, old: int, new: int, rewrite: Callable[[bytes], bytes]) -> None:
        page = (
            select(table.c.id, table.c[uuid].label("uuid"), table.c.fragment)
            .where(table.c.patient_id == bindparam("old"), table.c.id > bindparam("after"))
            .order_by(table.c.id)
            .limit(_BATCH)
        )
        change = (
            update(table)
            .where(table.c.id == bindparam("row"))
            .values(patient_id=bindparam("new"), fragment=bindparam("now"))
        )
        after = 0
        while rows := self._db.rows(page, {"old": old, "after": after}):
            after = rows[-1].id
            self._db.change(change, [{"row": r.id, "new": new, "now": self._rewritten(r, rewrite)} for r in rows])

    def _rewritten(self, row: Any, rewrite: Callable[[bytes], bytes]) -> bytes:
        if not row.fragment:  # erased
            return b""
        return pack(rewrite(unpack(row.fragment, row.uuid, self._sealer)), row.uuid, self._sealer)

    def _move_identifiers(self, old: int, new: int) -> None:
        """Those of the survivor stay before those it gets."""
        lowest = self._db.rows(_LOWEST, {"new": new})[0][0]
        for place, row in enumerate(self._db.rows(_IDENTIFIERS, {"old": old}), 1):
            values = {"id": row.value, "of": row.authority, "new": new, "last": lowest - place}
            self._db.change(_MOVE, values)
        self._db.change(_MOVE_SUBSUMED, {"old": old, "new": new})
