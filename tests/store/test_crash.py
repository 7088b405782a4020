"""SIGKILL at every step of a deposit, and at random: acknowledged lots are whole, nothing else is there."""

import hashlib
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import func, select

from dmpws.audit.chain import verify_chain
from dmpws.store import KeyFile, Store, StoreOptions, open_store
from dmpws.store.tables import document_entry, lot_evidence, submission_set, trace
from dmpws.testing.deposits import open_record

CHILD = """
import itertools, os, random, signal, sys, threading
from datetime import UTC, datetime
from pathlib import Path
from dmpws.audit.trace import Trace, TraceOutcome
from dmpws.cast import PATIENTS
from dmpws.store import KeyFile, StoreOptions, blobs, held, octets, open_store, session
from dmpws.testing.deposits import entry, lot, received, signature_entry

url, documents, key, step, threads = sys.argv[1:]
store = open_store(url, Path(documents), options=StoreOptions(encryption=KeyFile(Path(key)) if key else None))
now = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
with store.read() as work:
    record = work.patients.find(PATIENTS["pat-trois"].ins)
armed = False

def die_before(owner, name):
    original = getattr(owner, name)
    def dying(*arguments, **named):
        if armed:
            os.kill(os.getpid(), signal.SIGKILL)
        return original(*arguments, **named)
    setattr(owner, name, dying)

def die_after(owner, name):
    original = getattr(owner, name)
    def dying(*arguments, **named):
        result = original(*arguments, **named)
        if armed:
            os.kill(os.getpid(), signal.SIGKILL)
        return result
    setattr(owner, name, dying)

STEPS = {
    "receiving": lambda: die_after(octets.BlobWriter, "write"),
    "received": lambda: die_before(blobs.BlobFolder, "place"),
    "synced": lambda: die_after(octets.IncomingOctets, "sync"),
    "declared": lambda: die_after(held.Intents, "declare"),
    "one placed": lambda: die_after(octets.IncomingOctets, "place"),
    "all placed": lambda: die_after(blobs.BlobFolder, "place"),
    "begun": lambda: die_after(session.Session, "_begin"),
    "half the rows": lambda: die_after(session.Session, "change"),
    "before commit": lambda: die_before(session.Session, "end"),
    "committed": lambda: die_after(session.Session, "end"),
    "settled": lambda: die_after(blobs.BlobFolder, "keep"),
    "random": lambda: None,
}

def deposit(worker, number):
    name = f"1.2.{os.getpid()}.{worker}.{number}"
    contents = [name.encode() * 9000, name.encode() + b" small"]
    documents = [(entry(unique_id=f"{name}.{n}"), received(store.blobs, c)) for n, c in enumerate(contents)]
    documents.append((signature_entry(), received(store.blobs, b"<ds:Signature/>")))
    with store.write() as work:
        work.documents.add_lot(lot(record, documents, unique_id=name), now=now)
        work.traces.append(Trace(now, "TD2.1", TraceOutcome.ACCEPTED, submission_set=name))
    os.write(1, f"{name}\\n".encode())

STEPS[step]()
deposit("first", 0)
armed = True
def deposits(worker):
    for number in itertools.count():
        deposit(worker, number)
workers = [threading.Thread(target=deposits, args=(str(worker),)) for worker in range(int(threads))]
for worker in workers: worker.start()
for worker in workers: worker.join()
"""

KEPT = ("committed", "settled")
"""Steps at which the lot is there, though nobody was told."""


class Place:
    """A store that processes die on."""

    def __init__(self, url: str, folder: Path, *, encrypted: bool) -> None:
        self.url, self.documents = url, folder / "documents"
        self.key = KeyFile.create(folder / "wrapping.key") if encrypted else None
        self.acknowledged: set[str] = set()
        with self.open() as store, store.write() as work:
            open_record(work)

    def open(self) -> "_Opened":
        return _Opened(open_store(self.url, self.documents, options=StoreOptions(encryption=self.key)))

    def run(self, step: str, *, seconds: float | None = None, threads: int = 1) -> None:
        """Deposit in another process until it dies; remember what it acknowledged."""
        key = str(self.key.path) if self.key else ""
        command = [sys.executable, "-c", CHILD, self.url, str(self.documents), key, step, str(threads)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as child:
            assert child.stdout is not None
            first = child.stdout.readline()
            if seconds is not None:
                time.sleep(seconds)
                child.kill()
            rest = child.stdout.read()
        assert child.returncode == -signal.SIGKILL
        self.acknowledged |= set((first + rest).decode().split())

    def check(self) -> int:
        """Recover as a server does at its start, compare everything, and return the number of lots."""
        with self.open() as store:
            store.recover()
            sets = {r.unique_id for r in store.database.rows(select(submission_set.c.unique_id))}
            assert self.acknowledged <= sets
            for name in sets:
                self._check_lot(store, name)
            count = len(sets)
            assert [store.database.rows(select(func.count()).select_from(t))[0][0] for t in (
                document_entry, lot_evidence, trace,
            )] == [3 * count, count, count]  # fmt: skip
            assert verify_chain(store).ok
            self._check_files(store)
        return count

    def _check_lot(self, store: Store, name: str) -> None:
        with store.read() as work:
            stored = work.documents.lot(name)
            assert stored is not None
            first, second, signature = work.documents.of_lot(stored)
            assert work.documents.octets(first).read() == name.encode() * 9000
            assert work.documents.octets(second).read() == name.encode() + b" small"
            assert work.documents.octets(signature).read() == b"<ds:Signature/>"
            assert hashlib.sha1(name.encode() * 9000).hexdigest() == first.hash

    def _check_files(self, store: Store) -> None:
        rows = {r.octets for r in store.database.rows(select(document_entry.c.octets))}
        files = {p.name for p in self.documents.rglob("*") if p.is_file()} - {"keyring.json"}
        assert files == {name for name in rows if not name.startswith("lot:")}


class _Opened:
    def __init__(self, store: Store) -> None:
        self.store = store

    def __enter__(self) -> Store:
        return self.store

    def __exit__(self, *_: object) -> None:
        self.store.close()


@pytest.fixture
def place(database_url: str, tmp_path: Path) -> Place:
    return Place(database_url, tmp_path, encrypted=False)


@pytest.mark.parametrize(
    "step",
    [
        "receiving", "received", "synced", "declared", "one placed", "all placed", "begun", "half the rows",
        "before commit", "committed", "settled",
    ],
)  # fmt: skip
def test_killed_at_a_step(place: Place, step: str) -> None:
    place.run(step)
    assert place.check() == (2 if step in KEPT else 1)


@pytest.fixture
def dice() -> Iterator[Callable[[], float]]:
    generator = random.Random(20261121)
    yield lambda: generator.uniform(0.01, 0.25)


@pytest.mark.slow
@pytest.mark.parametrize("encrypted", [False, True], ids=["plain", "encrypted"])
def test_killed_at_random(database_url: str, tmp_path: Path, dice: Callable[[], float], encrypted: bool) -> None:
    place = Place(database_url, tmp_path, encrypted=encrypted)
    for _ in range(4):
        place.run("random", seconds=dice(), threads=3)
        assert place.check() >= len(place.acknowledged)
    assert place.acknowledged
