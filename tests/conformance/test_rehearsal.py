"""`dmpws conformance watch` and `dmpws evidence` against the operator port of a server in this process."""

import json
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest

from dmpws import cast
from dmpws.cli import EXIT_UNREACHABLE, Failure, main
from dmpws.cli.journal import Port
from dmpws.client import LpsSession
from dmpws.client.transport import WsgiTransport
from dmpws.conformance.cases import Conformance
from dmpws.conformance.evidence import without_secrets
from dmpws.conformance.evidence_pages import index_page, sheet
from dmpws.conformance.review import review
from dmpws.conformance.watching import State
from dmpws.domain.access import AuthMode
from dmpws.domain.homologation import HomologationFile
from dmpws.domain.software import Category, Profile, Scope
from dmpws.http.journal import Journalled
from dmpws.http.ops import build_ops_app
from dmpws.pki.demo import DemoPki
from dmpws.resources import folder
from dmpws.store import open_store
from dmpws.store.journal import Journal
from dmpws.testing.local import PATH, LocalApp

PETRA, NOBODY = cast.PATIENTS["petra"].ins, cast.PATIENTS["conteste"].ins
PROFILE = """\
plan = "2.10c"
profiles = []
modes = ["direct"]
users = ["doctor"]
without = [{without}]
[patients]
Cas1 = ["{petra}"]
"""


class _Silent(WSGIRequestHandler):
    def log_message(self, *_: object) -> None:
        """Nothing on the terminal of the tests."""


@dataclass
class Room:
    """A server with a journal, who calls it, and the profile of a vendor."""

    session: LpsSession
    profile: Path

    def watch(self, *words: str) -> int:
        return main(["conformance", "watch", "--plan", str(self.profile), *words])


@contextmanager
def room(app: LocalApp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int = 1_000_000) -> Iterator[Room]:
    journal = Journal(tmp_path / "journal.sqlite")
    card = app.pki.card("medecin-libre")
    ops = build_ops_app(dict, {}, journal, parameters=b"")
    with make_server("127.0.0.1", 0, ops, handler_class=_Silent) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        monkeypatch.setenv("DMPWS_OPS_PORT", str(server.server_port))
        transport = WsgiTransport(Journalled(app, journal.add, most=most), card, PATH)
        profile = tmp_path / "profil.toml"
        profile.write_text(PROFILE.format(without="", petra=f"{PETRA.value}^{PETRA.authority}"), "utf-8")
        yield Room(LpsSession(card, transport=transport, clock=app.clock), profile)
        server.shutdown()
        thread.join()
    journal.close()


@pytest.fixture(scope="module")
def shared(
    _migrated_sqlite: Path, tmp_path_factory: pytest.TempPathFactory, pki: DemoPki, now: datetime
) -> Iterator[LocalApp]:
    """One server for all: these tests only read."""
    place = tmp_path_factory.mktemp("rehearsal")
    shutil.copyfile(_migrated_sqlite, place / "dmpws.sqlite")
    store = open_store(f"sqlite:///{place / 'dmpws.sqlite'}", place / "documents")
    yield LocalApp(store, pki, now)
    store.close()


@pytest.fixture
def here(shared: LocalApp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Room]:
    with room(shared, tmp_path, monkeypatch) as made:
        yield made


@pytest.fixture
def frameless(shared: LocalApp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Room]:
    """Its journal keeps no octet of a message."""
    with room(shared, tmp_path, monkeypatch, most=0) as made:
        yield made


def test_once_says_what_is_done_what_is_not_and_why(here: Room, capsys: pytest.CaptureFixture[str]) -> None:
    for ins in (NOBODY, PETRA, PETRA):
        here.session.test_existence(ins)
    assert here.watch("--once") == 1
    said = capsys.readouterr().out
    assert "✓ 0.2-010        Le patient n'a pas de DMP (échange 1)" in said
    assert (
        "attend une autorisation expirée : ce patient est NON_EXISTE ; utilisez Cas7 ou `dmpws seed expire petra`"
        in said
    )
    assert "☐ Le logiciel refuse lui-même l'accès au DMP à un patient dont l'identifiant est un NIA" in said
    assert "Pas encore tentés" in said and "1.3a-010" in said.partition("Pas encore tentés")[2]


