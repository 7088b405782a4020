"""An update of the registry (ITI-57): what a message asks of which entries, and whether they allow it.

TD3.3c and TD3.3d change a status; TD3.3a and TD3.3b register a new version of the metadata, in which nothing but
the visibility may differ.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from dmpws.domain.checks import Report, Rule
from dmpws.domain.document import HAS_MEMBER, MASQUE_PS, UPDATE_STATUS, DocumentEntry, Status, StoredEntry, Submission

_FAILED = "XDSMetadataUpdateError"
_OPERATIONS = "UpdateAvailabilityStatus vers Approved, Archived ou Deleted, ou HasMember vers une fiche du message"
OPERATION = Rule(
    "UPD-OPERATION",
    "Le message demande des changements de statut ou de nouvelles versions de fiches",
    "ITI TF-2 3.57.4.1.3",
    "XDSMetadataUpdateOperationError",
)
DOCUMENTS = Rule(
    "UPD-DOCUMENTS",
    "Seules les fiches de document se mettent à jour",
    "DMPWS D104",
    "XDSMetadataUpdateOperationError",
)
INITIAL = Rule(
    "UPD-INITIAL", "Une mise à jour porte le lid du document, distinct de l'id", "ITI TF-2 3.57.4.1.3", _FAILED
)
ONCE = Rule(
    "UPD-ONCE",
    "Un document ne change qu'une fois de statut et une fois de version par message",
    "ITI TF-2 3.57.4.1.3",
    _FAILED,
)
TARGET = Rule(
    "UPD-TARGET", "Le document à mettre à jour est enregistré", "ITI TF-2 3.57.4.1.3", "UnresolvedReferenceException"
)
SIGNATURE = Rule("UPD-SIGNATURE", "Une signature de lot ne se modifie pas", "DMPWS D14", _FAILED)
LATEST = Rule("UPD-LATEST", "L'entryUUID est celui de la version courante", "ITI TF-2 3.57.4.1.3", _FAILED)
STATUS = Rule("UPD-STATUS", "OriginalStatus est le statut de la fiche", "ITI TF-2 3.57.4.1.3", _FAILED)
TRANSITION = Rule("UPD-TRANSITION", "Le changement de statut est permis", "PDT-INF-526", _FAILED)
DELETED = Rule("UPD-DELETED", "La suppression d'un document est irréversible", "GI-DMP EX_3.3-1050", _FAILED)
VERSION = Rule(
    "UPD-VERSION", "PreviousVersion est la version courante", "ITI TF-2 3.57.4.1.3", "XDSMetadataVersionError"
)

ARCHIVE, UNARCHIVE, DELETE = "TD3.3d archive", "TD3.3d unarchive", "TD3.3c delete"
MASK, UNMASK, REVEAL = "TD3.3a mask to PS", "TD3.3a unmask to PS", "TD3.3b make visible to patient"
"""The operations, as rows of the rights table."""

STATUS_ROWS = {Status.ARCHIVED: ARCHIVE, Status.APPROVED: UNARCHIVE, Status.DELETED: DELETE}
_TRANSITIONS = {
    Status.ARCHIVED: frozenset({Status.APPROVED}),
    Status.APPROVED: frozenset({Status.ARCHIVED}),
    Status.DELETED: frozenset({Status.APPROVED, Status.ARCHIVED}),
}
_EBRS = "urn:oasis:names:tc:ebxml-regrep:StatusType:"
STATUSES = {status.value: status for status in Status} | {
    # A client of the official kit writes the French statuses under the prefix of ebRS (DMP-CLIENT).
    f"{_EBRS}{status.value.rpartition(':')[2]}": status
    for status in Status
}
"""Every spelling of a status."""


@dataclass(frozen=True, slots=True)
class StatusChange:
    """One UpdateAvailabilityStatus. target: entryUUID, lower case; original: OriginalStatus as written.

    with_version: it names the entry of the message that is the new version; target is then the lid.
    """

    where: str
    target: str
    original: str
    wanted: Status
    with_version: bool = False


@dataclass(frozen=True, slots=True)
class NewMetadata:
    """One entry as submitted. target: its lid, lower case; previous_version: slot of its HasMember."""

    where: str
    target: str
    entry: DocumentEntry
    previous_version: str
    propagates: bool
    """Associations of the old version are made for the new one too (slot AssociationPropagation)."""


Change = StatusChange | NewMetadata


def read_changes(submission: Submission, report: Report) -> tuple[Change, ...]:
    """Tell what a message asks: status changes and new metadata, of one or several documents.

    What is wrong goes into `report`. Empty when no change could be made out.
    """
    lot = submission.submission_set.id
    changes: list[Change] = []
    members: dict[str, NewMetadata] = {}
    entries = {entry.id: entry for entry in submission.entries}
    for association in submission.associations:
        slots = {name: ", ".join(values) for name, values in association.slots.items()}
        wanted = STATUSES.get(slots.get("NewStatus", ""))
        entry = entries.get(association.target)
        if association.type == UPDATE_STATUS and association.source == lot and wanted in STATUS_ROWS:
            target = entry.lid if entry is not None else association.target
            original = slots.get("OriginalStatus", "")
            changes.append(StatusChange(association.id, target.lower(), original, wanted, entry is not None))
        elif association.type == HAS_MEMBER and association.source == lot and entry and entry.id not in members:
            members[entry.id] = _new_metadata(entry, slots)
        else:
            found = f"{association.type} vers {slots.get('NewStatus') or association.target}"[:200]
            report.failed(OPERATION, expected=_OPERATIONS, found=found, where=association.id)
    for folder in submission.folders:
        report.failed(DOCUMENTS, expected="des fiches", found="un classeur (Folder)", where=folder.id)
    for entry in submission.entries:
        ok = entry.id in members
        report.require(ok, OPERATION, expected=f"HasMember de {lot}", found="" if ok else "rien", where=entry.id)
        ok = bool(entry.lid) and entry.lid != entry.id
        report.require(ok, INITIAL, expected="un lid", found=entry.lid or "aucun lid", where=entry.id)
    changes += members.values()
    report.require(bool(changes), OPERATION, expected="au moins un changement", found="aucun", where=lot)
    return tuple(changes)


def _new_metadata(entry: DocumentEntry, slots: dict[str, str]) -> NewMetadata:
    propagates = slots.get("AssociationPropagation", "yes") != "no"
    return NewMetadata(entry.id, entry.lid.lower(), entry, slots.get("PreviousVersion", ""), propagates)


def check_once(changes: Iterable[Change], known: Mapping[str, StoredEntry], report: Report) -> None:
    """Check that each document gets one new version and one new status at most, however it is named.

    known: the current version of each document, by the UUIDs that name it.
    """
    seen: set[tuple[type, str]] = set()
    for change in changes:
        name = known[change.target].lid if change.target in known else change.target
        if (type(change), name) in seen:
            report.failed(ONCE, expected="1 fois", found=f"encore {change.target[:200]}", where=change.where)
        seen.add((type(change), name))


def rows_of(change: Change, current: StoredEntry | None) -> frozenset[str]:
    """The rows of the rights that a change falls under; current: the entry as it is, None when it is not known."""
    if isinstance(change, StatusChange):
        return frozenset({STATUS_ROWS[change.wanted]})
    new = change.entry.visibility
    old = current.visibility if current is not None else frozenset()
    rows = set()
    if MASQUE_PS in new - old:
        rows.add(MASK)
    if MASQUE_PS in old - new:
        rows.add(UNMASK)
    if (new ^ old) - {MASQUE_PS}:
        rows.add(REVEAL)
    # A change of nothing is refused for what it is; whoever sends it must still have some right to do it.
    return frozenset(rows) or frozenset({MASK if MASQUE_PS in new else REVEAL})


def check_status(change: StatusChange, current: StoredEntry, report: Report) -> None:
    """Check a status change against the current version of the entry."""
    where = current.entry_uuid
    report.require(not current.is_signature, SIGNATURE, expected="un document", found="une signature", where=where)
    ok = change.with_version or change.target == current.entry_uuid
    report.require(ok, LATEST, expected=current.entry_uuid, found=change.target, where=where)
    ok = STATUSES.get(change.original) is current.status
    report.require(ok, STATUS, expected=current.status, found=change.original[:200] or "rien", where=where)
    found = f"{current.status.name} vers {change.wanted.name}"
    if report.require(
        current.status is not Status.DELETED, DELETED, expected="un document non supprimé", found=found, where=where
    ):
        ok = current.status in _TRANSITIONS[change.wanted]
        expected = " ou ".join(sorted(s.name for s in _TRANSITIONS[change.wanted])) + f" vers {change.wanted.name}"
        report.require(ok, TRANSITION, expected=expected, found=found, where=where)


def check_version(change: NewMetadata, current: StoredEntry, report: Report) -> None:
    """Check that new metadata follow the current version of an entry that may still change."""
    where = current.entry_uuid
    report.require(not current.is_signature, SIGNATURE, expected="un document", found="une signature", where=where)
    ok, found = current.status is not Status.DELETED, current.status.name
    report.require(ok, DELETED, expected="un document non supprimé", found=found, where=where)
    ok = change.previous_version == str(current.version)
    found = change.previous_version[:40] or "rien"
    report.require(ok, VERSION, expected=str(current.version), found=found, where=where)
