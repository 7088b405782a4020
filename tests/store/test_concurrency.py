"""Threads and processes on one store: one winner, one chain, no connection shared over a fork."""

import os
import subprocess
import sys
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from dmpws.audit.chain import verify_chain
from dmpws.audit.trace import Trace, TraceOutcome
from dmpws.cast import PATIENTS
from dmpws.domain.authorisation import By, Holder, HolderKind
from dmpws.domain.patient import PatientRecord
from dmpws.store import Store
from dmpws.store.tables import document_entry, patient
from dmpws.testing.deposits import Lot, entry, lot, new_oid, open_record, received
from dmpws.testing.together import rule_of, together


def _deposits(store: Store, lots: Sequence[Lot], now: datetime) -> Counter[object]:
    def deposit(new: Lot) -> str:
        with store.write() as work:
            work.documents.add_lot(new, now=now)
            work.traces.append(Trace(now, "TD2.1", TraceOutcome.ACCEPTED))
        return "stored"

    return together([lambda new=new: deposit(new) for new in lots], rule_of)  # type: ignore[misc]


@pytest.fixture
def record(store: Store) -> PatientRecord:
    with store.write() as work:
        return open_record(work)


def test_one_lot_wins_a_document_id(store: Store, record: PatientRecord, now: datetime) -> None:
    shared = new_oid()
    lots = [
        lot(record, [(entry(unique_id=oid), received(store.blobs, b"x")) for oid in (new_oid(), shared)])
        for _ in range(6)
    ]
    assert _deposits(store, lots, now) == {"stored": 1, "STORE-DOCUMENT-ID": 5}
    assert store.database.rows(select(func.count()).select_from(document_entry))[0][0] == 2
    assert verify_chain(store).rows == 1


def test_copies_of_a_document_at_once(store: Store, record: PatientRecord, now: datetime) -> None:
    """Plain IHE registers the same document again (DMPWS D16); one that is not the same is refused all the same."""
    shared = new_oid()
    contents = [b"same"] * 4 + [b"other"] * 2
    lots = [lot(record, [(entry(unique_id=shared), received(store.blobs, content))]) for content in contents]
    outcomes = _deposits(store, [replace(new, copies=True) for new in lots], now)
    assert outcomes in ({"stored": 4, "STORE-DOCUMENT-HASH": 2}, {"stored": 2, "STORE-DOCUMENT-HASH": 4})
    with store.read() as work:
        found = work.documents.by_unique_id([shared])
    assert (len({e.hash for e in found}), len(found)) == (1, outcomes["stored"])
    assert len({e.lid for e in found}) == len(found)


def test_one_lot_wins_a_submission_set_id(store: Store, record: PatientRecord, now: datetime) -> None:
    shared = new_oid()
    lots = [lot(record, [(entry(), received(store.blobs, b"x"))], unique_id=shared) for _ in range(6)]
    assert _deposits(store, lots, now) == {"stored": 1, "STORE-SUBMISSION-SET-ID": 5}


def test_one_lot_replaces_a_document(store: Store, record: PatientRecord, now: datetime) -> None:
    original = lot(record, [(entry(), received(store.blobs, b"1"))])
    _deposits(store, [original], now)
    with store.read() as work:
        (old,) = work.documents.by_unique_id([original.entries[0].entry.unique_id])
    replaces = [(old.id, old.entry_uuid)]
    lots = [lot(record, [(entry(), received(store.blobs, b"2"))], replaces=replaces) for _ in range(6)]
    assert _deposits(store, lots, now) == {"stored": 1, "STORE-REPLACED": 5}


def test_the_same_octets_in_many_lots(
    store: Store, record: PatientRecord, now: datetime, stored_files: Callable[[], set[str]]
) -> None:
    """Some fail; the file stays for those that did not."""
    shared = new_oid()
    content = os.urandom(100_000)
    lots = [lot(record, [(entry(), received(store.blobs, content))]) for _ in range(3)]
    lots += [lot(record, [(entry(), received(store.blobs, content))], unique_id=shared) for _ in range(3)]
    assert _deposits(store, lots, now)["stored"] == 4
    store.recover()  # a failed deposit that met another one leaves the cleaning for later
    assert len(stored_files()) == 1
    with store.read() as work:
        (stored,) = work.documents.by_unique_id([lots[0].entries[0].entry.unique_id])
        assert work.documents.octets(stored).read() == content


def test_one_record_per_identifier(store: Store) -> None:
    def create() -> str:
        with store.write() as work:
            open_record(work)
        return "opened"

    assert together([create] * 6, rule_of) == {"opened": 1, "STORE-PATIENT-EXISTS": 5}
    assert store.database.rows(select(func.count()).select_from(patient))[0][0] == 1


