"""The key ring: data keys, wrapped by a key that lives elsewhere (a file, or a command in front of an HSM or KMS).

It is `keyring.json` in the folder of the documents, and travels with them: without the wrapping key it is of no
use to anybody. Changing the wrapping key rewrites this file only (`rewrap`); adding a data key changes what new
documents are encrypted with (`add_data_key`), old ones keep theirs.
"""

import base64
import binascii
import json
import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

from dmpws.store.encryption import KEY_ID_LENGTH, DataKeys
from dmpws.transactions.ports import StorageError

FILE = "keyring.json"
KEY_LENGTH = 32
COMMAND_SECONDS = 30


class KeyWrapper(Protocol):
    """Wraps and unwraps data keys. Both raise StorageError."""

    def wrap(self, key: bytes) -> bytes: ...

    def unwrap(self, wrapped: bytes) -> bytes: ...


@dataclass(frozen=True, slots=True)
class KeyFile:
    """A file of 32 octets in base64; wrapping is RFC 3394."""

    path: Path

    @classmethod
    def create(cls, path: Path) -> "KeyFile":
        """Write a new random key, readable by its owner only. Raises FileExistsError."""
        with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
            file.write(base64.b64encode(os.urandom(KEY_LENGTH)) + b"\n")
            os.fsync(file.fileno())
        return cls(path)

    def wrap(self, key: bytes) -> bytes:
        return aes_key_wrap(self._key(), key)

    def unwrap(self, wrapped: bytes) -> bytes:
        try:
            return aes_key_unwrap(self._key(), wrapped)
        except (InvalidUnwrap, ValueError):
            raise StorageError(f"{self.path} is not the key that wraps the data keys") from None

    def _key(self) -> bytes:
        try:
            key = base64.b64decode(self.path.read_bytes(), validate=False)
        except OSError as error:
            raise StorageError(f"{self.path}: {error.strerror}") from None
        except binascii.Error:
            key = b""
        if len(key) != KEY_LENGTH:
            raise StorageError(f"{self.path} does not hold 32 octets in base64")
        return key


@dataclass(frozen=True, slots=True)
class KeyCommand:
    """A command called with `wrap` or `unwrap` as last argument: base64 on its input, base64 on its output."""

    command: Sequence[str]

    def wrap(self, key: bytes) -> bytes:
        return self._run("wrap", key)

    def unwrap(self, wrapped: bytes) -> bytes:
        return self._run("unwrap", wrapped)

    def _run(self, verb: str, data: bytes) -> bytes:
        try:
            done = subprocess.run(  # noqa: S603 - the operator's own command, no shell
                [*self.command, verb],
                input=base64.b64encode(data) + b"\n",
                capture_output=True,
                timeout=COMMAND_SECONDS,
                check=True,
            )
            return base64.b64decode(done.stdout.strip(), validate=True)
        except subprocess.CalledProcessError as error:
            raise StorageError(f"{self.command[0]} {verb} ended with status {error.returncode}") from None
        except subprocess.TimeoutExpired:
            raise StorageError(f"{self.command[0]} {verb} took more than {COMMAND_SECONDS} s") from None
        except OSError as error:
            raise StorageError(f"{self.command[0]}: {error.strerror}") from None
        except binascii.Error:
            raise StorageError(f"{self.command[0]} {verb} did not answer base64") from None


@dataclass(frozen=True, slots=True)
class _Ring:
    """The file: wrapped keys. data: identifier and wrapped key of each data key, the current one last."""

    address: bytes
    data: tuple[tuple[bytes, bytes], ...]

    def dump(self) -> str:
        data = [{"id": name.hex(), "key": base64.b64encode(key).decode()} for name, key in self.data]
        return json.dumps({"address": base64.b64encode(self.address).decode(), "data": data}, indent=1)

    @classmethod
    def load(cls, text: str) -> "_Ring":
        """Raises ValueError, KeyError or TypeError when it is not one."""
        ring = json.loads(text)
        data = tuple((bytes.fromhex(entry["id"]), base64.b64decode(entry["key"])) for entry in ring["data"])
        if not data or any(len(name) != KEY_ID_LENGTH for name, _ in data):
            raise ValueError("no data key")
        return cls(base64.b64decode(ring["address"]), data)


def exists(folder: Path) -> bool:
    """Tell whether this folder of documents has a key ring."""
    return (folder / FILE).exists()


def open_keyring(folder: Path, wrapper: KeyWrapper) -> DataKeys:
    """Unwrap the keys of a folder of documents; the first time, make them. Raises StorageError."""
    if not exists(folder):
        address = wrapper.wrap(os.urandom(KEY_LENGTH))
        _write(folder, _Ring(address, (_new_data_key(wrapper),)), replace=False)
    ring = _read(folder)
    keys = {name: _unwrapped(wrapper, key) for name, key in ring.data}
    return DataKeys(_unwrapped(wrapper, ring.address), ring.data[-1][0], keys)


def rewrap(folder: Path, old: KeyWrapper, new: KeyWrapper) -> None:
    """Wrap the same keys with another wrapping key. Running servers go on; their next start needs `new`."""
    ring = _read(folder)
    data = tuple((name, new.wrap(_unwrapped(old, key))) for name, key in ring.data)
    _write(folder, _Ring(new.wrap(_unwrapped(old, ring.address)), data), replace=True)


def add_data_key(folder: Path, wrapper: KeyWrapper) -> None:
    """Add a data key: from its next start on, a server encrypts with it. Restart all servers of this folder
    together: one that still has the old ring cannot read what a new one writes."""
    ring = _read(folder)
    _unwrapped(wrapper, ring.address)  # the right wrapping key, or StorageError
    _write(folder, _Ring(ring.address, (*ring.data, _new_data_key(wrapper))), replace=True)


def _new_data_key(wrapper: KeyWrapper) -> tuple[bytes, bytes]:
    return os.urandom(KEY_ID_LENGTH), wrapper.wrap(os.urandom(KEY_LENGTH))


def _unwrapped(wrapper: KeyWrapper, wrapped: bytes) -> bytes:
    key = wrapper.unwrap(wrapped)
    if len(key) != KEY_LENGTH:
        raise StorageError("the wrapping key gives a data key of the wrong length")
    return key


def _read(folder: Path) -> _Ring:
    try:
        return _Ring.load((folder / FILE).read_text("utf-8"))
    except OSError as error:
        raise StorageError(f"{folder / FILE}: {error.strerror}") from None
    except (ValueError, KeyError, TypeError):
        raise StorageError(f"{folder / FILE} is damaged") from None


def _write(folder: Path, ring: _Ring, *, replace: bool) -> None:
    """Put the file in place whole. Without `replace`, the first of several processes wins."""
    temporary = folder / f".{FILE}.{os.urandom(8).hex()}"
    try:
        with temporary.open("x", encoding="utf-8") as file:
            file.write(ring.dump())
            file.flush()
            os.fsync(file.fileno())
        if replace:
            temporary.replace(folder / FILE)
        else:
            _put_first(temporary, folder / FILE)
        directory = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
    except OSError as error:
        raise StorageError(f"{folder / FILE}: {error.strerror}") from None


def _put_first(temporary: Path, target: Path) -> None:
    try:
        os.link(temporary, target)
    except FileExistsError:
        pass
    temporary.unlink()
