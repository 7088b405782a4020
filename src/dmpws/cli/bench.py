"""`dmpws bench`: throughput of a server started for it, searches in a large registry, retrieval."""

import argparse
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from dmpws.bench import Failed, registry, retrieval, throughput
from dmpws.cli import EXIT_FAILED, Failure
from dmpws.client import ClientError

MEASUREMENTS = ("throughput", "retrieval", "registry")


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = subparsers.add_parser("bench", help="throughput, and its ratio to the floor measured in the same run")
    parser.add_argument("--requests", type=int, default=1000, help="requests of each kind (default: 1000)")
    parser.add_argument("--clients", type=int, default=4, help="client processes, one connection each (default: 4)")
    parser.add_argument("--workers", type=int, default=os.cpu_count(), help="server workers (default: one per core)")
    parser.add_argument(
        "--only", action="append", choices=MEASUREMENTS, help="measure only this; may be repeated (default: everything)"
    )
    parser.add_argument(
        "--registry",
        type=_size,
        default=registry.FULL,
        metavar="N",
        help=f"entries of the registry that is searched, at least {registry.SMALLEST} (default: {registry.FULL})",
    )
    parser.add_argument(
        "--databases", nargs="+", choices=registry.DATABASES, default=registry.DATABASES, help="where (default: both)"
    )
    parser.set_defaults(func=run)


def _size(text: str) -> int:
    size = int(text)
    if size < registry.SMALLEST:
        raise argparse.ArgumentTypeError(f"at least {registry.SMALLEST}")
    return size


def run(args: argparse.Namespace) -> int:
    """Measure in temporary folders and print what was measured; 1 when a request failed."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # so that the folders go away then, too
    chosen = args.only or MEASUREMENTS
    reports: dict[str, Any] = {}
    measured: dict[str, Callable[[], dict[str, Any]]] = {
        "throughput": lambda: throughput.run(args.requests, args.clients, args.workers),
        "retrieval": lambda: retrieval.run(args.clients, args.workers),
        "registry": lambda: registry.run(args.databases, args.registry, args.requests, args.workers),
    }
    texts = {"throughput": throughput.text, "retrieval": retrieval.text, "registry": registry.text}
    if args.format == "text":
        print(
            f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores, clients on the same cores, journal off", flush=True
        )
    for name in chosen:
        started = time.monotonic()
        try:
            reports[name] = measured[name]()
        except (Failed, ClientError) as error:
            raise Failure(f"{name}: {error}") from None
        reports[name]["seconds"] = round(time.monotonic() - started)
        if args.format == "text":
            print(f"\n{texts[name](reports[name])}\n({reports[name]['seconds']} s)", flush=True)
    if args.format == "json":
        print(json.dumps(reports, indent=2))
    failed = any(row["failures"] for report in reports.values() for row in report["rows"])
    return EXIT_FAILED if failed else 0
