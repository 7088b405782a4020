"""Every call leaves one trace: also those that never became a call (DMPWS D22)."""

from dataclasses import replace

import pytest
from assault import FAULT, TARGET, Forge, Message, Range

from dmpws.pki.identity import identify
from dmpws.store.directory import DirectoryTable
from dmpws.transactions.ports import StorageError

ENVELOPE = {"transaction", "person", "patient", "structure", "verified"}
"""What nobody knows before the token is read."""


def test_a_message_that_is_no_call_is_traced_with_its_sender(target: Range, forge: Forge) -> None:
    target.refused(replace(forge.existence(), octets=b"<html/>"), "DMPInvalidRequest", "SOAP-ENVELOPE")
    trace = target.app.traces()[-1]
    card = identify(forge.card.auth_certificate)
    assert (trace["certificate_kind"], trace["certificate_serial"]) == ("CPS", card.serial)
    assert trace["message"].startswith("Le document est une enveloppe SOAP ; attendu :")
    assert not ENVELOPE & trace.keys()


def test_an_address_nobody_answers_at_is_traced(target: Range, forge: Forge) -> None:
    target.refused(replace(forge.existence(), service="nowhere"), "DMPInvalidRequest", "HTTP-PATH", status=404)
    assert target.app.traces()[-1]["certificate_kind"] == "CPS"


def test_what_was_read_of_the_message_is_in_its_trace(target: Range, forge: Forge) -> None:
    message = forge.existence().bent(">urn:hl7-org:v3:PRPA_IN201307UV02<", ">urn:evil<")
    target.refused(message, "ActionNotSupported")
    assert target.app.traces()[-1]["message_id"].encode() in message.octets


def test_a_refused_token_is_traced_with_the_certificate_of_the_connection(target: Range, forge: Forge) -> None:
    target.refused(forge.existence().with_security(), "DMPInvalidRequest", "VIHF-NOMBRE")
    trace = target.app.traces()[-1]
    assert (trace["transaction"], trace["certificate_kind"]) == ("TD0.2", "CPS")
    assert trace["certificate_serial"] == identify(forge.card.auth_certificate).serial
    assert not ENVELOPE - {"transaction"} & trace.keys()


def test_a_certificate_nobody_can_read_is_traced_without_name(target: Range, forge: Forge) -> None:
    target.refused(replace(forge.existence(), octets=b"", certificate=b"not DER"), "DMPInvalidRequest", "XML-FORM")
    assert not {"certificate_kind", "certificate_serial"} & target.app.traces()[-1].keys()


def test_who_has_no_certificate_cannot_fill_the_chain(target: Range, forge: Forge) -> None:
    before = len(target.app.traces())
    reply = target.send(replace(forge.existence(), octets=b"").with_environ(**{"gunicorn.socket": None}))
    assert reply.verdict == (FAULT, "DMPInvalidRequest")
    assert len(target.app.traces()) == before
    target.sent -= 1


def test_contracts_are_not_calls(target: Range, forge: Forge) -> None:
    before = len(target.app.traces())
    contract = replace(forge.existence(), octets=b"").with_environ(REQUEST_METHOD="GET", QUERY_STRING="wsdl")
    headers, octets = target.exchange(contract)[1:]
    assert headers["content-type"] == "text/xml; charset=UTF-8"
    assert b"definitions" in octets
    assert len(target.app.traces()) == before
    target.sent -= 1


@pytest.mark.parametrize("code", ["TD0.2", "TD2.1"])
def test_a_failure_of_ours_is_said_to_be_one_and_nothing_more(
    target: Range, forge: Forge, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    def broken(*_: object) -> None:
        raise StorageError("database: disk full at /var/lib/dmpws/secret.sqlite")

    message: Message = forge.existence() if code == "TD0.2" else forge.deposit()
    monkeypatch.setattr(DirectoryTable, "structure", broken)
    reply = target.send(message)
    assert b"secret" not in reply.octets
    assert b"disk" not in reply.octets
    assert reply.status == 500
    assert reply.headers["x-correlation-id"] in reply.text
    assert "soap:Receiver" in reply.text
    trace = target.app.traces()[-1]
    assert (trace["outcome"], trace["transaction"]) == ("failed", code)
    assert TARGET.ins.value not in str(trace)
