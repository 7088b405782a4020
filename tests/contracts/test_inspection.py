"""Contracts taken apart and compared: the same whatever the way they are written, different where they differ."""

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest

from dmpws.cli import main
from dmpws.resources import folder
from dmpws.soap.inspection import documents, types
from dmpws.soap.inspection.comparing import Contract, Difference, Kind, differences
from dmpws.testing.local import PATH, LocalApp

WSDL = """<w:definitions xmlns:w="http://schemas.xmlsoap.org/wsdl/" xmlns:s="http://schemas.xmlsoap.org/wsdl/soap12/"
 xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:t="urn:t" xmlns:wsp="http://www.w3.org/ns/ws-policy"
 xmlns:wsam="http://www.w3.org/2007/05/addressing/metadata" targetNamespace="urn:t" name="T">
 {policy}
 <w:types>{schema}</w:types>
 <w:message name="In"><w:part name="body" element="t:ask"/></w:message>
 <w:portType name="P"><w:operation name="ask"><w:input message="t:In" wsam:Action="urn:t:ask"/></w:operation>
 </w:portType>
 <w:binding name="B" type="t:P"><s:binding style="document" transport="http://schemas.xmlsoap.org/soap/http"/>
  {reference}
  <w:operation name="ask"><s:operation soapAction="ask"/><w:input><s:body use="literal"/></w:input></w:operation>
 </w:binding>
 <w:service name="S"><w:port name="P" binding="t:B"><s:address location="http://localhost"/></w:port></w:service>
</w:definitions>"""
SCHEMA = (
    '<xs:schema targetNamespace="urn:t" xmlns="urn:t" xmlns:xs="http://www.w3.org/2001/XMLSchema" '
    'elementFormDefault="qualified">{}</xs:schema>'
)

PLAIN = """<xs:element name="ask"><xs:complexType><xs:sequence>
  <xs:element name="a"><xs:simpleType><xs:restriction base="xs:string">
    <xs:enumeration value="x"/><xs:enumeration value="y"/></xs:restriction></xs:simpleType></xs:element>
  <xs:element name="b" minOccurs="0" maxOccurs="unbounded"><xs:complexType><xs:simpleContent>
    <xs:extension base="xs:int"><xs:attribute name="k" use="required" type="xs:token"/></xs:extension>
  </xs:simpleContent></xs:complexType></xs:element>
  <xs:choice><xs:element name="c" type="xs:date"/><xs:element name="d" type="xs:date"/></xs:choice>
</xs:sequence><xs:attribute name="v" type="xs:string"/></xs:complexType></xs:element>"""

