"""Erasing the octets of one deleted document (DMPWS D29): afterwards it is unknown to everyone."""

from collections.abc import Sequence
from dataclasses import dataclass

from dmpws.acts import confirmation
from dmpws.acts.actor import ActorKind
from dmpws.acts.desk import Act, Desk, Kind
from dmpws.codec.ebxml.versions import read_stored
from dmpws.domain.checks import Rule, refusal
from dmpws.domain.document import Status, StoredEntry
from dmpws.domain.patient import Ins
from dmpws.domain.query import DocumentQuery
from dmpws.domain.vaccination import HISTORY_TYPE, NOTE_TYPE

UNKNOWN = Rule("ERASE-UNKNOWN", "Le document est dans ce DMP", "DMPWS D148", "XDSDocumentUniqueIdError")
SIGNATURE = Rule("ERASE-SIGNATURE", "Une signature part avec son lot", "DMPWS D148", "XDSMetadataUpdateError")
DELETED = Rule("ERASE-DELETED", "Le document est supprimé (TD3.3c)", "DMPWS D29", "XDSMetadataUpdateError")

BY_HOST = frozenset({ActorKind.OPERATOR})
PLAN = Kind("act:erase-plan", "Essai à blanc d'un effacement", BY_HOST, open=False, writes=False, motive=True)
ERASE = Kind("act:erase", "Effacement d'un document supprimé", BY_HOST, open=False, motive=True)

MOST_HISTORIES = 1000


@dataclass(frozen=True, slots=True)
class ErasurePlan:
    """What an erasure takes away. versions: of the metadata; octets: their number; shared: another document has the
    same, for which they stay; with_it: uniqueIds of the former historiques des vaccinations that repeat the note."""

    unique_id: str
    title: str
    versions: int
    octets: int
    shared: bool
    with_it: Sequence[str]
    confirmation: str


def plan(desk: Desk, ins: Ins, unique_id: str) -> ErasurePlan:
    """Tell what `erase` would do, and the phrase that confirms it. Raises Refused as `erase` would."""
    with desk.act(PLAN, ins) as act:
        return _plan(desk, act, unique_id)[0]


def erase(desk: Desk, ins: Ins, unique_id: str, *, confirmed: str) -> ErasurePlan:
    """Erase a deleted document: all metadata versions, associations, octets, and the lot when it held nothing else.

    confirmed: the phrase of the plan. Raises Refused.
    """
    with desk.act(ERASE, ins) as act:
        erasure, entries = _plan(desk, act, unique_id)
        confirmation.require(confirmed, erasure.confirmation)
        lots: list[str] = []
        for entry in entries:
            lots += act.store.erasure.document(entry)
            act.notes.changes.append({"uniqueId": entry.unique_id, "old": entry.status.name, "new": "ERASED"})
        for lot in lots:
            act.note(f"lot {lot}", Status.APPROVED.name, "ERASED")
        return erasure


def _plan(desk: Desk, act: Act, unique_id: str) -> tuple[ErasurePlan, list[StoredEntry]]:
    versions = [e for e in act.store.documents.by_unique_id([unique_id]) if e.patient == act.record.id]
    if not versions:
        raise refusal(UNKNOWN, found=unique_id[:128])
    current = versions[0]
    if current.is_signature:
        raise refusal(SIGNATURE, found=unique_id)
    if current.status is not Status.DELETED:
        raise refusal(DELETED, expected=Status.DELETED.name, found=current.status.name)
    entries = [current, *_former_histories(act, current)]
    act.notes.documents += [_named(entry) for entry in entries]
    facts = (act.record.id, unique_id, *(e.entry_uuid for e in [*versions, *entries]))
    made = ErasurePlan(
        unique_id=unique_id,
        title=read_stored(current)[0].title,
        versions=len(versions),
        octets=current.size,
        shared=act.store.erasure.shares_octets(current),
        with_it=[e.unique_id for e in entries[1:]],
        confirmation=confirmation.phrase(desk, "erase", *facts),
    )
    return made, entries


def _former_histories(act: Act, current: StoredEntry) -> Sequence[StoredEntry]:
    """The versions of the historique des vaccinations that repeat what a note said; the one in force does not."""
    if (current.type_code, current.type_system) != (NOTE_TYPE.code, NOTE_TYPE.system):
        return ()
    obsolete = DocumentQuery(patient=act.record.id, statuses=(Status.DEPRECATED,), types=(HISTORY_TYPE,))
    return act.store.documents.find(obsolete, limit=MOST_HISTORIES)


def _named(entry: StoredEntry) -> dict[str, str]:
    """As a trace names it. visibility: no metadata will say any more from whom it was hidden."""
    return {
        "uniqueId": entry.unique_id,
        "typeCode": entry.type_code,
        "visibility": " ".join(sorted(entry.visibility)),
    }
