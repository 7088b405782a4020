"""TD0.3 from the client's side."""

from dataclasses import dataclass

from lxml import etree
from lxml.builder import ElementMaker

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
