"""What a transaction may ask of the outside: interfaces only. dmpws.store implements them."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Protocol

from dmpws.domain.authorisation import Authorisation, AuthorisationEvent, By, Holder, NamedAuthorisation
from dmpws.domain.authorised import AuthorisedQuery, AuthorisedRecord
from dmpws.domain.directory import Card, Directory, Professional, Structure, TokenMemory
from dmpws.domain.document import Association, DocumentEntry, Folder, HeldDocument, Status, StoredEntry, SubmissionSet
from dmpws.domain.erasure import Content
from dmpws.domain.internet_account import Channel, ChannelType, InternetAccount
from dmpws.domain.notification import Notification
from dmpws.domain.octets import Octets
from dmpws.domain.over_use import Counted, Recent
from dmpws.domain.packages import StoredAssociation, StoredFolder, StoredSet
from dmpws.domain.patient import Ins, PatientRecord, Switch, Traits
from dmpws.domain.patient_search import PatientCriteria
from dmpws.domain.query import DocumentQuery, FolderQuery, SetQuery
from dmpws.domain.software import Software
from dmpws.domain.traces import TraceQuery, TraceRecord, TraceSpan
from dmpws.signature.model import LotEvidence, ReceivedLot, VerifiedLot


class StorageError(Exception):
    """The database or the document storage failed. The message is for the journal, never for the caller."""


class StorageBusy(StorageError):
    """The storage is overloaded or two writers collided: the same call may succeed later (XDSRegistryBusy)."""


class Patients(Protocol):
    """Records and identifiers."""

    def find(self, ins: Ins) -> PatientRecord | None:
        """The record that holds this identifier, current or former."""
        ...

    def of_rows(self, rows: Collection[int]) -> Sequence[PatientRecord]:
        """The records of these rows, in no order."""
        ...

    def search(
        self, criteria: PatientCriteria, *, without_block_of: Sequence[Holder], limit: int
    ) -> Sequence[PatientRecord]:
        """The records that answer the criteria and may be shown in régulation, in no order: open, not opposed to it,
        with a NIR, blocking none of `without_block_of`. At most `limit + 1`: the others are not even counted."""
        ...

    def search_domain(
        self, criteria: PatientCriteria, *, authorities: Collection[str], among: PatientRecord | None, limit: int
    ) -> Sequence[PatientRecord]:
        """The records that answer the criteria of ITI-47, in no order; at most `limit + 1`.

        authorities: of which the record has an identifier; empty: of any. among: the only record that may answer.
        """
        ...

    def authorised(self, query: AuthorisedQuery, *, limit: int) -> Sequence[AuthorisedRecord] | None:
        """The records of `query`, last authorised first; None when there are more than `limit`."""
        ...

    def lock(self, patient: int) -> None:
        """Begin to change this record alone: who does the same waits until this unit of work ends."""
        ...

    def create(
        self,
        identifiers: Sequence[Ins],
        traits: Traits,
        *,
        now: datetime,
        opposes_bris_de_glace: bool,
        opposes_centre_15: bool,
    ) -> PatientRecord:
        """Open a DMP. Raises Refused (DMPFound) when an identifier already has one."""
        ...

    def switch(self, patient: int, which: Switch, *, on: bool) -> None:
        """Turn one of the patient's own switches on or off."""
        ...

    def update(self, patient: int, traits: Traits, *, opposes_bris_de_glace: bool, opposes_centre_15: bool) -> bool:
        """Replace traits and oppositions of a DMP that is open; False when it is not."""
        ...

    def close(self, patient: int, *, now: datetime, code: str, text: str, final: bool) -> bool:
        """Close a DMP, for good when `final`; False when it is closed already."""
        ...

    def note_death(self, patient: int, traits: Traits, *, day: str) -> None:
        """Note that the patient died on `day` (YYYYMMDD), whether the DMP is open or not. traits: as they are."""
        ...

    def reopen(self, patient: int) -> bool:
        """Undo a closure that is not for good; False when there is none."""
        ...

    def identify(self, patient: int, ins: Ins) -> None:
        """Give a record a new current identifier, perhaps one that it had before; the others still find it.

        Raises Refused (DMPFound) when it is another record's.
        """
        ...


