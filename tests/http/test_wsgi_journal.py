"""The journal around the application, and its pages on the operator port."""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dmpws import cast
from dmpws.client import LpsSession
from dmpws.client.cda import CONSULTATION_REPORT, Attachment, ClinicalDocument
from dmpws.client.lot import Deposit
from dmpws.client.transport import WsgiTransport
from dmpws.domain.journal import Exchange, Message
from dmpws.http.journal import Journalled
from dmpws.http.ops import build_ops_app
from dmpws.store.journal import Journal
from dmpws.testing.local import PATH, LocalApp

INS = cast.PATIENTS["pat-trois"].ins


class Lab:
    """A server with a journal, and its operator port."""

    def __init__(self, app: LocalApp, journal: Journal, most: int = 1_000_000) -> None:
        card = app.pki.card("medecin-libre")
        transport = WsgiTransport(Journalled(app, journal.add, most=most), card, PATH)
        self.post = transport.post
        self.clock = app.clock
        self.session = LpsSession(card, transport=transport, clock=app.clock)
        self._ops = build_ops_app(dict, {}, journal, parameters=b"")

    def ops(self, path: str, method: str = "GET", **environ: str) -> tuple[int, dict[str, str], Any]:
        path, _, query = path.partition("?")
        started: list[Any] = []

        def start(status: str, headers: list[tuple[str, str]]) -> None:
            started.extend((int(status[:3]), dict(headers)))

        given = {"PATH_INFO": path, "QUERY_STRING": query, "REQUEST_METHOD": method, "HTTP_HOST": "127.0.0.1:8080"}
        octets = b"".join(self._ops({**given, **environ}, start))
        raw = started[1]["Content-Type"] == "application/octet-stream"
        return started[0], started[1], octets if raw or not octets else json.loads(octets)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    opened = Journal(tmp_path / "journal.sqlite")
    yield opened
    opened.close()


@pytest.fixture
def lab(app: LocalApp, journal: Journal) -> Lab:
    return Lab(app, journal)


def outcomes(exchange: dict[str, Any], prefix: str) -> dict[str, str]:
    return {c["rule"]: c["outcome"] for c in exchange["checks"] if c["rule"].startswith(prefix)}


def test_a_refusal_is_explained_from_the_first_check_to_the_last(lab: Lab) -> None:
    answer = lab.session.find_documents(INS)
    assert not answer.ok
    _, _, [line] = lab.ops("/journal")
    assert (line["transaction"], line["code"], line["status"]) == ("TD3.1", "DMPAuthorizationNotFound", 200)
    assert line["patient"] == f"{INS.value}^{INS.authority}"
    _, _, shown = lab.ops(f"/journal/{line['id']}")
    assert outcomes(shown, "ADM-") == {
        "ADM-NIA": "passed",
        "ADM-OPEN": "passed",
        "ADM-BLOCKED": "passed",
        "ADM-OPPOSED": "passed",
        "ADM-RIGHTS": "passed",
        "ADM-AUTHORISED": "failed",
    }
    assert outcomes(shown, "VIHF-")["VIHF-AGE"] == "passed"
    rules = [check["rule"] for check in shown["checks"]]
    assert rules.index("VIHF-AGE") < rules.index("SCHEMA-XDSB") < rules.index("ADM-NIA")
    refused = shown["checks"][-1]
    assert (refused["expected"], refused["found"], refused["reference"]) == ("VALIDE", "NON_EXISTE", "DMPWS D28")
    assert [step["step"] for step in shown["steps"]][:5] == [
        *("réception", "analyse XML", "enveloppe", "VIHF", "schéma du message")
    ]
    assert all(step["ms"] >= 0 for step in shown["steps"])


def test_the_octets_are_those_of_the_wire(lab: Lab) -> None:
    answer = lab.session.test_existence(INS)
    _, _, [line] = lab.ops("/journal?transaction=TD0.2")
    assert (answer.exists, line["code"]) == (True, "")
    status, headers, request = lab.ops(f"/journal/{line['id']}/request")
    assert (status, headers["X-Cut"], headers["X-Content-Type-Options"]) == (200, "no", "nosniff")
    assert headers["X-Original-Content-Type"].startswith("application/soap+xml")
    assert request.startswith(b"<") and b"PRPA_IN201307UV02" in request
    assert b"PRPA_IN201308UV02" in lab.ops(f"/journal/{line['id']}/answer")[2]