# The same message, said otherwise.
TWINS = {
    "named types and references": """<xs:element name="ask" type="Ask"/>
      <xs:complexType name="Ask"><xs:sequence><xs:element ref="a"/><xs:element name="b" type="B" minOccurs="0"
        maxOccurs="unbounded"/><xs:choice><xs:element ref="c"/><xs:element name="d" type="Day"/></xs:choice>
        </xs:sequence><xs:attribute name="v" type="xs:string"/></xs:complexType>
      <xs:element name="a" type="XY"/><xs:element name="c" type="xs:date"/>
      <xs:simpleType name="Day"><xs:restriction base="xs:date"/></xs:simpleType>
      <xs:simpleType name="XY"><xs:restriction base="xs:string"><xs:enumeration value="y"/><xs:enumeration value="x"/>
        </xs:restriction></xs:simpleType>
      <xs:complexType name="B"><xs:simpleContent><xs:extension base="xs:int">
        <xs:attribute name="k" use="required" type="xs:token"/></xs:extension></xs:simpleContent></xs:complexType>""",
    "groups, extension and union": """<xs:element name="ask"><xs:complexType><xs:complexContent>
        <xs:extension base="First"><xs:sequence><xs:group ref="Rest"/></xs:sequence><xs:attributeGroup ref="V"/>
        </xs:extension></xs:complexContent></xs:complexType></xs:element>
      <xs:complexType name="First"><xs:sequence><xs:element name="a"><xs:simpleType><xs:union memberTypes="X Y"/>
        </xs:simpleType></xs:element></xs:sequence></xs:complexType>
      <xs:simpleType name="X"><xs:restriction base="xs:string"><xs:enumeration value="x"/></xs:restriction>
        </xs:simpleType>
      <xs:simpleType name="Y"><xs:restriction base="xs:string"><xs:enumeration value="y"/></xs:restriction>
        </xs:simpleType>
      <xs:group name="Rest"><xs:sequence><xs:sequence minOccurs="0" maxOccurs="unbounded"><xs:element name="b"
        type="B"/></xs:sequence><xs:choice><xs:element name="c" type="xs:date"/><xs:element name="d" type="xs:date"/>
        </xs:choice></xs:sequence></xs:group>
      <xs:attributeGroup name="V"><xs:attribute name="v" type="xs:string"/></xs:attributeGroup>
      <xs:complexType name="B"><xs:simpleContent><xs:extension base="xs:int">
        <xs:attribute name="k" use="required" type="xs:token"/></xs:extension></xs:simpleContent></xs:complexType>""",
    "substitution and restriction": """<xs:element name="ask"><xs:complexType><xs:complexContent>
        <xs:restriction base="Wide"><xs:sequence><xs:element name="a" type="XY"/>
        <xs:element name="b" type="B" minOccurs="0" maxOccurs="unbounded"/><xs:element ref="day"/></xs:sequence>
        <xs:attribute name="w" use="prohibited"/></xs:restriction></xs:complexContent></xs:complexType></xs:element>
      <xs:complexType name="Wide"><xs:sequence><xs:element name="gone" minOccurs="0"/>
        </xs:sequence><xs:attribute name="v" type="xs:string"/><xs:attribute name="w"/></xs:complexType>
      <xs:element name="day" type="xs:date" abstract="true"/>
      <xs:element name="c" substitutionGroup="day"/><xs:element name="d" substitutionGroup="day"/>
      <xs:simpleType name="XY"><xs:restriction base="xs:string"><xs:enumeration value="y"/><xs:enumeration value="x"/>
        </xs:restriction></xs:simpleType>
      <xs:complexType name="B"><xs:simpleContent><xs:extension base="xs:int">
        <xs:attribute name="k" use="required" type="xs:token"/></xs:extension></xs:simpleContent></xs:complexType>""",
}


def including(location: str) -> str:
    """A contract whose schema is elsewhere."""
    return WSDL.format(schema=SCHEMA.format(f'<xs:include schemaLocation="{location}"/>'), policy="", reference="")


def contract(schema: str, *, policy: str = "", reference: str = "", edit: tuple[str, str] = ("", "")) -> Contract:
    text = WSDL.format(schema=SCHEMA.format(schema), policy=policy, reference=reference).replace(*edit)
    return Contract.of(documents.read("urn:here", lambda _: text.encode()))


def found(here: Contract, there: Contract) -> list[tuple[Kind, str, str, str]]:
    return [(d.kind, d.where, d.here, d.there) for d in differences(here, there)]


@pytest.mark.parametrize("name", TWINS)
def test_the_same_said_otherwise(name: str) -> None:
    assert found(contract(PLAIN), contract(TWINS[name])) == []
    assert found(contract(TWINS[name]), contract(PLAIN)) == []


