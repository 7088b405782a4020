"""Authorisations: one row per record and holder, its present state; and their history, one row per change."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, and_, bindparam, case, func, or_, select, true, update
from sqlalchemy.dialects import postgresql

from dmpws.domain.authorisation import (
    Authorisation,
    AuthorisationAct,
    AuthorisationEvent,
    By,
    Holder,
    HolderKind,
    NamedAuthorisation,
)
from dmpws.store.conditions import one_of
from dmpws.store.engine import by_dialect
from dmpws.store.ready import Ready
from dmpws.store.session import Statement, Statements
from dmpws.store.tables import authorisation, authorisation_event, professional, structure

_ROW = authorisation.c
_OF_PATIENT = _ROW.patient_id == bindparam("patient")
_KEY = and_(_OF_PATIENT, _ROW.holder_kind == bindparam("kind"), _ROW.holder == bindparam("id"))
_STATE = (
    _ROW.granted_at, _ROW.last_action_at, _ROW.expires_at, _ROW.blocked, _ROW.treating_doctor, _ROW.specialties
)  # fmt: skip
_GET = Ready(select(*_STATE).where(_KEY))
_OF_HOLDERS = Ready(select(_ROW.holder_kind, _ROW.holder, *_STATE).where(_OF_PATIENT, one_of(_ROW.holder, "ids")))
_DOCTORS = (
    select(_ROW.holder_kind, _ROW.holder)
    .where(_OF_PATIENT, _ROW.treating_doctor)
    .order_by(_ROW.last_action_at.desc(), _ROW.holder)
)

_LIST = (
    select(
        _ROW.holder_kind,
        _ROW.holder,
        *_STATE,
        func.coalesce(professional.c.family, structure.c.name, "").label("family"),
        func.coalesce(professional.c.given, "").label("given"),
    )
    .outerjoin(professional, and_(_ROW.holder_kind == "person", professional.c.identifier == _ROW.holder))
    .outerjoin(structure, and_(_ROW.holder_kind == "structure", structure.c.identifier == _ROW.holder))
    .where(_OF_PATIENT)
    .order_by(_ROW.holder_kind, _ROW.holder)
)

# What changes a row tells whether it did: no row comes back when there was nothing to change.
_CHANGED = (_ROW.holder_kind, _ROW.holder, _ROW.expires_at)
_TOUCHED: dict[str, Any] = {"last_action_at": bindparam("now")}
_END_ROLE = (
    update(authorisation)
    .where(_KEY, _ROW.treating_doctor)
    .values(treating_doctor=False, **_TOUCHED)
    .returning(*_CHANGED)
)
_END = (
    update(authorisation)
    .where(_KEY, or_(_ROW.granted_at.is_not(None), _ROW.treating_doctor))
    .values(treating_doctor=False, granted_at=None, expires_at=None, **_TOUCHED)
    .returning(*_CHANGED)
)
_UNBLOCK = update(authorisation).where(_KEY, _ROW.blocked).values(blocked=False, **_TOUCHED).returning(*_CHANGED)
_EXPIRE = (
    update(authorisation)
    .where(_OF_PATIENT, _ROW.expires_at > bindparam("now"))
    .values(expires_at=bindparam("now"))
    .returning(*_CHANGED)
)
_INDEX = [_ROW.patient_id, _ROW.holder_kind, _ROW.holder]


def _renewed(insert: postgresql.Insert, *columns: str) -> Any:
    new = insert.excluded
    running = and_(_ROW.granted_at.is_not(None), _ROW.expires_at > new.last_action_at)
    return insert.on_conflict_do_update(
        index_elements=_INDEX,
        set_={
            "granted_at": case((running, _ROW.granted_at), else_=new.granted_at),
            "last_action_at": new.last_action_at,
            "expires_at": new.expires_at,
            "treating_doctor": or_(_ROW.treating_doctor, new.treating_doctor),
            **{name: new[name] for name in columns},
        },
    ).returning(*_CHANGED)


def _blocked(insert: postgresql.Insert) -> Any:
    return insert.on_conflict_do_update(
        index_elements=_INDEX,
        set_={"blocked": true(), "last_action_at": insert.excluded.last_action_at},
        where=_ROW.blocked.is_(False),
    ).returning(*_CHANGED)


_GRANT = by_dialect(lambda insert: _renewed(insert(authorisation)))
_GRANT_TO = by_dialect(lambda insert: _renewed(insert(authorisation), "specialties"))
_BLOCK = by_dialect(lambda insert: _blocked(insert(authorisation)))

_EVENT = authorisation_event.c
_RECORD = authorisation_event.insert()
_HISTORY = select(authorisation_event).where(_EVENT.patient_id == bindparam("patient")).order_by(_EVENT.id)
_HISTORY_OF = _HISTORY.where(_EVENT.holder_kind == bindparam("kind"), _EVENT.holder == bindparam("id"))


def _key(patient: int, holder: Holder) -> dict[str, object]:
    return {"patient": patient, "kind": holder.kind.value, "id": holder.identifier}


def _new(patient: int, holder: Holder, now: datetime) -> dict[str, object]:
    """A row in which nothing is granted or blocked yet."""
    return {
        "patient_id": patient,
        "holder_kind": holder.kind.value,
        "holder": holder.identifier,
        "granted_at": None,
        "last_action_at": now,
        "expires_at": None,
        "blocked": False,
        "treating_doctor": False,
        "specialties": [],
    }


class AuthorisationTable:
    """Implements dmpws.transactions.ports.Authorisations."""

    def __init__(self, statements: Statements) -> None:
        self._db = statements

    def get(self, patient: int, holder: Holder) -> Authorisation | None:
        rows = self._db.rows(_GET, _key(patient, holder))
        return _authorisation(holder, rows[0]._mapping) if rows else None

    def of_holders(self, patient: int, holders: Sequence[Holder]) -> Mapping[Holder, Authorisation]:
        """Those that these holders have."""
        rows = self._db.rows(_OF_HOLDERS, {"patient": patient, "ids": [holder.identifier for holder in holders]})
        found = (_named(dict(row._mapping)) for row in rows)
        return {held.holder: held for held in found if held.holder in holders}

    def grant(
        self,
        patient: int,
        holder: Holder,
        *,
        by: By,
        now: datetime,
        expires_at: datetime,
        treating_doctor: bool,
        specialties: Sequence[str] = (),
    ) -> None:
        """Add or renew (TD0.3 AJOUT). A period that still runs keeps its beginning, a role once given stays, so do
        specialties when none are told, and a block is not lifted."""
        statement = _GRANT_TO if specialties else _GRANT
        values = {
            **_new(patient, holder, now),
            "granted_at": now,
            "expires_at": expires_at,
            "treating_doctor": treating_doctor,
            "specialties": list(specialties),
        }
        self._change(statement, values, patient, AuthorisationAct.ADD, by, now, treating_doctor)

    def revoke(self, patient: int, holder: Holder, *, by: By, now: datetime, only_treating_doctor: bool) -> bool:
        """End an authorisation, or only the role MEDECIN_TRAITANT; False when there is none."""
        statement = _END_ROLE if only_treating_doctor else _END
        values = {**_key(patient, holder), "now": now}
        return self._change(statement, values, patient, AuthorisationAct.REMOVE, by, now, only_treating_doctor) > 0

    def block(self, patient: int, holder: Holder, *, by: By, now: datetime) -> bool:
        """Block a holder, known here or not; False when he is blocked already. What he was granted stays beneath."""
        values = {**_new(patient, holder, now), "blocked": True}
        return self._change(_BLOCK, values, patient, AuthorisationAct.BLOCK, by, now) > 0

    def unblock(self, patient: int, holder: Holder, *, by: By, now: datetime) -> bool:
        """Lift a block; False when there is none. What was granted before and still runs is valid again."""
        values = {**_key(patient, holder), "now": now}
        return self._change(_UNBLOCK, values, patient, AuthorisationAct.UNBLOCK, by, now) > 0

    def expire(self, patient: int, *, by: By, now: datetime) -> int:
        """Make every running authorisation on a record end now; returns how many. For laboratories."""
        return self._change(_EXPIRE, {"patient": patient, "now": now}, patient, AuthorisationAct.EXPIRE, by, now)

    def _change(
        self,
        statement: Statement,
        values: dict[str, object],
        patient: int,
        act: AuthorisationAct,
        by: By,
        now: datetime,
        treating_doctor: bool = False,
    ) -> int:
        """Run a change and record it once per row it touched; returns how many."""
        rows = self._db.returning(statement, values)
        events = [
            {
                "patient_id": patient,
                "holder_kind": row.holder_kind,
                "holder": row.holder,
                "act": act.value,
                "at": now,
                "actor": by.identifier,
                "actor_name": by.name,
                "capacity": by.capacity,
                "treating_doctor": treating_doctor,
                "expires_at": row.expires_at,
            }
            for row in rows
        ]
        if events:
            self._db.change(_RECORD, events)
        return len(events)

    def of_record(self, patient: int) -> Sequence[NamedAuthorisation]:
        """Every holder on a record, whatever the state: professionals, then structures, by identifier."""
        found = []
        for row in self._db.rows(_LIST, {"patient": patient}):
            values = dict(row._mapping)
            family, given = values.pop("family"), values.pop("given")
            found.append(NamedAuthorisation(_named(values), family, given))
        return found

    def treating_doctors(self, patient: int) -> Sequence[Holder]:
        """Holders of the role MEDECIN_TRAITANT, latest first."""
        rows = self._db.rows(_DOCTORS, {"patient": patient})
        return [Holder(HolderKind(row.holder_kind), row.holder) for row in rows]

    def history(self, patient: int, holder: Holder | None = None) -> Sequence[AuthorisationEvent]:
        """Every change on a record, or those that concern one holder, in order."""
        if holder is None:
            return [_event(row) for row in self._db.rows(_HISTORY, {"patient": patient})]
        return [_event(row) for row in self._db.rows(_HISTORY_OF, _key(patient, holder))]


def _named(values: dict[Any, Any]) -> Authorisation:
    return _authorisation(Holder(HolderKind(values.pop("holder_kind")), values.pop("holder")), values)


def _authorisation(holder: Holder, state: Mapping[Any, Any]) -> Authorisation:
    return Authorisation(holder, **{**state, "specialties": tuple(state["specialties"])})


def _event(row: Row[Any]) -> AuthorisationEvent:
    return AuthorisationEvent(
        Holder(HolderKind(row.holder_kind), row.holder),
        AuthorisationAct(row.act),
        row.at,
        By(row.actor, row.actor_name, row.capacity),
        row.treating_doctor,
        row.expires_at,
    )