def test_once_as_json_and_exit_0_when_nothing_is_missing(here: Room, capsys: pytest.CaptureFixture[str]) -> None:
    here.session.test_existence(NOBODY)
    assert main(["--format", "json", "conformance", "watch", "--plan", str(here.profile), "--once"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["plan"], told["guide"]) == ("2.10c", "2.10")
    states = {case["id"]: case for case in told["cases"]}
    assert (states["0.2-010"]["state"], states["0.2-010"]["exchanges"]) == ("done", [1])
    assert (states["0.1-050"]["state"], states["0.1-190"]["state"] if "0.1-190" in states else "") == ("manual", "")
    missing = [name for name, case in states.items() if case["state"] == "missing"]
    assert told["counts"]["missing"] == len(missing) > 0
    text = here.profile.read_text("utf-8")
    here.profile.write_text(text.replace("without = []", f"without = {json.dumps(missing)}"), "utf-8")
    assert here.watch("--once") == 0


def test_a_call_of_another_software_does_not_count(here: Room, capsys: pytest.CaptureFixture[str]) -> None:
    here.session.test_existence(NOBODY)
    text = here.profile.read_text("utf-8")
    here.profile.write_text(f'software = "another"\n{text}', "utf-8")
    assert here.watch("--once") == 1
    assert "✓" not in capsys.readouterr().out


def test_live_ticks_what_comes_and_ends_with_a_summary(
    here: Room, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    here.session.test_existence(NOBODY)
    calls: Iterator[Callable[[], Any]] = iter(
        [lambda: here.session.test_existence(PETRA), lambda: here.session.find_documents(PETRA)]
    )

    def sleep(_seconds: float) -> None:
        call = next(calls, None)
        if call is None:
            raise KeyboardInterrupt
        call()

    monkeypatch.setattr(time, "sleep", sleep)
    assert here.watch() == 1
    before, _, live = capsys.readouterr().out.partition("J'attends les appels du logiciel")
    assert "1 cas faits sur " in before
    assert "✓ 0.2-030        Le DMP existe, l'utilisateur n'y est pas autorisé (échange 2, TD0.2)" in live
    assert "· échange 3, TD3.1 : n'approche aucun des cas qui restent" in live
    assert live.count("Cahier de tests d'homologation") == 1


def test_live_outlives_the_server(
    here: Room, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is away for a round, and what came meanwhile counts."""
    rounds, get = iter(range(9)), Port.get

    def away(port: Port, page: str, **query: Any) -> Any:
        if next(rounds) == 1:
            raise Failure("no server answers", EXIT_UNREACHABLE)
        return get(port, page, **query)

    calls: Iterator[Callable[[], Any]] = iter([lambda: here.session.test_existence(NOBODY), lambda: None])

    def sleep(_seconds: float) -> None:
        call = next(calls, None)
        if call is None:
            raise KeyboardInterrupt
        call()

    monkeypatch.setattr(Port, "get", away)
    monkeypatch.setattr(time, "sleep", sleep)
    assert here.watch() == 1
    assert "✓ 0.2-010        Le patient n'a pas de DMP (échange 1, TD0.2)" in capsys.readouterr().out


def test_live_as_json_and_only_since(
    here: Room, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    here.session.test_existence(NOBODY)
    calls: Iterator[Callable[[], Any]] = iter([lambda: here.session.test_existence(PETRA)])

    def sleep(_seconds: float) -> None:
        call = next(calls, None)
        if call is None:
            raise KeyboardInterrupt
        call()

    monkeypatch.setattr(time, "sleep", sleep)
    assert main(["--format", "json", "conformance", "watch", "--plan", str(here.profile)]) == 1
    event, _, whole = capsys.readouterr().out.partition("\n")
    told = json.loads(event)
    assert (told["exchange"], told["new"], told["violated"]) == (2, ["0.1-110", "0.2-030"], [])
    assert json.loads(whole)["counts"]["done"] == 3
    assert here.watch("--once", "--since", "2999-01-01T00:00:00Z") == 1
    assert "0 cas faits sur " in capsys.readouterr().out


def test_a_wrong_profile_is_refused_by_its_key(here: Room, capsys: pytest.CaptureFixture[str]) -> None:
    text = here.profile.read_text("utf-8")
    for old, new, said in (
        ('"2.10c"', '"2.11"', "plan: there is no plan '2.11', only 2.10c"),
        ('"direct"', '"directe"', "modes: 'directe' is none of any, direct"),
        ('["direct"]', "[]", "modes: at least one"),
        ("without = []", 'without = ["9.9"]', "without: '9.9' is none of"),
        ("Cas1 = ", "Cas99 = ", "patients.Cas99: no patient of the plan"),
        ("^1.2.250.1.213.1.4.10", "", "patients.Cas1"),
        ("users", "user", "user: unknown key"),
    ):
        here.profile.write_text(text.replace(old, new), "utf-8")
        assert here.watch("--once") == 2
        assert said in capsys.readouterr().err
    here.profile.unlink()
    assert here.watch("--once") == 2


def test_no_server_is_exit_status_3(here: Room) -> None:
    assert here.watch("--ops-url", "http://127.0.0.1:1", "--once") == 3


def test_the_example_profile_is_read(here: Room, capsys: pytest.CaptureFixture[str]) -> None:
    here.profile = folder("conformance") / "profil-exemple.toml"
    assert here.watch("--once") == 1
    assert "0 cas faits sur " in capsys.readouterr().out


# Evidence


def _evidence(here: Room, out: Path) -> int:
    return main(["evidence", "--plan", str(here.profile), "--out", str(out)])


def test_evidence_is_a_folder_per_case(here: Room, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    here.session.test_existence(NOBODY)
    out = tmp_path / "preuves"
    assert _evidence(here, out) == 1
    index = json.loads((out / "index.json").read_text("utf-8"))
    assert (index["plan"], index["guide"], index["counts"]["done"]) == ("2.10c", "2.10", index["counts"]["done"])
    done = {case["id"] for case in index["cases"] if case["state"] == "done"}
    assert "0.2-010" in done
    made = out / "0.2-010"
    assert sorted(p.name for p in made.iterdir()) == ["1-reponse.xml", "1-requete.xml", "fiche.html", "verdict.json"]
    assert b"PRPA_IN201307UV02" in (made / "1-requete.xml").read_bytes()
    assert b'"NF"' in (made / "1-reponse.xml").read_bytes()
    verdict = json.loads((made / "verdict.json").read_text("utf-8"))
    assert (verdict["state"], verdict["transaction"], verdict["exchanges"][0]["mode"]) == ("done", "TD0.2", "DIRECTE")
    sheet = (made / "fiche.html").read_text("utf-8")
    assert "✓ réalisé" in sheet and "DMP-CDT 0.2-010" in sheet and "<script" not in sheet
    assert 'href="0.2-010/fiche.html"' in (out / "index.html").read_text("utf-8")
    assert "☐ à montrer" in (out / "0.1-050" / "fiche.html").read_text("utf-8")
    capsys.readouterr()
    here.session.test_existence(PETRA)
    assert _evidence(here, out) == 1  # again, in the place of the first
    assert (out / "0.2-030" / "fiche.html").exists()


def test_what_is_handed_in_is_what_is_reviewed(here: Room, tmp_path: Path) -> None:
    here.session.test_existence(NOBODY)
    out = tmp_path / "preuves"
    assert _evidence(here, out) == 1
    scopes = frozenset({Scope(Profile.FEEDING, AuthMode.DIRECTE)})
    file = HomologationFile("", "Éditeur", "dmpws kit", "dmpws kit", Category.LGC, scopes)
    found = review(out, file, Conformance(), shown={"all"})
    assert "0.2-010" in found.done and "0.1-050" in found.shown and found.software == "dmpws kit"
    assert not any("modifié" in problem or "No such file" in problem for problem in found.problems)
    (out / "0.2-010" / "1-requete.xml").write_bytes(b"<a/>")
    assert "0.2-010/1-requete.xml : modifié après avoir été écrit" in review(out, file, Conformance()).problems


def test_evidence_replaces_nothing_else(here: Room, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    here.session.test_existence(NOBODY)
    out = tmp_path / "mine"
    out.mkdir()
    (out / "index.json").write_text('{"cases": 3}', "utf-8")
    assert _evidence(here, out) == 2
    assert "something else than evidence" in capsys.readouterr().err
    (out / "index.json").write_text('{"cases": [{"folder": "../kept"}, {"folder": "kept"}]}', "utf-8")
    for kept in (tmp_path / "kept", out / "kept"):
        kept.mkdir()
        (kept / "note.txt").write_text("x", "utf-8")
    assert _evidence(here, out) == 1
    assert (tmp_path / "kept" / "note.txt").exists() and (out / "kept" / "note.txt").exists()


def test_a_journal_without_frames_has_nothing_to_hand_in(
    frameless: Room, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    frameless.session.test_existence(NOBODY)
    assert frameless.watch("--once") == 1
    assert "✓ 0.2-010" in capsys.readouterr().out
    assert _evidence(frameless, tmp_path / "preuves") == 1
    assert "ne garde pas les trames (option journal_message)" in capsys.readouterr().err
    assert not (tmp_path / "preuves").exists()


def test_what_is_cut_is_said(
    shared: LocalApp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with room(shared, tmp_path, monkeypatch, most=500) as short:
        short.session.test_existence(NOBODY)
        assert _evidence(short, tmp_path / "preuves") == 1
    assert "0.2-010/1-requete.xml: the journal kept only the beginning" in capsys.readouterr().out
    assert "seuls les 500 premiers octets" in (tmp_path / "preuves/0.2-010/fiche.html").read_text("utf-8")


def test_nothing_of_a_message_becomes_markup() -> None:
    hostile = "<script>alert(1)</script>\"'"
    message = {"file": hostile, "size": 1, "kept": 1, "cut": True, "sha256": hostile, "taken_out": 0}
    names = ("transaction", "correlation_id", "code", "reason", "person", "structure", "mode", "purpose", "software")
    names += ("approval", "patient", "software_version", "card")
    exchange = {**dict.fromkeys(names, hostile), "id": 1, "at": "2026-11-21T12:00:00+00:00"}
    exchange |= {"checks": [{"outcome": "failed", "rule": hostile}], "request": message, "answer": message}
    names = ("id", "title", "plan", "guide", "profile", "transaction")
    verdict = {**dict.fromkeys(names, hostile), "state": "done", "references": [hostile], "to_show": [hostile]}
    case = {"id": hostile, "title": hostile, "state": "missing", "folder": hostile, "why": [hostile]}
    index = {**dict.fromkeys(("plan", "guide", "software"), hostile), "profiles": [hostile], "cases": [case]}
    index |= {"made_at": "2026-11-21T12:00:00+00:00", "counts": dict.fromkeys(map(str, State), 0)}
    for page in (sheet({**verdict, "exchanges": [exchange]}), index_page(index)):
        assert "<script" not in page and hostile not in page
        assert "&lt;script&gt;" in page


def test_secrets_are_taken_out() -> None:
    key = b"-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----"
    assert without_secrets(b"<a>" + key + b"</a>") == (b"<a>***</a>", 1)
    assert without_secrets(key[:40]) == (b"***", 1)
    assert without_secrets(b"<x:password>1Azertyg!</x:password><b>c</b>") == (
        b"<x:password>***</x:password><b>c</b>",
        1,
    )
    assert without_secrets(b"<password>***</password>") == (b"<password>***</password>", 0)
