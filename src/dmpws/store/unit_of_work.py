"""The unit of work: one database transaction and the octets that come with it."""

from collections.abc import Callable, Collection, Mapping, Sequence

from dmpws.domain.octets import Octets
from dmpws.store.authorisations import AuthorisationTable
from dmpws.store.blobs import BlobFolder, Placement, Removal
from dmpws.store.directory import DirectoryTable
from dmpws.store.documents import DocumentTable
from dmpws.store.encryption import Sealer
from dmpws.store.erasure import Erasures
from dmpws.store.homologations import HomologationTable
from dmpws.store.internet_accounts import InternetAccountTable
from dmpws.store.merging import Merges
from dmpws.store.notifications import NotificationTable
from dmpws.store.octets import StoredOctets
from dmpws.store.packages import PackageTable
from dmpws.store.patients import PatientTable
from dmpws.store.removals import RemovalTable
from dmpws.store.session import Session
from dmpws.store.traces import TraceTable
from dmpws.store.usage import UsageTable


class Deposits:
    """Octets put in place, or taken away, by one unit of work.

    Implements dmpws.store.documents.OctetsKeeper and dmpws.store.erasure.Removals.
    """

    def __init__(self, blobs: BlobFolder) -> None:
        self._blobs = blobs
        self._placements: list[Placement] = []
        self._removals: list[Removal] = []

    def put(self, octets: Sequence[Octets]) -> Mapping[str, str]:
        """Put octets in place; they stay if the unit of work commits. Return their names by SHA-256."""
        incoming = [self._blobs.take(item) for item in octets]
        if incoming:
            self._placements.append(self._blobs.place(incoming))
        return {item.sha256: item.name for item in incoming}

    def forget(self, names: Collection[str]) -> None:
        """Remove files if the unit of work commits, unless other rows hold them."""
        if names:
            self._removals.append(self._blobs.doom(names))

    def get(self, name: str, *, size: int, sha1: str, sha256: str) -> StoredOctets:
        return self._blobs.get(name, size=size, sha1=sha1, sha256=sha256)

    def end(self, how: Callable[[Placement], None], removal: Callable[[Removal], None]) -> None:
        while self._placements:
            how(self._placements.pop())
        while self._removals:
            removal(self._removals.pop())


class UnitOfWork:
    """Implements dmpws.transactions.ports.UnitOfWork."""

    def __init__(self, session: Session, blobs: BlobFolder, sealer: Sealer) -> None:
        self._session = session
        self._blobs = blobs
        self._deposits = Deposits(blobs)
        self.patients = PatientTable(session)
        self.authorisations = AuthorisationTable(session)
        self.internet_accounts = InternetAccountTable(session)
        self.usage = UsageTable(session)
        self.notifications = NotificationTable(session)
        self.documents = DocumentTable(session, self._deposits, sealer)
        self.erasure = Erasures(session, self._deposits)
        self.removal = RemovalTable(session, self._deposits)
        self.merging = Merges(session, sealer, self.erasure)
        self.packages = PackageTable(session, sealer)
        self.directory = DirectoryTable(session)
        self.homologations = HomologationTable(session)
        self.traces = TraceTable(session)

    def commit(self) -> None:
        """Write the traces and commit."""
        self.traces.flush()
        try:
            self._session.end(commit=True)
        except BaseException:  # a connection lost now does not tell whether the rows are there
            self._deposits.end(self._blobs.leave, self._blobs.leave_doomed)
            raise
        self._deposits.end(self._blobs.keep, self._blobs.remove)

    def rollback(self) -> None:
        """Undo everything, octets included."""
        try:
            self._session.end(commit=False)
        finally:
            self._deposits.end(self._blobs.withdraw, self._blobs.spare)
