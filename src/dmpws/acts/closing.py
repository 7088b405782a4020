"""Closing a record and opening it again, by the patient or by the host; TD1.4 and TD1.2 are the same from an LPS."""

import re
from datetime import UTC, datetime

from dmpws.acts.actor import ActorKind
from dmpws.acts.desk import Desk, Kind
from dmpws.acts.switches import BY_PATIENT
from dmpws.domain.checks import Rule, refusal
from dmpws.domain.patient import DmpStatus, Ins

DEATH = Rule("CLOSE-DEATH", "La date du décès est un jour passé AAAAMMJJ", "DMPWS D150", "DMPInvalidRequest")
RESTORABLE = Rule("RESTORE-CLOSED", "Le DMP est fermé, et pas définitivement", "DMPWS D113", "DMPInvalidRequest")

BY_REQUEST = "FERMETURE_DEMANDE_PATIENT"
BY_HOST = "FERMETURE_HEBERGEUR"
"""A code of ours: the only public one is the patient's request (DMPWS D150)."""

CLOSE = Kind("act:close", "Fermeture du DMP", BY_PATIENT, motive=True)
CLOSE_ON_DEATH = Kind(
    "act:close-death", "Fermeture du DMP d'un patient décédé", frozenset({ActorKind.OPERATOR}), open=False, motive=True
)
RESTORE = Kind("act:restore", "Réactivation du DMP", frozenset({ActorKind.OPERATOR}), open=False, motive=True)


def close(desk: Desk, ins: Ins, *, final: bool = False) -> None:
    """Close a record at the patient's request; `final` for good. Raises Refused when it is closed."""
    with desk.act(CLOSE, ins) as act:
        text = desk.motive.strip()
        act.store.patients.close(act.record.id, now=act.now, code=BY_REQUEST, text=text, final=final)
        act.note("status", DmpStatus.ACTIVE, DmpStatus.CLOSED)


def close_on_death(desk: Desk, ins: Ins, day: str) -> None:
    """Note the death of a patient (YYYYMMDD), and close his record for good unless it is closed already."""
    with desk.act(CLOSE_ON_DEATH, ins) as act:
        _check_day(day, act.record.traits.birth_date, act.now)
        act.store.patients.note_death(act.record.id, act.record.traits, day=day)
        act.note("deceased_on", act.record.deceased_on, day)
        text = desk.motive.strip()
        if act.store.patients.close(act.record.id, now=act.now, code=BY_HOST, text=text, final=True):
            act.note("status", DmpStatus.ACTIVE, DmpStatus.CLOSED)


def _check_day(day: str, birth_date: str, now: datetime) -> None:
    ok = re.fullmatch(r"[0-9]{8}", day) is not None and birth_date <= day <= f"{now:%Y%m%d}"
    try:
        datetime.strptime(day, "%Y%m%d").replace(tzinfo=UTC)
    except ValueError:
        ok = False
    if not ok:
        raise refusal(DEATH, found=day[:20])


def restore(desk: Desk, ins: Ins) -> None:
    """Open a record again that was closed by mistake or whose patient changed his mind. Raises Refused when it is
    open, closed for good, or its patient is dead: as the host noted, since an LPS may have said so by mistake."""
    with desk.act(RESTORE, ins) as act:
        if act.record.deceased_on or not act.store.patients.reopen(act.record.id):
            state = "patient décédé" if act.record.deceased_on else str(act.record.status)
            found = f"{state}, fermeture définitive" if act.record.closure_final else state
            raise refusal(RESTORABLE, found=found)
        act.note("status", DmpStatus.CLOSED, DmpStatus.ACTIVE)
