"""HTTP and SOAP envelopes that are not what they should be: each gets the right fault, and nothing happens."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from assault import ACK, CANARY, FAULT, Forge, Message, Range

from dmpws.testing.local import LocalApp
from dmpws.xml.names import SOAP, SOAP11, WSA, WSSE

Make = Callable[[Forge], Message]


@dataclass(frozen=True)
class Case:
    """A message, and the code, first rule, HTTP status and carrier of what it gets. status: 0 for the usual one."""

    make: Make
    code: str
    rule: str = ""
    status: int = 0
    carrier: str = FAULT


def body(old: str, new: str) -> Make:
    """TD0.2 with a text replaced."""
    return lambda forge: forge.existence().bent(old, new)


def environ(**values: str) -> Make:
    return lambda forge: forge.existence().with_environ(**values)


def sent_to(service: str) -> Make:
    return lambda forge: replace(forge.existence(), service=service)


def doctype(subset: str, use: str = "") -> Make:
    """An internal subset before the envelope, and a use of what it declares in the Body."""

    def make(forge: Forge) -> Message:
        message = forge.existence().bent("?>", f"?><!DOCTYPE Envelope {subset}>")
        return message.bent("<creationTime", f"{use}<creationTime") if use else message

    return make


BILLION = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12))
QUADRATIC = '<!ENTITY a "{}">'.format("a" * 50_000)
HEADER = "<wsa:MessageID"
ACTION = "urn:hl7-org:v3:PRPA_IN201307UV02"
NOBODY = f'<wsa:Address xmlns:wsa="{WSA}">http://192.0.2.1/steal</wsa:Address>'


def second(header: str) -> Make:
    """A header block added before the others."""
    return body(HEADER, header + HEADER)


CASES: dict[str, Case] = {
    # XML
    "doctype": Case(doctype(""), "DMPInvalidRequest", "XML-DTD"),
    "entity": Case(doctype('[<!ENTITY a "b">]', "&a;"), "DMPInvalidRequest", "XML-DTD"),
    "external DTD": Case(doctype('SYSTEM "http://192.0.2.1/x.dtd"'), "DMPInvalidRequest", "XML-DTD"),
    "attribute list": Case(doctype("[<!ATTLIST Envelope ID ID #IMPLIED>]"), "DMPInvalidRequest", "XML-DTD"),
    "parameter entity": Case(
        doctype('[<!ENTITY % p SYSTEM "http://192.0.2.1/p"> %p;]'), "DMPInvalidRequest", "XML-DTD"
    ),
    "billion laughs": Case(doctype(f'[<!ENTITY l0 "lol">{BILLION}]', "&l11;"), "DMPInvalidRequest", "XML-FORM"),
    "quadratic blowup": Case(doctype(f"[{QUADRATIC}]", "&a;" * 5000), "DMPInvalidRequest", "XML-FORM"),
    "undeclared entity": Case(body("<creationTime", "&evil;<creationTime"), "DMPInvalidRequest", "XML-FORM"),
    "not UTF-8": Case(
        lambda forge: forge.existence().bent("<creationTime", b"<x>\xe9\xff</x><creationTime"),
        "DMPInvalidRequest",
        "XML-FORM",
    ),
    "overlong UTF-8": Case(
        lambda forge: forge.existence().bent("<creationTime", b"\xc0\xbcx\xc0\xbe<creationTime"),
        "DMPInvalidRequest",
        "XML-FORM",
    ),
    "surrogate": Case(
        lambda forge: forge.existence().bent("<creationTime", b"\xed\xa0\x80<creationTime"),
        "DMPInvalidRequest",
        "XML-FORM",
    ),
    "null character": Case(
        lambda forge: forge.existence().bent("<creationTime", b"\0<creationTime"), "DMPInvalidRequest", "XML-FORM"
    ),
    "UTF-7": Case(lambda forge: forge.existence().encoded("utf-7"), "DMPInvalidRequest", "XML-ENCODING"),
    "UTF-7 in disguise": Case(
        lambda forge: forge.existence().bent('"UTF-8"?>', '"utf-7" standalone="yes"?>'),
        "DMPInvalidRequest",
        "XML-ENCODING",
    ),
    "UTF-32": Case(lambda forge: forge.existence().encoded("utf-32"), "DMPInvalidRequest", "XML-ENCODING"),
    "EBCDIC": Case(lambda forge: forge.existence().encoded("cp037", "IBM037"), "DMPInvalidRequest", "XML-FORM"),
    "UTF-8 that says UTF-16": Case(
        lambda forge: forge.existence().encoded("utf-8", "UTF-16"), "DMPInvalidRequest", "XML-ENCODING"
    ),
    "UTF-16 cut": Case(
        lambda forge: replace(forge.existence(), octets=forge.existence().encoded("utf-16").octets[:-1]),
        "DMPInvalidRequest",
        "XML-FORM",
    ),
    "UTF-16 with a DOCTYPE": Case(
        lambda forge: forge.existence().bent("?>", "?><!DOCTYPE Envelope>").encoded("utf-16"),
        "DMPInvalidRequest",
        "XML-DTD",
    ),
    "two documents": Case(
        lambda forge: replace(forge.existence(), octets=forge.existence().octets * 2), "DMPInvalidRequest", "XML-FORM"
    ),
    "cut": Case(
        lambda forge: replace(forge.existence(), octets=forge.existence().octets[:-40]),
        "DMPInvalidRequest",
        "XML-FORM",
    ),
    "nothing": Case(lambda forge: replace(forge.existence(), octets=b""), "DMPInvalidRequest", "XML-FORM"),
    "JSON": Case(lambda forge: replace(forge.existence(), octets=b"{}"), "DMPInvalidRequest", "XML-FORM"),
    # SOAP
    "not an envelope": Case(
        lambda forge: replace(forge.existence(), octets=b"<html/>"), "DMPInvalidRequest", "SOAP-ENVELOPE"
    ),
    "SOAP 1.1": Case(
        lambda forge: replace(
            forge.existence(), octets=forge.existence().octets.replace(SOAP.encode(), SOAP11.encode())
        ),
        "VersionMismatch",
    ),
    "SOAP 1.1 media type": Case(
        lambda forge: replace(
            forge.existence(),
            content_type="text/xml",
            octets=forge.existence().octets.replace(SOAP.encode(), SOAP11.encode()),
        ),
        "VersionMismatch",
    ),
    "no namespace": Case(
        lambda forge: replace(forge.existence(), octets=b"<Envelope><Body><a/></Body></Envelope>"), "VersionMismatch"
    ),
    "no Body": Case(
        lambda forge: replace(
            forge.existence(),
            octets=forge.existence().octets.replace(b"soap:Body", b"soap:Corps"),
        ),
        "DMPInvalidRequest",
        "SOAP-STRUCTURE",
    ),
    "two Bodies": Case(
        body("</soap:Body>", "</soap:Body><soap:Body><a/></soap:Body>"), "DMPInvalidRequest", "SOAP-STRUCTURE"
    ),
    "two Headers": Case(body("<soap:Header>", "<soap:Header/><soap:Header>"), "DMPInvalidRequest", "SOAP-STRUCTURE"),
    "Body before Header": Case(
        body("<soap:Header>", "<soap:Body><a/></soap:Body><soap:Header>"), "DMPInvalidRequest", "SOAP-STRUCTURE"
    ),
    "empty Body": Case(lambda forge: forge.existence().with_body(b""), "DMPInvalidRequest", "SOAP-BODY"),
    "two children": Case(
        lambda forge: forge.existence().with_body(b'<a xmlns="urn:a"/><a xmlns="urn:a"/>'),
        "DMPInvalidRequest",
        "SOAP-BODY",
    ),
    "Body of another operation": Case(
        lambda forge: replace(forge.existence(), octets=forge.search().octets), "ActionNotSupported"
    ),
    "unknown operation": Case(
        lambda forge: (
            forge.existence()
            .with_body(b'<DropTables xmlns="urn:evil"/>')
            .bent('<wsa:Action xmlns:wsa="' + WSA + '" soap:mustUnderstand="true">' + ACTION + "</wsa:Action>", "")
        ),
        "DMPInvalidRequest",
        "SOAP-OPERATION",
    ),
    "unknown action": Case(body(f">{ACTION}<", ">urn:evil<"), "ActionNotSupported"),
    "action of another operation": Case(body(f">{ACTION}<", ">urn:hl7-org:v3:PRPA_IN201311UV02<"), "ActionMismatch"),
    "action twice": Case(second(f'<wsa:Action xmlns:wsa="{WSA}">{ACTION}</wsa:Action>'), "InvalidCardinality"),
    "message id twice": Case(
        second(f'<wsa:MessageID xmlns:wsa="{WSA}">urn:uuid:1</wsa:MessageID>'), "InvalidCardinality"
    ),
    "message id without end": Case(body("urn:uuid:", "urn:uuid:" + "x" * 2000), "InvalidAddress"),
    "Security twice": Case(second(f'<wsse:Security xmlns:wsse="{WSSE}"/>'), "DMPInvalidRequest", "SOAP-SECURITY"),
    "unknown mandatory header": Case(second('<x:Pay xmlns:x="urn:x" soap:mustUnderstand="1"/>'), "MustUnderstand"),
    "answer to somebody else": Case(
        body(f"<wsa:Address>{WSA}/anonymous</wsa:Address>", NOBODY), "OnlyAnonymousAddressSupported"
    ),
    "faults to somebody else": Case(
        second(f'<wsa:FaultTo xmlns:wsa="{WSA}">{NOBODY}</wsa:FaultTo>'), "OnlyAnonymousAddressSupported"
    ),
    "answer to nobody": Case(body(f"<wsa:Address>{WSA}/anonymous</wsa:Address>", ""), "MissingAddressInEPR"),
    "schema": Case(body("<creationTime", "<evil/><creationTime"), "DMPInvalidRequest", "SCHEMA-GDP", carrier=ACK),
    "include of another file": Case(
        body("<creationTime", '<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="x"/><creationTime'),
        "DMPInvalidRequest",
        "SCHEMA-GDP",
        carrier=ACK,
    ),
    "namespaces without end": Case(
        body("<soap:Envelope ", "<soap:Envelope " + " ".join(f'xmlns:p{n}="urn:{n}"' for n in range(100_000)) + " "),
        "DMPInvalidRequest",
        "SOAP-NAMESPACES",
    ),
    # HTTP
    "GET": Case(environ(REQUEST_METHOD="GET"), "DMPInvalidRequest", "HTTP-METHOD", 405),
    "PUT": Case(environ(REQUEST_METHOD="PUT"), "DMPInvalidRequest", "HTTP-METHOD", 405),
    "no such service": Case(sent_to("admin"), "DMPInvalidRequest", "HTTP-PATH", 404),
    "path that climbs": Case(sent_to("../../../etc/passwd"), "DMPInvalidRequest", "HTTP-PATH", 404),
    "media type": Case(
        lambda forge: replace(forge.existence(), content_type="application/json"),
        "DMPInvalidRequest",
        "HTTP-TYPE",
        415,
    ),
    "no media type": Case(
        lambda forge: replace(forge.existence(), content_type=""), "DMPInvalidRequest", "HTTP-TYPE", 415
    ),
    "compressed": Case(environ(HTTP_CONTENT_ENCODING="gzip"), "DMPInvalidRequest", "HTTP-ENCODING", 415),
    "longer than sent": Case(environ(CONTENT_LENGTH="999999"), "DMPInvalidRequest", "HTTP-LENGTH", 400),
    "negative length": Case(environ(CONTENT_LENGTH="-1"), "DMPInvalidRequest", "HTTP-LENGTH", 400),
    "larger than allowed": Case(environ(CONTENT_LENGTH="99999999999"), "DMPInvalidRequest", "LIMIT-ENVELOPE", 413),
}


@pytest.mark.parametrize("name", CASES)
def test_refused(target: Range, forge: Forge, name: str) -> None:
    case = CASES[name]
    reply = target.refused(case.make(forge), case.code, case.rule, status=case.status, carrier=case.carrier)
    if case.code == "VersionMismatch":
        assert b"soap:Upgrade" in reply.octets
    if case.code == "MustUnderstand":
        assert b"soap:NotUnderstood" in reply.octets


def test_the_message_itself_is_good(target: Range, forge: Forge) -> None:
    """Every refusal above is the work of its bend."""
    target.accepted(forge.existence(), "AA")
    target.accepted(forge.existence().encoded("utf-16"), "AA")


@pytest.mark.parametrize("where", ["envelope", "parameter entity"])
def test_a_file_is_never_read(target: Range, forge: Forge, canary: Path, where: str) -> None:
    assert canary.read_text() == CANARY
    if where == "envelope":
        make = doctype(f'[<!ENTITY x SYSTEM "{canary.as_uri()}">]', "<x>&x;</x>")
    else:
        make = doctype(f'[<!ENTITY % p SYSTEM "{canary.as_uri()}"> %p;]')
    target.refused(make(forge), "DMPInvalidRequest", "XML-DTD")


def test_small_limits(small: Range, forge: Forge) -> None:
    """Each limit of an envelope has its own refusal."""
    good = forge.existence()
    wide = good.bent("<creationTime", "<a/>" * 3000 + "<creationTime")
    small.refused(wide, "DMPInvalidRequest", "XML-TAGS")
    deep = good.bent("<creationTime", "<a>" * 50 + "</a>" * 50 + "<creationTime")
    small.refused(deep, "DMPInvalidRequest", "XML-DEPTH")
    crowded = good.bent("<creationTime", "<a b='' c='' d=''/>" * 1100 + "<creationTime")
    small.refused(crowded, "DMPInvalidRequest", "XML-ATTRIBUTES")
    large = good.bent("<creationTime", " " * 200_000 + "<creationTime")
    small.refused(large, "DMPInvalidRequest", "LIMIT-ENVELOPE", status=413)
    chunked = large.with_environ(CONTENT_LENGTH="")
    small.refused(chunked, "DMPInvalidRequest", "LIMIT-ENVELOPE", status=413)
    small.accepted(good, "AA")


def test_what_production_asks_for(target: Range, forge: Forge) -> None:
    """An action, always; and faults of the sender with the status of the SOAP 1.2 binding."""
    strict = Range(
        LocalApp(target.app.store, target.app.pki, target.app.now, strict_action="true", http_binding="true"),
        target.folder,
    )
    addressed = forge.existence()
    start, end = addressed.octets.index(b"<wsa:Action"), addressed.octets.index(b"</wsa:Action>") + 13
    silent = replace(addressed, octets=addressed.octets[:start] + addressed.octets[end:])
    target.accepted(silent, "AA")
    strict.refused(silent, "MessageAddressingHeaderRequired", status=400)
    strict.refused(addressed.with_security(), "DMPInvalidRequest", "VIHF-NOMBRE", status=400)
    strict.accepted(addressed, "AA")
    target.sent += strict.sent
