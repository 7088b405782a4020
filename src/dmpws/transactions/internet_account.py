"""What the transactions of the patient's internet account (TD1.5) share."""

from dmpws.domain.checks import Rule, demand
from dmpws.domain.internet_account import Credentials, draw_credentials, hash_password
from dmpws.domain.patient import PatientRecord
from dmpws.domain.software import Profile
from dmpws.soap.message import Operation
from dmpws.transactions.admission import admit
from dmpws.transactions.call import Call
from dmpws.transactions.registration import require_not_attached
from dmpws.xml.names import PATIENTS

ROW = "TD1.5 manage the patient's internet account"
PROFILES = frozenset({Profile.MANAGEMENT})

SECRET = Rule(
    "TD15-SECRET",
    "Le compte d'un mineur est celui de ses représentants : pas en connexion secrète",
    "DMPWS D136",
    "DMPAccessDeniedByRightsService",
)
EXISTS = Rule(
    "TD15-EXISTS", "Le patient n'a pas encore de compte internet", "DMP-CLIENT", "DMPPatientAccessAlreadyExists"
)
ABSENT = Rule("TD15-ABSENT", "Le patient a un compte internet", "DMPWS D135", "DMPInvalidRequest")


def operation(name: str) -> Operation:
    """One of the three operations of TD1.5 on /patientsSpecific."""
    action = f"urn:si-dmp-patients:PatientSpecificEndPoint:{name}"
    return Operation(
        service="patientsSpecific",
        name=name,
        body=f"{{{PATIENTS}}}{name}",
        action=action,
        response_action=f"{action}Response",
    )


def admit_to_account(call: Call) -> PatientRecord:
    """Admit the caller to the account of the VIHF's patient. Raises Refused."""
    record = admit(call, ROW)
    require_not_attached(record)
    demand(not call.vihf.secret_connection, SECRET, found="connexion secrète")
    return record


def new_credentials() -> tuple[Credentials, str]:
    """Credentials to show once, and the hash to store. It takes a third of a second: not while a record is locked."""
    credentials = draw_credentials()
    return credentials, hash_password(credentials.password)


def note(call: Call, what: str, old: str, new: str) -> None:
    """Say in the trace what changed: that there is a login, a password or a channel, never which."""
    call.notes.changes.append({"internet_account": what, "old": old, "new": new})
