"""Authorisations: one row per record and holder, its present state."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import and_, bindparam, case, or_, select, update
from sqlalchemy.dialects import postgresql

from dmpws.domain.authorisation import Authorisation, Holder, HolderKind
from dmpws.store.engine import by_dialect
from dmpws.store.session import Statements
from dmpws.store.tables import authorisation

_ROW = authorisation.c
_KEY = and_(
    _ROW.patient_id == bindparam("patient"), _ROW.holder_kind == bindparam("kind"), _ROW.holder == bindparam("id")
)
_GET = select(
    _ROW.granted_at, _ROW.last_action_at, _ROW.expires_at, _ROW.blocked, _ROW.treating_doctor
).where(_KEY)  # fmt: skip
_DOCTORS = (
    select(_ROW.holder_kind, _ROW.holder)
    .where(_ROW.patient_id == bindparam("patient"), _ROW.treating_doctor)
    .order_by(_ROW.last_action_at.desc(), _ROW.holder)
)
_END_ROLE = update(authorisation).where(_KEY).values(treating_doctor=False, last_action_at=bindparam("now"))
_EXPIRE = (
    update(authorisation)
    .where(_ROW.patient_id == bindparam("patient"), _ROW.expires_at > bindparam("now"))
    .values(expires_at=bindparam("now"))
)
_END = _END_ROLE.values(granted_at=None, expires_at=None)


def _renewed(insert: postgresql.Insert) -> postgresql.Insert:
    new = insert.excluded
    running = and_(_ROW.granted_at.is_not(None), _ROW.expires_at > new.last_action_at)
    return insert.on_conflict_do_update(
        index_elements=[_ROW.patient_id, _ROW.holder_kind, _ROW.holder],
        set_={
            "granted_at": case((running, _ROW.granted_at), else_=new.granted_at),
            "last_action_at": new.last_action_at,
            "expires_at": new.expires_at,
            "treating_doctor": or_(_ROW.treating_doctor, new.treating_doctor),
        },
    )


_GRANT = by_dialect(lambda insert: _renewed(insert(authorisation)))


def _key(patient: int, holder: Holder) -> dict[str, object]:
    return {"patient": patient, "kind": holder.kind.value, "id": holder.identifier}


class AuthorisationTable:
    """Implements dmpws.transactions.ports.Authorisations."""

    def __init__(self, statements: Statements) -> None:
        self._db = statements

    def get(self, patient: int, holder: Holder) -> Authorisation | None:
        rows = self._db.rows(_GET, _key(patient, holder))
        return Authorisation(holder, **rows[0]._mapping) if rows else None

    def grant(
        self, patient: int, holder: Holder, *, now: datetime, expires_at: datetime, treating_doctor: bool
    ) -> None:
        """Add or renew (TD0.3 AJOUT). A period that still runs keeps its beginning, a role once given stays, and
        a block is not lifted."""
        self._db.change(
            _GRANT,
            {
                "patient_id": patient,
                "holder_kind": holder.kind.value,
                "holder": holder.identifier,
                "granted_at": now,
                "last_action_at": now,
                "expires_at": expires_at,
                "blocked": False,
                "treating_doctor": treating_doctor,
            },
        )

    def revoke(self, patient: int, holder: Holder, *, now: datetime, only_treating_doctor: bool) -> None:
        """End an authorisation, or only the role MEDECIN_TRAITANT; nothing happens when there is none."""
        self._db.change(_END_ROLE if only_treating_doctor else _END, {**_key(patient, holder), "now": now})

    def treating_doctors(self, patient: int) -> Sequence[Holder]:
        """Holders of the role MEDECIN_TRAITANT, latest first."""
        rows = self._db.rows(_DOCTORS, {"patient": patient})
        return [Holder(HolderKind(row.holder_kind), row.holder) for row in rows]

    def expire(self, patient: int, *, now: datetime) -> int:
        """Make every running authorisation on a record end now; returns how many. For laboratories."""
        return self._db.change(_EXPIRE, {"patient": patient, "now": now})
