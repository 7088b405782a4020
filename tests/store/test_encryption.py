"""Encryption at rest: nothing readable on the disk, and nothing altered that opens."""

import hashlib
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest
from sqlalchemy import select, update

from dmpws.store import KeyFile, Store, StoreOptions, keyring, open_store
from dmpws.store.encryption import CHUNK, HEADER_LENGTH, TAG_LENGTH, DataKeys, Encrypted, OctetsDamaged, Plain
from dmpws.store.tables import document_entry
from dmpws.testing.deposits import Lot, entry, lot, open_record, received, signature_entry
from dmpws.transactions.ports import StorageError

FULL = CHUNK + TAG_LENGTH
SECRET = b"SECRET MEDICAL " * 10_000
KEYS = DataKeys(b"a" * 32, b"current.", {b"current.": b"k" * 32, b"earlier.": b"e" * 32})


@pytest.fixture
def sealed(tmp_path: Path) -> Callable[[bytes], Path]:
    def write(content: bytes) -> Path:
        path = tmp_path / "sealed"
        with Encrypted(KEYS).writer(path.open("wb")) as out:
            out.write(content)
        return path

    return write


def _opened(path: Path, keys: DataKeys = KEYS) -> bytes:
    with Encrypted(keys).reader(path.open("rb")) as file:
        return file.read()


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 3 * CHUNK + 5])
def test_every_size_comes_back(sealed: Callable[[bytes], Path], size: int) -> None:
    content = os.urandom(size)
    path = sealed(content)
    assert _opened(path) == content
    chunks = max(1, -(-size // CHUNK))
    assert path.stat().st_size == HEADER_LENGTH + size + chunks * TAG_LENGTH


def _flip(position: int) -> Callable[[bytes], bytes]:
    return lambda data: data[:position] + bytes([data[position] ^ 1]) + data[position + 1 :]


def _swap(data: bytes) -> bytes:
    body = data[HEADER_LENGTH:]
    return data[:HEADER_LENGTH] + body[FULL : 2 * FULL] + body[:FULL] + body[2 * FULL :]


ALTERATIONS: dict[str, Callable[[bytes], bytes]] = {
    "magic": _flip(0),
    "key id": _flip(9),
    "salt": _flip(20),
    "first octet": _flip(HEADER_LENGTH),
    "middle": _flip(HEADER_LENGTH + FULL + 7),
    "last tag": _flip(-1 % (HEADER_LENGTH + 3 * CHUNK + 3 * TAG_LENGTH)),
    "cut in a chunk": lambda d: d[:-9],
    "cut after a chunk": lambda d: d[: HEADER_LENGTH + 2 * FULL],
    "only the header": lambda d: d[:HEADER_LENGTH],
    "half the header": lambda d: d[:10],
    "empty": lambda d: b"",
    "swapped chunks": _swap,
    "a chunk left out": lambda d: d[: HEADER_LENGTH + FULL] + d[HEADER_LENGTH + 2 * FULL :],
    "a chunk twice": lambda d: d[: HEADER_LENGTH + FULL] + d[HEADER_LENGTH:],
    "something added": lambda d: d + b"x",
    "another chunk added": lambda d: d + d[HEADER_LENGTH : HEADER_LENGTH + FULL],
}


@pytest.mark.parametrize("name", ALTERATIONS)
def test_an_altered_file_does_not_open(sealed: Callable[[bytes], Path], name: str) -> None:
    path = sealed(os.urandom(3 * CHUNK))
    path.write_bytes(ALTERATIONS[name](path.read_bytes()))
    with pytest.raises(OctetsDamaged):
        _opened(path)


def test_chunks_of_another_file_do_not_open(sealed: Callable[[bytes], Path]) -> None:
    """Same data key, same place, other file."""
    first = sealed(b"a" * 3 * CHUNK).read_bytes()
    path = sealed(b"b" * 3 * CHUNK)
    second = path.read_bytes()
    at, to = HEADER_LENGTH + FULL, HEADER_LENGTH + 2 * FULL
    path.write_bytes(second[:at] + first[at:to] + second[to:])
    with pytest.raises(OctetsDamaged):
        _opened(path)


def test_another_key_does_not_open(sealed: Callable[[bytes], Path]) -> None:
    path = sealed(SECRET)
    with pytest.raises(OctetsDamaged):
        _opened(path, replace(KEYS, keys={b"current.": b"x" * 32}))
    with pytest.raises(OctetsDamaged):
        _opened(path, DataKeys(b"a" * 32, b"earlier.", {b"earlier.": b"e" * 32}))


def test_reading_is_flat_and_stops_at_the_damage(sealed: Callable[[bytes], Path]) -> None:
    path = sealed(os.urandom(3 * CHUNK))
    path.write_bytes(_flip(HEADER_LENGTH + 2 * FULL)(path.read_bytes()))
    with Encrypted(KEYS).reader(path.open("rb")) as file:
        assert len(file.read(2 * CHUNK)) == 2 * CHUNK
        with pytest.raises(OctetsDamaged):
            file.read(1)


def test_equal_octets_look_different_and_names_are_keyed(sealed: Callable[[bytes], Path]) -> None:
    assert sealed(SECRET).read_bytes() != sealed(SECRET).read_bytes()
    sha256 = hashlib.sha256(SECRET).hexdigest()
    name = Encrypted(KEYS).name(sha256)
    assert name == Encrypted(replace(KEYS, current=b"earlier.")).name(sha256)
    assert sha256[:8] not in name
    assert name != Encrypted(replace(KEYS, address=b"b" * 32)).name(sha256)


def test_fragments_open_only_where_they_belong() -> None:
    sealer = Encrypted(KEYS)
    sealed = sealer.seal(b"fragment", "urn:uuid:1")
    assert sealer.open(sealed, "urn:uuid:1") == b"fragment"
    assert b"fragment" not in sealed
    for altered in (_flip(30)(sealed), _flip(3)(sealed), sealed[:-1], sealed[:5], b""):
        with pytest.raises(OctetsDamaged):
            sealer.open(altered, "urn:uuid:1")
    with pytest.raises(OctetsDamaged):
        sealer.open(sealed, "urn:uuid:2")
    with pytest.raises(OctetsDamaged):
        Plain().open(sealed, "urn:uuid:1")


def test_what_was_stored_before_encryption_still_opens() -> None:
    assert Encrypted(KEYS).open(Plain().seal(b"old", "x"), "x") == b"old"


# The whole store


@pytest.fixture
def key(tmp_path: Path) -> KeyFile:
    return KeyFile.create(tmp_path / "wrapping.key")


def _open(url: str, tmp_path: Path, key: KeyFile | None) -> Store:
    return open_store(url, tmp_path / "documents", options=StoreOptions(encryption=key))


def _deposit(store: Store, now: datetime, patient: str = "pat-trois") -> Lot:
    with store.write() as work:
        record = open_record(work, patient)
        documents = [(entry(), received(store.blobs, SECRET)), (signature_entry(), received(store.blobs, b"<SECRET/>"))]
        new = lot(record, documents)
        entries = [replace(e, fragment=b"<SECRET fragment/>") for e in new.entries]
        new = replace(new, entries=entries, evidence=replace(new.evidence, signature=b"<SECRET/>"))
        work.documents.add_lot(new, now=now)
    return new


def _check(store: Store, new: Lot) -> None:
    with store.read() as work:
        document, signature = work.documents.by_entry_uuid(e.entry_uuid for e in new.entries)
        assert work.documents.octets(document).read() == SECRET
        assert work.documents.octets(signature).read() == b"<SECRET/>"
        assert document.fragment == b"<SECRET fragment/>"
        stored = work.documents.lot(new.submission_set.unique_id)
        assert stored is not None
        assert stored.evidence == new.evidence


def test_nothing_readable_reaches_the_disk(database_url: str, tmp_path: Path, key: KeyFile, now: datetime) -> None:
    store = _open(database_url, tmp_path, key)
    arriving = received(store.blobs, SECRET)  # still in incoming/
    new = _deposit(store, now)
    _check(store, new)
    assert arriving.read() == SECRET
    store.close()
    sha256 = hashlib.sha256(SECRET).hexdigest()
    for path in (p for p in tmp_path.rglob("*") if p.is_file()):
        assert b"SECRET" not in path.read_bytes(), path
        assert sha256 not in path.name


def test_it_opens_again_and_not_without_the_key(database_url: str, tmp_path: Path, key: KeyFile, now: datetime) -> None:
    store = _open(database_url, tmp_path, key)
    new = _deposit(store, now)
    store.close()
    store = _open(database_url, tmp_path, key)
    _check(store, new)
    store.close()
    with pytest.raises(StorageError, match="no wrapping key"):
        _open(database_url, tmp_path, None)
    with pytest.raises(StorageError, match="is not the key"):
        _open(database_url, tmp_path, KeyFile.create(tmp_path / "other.key"))


def test_encryption_can_be_turned_on_later(database_url: str, tmp_path: Path, key: KeyFile, now: datetime) -> None:
    store = _open(database_url, tmp_path, None)
    plain = _deposit(store, now)
    store.close()
    store = _open(database_url, tmp_path, key)
    sealed = _deposit(store, now, "petra")
    _check(store, plain)
    _check(store, sealed)
    store.close()


def test_rotation_of_both_kinds_of_key(database_url: str, tmp_path: Path, key: KeyFile, now: datetime) -> None:
    store = _open(database_url, tmp_path, key)
    first = _deposit(store, now)
    store.close()
    new_key = KeyFile.create(tmp_path / "new.key")
    keyring.rewrap(tmp_path / "documents", key, new_key)
    keyring.add_data_key(tmp_path / "documents", new_key)
    with pytest.raises(StorageError, match="is not the key"):
        _open(database_url, tmp_path, key)
    store = _open(database_url, tmp_path, new_key)
    _check(store, first)
    second = _deposit(store, now, "petra")
    _check(store, second)
    store.close()
    names = list((tmp_path / "documents").rglob("*.gcm"))
    assert len(names) == 1  # the same octets under the same name, now with the new data key
    keys = keyring.open_keyring(tmp_path / "documents", new_key)
    assert names[0].read_bytes()[8:16] == keys.current


def test_a_fragment_of_another_row_is_refused(database_url: str, tmp_path: Path, key: KeyFile, now: datetime) -> None:
    store = _open(database_url, tmp_path, key)
    new = _deposit(store, now)
    other = select(document_entry.c.fragment).where(document_entry.c.is_signature).scalar_subquery()
    store.database.change(update(document_entry).where(~document_entry.c.is_signature).values(fragment=other))
    with pytest.raises(StorageError, match="does not open"), store.read() as work:
        work.documents.by_entry_uuid([new.entries[0].entry_uuid])
    store.close()
