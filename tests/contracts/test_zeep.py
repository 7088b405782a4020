"""zeep, the SOAP client of Python, reads every contract and its messages, from the server and from the files."""

from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from contract_messages import GOOD, INCLUDE
from lxml import etree
from zeep import Client, Settings
from zeep.transports import Transport

from dmpws.domain.checks import Report
from dmpws.resources import folder
from dmpws.soap.contracts import Contracts
from dmpws.soap.validation import Schemas

BASE = "https://dmp.example.org/si-dmp-server/v2/services"
DMP, IHE = Contracts.load(), Contracts.load(services="ihe")
SCHEMAS = Schemas.load()


class Served(Transport):  # type: ignore[misc]
    """Fetches contracts as a client does, from `contracts` instead of a server."""

    def __init__(self, contracts: Contracts) -> None:
        super().__init__()
        self.contracts = contracts

    def load(self, url: str) -> bytes:
        parts = urlsplit(url)
        assert parts.path.startswith(urlsplit(BASE).path), url
        query = parse_qs(parts.query, keep_blank_values=True)
        if "xsd" in query:
            return self.contracts.xsd(query["xsd"][0], BASE)
        assert "wsdl" in query
        return self.contracts.wsdl(parts.path.rpartition("/")[2], BASE)


def client(service: str, contracts: Contracts = DMP) -> Client:
    return Client(f"{BASE}/{service}?wsdl", transport=Served(contracts))


SERVED = [(kind, service) for kind in (DMP, IHE) for service in kind.services]


@pytest.mark.parametrize(("contracts", "service"), SERVED, ids=[service for _, service in SERVED])
def test_zeep_loads_every_contract(contracts: Contracts, service: str) -> None:
    loaded = client(service, contracts)
    [port] = [port for s in loaded.wsdl.services.values() for port in s.ports.values()]
    assert port.binding_options["address"] == f"{BASE}/{service}"
    assert set(port.binding._operations) == {o.name for o in contracts.contract(service).operations}
    for operation in contracts.contract(service).operations:
        abstract = port.binding.get(operation.name).abstract
        assert abstract.wsa_action == operation.action
        assert loaded.get_element(operation.body).signature(schema=loaded.wsdl.types)


@pytest.mark.parametrize("file", sorted(p.name for p in folder("wsdl").glob("*.wsdl")))
def test_zeep_loads_every_contract_from_its_file(file: str) -> None:
    assert Client(str(Path(folder("wsdl")) / file)).wsdl.services


def test_zeep_writes_a_td0_2() -> None:
    patients = client("patients")
    device = {"classCode": "DEV", "determinerCode": "INSTANCE"}
    message = patients.create_message(
        patients.service,
        "PatientGetDemographics_PRPA_IN201307UV02",
        ITSVersion="XML_1.0",
        id={"root": "1.2.250.1.999.1", "extension": "1"},
        creationTime={"value": "20261121120000"},
        interactionId={"root": "2.16.840.1.113883.1.6", "extension": "PRPA_IN201307UV02"},
        processingCode={"code": "D"},
        processingModeCode={"code": "T"},
        acceptAckCode={"code": "AL"},
        receiver=[{"typeCode": "RCV", "device": {**device, "id": [{"root": "1.2.250.1.213.4.1.1.1"}]}}],
        sender={
            "typeCode": "SND",
            "device": {**device, "id": [{"root": "1.2.250.1.999"}], "softwareName": {"_value_1": "dmpws kit"}},
        },
        controlActProcess={
            "classCode": "CACT",
            "moodCode": "EVN",
            "reasonCode": [{"code": "TEST_EXST", "codeSystem": "1.2.250.1.213.1.1.4.11"}],
            "queryByParameter": {
                "queryId": {"root": "1.2.3"},
                "statusCode": {"code": "new"},
                "parameterList": {
                    "patientIdentifier": [
                        {
                            "value": [{"root": "1.2.250.1.213.1.4.10", "extension": "277076322082910"}],
                            "semanticsText": {"_value_1": "Patient.id"},
                        }
                    ]
                },
            },
        },
    )
    body = message.find("{http://www.w3.org/2003/05/soap-envelope}Body")[0]
    report = Report()
    assert SCHEMAS.check(body, report), [c.message for c in report.failures]
    texts = [e.text for e in body.iter("{urn:hl7-org:v3}softwareName", "{urn:hl7-org:v3}semanticsText")]
    assert texts == ["dmpws kit", "Patient.id"]


