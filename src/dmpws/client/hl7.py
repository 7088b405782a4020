"""The frame of the HL7 v3 messages, from the client's side."""

import uuid
from datetime import datetime

from lxml import etree
from lxml.builder import ElementMaker

from dmpws.client.errors import Problem
from dmpws.domain import oids
from dmpws.domain.code import Code
from dmpws.vihf.issue import Lps
from dmpws.xml.names import HL7, XSI

E = ElementMaker(namespace=HL7, nsmap={None: HL7, "xsi": XSI})
H = f"{{{HL7}}}"
XSI_TYPE, XSI_NIL = f"{{{XSI}}}type", f"{{{XSI}}}nil"


def message(interaction: str, lps: Lps, now: datetime, *control_act: etree._Element) -> etree._Element:
    """Build a request. control_act: children of controlActProcess."""
    return E(
        interaction,
        E.id(root=lps.id, extension=str(uuid.uuid4())),
        E.creationTime(value=timestamp(now)),
        E.interactionId(root=oids.HL7_INTERACTIONS, extension=interaction),
        E.processingCode(code="D"),
        E.processingModeCode(code="T"),
        E.acceptAckCode(code="AL"),
        E.receiver(_device(oids.DMP_DEVICE, "DMP"), typeCode="RCV"),
        E.sender(_device(lps.id, lps.name), typeCode="SND"),
        E.controlActProcess(*control_act, classCode="CACT", moodCode="EVN"),
        ITSVersion="XML_1.0",
    )


def reason_code(reason: Code) -> etree._Element:
    return E.reasonCode(code=reason.code, codeSystem=reason.system, displayName=reason.display)


def _device(root: str, name: str) -> etree._Element:
    return E.device(E.id(root=root), E.softwareName(name), classCode="DEV", determinerCode="INSTANCE")


def timestamp(moment: datetime) -> str:
    """An HL7 TS to the second, in the zone of `moment`, which it does not name."""
    return moment.strftime("%Y%m%d%H%M%S")


def acknowledgement(answer: etree._Element) -> tuple[str, tuple[Problem, ...]]:
    """typeCode of an answer's acknowledgement, an attribute in edition NE2009 and an element in NE2008, and what it
    complains of."""
    element = answer.find(f"{H}acknowledgement")
    if element is None:
        return "", ()
    details = element.findall(f"{H}acknowledgementDetail")
    problems = tuple(Problem(get(d, f"{H}code", "code"), d.findtext(f"{H}text") or "") for d in details)
    return element.get("typeCode") or get(element, f"{H}typeCode", "code"), problems


def get(element: etree._Element, path: str, attribute: str) -> str:
    """The attribute of the first element at `path`; empty when one of them is missing."""
    found = element.find(path)
    return "" if found is None else found.get(attribute, "")
