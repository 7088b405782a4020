"""The end of a record: destroyed at the patient's request, or when its time of conservation is over.

Everything goes but the traces, which have a retention of their own (DMPWS D150).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from dmpws.acts import confirmation
from dmpws.acts.actor import ActorKind
from dmpws.acts.desk import Act, Desk, Kind
from dmpws.domain.checks import Rule, refusal
from dmpws.domain.erasure import Content
from dmpws.domain.patient import DmpStatus, Ins, PatientRecord

CLOSED = Rule("DESTROY-CLOSED", "Un DMP est fermé avant d'être détruit", "DMPWS D150", "DMPInvalidRequest")
PROOF = Rule("DESTROY-PROOF", "La demande du patient a une référence", "DMPWS D150", "DMPInvalidRequest")
LAPSED = Rule("PURGE-LAPSED", "La durée de conservation du DMP est échue", "DMPWS D150", "DMPInvalidRequest")

BY_HOST = frozenset({ActorKind.OPERATOR})
PLAN_DESTRUCTION = Kind(
    "act:destroy-plan", "Essai à blanc d'une destruction", BY_HOST, open=False, writes=False, motive=True
)
DESTROY = Kind("act:destroy", "Destruction du DMP à la demande du patient", BY_HOST, open=False, motive=True)
PURGE = Kind("act:purge", "Destruction du DMP au terme de sa conservation", BY_HOST, open=False, motive=True)


@dataclass(frozen=True, slots=True)
class RecordPlan:
    """A record that would be destroyed. since: closure or death, whichever came first."""

    ins: Ins
    since: date
    content: Content


def plan_destruction(desk: Desk, ins: Ins) -> tuple[RecordPlan, str]:
    """Tell what `destroy` would take away, and the phrase that confirms it. Raises Refused as `destroy` would."""
    with desk.act(PLAN_DESTRUCTION, ins) as act:
        return _destruction(desk, act)


def destroy(desk: Desk, ins: Ins, *, confirmed: str) -> RecordPlan:
    """Destroy a closed record at its patient's request, whose reference is the proof. Raises Refused."""
    with desk.act(DESTROY, ins) as act:
        made, phrase = _destruction(desk, act)
        confirmation.require(confirmed, phrase)
        _remove(act, made)
        return made


def _destruction(desk: Desk, act: Act) -> tuple[RecordPlan, str]:
    if not desk.proof:
        raise refusal(PROOF, found="aucune référence")
    if act.record.status is not DmpStatus.CLOSED:
        raise refusal(CLOSED, expected=DmpStatus.CLOSED, found=act.record.status)
    made = _plan(act)
    return made, confirmation.phrase(desk, "destroy", act.record.id, made)


def plan_purge(desk: Desk) -> tuple[Sequence[RecordPlan], str]:
    """The records whose conservation is over, and the phrase that confirms that they are purged."""
    desk.require(PURGE)
    before = end_of_conservation(desk.now, desk.settings.retention_years)
    plans = []
    with desk.store.read() as work:
        for ins in work.erasure.lapsed(before):
            record = work.patients.find(ins)
            if record is not None and (since := _since(record)) is not None:
                plans.append(RecordPlan(ins, since, work.erasure.content(record.id)))
    return plans, confirmation.phrase(desk, "purge", *plans)


def purge(desk: Desk, *, confirmed: str) -> Sequence[RecordPlan]:
    """Destroy the records of the plan, each in its own transaction with its trace. Raises Refused.

    What dies in between has purged some of them: the next plan shows the rest.
    """
    plans, phrase = plan_purge(desk)
    confirmation.require(confirmed, phrase)
    before = end_of_conservation(desk.now, desk.settings.retention_years).date()
    for made in plans:
        with desk.act(PURGE, made.ins) as act:
            since = _since(act.record)
            if since is None or since > before:
                raise refusal(LAPSED, expected=f"avant le {before:%d/%m/%Y}", found=f"{since}")
            _remove(act, made)
    return plans


def _remove(act: Act, made: RecordPlan) -> None:
    act.note("record", act.record.status, "destroyed")
    act.note("documents", made.content.documents, 0)
    act.store.erasure.record(act.record.id)


def _plan(act: Act) -> RecordPlan:
    since = _since(act.record)
    assert since is not None, "a closed record has the date of its closure"
    return RecordPlan(act.record.ins, since, act.store.erasure.content(act.record.id))


def _since(record: PatientRecord) -> date | None:
    """When conservation began: the closure or the death, whichever came first; None when there is neither."""
    closed = record.closed_at if record.status is DmpStatus.CLOSED else None
    dead = datetime.strptime(record.deceased_on, "%Y%m%d") if record.deceased_on else None
    return min((d.date() for d in (closed, dead) if d is not None), default=None)


def end_of_conservation(now: datetime, years: int) -> datetime:
    """The instant before which conservation must have begun for it to be over."""
    try:
        return now.replace(year=now.year - years)
    except ValueError:  # 29 February
        return now.replace(year=now.year - years, day=28)
