"""setAuthorization and listAuthorizationByPatient, and their answers: TD0.3, TD1.6 (DMP-WSDL Habilitations)."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from lxml import etree
from lxml.builder import ElementMaker

from dmpws.codec.value_sets import value_sets
from dmpws.domain import oids
from dmpws.domain.authorisation import HolderKind, ListMode, NamedAuthorisation
from dmpws.domain.checks import Rule, refusal
from dmpws.domain.value_sets import Attribute
from dmpws.xml.names import HABILITATIONS
from dmpws.xml.path import path_of

ACTION = Rule(
    "TD03-ACTION", "L'action est AJOUT ou SUPPRESSION, une fois", "DMP-WSDL Habilitations", "DMPInvalidRequest"
)
ROLE = Rule("TD03-ROLE", "Le rôle est absent ou MEDECIN_TRAITANT", "DMP-WSDL Habilitations", "DMPInvalidRequest")
MODE = Rule(
    "TD16-MODE", "Le mode est absent, ACTIVE, INTERDITE ou TOUTE", "DMP-WSDL Habilitations", "DMPInvalidRequest"
)
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


def read_list_authorization(body: etree._Element) -> ListMode:
    """Read listAuthorizationByPatient; without mode everything is asked for (DMPWS D133). Raises Refused."""
    modes = _texts(body, "mode") or [ListMode.ALL.value]
    if len(modes) != 1 or modes[0] not in tuple(ListMode):
        found = ", ".join(modes)[:80] or "vide"
        raise refusal(MODE, expected=", ".join(ListMode), found=found, where=path_of(body))
    return ListMode(modes[0])


def list_authorization_response(
    status: str, context: str, listed: Iterable[tuple[ListMode, NamedAuthorisation]] = ()
) -> etree._Element:
    """Build listAuthorizationByPatientResponse. status: DMPOk or an error code."""
    items = (_listed(mode, named) for mode, named in listed)
    return _E.listAuthorizationByPatientResponse(_E.output(*items, _E.status(status), _E.context(context)))


def _listed(mode: ListMode, named: NamedAuthorisation) -> etree._Element:
    """One holder; a structure has a name as lastName and an empty firstName (DMPWS D133)."""
    authorisation = named.authorisation
    is_person = authorisation.holder.kind is HolderKind.PERSON
    specialties = [(code, _display(code)) for code in authorisation.specialties]
    dates = (("startOfAuthorization", authorisation.granted_at), ("lastActionDate", authorisation.last_action_at))
    is_doctor = authorisation.treating_doctor and mode is ListMode.ACTIVE
    return _E.listOfAuthorizationByPatient(
        _E.nationalId(authorisation.holder.identifier),
        _E.nationalIdType(oids.PERSONS if is_person else oids.STRUCTURES),
        _E.firstName(named.given),
        _E.lastName(named.family),
        *(_E.codeSpeciality(code) for code, _ in specialties),
        *(_E.libSpeciality(display) for _, display in specialties),
        *(_E(name, f"{at:%Y%m%d%H%M%S}") for name, at in dates if at is not None),
        _E.mode(mode),
        *([_E.specificRight(TREATING_DOCTOR)] if is_doctor else []),
    )


def _display(specialty: str) -> str:
    member = value_sets().sets[Attribute.AUTHOR_SPECIALTY].get((specialty, oids.AUTHOR_SPECIALTIES))
    return member.code.display if member else specialty


def _texts(body: etree._Element, name: str) -> list[str]:
    return [(e.text or "").strip() for e in body.findall(f"{{{HABILITATIONS}}}{name}")]