class Authorisations(Protocol):
    """Who may consult which record."""

    def get(self, patient: int, holder: Holder) -> Authorisation | None: ...

    def of_holders(self, patient: int, holders: Sequence[Holder]) -> Mapping[Holder, Authorisation]:
        """Those that these holders have."""
        ...

    def grant(
        self,
        patient: int,
        holder: Holder,
        *,
        by: By,
        now: datetime,
        expires_at: datetime,
        treating_doctor: bool,
        specialties: Sequence[str] = (),
    ) -> None:
        """Add or renew (TD0.3 AJOUT)."""
        ...

    def revoke(self, patient: int, holder: Holder, *, by: By, now: datetime, only_treating_doctor: bool) -> bool:
        """End an authorisation (TD0.3 SUPPRESSION), or only the role MEDECIN_TRAITANT; False when there is none."""
        ...

    def block(self, patient: int, holder: Holder, *, by: By, now: datetime) -> bool:
        """Block a holder, whether he was ever authorised or not; False when he is blocked already (DMPWS D131)."""
        ...

    def unblock(self, patient: int, holder: Holder, *, by: By, now: datetime) -> bool:
        """Lift a block; False when there is none. What was granted before and still runs is valid again."""
        ...

    def treating_doctors(self, patient: int) -> Sequence[Holder]: ...

    def of_record(self, patient: int) -> Sequence[NamedAuthorisation]:
        """Every holder on a record, whatever the state: professionals, then structures, by identifier."""
        ...

    def history(self, patient: int, holder: Holder | None = None) -> Sequence[AuthorisationEvent]:
        """Every change on a record, or those that concern one holder, in order."""
        ...


class InternetAccounts(Protocol):
    """The internet accounts of the patients (TD1.5)."""

    def get(self, patient: int) -> InternetAccount | None: ...

    def open(self, patient: int, account: InternetAccount, *, now: datetime) -> None:
        """Open an account, which TD0.2 shows from now on. Raises Refused (DMPPatientAccessAlreadyExists)."""
        ...

    def renew(self, patient: int, login: str, password_hash: str, *, now: datetime) -> bool:
        """Replace login and password; False when there is no account."""
        ...

    def put_channel(self, patient: int, channel: Channel, *, now: datetime) -> None:
        """Add the channel, or put it in place of the one of its type."""
        ...

    def remove_channel(self, patient: int, of: ChannelType) -> bool:
        """Remove the channel of a type; False when there is none."""
        ...


class Usage(Protocol):
    """Counters of searches, shared by all workers (DMPWS D138)."""

    def get(self, who: Counted, key: str) -> Sequence[Sequence[int]]:
        """Beginnings and numbers as they were stored; empty for who never searched."""
        ...

    def hold(self, who: Counted, key: str) -> Sequence[Sequence[int]]:
        """The same; nobody else changes them until the unit of work ends."""
        ...

    def put(self, who: Counted, key: str, recent: Recent) -> None: ...


class Notifications(Protocol):
    """The outbox: what a patient is to be told (DMPWS D159)."""

    def add(self, patient: int, notification: Notification) -> None:
        """Add a row, unless there is one for the same reader and day already."""
        ...


class NewEntry(Protocol):
    """A document entry ready to be stored: ids are final, hash and size computed."""

    @property
    def entry(self) -> DocumentEntry: ...
    @property
    def entry_uuid(self) -> str: ...
    @property
    def fragment(self) -> bytes: ...
    @property
    def octets(self) -> Octets: ...
    @property
    def set_id(self) -> str:
        """setId of the CDA, `root` or `root^extension`; empty without."""
        ...

    @property
    def set_version(self) -> str:
        """versionNumber of the CDA; empty without."""
        ...


