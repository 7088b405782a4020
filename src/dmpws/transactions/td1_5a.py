"""TD1.5a, création du compte internet du patient (DMP-CLIENT: the message left the contract in 2024)."""

from lxml import etree

from dmpws.codec.patient_access import access_response, read_create_access
from dmpws.domain.checks import Refused, demand
from dmpws.domain.errors import OK_STATUS, Carrier
from dmpws.domain.internet_account import InternetAccount
from dmpws.domain.patient import PatientRecord
from dmpws.soap.message import SoapReply
from dmpws.transactions.admission import hold
from dmpws.transactions.call import Call
from dmpws.transactions.internet_account import EXISTS, PROFILES, admit_to_account, new_credentials, note, operation
from dmpws.transactions.registry import ALL_MODES, Transaction, register

OPERATION = operation("createPatientAccess")
ANSWER = f"{OPERATION.name}Response"
CREATED = "Compte internet créé"


def handle(call: Call, body: etree._Element) -> SoapReply:
    """Open the account with its first channel, and show login and password for the only time."""
    channel = read_create_access(body)
    _admit(call)
    credentials, hashed = new_credentials()
    call = hold(call)
    account = InternetAccount(credentials.login, hashed, (channel,))
    call.store.internet_accounts.open(_admit(call).id, account, now=call.now)
    note(call, "compte", "absent", channel.type)
    return SoapReply(access_response(ANSWER, OK_STATUS, CREATED, credentials))


def _admit(call: Call) -> PatientRecord:
    record = admit_to_account(call)
    demand(call.store.internet_accounts.get(record.id) is None, EXISTS, found="un compte ouvert")
    return record


def refuse(refused: Refused, _body: etree._Element) -> SoapReply:
    """Answer with the code in output/status and the reason in output/context."""
    return SoapReply(access_response(ANSWER, refused.code, refused.message))


register(
    Transaction(
        code="TD1.5a",
        title="Création du compte internet du patient",
        operation=OPERATION,
        modes=ALL_MODES,
        carrier=Carrier.STATUS,
        profiles=PROFILES,
        writes=True,
        audit="create-internet-account",
        references=("DMP-CLIENT", "DMPWS D13", "DMPWS D27", "DMPWS D134", "DMPWS D136"),
        module=__name__,
        handle=handle,
        refuse=refuse,
    )
)
