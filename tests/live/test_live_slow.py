"""Clients that take their time: cut when the reading budget is spent, while the others are served."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest
from live_wire import existence, https, post, serving, tls, traces, wait_for_trace

from dmpws import cast
from dmpws.pki.demo import DemoPki
from dmpws.testing.server import PATH, LiveServer

pytestmark = pytest.mark.live

PATIENT = cast.PATIENTS["pat-trois"]


@pytest.fixture(scope="module")
def impatient(live_pki: DemoPki, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """Two threads, and two seconds to receive a request."""
    folder = tmp_path_factory.mktemp("impatient")
    with serving(live_pki, folder, workers="1", threads="2", max_request_seconds="2") as server:
        yield server


def drip(server: LiveServer, answers: list[bytes], pieces: list[bytes]) -> None:
    """Send the head of a request, then a piece of its body every tenth of a second; keep what comes back. A server
    that has answered does not take the next piece: its answer is there all the same."""
    card = server.pki.card("medecin-libre")
    raw = socket.create_connection(("localhost", server.port), timeout=60)
    with tls(server, card).wrap_socket(raw, server_hostname="localhost") as connection:
        connection.sendall(pieces[0])
        connection.settimeout(0.1)
        received = b""
        for piece in [*pieces[1:], *[b""] * 600]:
            if piece and not received:
                with suppress(OSError):
                    connection.sendall(piece)
            try:
                if not (more := connection.recv(65536)):
                    break
                received += more
            except TimeoutError:
                continue
            except OSError:
                break
    answers.append(received)


def head(length: str) -> bytes:
    return (
        f"POST {PATH}/patients HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/soap+xml\r\n{length}\r\n\r\n"
    ).encode()


@pytest.mark.parametrize(
    "pieces",
    [
        [head("Content-Length: 5000"), *[b"<"] * 200],
        [head("Content-Length: 5000")],
        [head("Transfer-Encoding: chunked"), *[b"1\r\n<\r\n"] * 200],
    ],
    ids=["drop by drop", "nothing", "chunk by chunk"],
)
def test_a_slow_body_is_cut_while_others_are_served(impatient: LiveServer, pieces: list[bytes]) -> None:
    before = len(traces(impatient.folder))
    answers: list[bytes] = []
    dripper = threading.Thread(target=drip, args=(impatient, answers, pieces))
    dripper.start()
    time.sleep(0.3)
    card = impatient.pki.card("medecin-libre")
    assert post(https(impatient, card), existence(card, PATIENT))[:2] == (200, "AA")
    dripper.join(120)
    assert not dripper.is_alive()
    [answer] = answers
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"[LIMIT-TIME, DMPWS LIMITS]" in answer
    assert wait_for_trace(impatient.folder, before, "LIMIT-TIME")["certificate_kind"] == "CPS"
    assert len(traces(impatient.folder)) == before + 2


def test_a_client_that_leaves_costs_nothing(impatient: LiveServer) -> None:
    """In the middle of a deposit: no part stays in the incoming folder."""
    before = len(traces(impatient.folder))
    card = impatient.pki.card("medecin-libre")
    raw = socket.create_connection(("localhost", impatient.port), timeout=60)
    with tls(impatient, card).wrap_socket(raw, server_hostname="localhost") as connection:
        connection.sendall(
            f"POST {PATH}/repository HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9999999\r\nContent-Type: "
            'multipart/related; boundary="b"; type="application/xop+xml"; start="<root>"\r\n\r\n'
            "--b\r\nContent-ID: <1>\r\n\r\n".encode()
        )
        connection.sendall(b"x" * 500_000)
    wait_for_trace(impatient.folder, before, "HTTP-LENGTH")
    assert list((impatient.folder / "documents" / "incoming").iterdir()) == []
    assert post(https(impatient, card), existence(card, PATIENT))[:2] == (200, "AA")
