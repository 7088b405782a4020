"""The desk: who may do which act on whose record, in one database transaction with its trace.

An act is one function of `dmpws.acts`: it takes a `Desk` and opens its transaction with `Desk.act`, which admits the
actor, locks the record, and leaves a row in the chain of traces, of a refused act too (DMPWS D22, D147).
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import datetime

from dmpws.acts.actor import IN_FRENCH, Actor, ActorKind
from dmpws.audit.trace import Trace, TraceOutcome
from dmpws.domain.access import Purpose
from dmpws.domain.authorisation import AuthorisationState, By
from dmpws.domain.checks import Refused, Rule, refusal
from dmpws.domain.patient import DmpStatus, Ins, PatientRecord, is_minor
from dmpws.transactions.admission import KNOWN, OPEN, standing_of
from dmpws.transactions.call import CheckCda, Settings, TraceNotes
from dmpws.transactions.ports import Store, UnitOfWork

ALLOWED = Rule("ACT-ALLOWED", "L'acte est permis à qui le demande", "DMPWS D147", "DMPAccessDeniedByRightsService")
OWN_RECORD = Rule("ACT-OWN-RECORD", "Le patient agit sur son propre DMP", "DMPWS D147", "DMPAccessForbidden")
REPRESENTS = Rule(
    "ACT-REPRESENTS", "Le représentant légal est celui que le DMP connaît", "DMPWS D147", "DMPAccessForbidden"
)
TREATS = Rule("ACT-TREATS", "Le professionnel est le médecin traitant du patient", "DMPWS D147", "DMPAccessForbidden")
ALIVE = Rule("ACT-ALIVE", "Le patient n'est pas décédé", "DMPWS D147", "DMPAccessForbidden")
MOTIVE = Rule("ACT-MOTIVE", "L'acte a un motif", "DMPWS D147", "DMPInvalidRequest")
WORDS = Rule("ACT-WORDS", "Motif et référence ont une longueur raisonnable", "DMPWS D147", "DMPInvalidRequest")

LONGEST_MOTIVE = 500
ENDED_BY_DEATH = frozenset({ActorKind.PATIENT, ActorKind.REPRESENTATIVE, ActorKind.TREATING_DOCTOR})
GUARDIAN = "RESPRSN"
"""Relation of who answers for an adult too; the others are relatives of a minor."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of act. code: in the traces; title: in French, for who reads them; actors: who may do it.

    open: the record must not be closed. writes: it changes the record. motive: it needs one.
    """

    code: str
    title: str
    actors: frozenset[ActorKind]
    open: bool = True
    writes: bool = True
    motive: bool = False


@dataclass(frozen=True, slots=True)
class Act:
    """One act under way, in its transaction; implements dmpws.transactions.call.Context.

    record: as it is now, locked when the act writes. notes: what the act adds to its trace. by: who acts, for the
    history of authorisations.
    """

    store: UnitOfWork
    now: datetime
    new_uuid: Callable[[], str]
    settings: Settings
    notes: TraceNotes
    record: PatientRecord
    by: By

    def note(self, what: str, old: object, new: object) -> None:
        """Say in the trace what changed."""
        self.notes.changes.append({"what": what, "old": str(old), "new": str(new)})


@dataclass(frozen=True, slots=True)
class Desk:
    """What an act needs besides its own arguments: built for one request.

    now: aware UTC. new_uuid: gives a bare lower-case UUID. motive, proof: why, and the reference of what shows it
    (a letter, a decision of justice), as the traces keep them. check_cda: of documents an act brings.
    """

    store: Store
    now: datetime
    new_uuid: Callable[[], str]
    settings: Settings
    actor: Actor
    motive: str = ""
    proof: str = ""
    check_cda: CheckCda | None = None

    @contextmanager
    def act(self, kind: Kind, ins: Ins) -> Iterator[Act]:
        """Run a block as an act on the record of `ins`. Raises Refused, after it has been traced."""
        notes = TraceNotes(patient=f"{ins.value}^{ins.authority}")
        try:
            with self._transaction(kind) as work:
                yield self._admitted(kind, ins, work, notes)
                if kind.writes:
                    work.traces.append(self.trace(kind, notes, TraceOutcome.ACCEPTED))
            if not kind.writes:
                self.store.append_trace(self.trace(kind, notes, TraceOutcome.ACCEPTED))
        except Refused as refused:
            trace = self.trace(kind, notes, TraceOutcome.REFUSED)
            self.store.append_trace(trace._replace(code=refused.code, message=refused.message))
            raise
        except Exception:
            self.store.append_trace(self.trace(kind, notes, TraceOutcome.FAILED))
            raise

    def _transaction(self, kind: Kind) -> AbstractContextManager[UnitOfWork]:
        return self.store.write() if kind.writes else self.store.read()

    def require(self, kind: Kind) -> None:
        """Raises Refused unless somebody like this actor may do it, with a motive where one is asked for."""
        if self.actor.kind not in kind.actors:
            expected = ", ".join(text for who, text in IN_FRENCH.items() if who in kind.actors)
            raise refusal(ALLOWED, expected=expected, found=IN_FRENCH[self.actor.kind])
        longest = max(len(self.motive.strip()), len(self.proof.strip()))
        if longest > LONGEST_MOTIVE:
            raise refusal(WORDS, expected=f"{LONGEST_MOTIVE} caractères au plus", found=f"{longest}")
        if kind.motive and not self.motive.strip():
            raise refusal(MOTIVE, expected=f"1 à {LONGEST_MOTIVE} caractères", found="0")

    def _admitted(self, kind: Kind, ins: Ins, work: UnitOfWork, notes: TraceNotes) -> Act:
        self.require(kind)
        record = work.patients.find(ins)
        if record is not None and kind.writes:
            work.patients.lock(record.id)
            record = work.patients.find(ins)
        if record is None:
            raise refusal(KNOWN, found="aucun DMP pour cet INS")
        by = By(self.actor.identifier, self.actor.name, self.actor.kind)
        act = Act(work, self.now, self.new_uuid, self.settings, notes, record, by)
        if record.traits.deceased and self.actor.kind in ENDED_BY_DEATH:
            raise refusal(ALIVE, expected=IN_FRENCH[ActorKind.OPERATOR], found=IN_FRENCH[self.actor.kind])
        _ADMIT[self.actor.kind](act, self.actor)
        if kind.open and record.status is DmpStatus.CLOSED:
            raise refusal(OPEN, found=f"fermé le {record.closed_at:%d/%m/%Y}" if record.closed_at else "fermé")
        return act

    def trace(self, kind: Kind, notes: TraceNotes, outcome: TraceOutcome) -> Trace:
        """Who did it, and in whose name; what, and how it was before."""
        actor = self.actor
        own = actor.kind in (ActorKind.PATIENT, ActorKind.PRODUCER)
        return Trace(
            occurred_at=self.now,
            transaction=kind.code,
            outcome=outcome,
            actor=actor.kind,
            person=actor.identifier,
            person_name=actor.name,
            on_behalf_of="" if own else notes.patient,
            structure=actor.caller.structure if actor.caller else "",
            reason=self.motive[: LONGEST_MOTIVE + 1],
            proof=self.proof[: LONGEST_MOTIVE + 1],
            patient=notes.patient,
            holder=notes.holder,
            submission_set=notes.submission_set,
            documents=tuple(notes.documents),
            changes=tuple(notes.changes),
            warnings=tuple(notes.warnings),
        )


def _admit_patient(act: Act, actor: Actor) -> None:
    if actor.ins not in act.record.identifiers:
        raise refusal(OWN_RECORD, found="un autre patient")


def _admit_representative(act: Act, actor: Actor) -> None:
    """A relative as long as the patient is a minor, whoever answers for him at any age."""
    who = actor.representative
    if who not in act.record.traits.representatives:
        raise refusal(REPRESENTS, found=actor.name)
    minor = is_minor(act.record.traits.birth_date, act.now.date(), act.settings.majority_age)
    if not minor and (who is None or who.code != GUARDIAN):
        raise refusal(REPRESENTS, expected=GUARDIAN, found=f"{actor.name}, le patient est majeur")


def _admit_doctor(act: Act, actor: Actor) -> None:
    """The role must be stored, and the authorisation valid: neither expired nor blocked."""
    caller = actor.caller
    if caller is None or caller.purpose is not Purpose.NORMAL:
        raise refusal(TREATS, expected="un professionnel en mode normal", found=actor.identifier)
    standing = standing_of(act, caller, act.record)
    if not standing.treating_doctor or standing.state is not AuthorisationState.VALIDE:
        role = "rôle MEDECIN_TRAITANT" if standing.treating_doctor else "sans le rôle"
        found = f"{actor.identifier}, {role}, autorisation {standing.state}"
        raise refusal(TREATS, expected="rôle MEDECIN_TRAITANT, autorisation VALIDE", found=found)


def _admit_anyone(_act: Act, _actor: Actor) -> None:
    """The kind of act says all."""


_ADMIT: dict[ActorKind, Callable[[Act, Actor], None]] = {
    ActorKind.PATIENT: _admit_patient,
    ActorKind.REPRESENTATIVE: _admit_representative,
    ActorKind.TREATING_DOCTOR: _admit_doctor,
    ActorKind.PRODUCER: _admit_anyone,
    ActorKind.OPERATOR: _admit_anyone,
}