def test_a_fault_before_any_transaction_is_there_too(lab: Lab) -> None:
    lab.post("patients", "application/soap+xml", [b"<x/>"], 4)
    _, _, [line] = lab.ops("/journal")
    assert (line["transaction"], line["code"], line["status"]) == ("", "DMPInvalidRequest", 500)
    checks = lab.ops(f"/journal/{line['id']}")[2]["checks"]
    assert [check["outcome"] for check in checks] == ["failed"]
    assert checks[0]["rule"] in line["reason"] or checks[0]["title"] == line["reason"]


def test_who_does_not_consent_is_not_in_the_journal(lab: Lab) -> None:
    who = cast.PATIENTS["conteste"]
    answer = lab.session.create_record(who.ins, who.traits, consent=None)
    assert "GDP-CONSENT" in answer.problems[0].text
    _, _, [line] = lab.ops("/journal")
    assert (line["transaction"], line["code"], line["patient"]) == ("TD1.1", "DMPInvalidRequest", "")
    _, _, shown = lab.ops(f"/journal/{line['id']}")
    assert [lab.ops(f"/journal/{line['id']}/{part}")[2] for part in ("request", "answer")] == [b"", b""]
    assert who.ins.value not in json.dumps(shown)
    assert "CONTESTE" not in json.dumps(shown)
    assert "situation" not in shown["facts"]
    answer = lab.session.create_record(who.ins, replace(who.traits, sex="X"), consent=lab.clock())
    newest, _ = lab.ops("/journal")[2]
    assert newest["patient"] == f"{who.ins.value}^{who.ins.authority}"
    assert "trouvé : X [GDP-SEX" in newest["reason"]
    assert b"CONTESTE" in lab.ops(f"/journal/{newest['id']}/request")[2]


def test_what_a_call_met_is_told_in_the_list_when_asked(lab: Lab) -> None:
    lab.session.add_authorisation(INS)
    lab.session.test_existence(INS)
    _, _, listed = lab.ops("/journal?facts=yes")
    assert [line["facts"]["standing"]["authorisation"] for line in listed] == ["VALIDE", "NON_EXISTE"]
    facts = listed[1]["facts"]
    assert facts["asked"] == {"action": "AJOUT", "treating_doctor": False}
    assert facts["situation"] == {"record": "active", "minor": False, "opposes": [], "named": False, "attached": False}
    assert facts["certificate"]["nominative"] is True
    assert "facts" not in lab.ops("/journal")[2][0]
    assert lab.ops("/journal?facts=perhaps")[0] == 400


def test_documents_are_described_and_not_shown(lab: Lab) -> None:
    person, now = cast.PATIENTS["pat-trois"], lab.clock()
    text = Attachment("text/plain", b"RAS")
    document = ClinicalDocument(INS, person.traits, lab.session.actor, CONSULTATION_REPORT, "CR", text, now, now)
    assert lab.session.submit(INS, [Deposit(document)]).ok
    [entry] = lab.ops("/journal?facts=yes")[2][0]["facts"]["entries"]
    assert (entry["uniqueId"], entry["media"], entry["files"]) == (document.unique_id, "text/plain", ["text/plain"])
    assert (entry["visibility"], entry["by_caller"], entry["type"]) == ([], True, "11488-4")
    lab.session.add_authorisation(INS)
    assert lab.session.mask(INS, document.unique_id).ok
    assert lab.session.retrieve(INS, [document.unique_id]).ok
    _, _, [read, updated, *_] = lab.ops("/journal?facts=yes")
    [seen] = read["facts"]["entries"]
    assert (seen["visibility"], seen["status"]) == (["MASQUE_PS"], "APPROVED")
    assert updated["facts"]["entries"][0]["visibility"] == []
    assert all("RAS" not in json.dumps(exchange) for exchange in (read, updated))


