"""Who may consult the record, who could, and who decided so: what the patient sees, and what he takes back."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from dmpws.acts.actor import ActorKind
from dmpws.acts.desk import Desk, Kind
from dmpws.acts.switches import BY_PATIENT, is_secret_from, known_state
from dmpws.domain.authorisation import (
    SECRET_CONNECTION,
    Authorisation,
    AuthorisationAct,
    AuthorisationEvent,
    AuthorisationState,
    Holder,
    NamedAuthorisation,
)
from dmpws.domain.patient import Ins

WITHDRAW = Kind("act:withdraw", "Retrait d'une autorisation", BY_PATIENT)
LOOK = Kind("act:authorisations", "Autorisations du DMP et leur histoire", BY_PATIENT, open=False, writes=False)


def withdraw(desk: Desk, ins: Ins, holder: Holder) -> bool:
    """End an authorisation, role MEDECIN_TRAITANT included, without blocking anybody; False when there was none.

    The only way to end that of a structure before its time: TD0.3 gives nobody the right (PDT-INF-526).
    """
    with desk.act(WITHDRAW, ins) as act:
        act.notes.holder = holder.identifier
        before = known_state(desk, act, holder)
        if is_secret_from(desk, act, holder) or not act.store.authorisations.revoke(
            act.record.id, holder, by=act.by, now=act.now, only_treating_doctor=False
        ):
            return False
        after = AuthorisationState.INTERDIT if before is AuthorisationState.INTERDIT else AuthorisationState.NON_EXISTE
        act.note(f"authorisation {holder.identifier}", before, after)
        return True


def look(
    desk: Desk, ins: Ins, holder: Holder | None = None
) -> tuple[Sequence[NamedAuthorisation], Sequence[AuthorisationEvent]]:
    """The authorisations of a record as they are now, and every change of them in order; of one holder, or of all.

    Representatives learn nothing of what was authorised in a secret connection (DMPWS D209).
    """
    with desk.act(LOOK, ins) as act:
        act.notes.holder = holder.identifier if holder else ""
        found = act.store.authorisations.of_record(act.record.id)
        events = act.store.authorisations.history(act.record.id, holder)
    found = [named for named in found if holder in (None, named.authorisation.holder)]
    return _not_secret(found, events) if desk.actor.kind is ActorKind.REPRESENTATIVE else (found, events)


def _not_secret(
    found: Sequence[NamedAuthorisation], events: Sequence[AuthorisationEvent]
) -> tuple[Sequence[NamedAuthorisation], Sequence[AuthorisationEvent]]:
    """Without what a secret connection authorised, and without the end of it."""
    in_secret: dict[Holder, bool] = {}
    told = []
    for event in events:
        if event.act is AuthorisationAct.ADD:
            in_secret[event.holder] = event.by.capacity == SECRET_CONNECTION
        ends = event.act in (AuthorisationAct.ADD, AuthorisationAct.REMOVE, AuthorisationAct.EXPIRE)
        if not (ends and in_secret.get(event.holder)) and event.by.capacity != SECRET_CONNECTION:
            told.append(replace(event, expires_at=None) if in_secret.get(event.holder) else event)
    return [known for named in found if (known := _known(named, in_secret)) is not None], told


def _known(named: NamedAuthorisation, in_secret: Mapping[Holder, bool]) -> NamedAuthorisation | None:
    """As it is, or the block alone of what was authorised in secret."""
    authorisation = named.authorisation
    if not in_secret.get(authorisation.holder):
        return named
    if not authorisation.blocked:
        return None
    block = Authorisation(authorisation.holder, None, authorisation.last_action_at, None, blocked=True)
    return replace(named, authorisation=block)
