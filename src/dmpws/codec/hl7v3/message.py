"""The frame common to HL7 v3 messages: what is read of a request, how an answer is built."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from lxml import etree
from lxml.builder import ElementMaker

from dmpws.codec.hl7v3.reading import Identifier, every, identifier, text
from dmpws.domain import oids
from dmpws.domain.checks import Check
from dmpws.domain.code import Code
from dmpws.xml.names import HL7, XSI

E = ElementMaker(namespace=HL7, nsmap={None: HL7, "xsi": XSI})
XSI_TYPE = f"{{{XSI}}}type"
XSI_NIL = f"{{{XSI}}}nil"
SOFTWARE = "DMP"
DMP = Identifier(oids.DMP_DEVICE)


@dataclass(frozen=True, slots=True)
class Header:
    """What an answer needs of its request: the message's id, the devices. reason: reasonCode/@code.

    software: softwareName of the sender. receiver: what the sender takes us for.
    """

    id: Identifier
    sender: Identifier
    software: str
    reason: str
    receiver: Identifier


def read_header(message: etree._Element) -> Header:
    """Read a request's header. Never refuses: the answer to a bad request needs one too."""
    senders, ids = every(message, "sender/device"), every(message, "id")
    devices = every(senders[0], "id") if senders else []
    receivers = every(message, "receiver/device/id")
    reasons = every(message, "controlActProcess/reasonCode")
    return Header(
        id=identifier(ids[0] if ids else None),
        sender=identifier(devices[0] if devices else None),
        software=text(senders[0], "softwareName") if senders else "",
        reason=reasons[0].get("code", "") if reasons else "",
        receiver=identifier(receivers[0] if receivers else None),
    )


def ii(name: str, value: Identifier) -> etree._Element:
    """Build an II; one without root says so (nullFlavor NI, no information)."""
    if not value.root:
        return E(name, nullFlavor="NI")
    return E(name, **{k: v for k, v in (("root", value.root), ("extension", value.extension)) if v})


def coded(name: str, code: Code) -> etree._Element:
    """Build a coded element, with its displayName when there is one."""
    display = {"displayName": code.display} if code.display else {}
    return E(name, code=code.code, codeSystem=code.system, **display)


def answer(
    interaction: str,
    request: Header,
    control_act: Sequence[etree._Element],
    *,
    message_id: Identifier,
    now: datetime,
    attention: Sequence[etree._Element] = (),
    problems: Sequence[Check] = (),
    type_code_is_element: bool = False,
    sender: Identifier = DMP,
) -> etree._Element:
    """Build an answer: acknowledged AE with one detail per problem, or AA when there is none.

    control_act: children of controlActProcess. now: aware UTC. type_code_is_element: as edition NE2008 has it; an
    attribute in NE2009.
    """
    code = "AE" if problems else "AA"
    content = [
        *attention,
        acknowledgement(code, request, problems, type_code_is_element=type_code_is_element),
        E.controlActProcess(*control_act, classCode="CACT", moodCode="EVN"),
    ]
    return wrapped(interaction, request, content, message_id=message_id, now=now, sender=sender)


def wrapped(
    interaction: str,
    request: Header,
    content: Sequence[etree._Element],
    *,
    message_id: Identifier,
    now: datetime,
    sender: Identifier = DMP,
) -> etree._Element:
    """Build a message to the sender of another. content: what follows the sender. now: aware UTC."""
    return E(
        interaction,
        ii("id", message_id),
        E.creationTime(value=f"{now:%Y%m%d%H%M%S}"),
        E.interactionId(root=oids.HL7_INTERACTIONS, extension=interaction),
        E.processingCode(code="P"),
        E.processingModeCode(code="T"),
        E.acceptAckCode(code="NE"),
        E.receiver(_device(request.sender, request.software), typeCode="RCV"),
        E.sender(_device(sender, SOFTWARE if sender == DMP else ""), typeCode="SND"),
        *content,
        ITSVersion="XML_1.0",
    )


def acknowledgement(
    code: str, request: Header, problems: Sequence[Check], *, type_code_is_element: bool
) -> etree._Element:
    """Build the acknowledgement of a request, with one detail per problem."""
    return E.acknowledgement(
        *([E.typeCode(code=code)] if type_code_is_element else []),
        E.targetMessage(ii("id", request.id)),
        *(_detail(problem) for problem in problems),
        **({} if type_code_is_element else {"typeCode": code}),
    )


def _device(root: Identifier, software: str) -> etree._Element:
    name = [E.softwareName(software)] if software else []
    return E.device(ii("id", Identifier(root.root)), *name, classCode="DEV", determinerCode="INSTANCE")


def _detail(problem: Check) -> etree._Element:
    location = [E.location(problem.where)] if problem.where else []
    return E.acknowledgementDetail(E.code(code=problem.rule.code), E.text(problem.message), *location, typeCode="E")