class NewFolder(Protocol):
    """A folder ready to be stored."""

    @property
    def folder(self) -> Folder: ...
    @property
    def uuid(self) -> str: ...
    @property
    def fragment(self) -> bytes: ...


class NewSet(Protocol):
    """A submission set ready to be stored."""

    @property
    def patient(self) -> int: ...
    @property
    def submission_set(self) -> SubmissionSet: ...
    @property
    def submission_set_uuid(self) -> str: ...
    @property
    def submission_set_fragment(self) -> bytes: ...


class NewLot(NewSet, Protocol):
    """A lot ready to be stored, all or nothing."""

    @property
    def entries(self) -> Sequence[NewEntry]: ...
    @property
    def associations(self) -> Sequence[tuple[Association, bytes]]:
        """Associations with final ids, and their fragments."""
        ...

    @property
    def deprecates(self) -> Sequence[int]:
        """Row ids of the entries that a RPLC makes Deprecated."""
        ...

    @property
    def folders(self) -> Sequence[NewFolder]: ...

    @property
    def relies_on(self) -> Sequence[int]:
        """Row ids of the entries that must still be Approved: completed, transformed, or put in a folder."""
        ...

    @property
    def copies(self) -> bool:
        """A document of a registered uniqueId may be registered again when its octets are the same (ITI-42)."""
        ...

    def member_of(self, folder: str, entry: str) -> Sequence[tuple[Association, bytes]]:
        """The associations, and their fragments, that put an entry of the lot in a folder it inherits."""
        ...

    @property
    def evidence(self) -> LotEvidence | None:
        """What makes the lot verifiable later; None for a lot of the DMP itself, which is not signed (DMPWS D33)."""
        ...


class NewVersion(Protocol):
    """A new metadata version of an entry: `entry` and `fragment` say what changes, the rest stays as it is."""

    @property
    def previous(self) -> StoredEntry: ...
    @property
    def entry(self) -> DocumentEntry: ...
    @property
    def entry_uuid(self) -> str: ...
    @property
    def fragment(self) -> bytes: ...
    @property
    def status(self) -> Status:
        """That of the old version, or another one that is asked for besides."""
        ...

    @property
    def propagates(self) -> bool:
        """The new version gets the associations of the old one."""
        ...


class NewFolderVersion(Protocol):
    """A new metadata version of a folder."""

    @property
    def previous(self) -> StoredFolder: ...
    @property
    def folder(self) -> Folder: ...
    @property
    def uuid(self) -> str: ...
    @property
    def fragment(self) -> bytes: ...
    @property
    def status(self) -> Status: ...
    @property
    def propagates(self) -> bool:
        """The new version gets the members of the old one."""
        ...


class RegistryUpdate(NewSet, Protocol):
    """An update (ITI-57) ready to be stored, all or nothing."""

    @property
    def versions(self) -> Sequence[NewVersion]: ...
    @property
    def folder_versions(self) -> Sequence[NewFolderVersion]: ...
    @property
    def statuses(self) -> Sequence[tuple[StoredEntry | StoredFolder | StoredAssociation, Status]]:
        """Objects as they were read, and their new status."""
        ...

    @property
    def associations(self) -> Sequence[tuple[Association, bytes]]: ...


