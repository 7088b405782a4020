"""The document storage: what arrives, what stays, what is removed."""

import hashlib
import os
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dmpws.domain.octets import Octets, OctetsSink
from dmpws.store.blobs import BlobFolder
from dmpws.store.encryption import DataKeys, Encrypted, Plain, Sealer
from dmpws.store.held import HeldFile
from dmpws.store.octets import BUFFER, IncomingOctets, damage
from dmpws.transactions.ports import StorageError

SMALL, LARGE = b"x" * 10, b"y" * (BUFFER + 1)


@pytest.fixture(params=["plain", "encrypted"])
def sealer(request: pytest.FixtureRequest) -> Sealer:
    if request.param == "plain":
        return Plain()
    return Encrypted(DataKeys(b"a" * 32, b"12345678", {b"12345678": b"k" * 32}))


class Rows:
    """What the database would say."""

    def __init__(self) -> None:
        self.names: set[str] = set()

    def __call__(self, names: list[str]) -> set[str]:  # type: ignore[override]
        return self.names & set(names)


@pytest.fixture
def rows() -> Rows:
    return Rows()


@pytest.fixture
def blobs(tmp_path: Path, sealer: Sealer, rows: Rows) -> BlobFolder:
    return BlobFolder(tmp_path / "documents", sealer, rows)


def _receive(blobs: BlobFolder, *chunks: bytes) -> IncomingOctets:
    writer = blobs.writer()
    for chunk in chunks:
        writer.write(chunk)
    return writer.close()


def _store(blobs: BlobFolder, rows: Rows, content: bytes) -> str:
    octets = _receive(blobs, content)
    placement = blobs.place([octets])
    rows.names.add(octets.name)
    blobs.keep(placement)
    return octets.name


def _read(blobs: BlobFolder, name: str, content: bytes) -> bytes:
    return blobs.get(name, size=len(content), sha1="", sha256=hashlib.sha256(content).hexdigest()).read()


def test_it_is_the_interface_of_the_edge(blobs: BlobFolder) -> None:
    sink: OctetsSink = blobs
    octets: Octets = sink.writer().close()
    assert (octets.size, octets.read()) == (0, b"")


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(chunks=st.lists(st.integers(0, 90_000), max_size=5), seed=st.binary(min_size=1, max_size=5))
def test_octets_are_measured_and_read_back(blobs: BlobFolder, rows: Rows, chunks: list[int], seed: bytes) -> None:
    parts = [(seed * n)[:n] for n in chunks]
    content = b"".join(parts)
    octets = _receive(blobs, *parts)
    measured = (octets.size, octets.sha1, octets.sha256)
    assert measured == (len(content), hashlib.sha1(content).hexdigest(), hashlib.sha256(content).hexdigest())
    assert octets.read() == content
    placement = blobs.place([octets])
    rows.names.add(octets.name)
    blobs.keep(placement)
    assert octets.read() == content
    assert _read(blobs, octets.name, content) == content


def test_reading_in_pieces(blobs: BlobFolder, rows: Rows) -> None:
    content = os.urandom(200_000)
    name = _store(blobs, rows, content)
    for size in (1000, 65_536, 65_537, 1_000_000):
        with blobs.get(name, size=0, sha1="", sha256="").open() as file:
            pieces = list(iter(lambda: file.read(size), b""))  # noqa: B023
        assert b"".join(pieces) == content
        assert all(len(piece) == size for piece in pieces[:-1])


@pytest.mark.parametrize("content", [SMALL, LARGE])
def test_what_is_discarded_leaves_nothing(
    blobs: BlobFolder, content: bytes, stored_files: Callable[[], set[str]]
) -> None:
    writer = blobs.writer()
    writer.write(content)
    writer.discard()
    writer.discard()
    closed = blobs.writer()
    closed.write(content)
    octets = closed.close()
    assert closed.close() is octets
    closed.discard()
    closed.discard()
    assert stored_files() == set()


def test_discarding_after_storing_keeps_the_file(blobs: BlobFolder, rows: Rows) -> None:
    writer = blobs.writer()
    writer.write(LARGE)
    octets = writer.close()
    placement = blobs.place([octets])
    rows.names.add(octets.name)
    blobs.keep(placement)
    writer.discard()
    assert _read(blobs, octets.name, LARGE) == LARGE


