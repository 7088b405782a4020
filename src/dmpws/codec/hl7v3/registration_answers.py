"""The answers to registration requests: 312 and 315 (done), 313 and 316 (refused), in their wrappers."""

from collections.abc import Sequence
from datetime import datetime

from lxml import etree
from lxml.builder import ElementMaker

from dmpws.codec.hl7v3.message import XSI_NIL, E, Header, answer, coded, ii, read_header
from dmpws.codec.hl7v3.patients import write_ids, write_name
from dmpws.codec.hl7v3.reading import Identifier
from dmpws.codec.hl7v3.registration import Registration, read_registration
from dmpws.domain import oids
from dmpws.domain.checks import Check, Refused
from dmpws.domain.code import Code
from dmpws.domain.patient import DmpStatus, Name
from dmpws.xml.names import GDP

_ADD = ("PRPA_IN201311UV02_Response", "PRPA_IN201313UV02")
_REVISE = ("PRPA_IN201314UV02_Response", "PRPA_IN201316UV02")


def created(request: Registration, reason: Code, *, message_id: str, now: datetime) -> etree._Element:
    """Build PRPA_IN201311UV02_Response holding PRPA_IN201312UV02. message_id: bare UUID."""
    patient = _patient(write_ids(request.identifiers), DmpStatus.ACTIVE, request.name)
    return _wrapped(_ADD[0], "PRPA_IN201312UV02", request.header, reason, _event(patient), message_id, now)


def revised(
    request: Registration, reason: Code, status: DmpStatus, name: Name, *, message_id: str, now: datetime
) -> etree._Element:
    """Build PRPA_IN201314UV02_Response holding PRPA_IN201315UV02: the patient's status and name, as they are now,
    and no identifier, as the DMP does (DMPWS D117)."""
    subject = _event(_patient([], status, name))
    return _wrapped(_REVISE[0], "PRPA_IN201315UV02", request.header, reason, subject, message_id, now)


def refused(
    message: etree._Element, reason: Code, problems: Sequence[Check], *, message_id: str, now: datetime
) -> etree._Element:
    """Build the wrapper with PRPA_IN201313UV02, or 316 for a 314, whatever state `message` is in.

    The identity, name and author of the request are sent back when they could be read, nil otherwise.
    """
    wrapper, interaction = _ADD if etree.QName(message).localname == "PRPA_IN201311UV02" else _REVISE
    try:
        subject = _echo(read_registration(message))
    except Refused:
        subject = E.subject({XSI_NIL: "true"}, typeCode="SUBJ")
    return _wrapped(wrapper, interaction, read_header(message), reason, subject, message_id, now, problems)


def _wrapped(
    wrapper: str,
    interaction: str,
    header: Header,
    reason: Code,
    subject: etree._Element,
    message_id: str,
    now: datetime,
    problems: Sequence[Check] = (),
) -> etree._Element:
    message = answer(
        interaction,
        header,
        [coded("reasonCode", reason), subject],
        message_id=Identifier(oids.DMP_MESSAGE_ROOT, message_id),
        now=now,
        problems=problems,
    )
    return ElementMaker(namespace=GDP, nsmap={None: GDP})(wrapper, message)


def _event(patient: etree._Element) -> etree._Element:
    event = E.registrationEvent(
        E.statusCode(code="completed"),
        E.subject1(patient, typeCode="SBJ"),
        E.custodian(E.assignedEntity(E.id(root=oids.DMP_DEVICE), classCode="ASSIGNED"), typeCode="CST"),
        classCode="REG",
        moodCode="EVN",
    )
    return E.subject(event, contextConductionInd="false", typeCode="SUBJ")


def _echo(request: Registration) -> etree._Element:
    person = Identifier(oids.PERSONS, request.author.person.extension)
    author = E.assignedEntity(ii("id", person), classCode="ASSIGNED")
    patient = _patient(write_ids(request.identifiers), DmpStatus.ACTIVE, request.name)
    patient.append(E.providerOrganization({XSI_NIL: "true"}, classCode="ORG", determinerCode="INSTANCE"))
    registration = E.registrationRequest(
        E.statusCode(code="active"),
        E.subject1(patient, typeCode="SBJ"),
        E.author(author, typeCode="AUT"),
        classCode="REG",
        moodCode="RQO",
    )
    return E.subject(registration, contextConductionInd="false", typeCode="SUBJ")


def _patient(ids: Sequence[etree._Element], status: DmpStatus, name: Name) -> etree._Element:
    person = E.patientPerson(write_name(name), classCode="PSN", determinerCode="INSTANCE")
    return E.patient(*ids, E.statusCode(code=status), person, classCode="PAT")
