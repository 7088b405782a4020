"""Homologation by the host's operator: a file is registered, its evidence assessed, a number issued, suspended or
revoked. The directory changes with the decision, so that the next call obeys it (DMPWS D201)."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, Protocol

from dmpws.acts import directory
from dmpws.acts.actor import Actor
from dmpws.audit.trace import Trace, TraceOutcome
from dmpws.codec.directory import Entry
from dmpws.codec.directory_kinds import SOFTWARE
from dmpws.domain.homologation import AFTER, IN_FRENCH, Assessment, Event, HomologationFile, Step
from dmpws.domain.software import ApprovalStatus, Software
from dmpws.transactions import load

ACT = "act:homologation"
"""Code of the traces."""
_STATUS = {
    Step.GRANTED: ApprovalStatus.APPROVED,
    Step.REINSTATED: ApprovalStatus.APPROVED,
    Step.SUSPENDED: ApprovalStatus.SUSPENDED,
    Step.REVOKED: ApprovalStatus.REVOKED,
}


class HomologationError(Exception):
    """The act is not possible; the message is one sentence for the operator."""


class NotProved(HomologationError):
    """A grant without evidence that would not say so."""


class Files(Protocol):
    """The files of homologation."""

    def all(self) -> Sequence[HomologationFile]: ...
    def get(self, key: str) -> HomologationFile | None: ...
    def add(self, new: HomologationFile) -> None: ...
    def append(self, key: str, event: Event) -> None: ...
    def issue(self, key: str, number: str) -> None: ...


class _Work(directory.DirectoryWork, Protocol):
    @property
    def homologations(self) -> Files: ...


class HomologationStore(Protocol):
    """The part of the store that holds files and directory."""

    def read(self) -> AbstractContextManager[_Work]: ...
    def write(self) -> AbstractContextManager[_Work]: ...


@dataclass(frozen=True, slots=True)
class Approval:
    """What a grant may fix. number: empty for one made of the file's key. Days are UTC, the first and the last."""

    number: str = ""
    valid_from: date | None = None
    valid_until: date | None = None
    unproved: bool = False
    """Granted although the evidence is not complete; the motive says why."""


def register(
    store: HomologationStore, new: HomologationFile, *, actor: Actor, now: datetime, motive: str = ""
) -> HomologationFile:
    """Open a file and return it with its key. Raises HomologationError for scopes that do not exist, and for
    a family that has a file open."""
    load()
    if wrong := [text for _, text in directory.wrong_in(Software("-", new.name, scopes=new.scopes))]:
        raise HomologationError("; ".join(wrong))
    if not new.scopes:
        raise HomologationError("a file asks for something")
    with store.write() as work:
        work.directory.lock()
        files = work.homologations.all()
        for other in files:
            if (other.editor, other.name) == (new.editor, new.name) and other.state is not Step.REVOKED:
                raise HomologationError(f"{new.name} of {new.editor} has the file {other.key} ({other.state})")
        year = f"{now:%Y}-"
        last = max((int(f.key.removeprefix(year)) for f in files if f.key.startswith(year)), default=0)
        event = Event(Step.REGISTERED, now, actor.name, motive)
        opened = replace(new, key=f"{year}{last + 1:04d}", number="", events=(event,))
        work.homologations.add(opened)
        work.traces.append(_trace(opened, event, actor))
    return opened


def assess(
    store: HomologationStore, key: str, found: Assessment, *, actor: Actor, now: datetime, motive: str = ""
) -> HomologationFile:
    """Keep what a review found. Raises HomologationError."""
    detail = {
        "complete": found.complete,
        "digest": found.digest,
        "plan": found.plan,
        "software": found.software,
        "done": list(found.done),
        "shown": list(found.shown),
        "problems": list(found.problems),
    }
    event = Event(Step.ASSESSED, now, actor.name, motive, detail)
    return _step(store, key, Step.ASSESSED, lambda file, work: event, actor)


