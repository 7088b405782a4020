"""Which update a message asks for, as far as the message tells (ITI-57).

TD3.3c and TD3.3d show in the NewStatus. TD3.3a and TD3.3b look alike: the record tells.
"""

from lxml import etree

from dmpws.codec.ebxml.names import CONFIDENTIALITY_CODE
from dmpws.domain.document import MASQUE_PS, UPDATE_STATUS, Status
from dmpws.domain.lot.update import STATUSES
from dmpws.xml.names import RIM
from dmpws.xml.text import text_of

_R = f"{{{RIM}}}"
_NEW_STATUS = f".//{_R}Association[@associationType='{UPDATE_STATUS}']/{_R}Slot[@name='NewStatus']//{_R}Value"
_MASK = f".//{_R}Classification[@classificationScheme='{CONFIDENTIALITY_CODE}'][@nodeRepresentation='{MASQUE_PS}']"


def new_status(body: etree._Element) -> Status | None:
    """The NewStatus of the first UpdateAvailabilityStatus, when it is a status."""
    value = body.find(_NEW_STATUS)
    return STATUSES.get(text_of(value)) if value is not None else None


def is_new_metadata(body: etree._Element) -> bool:
    """The message holds an entry, and no change of status."""
    return new_status(body) is None and body.find(f".//{_R}ExtrinsicObject") is not None


def masks(body: etree._Element) -> bool:
    """An entry of the message is masked to professionals."""
    return body.find(_MASK) is not None
