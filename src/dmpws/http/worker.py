"""gunicorn's threaded worker, with a bound on how long a client may hold a thread.

gunicorn bounds how long it waits for the first octet and between requests, not the handshake, the headers, the body
or a client that does not read its answer: each of those would keep a thread as long as the client likes.
"""

import socket
import time
from collections.abc import Callable
from typing import Any

from gunicorn.workers.gthread import ThreadWorker


class TimedWorker(ThreadWorker):
    """Bounds each phase. `head_seconds`: handshake and headers; then the connection is cut. `reading_seconds`: the
    body; the application then sees a TimeoutError, and answers 408. `exchange_seconds`: everything from the headers
    to the last octet of the answer; then the connection is cut.
    """

    head_seconds = 20.0
    reading_seconds = 120.0
    exchange_seconds = 900.0

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # When each connection that holds a thread is cut, monotonic.
        self._deadlines: dict[Any, float] = {}
        self._looked = 0.0

    def handle(self, conn: Any) -> Any:
        """Serve a connection; runs in a thread."""
        self._deadlines[conn] = time.monotonic() + self.head_seconds
        try:
            return super().handle(conn)
        finally:
            self._deadlines.pop(conn, None)

    def handle_request(self, req: Any, conn: Any) -> Any:
        """Serve a request whose headers are there; runs in a thread."""
        now = time.monotonic()
        self._deadlines[conn] = now + self.exchange_seconds
        unreader = conn.parser.unreader
        unreader.chunk = _timed(unreader, now + self.reading_seconds)
        try:
            return super().handle_request(req, conn)
        finally:
            del unreader.chunk  # uncovers the method of its class

    def notify(self) -> None:
        """Called by the main thread at least once a second."""
        super().notify()
        now = time.monotonic()
        if now - self._looked >= 0.5:
            self._looked = now
            for conn, deadline in list(self._deadlines.items()):
                if now > deadline:
                    cut(conn.sock)


def _timed(unreader: Any, deadline: float) -> Callable[..., bytes]:
    """Return the socket read of `unreader` with what is left of the time, however little each read brings."""

    def chunk(size_hint: int | None = None) -> bytes:
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        unreader.sock.settimeout(left)
        try:
            octets: bytes = type(unreader).chunk(unreader, size_hint)
        finally:
            unreader.sock.settimeout(None)
        return octets

    return chunk


def cut(sock: socket.socket) -> None:
    """Wake the thread that is blocked on the socket. Not SSLSocket.shutdown, which drops the TLS state under it."""
    try:
        socket.socket.shutdown(sock, socket.SHUT_RDWR)
    except OSError:
        pass  # closed meanwhile


def worker_class(*, reading_seconds: float) -> type[TimedWorker]:
    """The worker with the bounds of a configuration."""
    return type("DmpwsWorker", (TimedWorker,), {"reading_seconds": reading_seconds})
