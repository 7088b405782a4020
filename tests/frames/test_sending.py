"""Old frames made new and sent again, and answers compared with those expected."""

from datetime import datetime, timedelta

import pytest
from frames_world import PATIENT, Tap, document
from lxml import etree

from dmpws import cast
from dmpws.client import Deposit, LpsSession
from dmpws.client.transport import WsgiTransport
from dmpws.domain.checks import Refused
from dmpws.frames.comparing import differences
from dmpws.frames.reading import Frame, understand
from dmpws.frames.refreshing import Part, refresh
from dmpws.frames.sending import Answered, operation_of, reasons, send
from dmpws.testing.local import PATH, LocalApp

INS = PATIENT.ins
EVERYTHING = frozenset(Part)


def resend(app: LocalApp, frame: Frame, *parts: Part, card: str = "medecin-libre", patient: str = "") -> Answered:
    held = app.pki.card(card)
    found = operation_of(frame)
    assert found is not None
    other = cast.PATIENTS[patient].ins if patient else None
    message = refresh(frame, frozenset(parts), card=held, now=app.now, patient=other)
    return send(WsgiTransport(app, held, PATH), found, message.envelope, message.parts)


@pytest.fixture
def lot(session: LpsSession, tap: Tap, now: datetime) -> Frame:
    """A lot that was accepted, as captured."""
    answer = session.submit(INS, [Deposit(document(session, now)), Deposit(document(session, now))])
    assert answer.ok
    return understand(tap.sent)


def test_a_lot_is_deposited_again_as_a_new_one(app: LocalApp, lot: Frame) -> None:
    again = resend(app, lot)
    assert again.code == "XDSDuplicateUniqueIdInRegistry"
    assert any("uniqueId" in reason for reason in reasons(again.body))
    assert resend(app, lot, *Part).code == "Success"
    app.now += timedelta(days=10)
    assert resend(app, lot, Part.IDS, Part.LOT).code == "DMPAuthenticationError"
    assert resend(app, lot, Part.IDS, Part.VIHF).code == "XDSRegistryMetadataError"  # signed was another lot
    assert resend(app, lot, *Part).code == "Success"


def test_documents_keep_their_octets_but_for_identifiers(app: LocalApp, lot: Frame) -> None:
    message = refresh(lot, EVERYTHING, card=app.pki.card("medecin-libre"), now=app.now)
    for name, part in list(lot.parts.items())[:2]:
        with part.open() as old, message.parts[name].open() as new:
            before, after = etree.fromstring(old.read()), etree.fromstring(new.read())
        assert list(differences(before, after)) == []
        assert before.find("{*}id").get("root") != after.find("{*}id").get("root")
        assert before.find("{*}setId").get("root") != after.find("{*}setId").get("root")


def test_an_old_token_is_made_new_for_another_card(app: LocalApp, session: LpsSession, tap: Tap) -> None:
    session.test_existence(INS)
    frame = understand(tap.sent)
    app.now += timedelta(days=2)
    assert resend(app, frame).code == "DMPAuthenticationError"
    assert resend(app, frame, Part.VIHF).code == "AA"
    assert resend(app, frame, Part.VIHF, Part.IDS, card="hopital").code == "AA"


def test_another_patient_takes_the_place(app: LocalApp, session: LpsSession, tap: Tap, lot: Frame) -> None:
    session.test_existence(INS)
    answer = resend(app, understand(tap.sent), Part.VIHF, patient="pat-trois")
    text = etree.tostring(answer.body).decode()
    assert cast.PATIENTS["pat-trois"].ins.value in text
    assert INS.value not in text
    assert resend(app, lot, *Part, patient="pat-trois").code == "Success"


def test_only_whole_messages_are_sent(app: LocalApp, session: LpsSession) -> None:
    token = understand(session.token(INS))
    assert operation_of(token) is None
    with pytest.raises(Refused, match="FRAME-SENDABLE"):
        refresh(token, frozenset(), card=app.pki.card("medecin-libre"), now=app.now)


def test_answers_are_the_same_but_for_identifiers_and_dates(app: LocalApp, session: LpsSession, tap: Tap) -> None:
    session.test_existence(INS)
    frame = understand(tap.sent)
    first = resend(app, frame, Part.VIHF, Part.IDS)
    app.now += timedelta(minutes=5)
    second = resend(app, frame, Part.VIHF, Part.IDS)
    assert etree.tostring(first.body) != etree.tostring(second.body)
    assert list(differences(first.body, second.body)) == []
    session.add_authorisation(INS)
    [different] = differences(first.body, resend(app, frame, Part.VIHF).body)
    assert (different.expected, different.found) == ("NON_EXISTE", "VALIDE")
    assert different.place.endswith("/keyWordText[1]/value/@code") or different.place.endswith("/value/@code")


@pytest.mark.parametrize(
    ("expected", "found", "shown"),
    [
        ("<a><b/></a>", "<a><b/><c/></a>", ("/a/c", "", "c")),
        ("<a><b/><c/></a>", "<a><b/></a>", ("/a/c", "c", "")),
        ("<a><b/><c/><d/></a>", "<a><c/><d/></a>", ("/a/b", "b", "")),
        ("<a><b/><d/></a>", "<a><b/><c/><d/></a>", ("/a/c", "", "c")),
        ('<a><b xmlns="urn:1"/><c/></a>', '<a><b xmlns="urn:2"/><c/></a>', ("/a/b", "{urn:1}b", "{urn:2}b")),
        ('<a x="1"/>', "<a/>", ("/a/@x", "1", "")),
        ("<a>1</a>", "<a>2</a>", ("/a", "1", "2")),
        ('<a xmlns="urn:1"/>', '<a xmlns="urn:2"/>', ("/a", "{urn:1}a", "{urn:2}a")),
    ],
)
def test_each_kind_of_difference(expected: str, found: str, shown: tuple[str, str, str]) -> None:
    [difference] = differences(etree.fromstring(expected), etree.fromstring(found))
    assert (difference.place, difference.expected, difference.found) == shown


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("urn:uuid:12345678-1234-1234-1234-123456789abc", "urn:uuid:87654321-1234-1234-1234-123456789abc", True),
        ("2.25.123456789", "1.2.250.1.213.4.1", True),
        ("20261121120000", "20190101000000", True),
        ("2019-06-26T08:08:55.469Z", "2026-11-21T12:00:00Z", True),
        ("20261121120000", "hier", False),
        ("VALIDE", "EXPIRE", False),
    ],
)
def test_identifiers_and_dates_are_alike(one: str, other: str, same: bool) -> None:
    found = differences(etree.fromstring(f"<a>{one}</a>"), etree.fromstring(f"<a>{other}</a>"))
    assert (list(found) == []) is same
