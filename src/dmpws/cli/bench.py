"""`dmpws bench`: throughput of a server started for it, and for TD2.1 its ratio to the floor of the same run."""

import argparse
import json
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dmpws.bench import floor, messages, processes
from dmpws.bench.load import Measure, Target, measure
from dmpws.client import Deposit as ClientDeposit
from dmpws.client import LpsSession
from dmpws.domain.document import Status
from dmpws.testing.server import LiveServer

SUCCESS = b"ResponseStatusType:Success"
FIRST_ENTRIES = 50
MB = 1024 * 1024


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = subparsers.add_parser("bench", help="throughput, and its ratio to the floor measured in the same run")
    parser.add_argument("--requests", type=int, default=1000, help="requests of each kind (default: 1000)")
    parser.add_argument("--clients", type=int, default=4, help="client processes, one connection each (default: 4)")
    parser.add_argument("--workers", type=int, default=os.cpu_count(), help="server workers (default: one per core)")
    parser.set_defaults(func=run)


@dataclass(frozen=True, slots=True)
class Result:
    """One line of the report."""

    what: str
    measure: Measure
    cpu: float
    """Processor time of the server per request, in seconds."""

    def row(self) -> dict[str, Any]:
        return {
            "what": self.what,
            "per_second": round(self.measure.per_second, 1),
            "p50_ms": round(self.measure.percentile(0.5), 1),
            "p99_ms": round(self.measure.percentile(0.99), 1),
            "server_cpu_ms": round(self.cpu * 1000, 2),
            "failures": self.measure.failures,
        }


def run(args: argparse.Namespace) -> int:
    """Start a server in a temporary folder, load it, print what was measured; 1 when a request failed."""
    with tempfile.TemporaryDirectory(prefix="dmpws-bench-") as name:
        folder = Path(name)
        (folder / "floor").mkdir()
        with LiveServer(folder / "data", workers=str(args.workers)) as server:
            report = _measure(server, args, folder / "floor")
    print(json.dumps(report, indent=2) if args.format == "json" else _text(report))
    return 1 if any(row["failures"] for row in report["rows"]) else 0


def _measure(server: LiveServer, args: argparse.Namespace, floor_folder: Path) -> dict[str, Any]:
    card = server.pki.card("medecin-libre")
    target = Target(server.url, card, server.pki.ca_file)
    ins = messages.PATIENT.ins
    with server.session("medecin-libre") as session:
        assert session.add_authorisation(ins).ok
        large = _fill(session)
        n = args.requests
        reusing = list(messages.deposits(session, n, fresh_tokens=False))
        fresh = list(messages.deposits(session, n, fresh_tokens=True))
        loads = [
            ("TD0.2", [messages.existence(session, ins)] * n, b"queryResponseCode"),
            (f"TD3.1, {FIRST_ENTRIES} entries", [messages.search(session, ins)] * n, SUCCESS),
            ("TD3.2, 1 MB", [messages.retrieval(session, ins, large)] * (n // 4), SUCCESS),
            ("TD2.1, one VIHF for all", [d.message for d in reusing], SUCCESS),
            ("TD2.1, a new VIHF each", [d.message for d in fresh], SUCCESS),
        ]
        workers = processes.workers_of(server.pid)
        results = [_load(target, workers, *load, args.clients) for load in loads]
        at_rest = [processes.resident(pid)[0] for pid in workers]
        memory = {
            "100 MB of plain octets": _grows(session, workers, messages.imaging_reference(session, 100 * MB - 1024)),
            "30 MB CDA": _grows(session, workers, messages.document(session, 30 * MB)),
        }
    return {
        "rows": [result.row() for result in results],
        "floor": _floor(fresh[:400], floor_folder, results[-1], args.workers),
        "envelope_octets": len(fresh[0].envelope),
        "memory_mb": {
            "per worker": [round(octets / MB) for octets in at_rest],
            **{f"{what} adds": round(grown / MB, 1) for what, grown in memory.items()},
        },
    }


def _load(
    target: Target,
    workers: Sequence[int],
    what: str,
    sent: Sequence[messages.Message],
    expected: bytes,
    clients: int,
) -> Result:
    before = sum(processes.cpu_seconds(pid) for pid in workers)
    measured = measure(target, sent, expected, clients)
    used = sum(processes.cpu_seconds(pid) for pid in workers) - before
    return Result(what, measured, used / len(sent))


def _fill(session: LpsSession) -> str:
    """Deposit the entries TD3.1 finds, and a document of 1 MB; returns its uniqueId."""
    ins = messages.PATIENT.ins
    for _ in range(FIRST_ENTRIES // 10):
        answer = session.submit(ins, [ClientDeposit(messages.document(session, 20_000)) for _ in range(10)])
        assert answer.ok, answer.problems
    found = session.find_documents(ins, statuses=[Status.APPROVED])
    assert len(found.documents) == FIRST_ENTRIES
    document = messages.document(session, MB)
    lot = session.build_lot(ins, [ClientDeposit(document)])
    assert session.send_lot(ins, lot).ok
    return document.unique_id


def _grows(session: LpsSession, workers: Sequence[int], document: ClientDeposit | Any) -> int:
    """Highest memory a worker reaches above what it had, in octets, while one lot is deposited."""
    deposit = document if isinstance(document, ClientDeposit) else ClientDeposit(document)
    lot = session.build_lot(messages.PATIENT.ins, [deposit])
    before = {}
    for pid in workers:
        processes.reset_highest(pid)
        before[pid] = processes.resident(pid)[0]
    answer = session.send_lot(messages.PATIENT.ins, lot)
    assert answer.ok, answer.problems
    return max(processes.resident(pid)[1] - before[pid] for pid in workers)


def _floor(prepared: Sequence[messages.Deposit], folder: Path, reached: Result, cores: int) -> dict[str, float]:
    """The floor of a core, and what TD2.1 with a new VIHF each reached of it."""
    measured = floor.measure(prepared, folder, cores)
    per_core = reached.measure.per_second / cores
    return {
        "floor_per_second_per_core": round(measured.per_second, 1),
        "reached_per_second_per_core": round(per_core, 1),
        "ratio": round(per_core / measured.per_second, 2),
        "floor_cpu_ms": round(measured.cpu * 1000, 2),
        "cpu_ratio": round(measured.cpu / reached.cpu, 2),
    }


def _text(report: dict[str, Any]) -> str:
    lines = [f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores, clients on the same cores\n"]
    lines.append(f"{'':<26} per second   p50 ms   p99 ms  server CPU ms  failures")
    lines += [
        f"{row['what']:<26} {row['per_second']:10} {row['p50_ms']:8} {row['p99_ms']:8}"
        f" {row['server_cpu_ms']:14} {row['failures']:9}"
        for row in report["rows"]
    ]
    found = report["floor"]
    lines.append(
        f"\nTD2.1 per core: {found['reached_per_second_per_core']}/s of a floor of "
        f"{found['floor_per_second_per_core']}/s = {found['ratio']:.0%}, the clients' work included"
    )
    lines.append(
        f"Processor time of the floor: {found['floor_cpu_ms']} ms = {found['cpu_ratio']:.0%} of what the server uses"
    )
    lines.append(f"Envelope of TD2.1: {report['envelope_octets']} octets")
    lines.append("Memory (MB): " + "; ".join(f"{k} {v}" for k, v in report["memory_mb"].items()))
    return "\n".join(lines)
