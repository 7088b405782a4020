"""zeep, a SOAP client that knows nothing of the DMP, works from the contracts the server serves (mutual TLS)."""

from datetime import UTC, datetime
from typing import Any

import pytest
import requests
import zeep
from foreign_desk import PATIENT, Desk
from foreign_mtom import pack
from lxml import etree
from zeep.transports import Transport

from dmpws.cli import main
from dmpws.domain import oids
from dmpws.testing.server import LiveServer
from dmpws.xml.names import LCM, WSSE

pytestmark = pytest.mark.live

SERVICES = (
    *("patients", "patientsPDQ", "patientsSpecific", "habilitations", "registry", "repository", "repositoryCPE"),
    "patientCertif",
)


def client(live: LiveServer, session: requests.Session, service: str) -> Any:
    """zeep adds the addressing headers by itself, with the wsaw:Action of the contract."""
    return zeep.Client(f"{live.url}/{service}?wsdl", transport=Transport(session=session))


def security(live: LiveServer) -> list[etree._Element]:
    """The security header, with a VIHF made by the kit."""
    with live.session("medecin-libre") as lps:
        header = etree.Element(f"{{{WSSE}}}Security", nsmap={"wsse": WSSE})
        header.append(etree.fromstring(lps.token(PATIENT.ins)))
    return [header]


@pytest.mark.parametrize("service", SERVICES)
def test_every_contract_loads(live: LiveServer, session: requests.Session, service: str) -> None:
    loaded = client(live, session, service)
    [port] = [port for s in loaded.wsdl.services.values() for port in s.ports.values()]
    assert port.binding_options["address"] == f"{live.url}/{service}"
    assert port.binding._operations


def test_td0_2(live: LiveServer, session: requests.Session) -> None:
    patients = client(live, session, "patients")
    device = {"classCode": "DEV", "determinerCode": "INSTANCE"}
    answer = patients.service.PatientGetDemographics_PRPA_IN201307UV02(
        ITSVersion="XML_1.0",
        id={"root": "1.2.250.1.999.1.1.7898", "extension": "1633a409-3d61-4869-aed8-74d92ae20272"},
        creationTime={"value": f"{datetime.now(UTC):%Y%m%d%H%M%S}"},
        interactionId={"root": "2.16.840.1.113883.1.6", "extension": "PRPA_IN201307UV02"},
        processingCode={"code": "D"},
        processingModeCode={"code": "T"},
        acceptAckCode={"code": "AL"},
        receiver=[{"typeCode": "RCV", "device": {**device, "id": [{"root": oids.DMP_DEVICE}], "softwareName": "DMP"}}],
        sender={
            "typeCode": "SND",
            "device": {**device, "id": [{"root": "1.2.250.1.999.1.1.7898"}], "softwareName": "zeep"},
        },
        controlActProcess={
            "classCode": "CACT",
            "moodCode": "EVN",
            "reasonCode": [{"code": "TEST_EXST", "codeSystem": "1.2.250.1.213.1.1.4.11"}],
            "queryByParameter": {
                "queryId": {"root": "1.2.250.1.999.1.2", "extension": "1"},
                "statusCode": {"code": "new"},
                "parameterList": {
                    "patientIdentifier": [
                        {
                            "value": [{"root": PATIENT.ins.authority, "extension": PATIENT.ins.value}],
                            "semanticsText": {"_value_1": "Patient.id"},
                        }
                    ]
                },
            },
        },
        _soapheaders=security(live),
    )
    assert answer.acknowledgement[0].typeCode == "AA"
    assert answer.controlActProcess.queryAck.queryResponseCode.code == "OK"


class MtomTransport(Transport):  # type: ignore[misc]
    """zeep reads MTOM and does not write it: ten lines do."""

    def post(self, address: str, message: bytes, headers: dict[str, str]) -> requests.Response:
        packed, octets = pack(message, "urn:ihe:iti:2007:ProvideAndRegisterDocumentSet-b")
        return super().post(address, octets, headers | packed)


def test_td2_1_and_td3_2(live: LiveServer, session: requests.Session, desk: Desk) -> None:
    """A deposit in MTOM; reading it, zeep puts the document where its xop:Include was."""
    with live.session("medecin-libre") as doctor:
        assert doctor.add_authorisation(PATIENT.ins).ok
    writer = zeep.Client(f"{live.url}/repository?wsdl", transport=MtomTransport(session=session))
    lot = writer.get_element(f"{{{LCM}}}SubmitObjectsRequest").parse(
        etree.fromstring(desk.submitted), writer.wsdl.types
    )
    answer = writer.service["DocumentRepository_ProvideAndRegisterDocumentSet-b"](
        SubmitObjectsRequest=lot,
        Document=[{"id": name, "_value_1": octets} for name, octets in desk.documents.items()],
        _soapheaders=security(live),
    )
    assert answer.status.endswith(":Success")

    repository = client(live, session, "repository")
    answer = repository.service.DocumentRepository_RetrieveDocumentSet(
        DocumentRequest=[{"RepositoryUniqueId": oids.REPOSITORY, "DocumentUniqueId": desk.unique_id}],
        _soapheaders=security(live),
    )
    [response] = answer.DocumentResponse
    assert response.mimeType == "text/xml"
    assert response.Document == desk.documents["Document01"]


def test_a_fault_is_a_fault_for_zeep(live: LiveServer, session: requests.Session) -> None:
    repository = client(live, session, "repository")
    with pytest.raises(zeep.exceptions.Fault) as fault:
        repository.service.DocumentRepository_RetrieveDocumentSet(
            DocumentRequest=[{"RepositoryUniqueId": oids.REPOSITORY, "DocumentUniqueId": "1.2.3"}]
        )
    assert "VIHF-NOMBRE" in str(fault.value.message)


def test_the_contracts_of_the_server_are_ours(live: LiveServer, capsys: pytest.CaptureFixture[str]) -> None:
    """`dmpws wsdl diff` fetches them with a card."""
    assert main(["--data", str(live.folder), "wsdl", "diff", live.url]) == 0
    assert "8 contracts the same; no difference" in capsys.readouterr().out
