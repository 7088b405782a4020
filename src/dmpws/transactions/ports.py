"""What a transaction may ask of the outside: interfaces only. dmpws.store implements them."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Protocol

from dmpws.domain.authorisation import Authorisation, Holder
from dmpws.domain.directory import Directory, TokenMemory
from dmpws.domain.document import Association, DocumentEntry, Status, StoredEntry, SubmissionSet
from dmpws.domain.octets import Octets
from dmpws.domain.patient import Ins, PatientRecord, Traits
from dmpws.domain.query import DocumentQuery
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


class Authorisations(Protocol):
    """Who may consult which record."""

    def get(self, patient: int, holder: Holder) -> Authorisation | None: ...

    def grant(
        self, patient: int, holder: Holder, *, now: datetime, expires_at: datetime, treating_doctor: bool
    ) -> None:
        """Add or renew (TD0.3 AJOUT)."""
        ...

    def revoke(self, patient: int, holder: Holder, *, now: datetime, only_treating_doctor: bool) -> None:
        """End an authorisation (TD0.3 SUPPRESSION), or only the role MEDECIN_TRAITANT."""
        ...

    def treating_doctors(self, patient: int) -> Sequence[Holder]: ...


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


class NewLot(Protocol):
    """A lot ready to be stored, all or nothing."""

    @property
    def patient(self) -> int: ...
    @property
    def submission_set(self) -> SubmissionSet: ...
    @property
    def submission_set_uuid(self) -> str: ...
    @property
    def submission_set_fragment(self) -> bytes: ...
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
    def evidence(self) -> LotEvidence: ...


class Documents(Protocol):
    """The registry and the repository."""

    def add_lot(self, lot: NewLot, *, now: datetime) -> None:
        """Store a lot; octets become durable before the rows are committed.

        Raises Refused when, in the meantime, an identifier of the lot was taken (DMPWS D16) or an entry it
        deprecates was deprecated (DMPWS D32).
        """
        ...

    def find(self, query: DocumentQuery, *, limit: int) -> Sequence[StoredEntry]:
        """Entries matching, latest metadata version only, newest creationTime first, then reception; at most
        `limit + 1` rows, so that the caller can tell that there are too many. Signature entries excluded."""
        ...

    def by_entry_uuid(self, uuids: Iterable[str]) -> Sequence[StoredEntry]: ...

    def by_unique_id(self, unique_ids: Iterable[str]) -> Sequence[StoredEntry]: ...

    def submission_set_known(self, unique_id: str) -> bool:
        """Whether a submission set or folder has this uniqueId."""
        ...

    def octets(self, entry: StoredEntry) -> Octets:
        """The stored octets. Raises KeyError when they were erased."""
        ...

    def set_status(self, entries: Iterable[int], status: Status) -> None: ...


class TraceRow(Protocol):
    """Content of one trace (DMPWS D22), see dmpws.audit.trace."""

    def values(self) -> Mapping[str, object]: ...


class Traces(Protocol):
    """The chained traces of the unit of work."""

    def append(self, trace: TraceRow) -> None:
        """Add a trace, committed with the rest."""
        ...


class UnitOfWork(Protocol):
    """One database transaction."""

    @property
    def patients(self) -> Patients: ...
    @property
    def authorisations(self) -> Authorisations: ...
    @property
    def documents(self) -> Documents: ...
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