def read(service: str, operation: str, kind: str) -> object:
    """Give an answer to zeep as if the server had sent it."""
    loaded = client(service)
    envelope = etree.fromstring(
        f'<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Body>{GOOD[kind]}</s:Body></s:Envelope>'
    )
    binding = next(port.binding for s in loaded.wsdl.services.values() for port in s.ports.values())
    return binding.get(operation).process_reply(envelope)


def test_zeep_reads_a_td0_2() -> None:
    answer = read("patients", "PatientGetDemographics_PRPA_IN201307UV02", "TD0.2 found")
    assert answer.acknowledgement[0].typeCode == "AA"  # type: ignore[attr-defined]
    [authorisation, doctor] = answer.attentionLine  # type: ignore[attr-defined]
    assert (authorisation.keyWordText.code, authorisation.value.code) == ("AUTORISATION", "VALIDE")
    assert doctor.value.value is False or doctor.value.value == "false"
    person = answer.controlActProcess.subject[0].registrationEvent.subject1.patient.patientPerson  # type: ignore[attr-defined]
    assert person.birthTime.value == "19770714"
    assert person.name[0]["_value_1"][1]["given"]["_value_1"] == "RUTH"


def test_zeep_reads_the_reason_of_a_refusal() -> None:
    answer = read("patients", "PatientGetDemographics_PRPA_IN201307UV02", "TD0.2 refused")
    detail = answer.acknowledgement[0].acknowledgementDetail[0]  # type: ignore[attr-defined]
    assert (detail.code.code, detail.text["_value_1"]) == ("DMPClosed", "Le DMP est fermé")


def test_zeep_reads_entries_in_strict_mode() -> None:
    """zeep knows no substitution group; our registry objects are a plain choice."""
    loaded = client("registry")
    assert loaded.settings.strict is True
    answer = read("registry", "DocumentRegistry_RegistryStoredQuery", "TD3.1 found")
    [item] = answer.RegistryObjectList["_value_1"]  # type: ignore[attr-defined]
    assert item["ExtrinsicObject"].mimeType == "text/xml"


def test_zeep_reads_a_document_to_octets() -> None:
    answer = GOOD["TD3.2 read"].replace(INCLUDE, "PENsaW5pY2FsRG9jdW1lbnQvPg==")
    loaded = client("repository")
    element = loaded.get_element("{urn:ihe:iti:xds-b:2007}RetrieveDocumentSetResponse")
    parsed = element.parse(etree.fromstring(answer), loaded.wsdl.types)
    assert parsed.DocumentResponse[0].Document == b"<ClinicalDocument/>"


# zeep takes an element that is empty or nil for one that is absent, and then misses it.
WITH_HOLES = {"TD0.2", "TD1.1", "TD1.1 refused", "TD2.1", "TD2.1 inline", "TD3.1 found", "TD3.1 refused", "TD1.5d"}


@pytest.mark.parametrize("kind", [k for k in GOOD if k not in WITH_HOLES])
def test_zeep_gives_back_what_it_read(kind: str) -> None:
    """Read with zeep and written by it again, a message is still the same for our schemas."""
    element = etree.fromstring(GOOD[kind].replace(INCLUDE, "AAAA"))
    contracts, service = next(
        (kind, service)
        for kind, service in SERVED
        if any(element.tag in (o.body, o.response_body) for o in kind.contract(service).operations)
    )
    loaded = Client(f"{BASE}/{service}?wsdl", transport=Served(contracts), settings=Settings(strict=True))
    declared = loaded.get_element(element.tag)
    value = declared.parse(element, loaded.wsdl.types)
    parent = etree.Element("parent")
    declared.render(parent, value)
    report = Report()
    assert SCHEMAS.check(parent[0], report), [c.message for c in report.failures]
