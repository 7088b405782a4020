"""Files held by a living process: whoever can lock one knows that its process is gone."""

import fcntl
import os
import secrets
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


class HeldFile:
    """A new file of a random name, locked as long as it is open here."""

    def __init__(self, folder: Path, suffix: str = "") -> None:
        while True:
            self.path = folder / (secrets.token_hex(16) + suffix)
            self.descriptor = os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
            fcntl.flock(self.descriptor, fcntl.LOCK_EX)
            if os.fstat(self.descriptor).st_nlink:
                return
            os.close(self.descriptor)  # taken for a leftover between creation and lock

    def writing(self, buffer: int) -> BinaryIO:
        """The file for writing; closing it flushes and keeps it held."""
        return os.fdopen(self.descriptor, "wb", buffer, closefd=False)

    def release(self) -> None:
        """Let go of it, wherever it is now. May be called twice."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1

    def remove(self) -> None:
        """Delete it and let go of it."""
        self.path.unlink(missing_ok=True)
        self.release()


@contextmanager
def locked(path: Path) -> Iterator[bool]:
    """Lock a file or folder exclusively for a block; false when somebody holds it or it is gone."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        yield False
        return
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            free = True
        except BlockingIOError:
            free = False
        yield free
    finally:
        os.close(descriptor)


LOT = ".lot"


class Intents:
    """`.lot` files: the names a running unit of work puts in place. One is used again and again: creating a file
    costs as much as the commit."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._free: list[HeldFile] = []
        _all_intents.add(self)

    def declare(self, names: list[str]) -> HeldFile:
        """Write down what is about to be put in place."""
        file = self._free.pop() if self._free else HeldFile(self._folder, LOT)
        os.pwrite(file.descriptor, "\n".join(names).encode(), 0)
        return file

    def done(self, file: HeldFile) -> None:
        """Nothing is left to clean up."""
        os.ftruncate(file.descriptor, 0)
        self._free.append(file)

    def forget(self) -> None:
        """After a fork: the files are the parent's."""
        while self._free:
            self._free.pop().release()

    def close(self) -> None:
        while self._free:
            self._free.pop().remove()


_all_intents: "weakref.WeakSet[Intents]" = weakref.WeakSet()


def _forget_intents() -> None:
    for intents in list(_all_intents):
        intents.forget()


os.register_at_fork(after_in_child=_forget_intents)
