"""TD0.0, certification de l'identité du patient: a service that ended on 30/09/2023 (PDT-INF-526)."""

from typing import NoReturn

from lxml import etree

from dmpws.codec.certification import certification_response
from dmpws.domain.checks import Refused, Rule, refusal
from dmpws.domain.errors import Carrier
from dmpws.soap.message import Operation, SoapReply
from dmpws.transactions.admission import begin
from dmpws.transactions.call import Call
from dmpws.transactions.registry import ALL_MODES, ALL_PROFILES, Transaction, register
from dmpws.xml.names import PATIENTS

OPEN_SERVICE = Rule(
    "TD00-OPEN",
    "Le service de certification de l'identité est ouvert",
    "PDT-INF-526",
    "DMPIdentityCertificationFailure",
)
CLOSED = "Le service de certification de l'identité est fermé depuis le 30/09/2023"

OPERATION = Operation(
    service="patientCertif",
    name="identityCertification",
    body=f"{{{PATIENTS}}}identityCertification",
    action="urn:si-dmp-patients:PatientCertificationEndPoint:identityCertification",
    response_action="urn:si-dmp-patients:PatientCertificationEndPoint:identityCertificationResponse",
)


def handle(call: Call, _body: etree._Element) -> NoReturn:
    """Say that the service is closed, whatever is asked; nothing of the question is read or kept."""
    begin(call, "TD0.0 certify identity")
    raise refusal(OPEN_SERVICE, text=CLOSED)


def refuse(refused: Refused, _body: etree._Element) -> SoapReply:
    """Answer with the code in output/status and the reason in output/context."""
    return SoapReply(certification_response(refused.code, refused.message))


register(
    Transaction(
        code="TD0.0",
        title="Certification de l'identité du patient (service fermé)",
        operation=OPERATION,
        modes=ALL_MODES,
        carrier=Carrier.STATUS,
        profiles=ALL_PROFILES,
        writes=False,
        audit="certify-identity",
        references=("DMP-WSDL patientCertif", "PDT-INF-526"),
        module=__name__,
        handle=handle,
        refuse=refuse,
    )
)
