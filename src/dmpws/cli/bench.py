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

    def row(self) -> dict[str, Any]:
        return {
            "what": self.what,
            "per_second": round(self.measure.per_second, 1),
            "p50_ms": round(self.measure.percentile(0.5), 1),
            "p99_ms": round(self.measure.percentile(0.99), 1),
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
    workers = processes.workers_of(server.pid)
    ins = messages.PATIENT.ins
    with server.session("medecin-libre") as session:
        assert session.add_authorisation(ins).ok
        large = _fill(session)
        prepared = list(messages.deposits(session, args.requests))
        n = args.requests
        loads = [
            ("TD0.2", [messages.existence(session, ins)] * n, b"queryResponseCode"),
            (f"TD3.1, {FIRST_ENTRIES} entries", [messages.search(session, ins)] * n, SUCCESS),
            ("TD3.2, 1 MB", [messages.retrieval(session, ins, large)] * (n // 4), SUCCESS),
            ("TD2.1, 100 KB document", [d.message for d in prepared], SUCCESS),
        ]
        results = [Result(what, measure(target, sent, expected, args.clients)) for what, sent, expected in loads]
        at_rest = [processes.resident(pid)[0] for pid in workers]
        memory = {
            "100 MB of plain octets": _grows(session, workers, messages.imaging_reference(session, 100 * MB - 1024)),
            "30 MB CDA": _grows(session, workers, messages.document(session, 30 * MB)),
        }
    return {
        "rows": [result.row() for result in results],
        "floor": _floor(prepared[:200], floor_folder, results[-1].measure.per_second, args.workers),
        "envelope_octets": len(prepared[0].envelope),
        "memory_mb": {
            "per worker": [round(octets / MB) for octets in at_rest],
            **{f"{what} adds": round(grown / MB, 1) for what, grown in memory.items()},
        },
    }


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


def _floor(prepared: Sequence[messages.Deposit], folder: Path, reached: float, cores: int) -> dict[str, float]:
    """The floor on one core, and what TD2.1 reached of it per core."""
    per_core = 1 / floor.seconds_per_deposit(prepared, folder)
    return {
        "floor_per_second_per_core": round(per_core, 1),
        "reached_per_second_per_core": round(reached / cores, 1),
        "ratio": round(reached / cores / per_core, 2),
    }


def _text(report: dict[str, Any]) -> str:
    lines = [f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores, clients on the same machine\n"]
    lines.append(f"{'':<26} per second   p50 ms   p99 ms  failures")
    lines += [
        f"{row['what']:<26} {row['per_second']:10} {row['p50_ms']:8} {row['p99_ms']:8} {row['failures']:9}"
        for row in report["rows"]
    ]
    found = report["floor"]
    lines.append(
        f"\nTD2.1 per core: {found['reached_per_second_per_core']}/s of a floor of "
        f"{found['floor_per_second_per_core']}/s = {found['ratio']:.0%}"
    )
    lines.append(f"Envelope of TD2.1: {report['envelope_octets']} octets")
    lines.append("Memory (MB): " + "; ".join(f"{k} {v}" for k, v in report["memory_mb"].items()))
    return "\n".join(lines)