class Documents(Protocol):
    """The registry and the repository."""

    def add_lot(self, lot: NewLot, *, now: datetime) -> None:
        """Store a lot; octets become durable before the rows are committed.

        Raises Refused when, in the meantime, an identifier of the lot was taken (DMPWS D16) or an entry it
        deprecates was deprecated (DMPWS D32).
        """
        ...

    def add_update(self, update: RegistryUpdate, *, now: datetime) -> None:
        """Store new versions (the old ones become Deprecated and are no longer the latest) and new statuses.

        Raises Refused when the identifier of the set was taken, or an object changed since it was read.
        """
        ...

    def find(self, query: DocumentQuery, *, limit: int, offset: int = 0) -> Sequence[StoredEntry]:
        """Entries matching, latest metadata version only, newest creationTime first, then reception; at most
        `limit + 1` rows after the first `offset`, so that the caller can tell that there are too many."""
        ...

    def by_entry_uuid(self, uuids: Iterable[str]) -> Sequence[StoredEntry]: ...

    def by_unique_id(self, unique_ids: Iterable[str]) -> Sequence[StoredEntry]: ...

    def by_lid(self, lids: Iterable[str]) -> Sequence[StoredEntry]:
        """Every metadata version, latest first."""
        ...

    def set_versions(self, patient: int, set_ids: Iterable[str]) -> Mapping[str, tuple[str, str]]:
        """setId and versionNumber by uniqueId, of all documents of a patient that are of these sets."""
        ...

    def known_packages(self, unique_ids: Iterable[str]) -> frozenset[str]:
        """Those of these uniqueIds that submission sets or folders have, erased ones too."""
        ...

    def octets(self, entry: StoredEntry | HeldDocument) -> Octets:
        """The stored octets. Raises KeyError when they were erased."""
        ...

    def set_status(self, entries: Iterable[int], status: Status) -> None: ...


class Packages(Protocol):
    """Submission sets, folders and the associations of everything."""

    def find_sets(self, query: SetQuery, *, limit: int, offset: int = 0) -> Sequence[StoredSet]:
        """Newest submissionTime first, at most `limit + 1` after the first `offset`."""
        ...

    def find_folders(self, query: FolderQuery) -> Sequence[StoredFolder]:
        """Last arrived first; last_update is the reception of the folder."""
        ...

    def sets(self, *, uuids: Iterable[str] = (), unique_ids: Iterable[str] = ()) -> Sequence[StoredSet]: ...

    def folders(
        self, *, uuids: Iterable[str] = (), unique_ids: Iterable[str] = (), lids: Iterable[str] = ()
    ) -> Sequence[StoredFolder]: ...

    def associations(
        self, *, uuids: Iterable[str] = (), sources: Iterable[str] = (), targets: Iterable[str] = ()
    ) -> Sequence[StoredAssociation]:
        """Those that have one of these UUIDs, sources or targets, in order of arrival."""
        ...


class Erasure(Protocol):
    """What leaves the registry and the repository for good (DMPWS D29, D148)."""

    def document(self, entry: StoredEntry) -> Sequence[str]:
        """Erase all versions of a document, its associations and its octets, unless another document has the same
        octets; return the uniqueIds of the lots that held nothing else, which go with it."""
        ...

    def shares_octets(self, entry: StoredEntry) -> bool:
        """Tell whether another document has the same octets."""
        ...

    def record(self, patient: int) -> None:
        """Delete a record and everything in it; traces stay."""
        ...

    def content(self, patient: int) -> Content:
        """How much a record holds."""
        ...

    def lapsed(self, before: datetime) -> Sequence[Ins]:
        """The records closed, or whose patient is dead, since `before` or longer; by their current identifier."""
        ...


class Merging(Protocol):
    """Patients of whom plain IHE finds that they are one (ITI-44)."""

    def is_subsumed(self, ins: Ins) -> bool:
        """Whether a merge took this identifier away: it is nobody's, and nobody gets it."""
        ...

    def merge(self, gone: Ins, kept: Ins, *, rewrite: Callable[[bytes], bytes], now: datetime) -> None:
        """Give all that the patient of `gone` has, his other identifiers too, to the one of `kept`; his record goes,
        and `gone` with it. rewrite: what becomes of the fragment of each object. Cannot be undone.

        Raises Refused when one of them is no longer anybody's, or its record became another.
        """
        ...