def test_long_messages_are_cut_and_whole_sizes_told(app: LocalApp, journal: Journal) -> None:
    lab = Lab(app, journal, most=100)
    assert lab.session.test_existence(INS).exists
    _, _, shown = lab.ops("/journal/1")
    assert (shown["request"]["kept"], shown["request"]["cut"]) == (100, True)
    assert shown["request"]["size"] > 3000
    assert len(lab.ops("/journal/1/request")[2]) == 100


def test_passwords_are_not_kept() -> None:
    kept: list[Message] = []

    def keep(_exchange: Exchange, _request: Message, answer: Message) -> None:
        kept.append(answer)

    def answering(octets: bytes) -> Callable[..., Iterable[bytes]]:
        def app(_environ: Any, start: Callable[..., Any]) -> Iterable[bytes]:
            start("200 OK", [("Content-Type", "application/soap+xml")])
            return [octets[:12], octets[12:]]

        return app

    for octets in (b"<o><password>s3cret</password></o>", b'<n:password xsi:nil="false">s3cret'):
        wrapped = Journalled(answering(octets), keep, most=100)
        answer: Any = wrapped({"REQUEST_METHOD": "POST", "wsgi.input": None}, lambda *_: None)
        assert b"".join(answer) == octets
        answer.close()
    assert [b"s3cret" in one.octets for one in kept] == [False, False]


def test_a_journal_that_fails_harms_nobody(app: LocalApp, caplog: pytest.LogCaptureFixture) -> None:
    def keep(*_: object) -> None:
        raise OSError("disk full")

    card = app.pki.card("medecin-libre")
    transport = WsgiTransport(Journalled(app, keep, most=10), card, PATH)
    assert LpsSession(card, transport=transport, clock=app.clock).test_existence(INS).exists
    assert "the journal failed" in caplog.text
    assert INS.value not in caplog.text


def test_forgetting(lab: Lab) -> None:
    for _ in range(3):
        lab.session.test_existence(INS)
    assert lab.ops("/journal/2", "DELETE")[2] == {"deleted": 1}
    assert lab.ops("/journal/2", "DELETE")[0] == 404
    assert [line["id"] for line in lab.ops("/journal?after=0")[2]] == [1, 3]
    assert lab.ops("/journal", "DELETE")[2] == {"deleted": 2}
    assert lab.ops("/journal")[2] == []


@pytest.mark.parametrize(
    ("path", "method", "environ", "status"),
    [
        ("/journal", "POST", {}, 405),
        ("/journal/1", "PUT", {}, 405),
        ("/journal/1/request", "DELETE", {}, 405),
        ("/journal/0", "GET", {}, 404),
        ("/journal/1/other", "GET", {}, 404),
        ("/journal/../1", "GET", {}, 404),
        ("/journal/9999999999999999999", "GET", {}, 404),
        ("/journal?limit=0", "GET", {}, 400),
        ("/journal?limit=x", "GET", {}, 400),
        ("/journal?after=-1", "GET", {}, 400),
        ("/journal?since=hier", "GET", {}, 400),
        ("/journal?order=up", "GET", {}, 400),
        ("/journal", "GET", {"HTTP_HOST": "evil.example"}, 403),
        ("/journal", "DELETE", {"HTTP_ORIGIN": "https://evil.example"}, 403),
    ],
)
def test_bad_requests(lab: Lab, path: str, method: str, environ: dict[str, str], status: int) -> None:
    found, _, body = lab.ops(path, method, **environ)
    assert found == status
    assert body["error"]


def test_quotes_and_sql_in_a_filter_find_nothing(lab: Lab) -> None:
    lab.session.test_existence(INS)
    for name in ("patient", "software", "transaction", "code"):
        assert lab.ops(f"/journal?{name}=%27%20OR%201%3D1%20--")[2] == []


def test_without_a_journal_the_pages_say_so() -> None:
    statuses: list[str] = []
    app = build_ops_app(dict, {}, parameters=b"")
    body = b"".join(
        app({"PATH_INFO": "/journal", "REQUEST_METHOD": "GET"}, lambda status, _headers: statuses.append(status))
    )
    assert statuses == ["404 Not Found"]
    assert "option journal" in json.loads(body)["error"]
