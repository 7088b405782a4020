"""The patient masks a document to professionals, or shows it to them again: TD3.3a without an LPS."""

from dmpws.acts.actor import ActorKind
from dmpws.acts.desk import Desk, Kind
from dmpws.acts.metadata import document_of, store_version
from dmpws.acts.switches import BY_PATIENT
from dmpws.codec.ebxml.names import CONFIDENTIALITY_CODE
from dmpws.codec.ebxml.versions import coded, is_visibility, read_stored
from dmpws.domain import oids
from dmpws.domain.checks import refusal
from dmpws.domain.code import Code
from dmpws.domain.document import MASQUE_PS
from dmpws.domain.lot.masking import VACCINATION
from dmpws.domain.lot.vaccination import is_note
from dmpws.domain.patient import Ins
from dmpws.domain.visibility import Owner

MASK = Kind("act:mask", "Masquage d'un document aux professionnels", BY_PATIENT)
UNMASK = Kind("act:unmask", "Démasquage d'un document aux professionnels", BY_PATIENT)
_MASKED = Code(MASQUE_PS, oids.VISIBILITY, "Masqué aux professionnels de santé")


def mask(desk: Desk, ins: Ins, unique_id: str, *, on: bool) -> bool:
    """Mask or unmask a document by a new version of its metadata; False when it was so already.

    The patient unmasks what a professional masked, too: it is his record. A vaccination note is not masked: former
    versions of the historique would show it. What is invisible to him is unknown, so
    that MASQUE_PS never joins INVISIBLE_PATIENT here.
    """
    kind = MASK if on else UNMASK
    owner = Owner.REPRESENTATIVE if desk.actor.kind is ActorKind.REPRESENTATIVE else Owner.PATIENT
    with desk.act(kind, ins) as act:
        current = document_of(act, unique_id, owner)
        if (MASQUE_PS in current.visibility) == on:
            return False
        metadata, item = read_stored(current)
        if on and is_note(metadata):
            raise refusal(VACCINATION, expected="N", found=MASQUE_PS)
        item.classifications = [c for c in item.classifications if not is_visibility(c, MASQUE_PS)]
        if on:
            item.classifications.append(coded(CONFIDENTIALITY_CODE, _MASKED))
        store_version(act, current, item, title=kind.title)
        return True
