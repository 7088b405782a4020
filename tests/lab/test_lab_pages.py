"""The pages of the laboratory on the operator port: snapshots, reset, clock and faults over JSON, and their bounds."""

import io
import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from dmpws import cast
from dmpws.app import build_operator_app, store_of
from dmpws.client import Attachment, ClinicalDocument, Deposit
from dmpws.client.cda import CONSULTATION_REPORT
from dmpws.client.pdf import one_page_pdf
from dmpws.config import Config, load
from dmpws.lab.snapshots import MOST_KEPT
from dmpws.pki.demo import DemoPki
from dmpws.seed import seed
from dmpws.store import Store
from dmpws.store.encryption import SUFFIX
from dmpws.store.tables import document_entry, metadata, trace
from dmpws.testing.local import LocalApp
from dmpws.transactions.ports import StorageError

PETRA = cast.PATIENTS["petra"]
LARGE, OTHER = (one_page_pdf("Bonjour").replace(b"\n", b"\n%" + x * 300_000 + b"\n", 1) for x in (b"x", b"y"))
"""Larger than what is kept in the database."""

Ask = Callable[..., tuple[int, Any]]


@pytest.fixture
def config(request: pytest.FixtureRequest, tmp_path: Path, pki: DemoPki, _migrated_sqlite: Path) -> Iterator[Config]:
    """Of a server in `test`; on PostgreSQL, or encrypted, when the parameter says so."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "dmpws.sqlite").write_bytes(_migrated_sqlite.read_bytes())
    given = {"profile": "test", "data": str(tmp_path / "data"), "trust": str(pki.trust_folder)}
    asked = getattr(request, "param", "sqlite")
    if asked != "postgres":
        yield load({**given, "encryption": asked == "encrypted"}, environment={})
        return
    with request.getfixturevalue("postgres_server").database() as url:
        yield load({**given, "database": url}, environment={})


BOTH = pytest.mark.parametrize(
    "config", ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True
)


@pytest.fixture
def server(config: Config, pki: DemoPki, now: datetime) -> Iterator[LocalApp]:
    """The protocol port, with its own connections to the database."""
    store = store_of(config)
    yield LocalApp(store, pki, now)
    store.close()


@pytest.fixture
def ask(config: Config) -> Iterator[Ask]:
    with ExitStack() as opened:
        app = build_operator_app(config, opened)

        def send(method: str, path: str, value: Any = None, **headers: str) -> tuple[int, Any]:
            octets = b"" if value is None else value if isinstance(value, bytes) else json.dumps(value).encode()
            environ = {
                "REQUEST_METHOD": method,
                "PATH_INFO": path,
                "CONTENT_LENGTH": str(len(octets)),
                "CONTENT_TYPE": "application/json",
                "wsgi.input": io.BytesIO(octets),
                **headers,
            }
            status: list[str] = []
            answer = b"".join(app(environ, lambda line, _headers: status.append(line)))
            return int(status[0][:3]), json.loads(answer)

        yield send


def deposit(server: LocalApp, octets: bytes = LARGE) -> None:
    lps = server.session("medecin-libre")
    attachment = Attachment("application/pdf", octets)
    document = ClinicalDocument(
        PETRA.ins, PETRA.traits, lps.actor, CONSULTATION_REPORT, "Titre", attachment, server.now, server.now
    )
    lps.add_authorisation(PETRA.ins)
    assert lps.submit(PETRA.ins, [Deposit(document.to_xml())]).ok


def titles(server: LocalApp) -> list[int]:
    """Sizes of the documents, each read back whole."""
    lps = server.session("medecin-libre")
    found = lps.find_documents(PETRA.ins).documents
    if not found:
        return []
    answer = lps.retrieve(PETRA.ins, [document.unique_id for document in found])
    assert sorted(d.octets.sha1 for d in answer.documents) == sorted(d.hash for d in found)
    return [document.octets.size for document in answer.documents]


def files(config: Config) -> set[str]:
    return {path.name for path in config.documents_folder.glob("??/*")}


def test_a_state_comes_back_whole(server: LocalApp, ask: Ask, config: Config) -> None:
    deposit(server)
    first, octets = titles(server), files(config)
    assert ask("PUT", "/lab/snapshots/one")[1]["documents"] == 1
    deposit(server, OTHER)
    assert len(titles(server)) == 2
    assert ask("POST", "/lab/snapshots/one/restore")[0] == 200
    assert (titles(server), files(config)) == (first, octets)
    assert [s["name"] for s in ask("GET", "/lab/snapshots")[1]] == ["one"]


@pytest.mark.parametrize("config", ["encrypted"], indirect=True)
def test_encrypted_documents_come_back_readable(server: LocalApp, ask: Ask, config: Config) -> None:
    deposit(server)
    ask("PUT", "/lab/snapshots/one")
    ask("POST", "/lab/reset")
    assert files(config) == set()
    deposit(server)
    assert len(titles(server)) == 1
    assert ask("POST", "/lab/snapshots/one/restore")[0] == 200
    assert len(titles(server)) == 1
    assert all(name.endswith(SUFFIX) for name in files(config))


@BOTH
def test_what_was_taken_away_comes_back_too(server: LocalApp, ask: Ask, config: Config) -> None:
    ask("PUT", "/lab/snapshots/empty")
    deposit(server)
    ask("PUT", "/lab/snapshots/full")
    ask("POST", "/lab/snapshots/empty/restore")
    assert files(config) == set()
    server.session("medecin-libre").add_authorisation(PETRA.ins)
    assert titles(server) == []
    ask("POST", "/lab/snapshots/full/restore")
    assert len(titles(server)) == 1


def test_a_snapshot_is_replaced_and_forgotten(server: LocalApp, ask: Ask) -> None:
    ask("PUT", "/lab/snapshots/one")
    deposit(server)
    assert ask("PUT", "/lab/snapshots/one")[1]["documents"] == 1
    assert ask("DELETE", "/lab/snapshots/one") == (200, {"deleted": 1})
    assert ask("DELETE", "/lab/snapshots/one")[0] == 404
    status, said = ask("POST", "/lab/snapshots/one/restore")
    assert (status, "no such snapshot" in said["error"]) == (400, True)


@pytest.mark.parametrize("name", ["..", ".hidden", "a b", "x" * 65, "é"])
def test_a_name_is_no_path(name: str, ask: Ask, config: Config) -> None:
    assert ask("PUT", f"/lab/snapshots/{name}")[0] == 400
    assert not (config.data_folder / "lab" / "snapshots" / "kept").exists()


def test_snapshots_are_counted(ask: Ask, config: Config) -> None:
    kept = config.data_folder / "lab" / "snapshots" / "kept"
    for n in range(MOST_KEPT):
        (kept / f"s{n}").mkdir(parents=True)
        (kept / f"s{n}" / "database.sqlite").write_bytes(b"")
    assert ask("PUT", "/lab/snapshots/more")[0] == 400
    assert ask("PUT", "/lab/snapshots/s1")[0] == 200


@BOTH
def test_reset_is_the_first_start(server: LocalApp, ask: Ask, config: Config) -> None:
    deposit(server)
    ask("POST", "/lab/faults", {"duplicate": True})
    ask("PUT", "/lab/clock", {"shift": 3600})
    assert ask("POST", "/lab/reset", {}) == (200, {"reset": True})
    everything = ask("GET", "/lab")[1]
    assert (everything["faults"], everything["clock"]["shift"], files(config)) == ([], 0.0, set())
    store: Store = server.store
    assert store.database.rows(select(trace)) == []
    assert seed(store, server.now) == 0, "the cast is there"
    deposit(server)
    assert ask("POST", "/lab/reset")[0] == 200
    assert store.database.rows(select(trace)) == []
    assert ask("POST", "/lab/reset", {"set": "unknown"})[0] == 400


def test_a_snapshot_of_another_version_is_refused(server: LocalApp, ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    ask("PUT", "/lab/snapshots/one")
    monkeypatch.setattr("dmpws.store.migrate.head", lambda: "9999")
    status, said = ask("POST", "/lab/snapshots/one/restore")
    assert (status, "9999" in said["error"]) == (400, True)


def everything(store: Store) -> dict[str, list[Any]]:
    return {table.name: sorted(map(str, store.database.rows(select(table)))) for table in metadata.sorted_tables}


@BOTH
def test_every_row_comes_back_and_new_ones_follow(server: LocalApp, ask: Ask) -> None:
    deposit(server)
    before = everything(server.store)
    assert ask("PUT", "/lab/snapshots/one")[0] == 200
    ask("POST", "/lab/reset")
    assert everything(server.store) != before
    assert ask("POST", "/lab/snapshots/one/restore")[0] == 200
    assert everything(server.store) == before
    newest = max(row.id for row in server.store.database.rows(select(document_entry.c.id)))
    deposit(server, OTHER)
    assert max(row.id for row in server.store.database.rows(select(document_entry.c.id))) == newest + 2
    with pytest.raises(StorageError, match="append"):
        server.store.database.change(trace.insert().from_select(trace.columns.keys(), select(trace)))


@BOTH
def test_who_reads_meanwhile_sees_one_state_or_the_other(server: LocalApp, ask: Ask) -> None:
    deposit(server)
    ask("PUT", "/lab/snapshots/one")
    deposit(server, OTHER)
    ask("PUT", "/lab/snapshots/two")
    begun, restored = threading.Event(), threading.Event()

    def reading() -> list[int]:
        lps = server.session("medecin-libre")
        counts = [len(lps.find_documents(PETRA.ins).documents)]
        begun.set()
        while not restored.is_set():
            counts.append(len(lps.find_documents(PETRA.ins).documents))
        return counts

    with ThreadPoolExecutor(1) as pool:
        reader = pool.submit(reading)
        assert begun.wait(120)
        try:
            answers = [ask("POST", f"/lab/snapshots/{name}/restore")[0] for name in ("one", "two") * 2]
        finally:
            restored.set()
        seen = set(reader.result())
    assert answers == [200] * 4
    assert 2 in seen
    assert seen <= {1, 2}


@pytest.mark.postgres
@pytest.mark.parametrize("config", ["postgres"], indirect=True)
def test_postgresql_waits_for_those_who_are_in_the_middle(
    server: LocalApp, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    deposit(server)
    ask("PUT", "/lab/snapshots/one")
    monkeypatch.setattr("dmpws.lab.copying.BUSY_MILLISECONDS", 0)
    with server.store.read() as work:
        assert work.patients.find(PETRA.ins)
        status, said = ask("POST", "/lab/snapshots/one/restore")
        assert (status, "one is not put back" in said["error"]) == (400, True)
        assert work.patients.find(PETRA.ins), "the reader was not disturbed"
    assert ask("POST", "/lab/snapshots/one/restore")[0] == 200
    assert len(titles(server)) == 1


def test_the_clock_is_set(ask: Ask) -> None:
    assert ask("PUT", "/lab/clock", {"frozen": "2027-01-01T12:00:00+01:00"})[1]["now"] == "2027-01-01T11:00:00+00:00"
    assert ask("PUT", "/lab/clock", {"shift": -86400})[1]["frozen"] is False
    now = datetime.fromisoformat(ask("DELETE", "/lab/clock")[1]["now"])
    assert abs((now - datetime.now(UTC)).total_seconds()) < 60


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"frozen": "tomorrow"},
        {"frozen": "2027-01-01T12:00:00"},
        {"frozen": 3},
        {"shift": "1d"},
        {"shift": True},
        {"shift": 1e300},
        {"shift": 1, "frozen": "2027-01-01T12:00:00Z"},
        b"[1]",
        b"{",
        b"[" * 60_000,
        b"x" * 70_000,
    ],
)
def test_a_clock_that_cannot_be_meant_is_refused(ask: Ask, value: Any) -> None:
    status, said = ask("PUT", "/lab/clock", value)
    assert (status, bool(said["error"])) == (400, True)
    assert ask("GET", "/lab/clock")[1]["shift"] == 0.0


def test_faults_are_set_listed_and_forgotten(ask: Ask) -> None:
    assert ask("POST", "/lab/faults", {"code": "XDSRegistryBusy", "rate": 0.25})[1]["times"] == 0
    assert ask("POST", "/lab/faults", {"delay": 3})[1]["id"] == 2
    assert [fault["spent"] for fault in ask("GET", "/lab/faults")[1]] == [False, False]
    assert ask("DELETE", "/lab/faults/1") == (200, {"deleted": 1})
    assert ask("DELETE", "/lab/faults/1")[0] == 404
    assert ask("DELETE", "/lab/faults") == (200, {"deleted": 1})
    status, said = ask("POST", "/lab/faults", {"code": "NoSuchCode"})
    assert (status, "docs/faq.md" in said["error"]) == (400, True)


@pytest.mark.parametrize(
    "headers",
    [{"HTTP_HOST": "attacker.example"}, {"HTTP_HOST": "localhost:8080", "HTTP_ORIGIN": "https://attacker.example"}],
)
def test_web_pages_are_kept_out(ask: Ask, headers: dict[str, str]) -> None:
    assert ask("POST", "/lab/reset", {}, **headers)[0] == 403
    assert ask("GET", "/lab", **headers)[0] == 403


def test_a_form_is_no_json(ask: Ask) -> None:
    assert ask("POST", "/lab/faults", {"delay": 1}, CONTENT_TYPE="text/plain")[0] == 400
    assert ask("GET", "/lab/faults")[1] == []


@pytest.mark.parametrize(
    ("method", "path"), [("PATCH", "/lab"), ("GET", "/lab/reset"), ("PUT", "/lab/faults"), ("GET", "/lab/x")]
)
def test_other_pages_are_unknown(ask: Ask, method: str, path: str) -> None:
    assert ask(method, path)[0] == 404
