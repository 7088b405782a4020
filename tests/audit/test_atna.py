"""Audit messages of traces, and their way to a repository over a real TLS connection."""

import base64
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from dmpws.audit.atna import event_of, message_of
from dmpws.audit.syslog import Cursor, Repository, Sender, send_for_ever
from dmpws.audit.trace import Trace, TraceOutcome
from dmpws.pki.demo import DemoPki
from dmpws.testing.server import free_port
from dmpws.transactions import load
from dmpws.transactions.registry import Interface, transactions

AT = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
DEPOSIT = Trace(
    AT,
    "TD2.1",
    TraceOutcome.ACCEPTED,
    verified=True,
    person="899900063480",
    person_name="MAX LIBRE",
    roles=("10^1.2.250.1.71.1.2.7",),
    peer="192.0.2.7",
    patient="277076322082910^1.2.250.1.213.1.4.10",
    submission_set="2.25.1",
    documents=({"uniqueId": "2.25.2", "typeCode": "11488-4"},),
)
SEARCH = DEPOSIT._replace(transaction="TD3.1", submission_set="", documents=(), query="urn:uuid:14d4debf")
READ = DEPOSIT._replace(transaction="TD3.2", submission_set="")
REFUSED = Trace(AT, "", TraceOutcome.REFUSED, code="DMPInvalidCertificate", certificate_serial="7f")
CASES = {"deposit": DEPOSIT, "search": SEARCH, "read": READ, "refused": REFUSED}


def message(trace: Trace) -> etree._Element:
    return etree.fromstring(message_of(trace.values(), source="dmpws", site="7"))


@pytest.mark.parametrize(
    ("trace", "event", "action", "outcome", "type_code"),
    [
        (DEPOSIT, "110107", "C", "0", "ITI-41"),
        (SEARCH, "110112", "E", "0", "ITI-18"),
        (READ, "110106", "R", "0", "ITI-43"),
        (REFUSED, "110114", "E", "4", "110122"),
        (DEPOSIT._replace(transaction="TD3.3a"), "110107", "U", "0", "ITI-57"),
        (DEPOSIT._replace(transaction="act:block", verified=False, actor="patient"), "110110", "U", "0", "act:block"),
        (DEPOSIT._replace(transaction="act:audit-query"), "110101", "R", "0", "act:audit-query"),
        (DEPOSIT._replace(transaction="act:copy-legal"), "110106", "R", "0", "act:copy-legal"),
        (DEPOSIT._replace(transaction="act:erase-plan"), "110110", "R", "0", "act:erase-plan"),
        (DEPOSIT._replace(transaction="act:erase"), "110110", "D", "0", "act:erase"),
        (DEPOSIT._replace(outcome=TraceOutcome.FAILED), "110107", "C", "8", "ITI-41"),
        (DEPOSIT._replace(verified=False, person="", outcome=TraceOutcome.REFUSED), "110114", "E", "4", "110122"),
    ],
)
def test_events(trace: Trace, event: str, action: str, outcome: str, type_code: str) -> None:
    [found] = message(trace).findall("EventIdentification")
    assert found.find("EventID").get("csd-code") == event
    assert (found.get("EventActionCode"), found.get("EventOutcomeIndicator")) == (action, outcome)
    assert found.find("EventTypeCode").get("csd-code") == type_code
    assert found.get("EventDateTime").startswith("2026-11-21T12:00:00")


def test_a_word_that_xml_has_no_form_for_keeps_nothing_from_leaving() -> None:
    odd = SEARCH._replace(person="a\x01b", patient="1\x1b^1.2", parameters={"x": ("\x00",)})
    said = message(odd)
    assert said.xpath("string(//ActiveParticipant[1]/@UserID)") == "a\ufffdb"
    assert said.xpath("string(//ParticipantObjectIdentification[1]/@ParticipantObjectID)") == "1\ufffd^^^&1.2&ISO"


def test_every_transaction_has_an_event() -> None:
    load()
    codes = {entry.code for interface in Interface for entry in transactions(interface)}
    ihe = {code: event_of(code).type for code in codes if code.startswith("ITI-")}
    assert [code for code, named in ihe.items() if named is None or not code.startswith(named[0])] == []
    assert event_of("ITI-44-ADD").action == "C"
    assert {event_of(code).id[0] for code in codes} == {"110106", "110107", "110110", "110112"}


def test_participants_and_objects() -> None:
    root = message(DEPOSIT)
    asking, server = root.findall("ActiveParticipant")
    assert (asking.get("UserID"), asking.get("UserName"), asking.get("UserIsRequestor")) == (
        *("899900063480", "MAX LIBRE", "true"),
    )
    assert asking.get("NetworkAccessPointID") == "192.0.2.7"
    assert (server.get("UserID"), server.get("UserIsRequestor")) == ("dmpws", "false")
    found = root.iter("ParticipantObjectIdentification")
    objects = {o.get("ParticipantObjectTypeCodeRole"): o.get("ParticipantObjectID") for o in found}
    assert objects["1"] == "277076322082910^^^&1.2.250.1.213.1.4.10&ISO"
    assert objects["20"] == "2.25.1"
    [query] = message(SEARCH).iter("ParticipantObjectQuery")
    assert b"urn:uuid:14d4debf" in base64.b64decode(query.text or "")


