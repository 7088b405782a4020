"""`dmpws lab` against the operator port of a server in this process."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest

from dmpws.app import build_operator_app
from dmpws.cli import main
from dmpws.config import load
from dmpws.pki.demo import DemoPki

Run = Callable[..., tuple[int, str]]


class _Silent(WSGIRequestHandler):
    def log_message(self, *_: object) -> None:
        """Nothing on the terminal of the tests."""


@pytest.fixture(scope="module", params=["test"])
def port(
    request: pytest.FixtureRequest, _migrated_sqlite: Path, pki: DemoPki, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[int]:
    """The operator port of a server of a profile."""
    data = tmp_path_factory.mktemp("data")
    (data / "dmpws.sqlite").write_bytes(_migrated_sqlite.read_bytes())
    given = {"profile": request.param, "data": str(data), "trust": str(pki.trust_folder), "encryption": False}
    with ExitStack() as opened:
        app = build_operator_app(load(given, environment={}), opened)
        server = opened.enter_context(make_server("127.0.0.1", 0, app, handler_class=_Silent))
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


@pytest.fixture
def run(port: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    monkeypatch.setenv("DMPWS_OPS_PORT", str(port))

    def command(*words: str) -> tuple[int, str]:
        status = main(list(words))
        done = capsys.readouterr()
        return status, done.out + done.err

    return command


def test_faults_are_set_listed_and_cleared(run: Run) -> None:
    run("lab", "faults", "clear")
    words = ["--code", "XDSRepositoryError", "--transaction", "TD2.1", "--patient", "petra", "--times", "3"]
    status, said = run("lab", "faults", "add", *words)
    assert status == 0
    assert said.split() == [
        "1", "code", "XDSRepositoryError", "TD2.1", "207100486108281^1.2.250.1.213.1.4.10", "next", "3;", "hit", "0"
    ]  # fmt: skip
    assert "duplicate, delay 2 s" in run("lab", "faults", "add", "--duplicate", "--delay", "2", "--rate", "0.5")[1]
    assert len(run("lab", "faults")[1].splitlines()) == 2
    assert [f["rate"] for f in json.loads(run("--format", "json", "lab", "faults")[1])] == [1.0, 0.5]
    assert run("lab", "faults", "clear", "1") == (0, "1 forgotten\n")
    assert run("lab", "faults", "clear") == (0, "1 forgotten\n")


def test_what_the_server_refuses_is_said(run: Run) -> None:
    status, said = run("lab", "faults", "add", "--code", "XDSRegistryBusy", "--transaction", "TD0.2")
    assert (status, "TD0.2 cannot carry XDSRegistryBusy" in said) == (2, True)
    status, said = run("lab", "faults", "add", "--times", "3")
    assert (status, "nothing goes wrong" in said) == (2, True)
    assert run("lab", "restore", "nothing") == (2, "dmpws: nothing: there is no such snapshot\n")
    assert run("lab", "snapshot", "a/b")[0] == 1
    assert run("lab", "faults", "clear", "77") == (1, "dmpws: no fault 77\n")
    assert run("lab", "forget", "nothing") == (1, "dmpws: no snapshot nothing\n")
    status, said = run("lab", "clock", "freeze", "tomorrow")
    assert (status, "'tomorrow' is not an instant such as" in said) == (2, True)


@pytest.mark.parametrize(
    ("by", "seconds"), [("400d", 34_560_000), ("1d12h", 129_600), ("90s", 90), ("90", 90), ("30m", 1800)]
)
def test_the_clock_runs_ahead(run: Run, by: str, seconds: int) -> None:
    assert f"(shifted by {seconds:g} s)" in run("lab", "clock", "shift", by)[1]
    assert "(real)" in run("lab", "clock", "real")[1]


def test_the_clock_runs_behind_and_stands_still(run: Run) -> None:
    assert "(shifted by -86400 s)" in run("lab", "clock", "shift", "--", "-1d")[1]
    assert run("lab", "clock", "freeze", "2027-01-01T12:00:00Z")[1] == "2027-01-01T12:00:00+00:00 (frozen)\n"
    assert run("lab", "clock")[1] == "2027-01-01T12:00:00+00:00 (frozen)\n"
    run("lab", "clock", "real")
    for wrong in ("soon", "d", ""):
        assert run("lab", "clock", "shift", wrong)[0] == 2


def test_a_state_is_kept_put_back_and_forgotten(run: Run) -> None:
    assert run("lab", "snapshot", "one")[1].split()[0] == "one"
    assert run("lab", "restore", "one")[1].split()[0] == "one"
    assert len(run("lab", "snapshots")[1].splitlines()) == 1
    assert run("lab", "forget", "one") == (0, "one forgotten\n")
    assert run("lab", "reset") == (0, "reset to cast\n")


@pytest.mark.parametrize("words", [["faults"], ["clock"], ["snapshots"], ["reset"]])
def test_other_profiles_are_refused_here(words: list[str], run: Run) -> None:
    status, said = run("--profile", "production", "lab", *words)
    assert (status, "local and test" in said) == (2, True)


@pytest.mark.parametrize("port", ["production", "ihe"], indirect=True)
def test_other_profiles_are_refused_there(port: int, run: Run) -> None:
    for line in ("faults", "clock shift 1d", "snapshot one", "reset", "faults add --cut after"):
        status, said = run("lab", "--ops-url", f"http://127.0.0.1:{port}", *line.split())
        assert (status, "unknown page" in said or "GET only" in said) == (1, True), said
