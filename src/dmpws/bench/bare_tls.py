"""A server that does nothing but TLS: what retrieval is compared with.

The same TLS stack, context and mutual authentication as the protocol port; every POST is answered with the same
octets, sent from memory in pieces of the same size.
"""

import multiprocessing
import re
import socket
import ssl
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from dmpws.http.mtom import PIECE
from dmpws.http.tls_context import TlsFiles, make_context
from dmpws.pki.demo import DemoPki

_LENGTH = re.compile(rb"\r\nContent-Length: (\d+)", re.IGNORECASE)


@contextmanager
def bare_server(pki: DemoPki, octets: bytes, workers: int) -> Iterator[str]:
    """Answer POSTs with `octets` for the time of a block; gives the URL. workers: processes."""
    context = make_context(TlsFiles(pki.server_certificate_file, pki.server_key_file, pki.ca_file))
    fork = multiprocessing.get_context("fork")
    with socket.create_server(("127.0.0.1", 0)) as listening:
        processes = [fork.Process(target=_serve, args=(listening, context, octets)) for _ in range(workers)]
        for process in processes:
            process.start()
        try:
            yield f"https://localhost:{listening.getsockname()[1]}"
        finally:
            for process in processes:
                process.terminate()
                process.join()


def _serve(listening: socket.socket, context: ssl.SSLContext, octets: bytes) -> None:
    """A thread for each connection."""
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: %d\r\n\r\n" % len(octets)
    answer = [head, *(memoryview(octets)[at : at + PIECE] for at in range(0, len(octets), PIECE))]
    while True:
        plain, _ = listening.accept()
        threading.Thread(target=_answer, args=(plain, context, answer), daemon=True).start()


def _answer(plain: socket.socket, context: ssl.SSLContext, answer: Sequence[bytes | memoryview]) -> None:
    with context.wrap_socket(plain, server_side=True) as connection:
        while _read_request(connection):
            for piece in answer:
                connection.sendall(piece)


def _read_request(connection: ssl.SSLSocket) -> bool:
    """Read one request to its end; false when the client has closed."""
    request = b""
    while (end := request.find(b"\r\n\r\n")) < 0:
        if not (piece := connection.recv(PIECE)):
            return False
        request += piece
    length = _LENGTH.search(request, 0, end)
    missing = (int(length[1]) if length else 0) - (len(request) - end - 4)
    while missing > 0:
        missing -= len(connection.recv(PIECE))
    return True