@pytest.mark.parametrize(("transaction", "code"), [("TD3.1", "ITI-18"), ("TD0.5", "ITI-47"), ("ITI-47", "ITI-47")])
def test_a_query_is_of_its_transaction(transaction: str, code: str) -> None:
    codes = [e.get("csd-code") for e in message(SEARCH._replace(transaction=transaction)).iter("EventTypeCode")]
    kinds = [
        e.get("csd-code") for e in message(SEARCH._replace(transaction=transaction)).iter("ParticipantObjectIDTypeCode")
    ]
    assert codes == [code]
    assert code in kinds


@pytest.mark.parametrize("trace", CASES.values(), ids=CASES)
def test_the_official_schema_accepts_them(trace: Trace, reference: Path) -> None:
    xsd = etree.XMLSchema(etree.parse(reference / "contracts" / "audit" / "dicom-audit-message.xsd"))
    xsd.validate(message(trace))
    # The schema wants the description of a DICOM study in every object; no ATNA message of a document has one.
    wrong = [e.message for e in xsd.error_log if "ParticipantObjectDescription" not in e.message]
    assert wrong == []


class Listener:
    """An audit repository: takes one connection after the other, and keeps the messages."""

    def __init__(self, pki: DemoPki) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pki.server_certificate_file, pki.server_key_file)
        context.load_verify_locations(pki.ca_file)
        context.verify_mode = ssl.CERT_REQUIRED
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._context = context
        self.port = self._socket.getsockname()[1]
        self.received = b""
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while True:
            try:
                plain, _ = self._socket.accept()
            except OSError:  # closed
                return
            with plain:
                try:
                    with self._context.wrap_socket(plain, server_side=True) as connection:
                        while piece := connection.recv(65536):
                            self.received += piece
                except OSError:
                    pass  # a client that does not trust us

    def messages(self) -> list[bytes]:
        found, rest = [], self.received
        while rest:
            length, _, rest = rest.partition(b" ")
            found.append(rest[: int(length)])
            rest = rest[int(length) :]
        return found

    def close(self) -> None:
        if self._thread.is_alive():
            self._socket.shutdown(socket.SHUT_RDWR)
            self._thread.join(120)
        self._socket.close()


@pytest.fixture(scope="module")
def pki(todays_pki: DemoPki) -> DemoPki:
    """TLS looks at the clock of the machine."""
    return todays_pki


@pytest.fixture
def listener(pki: DemoPki) -> Iterator[Listener]:
    opened = Listener(pki)
    yield opened
    opened.close()


def sender(pki: DemoPki, port: int, folder: Path, traces: Sequence[Trace]) -> Sender:
    rows: list[tuple[int, Mapping[str, Any]]] = [(n, trace.values()) for n, trace in enumerate(traces, 1)]
    card = pki.card("hopital")
    repository = Repository("localhost", port, pki.ca_file, card.auth_certificate_file, card.auth_key_file, "dmpws")
    spool = lambda after: [row for row in rows if row[0] > after][:2]  # noqa: E731
    return Sender(repository, spool, Cursor(folder / "atna.cursor", lambda: 0))


def test_traces_arrive_in_order_with_their_length(pki: DemoPki, listener: Listener, tmp_path: Path) -> None:
    sending = sender(pki, listener.port, tmp_path, [DEPOSIT, SEARCH, READ])
    assert [sending.send(), sending.send(), sending.send()] == [2, 1, 0]
    sending.close()
    listener.close()
    messages = listener.messages()
    assert [one.split(b" ")[0] for one in messages] == [b"<85>1"] * 3
    assert all(b" IHE+RFC-3881 - <AuditMessage>" in one for one in messages)
    assert [b"ITI-41" in messages[0], b"ITI-18" in messages[1], b"ITI-43" in messages[2]] == [True] * 3
    assert (tmp_path / "atna.cursor").read_text() == "3"


def test_what_cannot_be_sent_waits(pki: DemoPki, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    waiting = sender(pki, free_port(), tmp_path, [DEPOSIT, SEARCH])
    pauses: list[float] = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        send_for_ever(waiting, pause)
    assert pauses == [15, 15]
    assert caplog.text.count("cannot be reached") == 1
    assert DEPOSIT.person not in caplog.text
    listening = Listener(pki)
    again = sender(pki, listening.port, tmp_path, [DEPOSIT, SEARCH])
    assert again.send() == 2
    again.close()
    listening.close()
    assert len(listening.messages()) == 2


def test_a_repository_of_an_unknown_authority_gets_nothing(pki: DemoPki, listener: Listener, tmp_path: Path) -> None:
    sending = sender(pki, listener.port, tmp_path, [DEPOSIT])
    other = tmp_path / "other.pem"
    other.write_bytes((pki.folder / "cards" / "medecin-libre" / "auth.pem").read_bytes())
    wrong = replace(sending._repository, authorities=other)
    with pytest.raises(OSError, match="certificate verify failed"):
        Sender(wrong, sending._spool, sending._cursor).send()
    assert (tmp_path / "atna.cursor").read_text() == "0"
