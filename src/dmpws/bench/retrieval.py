"""TD3.2 of 1 MB and 100 MB over loopback TLS, beside bare TLS sending the same octets (`bare_tls`)."""

import tempfile
from pathlib import Path
from statistics import median
from typing import Any

from dmpws.bench import OPTIONS, messages, say, throughput
from dmpws.bench.bare_tls import bare_server
from dmpws.bench.load import Measure, Target, measure
from dmpws.testing.server import LiveServer

MB = 1024 * 1024
AIM = 200
"""MB/s, or what TLS itself gives when that is less."""
ROUNDS = 5
"""The two servers take turns, so that what else runs slows both alike."""


def run(clients: int, workers: int) -> dict[str, Any]:
    """Start a server in a temporary folder and retrieve from it, and from the bare one. Raises Failed."""
    with (
        tempfile.TemporaryDirectory(prefix="dmpws-bench-") as name,
        LiveServer(Path(name), workers=str(workers), **OPTIONS) as server,
        server.session("medecin-libre") as session,
    ):
        throughput.require(session.add_authorisation(messages.PATIENT.ins), "TD0.3")
        rows: list[dict[str, Any]] = []
        for what, size, retrievals, connections in (
            ("1 MB", MB, 40, 1),
            (f"1 MB, {clients} connections", MB, 100, clients),
            ("100 MB", 100 * MB - 1024, 1, 1),
        ):
            say(f"retrieval: {what}, {ROUNDS} times {retrievals} ...")
            reference = messages.imaging_reference(session, size)
            throughput.deposit(session, [reference])
            assert reference.entry is not None
            asked = messages.retrieval(session, messages.PATIENT.ins, reference.entry.unique_id)
            target = Target(server.url, server.pki.card("medecin-libre"), server.pki.ca_file)
            ours: list[Measure] = []
            bare: list[Measure] = []
            with bare_server(server.pki, reference.octets, workers) as url:
                for _ in range(ROUNDS):
                    ours.append(measure(target, [asked] * retrievals, throughput.SUCCESS, connections))
                    bare.append(
                        measure(Target(url, target.card, target.ca_file), [asked] * retrievals, b"", connections)
                    )
            rows.append({
                "what": what,
                "mb_per_second": _rate(ours, size),
                "bare_tls_mb_per_second": _rate(bare, size),
                "failures": sum(m.failures for m in ours),
            })  # fmt: skip
    return {"rows": rows}


def _rate(rounds: list[Measure], size: int) -> int:
    """Median of the rounds, in MB of document per second."""
    return round(median(m.per_second * size / MB for m in rounds))


def text(report: dict[str, Any]) -> str:
    """The report for a reader."""
    lines = [f"{'Retrieval (TD3.2)':<26}   MB/s  bare TLS MB/s   aim  failures"]
    for row in report["rows"]:
        tls = row["bare_tls_mb_per_second"]
        lines.append(f"{row['what']:<26} {row['mb_per_second']:6} {tls:14} {min(AIM, tls):5} {row['failures']:9}")
    return "\n".join(lines)