def test_erased_octets_are_a_key_error(blobs: BlobFolder) -> None:
    with pytest.raises(KeyError):
        blobs.get("ab" * 32, size=1, sha1="", sha256="").open()


def test_withdrawn_octets_go_unless_a_row_names_them(
    blobs: BlobFolder, rows: Rows, stored_files: Callable[[], set[str]]
) -> None:
    kept = _store(blobs, rows, SMALL)
    blobs.withdraw(blobs.place([_receive(blobs, SMALL), _receive(blobs, LARGE)]))
    assert stored_files() == {kept}


def test_withdrawing_spares_a_deposit_of_the_same_octets_in_progress(
    blobs: BlobFolder, rows: Rows, stored_files: Callable[[], set[str]]
) -> None:
    ours, theirs = _receive(blobs, SMALL), _receive(blobs, SMALL)
    failing, going_on = blobs.place([ours]), blobs.place([theirs])
    blobs.withdraw(failing)
    assert theirs.name in stored_files()
    rows.names.add(theirs.name)
    blobs.keep(going_on)
    assert blobs.recover() == 0
    assert stored_files() == {theirs.name}


def test_recover_takes_what_a_dead_process_left(
    blobs: BlobFolder, rows: Rows, tmp_path: Path, stored_files: Callable[[], set[str]]
) -> None:
    kept = _store(blobs, rows, b"kept")
    orphan = _receive(blobs, SMALL)
    blobs.leave(blobs.place([orphan, _receive(blobs, b"kept")]))  # as if it had died before the commit
    half = HeldFile(tmp_path / "documents" / "incoming")
    half.path.write_bytes(b"half a document")
    alive = _receive(blobs, LARGE)
    half.release()
    assert blobs.recover() == 2
    assert len(stored_files()) == 2  # and the one that is arriving
    assert kept in stored_files()
    assert alive.read() == LARGE


def test_sweep_takes_old_files_no_row_names(
    blobs: BlobFolder, rows: Rows, stored_files: Callable[[], set[str]]
) -> None:
    kept, lost = _store(blobs, rows, b"kept"), _store(blobs, rows, b"lost")
    rows.names.remove(lost)
    assert blobs.sweep(timedelta(hours=1)) == 0
    assert blobs.sweep(timedelta(seconds=-1)) == 1
    assert stored_files() == {kept}


def test_sweep_never_meets_a_deposit(blobs: BlobFolder, rows: Rows) -> None:
    """Deposits of the same octets, committing late, while another thread sweeps as hard as it can."""
    stop = threading.Event()

    def sweep() -> None:
        while not stop.is_set():
            blobs.sweep(timedelta(seconds=-1))

    sweeper = threading.Thread(target=sweep)
    sweeper.start()
    try:
        for _ in range(60):
            octets = _receive(blobs, SMALL)
            placement = blobs.place([octets])
            rows.names.add(octets.name)
            blobs.keep(placement)
            assert _read(blobs, octets.name, SMALL) == SMALL
            rows.names.discard(octets.name)
    finally:
        stop.set()
        sweeper.join()


def test_damage_is_found(blobs: BlobFolder, rows: Rows, tmp_path: Path) -> None:
    name = _store(blobs, rows, LARGE)
    stored = blobs.get(name, size=len(LARGE), sha1="", sha256=hashlib.sha256(LARGE).hexdigest())
    assert damage(stored) == ""
    path = next((tmp_path / "documents").rglob(name))
    content = bytearray(path.read_bytes())
    content[-20] ^= 1
    path.write_bytes(content)
    assert damage(stored) != ""
    path.write_bytes(content[:-1])
    assert damage(stored) != ""
    path.unlink()
    assert damage(stored) == "the octets are missing"


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path, rows: Rows) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StorageError):
        BlobFolder(tmp_path / "file" / "documents", Plain(), rows)


def test_a_full_disk_is_a_storage_error_and_leaves_nothing(
    blobs: BlobFolder, monkeypatch: pytest.MonkeyPatch, stored_files: Callable[[], set[str]]
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match="No space left"):
        blobs.place([_receive(blobs, SMALL), _receive(blobs, LARGE)])
    assert stored_files() == set()
