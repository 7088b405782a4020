"""Encryption at rest: documents as chunks of AES-256-GCM, stored fragments as one message each.

A document file is a header (magic, identifier of the data key, random salt) and chunks of 64 KiB. Its key is
derived from the data key and the salt (HKDF-SHA256), so that a counter suffices as nonce and no nonce can repeat
between files. The associated data of a chunk are the header, its number and whether it is the last: a chunk that
is changed, moved, left out or cut off does not open. Nothing of the plain octets is ever written.

Names of files are keyed (HMAC-SHA256 of the SHA-256): whoever holds a document cannot tell whether it is here.
"""

import hmac
import io
import os
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import BinaryIO, Protocol, cast

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from dmpws.transactions.ports import StorageError

MAGIC = b"DMPWSGC1"
KEY_ID_LENGTH = 8
SALT_LENGTH = 32
TAG_LENGTH = 16
NONCE_LENGTH = 12
CHUNK = 64 * 1024
HEADER_LENGTH = len(MAGIC) + KEY_ID_LENGTH + SALT_LENGTH
_NONCE_AT = 1 + KEY_ID_LENGTH
_TEXT_AT = _NONCE_AT + NONCE_LENGTH
PLAIN, SEALED = b"p", b"e"
"""First octet of a stored fragment."""
SUFFIX = ".gcm"
"""Ends the names of encrypted files: what a file is never depends on its content."""


class OctetsDamaged(StorageError):
    """Stored octets are not what was stored: changed, cut, or under another key."""


class Sealer(Protocol):
    """How octets and fragments are kept: plain or encrypted."""

    def name(self, sha256: str) -> str:
        """Name of the file that holds octets of this SHA-256."""
        ...

    def writer(self, file: BinaryIO) -> BinaryIO:
        """What takes the octets on their way into `file`; closing it closes `file`."""
        ...

    def reader(self, file: BinaryIO) -> BinaryIO:
        """What gives the octets of a file of this sealer; closing it closes `file`."""
        ...

    def seal(self, data: bytes, context: str) -> bytes:
        """`data` as it is stored in the database; it opens only with the same `context`."""
        ...

    def open(self, sealed: bytes, context: str) -> bytes:
        """Undo `seal`. Raises OctetsDamaged."""
        ...


class Plain:
    """What is new is not encrypted."""

    def name(self, sha256: str) -> str:
        return sha256

    def writer(self, file: BinaryIO) -> BinaryIO:
        return file

    def reader(self, file: BinaryIO) -> BinaryIO:
        return file

    def seal(self, data: bytes, context: str) -> bytes:
        return PLAIN + data

    def open(self, sealed: bytes, context: str) -> bytes:
        if sealed[:1] != PLAIN:
            raise OctetsDamaged(f"a stored fragment is encrypted and no key is configured: {context}")
        return sealed[1:]


@dataclass(frozen=True, slots=True)
class DataKeys:
    """Unwrapped keys: `address` names files for ever, `current` (a key of `keys`) encrypts what is new."""

    address: bytes = field(repr=False)
    current: bytes
    keys: Mapping[bytes, bytes] = field(repr=False)


def _derived(key: bytes, salt: bytes, use: bytes) -> AESGCM:
    return AESGCM(HKDF(SHA256(), 32, salt, use).derive(key))


