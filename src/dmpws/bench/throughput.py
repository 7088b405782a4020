"""Calls per second of each transaction, memory, and for TD2.1 the ratio to the floor of the same run."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dmpws.bench import OPTIONS, Failed, floor, messages, processes, say
from dmpws.bench.load import Measure, Target, measure
from dmpws.client import ClinicalDocument, LpsSession
from dmpws.client import Deposit as ClientDeposit
from dmpws.domain.document import Status
from dmpws.testing.server import LiveServer

SUCCESS = b"ResponseStatusType:Success"
FIRST_ENTRIES = 50
FLOOR_DEPOSITS = 400
MB = 1024 * 1024


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


def run(requests: int, clients: int, workers: int) -> dict[str, Any]:
    """Start a server in a temporary folder and load it. Raises Failed."""
    with tempfile.TemporaryDirectory(prefix="dmpws-bench-") as name:
        folder = Path(name)
        (folder / "floor").mkdir()
        with LiveServer(folder / "data", workers=str(workers), **OPTIONS) as server:
            return _measured(server, requests, clients, workers, folder / "floor")


def _measured(server: LiveServer, n: int, clients: int, workers: int, floor_folder: Path) -> dict[str, Any]:
    card = server.pki.card("medecin-libre")
    target = Target(server.url, card, server.pki.ca_file)
    ins = messages.PATIENT.ins
    with server.session("medecin-libre") as session:
        require(session.add_authorisation(ins), "TD0.3")
        large = _fill(session)
        say(f"throughput: signing {2 * n} lots ...")
        reusing = list(messages.deposits(session, n, fresh_tokens=False))
        fresh = list(messages.deposits(session, n, fresh_tokens=True))
        loads = [
            ("TD0.2", [messages.existence(session, ins)] * n, b"queryResponseCode"),
            (f"TD3.1, {FIRST_ENTRIES} entries", [messages.search(session, ins)] * n, SUCCESS),
            ("TD3.2, 1 MB", [messages.retrieval(session, ins, large)] * (n // 4), SUCCESS),
            ("TD2.1, one VIHF for all", [d.message for d in reusing], SUCCESS),
            ("TD2.1, a new VIHF each", [d.message for d in fresh], SUCCESS),
        ]
        pids = processes.workers_of(server.pid)
        results = [load(target, pids, *what, clients) for what in loads]
        at_rest = [processes.resident(pid)[0] for pid in pids]
        say("throughput: memory of large deposits ...")
        memory = {
            "100 MB of plain octets": _grows(session, pids, messages.imaging_reference(session, 100 * MB - 1024)),
            "30 MB CDA": _grows(session, pids, ClientDeposit(messages.document(session, 30 * MB))),
        }
    return {
        "rows": [result.row() for result in results],
        "floor": _floor(fresh[:FLOOR_DEPOSITS], floor_folder, results[-1], workers),
        "envelope_octets": len(fresh[0].envelope),
        "memory_mb": {
            "per worker": [round(octets / MB) for octets in at_rest],
            **{f"{what} adds": round(grown / MB, 1) for what, grown in memory.items()},
        },
    }


def load(
    target: Target,
    workers: Sequence[int],
    what: str,
    sent: Sequence[messages.Message],
    expected: bytes,
    clients: int,
) -> Result:
    """Send messages and note what they cost the workers. Raises Failed."""
    say(f"{what}: {len(sent)} requests ...")
    before = sum(processes.cpu_seconds(pid) for pid in workers)
    measured = measure(target, sent, expected, clients)
    used = sum(processes.cpu_seconds(pid) for pid in workers) - before
    return Result(what, measured, used / len(sent))


def require(answer: Any, what: str) -> None:
    """Raise Failed when the server refused what a measurement needs."""
    if not answer.ok:
        raise Failed(f"{what} was refused: {answer}")


def deposit(session: LpsSession, documents: Sequence[ClientDeposit | ClinicalDocument]) -> None:
    """Deposit one lot. Raises Failed."""
    given = [d if isinstance(d, ClientDeposit) else ClientDeposit(d) for d in documents]
    require(session.submit(messages.PATIENT.ins, given), "TD2.1")


def _fill(session: LpsSession) -> str:
    """Deposit the entries TD3.1 finds, and a document of 1 MB; returns its uniqueId."""
    for _ in range(FIRST_ENTRIES // 10):
        deposit(session, [messages.document(session, 20_000) for _ in range(10)])
    found = session.find_documents(messages.PATIENT.ins, statuses=[Status.APPROVED]).documents
    if len(found) != FIRST_ENTRIES:
        raise Failed(f"TD3.1 finds {len(found)} of the {FIRST_ENTRIES} documents deposited")
    document = messages.document(session, MB)
    deposit(session, [document])
    return document.unique_id


def _grows(session: LpsSession, workers: Sequence[int], document: ClientDeposit) -> int:
    """Highest memory a worker reaches above what it had, in octets, while one lot is deposited."""
    lot = session.build_lot(messages.PATIENT.ins, [document])
    before = {}
    for pid in workers:
        processes.reset_highest(pid)
        before[pid] = processes.resident(pid)[0]
    require(session.send_lot(messages.PATIENT.ins, lot), "TD2.1")
    return max(processes.resident(pid)[1] - before[pid] for pid in workers)


def _floor(prepared: Sequence[messages.Deposit], folder: Path, reached: Result, cores: int) -> dict[str, float]:
    """The floor of a core, and what TD2.1 with a new VIHF each reached of it."""
    say("throughput: the floor ...")
    measured = floor.measure(prepared, folder, cores)
    per_core = reached.measure.per_second / cores
    return {
        "floor_per_second_per_core": round(measured.per_second, 1),
        "reached_per_second_per_core": round(per_core, 1),
        "ratio": round(per_core / measured.per_second, 2),
        "floor_cpu_ms": round(measured.cpu * 1000, 2),
        "cpu_ratio": round(measured.cpu / reached.cpu, 2),
    }


def text(report: dict[str, Any]) -> str:
    """The report for a reader."""
    found = report["floor"]
    return "\n".join([
        f"{'Throughput':<26} per second   p50 ms   p99 ms  server CPU ms  failures",
        *(
            f"{row['what']:<26} {row['per_second']:10} {row['p50_ms']:8} {row['p99_ms']:8}"
            f" {row['server_cpu_ms']:14} {row['failures']:9}"
            for row in report["rows"]
        ),
        f"TD2.1 per core: {found['reached_per_second_per_core']}/s of a floor of "
        f"{found['floor_per_second_per_core']}/s = {found['ratio']:.0%}, the clients' work included",
        f"Processor time of the floor: {found['floor_cpu_ms']} ms = {found['cpu_ratio']:.0%} of what the server uses",
        f"Envelope of TD2.1: {report['envelope_octets']} octets",
        "Memory (MB): " + "; ".join(f"{k} {v}" for k, v in report["memory_mb"].items()),
    ])  # fmt: skip
