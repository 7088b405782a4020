"""A read leaves one notification a day for the patient, in the transaction of its trace."""

import json
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from dmpws import cast
from dmpws.cli import main
from dmpws.client import LpsSession
from dmpws.domain.access import Purpose
from dmpws.domain.notification import READ, Notification, Pending
from dmpws.domain.patient import Telecom
from dmpws.store import Store
from dmpws.testing.local import LocalApp

PATIENT = cast.PATIENTS["nessi"]
INS = PATIENT.ins


def pending(store: Store) -> list[Pending]:
    with store.write() as work:
        return list(work.notifications.pending())


@pytest.fixture
def session(app: LocalApp) -> LpsSession:
    opened = app.session("medecin-libre")
    opened.add_authorisation(INS)
    return opened


def test_a_search_is_told_once_a_day_for_each_reader(app: LocalApp, session: LpsSession) -> None:
    for _ in range(3):
        assert session.find_documents(INS).ok
    [first] = pending(app.store)
    told = first.notification
    assert (told.person, told.structure, told.purpose) == ("899900063480", "499900063480001", "normal")
    assert (first.ins, first.patient.birth) == (INS, "NESSI")
    urgent = app.session("medecin-libre", purpose=Purpose.BRIS_DE_GLACE, reason="coma")
    assert urgent.find_documents(INS).ok
    app.now += timedelta(days=1)
    assert session.find_documents(INS).ok
    assert [p.notification.purpose for p in pending(app.store)] == ["normal", "bris_de_glace", "normal"]


def test_what_is_refused_or_no_reading_is_not_told(app: LocalApp, session: LpsSession) -> None:
    session.test_existence(INS)
    session.get_documents(INS, unique_ids=["2.25.1"], return_type="ObjectRef")
    assert not app.session("medecin-libre").find_documents(cast.PATIENTS["pat-trois"].ins).ok
    assert not session.retrieve(INS, ["2.25.1"]).documents
    assert pending(app.store) == []


def test_a_secret_connection_is_told_to_nobody(app: LocalApp) -> None:
    minor = replace(PATIENT.traits, birth_date="20150101")
    ins = cast.allocate_ins(minor, 7)
    with app.store.write() as work:
        work.patients.create([ins], minor, now=app.now, opposes_bris_de_glace=False, opposes_centre_15=False)
    session = app.session("medecin-libre")
    session.add_authorisation(ins)
    secret = replace(session.token_request(ins), secret_connection=True)
    session.token_request = lambda _ins: secret  # type: ignore[method-assign]
    assert session.find_documents(ins).ok
    assert pending(app.store) == []


def test_it_can_be_turned_off(app: LocalApp) -> None:
    quiet = LocalApp(app.store, app.pki, app.now, notifications=False)
    session = quiet.session("medecin-libre")
    session.add_authorisation(INS)
    assert session.find_documents(INS).ok
    assert pending(app.store) == []


def test_the_sender_reads_and_marks(
    app: LocalApp, session: LpsSession, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert session.find_documents(INS).ok
    words = ["--data", str(tmp_path), "--format", "json", "audit", "outbox"]
    assert main(words) == 0
    [row] = json.loads(capsys.readouterr().out)
    assert row["professional"] == {"identifier": "899900063480", "name": "MAX LIBRE", "structure": "499900063480001"}
    assert main([*words, "--sent", str(row["id"]), "99"]) == 0
    assert "1 marked as sent" in capsys.readouterr().out
    assert main(words) == 0
    assert json.loads(capsys.readouterr().out) == []


def test_contacts_are_those_of_the_record_when_it_is_sent(store: Store, now: datetime) -> None:
    traits = replace(PATIENT.traits, telecoms=(Telecom("mailto:ruth@example.org"),))
    with store.write() as work:
        record = work.patients.create([INS], traits, now=now, opposes_bris_de_glace=False, opposes_centre_15=False)
        for _ in range(2):
            work.notifications.add(record.id, Notification(READ, "1", "", "2", "normal", now))
    [one] = pending(store)
    assert [contact.value for contact in one.contacts] == ["mailto:ruth@example.org"]
