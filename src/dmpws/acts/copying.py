"""A copy of the record (restitution) as an IHE XDM archive: for the patient, for a judge, for his successors."""

from collections.abc import Sequence
from enum import StrEnum
from typing import BinaryIO
from uuid import UUID

from dmpws.acts.actor import ActorKind
from dmpws.acts.desk import Act, Desk, Kind
from dmpws.acts.switches import BY_PATIENT
from dmpws.codec.xdm import layout
from dmpws.codec.xdm.content import Copied, Copy, Subset
from dmpws.codec.xdm.readable import readable
from dmpws.codec.xdm.writing import DAMAGED, write_archive
from dmpws.domain.checks import Rule, refusal
from dmpws.domain.document import HAS_MEMBER, Association, Status, StoredEntry
from dmpws.domain.octets import Octets
from dmpws.domain.packages import StoredAssociation, StoredFolder
from dmpws.domain.patient import Ins
from dmpws.domain.query import DocumentQuery, FolderQuery, dtm_key
from dmpws.domain.visibility import Owner, sees

PROOF = Rule("COPY-PROOF", "La copie demandée par un tiers a une référence", "DMPWS D152", "DMPInvalidRequest")
DECEASED = Rule(
    "COPY-DECEASED", "Les ayants droit n'ont une copie qu'après le décès", "DMPWS D152", "DMPAccessForbidden"
)
WISH = Rule(
    "COPY-WISH", "Le patient a accepté que ses ayants droit aient une copie", "DMPWS D152", "DMPAccessForbidden"
)
TOO_MANY = Rule(
    "COPY-MANY", "Une archive contient un nombre raisonnable de documents", "DMPWS D153", "XDSTooManyResults"
)

_HOST = frozenset({ActorKind.OPERATOR})


class Recipient(StrEnum):
    """Whom a copy is for."""

    PATIENT = "patient"
    """What the patient sees, or the representative who asks."""
    REPRESENTATIVE = "representative"
    """What a legal representative sees, asked for at the host's."""
    SUCCESSOR = "successor"
    """What a legal representative saw, for an ayant droit: a minor's are his parents (DMPWS D152)."""
    LEGAL = "legal"
    """Everything, invisible documents and signatures included, for a judge or an expert."""


KINDS = {
    Recipient.PATIENT: Kind("act:copy", "Copie du DMP pour le patient", BY_PATIENT, open=False, writes=False),
    Recipient.REPRESENTATIVE: Kind(
        "act:copy-representative", "Copie du DMP pour un représentant légal", _HOST, open=False, writes=False
    ),
    Recipient.SUCCESSOR: Kind(
        "act:copy-successor", "Copie du DMP pour un ayant droit", _HOST, open=False, writes=False, motive=True
    ),
    Recipient.LEGAL: Kind("act:copy-legal", "Copie intégrale du DMP", _HOST, open=False, writes=False, motive=True),
}


TITLES = {
    Recipient.PATIENT: "Copie du dossier médical partagé",
    Recipient.REPRESENTATIVE: "Copie du dossier médical partagé remise à un représentant légal",
    Recipient.SUCCESSOR: "Copie du dossier médical partagé remise à un ayant droit",
    Recipient.LEGAL: "Copie intégrale du dossier médical partagé",
}


def copy_record(desk: Desk, ins: Ins, out: BinaryIO, recipient: Recipient = Recipient.PATIENT) -> int:
    """Write the archive of a record into `out`, and return how many documents it holds.

    Raises Refused, also when octets are not what was received: `out` is then worth nothing.
    """
    kind = KINDS[recipient]
    with desk.act(kind, ins) as act:
        _require_ground(act, desk.proof, recipient)
        entries = _entries(act, desk.actor.kind, recipient)
        act.notes.documents += [{"uniqueId": e.unique_id, "typeCode": e.type_code} for e in entries]
        made = Copy(
            record=act.record,
            title=TITLES[recipient],
            made_at=act.now,
            institution=act.settings.institution,
            software=act.settings.software,
            subsets=_subsets(act, entries),
        )
        write_archive(
            out,
            made,
            octets=lambda document: _octets(act, document.entry),
            show=lambda octets: _shown(act, octets),
            new_uuid=act.new_uuid,
        )
        return len(entries)


