"""Records: one identity, several identifiers over time."""

from collections.abc import Collection, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

from sqlalchemy import and_, bindparam, func, not_, null, select, update

from dmpws.domain.authorisation import Holder
from dmpws.domain.authorised import AuthorisedQuery, AuthorisedRecord
from dmpws.domain.checks import refusal
from dmpws.domain.patient import DmpStatus, Ins, PatientRecord, Switch, Traits
from dmpws.domain.patient_search import PatientCriteria
from dmpws.store import rules
from dmpws.store.authorised import find_authorised
from dmpws.store.engine import by_dialect
from dmpws.store.patient_search import index_record, search_domain, search_patients
from dmpws.store.ready import Ready
from dmpws.store.record_rows import RECORD_COLUMNS, record_of, records_of
from dmpws.store.session import Statements
from dmpws.store.tables import patient, patient_identifier

_asked = patient_identifier.alias("asked")

_FIND = Ready(
    select(*RECORD_COLUMNS)
    .select_from(_asked)
    .join(patient, patient.c.id == _asked.c.patient_id)
    .join(patient_identifier, patient_identifier.c.patient_id == patient.c.id)
    .where(_asked.c.value == bindparam("value"), _asked.c.authority == bindparam("authority"))
    .order_by(patient_identifier.c.rank.desc())
)
# FOR NO KEY UPDATE, so that the rows that refer to the record do not wait; SQLite has one writer anyway.
_LOCK = Ready(select(patient.c.id).where(patient.c.id == bindparam("patient")).with_for_update(key_share=True))
_OPEN = patient.insert().returning(patient.c.id)
_SWITCH = {
    which: update(patient).where(patient.c.id == bindparam("patient")).values({which.value: bindparam("on")})
    for which in Switch
}

_ROW = patient.c
_THIS = _ROW.id == bindparam("patient")
# What they rely on is in the WHERE clause: of two calls at once one finds nothing left to do.
_IS_OPEN = and_(_THIS, _ROW.status == DmpStatus.ACTIVE.value)
_UPDATE = (
    update(patient)
    .where(_IS_OPEN)
    .values(
        traits=bindparam("new_traits"),
        opposes_bris_de_glace=bindparam("bris_de_glace"),
        opposes_centre_15=bindparam("centre_15"),
    )
)
_CLOSE = (
    update(patient)
    .where(_IS_OPEN)
    .values(
        status=DmpStatus.CLOSED.value,
        closed_at=bindparam("now"),
        closure_code=bindparam("code"),
        closure_text=bindparam("text"),
        closure_final=bindparam("final"),
    )
)
_DEATH = update(patient).where(_THIS).values(traits=bindparam("new_traits"), deceased_on=bindparam("day"))
_REOPEN = (
    update(patient)
    .where(_THIS, _ROW.status == DmpStatus.CLOSED.value, not_(_ROW.closure_final))
    .values(status=DmpStatus.ACTIVE.value, closed_at=null(), closure_code="", closure_text="")
)
_HIGHEST_RANK = select(func.max(patient_identifier.c.rank)).where(
    patient_identifier.c.patient_id == bindparam("patient")
)
_RANK = (
    update(patient_identifier)
    .where(
        patient_identifier.c.patient_id == bindparam("patient"),
        patient_identifier.c.value == bindparam("known"),
        patient_identifier.c.authority == bindparam("of"),
    )
    .values(rank=bindparam("new_rank"))
)
_IDENTIFY = by_dialect(lambda insert: insert(patient_identifier).on_conflict_do_nothing())


