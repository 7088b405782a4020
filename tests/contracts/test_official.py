"""Our contracts and schemas against the official package and the official frames, where they are at hand."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from contract_messages import BAD, GOOD, NOT_OFFICIAL, PARTS
from lxml import etree

from dmpws.cast import PATIENTS
from dmpws.domain.checks import Report
from dmpws.resources import folder
from dmpws.soap.second_opinion import SecondOpinion
from dmpws.soap.validation import Schemas
from dmpws.testing.local import LocalApp
from dmpws.testing.official import errors, official_schemas
from dmpws.xml.parser import parse

BODY = "{*}Body"
DOCUMENT = "{urn:ihe:iti:xds-b:2007}Document"
FRAMES = (
    *("td0.2-request.xml", "td0.2-response.xml", "td0.3-request.xml", "td0.3-response.xml"),
    *("td2.1-request.mime", "td2.1-response.xml", "td3.1-request.xml", "td3.1-response.xml"),
    *("td3.2-request.xml", "td3.2-response.xml"),
)
OFFICIAL_WSDL = {
    "patients": "GestionDossierPatientPartage.wsdl",
    "patientsPDQ": "PDQSupplier.wsdl",
    "patientsSpecific": "PatientsSpecific.wsdl",
    "habilitations": "Habilitations.wsdl",
    "registry": "XDS.b_DocumentRegistry.wsdl",
    "repository": "XDS.b_DocumentRepository.wsdl",
    "patientCertif": "patientCertif.wsdl",
}
NOT_IN_2024 = {"createPatientAccess", "patientOTPUpdate", "updatePatientAccess"}


def envelope(reference: Path, name: str) -> etree._Element:
    octets = (reference / "frames" / name).read_bytes()
    found = re.search(rb"<soap:Envelope.*?</soap:Envelope>", octets, re.DOTALL)
    assert found
    return parse(found[0])


def body(reference: Path, name: str) -> etree._Element:
    [child] = envelope(reference, name).find(BODY).iterchildren(etree.Element)  # type: ignore[union-attr]
    return child


def messages(report: Report) -> list[str]:
    return [f"{check.message} {check.where}" for check in report.failures]


@pytest.mark.parametrize("name", FRAMES)
def test_bodies_of_the_frames(name: str, reference: Path, schemas: Schemas, second: SecondOpinion) -> None:
    found = body(reference, name)
    for each in (schemas, second, official_schemas(reference)):
        report = Report()
        each.check(found, report)
        assert messages(report) == []


@pytest.mark.parametrize("name", ["td2.1-request.mime", "td3.2-response.xml"])
def test_parts_in_their_place(name: str, reference: Path, schemas: Schemas) -> None:
    """The parts of the frame as base64 where their xop:Include is; nothing where the frame has no such part."""
    found = body(reference, name)
    for document in found.iter(DOCUMENT):
        document.remove(document[0])
        document.text = "PENsaW5pY2FsRG9jdW1lbnQvPg==" if name.endswith(".mime") else ""
    report = Report()
    schemas.check(found, report)
    assert messages(report) == errors(found, reference) == []


@pytest.mark.parametrize("name", FRAMES)
def test_headers_of_the_frames(name: str, reference: Path, schemas: Schemas, second: SecondOpinion) -> None:
    frame = envelope(reference, name)
    header = frame.find("{*}Header")
    assert header is not None
    report = Report()
    schemas.check_header(header, report)
    second.check(header, report)
    for assertion in frame.iter("{urn:oasis:names:tc:SAML:2.0:assertion}Assertion"):
        schemas.check_vihf(assertion, report)
        second.check(assertion, report)
    assert messages(report) == []


@pytest.mark.parametrize("name", ["vihf-directe.xml", "vihf-indirecte.xml"])
def test_tokens(name: str, reference: Path, schemas: Schemas, second: SecondOpinion) -> None:
    octets = (reference / "frames" / name).read_bytes()
    try:
        octets.decode()
    except UnicodeDecodeError:  # one Latin-1 byte in vihf-directe.xml, which the parser rightly refuses
        octets = octets.decode("latin-1").encode()
    report = Report()
    schemas.check_vihf(parse(octets), report)
    second.check(parse(octets), report)
    assert messages(report) == []


def test_lot_signature(reference: Path, schemas: Schemas, second: SecondOpinion) -> None:
    signature = parse((reference / "frames" / "td2.1-signaturexades.xml").read_bytes())
    report = Report()
    schemas.check_lot_signature(signature, report)
    second.check(signature, report)
    assert messages(report) == []


def clinical_documents(reference: Path) -> Iterator[tuple[str, etree._Element]]:
    paths = [*sorted((reference / "cda" / "samples").glob("*.xml")), reference / "frames" / "td2.1-documentme2.xml"]
    for path in paths:
        root = parse(path.read_bytes())
        # The self-presenting document is an XSLT stylesheet that holds the ClinicalDocument.
        found = next(root.iter("{urn:hl7-org:v3}ClinicalDocument"))
        yield path.name, found


def test_headers_of_the_clinical_documents(reference: Path, schemas: Schemas) -> None:
    wrong = {}
    for name, document in clinical_documents(reference):
        report = Report()
        if not schemas.check_cda_header(document, report):
            wrong[name] = messages(report)
    assert wrong == {}


@pytest.mark.parametrize("kind", GOOD)
def test_our_examples(kind: str, reference: Path) -> None:
    assert (errors(parse(GOOD[kind].encode()), reference) == []) is (kind not in NOT_OFFICIAL)


# What we refuse and the official package does not: its services say that nothing is mandatory.
STRICTER = {"no action", "unknown status"}


@pytest.mark.parametrize("name", [n for n, bad in BAD.items() if bad.message not in PARTS])
def test_what_we_refuse(name: str, reference: Path) -> None:
    bad = BAD[name]
    found = errors(parse(GOOD[bad.message].replace(bad.old, bad.new).encode()), reference)
    assert (found == []) is (name in STRICTER)


def facts(wsdl: etree._Element) -> dict[str, object]:
    """Names, messages and actions of a contract, as far as both sides state them."""
    operations = {}
    for operation in wsdl.findall(".//{*}portType/{*}operation"):
        ends = operation.findall("{*}input") + operation.findall("{*}output")
        bound = wsdl.find(f".//{{*}}binding/{{*}}operation[@name='{operation.get('name')}']/{{*}}operation")
        assert bound is not None
        operations[operation.get("name")] = (
            [element_of(wsdl, end) for end in ends],
            bound.get("soapAction"),
            [end.get("{http://www.w3.org/2006/05/addressing/wsdl}Action") for end in ends],
        )
    return {
        "namespace": wsdl.get("targetNamespace"),
        "name": wsdl.get("name"),
        **{
            tag: [e.get("name") for e in wsdl.iter(f"{{http://schemas.xmlsoap.org/wsdl/}}{tag}")]
            for tag in ("portType", "service", "port", "binding")
        },
        "operations": operations,
    }


def element_of(wsdl: etree._Element, end: etree._Element) -> tuple[str, str, str]:
    """Message name, part name and qualified element of one end of an operation."""
    name = end.get("message", "").partition(":")[2]
    part = wsdl.find(f"{{*}}message[@name='{name}']/{{*}}part")
    assert part is not None
    prefix, _, local = part.get("element", "").partition(":")
    return name, part.get("name", ""), f"{{{part.nsmap[prefix]}}}{local}"


@pytest.mark.parametrize("service", OFFICIAL_WSDL)
def test_contracts(service: str, reference: Path) -> None:
    official = facts(parse((reference / "contracts" / "dmp" / "wsdl" / OFFICIAL_WSDL[service]).read_bytes()))
    ours = facts(parse((folder("wsdl") / f"{service}.wsdl").read_bytes()))
    theirs, mine = official.pop("operations"), ours.pop("operations")
    assert ours == official
    assert isinstance(theirs, dict)
    assert isinstance(mine, dict)
    assert set(mine) - set(theirs) == (NOT_IN_2024 if service == "patientsSpecific" else set())
    for name, (elements, soap_action, actions) in theirs.items():
        assert mine[name][:2] == (elements, soap_action)
        assert actions in (mine[name][2], [None, None])


def test_a_server_that_validates_with_the_official_schemas(app: LocalApp, reference: Path) -> None:
    official = LocalApp(app.store, app.pki, app.now, schemas=str(reference / "contracts" / "dmp" / "schema"))
    for patient in (PATIENTS["petra"], PATIENTS["conteste"]):
        answers = [server.session("medecin-libre").test_existence(patient.ins) for server in (app, official)]
        assert answers[0].exists is answers[1].exists
