"""The floor of TD2.1: what no implementation on these libraries can do without.

Parse the envelope and the document, verify both signatures, validate against the schema, hash the octets, commit the
same data durably: nothing else, straight through.
"""

import hashlib
import multiprocessing
import os
import sqlite3
import time
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from dmpws.bench.messages import Deposit
from dmpws.domain.checks import Report
from dmpws.signature.core import verify_enveloped
from dmpws.signature.verify_lot import LotPolicy, examine
from dmpws.soap.validation import Schemas
from dmpws.xml.names import SAML, SOAP
from dmpws.xml.parser import parse

_CORE_ONLY = LotPolicy(check_path=False)
"""Signature, manifest and digests; no certificate path."""


@dataclass(frozen=True, slots=True)
class Floor:
    """Deposits per second and core, all cores at work; processor time of one deposit, in seconds."""

    per_second: float
    cpu: float


def measure(deposits: Sequence[Deposit], folder: Path, cores: int) -> Floor:
    """Run the floor on every core at once, as the server does: a core that is alone is faster than one of many."""
    context = multiprocessing.get_context("fork")
    pairs = [context.Pipe() for _ in range(cores)]
    processes = [
        context.Process(target=_process, args=(deposits[n::cores], folder / str(n), theirs))
        for n, (_, theirs) in enumerate(pairs)
    ]
    for process in processes:
        process.start()
    results = [ours.recv() for ours, _ in pairs]
    for process in processes:
        process.join()
    rates = [count / elapsed for count, elapsed, _ in results]
    return Floor(sum(rates) / cores, sum(cpu for _, _, cpu in results) / len(deposits))


def _process(deposits: Sequence[Deposit], folder: Path, pipe: Connection) -> None:
    folder.mkdir()
    schemas = Schemas.load()
    database = _database(folder)
    started, used = time.perf_counter(), time.process_time()
    for deposit in deposits:
        _once(deposit, schemas, database, folder)
    pipe.send((len(deposits), time.perf_counter() - started, time.process_time() - used))
    database.close()


def _once(deposit: Deposit, schemas: Schemas, database: sqlite3.Connection, folder: Path) -> None:
    root = parse(deposit.envelope)
    report = Report()
    token = root.find(f".//{{{SAML}}}Assertion")
    body = root.find(f"{{{SOAP}}}Body")
    assert token is not None and body is not None
    verify_enveloped(deposit.token, sha1=False, report=report)
    schemas.check(body[0], report)
    examine(deposit.lot, policy=_CORE_ONLY, trust=None, signer=None)
    octets = deposit.lot.documents[0].octets.read()
    parse(octets)
    _store(octets, folder)
    row = (deposit.lot.submission_set_unique_id, deposit.envelope, deposit.lot.signature)
    database.execute("INSERT INTO lot VALUES (?, ?, ?)", row)
    database.commit()
    report.raise_failures()


def _store(octets: bytes, folder: Path) -> None:
    """A durable file: SHA-1 and SHA-256, written, synced, renamed, folder synced."""
    hashlib.sha1(octets, usedforsecurity=False).hexdigest()
    name = hashlib.sha256(octets).hexdigest()
    with (folder / "incoming").open("wb") as file:
        file.write(octets)
        file.flush()
        os.fsync(file.fileno())
    (folder / "incoming").rename(folder / name)
    descriptor = os.open(folder, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)


def _database(folder: Path) -> sqlite3.Connection:
    database = sqlite3.connect(folder / "floor.sqlite")
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = FULL")
    database.execute("CREATE TABLE lot (unique_id TEXT PRIMARY KEY, envelope BLOB, signature BLOB)")
    return database
