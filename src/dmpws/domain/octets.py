"""Octets that may be large: what a document is before and after it is stored."""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import BinaryIO, Protocol


class Octets(Protocol):
    """Received octets, already on disk, already measured while they arrived."""

    @property
    def size(self) -> int:
        """Number of octets."""
        ...

    @property
    def sha1(self) -> str:
        """Lower-case hexadecimal SHA-1, the XDS `hash`."""
        ...

    @property
    def sha256(self) -> str:
        """Lower-case hexadecimal SHA-256."""
        ...

    def open(self) -> AbstractContextManager[BinaryIO]:
        """Open the octets for reading from the first one."""
        ...

    def read(self) -> bytes:
        """Return all octets; for XML that must be parsed, never for documents of arbitrary size."""
        ...


@dataclass(frozen=True, slots=True)
class ElsewhereOctets:
    """Octets that another repository holds, of which only the metadata speak (ITI-42)."""

    size: int
    sha1: str
    sha256: str = ""
    """Empty: nobody here has read them."""

    def open(self) -> AbstractContextManager[BinaryIO]:
        raise KeyError("another repository holds them")

    def read(self) -> bytes:
        raise KeyError("another repository holds them")


class OctetsWriter(Protocol):
    """Takes octets as they arrive. Nothing is durable, and nothing is visible, before it is stored with a lot."""

    def write(self, chunk: bytes | memoryview) -> None: ...

    def close(self) -> Octets:
        """End writing and return what was written."""
        ...

    def discard(self) -> None:
        """Forget what was written, or was closed and never stored. May be called twice."""
        ...


class OctetsSink(Protocol):
    """Where the edge puts the parts of a message; the document storage is one."""

    def writer(self) -> OctetsWriter: ...
