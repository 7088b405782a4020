"""The patient's switches: who may open his record in an emergency, what is shown there, who may consult it."""

from dmpws.acts.actor import ActorKind
from dmpws.acts.desk import Act, Desk, Kind
from dmpws.domain.authorisation import (
    SECRET_CONNECTION,
    AuthorisationAct,
    AuthorisationState,
    Holder,
    HolderKind,
    state_of,
)
from dmpws.domain.checks import Rule, demand, refusal
from dmpws.domain.directory import PERSON_ID, STRUCTURE_ID
from dmpws.domain.patient import Ins, Switch
from dmpws.transactions.admission import blocking_holders

NOT_BLOCKED = Rule(
    "ACT-NOT-BLOCKED", "Le patient n'a pas bloqué celui qu'il autorise", "DMPWS D147", "DMPAccessForbidden"
)

HOLDER = Rule(
    "ACT-HOLDER", "Le professionnel ou la structure a un identifiant national", "DMPWS D147", "DMPInvalidRequest"
)
NOT_HIMSELF = Rule(
    "ACT-NOT-HIMSELF", "Le médecin traitant ne bloque ni lui-même ni sa structure", "DMPWS D147", "DMPAccessForbidden"
)

BY_PATIENT = frozenset({ActorKind.PATIENT, ActorKind.REPRESENTATIVE, ActorKind.OPERATOR})
BY_PATIENT_OR_DOCTOR = BY_PATIENT | {ActorKind.TREATING_DOCTOR}

SWITCH = {
    Switch.OPPOSES_BRIS_DE_GLACE: Kind("act:oppose-bris-de-glace", "Opposition au bris de glace", BY_PATIENT),
    Switch.OPPOSES_CENTRE_15: Kind("act:oppose-centre-15", "Opposition à l'accès du centre 15", BY_PATIENT),
    Switch.MASKED_IN_EMERGENCY: Kind(
        "act:masked-in-emergency", "Documents masqués visibles en urgence", BY_PATIENT_OR_DOCTOR
    ),
    Switch.SUCCESSORS: Kind("act:successors", "Volonté du patient sur l'accès de ses ayants droit", BY_PATIENT),
}
BLOCK = Kind("act:block", "Blocage d'un professionnel ou d'une structure", BY_PATIENT_OR_DOCTOR)
UNBLOCK = Kind("act:unblock", "Déblocage d'un professionnel ou d'une structure", BY_PATIENT_OR_DOCTOR)
AUTHORISE = Kind("act:authorise", "Autorisation d'un professionnel ou d'une structure", BY_PATIENT_OR_DOCTOR)


def switch(desk: Desk, ins: Ins, which: Switch, *, on: bool) -> bool:
    """Turn a switch on or off; False when it was so already."""
    with desk.act(SWITCH[which], ins) as act:
        before = bool(getattr(act.record, which.value))
        if before == on:
            return False
        act.store.patients.switch(act.record.id, which, on=on)
        act.note(which.value, before, on)
        return True


def block(desk: Desk, ins: Ins, holder: Holder) -> bool:
    """Block a professional or a whole structure, in every mode (DMPWS D47); False when they were.

    Raises Refused for the médecin traitant who blocks himself or where he works: he would lock himself out of what
    he does for the patient, who may do it himself.
    """
    with desk.act(BLOCK, ins) as act:
        _require_identifier(holder)
        act.notes.holder = holder.identifier
        caller = desk.actor.caller
        if caller is not None and holder in blocking_holders(act, caller):
            raise refusal(NOT_HIMSELF, found=holder.identifier)
        before = known_state(desk, act, holder)
        if not act.store.authorisations.block(act.record.id, holder, by=act.by, now=act.now):
            return False
        act.note(f"authorisation {holder.identifier}", before, AuthorisationState.INTERDIT)
        return True


def unblock(desk: Desk, ins: Ins, holder: Holder) -> bool:
    """Lift a block; False when there was none. What was granted before and still runs is valid again."""
    with desk.act(UNBLOCK, ins) as act:
        act.notes.holder = holder.identifier
        if not act.store.authorisations.unblock(act.record.id, holder, by=act.by, now=act.now):
            return False
        act.note(f"authorisation {holder.identifier}", AuthorisationState.INTERDIT, known_state(desk, act, holder))
        return True


def _require_identifier(holder: Holder) -> None:
    """Refuse what nobody can be called: an empty word, a name."""
    form = PERSON_ID if holder.kind is HolderKind.PERSON else STRUCTURE_ID
    demand(form.fullmatch(holder.identifier) is not None, HOLDER, found=holder.identifier[:80])


def known_state(desk: Desk, act: Act, holder: Holder) -> AuthorisationState:
    """The state of a holder, as far as who acts may know."""
    state = state_of(act.store.authorisations.get(act.record.id, holder), act.now)
    hidden = state is not AuthorisationState.INTERDIT and is_secret_from(desk, act, holder)
    return AuthorisationState.NON_EXISTE if hidden else state


def is_secret_from(desk: Desk, act: Act, holder: Holder) -> bool:
    """A secret connection authorised the holder, and a representative acts: he learns nothing of it (DMPWS D209)."""
    if desk.actor.kind is not ActorKind.REPRESENTATIVE:
        return False
    granted = [e for e in act.store.authorisations.history(act.record.id, holder) if e.act is AuthorisationAct.ADD]
    return bool(granted) and granted[-1].by.capacity == SECRET_CONNECTION


def authorise(desk: Desk, ins: Ins, holder: Holder) -> bool:
    """Authorise a professional or a structure to consult, for the duration of DMPWS D12; False when they were.

    Raises Refused for one who is blocked: the block is lifted first, by its own act.
    """
    with desk.act(AUTHORISE, ins) as act:
        _require_identifier(holder)
        act.notes.holder = holder.identifier
        before = known_state(desk, act, holder)
        if before is AuthorisationState.INTERDIT:
            raise refusal(NOT_BLOCKED, found=holder.identifier)
        if before is AuthorisationState.VALIDE:
            return False
        act.store.authorisations.grant(
            act.record.id,
            holder,
            by=act.by,
            now=act.now,
            expires_at=act.now + act.settings.authorisation_duration,
            treating_doctor=False,
        )
        act.note(f"authorisation {holder.identifier}", before, AuthorisationState.VALIDE)
        return True
