"""Sending audit messages to a repository: syslog over TLS (RFC 5424, RFC 5425; ITI TF-2 3.20).

The chain of traces is the spool: what could not be sent is sent later, from where the cursor stands. Syslog knows no
acknowledgement, so what the operating system took and the network lost is not sent again; after a connection breaks,
the last batch is.
"""

import logging
import os
import socket
import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from dmpws.audit.atna import message_of

journal = logging.getLogger("dmpws.audit")

_PRIORITY = 85  # facility 10 (security), severity 5 (notice)
_TYPE = "IHE+RFC-3881"


@dataclass(frozen=True, slots=True)
class Repository:
    """Where audit messages go. authorities: PEM of its certificate's. certificate, key: of this server, PEM.

    source, site: how this server names itself in the messages. timeout: seconds.
    """

    host: str
    port: int
    authorities: Path
    certificate: Path
    key: Path
    source: str
    site: str = ""
    timeout: float = 30


class Spool(Protocol):
    """The traces after one, by number: (number, content), oldest first, a batch of them."""

    def __call__(self, after: int) -> Sequence[tuple[int, Mapping[str, Any]]]: ...


class Cursor:
    """The number of the last trace that was sent, in a file."""

    def __init__(self, file: Path, start: Callable[[], int]) -> None:
        """start: where to begin when there is no file yet."""
        self._file = file
        if not file.exists():
            self.move(start())

    @property
    def value(self) -> int:
        return int(self._file.read_text("ascii"))

    def move(self, to: int) -> None:
        """Note durably that everything up to `to` was sent."""
        draft = self._file.with_suffix(".new")
        with draft.open("w", encoding="ascii") as file:
            file.write(str(to))
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self._file)


def frame(content: Mapping[str, Any], repository: Repository) -> bytes:
    """One syslog message with its length before it (RFC 5425 4.3)."""
    at = datetime.fromisoformat(str(content["occurred_at"])).isoformat(timespec="milliseconds")
    head = f"<{_PRIORITY}>1 {at} {socket.gethostname()} dmpws {os.getpid()} {_TYPE} - "
    message = head.encode("ascii", "replace") + message_of(content, source=repository.source, site=repository.site)
    return f"{len(message)} ".encode() + message


class Sender:
    """Sends what the cursor has not reached, over one connection that is opened when needed."""

    def __init__(self, repository: Repository, spool: Spool, cursor: Cursor) -> None:
        self._repository = repository
        self._spool = spool
        self._cursor = cursor
        self._connection: ssl.SSLSocket | None = None

    def send(self) -> int:
        """Send a batch and return how many there were. Raises OSError when the repository cannot be reached."""
        batch = self._spool(self._cursor.value)
        if not batch:
            return 0
        try:
            connection = self._connected()
            for _, content in batch:
                connection.sendall(frame(content, self._repository))
            if _is_closed(connection, self._repository.timeout):
                raise ConnectionResetError("the audit repository closed the connection")
        except OSError:
            self.close()
            raise
        self._cursor.move(batch[-1][0])
        return len(batch)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connected(self) -> ssl.SSLSocket:
        if self._connection is None:
            there = self._repository
            context = ssl.create_default_context(cafile=str(there.authorities))
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            context.load_cert_chain(there.certificate, there.key)
            plain = socket.create_connection((there.host, there.port), there.timeout)
            try:
                self._connection = context.wrap_socket(plain, server_hostname=there.host)
            except BaseException:
                plain.close()
                raise
        return self._connection


def _is_closed(connection: ssl.SSLSocket, timeout: float) -> bool:
    """A repository has nothing to say but that it closes; TLS itself may have (session tickets)."""
    connection.setblocking(False)
    try:
        return connection.recv(1) == b""
    except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
        return False
    finally:
        connection.settimeout(timeout)


def send_for_ever(sender: Sender, pause: Callable[[float], None]) -> None:
    """Send what there is, wait, and go on; an unreachable repository is said once and tried again.

    pause: waits some seconds; may raise to end.
    """
    reachable = True
    while True:
        try:
            sent = sender.send()
            if not reachable:
                journal.warning("the audit repository can be reached again")
            reachable = True
        except OSError as error:
            sent = 0
            if reachable:
                journal.warning("the audit repository cannot be reached (%s): the traces wait", error)
            reachable = False
        if not sent:
            pause(2 if reachable else 15)
