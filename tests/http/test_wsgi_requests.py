"""One call through the whole edge: what reaches the dispatch, what comes back, and every wrong request."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree
from wsgi_server import (
    BASE,
    EXISTENCE,
    FAULT,
    MTOM,
    NOW,
    PROVIDE,
    QUERY,
    REGISTER,
    RETRIEVE,
    SOAP,
    UPDATE,
    WSA,
    Server,
    element,
    envelope,
    include,
    package,
    request,
)

from dmpws.domain.checks import Check, Outcome, Refused, Rule
from dmpws.http.wsgi import Options
from dmpws.soap.faults import FaultCode, SoapFault
from dmpws.soap.message import SoapReply, SoapRequest

SENDER = f"{{{SOAP}}}Sender"
RECEIVER = f"{{{SOAP}}}Receiver"
INVALID = f"{{{SOAP}}}DMPInvalidRequest"
WSSE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
SAML = "urn:oasis:names:tc:SAML:2.0:assertion"


@pytest.fixture
def server(tmp_path: Path) -> Server:
    return Server(tmp_path)


def security(content: str, attributes: str = "") -> str:
    return f'<wsse:Security xmlns:wsse="{WSSE}" {attributes}>{content}</wsse:Security>'


# What a good call looks like


def test_a_call_reaches_the_dispatch_and_is_answered_like_the_official_frames(server: Server) -> None:
    answer = server.call("patients", request(EXISTENCE))
    (received,) = server.requests
    assert (received.operation, received.path_service, received.body.tag) == (EXISTENCE, "patients", EXISTENCE.body)
    assert (received.message_id, received.received_at, received.assertions) == ("urn:uuid:1", NOW, ())
    assert answer.status == 200
    assert answer.headers["content-type"] == (
        f'application/soap+xml; charset=UTF-8; action="{EXISTENCE.response_action}"'
    )
    assert answer.headers["x-correlation-id"] == received.correlation_id
    header = answer.root.find(f"{{{SOAP}}}Header")
    assert header is not None
    assert [(etree.QName(h).localname, etree.QName(h).namespace) for h in header] == [
        ("Action", WSA),
        ("MessageID", WSA),
        ("To", WSA),
        ("RelatesTo", WSA),
    ]
    assert answer.header("Action") == EXISTENCE.response_action
    assert str(answer.header("MessageID")).startswith("urn:uuid:")
    assert answer.header("To") == f"{WSA}/anonymous"
    assert answer.header("RelatesTo") == "urn:uuid:1"
    assert answer.body.tag == "{urn:test}PRPA_IN201307UV02Answer"


def test_each_answer_has_its_own_message_id(server: Server) -> None:
    ids = {server.call("patients", request(EXISTENCE)).header("MessageID") for _ in range(3)}
    assert len(ids) == 3


def test_an_answer_may_be_octets(server: Server) -> None:
    server.dispatch = lambda _request: SoapReply('<a xmlns="urn:test">é</a>'.encode())
    assert server.call("patients", request(EXISTENCE)).body.text == "é"


def test_an_answer_element_is_sent_without_its_tail_and_with_its_namespaces(server: Server) -> None:
    parent = etree.fromstring('<p xmlns:q="urn:q"><a type="q:b">é</a>tail</p>')
    server.dispatch = lambda _request: SoapReply(parent[0])
    body = server.call("patients", request(EXISTENCE)).body
    assert (body.text, body.tail, body.nsmap["q"]) == ("é", None, "urn:q")


def test_the_http_action_is_never_compared(server: Server) -> None:
    content_type = 'application/soap+xml; charset=Cp1252; action="DocumentRepository_Whatever"'
    assert server.call("patients", request(EXISTENCE), content_type).status == 200


def test_octets_without_a_name_are_taken_for_soap(server: Server) -> None:
    assert server.call("patients", request(EXISTENCE), "application/octet-stream").status == 200


def test_a_request_without_message_id_is_answered_without_relates_to(server: Server) -> None:
    answer = server.call("patients", envelope(element(EXISTENCE), action=EXISTENCE.action, message_id=""))
    assert (answer.status, answer.header("RelatesTo")) == (200, None)


def test_comments_and_instructions_in_the_envelope_are_nothing(server: Server) -> None:
    body = f"<!-- a --><?b c?>{element(EXISTENCE)}<!-- d -->"
    assert server.call("patients", envelope(body, "<!-- e -->", action=EXISTENCE.action)).status == 200


def test_the_body_keeps_its_comments_and_instructions(server: Server) -> None:
    server.call("patients", request(EXISTENCE, content="<!-- a --><?b c?>"))
    assert etree.tostring(server.requests[0].body).endswith(b"<!-- a --><?b c?></PRPA_IN201307UV02>")


def test_observers_hear_of_every_exchange(server: Server) -> None:
    good = server.call("patients", request(EXISTENCE))
    server.call("nothing", b"x")
    first, second = server.observed
    assert first[:4] == ("PRPA_IN201307UV02", "patients", 200, "ok")
    assert (first.octets_in, first.octets_out) == (len(request(EXISTENCE)), len(good.octets))
    assert 0 < first.seconds < 10
    assert second[:4] == ("", "", 404, "DMPInvalidRequest")
    assert (first.exchange.dispatched, second.exchange.dispatched) == (True, False)
    assert second.exchange.fault is not None
    assert second.exchange.correlation_id != first.exchange.correlation_id


def test_an_observer_that_fails_disturbs_nobody(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    server = Server(tmp_path)
    server.app._observers = (lambda _o: 1 / 0, server.observed.append)
    assert server.call("patients", request(EXISTENCE)).status == 200
    assert len(server.observed) == 1
    assert "an observer failed" in caplog.text


# The security header


def test_assertions_stand_alone(server: Server) -> None:
    assertion = f'<s:Assertion xmlns:s="{SAML}" ID="_1"><s:Value xsi:type="xs:string">é</s:Value></s:Assertion> tail '
    header = f'<w:Security xmlns:w="{WSSE}" xmlns:xs="urn:xs" xmlns:xsi="urn:xsi">\n{assertion}</w:Security>'
    server.call("patients", request(EXISTENCE, header))
    (octets,) = server.requests[0].assertions
    alone = etree.fromstring(octets)
    assert (alone.get("ID"), alone[0].text, alone.nsmap["xs"]) == ("_1", "é", "urn:xs")
    assert octets.startswith(b"<s:Assertion") and octets.endswith(b"</s:Assertion>")


def test_every_assertion_of_the_header_is_given_to_the_checks_but_no_other(server: Server) -> None:
    one = f'<Assertion xmlns="{SAML}" ID="_1"/>'
    deeper = f'<x xmlns="urn:x"><Assertion xmlns="{SAML}" ID="_3"/></x>'
    server.call("patients", request(EXISTENCE, security(one + one + deeper), one))
    assert len(server.requests[0].assertions) == 2


def test_two_security_headers_are_refused_and_those_of_others_left_alone(server: Server) -> None:
    answer = server.call("patients", request(EXISTENCE, security(""), security("")))
    assert (answer.rules, answer.codes) == (["SOAP-SECURITY"], [SENDER, INVALID])
    other = f'xmlns:soap="{SOAP}" soap:role="urn:somebody" soap:mustUnderstand="true"'
    one = f'<Assertion xmlns="{SAML}"/>'
    answer = server.call("patients", request(EXISTENCE, security(one, other), security(one)))
    assert (answer.status, len(server.requests[-1].assertions)) == (200, 1)


# Faults that the dispatch asks for

RULE = Rule("VIHF-X", "La règle est respectée", "DMPWS D10", "DMPInvalidCertificate")
OTHER = Rule("VIHF-Y", "L'autre aussi", "DMPWS D11", "DMPAuthenticationError")


def failing(error: Exception) -> Any:
    def dispatch(_request: SoapRequest) -> SoapReply:
        raise error

    return dispatch


def test_a_refusal_is_a_fault_that_names_each_rule_and_both_values(server: Server) -> None:
    checks = (
        Check(RULE, Outcome.FAILED, "a < b", "c\x00 & d", "/Envelope/Header"),
        Check(OTHER, Outcome.FAILED, text="Structure introuvable ou Inactive"),
    )
    server.dispatch = failing(Refused(*checks))
    answer = server.call("patients", request(EXISTENCE))
    assert answer.status == 500
    assert answer.codes == [SENDER, f"{{{SOAP}}}DMPInvalidCertificate"]
    assert answer.header("Action") == f"{WSA}/soap/fault"
    assert answer.header("RelatesTo") == "urn:uuid:1"
    assert answer.reason.startswith("La règle est respectée ; attendu : a < b ; trouvé : c\ufffd & d")
    assert answer.reason.endswith("[VIHF-X, DMPWS D10]")
    text = answer.body.find(f"{{{SOAP}}}Reason/{{{SOAP}}}Text")
    assert text is not None
    assert text.get("{http://www.w3.org/XML/1998/namespace}lang") == "fr"
    details = [
        {"rule": c.get("rule"), "reference": c.get("reference"), **{etree.QName(v).localname: v.text for v in c}}
        for c in answer.body.iter(f"{{{FAULT}}}check")
    ]
    assert details == [
        {
            "rule": "VIHF-X",
            "reference": "DMPWS D10",
            "title": "La règle est respectée",
            "expected": "a < b",
            "found": "c\ufffd & d",
            "where": "/Envelope/Header",
        },
        {"rule": "VIHF-Y", "reference": "DMPWS D11", "title": "Structure introuvable ou Inactive"},
    ]
    assert server.observed[0][2:4] == (500, "DMPInvalidCertificate")


def test_with_the_http_binding_a_fault_of_the_sender_is_400(tmp_path: Path) -> None:
    server = Server(tmp_path, options=Options(http_binding=True))
    server.dispatch = failing(Refused(Check(RULE, Outcome.FAILED)))
    assert server.call("patients", request(EXISTENCE)).status == 400
    server.dispatch = failing(ZeroDivisionError())
    assert server.call("patients", request(EXISTENCE)).status == 500
    assert server.call("nothing").status == 404


def test_a_fault_of_the_dispatch_is_sent_as_it_is(server: Server) -> None:
    server.dispatch = failing(SoapFault(FaultCode.RECEIVER, "Trop de requêtes", http_status=503))
    answer = server.call("patients", request(EXISTENCE))
    assert (answer.status, answer.codes, answer.reason) == (503, [RECEIVER], "Trop de requêtes")


@pytest.mark.parametrize(
    "error",
    [ZeroDivisionError("secret"), KeyError("secret"), RecursionError("secret"), MemoryError("secret"), StopIteration()],
)
def test_a_defect_shows_a_reference_and_nothing_else(
    server: Server, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    server.dispatch = failing(error)
    answer = server.call("patients", request(EXISTENCE))
    reference = answer.headers["x-correlation-id"]
    assert (answer.status, answer.codes) == (500, [RECEIVER])
    assert answer.reason == f"Erreur interne (référence {reference})"
    assert b"secret" not in answer.octets and b"Traceback" not in answer.octets
    (record,) = [r for r in caplog.records if r.name == "dmpws.soap"]
    assert reference in record.getMessage()
    assert record.exc_info is not None


@pytest.mark.parametrize("body", [None, 42, b"\xff" * 3])
def test_a_reply_that_cannot_be_sent_is_a_defect(server: Server, caplog: pytest.LogCaptureFixture, body: Any) -> None:
    attachments = {"a b": None} if isinstance(body, bytes) else {}
    server.dispatch = lambda _request: SoapReply(body, attachments)
    answer = server.call("patients", request(EXISTENCE))
    assert (answer.status, answer.codes) == (500, [RECEIVER])
    assert answer.headers["x-correlation-id"] in caplog.text
    assert server.observed[0].outcome == "Receiver"


def test_even_a_fault_that_cannot_be_written_is_answered(
    server: Server, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server.app.app.out_protocol, "_write_fault", failing(OSError("secret")))
    answer = server.call("nothing")
    assert (answer.status, answer.codes) == (500, [RECEIVER])
    assert b"secret" not in answer.octets
    assert answer.headers["x-correlation-id"] in caplog.text


# Every wrong request

ACTION = EXISTENCE.action
GOOD = request(EXISTENCE)
BODY = element(EXISTENCE)
HEADER = f'<Action xmlns="{WSA}">{ACTION}</Action>'
ENVELOPE = f'<soap:Envelope xmlns:soap="{SOAP}">'


def wsa(name: str, text: str = "", attributes: str = "") -> str:
    return f'<{name} xmlns="{WSA}" {attributes}>{text}</{name}>'


def to(name: str, *addresses: str) -> str:
    return wsa(name, "".join(f"<Address>{a}</Address>" for a in addresses))


WRONG: dict[str, tuple[dict[str, Any], int, list[str]]] = {
    "unknown service": ({"service": "nothing"}, 404, ["HTTP-PATH"]),
    "outside of the services": ({"service": "/"}, 404, ["HTTP-PATH"]),
    "below a service": ({"service": "patients/x"}, 404, ["HTTP-PATH"]),
    "climbing path": ({"service": "../services/patients"}, 404, ["HTTP-PATH"]),
    "GET": ({"method": "GET"}, 405, ["HTTP-METHOD"]),
    "PUT": ({"method": "PUT"}, 405, ["HTTP-METHOD"]),
    "strange method": ({"method": "<b>"}, 405, ["HTTP-METHOD"]),
    "no media type": ({"content_type": None}, 415, ["HTTP-TYPE"]),
    "JSON": ({"content_type": "application/json"}, 415, ["HTTP-TYPE"]),
    "text": ({"content_type": "text/plain"}, 415, ["HTTP-TYPE"]),
    "SOAP 1.2 as text/xml": ({"content_type": "text/xml"}, 415, ["HTTP-TYPE"]),
    "form": ({"content_type": "multipart/form-data; boundary=x"}, 415, ["HTTP-TYPE"]),
    "attachments, not XOP": (
        {"content_type": 'multipart/related; boundary="BOUNDARY"; type="text/xml"'},
        415,
        ["MTOM-TYPE"],
    ),
    "gzip": ({"HTTP_CONTENT_ENCODING": "gzip"}, 415, ["HTTP-ENCODING"]),
    "length that is no number": ({"CONTENT_LENGTH": "-1"}, 400, ["HTTP-LENGTH"]),
    "absurd length": ({"CONTENT_LENGTH": "9" * 5000}, 400, ["HTTP-LENGTH"]),
    "shorter than announced": ({"CONTENT_LENGTH": str(len(GOOD) + 1)}, 400, ["HTTP-LENGTH"]),
    "cut by the length": ({"CONTENT_LENGTH": str(len(GOOD) - 1)}, 500, ["XML-FORM"]),
    "nothing": ({"body": b""}, 500, ["XML-FORM"]),
    "not XML": ({"body": b"hello"}, 500, ["XML-FORM"]),
    "half an envelope": ({"body": GOOD[:100]}, 500, ["XML-FORM"]),
    "not the UTF-8 it claims": ({"body": GOOD.replace(b"urn:uuid:1", b"urn:\xe9")}, 500, ["XML-FORM"]),
    "unknown encoding": ({"body": b'<?xml version="1.0" encoding="x"?>' + GOOD}, 500, ["XML-ENCODING"]),
    "DTD": ({"body": b"<!DOCTYPE a>" + GOOD}, 500, ["XML-DTD"]),
    "entity bomb": (
        {"body": b'<!DOCTYPE a [<!ENTITY b "bb"><!ENTITY c "&b;&b;">]>' + GOOD.replace(b"urn:uuid:1", b"&c;")},
        500,
        ["XML-DTD"],
    ),
    "external entity": (
        {"body": b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]>' + GOOD.replace(b"urn:uuid:1", b"&b;")},
        500,
        ["XML-DTD"],
    ),
    "too deep": ({"body": request(EXISTENCE, content="<a>" * 200 + "</a>" * 200)}, 500, ["XML-DEPTH"]),
    "not SOAP": ({"body": b"<html/>"}, 500, ["SOAP-ENVELOPE"]),
    "Envelope without Body": ({"body": f"{ENVELOPE}<soap:Header/></soap:Envelope>"}, 500, ["SOAP-STRUCTURE"]),
    "empty Envelope": ({"body": f"{ENVELOPE}</soap:Envelope>"}, 500, ["SOAP-STRUCTURE"]),
    "two Bodies": (
        {"body": f"{ENVELOPE}<soap:Body>{BODY}</soap:Body><soap:Body>{BODY}</soap:Body></soap:Envelope>"},
        500,
        ["SOAP-STRUCTURE"],
    ),
    "two Headers": (
        {"body": f"{ENVELOPE}<soap:Header/><soap:Header/><soap:Body>{BODY}</soap:Body></soap:Envelope>"},
        500,
        ["SOAP-STRUCTURE"],
    ),
    "Header after Body": (
        {"body": f"{ENVELOPE}<soap:Body>{BODY}</soap:Body><soap:Header/></soap:Envelope>"},
        500,
        ["SOAP-STRUCTURE"],
    ),
    "something after Body": (
        {"body": f"{ENVELOPE}<soap:Body>{BODY}</soap:Body><x/></soap:Envelope>"},
        500,
        ["SOAP-STRUCTURE"],
    ),
    "empty Body": ({"body": envelope("", action=ACTION)}, 500, ["SOAP-BODY"]),
    "Body of text": ({"body": envelope("hello", action=ACTION)}, 500, ["SOAP-BODY"]),
    "two Body children": ({"body": envelope(BODY + BODY, action=ACTION)}, 500, ["SOAP-BODY"]),
    "unknown message": ({"body": envelope('<a xmlns="urn:x"/>')}, 500, ["SOAP-OPERATION"]),
    "message of another service": ({"body": envelope(element(QUERY))}, 500, ["SOAP-OPERATION"]),
    "a fault as request": ({"body": envelope(f'<soap:Fault xmlns:soap="{SOAP}"/>')}, 500, ["SOAP-OPERATION"]),
    "plain SOAP where MTOM is due": ({"service": "repository", "body": request(PROVIDE)}, 500, ["SOAP-MTOM"]),
    "include without part": (
        {"body": request(EXISTENCE, content=include("cid:x"))},
        500,
        ["XOP-MISSING"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_wrong_requests_get_the_right_fault(server: Server, case: str) -> None:
    asked, status, rules = WRONG[case]
    asked = {"service": "patients", "body": GOOD, **asked}
    asked["body"] = asked["body"].encode() if isinstance(asked["body"], str) else asked["body"]
    answer = server.call(**asked)
    assert (answer.status, answer.rules) == (status, rules), answer.octets
    assert answer.codes == [SENDER, INVALID]
    assert rules[0] in answer.reason
    assert server.requests == []
    assert server.sink.left == []


ADDRESSING: dict[str, tuple[bytes, list[str]]] = {
    "unknown action": (envelope(BODY, action="urn:unknown"), ["ActionNotSupported"]),
    "action of another service": (envelope(BODY, action=QUERY.action), ["ActionNotSupported"]),
    "two actions": (request(EXISTENCE, wsa("Action", ACTION)), ["InvalidAddressingHeader", "InvalidCardinality"]),
    "two identifiers": (request(EXISTENCE, wsa("MessageID")), ["InvalidAddressingHeader", "InvalidCardinality"]),
    "two destinations": (request(EXISTENCE, wsa("To")), ["InvalidAddressingHeader", "InvalidCardinality"]),
    "endless identifier": (
        envelope(BODY, action=ACTION, message_id="x" * 1001),
        ["InvalidAddressingHeader", "InvalidAddress"],
    ),
    "answer elsewhere": (
        request(EXISTENCE, to("ReplyTo", "http://example.org/")),
        ["InvalidAddressingHeader", "OnlyAnonymousAddressSupported"],
    ),
    "no answer": (
        request(EXISTENCE, to("ReplyTo", f"{WSA}/none")),
        ["InvalidAddressingHeader", "OnlyAnonymousAddressSupported"],
    ),
    "faults elsewhere": (
        request(EXISTENCE, to("FaultTo", "http://example.org/")),
        ["InvalidAddressingHeader", "OnlyAnonymousAddressSupported"],
    ),
    "no address": (request(EXISTENCE, to("ReplyTo")), ["InvalidAddressingHeader", "MissingAddressInEPR"]),
    "two addresses": (
        request(EXISTENCE, to("ReplyTo", f"{WSA}/anonymous", "http://example.org/")),
        ["InvalidAddressingHeader", "MissingAddressInEPR"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", ADDRESSING)
def test_wrong_addressing_gets_the_right_fault(server: Server, case: str) -> None:
    body, subcodes = ADDRESSING[case]
    answer = server.call("patients", body)
    assert answer.status == 500
    assert answer.codes == [SENDER, *(f"{{{WSA}}}{s}" for s in subcodes)]
    assert answer.header("Action") == f"{WSA}/fault"
    detail = answer.body.find(f"{{{SOAP}}}Detail")
    assert detail is not None
    assert etree.QName(detail[0]).localname in ("ProblemHeaderQName", "ProblemAction")
    assert server.requests == []


def test_an_action_that_contradicts_the_body_is_refused(server: Server) -> None:
    answer = server.call("registry", envelope(element(REGISTER), action=QUERY.action))
    assert answer.codes[1:] == [f"{{{WSA}}}InvalidAddressingHeader", f"{{{WSA}}}ActionMismatch"]
    assert answer.body.findtext(f".//{{{WSA}}}ProblemAction/{{{WSA}}}Action") == QUERY.action
    assert "SubmitObjectsRequest" in answer.reason


def test_the_action_tells_operations_with_the_same_body_apart(server: Server) -> None:
    for operation in (REGISTER, UPDATE):
        assert server.call("registry", request(operation)).status == 200
    assert [r.operation for r in server.requests] == [REGISTER, UPDATE]


def test_without_action_the_body_decides_unless_it_is_shared(server: Server) -> None:
    assert server.call("registry", envelope(element(QUERY))).status == 200
    assert server.call("registry", envelope(element(QUERY), action="  ")).status == 200
    answer = server.call("registry", envelope(element(UPDATE)))
    assert answer.codes[1:] == [f"{{{WSA}}}MessageAddressingHeaderRequired"]
    assert answer.body.findtext(f".//{{{WSA}}}ProblemHeaderQName") == "wsa:Action"


def test_with_strict_action_the_header_is_required(tmp_path: Path) -> None:
    server = Server(tmp_path, options=Options(strict_action=True))
    assert server.call("registry", envelope(element(QUERY))).codes[1:] == [f"{{{WSA}}}MessageAddressingHeaderRequired"]
    assert server.call("registry", request(QUERY)).status == 200


def test_actions_of_real_clients_are_accepted(server: Server) -> None:
    answer = server.call("patients", envelope(BODY, action=f" {EXISTENCE.action_variants[0]}\n"))
    assert (answer.status, answer.header("Action")) == (200, EXISTENCE.response_action)


def test_addressing_headers_of_real_clients_are_accepted(server: Server) -> None:
    headers = (
        wsa("ReplyTo", f"<Address> {WSA}/anonymous </Address>", 'mustUnderstand="true"'),
        wsa("From", "<Address>http://client.example/</Address>"),
        wsa("RelatesTo", "urn:a"),
        wsa("RelatesTo", "urn:b"),
        '<Action xmlns="http://schemas.xmlsoap.org/ws/2004/08/addressing">urn:old</Action>',
        '<Unknown xmlns="urn:x" mustUnderstand="true"/>',
        f'<Unknown xmlns="urn:x" xmlns:s="{SOAP}" s:mustUnderstand="false"/>',
        f'<Unknown xmlns="urn:x" xmlns:s="{SOAP}" s:mustUnderstand="1" s:role="{SOAP}/role/none"/>',
        wsa("Action", ACTION, f'xmlns:s="{SOAP}" s:mustUnderstand="true"'),
    )
    assert server.call("patients", envelope(BODY, *headers)).status == 200


@pytest.mark.parametrize("value", ["true", "1", " true "])
@pytest.mark.parametrize("role", ["", f'{{s}}role="{SOAP}/role/next"', f'{{s}}role="{SOAP}/role/ultimateReceiver"'])
def test_a_mandatory_header_that_nobody_knows_is_refused(server: Server, value: str, role: str) -> None:
    header = f'<x:New xmlns:x="urn:x" xmlns:s="{SOAP}" s:mustUnderstand="{value}" {role.format(s="s:")}/>'
    answer = server.call("patients", request(EXISTENCE, header, f'<Old s:mustUnderstand="1" xmlns:s="{SOAP}"/>'))
    assert (answer.status, answer.codes) == (500, [f"{{{SOAP}}}MustUnderstand"])
    names = answer.root.findall(f"{{{SOAP}}}Header/{{{SOAP}}}NotUnderstood")
    assert [n.get("qname") for n in names] == ["h:New", "Old"]
    assert names[0].nsmap["h"] == "urn:x"


# SOAP 1.1

SOAP11 = "http://schemas.xmlsoap.org/soap/envelope/"


@pytest.mark.parametrize("namespace", [SOAP11, "http://www.w3.org/2001/12/soap-envelope"])
def test_another_version_is_told_which_one_is_understood(server: Server, namespace: str) -> None:
    answer = server.call("patients", envelope(BODY, namespace=namespace, action=ACTION))
    assert (answer.status, answer.codes) == (500, [f"{{{SOAP}}}VersionMismatch"])
    supported = answer.root.find(f"{{{SOAP}}}Header/{{{SOAP}}}Upgrade/{{{SOAP}}}SupportedEnvelope")
    assert supported is not None
    assert (supported.get("qname"), supported.nsmap["soap"]) == ("soap:Envelope", SOAP)


def test_a_soap_11_client_is_told_its_version_rather_than_its_media_type(server: Server) -> None:
    answer = server.call("patients", envelope(BODY, namespace=SOAP11), "text/xml; charset=utf-8", HTTP_SOAPACTION='""')
    assert (answer.status, answer.codes) == (500, [f"{{{SOAP}}}VersionMismatch"])


def test_soap_11_in_a_package_typed_as_soap_12_is_accepted_as_in_the_official_sample(server: Server) -> None:
    root = envelope(element(PROVIDE), namespace=SOAP11, action=PROVIDE.action)
    answer = server.call("repository", package(root), MTOM)
    assert (answer.status, answer.root.tag) == (200, f"{{{SOAP}}}Envelope")
    octets = package(root).replace(b'; type="application/soap+xml"', b'; type="text/xml"')
    assert server.call("repository", octets, MTOM).codes == [f"{{{SOAP}}}VersionMismatch"]


def test_mandatory_headers_in_soap_11_are_read_in_its_own_terms(server: Server) -> None:
    header = f'<x:New xmlns:x="urn:x" xmlns:s="{SOAP11}" s:mustUnderstand="1"/>'
    root = envelope(element(PROVIDE), header, namespace=SOAP11, action=PROVIDE.action)
    assert server.call("repository", package(root), MTOM).codes == [f"{{{SOAP}}}MustUnderstand"]


# The contracts


def test_contracts_are_served_with_the_address_that_was_called(server: Server) -> None:
    answer = server.call("repositoryCPE", method="GET", query="wsdl")
    assert (answer.status, answer.headers["content-type"]) == (200, "text/xml; charset=UTF-8")
    assert answer.octets == f"<wsdl address='https://dmp.example.org:8443{BASE}/repositoryCPE'/>".encode()
    assert server.call("registry", method="GET", query="WSDL=1").status == 200
    assert server.call("registry", method="GET", query="xsd=soap.xsd").octets == b"<xsd/>"
    assert server.requests == []


def test_a_contract_shows_the_public_address_when_there_is_one(tmp_path: Path) -> None:
    server = Server(tmp_path, options=replace(Options(), public_url="https://dmp.example.net/"))
    answer = server.call("patients", method="GET", query="wsdl")
    assert f"'https://dmp.example.net{BASE}/patients'".encode() in answer.octets


@pytest.mark.parametrize("host", ["evil.example/<x>", "a b", "", "x'y", "a@b"])
def test_a_host_that_is_none_is_not_shown(server: Server, host: str) -> None:
    answer = server.call("patients", method="GET", query="wsdl", HTTP_HOST=host)
    assert f"'https://localhost:8443{BASE}/patients'".encode() in answer.octets


@pytest.mark.parametrize("query", ["xsd=../../etc/passwd", "xsd=", "xsd", "xsd=%2e%2e/x"])
def test_documents_outside_of_the_contracts_are_not_found(server: Server, query: str) -> None:
    answer = server.call("patients", method="GET", query=query)
    assert (answer.status, answer.headers["content-type"]) == (404, "text/plain; charset=UTF-8")
    assert answer.octets.decode().startswith("Ce document")


def test_a_path_without_contract_or_query_has_no_page(server: Server) -> None:
    assert server.call("nothing", method="GET", query="wsdl").status == 404
    answer = server.call("patients", method="GET")
    assert (answer.status, answer.headers["allow"]) == (405, "POST, GET")


def test_a_contract_without_operation_is_served_and_its_calls_refused(server: Server) -> None:
    assert server.call("patientCertif", method="GET", query="wsdl").status == 200
    answer = server.call("patientCertif", request(EXISTENCE))
    assert answer.codes[1:] == [f"{{{WSA}}}ActionNotSupported"]


def test_a_retrieve_may_come_without_mtom(server: Server) -> None:
    answer = server.call("repository", request(RETRIEVE))
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("multipart/related;")


def test_thousands_of_assertions_stay_cheap(server: Server) -> None:
    header = security(f'<Assertion xmlns="{SAML}"/>' * 5000)
    assert server.call("patients", request(EXISTENCE, header)).status == 200
    assert len(server.requests[0].assertions) == 2


@pytest.mark.parametrize(("number", "rules"), [(200, []), (5000, ["SOAP-NAMESPACES"]), (100_000, ["SOAP-NAMESPACES"])])
def test_an_assertion_under_thousands_of_namespaces_is_refused(server: Server, number: int, rules: list[str]) -> None:
    """Writing it out would take the square of them."""
    namespaces = " ".join(f'xmlns:n{i}="urn:{i}"' for i in range(number))
    answer = server.call("patients", request(EXISTENCE, security(f'<Assertion xmlns="{SAML}"/>', namespaces)))
    assert answer.rules == rules


def test_thousands_of_unknown_headers_give_a_short_answer(server: Server) -> None:
    headers = "".join(f'<x:h{i} xmlns:x="urn:x" soap:mustUnderstand="1"/>' for i in range(5000))
    answer = server.call("patients", request(EXISTENCE, headers))
    assert answer.codes == [f"{{{SOAP}}}MustUnderstand"]
    assert len(answer.octets) < 10_000


@given(st.data())
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_comes_the_answer_is_soap_and_never_a_defect(server: Server, data: st.DataObject) -> None:
    simple = request(EXISTENCE, security("<a/>"))
    multipart = package(request(PROVIDE, content=include("cid:a")), {"a": b"1"})
    octets, content_type = data.draw(st.sampled_from([(simple, "application/soap+xml"), (multipart, MTOM)]))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(octets)))
        end = at + data.draw(st.integers(0, 60))
        twice = st.sampled_from([octets[at:end] * 2, b"<", b"]]>", b"&#0;", b"\r\n--BOUNDARY"])
        noise = data.draw(st.binary(max_size=6) | twice)
        octets = octets[:at] + noise + octets[end:]
    answer = server.call("repository" if content_type == MTOM else "patients", octets, content_type)
    assert answer.root.tag == f"{{{SOAP}}}Envelope"
    assert answer.status == 200 or RECEIVER not in answer.codes
    assert server.sink.left == []
