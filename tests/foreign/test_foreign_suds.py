"""suds, a client of SOAP 1.1: what it lacks must be added, and then it works (docs/how-to/connect-a-stack.md)."""

import base64
import io
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
import requests
import suds
from foreign_desk import PATIENT, Desk
from foreign_mtom import pack, unpack
from lxml import etree
from suds.bindings import binding
from suds.client import Client
from suds.sax.element import Element
from suds.sax.parser import Parser
from suds.sax.text import Raw
from suds.transport import Reply, Transport, TransportError

from dmpws.domain import oids
from dmpws.testing.server import LiveServer
from dmpws.xml.names import SOAP, WSA, WSSE, XDSB

pytestmark = pytest.mark.live

SERVICES = ("patients", "patientsPDQ", "patientsSpecific", "habilitations", "registry", "repository", "patientCertif")
DEPOSIT = "urn:ihe:iti:2007:ProvideAndRegisterDocumentSet-b"


class CardTransport(Transport):  # type: ignore[misc]
    """HTTP with the card, and MTOM for what needs it: suds has neither."""

    def __init__(self, session: requests.Session) -> None:
        super().__init__()
        self._session = session

    def open(self, request: Any) -> io.BytesIO:
        return io.BytesIO(self._session.get(request.url, timeout=60).content)

    def send(self, request: Any) -> Reply:
        headers, octets = {"Content-Type": "application/soap+xml; charset=UTF-8"}, request.message
        if DEPOSIT.encode() in octets:
            headers, octets = pack(octets, DEPOSIT)
        answer = self._session.post(request.url, octets, headers=headers, timeout=60)
        content = unpack(answer.headers, answer.content)
        if answer.status_code != 200:
            raise TransportError("refused", answer.status_code, io.BytesIO(content))
        return Reply(answer.status_code, answer.headers, content)


@pytest.fixture
def soap12(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """suds writes SOAP 1.1 only; its namespace is a module variable."""
    monkeypatch.setattr(binding, "envns", ("SOAP-ENV", SOAP))
    yield


def client(live: LiveServer, session: requests.Session, service: str) -> Client:
    return Client(f"{live.url}/{service}?wsdl", transport=CardTransport(session), cache=None)


def headers(desk: Desk, action: str) -> list[Element]:
    """Addressing and the token; suds copies the token without touching what was signed."""
    security = Element("Security", ns=("wsse", WSSE))
    security.append(Parser().parse(string=desk.token).root())
    return [
        Element("Action", ns=("wsa", WSA)).setText(action),
        Element("MessageID", ns=("wsa", WSA)).setText(f"urn:uuid:{uuid.uuid4()}"),
        security,
    ]


@pytest.mark.parametrize("service", SERVICES)
def test_every_contract_loads(live: LiveServer, session: requests.Session, service: str) -> None:
    [port] = client(live, session, service).wsdl.services[0].ports
    assert port.methods


def test_as_it_comes_it_is_told_what_is_missing(live: LiveServer, session: requests.Session) -> None:
    with pytest.raises(suds.WebFault) as refused:
        client(live, session, "habilitations").service.setAuthorization("AJOUT")
    assert refused.value.fault.Code.Value == "soap:VersionMismatch"
    assert "SOAP 1.2" in refused.value.fault.Reason.Text


def test_td0_3(live: LiveServer, session: requests.Session, desk: Desk, soap12: None) -> None:
    rights = client(live, session, "habilitations")
    rights.set_options(soapheaders=headers(desk, "urn:si-dmp-habilitations:HabilitationsEndPoint:setAuthorization"))
    assert rights.service.setAuthorization("AJOUT").status == "DMPOk"


def test_td2_1_and_td3_2(live: LiveServer, session: requests.Session, desk: Desk, soap12: None) -> None:
    with live.session("medecin-libre") as doctor:
        assert doctor.add_authorisation(PATIENT.ins).ok
    repository = client(live, session, "repository")
    repository.set_options(soapheaders=headers(desk, DEPOSIT))
    documents = []
    for name, octets in desk.documents.items():
        document = repository.factory.create(f"{{{XDSB}}}DocumentType")
        document._id, document.value = name, base64.b64encode(octets).decode()
        documents.append(document)
    # The metadata as they are: suds, which knows no choice, would send every kind of registry object.
    objects = etree.fromstring(desk.submitted)[0]
    deposit = repository.service["DocumentRepository_Port_Soap12"]["DocumentRepository_ProvideAndRegisterDocumentSet-b"]
    # As XML: the status is an attribute of the answer itself, which suds throws away.
    repository.set_options(retxml=True)
    answer = deposit(SubmitObjectsRequest=Raw(etree.tostring(objects).decode()), Document=documents)
    assert etree.fromstring(answer).find(".//{*}RegistryResponse").get("status").endswith(":Success")

    repository.set_options(retxml=False)
    repository.set_options(soapheaders=headers(desk, "urn:ihe:iti:2007:RetrieveDocumentSet"))
    read = repository.service["DocumentRepository_Port_Soap12"]["DocumentRepository_RetrieveDocumentSet"]
    [found] = read([{"RepositoryUniqueId": oids.REPOSITORY, "DocumentUniqueId": desk.unique_id}]).DocumentResponse
    assert base64.b64decode(found.Document) == desk.documents["Document01"]
