"""TD1.5d, mise à jour des informations du compte internet (DMP-CLIENT: the message left the contract in 2024)."""

from lxml import etree

from dmpws.codec.patient_access import access_response
from dmpws.domain.checks import Refused, demand
from dmpws.domain.errors import OK_STATUS, Carrier
from dmpws.domain.patient import PatientRecord
from dmpws.soap.message import SoapReply
from dmpws.transactions.admission import hold
from dmpws.transactions.call import Call
from dmpws.transactions.internet_account import ABSENT, PROFILES, admit_to_account, new_credentials, note, operation
from dmpws.transactions.registry import ALL_MODES, Transaction, register

# The official sample answers with the Action of a fault and the body of a success: clients that check the Action
# against their contract would refuse that, and the others do not look (DMPWS D137).
OPERATION = operation("updatePatientAccess")
ANSWER = f"{OPERATION.name}Response"
RENEWED = "Identifiants du compte internet renouvelés"


def handle(call: Call, _body: etree._Element) -> SoapReply:
    """Replace login and password, and show the new ones for the only time. The channels stay."""
    _admit(call)
    credentials, hashed = new_credentials()
    call = hold(call)
    call.store.internet_accounts.renew(_admit(call).id, credentials.login, hashed, now=call.now)
    note(call, "identifiants", "anciens", "nouveaux")
    return SoapReply(access_response(ANSWER, OK_STATUS, RENEWED, credentials))


def _admit(call: Call) -> PatientRecord:
    record = admit_to_account(call)
    demand(call.store.internet_accounts.get(record.id) is not None, ABSENT, found="aucun compte")
    return record


def refuse(refused: Refused, _body: etree._Element) -> SoapReply:
    """Answer with the code in output/status and the reason in output/context."""
    return SoapReply(access_response(ANSWER, refused.code, refused.message))


register(
    Transaction(
        code="TD1.5d",
        title="Mise à jour des informations du compte internet",
        operation=OPERATION,
        modes=ALL_MODES,
        carrier=Carrier.STATUS,
        profiles=PROFILES,
        writes=True,
        audit="renew-internet-account",
        references=("DMP-CLIENT", "DMPWS D13", "DMPWS D27", "DMPWS D135", "DMPWS D137"),
        module=__name__,
        handle=handle,
        refuse=refuse,
    )
)
