"""zeep, a SOAP client that knows nothing of the DMP, works from the contracts the server serves (mutual TLS)."""

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import requests
import zeep
from lxml import etree
from zeep.transports import Transport

from dmpws import cast
from dmpws.client import Attachment, ClinicalDocument, Deposit
from dmpws.client.cda import CONSULTATION_REPORT
from dmpws.domain import oids
from dmpws.testing.server import LiveServer
from dmpws.xml.names import WSSE

pytestmark = pytest.mark.live

SERVICES = (
    *("patients", "patientsPDQ", "patientsSpecific", "habilitations", "registry", "repository", "repositoryCPE"),
    "patientCertif",
)
PATIENT = cast.PATIENTS["pat-trois"]


@pytest.fixture(scope="module")
def session(live: LiveServer) -> Iterator[requests.Session]:
    card = live.pki.card("medecin-libre")
    with requests.Session() as session:
        session.cert = (str(card.auth_certificate_file), str(card.auth_key_file))
        session.verify = str(live.pki.ca_file)
        session.trust_env = False  # REQUESTS_CA_BUNDLE would win over `verify`
        yield session


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


def test_td3_2(live: LiveServer, session: requests.Session) -> None:
    """The answer is MTOM; zeep puts the document where its xop:Include was."""
    with live.session("medecin-libre") as doctor:
        assert doctor.add_authorisation(PATIENT.ins).ok
        now = datetime.now(UTC).replace(microsecond=0)
        body = Attachment("text/plain", b"Lu avec zeep.")
        document = ClinicalDocument(
            PATIENT.ins, PATIENT.traits, doctor.actor, CONSULTATION_REPORT, "zeep", body, now, now, now
        )
        assert doctor.submit(PATIENT.ins, [Deposit(document)]).ok
    repository = client(live, session, "repository")
    answer = repository.service.DocumentRepository_RetrieveDocumentSet(
        DocumentRequest=[{"RepositoryUniqueId": oids.REPOSITORY, "DocumentUniqueId": document.unique_id}],
        _soapheaders=security(live),
    )
    [response] = answer.DocumentResponse
    assert response.mimeType == "text/xml"
    assert hashlib.sha256(response.Document).digest() == hashlib.sha256(document.to_xml()).digest()


def test_a_fault_is_a_fault_for_zeep(live: LiveServer, session: requests.Session) -> None:
    repository = client(live, session, "repository")
    with pytest.raises(zeep.exceptions.Fault) as fault:
        repository.service.DocumentRepository_RetrieveDocumentSet(
            DocumentRequest=[{"RepositoryUniqueId": oids.REPOSITORY, "DocumentUniqueId": "1.2.3"}]
        )
    assert "VIHF-NOMBRE" in str(fault.value.message)
