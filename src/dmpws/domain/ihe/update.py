"""An update of profile `ihe` (ITI-57): what a message asks of which objects, and whether they allow it (DMPWS D100)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from dmpws.domain.checks import Report, Rule
from dmpws.domain.document import (
    DEPENDENTS,
    HAS_MEMBER,
    SIGNS,
    UPDATE_STATUS,
    Association,
    DocumentEntry,
    Folder,
    Status,
    StoredEntry,
    Submission,
)
from dmpws.domain.ihe.metadata import IheFacts, check_entry, check_folder
from dmpws.domain.packages import StoredAssociation, StoredFolder, StoredSet

_CLAUSE, _FAILED = "ITI TF-2 3.57.4.1.3", "XDSMetadataUpdateError"
OPERATION = Rule(
    "IHE-UPD-OPERATION",
    "Le message demande de nouvelles versions, des changements de statut ou des associations",
    _CLAUSE,
    "XDSMetadataUpdateOperationError",
)
INITIAL = Rule("IHE-UPD-INITIAL", "Une nouvelle version porte le lid de son objet, distinct de l'id", _CLAUSE, _FAILED)
ONCE = Rule(
    "IHE-UPD-ONCE", "Un objet ne change qu'une fois de statut et une fois de version par message", _CLAUSE, _FAILED
)
TARGET = Rule("IHE-UPD-TARGET", "L'objet à mettre à jour est enregistré", _CLAUSE, "UnresolvedReferenceException")
VERSION = Rule("IHE-UPD-VERSION", "PreviousVersion est la version courante", _CLAUSE, "XDSMetadataVersionError")
IDENTIFIER = Rule(
    "IHE-UPD-IDENTIFIER", "uniqueId et objectType restent les mêmes", _CLAUSE, "XDSMetadataIdentifierError"
)
OCTETS = Rule("IHE-UPD-OCTETS", "hash, size et repositoryUniqueId sont ceux du document", "DMPWS D100", _FAILED)
FOLDER_STATUS = Rule("IHE-UPD-FOLDER", "Le classeur à mettre à jour est en vigueur", _CLAUSE, _FAILED)
LATEST = Rule("IHE-UPD-LATEST", "L'objet dont le statut change est la version courante", _CLAUSE, _FAILED)
STATUS = Rule("IHE-UPD-STATUS", "OriginalStatus est le statut de l'objet", _CLAUSE, _FAILED)
LINK = Rule("IHE-UPD-LINK", "L'association ajoutée ou modifiée n'est pas celle d'un lot", _CLAUSE, _FAILED)
LINK_END = Rule("IHE-UPD-LINK-END", "L'association relie des objets en vigueur", _CLAUSE, _FAILED)
PROPAGATION = Rule("IHE-UPD-PROPAGATION", "Deux objets liés ont le même AssociationPropagation", _CLAUSE, _FAILED)
PATIENT = Rule(
    "IHE-UPD-PATIENT",
    "Lots, fiches et classeurs en vigueur qui sont liés sont du même patient",
    _CLAUSE,
    "XDSPatientIDReconciliationError",
)

SUBMIT_ASSOCIATION = "urn:ihe:iti:2010:AssociationType:SubmitAssociation"
_STATUSES = {status.value: status for status in (Status.APPROVED, Status.DEPRECATED)}
_OPERATIONS = "HasMember vers une fiche ou un classeur, UpdateAvailabilityStatus ou SubmitAssociation"
_SHOWN = 200

Stored = StoredEntry | StoredFolder | StoredAssociation
"""What may be updated."""


@dataclass(frozen=True, slots=True)
class AskedVersion:
    """A new metadata version. link: the HasMember that asks for it; lid: lower case."""

    item: DocumentEntry | Folder
    lid: str
    link: str
    previous: str
    propagates: bool

    @property
    def where(self) -> str:
        return self.item.id


@dataclass(frozen=True, slots=True)
class AskedStatus:
    """A new status. target: UUID, lower case; of the new version that the message brings too, the lid.

    original: as written; empty when the message does not say.
    """

    where: str
    target: str
    original: str
    wanted: Status
    with_version: bool


@dataclass(frozen=True, slots=True)
class AskedUpdate:
    """Everything a message asks. links: associations to store, by the id of the SubmitAssociation that asks for it."""

    versions: tuple[AskedVersion, ...]
    statuses: tuple[AskedStatus, ...]
    links: Mapping[str, Association]


@dataclass(frozen=True, slots=True)
class Registered:
    """What the registry holds of the objects that a message names. by_lid: latest versions. of_sets: UUIDs of the
    associations that say what a submission set holds."""

    by_uuid: Mapping[str, Stored]
    by_lid: Mapping[str, StoredEntry | StoredFolder]
    of_sets: frozenset[str]

    def current(self, change: AskedVersion | AskedStatus) -> Stored | None:
        """The object that a change is about: the latest version, unless it names another."""
        if isinstance(change, AskedVersion):
            kind = Folder if isinstance(change.item, Folder) else DocumentEntry
            found = self.by_lid.get(change.lid)
            return found if isinstance(found, _STORED_AS[kind]) else None
        return (self.by_lid if change.with_version else self.by_uuid).get(change.target)


_STORED_AS = {DocumentEntry: StoredEntry, Folder: StoredFolder}


def read_update(submission: Submission, report: Report) -> AskedUpdate:
    """Tell what a message asks. What is wrong goes into `report`."""
    lot = submission.submission_set.id
    items: dict[str, DocumentEntry | Folder] = {entry.id: entry for entry in submission.entries}
    items |= {folder.id: folder for folder in submission.folders}
    submitted = {a.id: a for a in submission.associations if a.source != lot}
    versions: dict[str, AskedVersion] = {}
    statuses: list[AskedStatus] = []
    links: dict[str, tuple[str, Association]] = {}
    for a in submission.associations:
        slots = {name: ", ".join(values) for name, values in a.slots.items()}
        wanted, item = _STATUSES.get(slots.get("NewStatus", "")), items.get(a.target)
        if a.source != lot:
            continue
        if a.type == UPDATE_STATUS and wanted is not None:
            target = item.lid if item is not None else a.target
            original = slots.get("OriginalStatus", "")
            statuses.append(AskedStatus(a.id, target.lower(), original, wanted, item is not None))
        elif a.type == SUBMIT_ASSOCIATION and a.target in submitted and a.target not in links:
            links[a.target] = (a.id, submitted[a.target])
        elif a.type == HAS_MEMBER and item is not None and item.id not in versions:
            propagates = slots.get("AssociationPropagation", "yes").lower() != "no"
            previous = slots.get("PreviousVersion", "")
            versions[item.id] = AskedVersion(item, item.lid.lower(), a.id, previous, propagates)
        else:
            found = f"{a.type} vers {slots.get('NewStatus') or a.target}"[:_SHOWN]
            report.failed(OPERATION, expected=_OPERATIONS, found=found, where=a.id)
    for name in submitted.keys() - links.keys():
        report.failed(OPERATION, expected=f"SubmitAssociation de {lot}", found="rien", where=name)
    for name in items.keys() - versions.keys():
        report.failed(OPERATION, expected=f"HasMember de {lot}", found="rien", where=name)
    ok = bool(versions or statuses or links)
    report.require(ok, OPERATION, expected="au moins un changement", found="" if ok else "aucun", where=lot)
    return AskedUpdate(tuple(versions.values()), tuple(statuses), dict(links.values()))


def check_once(asked: AskedUpdate, registered: Registered, report: Report) -> None:
    """Check that each object gets one new version and one new status at most, however it is named."""
    for kind in (asked.versions, asked.statuses):
        seen: set[str] = set()
        for change in kind:
            current = registered.current(change)
            name = change.lid if isinstance(change, AskedVersion) else change.target
            logical = name if current is None or isinstance(current, StoredAssociation) else current.lid
            if logical in seen:
                report.failed(ONCE, expected="1 fois", found=f"encore {name[:_SHOWN]}", where=change.where)
            seen.add(logical)


def check_initial(version: AskedVersion, facts: IheFacts, report: Report) -> bool:
    """Check that an object is not a first version, which ITI-41 or ITI-42 registers; the domain says which code."""
    rule, ok = replace(INITIAL, code=facts.domain.initial_version), version.lid not in ("", version.item.id.lower())
    return report.require(ok, rule, expected="un lid", found=version.lid or "aucun lid", where=version.where)


def check_version(
    version: AskedVersion,
    current: StoredEntry | StoredFolder,
    stored: DocumentEntry | None,
    facts: IheFacts,
    report: Report,
) -> None:
    """Check new metadata against the current version. stored: what that one says, of a document."""
    item, where = version.item, uuid_of(current)
    ok = version.previous == str(current.version)
    found = version.previous[:40] or "rien"
    report.require(ok, VERSION, expected=str(current.version), found=found, where=where)
    same = item.unique_id == current.unique_id
    report.require(same, IDENTIFIER, expected=current.unique_id, found=item.unique_id[:_SHOWN], where=where)
    if isinstance(item, Folder):
        ok = current.status is Status.APPROVED
        report.require(ok, FOLDER_STATUS, expected="Approved", found=current.status.name, where=where)
        check_folder(item, facts, report)
        return
    if stored is None:
        return
    same = item.object_type == stored.object_type
    report.require(same, IDENTIFIER, expected=stored.object_type, found=item.object_type[:_SHOWN], where=where)
    check_entry(item, facts, report)
    for name, new, old in (
        ("hash", item.hash.lower(), stored.hash.lower()),
        ("size", item.size, stored.size),
        ("repositoryUniqueId", item.repository_unique_id, stored.repository_unique_id),
    ):
        report.require(new in ("", old), OCTETS, expected=f"{name} {old}", found=new[:_SHOWN], where=where)


def check_status(change: AskedStatus, current: Stored, registered: Registered, report: Report) -> None:
    """Check a status change."""
    where = uuid_of(current)
    original = change.original
    if isinstance(current, StoredAssociation):
        original = original or Status.APPROVED.value
        report.require(
            where not in registered.of_sets,
            LINK,
            expected="une association entre documents ou d'un classeur",
            where=where,
        )
    else:
        ok = current.latest and (change.with_version or change.target == where)
        report.require(ok, LATEST, expected=where, found=change.target[:_SHOWN], where=where)
    ok = original == current.status.value
    report.require(ok, STATUS, expected=current.status, found=original[:_SHOWN] or "rien", where=where)


def check_link(link: Association, registered: Registered, patient: int, report: Report) -> None:
    """Check an association to store. patient: row of the patient of the set."""
    ok = link.type in DEPENDENTS | {HAS_MEMBER, SIGNS}
    report.require(ok, LINK, expected="HasMember d'un classeur, APND, XFRM ou signs", found=link.type, where=link.id)
    holder = StoredFolder if link.type == HAS_MEMBER else StoredEntry
    for uuid, kind in ((link.source, holder), (link.target, StoredEntry)):
        end = registered.by_uuid.get(uuid.lower())
        if not isinstance(end, kind):
            expected = "un classeur" if kind is StoredFolder else "une fiche"
            report.failed(TARGET, expected=f"{expected} du registre", found=uuid[:_SHOWN], where=link.id)
            continue
        report.require(
            end.status is Status.APPROVED, LINK_END, expected="Approved", found=end.status.name, where=uuid_of(end)
        )
        ok = end.patient == patient
        report.require(ok, PATIENT, expected="celui du lot", found="" if ok else "un autre", where=uuid_of(end))


def check_propagation(propagates: Mapping[str, bool], links: Iterable[StoredAssociation], report: Report) -> None:
    """Check that objects which are related propagate alike. propagates: by UUID of the former versions."""
    for link in links:
        if {link.source, link.target} <= propagates.keys() and propagates[link.source] != propagates[link.target]:
            found = f"yes et no, liés par {link.uuid}"
            report.failed(PROPAGATION, expected="le même pour les deux", found=found, where=link.source)


def check_patients(
    links: Iterable[StoredAssociation], ends: Mapping[str, StoredEntry | StoredFolder | StoredSet], report: Report
) -> None:
    """Check, when all is done, that what associations in force join is of one patient.

    ends: submission sets, and documents and folders in force, by UUID.
    """
    for link in links:
        source, target = ends.get(link.source), ends.get(link.target)
        if link.status is Status.APPROVED and source is not None and target is not None:
            ok = source.patient == target.patient
            found = "" if ok else f"un autre, {uuid_of(source)}"
            report.require(ok, PATIENT, expected="le même patient", found=found, where=uuid_of(target))


def uuid_of(item: Stored | StoredSet) -> str:
    """The entryUUID of an object, which a refusal gives as its location."""
    return item.entry_uuid if isinstance(item, StoredEntry) else item.uuid
