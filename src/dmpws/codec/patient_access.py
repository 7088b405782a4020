"""createPatientAccess, patientOTPUpdate and updatePatientAccess, and their answers: TD1.5 (DMP-CLIENT)."""

from dataclasses import dataclass
from enum import StrEnum

from lxml import etree
from lxml.builder import ElementMaker

from dmpws.domain.checks import Rule, refusal
from dmpws.domain.internet_account import Channel, ChannelType, Credentials, channel_of
from dmpws.xml.names import PATIENTS
from dmpws.xml.path import path_of

TYPE = Rule("TD15-TYPE", "Le type de canal est SMS ou EMAIL", "DMP-CLIENT", "DMPInvalidRequest")
CHANNEL = Rule("TD15-CANAL", "Le canal reçoit des codes", "DMPWS D134", "DMPInvalidRequest")
ACTION = Rule(
    "TD15-ACTION", "L'action est AJOUT, MODIFICATION ou SUPPRESSION, une fois", "DMP-CLIENT", "DMPInvalidRequest"
)
_FORMS = {
    ChannelType.SMS: "un numéro de mobile, comme 0612345678 ou +32470123456",
    ChannelType.EMAIL: "une adresse électronique, comme nom@exemple.fr",
}

# Every child element is qualified, as in the other services that are specific to the DMP.
_E = ElementMaker(namespace=PATIENTS, nsmap={"ns1": PATIENTS})


class Action(StrEnum):
    """What patientOTPUpdate does with a channel."""

    ADD = "AJOUT"
    CHANGE = "MODIFICATION"
    REMOVE = "SUPPRESSION"


@dataclass(frozen=True, slots=True)
class OtpUpdate:
    """What a patientOTPUpdate asks. channel: None in a SUPPRESSION that does not name the one to remove."""

    action: Action
    type: ChannelType
    channel: Channel | None


def read_create_access(body: etree._Element) -> Channel:
    """Read createPatientAccess: the first channel of the account. Raises Refused."""
    return _channel(body, _type(body))


def read_otp_update(body: etree._Element) -> OtpUpdate:
    """Read patientOTPUpdate. Raises Refused."""
    actions = _texts(body, "action")
    if len(actions) != 1 or actions[0] not in tuple(Action):
        found = ", ".join(actions)[:80] or "absente"
        raise refusal(ACTION, expected=", ".join(Action), found=found, where=path_of(body))
    action, kind = Action(actions[0]), _type(body)
    unnamed = action is Action.REMOVE and _texts(body, "canal") in ([], [""])
    return OtpUpdate(action, kind, None if unnamed else _channel(body, kind))


def access_response(name: str, status: str, context: str, credentials: Credentials | None = None) -> etree._Element:
    """Build createPatientAccessResponse or updatePatientAccessResponse, the only place that shows a password."""
    shown = [_E.login(credentials.login), _E.password(credentials.password)] if credentials is not None else []
    return _E(name, _E.output(*shown, _E.status(status), _E.context(context)))


def otp_update_response(status: str, context: str) -> etree._Element:
    """Build patientOTPUpdateResponse."""
    return _E.patientOTPUpdateResponse(_E.output(_E.status(status), _E.context(context)))


def _type(body: etree._Element) -> ChannelType:
    types = _texts(body, "type")
    if len(types) != 1 or types[0] not in tuple(ChannelType):
        found = ", ".join(types)[:80] or "absent"
        raise refusal(TYPE, expected=" ou ".join(ChannelType), found=found, where=path_of(body))
    return ChannelType(types[0])


def _channel(body: etree._Element, kind: ChannelType) -> Channel:
    """The channel; a wrong one is not repeated: it may be right, and somebody's."""
    texts = _texts(body, "canal")
    channel = channel_of(kind, texts[0]) if len(texts) == 1 else None
    if channel is None:
        found = f"{len(texts[0])} caractères d'une autre forme" if len(texts) == 1 else f"{len(texts)} canaux"
        raise refusal(CHANNEL, expected=_FORMS[kind], found=found, where=path_of(body))
    return channel


def _texts(body: etree._Element, name: str) -> list[str]:
    return [(e.text or "").strip() for e in body.findall(f"{{{PATIENTS}}}{name}")]
