"""TD0.3 and TD1.6 from the client's side."""

from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import zip_longest

from lxml import etree
from lxml.builder import ElementMaker

from dmpws.client.errors import BadAnswer
from dmpws.domain import oids
from dmpws.domain.authorisation import ListMode
from dmpws.domain.code import Code
from dmpws.domain.errors import OK_STATUS
from dmpws.xml.names import HABILITATIONS

_E = ElementMaker(namespace=HABILITATIONS, nsmap={None: HABILITATIONS})


@dataclass(frozen=True, slots=True)
class StatusAnswer:
    """output/status and output/context of a service specific to the DMP."""

    status: str
    context: str = ""

    @property
    def ok(self) -> bool:
        return self.status == OK_STATUS


@dataclass(frozen=True, slots=True)
class Listed:
    """One professional or structure of TD1.6. mode: ACTIVE or INTERDITE. start, last_action: aware UTC."""

    identifier: str
    identifier_type: str
    family: str
    given: str
    specialties: tuple[Code, ...]
    start: datetime | None
    last_action: datetime | None
    mode: str
    treating_doctor: bool

    @property
    def is_structure(self) -> bool:
        return self.identifier_type == oids.STRUCTURES

    @property
    def is_blocked(self) -> bool:
        return self.mode == ListMode.BLOCKED


@dataclass(frozen=True, slots=True)
class ListAnswer(StatusAnswer):
    """Who may consult a DMP, and who is blocked."""

    listed: tuple[Listed, ...] = ()


def authorisation_request(action: str, *, treating_doctor: bool = False) -> etree._Element:
    """Build setAuthorization; action is AJOUT or SUPPRESSION. The patient is the VIHF's."""
    role = [_E.role("MEDECIN_TRAITANT")] if treating_doctor else []
    return _E.setAuthorization(_E.action(action), *role)


def authorisation_answer(body: etree._Element) -> StatusAnswer:
    """Read setAuthorizationResponse."""
    output = f"{{{HABILITATIONS}}}output"
    return StatusAnswer(
        body.findtext(f"{output}/{{{HABILITATIONS}}}status") or "",
        body.findtext(f"{output}/{{{HABILITATIONS}}}context") or "",
    )


def list_request(mode: ListMode) -> etree._Element:
    """Build listAuthorizationByPatient."""
    return _E.listAuthorizationByPatient(_E.mode(mode))


def list_answer(body: etree._Element) -> ListAnswer:
    """Read listAuthorizationByPatientResponse."""
    status = authorisation_answer(body)
    listed = tuple(map(_listed, body.iter(f"{{{HABILITATIONS}}}listOfAuthorizationByPatient")))
    return ListAnswer(status.status, status.context, listed)


def _listed(item: etree._Element) -> Listed:
    def texts(name: str) -> list[str]:
        return [e.text or "" for e in item.findall(f"{{{HABILITATIONS}}}{name}")]

    def text(name: str) -> str:
        return next(iter(texts(name)), "")

    displays = texts("libSpeciality")
    specialties = [
        Code(code, oids.AUTHOR_SPECIALTIES, display)
        for code, display in zip_longest(texts("codeSpeciality"), displays, fillvalue="")
    ]
    return Listed(
        identifier=text("nationalId"),
        identifier_type=text("nationalIdType"),
        family=text("lastName"),
        given=text("firstName"),
        specialties=tuple(specialties),
        start=_instant(text("startOfAuthorization")),
        last_action=_instant(text("lastActionDate")),
        mode=text("mode"),
        treating_doctor="MEDECIN_TRAITANT" in texts("specificRight"),
    )


def _instant(text: str) -> datetime | None:
    try:
        return datetime.strptime(text, "%Y%m%d%H%M%S").replace(tzinfo=UTC) if text else None
    except ValueError:
        raise BadAnswer(f"{text!r} is not an instant") from None