def decide(
    store: HomologationStore,
    key: str,
    step: Step,
    *,
    actor: Actor,
    now: datetime,
    motive: str,
    approval: Approval | None = None,
) -> HomologationFile:
    """Grant, refuse, suspend, reinstate or revoke; in force when this returns. Raises HomologationError, TableError."""
    if not motive:
        raise HomologationError("a decision has a motive")
    load()

    def made(file: HomologationFile, work: _Work) -> Event:
        detail: dict[str, object] = {}
        if step is Step.GRANTED:
            file, detail = _granted(file, approval or Approval(), now.date())
            work.homologations.issue(key, file.number)
        if step in _STATUS:
            _enforce(work, file, step, approval, actor, now, motive)
        return Event(step, now, actor.name, motive, detail)

    return _step(store, key, step, made, actor)


def _granted(file: HomologationFile, approval: Approval, today: date) -> tuple[HomologationFile, dict[str, object]]:
    """The file with its number, and what the history keeps of the grant."""
    assessment = file.assessment
    proved = assessment is not None and bool(assessment.detail["complete"])
    if not proved and not approval.unproved:
        what = "no evidence was assessed" if assessment is None else "the evidence is not complete"
        raise NotProved(f"{file.key}: {what}")
    if file.number and approval.number not in ("", file.number):
        raise HomologationError(f"{file.key} has the number {file.number}")
    if approval.valid_until is not None and approval.valid_until < today:
        raise HomologationError(f"{file.key}: valid until {approval.valid_until}: that day has passed")
    number = file.number or approval.number or f"DMPWS-{file.key}"
    evidence = str(assessment.detail["digest"]) if assessment is not None and proved else ""
    days = {name: day.isoformat() for name in ("valid_from", "valid_until") if (day := getattr(approval, name))}
    return replace(file, number=number), {"number": number, "evidence": evidence, **days}


def _enforce(
    work: _Work,
    file: HomologationFile,
    step: Step,
    approval: Approval | None,
    actor: Actor,
    now: datetime,
    motive: str,
) -> None:
    """Write the decision into the directory, which every call asks."""
    values: dict[str, Any] = {"number": file.number, "status": _STATUS[step]}
    new = False
    if step is Step.GRANTED:
        known = work.directory.software(file.number)
        new = file.state not in (Step.GRANTED, Step.REINSTATED)
        if new and known is not None:
            raise HomologationError(f"{file.number} is the number of {known.name} of {known.editor or 'nobody'}")
        values |= {"name": file.name, "editor": file.editor, "category": file.category, "scopes": file.scopes}
        values |= {"valid_from": approval.valid_from if approval else None}
        values |= {"valid_until": approval.valid_until if approval else None}
    entry = Entry(SOFTWARE, file.number, values)
    directory.apply(work, [entry], actor=actor, now=now, new=new, motive=motive, proof=f"dossier {file.key}")


def _step(
    store: HomologationStore, key: str, step: Step, make: Callable[[HomologationFile, _Work], Event], actor: Actor
) -> HomologationFile:
    """Add one event to a file, if it may follow its state."""
    with store.write() as work:
        work.directory.lock()
        file = work.homologations.get(key)
        if file is None:
            raise HomologationError(f"{key}: there is no such file")
        if file.state not in AFTER[step]:
            raise HomologationError(f"{key} is {file.state} ({IN_FRENCH[file.state]}): it cannot be {step} now")
        event = make(file, work)
        work.homologations.append(key, event)
        work.traces.append(_trace(file, event, actor))
        found = work.homologations.get(key)
        assert found is not None
    return found


def _trace(file: HomologationFile, event: Event, actor: Actor) -> Trace:
    before = "" if event.step is Step.REGISTERED else file.state
    change = {"what": f"dossier {file.key} {file.name}", "old": str(before), "new": str(event.step)}
    return Trace(
        occurred_at=event.at,
        transaction=ACT,
        outcome=TraceOutcome.ACCEPTED,
        actor=actor.kind,
        person=actor.identifier,
        person_name=actor.name,
        reason=event.motive,
        proof=str(event.detail.get("digest", "")),
        changes=(change,),
    )
