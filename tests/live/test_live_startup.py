"""Starting and stopping `dmpws serve`: what stands in the way is said in one sentence, and nothing is left behind."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from live_wire import until

from dmpws import cast
from dmpws.cli import EXIT_INTERNAL, Failure, main
from dmpws.cli.serve import Supervisor, prepare
from dmpws.client import Attachment, ClinicalDocument, Deposit
from dmpws.client.cda import CONSULTATION_REPORT
from dmpws.config import load
from dmpws.testing.server import LiveServer, free_port

pytestmark = pytest.mark.live

PATIENT = cast.PATIENTS["pat-trois"]


def serve(folder: Path, *words: str, **options: str) -> subprocess.CompletedProcess[str]:
    """Run a server that ends by itself."""
    ports = ["--port", options.pop("port", str(free_port())), "--ops-port", options.pop("ops_port", str(free_port()))]
    return subprocess.run(
        [sys.executable, "-m", "dmpws", "--data", str(folder), "serve", *ports, *words],
        env={**os.environ, **{f"DMPWS_{name.upper()}": value for name, value in options.items()}},
        capture_output=True,
        check=False,
        text=True,
        timeout=300,
    )


def one_sentence(text: str, *said: str) -> None:
    [sentence] = text.splitlines()
    assert sentence.startswith("dmpws: ")
    for words in said:
        assert words in sentence


def test_a_port_that_is_taken(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        number = str(taken.getsockname()[1])
        done = serve(folder, port=number)
    assert done.returncode == EXIT_INTERNAL
    one_sentence(done.stderr, "HTTPS port", number, "already in use")


Refused = Callable[..., None]


@pytest.fixture
def refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Refused:
    """Checks that `dmpws serve` does not start, in this process: nothing may be forked here."""
    monkeypatch.setattr(Supervisor, "start", lambda _: pytest.fail("it starts"))

    def check(folder: Path, *said: str, **options: str) -> None:
        for name, value in options.items():
            monkeypatch.setenv(f"DMPWS_{name.upper()}", value)
        ports = {"DMPWS_PORT": str(free_port()), "DMPWS_OPS_PORT": str(free_port())}
        for name, value in ports.items():
            monkeypatch.setenv(name, os.environ.get(name, value))
        assert main(["--data", str(folder), "serve"]) == EXIT_INTERNAL
        one_sentence(capsys.readouterr().err, *said)

    return check


def test_an_operator_port_that_is_taken(folder: Path, refused: Refused) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        number = str(taken.getsockname()[1])
        refused(folder, "operator port", number, "already in use", ops_port=number)


def test_a_folder_that_cannot_be_written(tmp_path: Path, refused: Refused) -> None:
    """Below a file: even root cannot make it."""
    (tmp_path / "file").touch()
    refused(tmp_path / "file" / "data", str(tmp_path / "file" / "data"), "not writable")


@pytest.mark.parametrize("content", [None, "rien", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_a_trust_folder_that_is_none(folder: Path, tmp_path: Path, refused: Refused, content: str | None) -> None:
    trust = tmp_path / "trust"
    if content is not None:
        (trust / "anchors").mkdir(parents=True)
        (trust / "anchors" / "ac.pem").write_text(content)
    refused(folder, str(trust), trust=str(trust))


def test_a_database_that_is_none(folder: Path, refused: Refused) -> None:
    refused(folder, "the database is SQLite in a file, or PostgreSQL", database="mysql://localhost/dmp")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"tls": "proxy"}, "needs unix_socket or proxy_secret"),
        ({"tls": "direct", "proxy_secret": "x"}, "go with tls = proxy"),
        ({"unix_socket": "/x/y"}, "go with tls = proxy"),
    ],
)
def test_two_ways_to_know_the_client(folder: Path, options: dict[str, str], said: str) -> None:
    config = load({"data": str(folder), **options}, environment={})
    with pytest.raises(Failure, match=said) as failure:
        prepare(config)
    assert failure.value.status == EXIT_INTERNAL


@pytest.mark.parametrize("year", [1970, 2025, 2106])
def test_a_clock_that_is_not_set(tmp_path: Path, year: int) -> None:
    """Said before anything is made: certificates of 1970 would be of no use afterwards."""
    config = load({"data": str(tmp_path / "data")}, environment={})
    with pytest.raises(Failure, match=f"the clock of this machine says {year}") as failure:
        prepare(config, now=datetime(year, 6, 1, tzinfo=UTC))
    assert failure.value.status == EXIT_INTERNAL
    assert not (tmp_path / "data").exists()


def processes_of(server: LiveServer) -> set[int]:
    """Every process of its session."""
    found = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(fields[3]) == server.pid:
            found.add(int(stat.parent.name))
    return found


def all_processes_of(server: LiveServer, number: int) -> set[int]:
    """It is ready as soon as one worker is."""
    until(lambda: len(processes_of(server)) >= number)
    return processes_of(server)


def alive(pids: set[int]) -> set[int]:
    return {pid for pid in pids if state_of(pid) not in ("", "Z")}


def state_of(pid: int) -> str:
    """Its letter in /proc; Z is one that nobody has buried yet, as in a container whose first process does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return ""


