"""TD1.5 with the kit, against the whole server: what the patient gets, and what nobody else ever sees."""

import json
import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from dmpws import cast
from dmpws.client import LpsSession
from dmpws.client.patient_access import AccessAnswer, access_answer, create_request
from dmpws.client.transport import WsgiTransport
from dmpws.domain.internet_account import Channel, ChannelType, InternetAccount, is_password
from dmpws.domain.patient import Ins
from dmpws.http.journal import Journalled
from dmpws.store.journal import Journal
from dmpws.store.tables import internet_account, otp_channel
from dmpws.testing.local import PATH, LocalApp
from dmpws.vihf.issue import make
from dmpws.xml.names import WSA
from dmpws.xml.parser import parse

INS: Ins = cast.PATIENTS["nessi"].ins
CHILD: Ins = cast.PATIENTS["petra"].ins
SMS, EMAIL = ChannelType.SMS, ChannelType.EMAIL


@pytest.fixture
def libre(app: LocalApp) -> LpsSession:
    return app.session("medecin-libre")


def account(app: LocalApp, ins: Ins = INS) -> InternetAccount:
    with app.store.read() as work:
        record = work.patients.find(ins)
        assert record is not None
        found = work.internet_accounts.get(record.id)
    assert found is not None
    return found


def test_the_life_of_an_account(app: LocalApp, libre: LpsSession) -> None:
    assert libre.test_existence(INS).internet_account is False
    first = libre.open_internet_account(INS, SMS, "06 12 34 56 78")
    assert (first.ok, first.context) == (True, "Compte internet créé")
    assert libre.test_existence(INS).internet_account is True
    assert account(app).login == first.login
    assert is_password(first.password, account(app).password_hash)
    again = libre.open_internet_account(INS, EMAIL, "a@exemple.fr")
    assert again == AccessAnswer("DMPPatientAccessAlreadyExists", again.context)
    assert libre.add_otp_channel(INS, EMAIL, "a@exemple.fr").context == "OTP mis à jour"
    assert libre.add_otp_channel(INS, EMAIL, "b@exemple.fr").status == "DMPPatientAccessOTPAlreadyExists"
    second = libre.renew_internet_account(INS)
    assert {first.login, first.password}.isdisjoint({second.login, second.password})
    assert is_password(second.password, account(app).password_hash)
    assert not is_password(first.password, account(app).password_hash)
    assert account(app).channels == (Channel(EMAIL, "a@exemple.fr"), Channel(SMS, "0612345678"))
    assert libre.change_otp_channel(INS, SMS, "+32470123456").ok
    assert libre.remove_otp_channel(INS, EMAIL).ok
    assert account(app).channels == (Channel(SMS, "+32470123456"),)


def test_a_password_is_in_the_answer_and_nowhere_else(
    app: LocalApp, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Not in a row, a trace, the journal or the log, whole or in groups; nor in what prints an answer."""
    caplog.set_level(logging.DEBUG)
    journal = Journal(tmp_path / "journal.sqlite")
    card = app.pki.card("medecin-libre")
    transport = WsgiTransport(Journalled(app, journal.add, most=1_000_000), card, PATH)
    libre = LpsSession(card, transport=transport, clock=app.clock)
    shown = [libre.open_internet_account(INS, SMS, "0612345678"), libre.renew_internet_account(INS)]
    journal.close()
    secrets = {part for answer in shown for part in (answer.password, answer.password.replace("-", ""))}
    assert all(len(secret) >= 20 for secret in secrets)
    kept = caplog.text + "".join(file.read_bytes().decode("latin-1") for file in tmp_path.rglob("*") if file.is_file())
    assert shown[-1].login in kept  # this is where it would be
    assert not [secret for secret in secrets if secret in kept]
    assert not [secret for secret in secrets if secret in repr(shown)]


def test_the_traces_tell_the_act_and_no_channel(app: LocalApp, libre: LpsSession) -> None:
    libre.open_internet_account(INS, SMS, "0612345678")
    libre.add_otp_channel(INS, EMAIL, "a@exemple.fr")
    libre.add_otp_channel(INS, EMAIL, "mauvais@@exemple.fr")
    libre.renew_internet_account(INS)
    traces = [trace for trace in app.traces() if trace["transaction"].startswith("TD1.5")]
    assert [(t["transaction"], t.get("changes")) for t in traces] == [
        ("TD1.5a", [{"internet_account": "compte", "old": "absent", "new": "SMS"}]),
        ("TD1.5b", [{"internet_account": "canal EMAIL", "old": "absent", "new": "AJOUT"}]),
        ("TD1.5b", None),
        ("TD1.5d", [{"internet_account": "identifiants", "old": "anciens", "new": "nouveaux"}]),
    ]
    text = json.dumps(traces)
    assert not [part for part in ("0612345678", "a@exemple.fr", "mauvais") if part in text]


def test_a_refusal_leaves_nothing(app: LocalApp, libre: LpsSession) -> None:
    for channel in ("", "0112345678", "a@exemple.fr"):
        answer = libre.open_internet_account(INS, SMS, channel)
        assert (answer.status, answer.login, answer.password) == ("DMPInvalidRequest", "", "")
    for answer in (libre.renew_internet_account(INS), libre.add_otp_channel(INS, SMS, "0612345678")):
        assert answer.status == "DMPInvalidRequest"
    assert libre.test_existence(INS).internet_account is False
    for table in (internet_account, otp_channel):
        assert app.store.database.rows(select(table)) == []


def test_a_minors_account_is_his_representatives(app: LocalApp) -> None:
    """He is 19; at a majority of 21 he is a minor."""
    app = LocalApp(app.store, app.pki, app.now, age_majorite=21)
    libre = app.session("medecin-libre")
    secret = make(replace(libre.token_request(CHILD), secret_connection=True), card=libre.card, now=app.now)
    request = create_request(SMS, "0612345678")
    refused = access_answer(libre._call("TD1.5a", CHILD, request, token=secret).body)
    assert (refused.status, refused.login) == ("DMPAccessDeniedByRightsService", "")
    assert "TD15-SECRET" in refused.context
    assert libre.open_internet_account(CHILD, SMS, "0612345678").ok


def test_nobody_meets_a_wrong_action_in_an_answer(app: LocalApp, libre: LpsSession) -> None:
    """The official sample of TD1.5d has the Action of a fault (DMPWS D137)."""
    libre.open_internet_account(INS, SMS, "0612345678")
    seen: list[str] = []

    def spying(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        chunks = app(environ, start_response)
        octets = b"".join(chunks)
        seen.append(parse(octets).findtext(f".//{{{WSA}}}Action") or "")
        return [octets]

    session = LpsSession(libre.card, transport=WsgiTransport(spying, libre.card, PATH), clock=app.clock)
    assert session.renew_internet_account(INS).ok
    assert not session.renew_internet_account(CHILD).ok
    assert seen == ["urn:si-dmp-patients:PatientSpecificEndPoint:updatePatientAccessResponse"] * 2
