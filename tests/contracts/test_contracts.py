"""The contracts as they are served, what they declare, and the command line that shows them."""

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from wsgiref.util import setup_testing_defaults

import pytest
from lxml import etree

from dmpws.cli import main
from dmpws.resources import folder
from dmpws.soap.contracts import Contracts
from dmpws.testing.local import PATH, LocalApp
from dmpws.transactions import load
from dmpws.transactions.registry import transactions
from dmpws.xml.parser import parse

BASE = "https://dmp.example.org/si-dmp-server/v2/services"
HL7 = "urn:hl7-org:v3"
IHE = "urn:ihe:iti:2007"
SPECIFIC = "urn:si-dmp-patients:PatientSpecificEndPoint"
RIGHTS = "urn:si-dmp-habilitations:HabilitationsEndPoint"

REPOSITORY = {
    "DocumentRepository_ProvideAndRegisterDocumentSet-b": (
        f"{IHE}:ProvideAndRegisterDocumentSet-b",
        f"{IHE}:ProvideAndRegisterDocumentSet-bResponse",
    ),
    "DocumentRepository_RetrieveDocumentSet": (
        f"{IHE}:RetrieveDocumentSet",
        f"{IHE}:RetrieveDocumentSetResponse",
    ),
}
# wsa:Action of request and answer, from the official frames where there is one (DMP-FRAME), else from the contracts.
ACTIONS = {
    "patients": {
        "PatientGetDemographics_PRPA_IN201307UV02": (f"{HL7}:PRPA_IN201307UV02", f"{HL7}:PRPA_IN201308UV02"),
        "PatientAdd_PRPA_IN201311UV02": (f"{HL7}:PRPA_IN201311UV02", f"{HL7}:PRPA_IN201311ResponseUV02"),
        "PatientRevise_PRPA_IN201314UV02": (f"{HL7}:PRPA_IN201314UV02", f"{HL7}:PRPA_IN201314ResponseUV02"),
    },
    "patientsPDQ": {"findCandidatesQuery": (f"{HL7}:PRPA_IN201305UV02", f"{HL7}:PRPA_IN201306UV02")},
    "patientsSpecific": {
        name: (f"{SPECIFIC}:{name}", f"{SPECIFIC}:{name}Response")
        for name in ("patientList", "createPatientAccess", "patientOTPUpdate", "updatePatientAccess")
    },
    "habilitations": {
        name: (f"{RIGHTS}:{name}", f"{RIGHTS}:{name}Response")
        for name in ("setAuthorization", "listAuthorizationByPatient")
    },
    "registry": {
        "DocumentRegistry_RegistryStoredQuery": (f"{IHE}:RegistryStoredQuery", f"{IHE}:RegistryStoredQueryResponse"),
        "DocumentRegistry_UpdateDocumentSet": (
            "urn:ihe:iti:2010:UpdateDocumentSet",
            "urn:ihe:iti:2010:UpdateDocumentSet-Response",
        ),
    },
    "repository": REPOSITORY,
    "repositoryCPE": REPOSITORY,
    "patientCertif": {
        "identityCertification": (
            "urn:si-dmp-patients:PatientCertificationEndPoint:identityCertification",
            "urn:si-dmp-patients:PatientCertificationEndPoint:identityCertificationResponse",
        )
    },
}


@pytest.fixture(scope="module")
def contracts() -> Contracts:
    return Contracts.load()


def test_operations_and_actions(contracts: Contracts) -> None:
    declared = {
        service: {o.name: (o.action, o.response_action) for o in contracts.contract(service).operations}
        for service in contracts.services
    }
    assert declared == ACTIONS


@pytest.mark.parametrize("service", ACTIONS)
def test_both_spellings_of_action_on_every_end(service: str, contracts: Contracts) -> None:
    root = parse(contracts.wsdl(service, BASE))
    ends = root.findall(".//{*}portType/{*}operation/*")
    assert len(ends) == 2 * len(ACTIONS[service])
    for end in ends:
        actions = {
            end.get(f"{{http://www.w3.org/{space}}}Action")
            for space in ("2006/05/addressing/wsdl", "2007/05/addressing/metadata")
        }
        assert len(actions) == 1
        assert None not in actions


def test_every_transaction_of_the_registry_is_in_its_contract(contracts: Contracts) -> None:
    load()
    operations = {t.operation for t in transactions() if t.operation is not None}
    assert operations
    for operation in operations:
        for service in (operation.service, *operation.aliases):
            [declared] = [o for o in contracts.contract(service).operations if o.name == operation.name]
            assert (declared.action, declared.response_action) == (operation.action, operation.response_action)
            assert declared.body == operation.body


@pytest.mark.parametrize("service", ACTIONS)
def test_addresses_are_the_callers(service: str, contracts: Contracts) -> None:
    root = parse(contracts.wsdl(service, BASE))
    addresses = [a.get("location") for a in root.iter("{http://schemas.xmlsoap.org/wsdl/soap12/}address")]
    assert addresses == [f"{BASE}/{service}"]
    assert b"urn:x-dmpws" not in contracts.wsdl(service, BASE)


