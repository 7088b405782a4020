"""`dmpws journal` against the operator port of a server in this process."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest

from dmpws import cast
from dmpws.cli import main
from dmpws.client import LpsSession
from dmpws.client.transport import WsgiTransport
from dmpws.http.journal import Journalled
from dmpws.http.ops import build_ops_app
from dmpws.store.journal import Journal
from dmpws.testing.local import PATH, LocalApp
from dmpws.testing.server import free_port

INS = cast.PATIENTS["pat-trois"].ins


class _Silent(WSGIRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def session(app: LocalApp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LpsSession]:
    """A client whose exchanges are kept; the command line finds the operator port by DMPWS_OPS_PORT."""
    journal = Journal(tmp_path / "journal.sqlite")
    card = app.pki.card("medecin-libre")
    with make_server("127.0.0.1", 0, build_ops_app(dict, {}, journal, parameters=b""), handler_class=_Silent) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        monkeypatch.setenv("DMPWS_OPS_PORT", str(server.server_port))
        transport = WsgiTransport(Journalled(app, journal.add, most=1_000_000), card, PATH)
        yield LpsSession(card, transport=transport, clock=app.clock)
        server.shutdown()
        thread.join()
    journal.close()


def test_list_and_show_explain_a_refusal(session: LpsSession, capsys: pytest.CaptureFixture[str]) -> None:
    session.test_existence(INS)
    session.find_documents(INS)
    assert main(["journal", "list"]) == 0
    refused, accepted = capsys.readouterr().out.splitlines()
    assert "✗ TD3.1" in refused and "DMPAuthorizationNotFound" in refused
    assert "✓ TD0.2" in accepted
    for words in (["--transaction", "TD0.2"], ["--patient", "pat-trois", "--limit", "1", "--transaction", "TD0.2"]):
        assert main(["journal", "list", *words]) == 0
        assert capsys.readouterr().out.splitlines() == [accepted]
    assert main(["journal", "list", "--patient", "petra"]) == 0
    assert capsys.readouterr().out == ""
    assert main(["journal", "list", "--since", "hier"]) == 2
    assert capsys.readouterr().err == "dmpws: since: an instant is 2026-11-21T12:00:00Z\n"
    assert main(["journal", "show", "2"]) == 0
    shown = capsys.readouterr().out
    assert "✗ ADM-AUTHORISED  Une autorisation valide permet l'opération\n    attendu : VALIDE" in shown
    assert "✓ ADM-RIGHTS" in shown
    assert " ms  VIHF\n" in shown


def test_json_and_octets(session: LpsSession, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    session.test_existence(INS)
    assert main(["--format", "json", "journal", "show", "1"]) == 0
    assert json.loads(capfdbinary.readouterr().out)["transaction"] == "TD0.2"
    assert main(["journal", "show", "1", "--raw", "answer"]) == 0
    assert b"PRPA_IN201308UV02" in capfdbinary.readouterr().out


def test_the_newest_that_matches_is_shown_when_none_is_named(
    session: LpsSession, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["journal", "show"]) == 1
    assert "no such exchange" in capsys.readouterr().err
    session.find_documents(INS)
    session.test_existence(INS)
    assert main(["journal", "show", "0"]) == 1
    assert "no such exchange" in capsys.readouterr().err
    assert main(["journal", "show"]) == 0
    assert "✓ TD0.2" in capsys.readouterr().out.splitlines()[0]
    assert main(["journal", "show", "--transaction", "TD3.1"]) == 0
    assert "✗ TD3.1" in capsys.readouterr().out.splitlines()[0]


def test_tail_shows_what_comes_and_why(
    session: LpsSession, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    session.test_existence(INS)
    rounds = iter([lambda: session.find_documents(INS), lambda: session.test_existence(INS)])

    def sleep(_seconds: float) -> None:
        call = next(rounds, None)
        if call is None:
            raise KeyboardInterrupt
        call()

    monkeypatch.setattr(time, "sleep", sleep)
    assert main(["journal", "tail", "--explain"]) == 130
    printed = capsys.readouterr()
    assert "after exchange 1, until Ctrl-C" in printed.err
    lines = printed.out.splitlines()
    assert [line.split()[4:6] for line in lines if " ms " in line] == [["✗", "TD3.1"], ["✓", "TD0.2"]]
    assert any(line.startswith("✗ ADM-AUTHORISED") for line in lines)
    assert any(line.startswith("    que changer : ") for line in lines)


def test_reset(session: LpsSession, capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(3):
        session.test_existence(INS)
    assert main(["journal", "reset", "2"]) == 0
    assert main(["journal", "reset"]) == 0
    assert capsys.readouterr().out == "1 forgotten\n2 forgotten\n"
    assert main(["journal", "show", "1"]) == 1
    assert "no such exchange" in capsys.readouterr().err


def test_no_server_is_exit_status_3(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["journal", "--ops-url", f"http://127.0.0.1:{free_port()}", "list"]) == 3
    assert "no server answers" in capsys.readouterr().err
    for wrong in ("ftp://127.0.0.1", "http://127.0.0.1:port", "http://"):
        assert main(["journal", "--ops-url", wrong, "list"]) == 2
        assert capsys.readouterr().err == f"dmpws: {wrong}: the operator port is http://host:port\n"


@pytest.mark.parametrize(("status", "said"), [("200 OK", b"<h1>Hello</h1>"), ("404 Not Found", b'{"detail": "?"}')])
def test_another_server_is_not_mistaken_for_ours(status: str, said: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    def other(_environ: object, start: Callable[..., object]) -> list[bytes]:
        start(status, [("Content-Type", "text/html")])
        return [said]

    with make_server("127.0.0.1", 0, other, handler_class=_Silent) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        assert main(["journal", "--ops-url", f"http://127.0.0.1:{server.server_port}", "list"]) == 3
        server.shutdown()
    assert "not the operator port of dmpws" in capsys.readouterr().err
