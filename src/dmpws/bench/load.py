"""Load on a running server: client processes with one kept-alive connection each, messages made beforehand."""

import contextlib
import http.client
import multiprocessing
import ssl
import time
import urllib.parse
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from dmpws.bench import Failed
from dmpws.bench.messages import Message
from dmpws.pki.cards import Card

_BEGINNING = 64 * 1024
"""Octets of an answer that are looked at; the rest is only received."""


@dataclass(frozen=True, slots=True)
class Target:
    """The server and the card that opens its connections."""

    url: str
    card: Card
    ca_file: Path


@dataclass(frozen=True, slots=True)
class Measure:
    """What a load gave. seconds: from the first request to the last answer; times: of each request, in seconds."""

    seconds: float
    times: tuple[float, ...]
    failures: int

    @property
    def per_second(self) -> float:
        return len(self.times) / self.seconds

    def percentile(self, rank: float) -> float:
        """The time that `rank` (0 to 1) of the requests did not exceed, in milliseconds."""
        ordered = sorted(self.times)
        return ordered[min(len(ordered) - 1, int(rank * len(ordered)))] * 1000


def measure(target: Target, messages: Sequence[Message], expected: bytes, clients: int) -> Measure:
    """Send every message once, spread over `clients` processes; an answer that does not hold `expected` in its
    beginning is a failure.

    Raises Failed when a client lost its connection.
    """
    context = multiprocessing.get_context("fork")
    pairs = [context.Pipe() for _ in range(clients)]
    processes = [
        context.Process(target=_client, args=(target, messages[n::clients], expected, theirs))
        for n, (_, theirs) in enumerate(pairs)
    ]
    for process in processes:
        process.start()
    for _, theirs in pairs:
        theirs.close()  # so that the end of a client ends its pipe
    try:
        for ours, _ in pairs:
            ours.recv()  # connected
        started = time.perf_counter()
        for ours, _ in pairs:
            ours.send("go")
        results = [ours.recv() for ours, _ in pairs]
        elapsed = time.perf_counter() - started
    except (EOFError, OSError):
        raise Failed("a client of the bench lost its connection to the server") from None
    for process in processes:
        process.join()
    times = tuple(t for client_times, _ in results for t in client_times)
    return Measure(elapsed, times, sum(failures for _, failures in results))


def tls_context(target: Target) -> ssl.SSLContext:
    """What a client connects with."""
    context = ssl.create_default_context(cafile=str(target.ca_file))
    context.load_cert_chain(target.card.auth_certificate_file, target.card.auth_key_file)
    return context


def _client(target: Target, messages: Sequence[Message], expected: bytes, pipe: Connection) -> None:
    """Send messages; what is lost with the connection is told by the end of the pipe."""
    with contextlib.suppress(OSError, http.client.HTTPException, EOFError):
        _send(target, messages, expected, pipe)


def _send(target: Target, messages: Sequence[Message], expected: bytes, pipe: Connection) -> None:
    parts = urllib.parse.urlsplit(target.url)
    connection = http.client.HTTPSConnection(parts.hostname or "", parts.port, context=tls_context(target), timeout=60)
    connection.connect()
    pipe.send("connected")
    pipe.recv()
    times, failures, rest = [], 0, bytearray(1024 * 1024)
    for message in messages:
        started = time.perf_counter()
        connection.request(
            "POST",
            f"{parts.path}/{message.service}",
            body=message.content,
            headers={"Content-Type": message.content_type},
        )
        answer = connection.getresponse()
        begins = answer.read(_BEGINNING)
        while answer.readinto(rest):
            pass
        times.append(time.perf_counter() - started)
        failures += expected not in begins
    pipe.send((times, failures))
    connection.close()