def test_a_token_is_used_once(store: Store, now: datetime) -> None:
    assert together([lambda: str(store.tokens.remember("_id", expires_at=now))] * 8) == {"True": 1, "False": 7}


def test_authorisations_renewed_together(store: Store, record: PatientRecord, now: datetime) -> None:
    holder = Holder(HolderKind.PERSON, "899900063480")

    def grant() -> str:
        with store.write() as work:
            work.authorisations.grant(
                record.id,
                holder,
                by=By(holder.identifier),
                now=now,
                expires_at=now + timedelta(days=365),
                treating_doctor=False,
            )
        return "granted"

    assert together([grant] * 6) == {"granted": 6}


CHILD = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from dmpws.audit.trace import Trace, TraceOutcome
from dmpws.cast import PATIENTS
from dmpws.domain.checks import Refused
from dmpws.store import open_store
from dmpws.testing.deposits import entry, lot, received
from dmpws.testing.together import rule_of, together
from dmpws.testing.together import rule_of, together

url, documents, first = sys.argv[1:]
store = open_store(url, Path(documents))
now = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
with store.read() as work:
    record = work.patients.find(PATIENTS["pat-trois"].ins)
print("ready", flush=True)
sys.stdin.readline()
for number in range(20):
    new = lot(record, [(entry(unique_id=f"1.2.{number}"), received(store.blobs, first.encode() * number))])
    outcome = "stored"
    try:
        with store.write() as work:
            work.documents.add_lot(new, now=now)
            work.traces.append(Trace(now, "TD2.1", TraceOutcome.ACCEPTED, correlation_id=f"{first}{number}"))
    except Refused as refused:
        outcome = refused.code
        store.append_trace(Trace(now, "TD2.1", TraceOutcome.REFUSED, correlation_id=f"{first}{number}"))
    fresh = store.tokens.remember(f"_{number}", expires_at=now)
    print(number, outcome, fresh, flush=True)
store.close()
"""


def test_processes(store: Store, record: PatientRecord, database_url: str, tmp_path: Path) -> None:
    """Three processes deposit the same twenty documents: each is stored once, each call has its trace."""
    children = [
        subprocess.Popen(
            [sys.executable, "-c", CHILD, database_url, str(tmp_path / "documents"), letter],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        for letter in "abc"
    ]  # fmt: skip
    for child in children:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
    for child in children:
        assert child.stdin is not None
        child.stdin.write("\n")
        child.stdin.flush()
    answers = [line.split() for child in children for line in child.communicate()[0].splitlines()]
    assert [child.returncode for child in children] == [0, 0, 0]
    stored = Counter(number for number, outcome, _ in answers if outcome == "stored")
    fresh = Counter(number for number, _, is_fresh in answers if is_fresh == "True")
    assert stored == fresh == dict.fromkeys(map(str, range(20)), 1)
    refusals = {outcome for _, outcome, _ in answers} - {"stored"}
    assert refusals <= {"XDSNonIdenticalHash", "XDSRegistryMetadataError"}
    result = verify_chain(store)
    assert (result.ok, result.rows) == (True, 60)


def test_a_fork_opens_its_own_connections(store: Store, record: PatientRecord, now: datetime) -> None:
    """gunicorn preloads the application, then forks: parent and child both go on."""
    with store.read() as parent_work:  # a connection in use at the time of the fork
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # threads of other tests, on Python 3.12
            child = os.fork()
        if child == 0:
            code = 1
            try:
                code = _in_the_child(store, record, now)
            finally:
                os._exit(code)
        assert parent_work.patients.find(record.ins) == record
        _, status = os.waitpid(child, 0)
        assert os.waitstatus_to_exitcode(status) == 0
        assert parent_work.patients.find(record.ins) == record
    with store.write() as work:
        work.documents.add_lot(lot(record, [(entry(), received(store.blobs, b"parent"))]), now=now)
        work.traces.append(Trace(now, "TD2.1", TraceOutcome.ACCEPTED))
    assert verify_chain(store).rows == 2
    if store.database.engine.dialect.name == "sqlite":
        with store.database.connection() as connection:
            assert connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"


def _in_the_child(store: Store, record: PatientRecord, now: datetime) -> int:
    for number in range(3):
        with store.write() as work:
            work.documents.add_lot(lot(record, [(entry(), received(store.blobs, bytes([number])))]), now=now)
    store.append_trace(Trace(now, "TD2.1", TraceOutcome.ACCEPTED))
    with store.read() as work:
        return 0 if work.patients.find(PATIENTS["pat-trois"].ins) == record else 2