CHANGES = {
    "occurrence": ('name="b" minOccurs="0"', 'name="b"', (Kind.ELEMENT, "/ask/b", "0..*", "1..*")),
    "name": ('name="c"', 'name="z"', (Kind.ELEMENT, "/ask/c", "0..1", "(absent)")),
    "values": (
        '<xs:enumeration value="y"/>',
        "",
        (Kind.TYPE, "/ask/a", "string {y} and 1 in common", "string {} and 1 in common"),
    ),
    "text": ('base="xs:int"', 'base="xs:long"', (Kind.TYPE, "/ask/b", "int", "long")),
    "attribute": ('use="required" ', "", (Kind.ATTRIBUTE, "/ask/b/@k", "required", "optional")),
    "attribute type": ('name="v" type="xs:string"', 'name="v"', (Kind.TYPE, "/ask/@v", "string", "anySimpleType")),
    "wildcard": ("<xs:choice>", "<xs:any/><xs:choice>", (Kind.ELEMENT, "/ask/*", "(absent)", "anything")),
    "namespace": ('name="a"', 'name="a" form="unqualified"', (Kind.ELEMENT, "/ask/a", "1", "(absent)")),
    "action": ("urn:t:ask", "urn:t:other", (Kind.ACTION, "ask, input wsam:Action", "urn:t:ask", "urn:t:other")),
    "soapAction": ('soapAction="ask"', 'soapAction=""', (Kind.ACTION, "ask, soapAction", "ask", "(absent)")),
    "SOAP": ("wsdl/soap12/", "wsdl/soap/", (Kind.BINDING, "SOAP", "1.2", "1.1")),
    "style": ('style="document"', 'style="rpc"', (Kind.BINDING, "style", "document", "rpc")),
    "message": ('element="t:ask"', 'element="t:other"', (Kind.MESSAGE, "ask, input", "{urn:t}ask", "{urn:t}other")),
    "operation": (
        '<w:operation name="ask"',
        '<w:operation name="tell"',
        (Kind.OPERATION, "ask", "present", "(absent)"),
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_one_change_is_found(name: str) -> None:
    old, new, expected = CHANGES[name]
    assert expected in found(contract(PLAIN), contract(PLAIN, edit=(old, new)))


def test_policies_inline_and_referred_to() -> None:
    policy = '<wsp:Policy Name="A"><wsp:ExactlyOne><wsp:All><wsam:Addressing/></wsp:All></wsp:ExactlyOne></wsp:Policy>'
    with_policy = contract(PLAIN, policy=policy, reference='<wsp:PolicyReference URI="#A"/>')
    assert found(contract(PLAIN), with_policy) == [(Kind.POLICY, "policy", "(absent)", "Addressing")]
    assert found(contract(PLAIN, reference=policy), with_policy) == []


def test_a_type_that_holds_itself() -> None:
    endless = (
        '<xs:element name="ask" type="T"/>'
        '<xs:complexType name="T"><xs:sequence><xs:element name="{}" type="T"/></xs:sequence></xs:complexType>'
    )
    assert found(contract(endless.format("t")), contract(endless.format("t"))) == []
    assert len(found(contract(endless.format("t")), contract(endless.format("u")))) == 2


def test_a_schema_without_namespace_takes_that_of_the_includer() -> None:
    held = {
        "http://x/a.wsdl": including("b.xsd"),
        "http://x/b.xsd": SCHEMA.format(PLAIN).replace('targetNamespace="urn:t" xmlns="urn:t" ', ""),
    }
    read = Contract.of(documents.read("http://x/a.wsdl", lambda address: held[address].encode()))
    assert found(contract(PLAIN), read) == []


def test_groups_without_end_are_refused() -> None:
    nested = "".join(
        f'<xs:group name="g{n}"><xs:sequence><xs:group ref="g{n + 1}"/><xs:group ref="g{n + 1}"/></xs:sequence>'
        "</xs:group>"
        for n in range(40)
    )
    ask = '<xs:element name="ask"><xs:complexType><xs:group ref="g0"/></xs:complexType></xs:element>'
    hostile = contract(ask + nested)
    with pytest.MonkeyPatch.context() as patch, pytest.raises(ValueError, match="particles"):
        patch.setattr(types, "_MOST_PARTICLES", 1_000)
        list(differences(hostile, contract(PLAIN)))


def test_documents_without_end_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "_MOST_DOCUMENTS", 20)

    def fetch(address: str) -> bytes:
        further = f'<xs:include schemaLocation="{len(address)}/n.xsd"/>'
        return (including("n.xsd") if address == "http://x/" else SCHEMA.format(further)).encode()

    with pytest.raises(ValueError, match="more than 20 documents"):
        documents.read("http://x/", fetch)


# The command line.


class Silent(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def serve() -> Iterator[Callable[[Any], str]]:
    """Serves a WSGI application on a free port; gives its base address."""
    servers = []

    def start(app: Any) -> str:
        server = make_server("127.0.0.1", 0, app, handler_class=Silent)
        servers.append(server)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def test_diff_with_another_server(
    app: LocalApp, serve: Callable[[Any], str], capsys: pytest.CaptureFixture[str]
) -> None:
    base = serve(app) + PATH
    assert main(["wsdl", "diff", base]) == 0
    said = capsys.readouterr().out
    assert "8 contracts the same; no difference" in said
    assert main(["wsdl", "diff", f"{base}/patients?wsdl"]) == 0
    assert "1 contract the same" in capsys.readouterr().out


def test_diff_with_a_server_that_lacks_a_service_and_changes_another(
    app: LocalApp, serve: Callable[[Any], str], capsys: pytest.CaptureFixture[str]
) -> None:
    def other(environ: dict[str, Any], start_response: Any) -> Any:
        if environ["PATH_INFO"].endswith("/patientCertif"):
            start_response("404 Not Found", [])
            return []
        octets = b"".join(app(environ, start_response))
        return [octets.replace(b"wsam:Action", b"wsam:Astion")]

    base = serve(other) + PATH
    assert main(["--format", "json", "wsdl", "diff", base, "--service", "patientCertif", "--service", "registry"]) == 1
    registry, certificate = sorted(json.loads(capsys.readouterr().out), key=lambda c: c["here"], reverse=True)
    assert certificate["differences"][0]["there"] == "(absent) (HTTP 404)"
    assert {d["kind"] for d in registry["differences"]} == {"action"}
    assert len(registry["differences"]) == 4
    assert main(["wsdl", "diff", base, "--service", "registry", "--only", "element"]) == 0
    assert main(["wsdl", "diff", base.replace("services", "nowhere"), "--service", "patientCertif"]) == 1
    assert "no contract of the DMP" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("document", "said"),
    [
        (b"<html/>", "there is no binding"),
        (b"not XML", "XML bien form"),
        (b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><x>&e;</x>', "DOCTYPE"),
        (including("file:///etc/passwd").encode(), "may not name"),
    ],
)
def test_a_server_that_is_none(
    document: bytes, said: str, serve: Callable[[Any], str], capsys: pytest.CaptureFixture[str]
) -> None:
    def other(environ: dict[str, Any], start_response: Any) -> Any:
        start_response("200 OK", [])
        return [document]

    assert main(["wsdl", "diff", serve(other), "--service", "registry"]) == 1
    assert said in capsys.readouterr().err


def test_diff_with_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By what they describe, whatever the files are called; the closest when several do."""
    for name in ("wsdl", "schemas"):
        (tmp_path / name).symlink_to(folder(name))
    assert main(["wsdl", "diff", str(tmp_path / "wsdl")]) == 1
    said = capsys.readouterr().out
    assert "repository  |  repository.wsdl\n  the same" in said
    assert "7 contracts the same; 3 differences (service 3)" in said
    assert "ihe-registry.wsdl   here (absent)   there present" in said
    assert main(["--profile", "ihe", "wsdl", "diff", str(tmp_path / "wsdl"), "--only", "operation,action"]) == 0
    assert "3 contracts the same" in capsys.readouterr().out


def test_diff_that_cannot_be(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["wsdl", "diff", str(tmp_path)]) == 1
    assert main(["wsdl", "diff", str(tmp_path / "none.wsdl")]) == 1
    assert main(["wsdl", "diff", "http://127.0.0.1:1/services"]) == 3
    assert main(["--data", str(tmp_path), "wsdl", "diff", "https://127.0.0.1:1/services"]) == 1  # no card
    assert main(["wsdl", "diff", str(tmp_path), "--only", "colour"]) == 2
    assert main(["wsdl", "diff", str(tmp_path), "--service", "nothing"]) == 2
    said = capsys.readouterr().err
    assert "there is no WSDL" in said
    assert "no kind colour" in said
    assert "no service nothing" in said


def test_against_the_official_contracts(reference: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The bindings and operations are the official ones, those of TD1.5 apart, which left the package in 2024; the
    actions are said in both spellings."""
    kinds = "service,binding,policy,operation,message,action"
    assert main(["--format", "json", "wsdl", "diff", str(reference / "contracts/dmp/wsdl"), "--only", kinds]) == 1
    compared = json.loads(capsys.readouterr().out)
    assert len(compared) == 7
    found = [Difference(**d) for c in compared for d in c["differences"]]
    assert {d.where for d in found if d.kind == "operation"} == {
        *("createPatientAccess", "patientOTPUpdate", "updatePatientAccess")
    }
    assert {d.kind for d in found} == {"operation", "action"}
    assert all(d.there == "(absent)" for d in found)


def test_what_the_official_schemas_say_of_an_authorisation(reference: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = reference / "contracts/dmp/wsdl/Habilitations.wsdl"
    assert main(["wsdl", "diff", str(file), "--only", "element,attribute,type"]) == 1
    said = capsys.readouterr().out
    assert "/setAuthorization/action   here 1   there 0..1" in said
    assert "5 differences (element 5)" in said


def test_many_differences_are_shortened(reference: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = str(reference / "contracts/dmp/wsdl/PDQSupplier.wsdl")
    assert main(["wsdl", "diff", file]) == 1
    short = capsys.readouterr().out
    assert "more (--all)" in short
    assert main(["wsdl", "diff", file, "--all"]) == 1
    assert len(capsys.readouterr().out.splitlines()) > 5 * len(short.splitlines())
