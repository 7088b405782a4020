"""Who may consult the record, who could, and who decided so: what the patient sees, and what he takes back."""

from collections.abc import Sequence

from dmpws.acts.desk import Desk, Kind
from dmpws.acts.switches import BY_PATIENT
from dmpws.domain.authorisation import (
    AuthorisationEvent,
    AuthorisationState,
    Holder,
    NamedAuthorisation,
    state_of,
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
        before = state_of(act.store.authorisations.get(act.record.id, holder), act.now)
        if not act.store.authorisations.revoke(
            act.record.id, holder, by=act.by, now=act.now, only_treating_doctor=False
        ):
            return False
        after = AuthorisationState.INTERDIT if before is AuthorisationState.INTERDIT else AuthorisationState.NON_EXISTE
        act.note(f"authorisation {holder.identifier}", before, after)
        return True


def look(
    desk: Desk, ins: Ins, holder: Holder | None = None
) -> tuple[Sequence[NamedAuthorisation], Sequence[AuthorisationEvent]]:
    """The authorisations of a record as they are now, and every change of them in order; of one holder, or of all."""
    with desk.act(LOOK, ins) as act:
        act.notes.holder = holder.identifier if holder else ""
        found = act.store.authorisations.of_record(act.record.id)
        events = act.store.authorisations.history(act.record.id, holder)
    return [named for named in found if holder in (None, named.authorisation.holder)], events