class Encrypted:
    """Everything new is encrypted with the current data key; files and fragments name the key they need."""

    def __init__(self, keys: DataKeys) -> None:
        self._keys = keys
        self._messages = {name: _derived(key, b"", b"dmpws fragment") for name, key in keys.keys.items()}

    def name(self, sha256: str) -> str:
        return hmac.digest(self._keys.address, bytes.fromhex(sha256), "sha256").hex() + SUFFIX

    def writer(self, file: BinaryIO) -> BinaryIO:
        header = MAGIC + self._keys.current + os.urandom(SALT_LENGTH)
        file.write(header)
        return cast(BinaryIO, _Writer(file, header, self._file_key(header)))

    def reader(self, file: BinaryIO) -> BinaryIO:
        try:
            header = file.read(HEADER_LENGTH)
            if len(header) != HEADER_LENGTH or not header.startswith(MAGIC):
                raise OctetsDamaged("an encrypted file has no header")
            length = os.fstat(file.fileno()).st_size - HEADER_LENGTH
            return io.BufferedReader(_Reader(file, header, self._file_key(header), length), CHUNK)
        except BaseException:
            file.close()
            raise

    def seal(self, data: bytes, context: str) -> bytes:
        nonce = os.urandom(NONCE_LENGTH)
        current = self._keys.current
        return SEALED + current + nonce + self._messages[current].encrypt(nonce, data, context.encode())

    def open(self, sealed: bytes, context: str) -> bytes:
        if sealed[:1] == PLAIN:  # stored before encryption was turned on
            return sealed[1:]
        key, nonce, text = sealed[1:_NONCE_AT], sealed[_NONCE_AT:_TEXT_AT], sealed[_TEXT_AT:]
        try:
            return self._messages[key].decrypt(nonce, text, context.encode())
        except (InvalidTag, KeyError, ValueError):
            raise OctetsDamaged(f"a stored fragment does not open: {context}") from None

    def _file_key(self, header: bytes) -> AESGCM:
        name, salt = header[len(MAGIC) : len(MAGIC) + KEY_ID_LENGTH], header[-SALT_LENGTH:]
        try:
            return _derived(self._keys.keys[name], salt, b"dmpws octets")
        except KeyError:
            raise OctetsDamaged(f"the data key {name.hex()} is not in the key ring") from None


def _chunk_data(header: bytes, number: int, *, last: bool) -> tuple[bytes, bytes]:
    """Nonce and associated data of a chunk."""
    counter = struct.pack(">IQ", 0, number)
    return counter, header + counter + bytes([last])


class _Writer(io.RawIOBase):
    """Encrypts what is written, holding at most one chunk and what was just given."""

    def __init__(self, file: BinaryIO, header: bytes, key: AESGCM) -> None:
        self._file, self._header, self._key = file, header, key
        self._held = bytearray()
        self._number = 0

    def writable(self) -> bool:
        return True

    def write(self, data: "bytes | memoryview") -> int:  # type: ignore[override]
        self._held += data
        while len(self._held) > CHUNK:  # a full chunk waits: it may be the last
            self._put(bytes(self._held[:CHUNK]), last=False)
            del self._held[:CHUNK]
        return len(data)

    def _put(self, chunk: bytes, *, last: bool) -> None:
        nonce, associated = _chunk_data(self._header, self._number, last=last)
        self._file.write(self._key.encrypt(nonce, chunk, associated))
        self._number += 1

    def flush(self) -> None:
        """Nothing: a chunk is written when it is full, or last."""

    def close(self) -> None:
        if not self.closed:
            try:
                self._put(bytes(self._held), last=True)
            finally:
                super().close()
                self._file.close()


class _Reader(io.RawIOBase):
    """Decrypts chunk by chunk; `length` is that of the file without its header."""

    def __init__(self, file: BinaryIO, header: bytes, key: AESGCM, length: int) -> None:
        self._file, self._header, self._key = file, header, key
        self._left = length
        self._number = 0
        self._plain = memoryview(b"")
        self._ended = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "memoryview | bytearray") -> int:  # type: ignore[override]
        if not self._plain and not self._ended:
            self._plain = memoryview(self._next())
        count = min(len(buffer), len(self._plain))
        buffer[:count] = self._plain[:count]
        self._plain = self._plain[count:]
        return count

    def _next(self) -> bytes:
        sealed = self._file.read(min(CHUNK + TAG_LENGTH, self._left))
        self._left -= len(sealed)
        self._ended = self._left == 0 or not sealed
        nonce, associated = _chunk_data(self._header, self._number, last=self._ended)
        try:
            plain = self._key.decrypt(nonce, sealed, associated)
        except (InvalidTag, ValueError):
            raise OctetsDamaged(f"chunk {self._number} of an encrypted file does not open") from None
        self._number += 1
        return plain

    def close(self) -> None:
        if not self.closed:
            super().close()
            self._file.close()