class Removal(Protocol):
    """What plain IHE takes away (ITI-62, ITI-86): registry and repository each for itself."""

    def metadata(self, uuids: Collection[str], *, now: datetime) -> None:
        """Delete the objects of these UUIDs, to which none of the others refers. What another set holds too is that
        one's from now on; of what had versions the highest one left is the latest. The documents stay.

        Raises Refused for a lot of which there is evidence.
        """
        ...

    def unregistered(self, unique_ids: Iterable[str]) -> Sequence[HeldDocument]:
        """The documents whose metadata were deleted, by uniqueId."""
        ...

    def octets(self, unique_id: str) -> bool:
        """Take the octets of a document away, its metadata stay; False when there are none.

        Raises Refused for a signature that is the evidence of its lot.
        """
        ...


class TraceRow(Protocol):
    """Content of one trace (DMPWS D22), see dmpws.audit.trace."""

    def values(self) -> Mapping[str, object]: ...


class Traces(Protocol):
    """The chained traces of the unit of work."""

    def append(self, trace: TraceRow) -> None:
        """Add a trace, committed with the rest."""
        ...

    def find(self, query: TraceQuery) -> Sequence[TraceRecord]:
        """Traces, newest first, at most `query.limit`."""
        ...

    def lapsed(self, before: datetime) -> TraceSpan | None:
        """The oldest traces, up to the first that is not older than `before`; None when there is none."""
        ...

    def cut(self, span: TraceSpan, *, reason: str, made_at: datetime, signature: bytes, certificate: bytes) -> None:
        """Take away these traces and leave a checkpoint in their place."""
        ...


class EditableDirectory(Directory, Protocol):
    """The directory, for who may change it. Lists are ordered by key."""

    def structures(self) -> Sequence[Structure]: ...

    def professionals(self, identifiers: Collection[str] | None = None) -> Sequence[Professional]: ...

    def all_cards(self) -> Sequence[Card]: ...

    def all_software(self) -> Sequence[Software]: ...

    def lock(self) -> None:
        """Begin to change the directory alone: who does the same waits until this unit of work ends."""
        ...

    def put_structure(self, value: Structure) -> None: ...

    def put_professional(self, value: Professional) -> None: ...

    def put_card(self, value: Card) -> None: ...

    def put_software(self, value: Software) -> None: ...


class UnitOfWork(Protocol):
    """One database transaction."""

    @property
    def patients(self) -> Patients: ...
    @property
    def authorisations(self) -> Authorisations: ...
    @property
    def internet_accounts(self) -> InternetAccounts: ...
    @property
    def usage(self) -> Usage: ...
    @property
    def notifications(self) -> Notifications: ...
    @property
    def documents(self) -> Documents: ...
    @property
    def packages(self) -> Packages: ...
    @property
    def erasure(self) -> Erasure: ...
    @property
    def merging(self) -> Merging: ...
    @property
    def removal(self) -> Removal: ...
    @property
    def directory(self) -> Directory: ...
    @property
    def traces(self) -> Traces: ...


class Store(Protocol):
    """The database and the document storage."""

    @property
    def directory(self) -> Directory: ...

    @property
    def tokens(self) -> TokenMemory: ...

    def read(self) -> AbstractContextManager[UnitOfWork]:
        """A read transaction."""
        ...

    def write(self) -> AbstractContextManager[UnitOfWork]:
        """A write transaction: committed at the end of the block, rolled back on any exception.

        It starts with the first change: what was read before is committed data that may have moved since, so the
        operations that change something check again what they rely on.
        """
        ...

    def append_trace(self, trace: TraceRow) -> None:
        """Add a trace in a transaction of its own: reads, and calls that were refused."""
        ...


class LotVerifier(Protocol):
    """Checks a lot signature. Raises Refused."""

    def __call__(self, lot: ReceivedLot) -> VerifiedLot: ...
