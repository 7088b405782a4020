"""`/repository` and `/repositoryCPE`: the card tells what a deposit is, and each path has its own address."""

from datetime import UTC, datetime

import pytest

from dmpws.cast import PATIENTS
from dmpws.client import Attachment, ClinicalDocument
from dmpws.client.cda import CONSULTATION_REPORT
from dmpws.client.lot import Deposit
from dmpws.client.repository import submission_answer
from dmpws.testing.local import PATH, LocalApp
from dmpws.xml.parser import parse

PATIENT = PATIENTS["pat-trois"]
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
PATHS = ["repository", "repositoryCPE"]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(("card", "row"), [("medecin-libre", "TD2.1"), ("cpe-libre", "TD2.2")])
def test_both_paths_take_both_cards(app: LocalApp, card: str, row: str, path: str) -> None:
    """The document is the doctor's; the employee of his cabinet may send it too."""
    author, session = app.session("medecin-libre").actor, app.session(card)
    body = Attachment("text/plain", b"Bonjour")
    document = ClinicalDocument(PATIENT.ins, PATIENT.traits, author, CONSULTATION_REPORT, "CR", body, NOW, NOW)
    lot = session.build_lot(PATIENT.ins, [Deposit(document)])
    sent = session._call(row, PATIENT.ins, lot.body, attachments=lot.attachments, service=path)
    answer = submission_answer(sent.body)
    assert answer.ok, answer.problems
    trace = app.traces()[-1]
    assert trace["operation"].startswith(row)
    assert trace["outcome"] == "accepted"


@pytest.mark.parametrize("path", PATHS)
def test_each_contract_names_its_own_address(app: LocalApp, path: str) -> None:
    environ = {
        "REQUEST_METHOD": "GET", "PATH_INFO": f"{PATH}/{path}", "QUERY_STRING": "wsdl", "SCRIPT_NAME": "",
        "SERVER_NAME": "localhost", "SERVER_PORT": "8443", "HTTP_HOST": "dmp.example.org", "wsgi.url_scheme": "https",
    }  # fmt: skip
    root = parse(b"".join(app(environ, lambda _status, _headers, _error=None: None)))
    assert {e.get("location") for e in root.iterfind(".//{*}port/{*}address")} == {
        f"https://dmp.example.org{PATH}/{path}"
    }
