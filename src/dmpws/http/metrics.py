"""Prometheus metrics, shared by all workers through PROMETHEUS_MULTIPROC_DIR.

prometheus_client reads that variable when it is imported: `prepare` must run before a `Metrics` is made.
"""

import os
import shutil
from pathlib import Path
from typing import Any

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
BUCKETS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0)


def prepare(folder: Path) -> None:
    """Empty the folder the workers will share and name it in the environment; once, before the workers start."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    os.environ[VARIABLE] = str(folder)


class Metrics:
    """Counts and times the exchanges of this process."""

    def __init__(self) -> None:
        from prometheus_client import Counter, Histogram  # noqa: PLC0415 - see the module's docstring

        labels = ["operation", "outcome"]
        self._calls = Counter("dmpws_exchanges_total", "Exchanges, by operation and outcome", labels)
        self._seconds = Histogram(
            "dmpws_exchange_seconds", "Time from the headers to the last octet", ["operation"], buckets=BUCKETS
        )
        self._received = Counter("dmpws_received_octets_total", "Octets of requests", ["operation"])
        self._sent = Counter("dmpws_sent_octets_total", "Octets of answers", ["operation"])

    def observe(self, operation: str, outcome: str, seconds: float, received: int, sent: int) -> None:
        """Count one exchange. outcome: `ok`, a DMP or XDS code, or a fault subcode."""
        self._calls.labels(operation, outcome).inc()
        self._seconds.labels(operation).observe(seconds)
        self._received.labels(operation).inc(received)
        self._sent.labels(operation).inc(sent)


def exposition() -> tuple[bytes, str]:
    """Return the metrics of all workers in Prometheus' text form, and its Content-Type."""
    from prometheus_client import (  # noqa: PLC0415 - see the module's docstring
        CONTENT_TYPE_LATEST,
        CollectorRegistry,
        generate_latest,
    )

    registry: Any = CollectorRegistry()
    registry.register(_Workers(Path(os.environ[VARIABLE])))
    return generate_latest(registry), CONTENT_TYPE_LATEST


class _Workers:
    """The collector of prometheus_client, but for the files that a worker has just made: empty, they cannot be read."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def collect(self) -> Any:
        """Called by the registry."""
        from prometheus_client.multiprocess import MultiProcessCollector  # noqa: PLC0415

        files = (path for path in self._folder.glob("*.db") if path.stat().st_size)
        return MultiProcessCollector.merge([str(path) for path in files])