class PatientTable:
    """Implements dmpws.transactions.ports.Patients."""

    def __init__(self, statements: Statements) -> None:
        self._db = statements

    def find(self, ins: Ins) -> PatientRecord | None:
        """The record that holds this identifier, current or former."""
        rows = self._db.rows(_FIND, {"value": ins.value, "authority": ins.authority})
        return record_of(rows) if rows else None

    def of_rows(self, rows: Collection[int]) -> Sequence[PatientRecord]:
        """The records of these rows, in no order."""
        return list(records_of(self._db, sorted(rows)).values())

    def search(
        self, criteria: PatientCriteria, *, without_block_of: Sequence[Holder], limit: int
    ) -> Sequence[PatientRecord]:
        """The records that answer the criteria of TD0.5, in no order; at most `limit + 1`."""
        return search_patients(self._db, criteria, without_block_of, limit)

    def search_domain(
        self, criteria: PatientCriteria, *, authorities: Collection[str], among: PatientRecord | None, limit: int
    ) -> Sequence[PatientRecord]:
        """The records that answer the criteria of ITI-47, in no order; at most `limit + 1`."""
        return search_domain(self._db, criteria, authorities, among, limit)

    def authorised(self, query: AuthorisedQuery, *, limit: int) -> Sequence[AuthorisedRecord] | None:
        """The records of `query`, last authorised first; None when there are more than `limit`."""
        return find_authorised(self._db, query, limit)

    def lock(self, patient: int) -> None:
        self._db.returning(_LOCK, {"patient": patient})

    def create(
        self,
        identifiers: Sequence[Ins],
        traits: Traits,
        *,
        now: datetime,
        opposes_bris_de_glace: bool,
        opposes_centre_15: bool,
    ) -> PatientRecord:
        """Open a DMP; `identifiers[0]` is the current one. Raises Refused when one of them has a DMP already."""
        values: dict[str, Any] = {
            "status": DmpStatus.ACTIVE.value,
            "created_at": now,
            "closure_code": "",
            "closure_text": "",
            "closure_final": False,
            "deceased_on": "",
            "successors_may_read": False,
            "opposes_bris_de_glace": opposes_bris_de_glace,
            "opposes_centre_15": opposes_centre_15,
            "masked_visible_in_emergency": False,
            "attached_to_ens": False,
            "internet_account": False,
        }
        (number,) = self._db.returning(_OPEN, {**values, "traits": asdict(traits)})[0]
        for rank, ins in enumerate(reversed(identifiers)):
            self._identify(number, rank, ins)
        index_record(self._db, number, traits)
        values["status"] = DmpStatus.ACTIVE
        return PatientRecord(id=number, identifiers=tuple(identifiers), traits=traits, **values)

    def switch(self, patient: int, which: Switch, *, on: bool) -> None:
        self._db.change(_SWITCH[which], {"patient": patient, "on": on})

    def update(self, patient: int, traits: Traits, *, opposes_bris_de_glace: bool, opposes_centre_15: bool) -> bool:
        """Replace traits and oppositions of a DMP that is open; False when it is not."""
        values = {"bris_de_glace": opposes_bris_de_glace, "centre_15": opposes_centre_15}
        if not self._db.change(_UPDATE, {"patient": patient, "new_traits": asdict(traits), **values}):
            return False
        index_record(self._db, patient, traits)
        return True

    def close(self, patient: int, *, now: datetime, code: str, text: str, final: bool) -> bool:
        """Close a DMP, for good when `final`; False when it is closed already."""
        values = {"now": now, "code": code, "text": text, "final": final}
        return bool(self._db.change(_CLOSE, {"patient": patient, **values}))

    def note_death(self, patient: int, traits: Traits, *, day: str) -> None:
        """Note that the patient died on `day` (YYYYMMDD), whether the DMP is open or not. traits: as they are."""
        values = {"new_traits": asdict(replace(traits, deceased=True)), "day": day}
        self._db.change(_DEATH, {"patient": patient, **values})

    def reopen(self, patient: int) -> bool:
        """Undo a closure that is not for good; False when there is none."""
        return bool(self._db.change(_REOPEN, {"patient": patient}))

    def identify(self, patient: int, ins: Ins) -> None:
        """Give a record a new current identifier, perhaps one that it had before; the others still find it.

        Raises Refused (DMPFound) when it is another record's.
        """
        self.lock(patient)
        rank = self._db.rows(_HIGHEST_RANK, {"patient": patient})[0][0] + 1
        known = {"patient": patient, "known": ins.value, "of": ins.authority, "new_rank": rank}
        if not self._db.change(_RANK, known):
            self._identify(patient, rank, ins)

    def _identify(self, number: int, rank: int, ins: Ins) -> None:
        values = {"patient_id": number, "rank": rank, "value": ins.value, "authority": ins.authority}
        if not self._db.change(_IDENTIFY, values):
            raise refusal(rules.PATIENT_EXISTS, found=f"{ins.value}^{ins.authority}")
