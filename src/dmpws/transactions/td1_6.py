"""TD1.6, liste des professionnels et des structures autorisés ou bloqués sur un DMP (DMP-WSDL Habilitations)."""

from lxml import etree

from dmpws.codec.habilitations import list_authorization_response, read_list_authorization
from dmpws.domain.authorisation import listing
from dmpws.domain.checks import Refused
from dmpws.domain.errors import OK_STATUS, Carrier
from dmpws.soap.message import Operation, SoapReply
from dmpws.transactions.admission import admit
from dmpws.transactions.call import Call
from dmpws.transactions.registry import ALL_MODES, ALL_PROFILES, Transaction, register
from dmpws.xml.names import HABILITATIONS

ROW = "TD1.6 list authorised/blocked professionals"

OPERATION = Operation(
    service="habilitations",
    name="listAuthorizationByPatient",
    body=f"{{{HABILITATIONS}}}listAuthorizationByPatient",
    action="urn:si-dmp-habilitations:HabilitationsEndPoint:listAuthorizationByPatient",
    response_action="urn:si-dmp-habilitations:HabilitationsEndPoint:listAuthorizationByPatientResponse",
    action_variants=("urn:hl7-org:v3:listAuthorizationByPatient",),  # the soapAction of the official WSDL
)


def handle(call: Call, body: etree._Element) -> SoapReply:
    """List who may consult the DMP of the VIHF's patient, who is blocked, or both."""
    mode = read_list_authorization(body)
    record = admit(call, ROW)
    listed = listing(call.store.authorisations.of_record(record.id), mode, call.now)
    call.notes.query = OPERATION.name
    call.notes.parameters = {"mode": [mode], "found": [str(len(listed))]}
    return SoapReply(list_authorization_response(OK_STATUS, f"Nombre d'autorisations : {len(listed)}", listed))


def refuse(refused: Refused, _body: etree._Element) -> SoapReply:
    """Answer with the code in output/status and the reason in output/context, without any list."""
    return SoapReply(list_authorization_response(refused.code, refused.message))


register(
    Transaction(
        code="TD1.6",
        title="Liste des professionnels autorisés ou bloqués sur un DMP",
        operation=OPERATION,
        modes=ALL_MODES,
        carrier=Carrier.STATUS,
        profiles=ALL_PROFILES,
        writes=False,
        audit="list-authorisations",
        references=("DMP-WSDL Habilitations", "PDT-INF-526", "PDT-INF-606", "DMPWS D28", "DMPWS D133"),
        module=__name__,
        handle=handle,
        refuse=refuse,
    )
)
