"""setAuthorization and its answer: TD0.3 (DMP-WSDL Habilitations)."""

from dataclasses import dataclass
from enum import StrEnum

from lxml import etree
from lxml.builder import ElementMaker

from dmpws.domain.checks import Rule, refusal
from dmpws.xml.names import HABILITATIONS
from dmpws.xml.path import path_of

ACTION = Rule(
    "TD03-ACTION", "L'action est AJOUT ou SUPPRESSION, une fois", "DMP-WSDL Habilitations", "DMPInvalidRequest"
)
ROLE = Rule("TD03-ROLE", "Le rôle est absent ou MEDECIN_TRAITANT", "DMP-WSDL Habilitations", "DMPInvalidRequest")
TREATING_DOCTOR = "MEDECIN_TRAITANT"

# The prefix is the official frame's; every child element is qualified (DMP-FRAME TD0.3).
_E = ElementMaker(namespace=HABILITATIONS, nsmap={"ns1": HABILITATIONS})


class Action(StrEnum):
    ADD = "AJOUT"
    REMOVE = "SUPPRESSION"


@dataclass(frozen=True, slots=True)
class SetAuthorization:
    """What a setAuthorization asks; the patient is the VIHF's."""

    action: Action
    treating_doctor: bool


def read_set_authorization(body: etree._Element) -> SetAuthorization:
    """Read setAuthorization. Raises Refused on another action or role than the contract's."""
    actions, roles = _texts(body, "action"), _texts(body, "role")
    if len(actions) != 1 or actions[0] not in tuple(Action):
        found = ", ".join(actions)[:80] or "absente"
        raise refusal(ACTION, expected="AJOUT ou SUPPRESSION", found=found, where=path_of(body))
    if roles not in ([], [TREATING_DOCTOR]):
        raise refusal(ROLE, expected=TREATING_DOCTOR, found=", ".join(roles)[:80] or "vide", where=path_of(body))
    return SetAuthorization(Action(actions[0]), treating_doctor=bool(roles))


def set_authorization_response(status: str, context: str) -> etree._Element:
    """Build setAuthorizationResponse. status: DMPOk or an error code."""
    return _E.setAuthorizationResponse(_E.output(_E.status(status), _E.context(context)))


def _texts(body: etree._Element, name: str) -> list[str]:
    return [(e.text or "").strip() for e in body.findall(f"{{{HABILITATIONS}}}{name}")]
