"""The store: the database and the document storage of one server."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select, union

from dmpws.store import keyring
from dmpws.store.blobs import BlobFolder
from dmpws.store.conditions import one_of
from dmpws.store.directory import DirectoryTable
from dmpws.store.encryption import Encrypted, Plain, Sealer
from dmpws.store.engine import make_engine
from dmpws.store.failures import translated
from dmpws.store.session import Database
from dmpws.store.tables import document_entry, unregistered_document
from dmpws.store.tokens import TokenTable
from dmpws.store.trace_queue import TraceQueue
from dmpws.store.unit_of_work import UnitOfWork
from dmpws.transactions.ports import StorageError, TraceRow

_REFERENCED = union(
    *(select(t.c.octets).where(one_of(t.c.octets, "names")) for t in (document_entry, unregistered_document))
)


@dataclass(frozen=True, slots=True)
class StoreOptions:
    """Options of a store.

    encryption: wraps the data keys of documents and stored fragments; None stores them in plain.
    pool_size: connections kept open per process; twice as many may be open.
    """

    encryption: keyring.KeyWrapper | None = None
    pool_size: int = 8


class Store:
    """Implements dmpws.transactions.ports.Store.

    Safe to share between threads and over fork. A thread that is inside `write()` must not call `append_trace`,
    `tokens` or another `write()`: on SQLite it would wait for itself (RuntimeError).
    """

    def __init__(self, database: Database, documents: Path, sealer: Sealer) -> None:
        self.database = database
        self.blobs = BlobFolder(documents, sealer, self._referenced)
        self.directory = DirectoryTable(database)
        self.tokens = TokenTable(database)
        self._traces = TraceQueue(self._write_traces)
        self._sealer = sealer

    @contextmanager
    def read(self) -> Iterator[UnitOfWork]:
        """A read transaction: one snapshot."""
        with self.database.session(writable=False) as session:
            yield UnitOfWork(session, self.blobs, self._sealer)

    @contextmanager
    def write(self) -> Iterator[UnitOfWork]:
        """A write transaction, begun by the first change; committed at the end, rolled back on any exception."""
        with self.database.session(writable=True) as session:
            work = UnitOfWork(session, self.blobs, self._sealer)
            try:
                yield work
                work.commit()
            except BaseException:
                work.rollback()
                raise

    def append_trace(self, trace: TraceRow) -> None:
        """Add a trace, in a transaction that holds nothing but traces; it is durable on return."""
        self._traces.append(trace)

    def _write_traces(self, traces: Sequence[TraceRow]) -> None:
        with self.write() as work:
            for trace in traces:
                work.traces.append(trace)

    def recover(self) -> int:
        """Clean up after processes that died; called once at start. Return the number of files removed."""
        return self.blobs.recover()

    def close(self) -> None:
        """Close the idle connections."""
        self.blobs.close()
        self.database.engine.dispose()

    def _referenced(self, names: Sequence[str]) -> set[str]:
        return {row.octets for row in self.database.rows(_REFERENCED, {"names": list(names)})}


def open_store(url: str, documents: Path, *, options: StoreOptions | None = None) -> Store:
    """Open the store at a SQLAlchemy URL and a folder, made if needed. The tables are the work of migrate.upgrade.

    Raises StorageError: unusable URL, folder not writable, wrapping key wrong or missing.
    """
    options = options or StoreOptions()
    engine = make_engine(url, pool_size=options.pool_size)
    with translated():
        documents.mkdir(parents=True, exist_ok=True, mode=0o700)
        if engine.dialect.name == "sqlite":
            Path(str(engine.url.database)).parent.mkdir(parents=True, exist_ok=True)
    return Store(Database(engine), documents, sealer_of(documents, options))


def sealer_of(documents: Path, options: StoreOptions) -> Sealer:
    """How a store with its documents in this folder keeps octets. Raises StorageError."""
    if options.encryption is not None:
        return Encrypted(keyring.open_keyring(documents, options.encryption))
    if keyring.exists(documents):
        raise StorageError(f"{documents} holds encrypted documents and no wrapping key is configured")
    return Plain()
