"""The document storage: content-addressed files.

    documents/ab/abcdef…             octets of stored lots, named by their SHA-256 (keyed when encrypted)
    documents/incoming/<random>      octets arriving, or received and not stored
    documents/incoming/<random>.lot  names of the files a running unit of work puts in place

Order of a deposit: file in incoming/, fsync, `.lot` file, rename, fsync of the folder, commit of the rows. What dies
in between leaves incoming files, and files no row names: dmpws.store.orphans takes both away. Locks (flock) tell
what is alive: a process holds its incoming files, and shares the folders it renamed into until its rows are
committed, so that removing an orphan never meets a deposit of the same octets.

Order of an erasure: `.lot` file with the names to remove, commit without the rows, removal of the files that no row
holds any more. What dies in between leaves the `.lot` file, and `recover` finishes, or finds that the rows are there.
"""

import fcntl
import os
import time
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from dmpws.domain.octets import Octets
from dmpws.store import orphans
from dmpws.store.encryption import SUFFIX, Plain, Sealer
from dmpws.store.failures import translated
from dmpws.store.held import HeldFile, Intents
from dmpws.store.octets import BUFFER, BlobWriter, IncomingOctets, StoredOctets
from dmpws.transactions.ports import StorageError

INCOMING = "incoming"
REMOVAL_SECONDS, PAUSE_SECONDS = 5, 0.01


@dataclass(slots=True)
class Placement:
    """Files a unit of work has put in place; `BlobFolder.keep`, `.withdraw` or `.leave` ends it.

    folders: descriptors of the folders it shares.
    """

    names: list[str]
    intent: HeldFile
    folders: list[int] = field(default_factory=list)

    def release(self) -> None:
        while self.folders:
            os.close(self.folders.pop())


@dataclass(slots=True)
class Removal:
    """Files a unit of work takes away; `BlobFolder.remove`, `.spare` or `.leave_doomed` ends it."""

    names: list[str]
    intent: HeldFile


class BlobFolder:
    """The document storage; implements dmpws.domain.octets.OctetsSink."""

    def __init__(self, folder: Path, sealer: Sealer, referenced: orphans.Referenced) -> None:
        """Raises StorageError when the folder cannot be made."""
        self._folder = folder
        self._incoming = folder / INCOMING
        self._intents = Intents(self._incoming)
        self._sealer = sealer
        self._referenced = referenced
        with translated():
            self._incoming.mkdir(parents=True, exist_ok=True, mode=0o700)

    def writer(self) -> BlobWriter:
        return BlobWriter(self._incoming, self._sealer)

    def take(self, octets: Octets) -> IncomingOctets:
        """`octets` as they came from `writer`, or a copy when they came another way, or were stored already."""
        if isinstance(octets, IncomingOctets) and octets.waiting:
            return octets
        writer = self.writer()
        try:
            with octets.open() as file:
                while chunk := file.read(BUFFER):
                    writer.write(chunk)
            return writer.close()
        except BaseException:
            writer.discard()
            raise

    def place(self, received: Sequence[IncomingOctets]) -> Placement:
        """Make octets durable under their names. The caller commits the rows, then ends the placement."""
        incoming = list(dict.fromkeys(received))
        try:
            with translated():
                for octets in incoming:
                    octets.sync()
                return self._placed(incoming)
        except BaseException:
            for octets in incoming:
                octets.discard()
            raise

    def _placed(self, incoming: Sequence[IncomingOctets]) -> Placement:
        names = [octets.name for octets in incoming]
        placement = Placement(names, self._intents.declare(names))
        try:
            for folder in dict.fromkeys(self._path(name).parent for name in names):
                self._share(folder, placement)
            for octets in incoming:
                octets.place(self._path(octets.name))
            for descriptor in placement.folders:
                os.fsync(descriptor)
        except BaseException:
            self.withdraw(placement)
            raise
        return placement

    def _share(self, folder: Path, placement: Placement) -> None:
        """Open a folder, made if needed, and keep orphans.py out of it."""
        if not folder.is_dir():
            folder.mkdir(exist_ok=True, mode=0o700)
            placement.folders.append(os.open(self._folder, os.O_RDONLY))
        descriptor = os.open(folder, os.O_RDONLY)
        placement.folders.append(descriptor)
        fcntl.flock(descriptor, fcntl.LOCK_SH)

    def keep(self, placement: Placement) -> None:
        """The rows are committed."""
        placement.release()
        self._intents.done(placement.intent)

    def leave(self, placement: Placement) -> None:
        """Whether the rows were committed is not known: `recover` will see."""
        placement.release()
        placement.intent.release()

    def withdraw(self, placement: Placement) -> None:
        """The rows will not be committed: remove the files, unless others need them."""
        placement.release()
        clean = False
        with suppress(StorageError, OSError):
            clean = orphans.remove(self._folder, placement.names, self._referenced) is not None
        if clean:
            self._intents.done(placement.intent)
        else:
            placement.intent.release()  # then `recover` does it

    def doom(self, names: Collection[str]) -> Removal:
        """Write down what is taken away once the rows are: whoever dies in between, `recover` ends it."""
        with translated():
            removal = Removal(sorted(names), self._intents.declare(sorted(names)))
            os.fsync(removal.intent.descriptor)
            self._sync([self._incoming])
            return removal

    def remove(self, removal: Removal) -> None:
        """The rows are gone: remove the files that no other row holds. Deposits share their folders for a moment."""
        deadline = time.monotonic() + REMOVAL_SECONDS
        with suppress(StorageError, OSError):
            while orphans.remove(self._folder, removal.names, self._referenced) is None:
                if time.monotonic() > deadline:
                    break
                time.sleep(PAUSE_SECONDS)
            else:
                self._sync({self._path(name).parent for name in removal.names})
                return self._intents.done(removal.intent)
        return removal.intent.release()  # then `recover` does it

    def _sync(self, folders: Iterable[Path]) -> None:
        for folder in folders:
            if folder.is_dir():
                descriptor = os.open(folder, os.O_RDONLY)
                os.fsync(descriptor)
                os.close(descriptor)

    def spare(self, removal: Removal) -> None:
        """The rows stay."""
        self._intents.done(removal.intent)

    def leave_doomed(self, removal: Removal) -> None:
        """Whether the rows are gone is not known: `recover` will see."""
        removal.intent.release()

    def get(self, name: str, *, size: int, sha1: str, sha256: str) -> StoredOctets:
        """The octets stored under `name`. Opening them raises KeyError when they were erased."""
        sealer = self._sealer if name.endswith(SUFFIX) else Plain()
        return StoredOctets(self._path(name), sealer, size=size, sha1=sha1, sha256=sha256)

    def _path(self, name: str) -> Path:
        return self._folder / name[: orphans.FAN_OUT] / name

    def recover(self) -> int:
        """Remove the octets dead processes left behind; return their number. Safe at any time, and quick."""
        with translated():
            return orphans.recover(self._folder, self._incoming, self._referenced)

    def sweep(self, older_than: timedelta) -> int:
        """Walk the whole storage and remove the files no row names; return their number. Safe at any time."""
        with translated():
            return orphans.sweep(self._folder, older_than, self._referenced)

    def close(self) -> None:
        self._intents.close()
