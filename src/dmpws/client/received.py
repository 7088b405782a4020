"""Where the client keeps the documents of an answer: temporary files, gone with the answer."""

import hashlib
import tempfile
from contextlib import nullcontext
from typing import Any, BinaryIO

_IN_MEMORY = 1024 * 1024


class ReceivedOctets:
    """Octets of one part, in memory up to 1 MB, then on disk; writer and result in one."""

    def __init__(self) -> None:
        self._file: Any = tempfile.SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115 - lives as long as the answer
        self._sha1 = hashlib.sha1(usedforsecurity=False)
        self._sha256 = hashlib.sha256()
        self.size = 0

    def write(self, chunk: bytes | memoryview) -> None:
        self._file.write(chunk)
        self._sha1.update(chunk)
        self._sha256.update(chunk)
        self.size += len(chunk)

    def close(self) -> "ReceivedOctets":
        return self

    def discard(self) -> None:
        self._file.close()

    def __del__(self) -> None:
        self._file.close()

    @property
    def sha1(self) -> str:
        return self._sha1.hexdigest()

    @property
    def sha256(self) -> str:
        return self._sha256.hexdigest()

    def open(self) -> "nullcontext[BinaryIO]":
        self._file.seek(0)
        return nullcontext(self._file)

    def read(self) -> bytes:
        self._file.seek(0)
        octets: bytes = self._file.read()
        return octets


class ReceivedSink:
    """Implements dmpws.domain.octets.OctetsSink."""

    def writer(self) -> ReceivedOctets:
        return ReceivedOctets()