def _require_ground(act: Act, proof: str, recipient: Recipient) -> None:
    if recipient in (Recipient.PATIENT, Recipient.REPRESENTATIVE):
        return
    if not proof:
        raise refusal(PROOF, found="aucune référence")
    if recipient is Recipient.SUCCESSOR:
        if not act.record.traits.deceased:
            raise refusal(DECEASED, found="le patient n'est pas décédé")
        if not act.record.successors_may_read:
            raise refusal(WISH, found="refus, ou aucune volonté connue")


def _entries(act: Act, actor: ActorKind, recipient: Recipient) -> Sequence[StoredEntry]:
    """The current version of every document that is copied, oldest first."""
    legal = recipient is Recipient.LEGAL
    query = DocumentQuery(patient=act.record.id, statuses=tuple(Status), signatures=legal)
    found = act.store.documents.find(query, limit=layout.MOST)
    if len(found) > layout.MOST:
        raise refusal(TOO_MANY, expected=f"au plus {layout.MOST}", found=f"plus de {layout.MOST}")
    for_patient = recipient is Recipient.PATIENT and actor is not ActorKind.REPRESENTATIVE
    owner = Owner.PATIENT if for_patient else Owner.REPRESENTATIVE
    seen = [entry for entry in found if legal or sees(owner, entry)]
    return sorted(seen, key=lambda entry: (dtm_key(entry.creation_time), entry.unique_id))


def _octets(act: Act, entry: StoredEntry) -> Octets:
    try:
        return act.store.documents.octets(entry)
    except KeyError:
        raise refusal(DAMAGED, found="aucun fichier", where=entry.unique_id) from None


def _shown(act: Act, octets: Octets) -> tuple[str, bytes] | None:
    limits = act.settings.cda_limits
    return readable(octets.read(), limits) if octets.size <= limits.octets else None


def _subsets(act: Act, entries: Sequence[StoredEntry]) -> list[Subset]:
    """Submission sets of a size that can be read at once, with the folders and relations of their documents."""
    known = {entry.entry_uuid for entry in entries}
    packages = act.store.packages
    links = [a for a in packages.associations(sources=known) if a.target in known] if known else []
    folders = packages.find_folders(FolderQuery(patient=act.record.id, statuses=(Status.APPROVED,)))
    inside = packages.associations(sources=[folder.uuid for folder in folders]) if folders else []
    inside = [a for a in inside if a.type == HAS_MEMBER and a.target in known]
    subsets: list[Subset] = []
    written: set[str] = set()
    for start in range(0, len(entries), layout.SUBSET_SIZE):
        mine = entries[start : start + layout.SUBSET_SIZE]
        uuids = {entry.entry_uuid for entry in mine}
        held = [a for a in inside if a.target in uuids]
        holding = [f for f in folders if f.uuid not in written and any(a.source == f.uuid for a in held)]
        written |= {folder.uuid for folder in holding}
        related = [*(a for a in links if a.source in uuids), *held]
        subsets.append(_subset(act, len(subsets) + 1, mine, start, holding, related))
    return subsets


def _subset(
    act: Act,
    number: int,
    entries: Sequence[StoredEntry],
    start: int,
    folders: Sequence[StoredFolder],
    related: Sequence[StoredAssociation],
) -> Subset:
    uuid = f"urn:uuid:{act.new_uuid()}"
    members = [
        *((entry.entry_uuid, {"SubmissionSetStatus": ("Original",)}) for entry in entries),
        *((folder.uuid, {}) for folder in folders),
        *((link.uuid, {}) for link in related if link.type == HAS_MEMBER),
    ]
    return Subset(
        number=number,
        uuid=uuid,
        unique_id=f"2.25.{UUID(act.new_uuid()).int}",
        documents=[
            Copied(entry, layout.subset(number), layout.document(rank, entry.mime_type))
            for rank, entry in enumerate(entries, start + 1)
        ],
        folders=folders,
        memberships=[
            Association(f"urn:uuid:{act.new_uuid()}", HAS_MEMBER, uuid, target, slots) for target, slots in members
        ],
        associations=related,
    )