@pytest.mark.parametrize("service", ACTIONS)
def test_every_schema_can_be_fetched_from_the_first(service: str, contracts: Contracts) -> None:
    waiting, seen = [contracts.wsdl(service, BASE)], set[str]()
    while waiting:
        for location in re.findall(rb'schemaLocation="([^"]*)"', waiting.pop()):
            url = urlsplit(location.decode())
            assert f"{url.scheme}://{url.netloc}{url.path}".startswith(BASE)
            [path] = parse_qs(url.query)["xsd"]
            if path not in seen:
                seen.add(path)
                waiting.append(contracts.xsd(path, BASE))
    assert seen <= set(contracts.schemas)
    assert seen


def test_an_address_is_escaped(contracts: Contracts) -> None:
    root = parse(contracts.wsdl("registry", 'https://h/a"b&c<d'))
    [address] = root.iter("{http://schemas.xmlsoap.org/wsdl/soap12/}address")
    assert address.get("location") == 'https://h/a"b&c<d/registry'


@pytest.mark.parametrize(
    "path",
    [
        "",
        "rim.xsd",
        "../wsdl/registry.wsdl",
        "ebxml/../../pyproject.toml",
        "/etc/passwd",
        "ebxml//rim.xsd",
        "README.md",
        "ebxml/rim.xsd\0",
        "..%2fwsdl%2fregistry.wsdl",
    ],
)
def test_only_schemas_of_the_project_are_served(path: str, contracts: Contracts) -> None:
    with pytest.raises(KeyError):
        contracts.xsd(path, BASE)


@pytest.mark.parametrize("service", ["", "nothing", "patients.wsdl", "../wsdl/patients", "Patients"])
def test_only_services_of_the_index_are_served(service: str, contracts: Contracts) -> None:
    with pytest.raises(KeyError):
        contracts.wsdl(service, BASE)


def test_a_contract_that_names_a_missing_schema_is_not_loaded(tmp_path: Path) -> None:
    (tmp_path / "index.toml").write_text('[services]\nregistry = "registry.wsdl"\n')
    real = (folder("wsdl") / "registry.wsdl").read_text("utf-8")
    (tmp_path / "registry.wsdl").write_text(real.replace("rs.xsd", "none.xsd"), "utf-8")
    with pytest.raises(ValueError, match=re.escape("../schemas/ebxml/none.xsd")):
        Contracts.load(wsdl=tmp_path)
    (tmp_path / "index.toml").write_text("[services]\n")
    (tmp_path / "x.xsd").write_text('<a schemaLocation="../secret.xsd"/>')
    with pytest.raises(ValueError, match=re.escape("../secret.xsd")):
        Contracts.load(wsdl=tmp_path, schemas=tmp_path)


def fetch(app: LocalApp, service: str, query: str) -> tuple[str, bytes]:
    """GET from the application, as `https://dmp.example.org`."""
    environ: dict[str, Any] = {"PATH_INFO": f"{PATH}/{service}", "QUERY_STRING": query}
    environ |= {"HTTP_HOST": "dmp.example.org", "wsgi.url_scheme": "https"}
    setup_testing_defaults(environ)
    statuses: list[str] = []
    answer = app(environ, lambda status, _headers, *_: statuses.append(status))
    octets = b"".join(answer)
    answer.close()  # type: ignore[attr-defined]
    return statuses[0], octets


def test_the_application_serves_them(app: LocalApp, contracts: Contracts) -> None:
    for service in contracts.services:
        assert fetch(app, service, "wsdl") == ("200 OK", contracts.wsdl(service, BASE))
    for path in contracts.schemas:
        assert fetch(app, "patients", f"xsd={path}") == ("200 OK", contracts.xsd(path, BASE))
    assert fetch(app, "patients", "xsd=../wsdl/patients.wsdl")[0].startswith("404")


def test_wsdl_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["wsdl", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(ACTIONS)
    assert "findCandidatesQuery" in lines[1]
    assert main(["--format", "json", "wsdl", "list"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert {s["service"]: {o["name"] for o in s["operations"]} for s in listed} == {
        service: set(operations) for service, operations in ACTIONS.items()
    }


def test_wsdl_show(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["wsdl", "show", "habilitations"]) == 0
    shown = capsys.readouterr().out
    assert f"{RIGHTS}:setAuthorizationResponse" in shown
    assert "urn:hl7-org:v3:setAuthorization" in shown
    assert main(["wsdl", "show", "registry", "--document", "--url", BASE + "/"]) == 0
    root = parse(capsys.readouterr().out.encode())
    assert etree.QName(root).localname == "definitions"
    assert root.find(".//{*}port/{*}address").get("location") == f"{BASE}/registry"  # type: ignore[union-attr]
    assert main(["--format", "json", "wsdl", "show", "patientsSpecific"]) == 0
    assert json.loads(capsys.readouterr().out)["operations"][0]["soap_action"] == ""


def test_wsdl_show_of_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["wsdl", "show", "nothing"]) == 2
    assert "habilitations" in capsys.readouterr().err