def wait_until_gone(pids: set[int]) -> None:
    until(lambda: not alive(pids))


def test_a_second_start_finds_what_the_first_one_left(folder: Path) -> None:
    server = LiveServer(folder, workers="1")
    now = datetime.now(UTC).replace(microsecond=0)
    with server:
        authorities = server.pki.ca_file.read_bytes()
        with server.session("medecin-libre") as doctor:
            assert doctor.add_authorisation(PATIENT.ins).ok
            body = Attachment("text/plain", b"Toux.")
            before = now - timedelta(minutes=5)
            document = ClinicalDocument(
                PATIENT.ins, PATIENT.traits, doctor.actor, CONSULTATION_REPORT, "CR", body, now, before, now
            )
            assert doctor.submit(PATIENT.ins, [Deposit(document)]).ok
        until(lambda: "Ready in " in server.log)
    with server:
        assert server.pki.ca_file.read_bytes() == authorities
        with server.session("medecin-libre") as doctor:
            [found] = doctor.find_documents(PATIENT.ins).documents
            assert found.unique_id == document.unique_id
            [read] = doctor.retrieve(PATIENT.ins, [document.unique_id]).documents
            assert read.octets.read() == document.to_xml()
        until(lambda: server.log.count("Ready in ") == 2)  # said when the server itself has found out
    assert server.log.count("Ready in ") == 2


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT], ids=lambda s: s.name)
def test_a_signal_ends_everything(folder: Path, end: signal.Signals) -> None:
    if signal.getsignal(end) is signal.SIG_IGN:
        pytest.skip(f"{end.name} is ignored here, and in every process started from here (nohup)")
    with LiveServer(folder, workers="2") as server:
        pids = all_processes_of(server, 6)  # this one, two arbiters, their workers
        os.kill(server.pid, end)
        wait_until_gone(pids - {server.pid})
    assert not alive(pids)
    assert "Traceback" not in server.log


def test_when_one_half_dies_the_other_does(folder: Path) -> None:
    with LiveServer(folder, workers="1") as server:
        pids = all_processes_of(server, 5)
        *_, operators = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()
        os.kill(int(operators), signal.SIGKILL)
        wait_until_gone(pids - {server.pid})
    assert "dmpws: the operator port ended with status -9" in server.log
    assert "Traceback" not in server.log


def test_the_demo_once(tmp_path: Path) -> None:
    """What `make run ONCE=1` does, on a machine that has nothing yet."""
    done = serve(tmp_path / "data", "--demo", "--once")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    assert "✗" not in done.stdout
    assert "steps gave the promised answer" in done.stdout
