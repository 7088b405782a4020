"""TD1.5 from the client's side."""

from dataclasses import dataclass, field

from lxml import etree
from lxml.builder import ElementMaker

from dmpws.client.habilitations import StatusAnswer
from dmpws.domain.internet_account import ChannelType
from dmpws.xml.names import PATIENTS

_E = ElementMaker(namespace=PATIENTS, nsmap={None: PATIENTS})
_OUTPUT = f"{{{PATIENTS}}}output/{{{PATIENTS}}}"


@dataclass(frozen=True, slots=True)
class AccessAnswer(StatusAnswer):
    """login and password are for the patient, and are shown this once; empty when the call was refused."""

    login: str = ""
    password: str = field(default="", repr=False)


def create_request(kind: ChannelType, channel: str) -> etree._Element:
    """Build createPatientAccess."""
    return _E.createPatientAccess(_E.type(kind), _E.canal(channel))


def otp_request(action: str, kind: ChannelType, channel: str) -> etree._Element:
    """Build patientOTPUpdate; action is AJOUT, MODIFICATION or SUPPRESSION."""
    return _E.patientOTPUpdate(_E.type(kind), _E.canal(channel), _E.action(action))


def renew_request() -> etree._Element:
    """Build updatePatientAccess."""
    return _E.updatePatientAccess()


def access_answer(body: etree._Element) -> AccessAnswer:
    """Read the answer of any of the three."""
    names = ("status", "context", "login", "password")
    return AccessAnswer(*(body.findtext(f"{_OUTPUT}{name}") or "" for name in names))
