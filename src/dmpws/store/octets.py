"""Octets arriving, received and stored."""

import hashlib
import io
import os
from pathlib import Path
from typing import BinaryIO

from dmpws.store.encryption import OctetsDamaged, Sealer
from dmpws.store.failures import translated
from dmpws.store.held import HeldFile
from dmpws.transactions.ports import StorageError

BUFFER = 256 * 1024


class MemoryOctets:
    """Octets at hand; implements dmpws.domain.octets.Octets."""

    def __init__(self, content: bytes, *, sha1: str, sha256: str) -> None:
        self._content = content
        self.size, self.sha1, self.sha256 = len(content), sha1, sha256

    def open(self) -> BinaryIO:
        return io.BytesIO(self._content)

    def read(self) -> bytes:
        return self._content


class StoredOctets:
    """Octets of a file, measured when they arrived; implements dmpws.domain.octets.Octets."""

    def __init__(self, path: Path, sealer: Sealer, *, size: int, sha1: str, sha256: str) -> None:
        self.path, self._sealer = path, sealer
        self.size, self.sha1, self.sha256 = size, sha1, sha256

    def open(self) -> BinaryIO:
        """Open for reading. Raises KeyError when the octets were erased, StorageError when they are damaged."""
        try:
            file = self.path.open("rb")
        except FileNotFoundError:
            raise KeyError(self.path.name) from None
        except OSError as error:
            raise StorageError(f"document storage: {error}") from error
        return self._sealer.reader(file)

    def read(self) -> bytes:
        with self.open() as file:
            return file.read()


class IncomingOctets:
    """Octets received, in a held file until they are put in place or discarded."""

    def __init__(self, file: HeldFile, sealer: Sealer, *, size: int, sha1: str, sha256: str) -> None:
        self._content: HeldFile | StoredOctets = file
        self._sealer = sealer
        self.size, self.sha1, self.sha256 = size, sha1, sha256
        self.name = sealer.name(sha256)

    @property
    def waiting(self) -> bool:
        """Neither put in place nor discarded."""
        return isinstance(self._content, HeldFile)

    def open(self) -> BinaryIO:
        """Open for reading, wherever they are now. Raises KeyError when they are gone."""
        if isinstance(self._content, HeldFile):
            return self._stored(self._content.path).open()
        return self._content.open()

    def read(self) -> bytes:
        with self.open() as file:
            return file.read()

    def sync(self) -> None:
        """Make them durable where they are."""
        assert isinstance(self._content, HeldFile)
        os.fsync(self._content.descriptor)

    def place(self, target: Path) -> None:
        """Move the file to where it stays."""
        assert isinstance(self._content, HeldFile)
        os.rename(self._content.path, target)
        self._content.release()
        self._content = self._stored(target)

    def discard(self) -> None:
        """Remove the file, unless it was put in place."""
        if isinstance(self._content, HeldFile):
            self._content.remove()
            self._content = self._stored(self._content.path)

    def _stored(self, path: Path) -> StoredOctets:
        return StoredOctets(path, self._sealer, size=self.size, sha1=self.sha1, sha256=self.sha256)


class BlobWriter:
    """Writes octets to disk as they arrive, measuring them; implements dmpws.domain.octets.OctetsWriter."""

    def __init__(self, folder: Path, sealer: Sealer) -> None:
        """Raises StorageError."""
        self._sealer = sealer
        self._sha1 = hashlib.sha1(usedforsecurity=False)  # the XDS hash (ITI TF-3 4.2.3.2)
        self._sha256 = hashlib.sha256()
        self._size = 0
        with translated():
            self._file = HeldFile(folder)
            self._out = sealer.writer(self._file.writing(BUFFER))
        self._octets: IncomingOctets | None = None

    def write(self, chunk: bytes | memoryview) -> None:
        """Take a chunk. Raises StorageError, when the disk is full for instance."""
        self._sha1.update(chunk)
        self._sha256.update(chunk)
        self._size += len(chunk)
        with translated():
            self._out.write(chunk)

    def close(self) -> IncomingOctets:
        """End writing; nothing is durable yet. May be called twice."""
        if self._octets is None:
            with translated():
                self._out.close()
            self._octets = IncomingOctets(
                self._file, self._sealer,
                size=self._size, sha1=self._sha1.hexdigest(), sha256=self._sha256.hexdigest(),
            )  # fmt: skip
        return self._octets

    def discard(self) -> None:
        """Forget what was written, unless it was put in place. May be called twice."""
        if self._octets is not None:
            self._octets.discard()
            return
        try:
            self._out.close()
        except OSError:  # what cannot be written need not be
            pass
        finally:
            self._file.remove()


def damage(octets: MemoryOctets | StoredOctets) -> str:
    """Read everything and say how it differs from what was measured; empty when it does not."""
    digest, size = hashlib.sha256(), 0
    try:
        with octets.open() as file:
            while chunk := file.read(BUFFER):
                digest.update(chunk)
                size += len(chunk)
    except KeyError:
        return "the octets are missing"
    except OctetsDamaged as error:
        return str(error)
    if size != octets.size:
        return f"{size} octets instead of {octets.size}"
    return "" if digest.hexdigest() == octets.sha256 else "the SHA-256 differs"
