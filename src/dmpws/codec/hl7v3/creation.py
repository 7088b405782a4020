"""PRPA_IN201311UV02 and its answers 201312 and 201313: creation of a DMP, TD1.1."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from lxml import etree
from lxml.builder import ElementMaker

from dmpws.codec.hl7v3.message import XSI_NIL, E, Header, answer, coded, read_header
from dmpws.codec.hl7v3.patients import read_identifiers, read_traits, write_name
from dmpws.codec.hl7v3.reading import SINGLE, Identifier, boolean, every, identifier, maybe, one, text
from dmpws.domain import oids
from dmpws.domain.checks import Check, Refused, refusal
from dmpws.domain.code import Code
from dmpws.domain.patient import Ins, Traits
from dmpws.xml.names import GDP
from dmpws.xml.path import path_of

CREATION = Code("CREA_RD", oids.REASONS, "Création de dossier")
CONSENT = "CONSENTEMENT_OUVERTURE_DMP"
NO_BRIS_DE_GLACE = "OPPOSITION_BRIS_DE_GLACE"
NO_CENTRE_15 = "OPPOSITION_ACCES_URGENCE"


@dataclass(frozen=True, slots=True)
class Observation:
    """An administrativeObservation: its value, and effectiveTime/@value as received (empty when absent)."""

    value: bool
    time: str


@dataclass(frozen=True, slots=True)
class Author:
    """Who asks: PS_IdNat, names, Struct_IdNat of the represented organisation."""

    person: str
    family: str
    given: str
    structure: str


@dataclass(frozen=True, slots=True)
class CreationRequest:
    """What a PRPA_IN201311UV02 asks. consent: None when the message has none."""

    header: Header
    identifiers: tuple[Ins, ...]
    traits: Traits
    consent: Observation | None
    opposes_bris_de_glace: bool
    opposes_centre_15: bool
    author: Author


def read_creation(message: etree._Element) -> CreationRequest:
    """Read PRPA_IN201311UV02. Raises Refused where a mandatory element is missing or a single one doubled."""
    request = one(message, "controlActProcess/subject/registrationRequest")
    patient = one(request, "subject1/patient")
    observations = _observations(patient)
    no = Observation(False, "")
    return CreationRequest(
        header=read_header(message),
        identifiers=read_identifiers(patient),
        traits=read_traits(patient),
        consent=observations.get(CONSENT),
        opposes_bris_de_glace=observations.get(NO_BRIS_DE_GLACE, no).value,
        opposes_centre_15=observations.get(NO_CENTRE_15, no).value,
        author=_author(one(request, "author/assignedEntity")),
    )


def created(request: CreationRequest, *, message_id: str, now: datetime) -> etree._Element:
    """Build PRPA_IN201311UV02_Response holding PRPA_IN201312UV02. message_id: bare UUID."""
    patient = E.patient(
        *(E.id(extension=ins.value, root=ins.authority) for ins in request.identifiers),
        E.statusCode(code="active"),
        _person(request),
        classCode="PAT",
    )
    event = E.registrationEvent(
        E.statusCode(code="completed"),
        E.subject1(patient, typeCode="SBJ"),
        E.custodian(E.assignedEntity(E.id(root=oids.DMP_DEVICE), classCode="ASSIGNED"), typeCode="CST"),
        classCode="REG",
        moodCode="EVN",
    )
    subject = E.subject(event, contextConductionInd="false", typeCode="SUBJ")
    return _wrapped("PRPA_IN201312UV02", request.header, subject, message_id, now)


def refused(message: etree._Element, problems: Sequence[Check], *, message_id: str, now: datetime) -> etree._Element:
    """Build PRPA_IN201311UV02_Response holding PRPA_IN201313UV02, whatever state `message` is in.

    The identity, name and author of the request are sent back when they could be read, nil otherwise.
    """
    try:
        subject = _echo(read_creation(message))
    except Refused:
        subject = E.subject({XSI_NIL: "true"}, typeCode="SUBJ")
    return _wrapped("PRPA_IN201313UV02", read_header(message), subject, message_id, now, problems)


def _wrapped(
    interaction: str,
    header: Header,
    subject: etree._Element,
    message_id: str,
    now: datetime,
    problems: Sequence[Check] = (),
) -> etree._Element:
    message = answer(
        interaction,
        header,
        [coded("reasonCode", CREATION), subject],
        message_id=Identifier(oids.DMP_MESSAGE_ROOT, message_id),
        now=now,
        problems=problems,
    )
    return ElementMaker(namespace=GDP, nsmap={None: GDP})("PRPA_IN201311UV02_Response", message)


def _echo(request: CreationRequest) -> etree._Element:
    author = E.assignedEntity(E.id(extension=request.author.person, root=oids.PERSONS), classCode="ASSIGNED")
    patient = E.patient(
        *(E.id(extension=ins.value, root=ins.authority) for ins in request.identifiers),
        E.statusCode(code="active"),
        _person(request),
        E.providerOrganization({XSI_NIL: "true"}, classCode="ORG", determinerCode="INSTANCE"),
        classCode="PAT",
    )
    registration = E.registrationRequest(
        E.statusCode(code="active"),
        E.subject1(patient, typeCode="SBJ"),
        E.author(author, typeCode="AUT"),
        classCode="REG",
        moodCode="RQO",
    )
    return E.subject(registration, contextConductionInd="false", typeCode="SUBJ")


def _person(request: CreationRequest) -> etree._Element:
    return E.patientPerson(write_name(request.traits.name), classCode="PSN", determinerCode="INSTANCE")


def _author(entity: etree._Element) -> Author:
    name = "assignedPerson/name"
    return Author(
        person=identifier(one(entity, "id")).extension,
        family=text(entity, f"{name}/family"),
        given=text(entity, f"{name}/given"),
        structure=identifier(maybe(entity, "representedOrganization/id")).extension,
    )


def _observations(patient: etree._Element) -> dict[str, Observation]:
    observations: dict[str, Observation] = {}
    for element in every(patient, "subjectOf/administrativeObservation"):
        code = one(element, "code").get("code", "")
        if code in observations:
            raise refusal(SINGLE, expected="1", found=f"{code} répété", where=path_of(element))
        time = maybe(element, "effectiveTime")
        observations[code] = Observation(
            boolean(one(element, "value")), time.get("value", "") if time is not None else ""
        )
    return observations
