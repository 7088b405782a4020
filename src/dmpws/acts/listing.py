"""What the patient, or who represents him, finds in his record: his documents by espace (DMPWS D84, D94)."""

from collections.abc import Mapping, Sequence

from dmpws.acts.actor import ActorKind
from dmpws.acts.desk import Desk, Kind
from dmpws.acts.switches import BY_PATIENT
from dmpws.domain.document import Status, StoredEntry
from dmpws.domain.patient import Ins
from dmpws.domain.visibility import Owner
from dmpws.transactions.record_index import record_index

LIST = Kind("act:list", "Consultation de la liste des documents par le patient", BY_PATIENT, writes=False)


def list_documents(
    desk: Desk, ins: Ins, statuses: Sequence[Status] = (Status.APPROVED,)
) -> Mapping[str, Sequence[StoredEntry]]:
    """The documents of these statuses, newest first, under the headings people read. Raises Refused."""
    owner = Owner.REPRESENTATIVE if desk.actor.kind is ActorKind.REPRESENTATIVE else Owner.PATIENT
    with desk.act(LIST, ins) as act:
        return record_index(act, act.record, owner, statuses)
