"""TD1.5b, ajout et mise à jour d'un canal OTP (DMP-CLIENT: the message left the contract in 2024)."""

from lxml import etree

from dmpws.codec.patient_access import Action, OtpUpdate, otp_update_response, read_otp_update
from dmpws.domain.checks import Refused, Rule, demand, refusal
from dmpws.domain.errors import OK_STATUS, Carrier
from dmpws.domain.internet_account import Channel
from dmpws.soap.message import SoapReply
from dmpws.transactions.admission import hold
from dmpws.transactions.call import Call
from dmpws.transactions.internet_account import ABSENT, PROFILES, admit_to_account, note, operation
from dmpws.transactions.observed import tell_asked
from dmpws.transactions.registry import ALL_MODES, Transaction, register

UPDATED = "OTP mis à jour"
"""The DMP's own sentence (DMP-CLIENT)."""

CHANNEL_EXISTS = Rule(
    "TD15-CANAL-EXISTS",
    "Le compte n'a pas encore de canal de ce type",
    "DMP-CLIENT",
    "DMPPatientAccessOTPAlreadyExists",
)
CHANNEL_ABSENT = Rule("TD15-CANAL-ABSENT", "Le compte a un canal de ce type", "DMPWS D135", "DMPInvalidRequest")
CHANNEL_OTHER = Rule(
    "TD15-CANAL-OTHER",
    "Le canal à supprimer est celui du compte, ou n'est pas nommé",
    "DMPWS D135",
    "DMPInvalidRequest",
)
CHANNEL_SAME = Rule(
    "TD15-CANAL-SAME", "Le nouveau canal n'est pas celui du compte", "DMP-CLIENT", "DMPPatientAccessOTPAlreadyExists"
)

OPERATION = operation("patientOTPUpdate")


def handle(call: Call, body: etree._Element) -> SoapReply:
    """Add, change or remove a channel."""
    request = read_otp_update(body)
    tell_asked(action=request.action)
    call = hold(call)
    record = admit_to_account(call)
    account = call.store.internet_accounts.get(record.id)
    if account is None:
        raise refusal(ABSENT, found="aucun compte")
    before = account.channel(request.type)
    _require(request, before)
    if request.channel is not None and request.action is not Action.REMOVE:
        call.store.internet_accounts.put_channel(record.id, request.channel, now=call.now)
    else:
        call.store.internet_accounts.remove_channel(record.id, request.type)
    note(call, f"canal {request.type}", "absent" if before is None else "présent", request.action)
    return SoapReply(otp_update_response(OK_STATUS, UPDATED))


def _require(request: OtpUpdate, before: Channel | None) -> None:
    """AJOUT where there is none, MODIFICATION of what is there to something else, SUPPRESSION of what is named.

    Nobody is told which channel the account has.
    """
    if request.action is Action.ADD:
        demand(before is None, CHANNEL_EXISTS, found=f"un canal {request.type}")
        return
    demand(before is not None, CHANNEL_ABSENT, found=f"aucun canal {request.type}")
    if request.action is Action.CHANGE:
        demand(request.channel != before, CHANNEL_SAME, found="le même")
    elif request.channel is not None:
        demand(request.channel == before, CHANNEL_OTHER, found="un autre")


def refuse(refused: Refused, _body: etree._Element) -> SoapReply:
    """Answer with the code in output/status and the reason in output/context."""
    return SoapReply(otp_update_response(refused.code, refused.message))


register(
    Transaction(
        code="TD1.5b",
        title="Ajout ou mise à jour d'un canal OTP",
        operation=OPERATION,
        modes=ALL_MODES,
        carrier=Carrier.STATUS,
        profiles=PROFILES,
        writes=True,
        audit="update-otp-channel",
        references=("DMP-CLIENT", "DMPWS D13", "DMPWS D27", "DMPWS D134", "DMPWS D135"),
        module=__name__,
        handle=handle,
        refuse=refuse,
    )
)
