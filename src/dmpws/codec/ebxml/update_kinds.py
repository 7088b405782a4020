"""Which updates a message asks for, as far as the message tells (ITI-57).

TD3.3c and TD3.3d show in the NewStatus. TD3.3a and TD3.3b look alike: the record tells.
"""

from enum import Enum, auto

from lxml import etree

from dmpws.codec.ebxml.names import CONFIDENTIALITY_CODE
from dmpws.domain.document import MASQUE_PS, UPDATE_STATUS, Status
from dmpws.domain.lot.update import STATUSES
from dmpws.xml.names import RIM
from dmpws.xml.text import text_of

_R = f"{{{RIM}}}"
_STATUS_CHANGE = f".//{_R}Association[@associationType='{UPDATE_STATUS}']"
_NEW_STATUS = f"{_R}Slot[@name='NewStatus']//{_R}Value"
_MASK = f"{_R}Classification[@classificationScheme='{CONFIDENTIALITY_CODE}'][@nodeRepresentation='{MASQUE_PS}']"


class UpdateKind(Enum):
    """masked, unmasked: an entry with or without MASQUE_PS. delete: NewStatus Deleted. status: any other."""

    MASKED = auto()
    UNMASKED = auto()
    DELETE = auto()
    STATUS = auto()


def kinds_of(body: etree._Element) -> frozenset[UpdateKind]:
    """Everything that a message asks for."""
    found = set()
    for entry in body.iter(f"{_R}ExtrinsicObject"):
        found.add(UpdateKind.UNMASKED if entry.find(_MASK) is None else UpdateKind.MASKED)
    for association in body.iterfind(_STATUS_CHANGE):
        value = association.find(_NEW_STATUS)
        status = STATUSES.get(text_of(value)) if value is not None else None
        found.add(UpdateKind.DELETE if status is Status.DELETED else UpdateKind.STATUS)
    return frozenset(found)
