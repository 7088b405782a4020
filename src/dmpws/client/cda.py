"""Building CDA R2 documents for the DMP: level 1 around a file, level 3 with sections (CI-SIS SM 3.5)."""

import base64
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from lxml import etree
from lxml.builder import ElementMaker

from dmpws.client.actor import Actor
from dmpws.codec.cda import ACCESSION_NUMBER
from dmpws.codec.cda_writing import (
    CI_SIS,
    HL7_FRANCE,
    E,
    beginning,
    coded,
    hl7_time,
    record_target,
    replacing,
)
from dmpws.domain import oids
from dmpws.domain.cda import CdaId
from dmpws.domain.code import Code
from dmpws.domain.patient import Ins, Traits

LOINC = "2.16.840.1.113883.6.1"
CONSULTATION_REPORT = Code("11488-4", LOINC, "CR ou fiche de consultation ou de visite")
ADMISSION_LETTER = Code("18761-7", LOINC, "Note de transfert (dont lettre de liaison à l'entrée en établissement)")
ADMISSION_LETTER_MODEL = "1.2.250.1.213.1.1.1.21"
DISCHARGE_LETTER = Code("11490-0", LOINC, "Lettre de liaison à la sortie d'un établissement de soins")

NON_STRUCTURED = "1.3.6.1.4.1.19376.1.2.20"
"""IHE XDS-SD: level 1 documents only."""


def new_oid() -> str:
    """Return a fresh OID under 2.25 (a UUID as integer), which no authority need allocate."""
    return f"2.25.{uuid.uuid4().int}"


@dataclass(frozen=True, slots=True)
class Section:
    """A section of a level 3 document: LOINC code, title and paragraphs."""

    code: Code
    title: str
    paragraphs: Sequence[str]


@dataclass(frozen=True, slots=True)
class Attachment:
    """The file of a level 1 document.

    media_type: application/pdf, text/plain, text/rtf, image/jpeg or image/tiff.
    """

    media_type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class ClinicalDocument:
    """What goes into a document. Times are aware datetimes; they are written in local time with their offset.

    unique_id, set_id: OIDs. replaces: uniqueId of the version this one replaces, version is then one higher.
    templates: templateIds of the model a level 3 document follows, at least one (CI-SIS SM 3.5).
    order: number of the request it answers, by who asked; accession: of the imaging examination, by who made it;
    study: its Study Instance UID. All three become the referenceIdList of an imaging report.
    body: a file (level 1), sections, or a structuredBody (level 3). treating_doctor: the patient's médecin traitant,
    whom a VSM names.
    """

    ins: Ins
    traits: Traits
    author: Actor
    type: Code
    title: str
    body: Attachment | Sequence[Section] | etree._Element
    effective: datetime
    service_start: datetime
    service_stop: datetime | None = None
    service_code: Code | None = None
    unique_id: str = field(default_factory=new_oid)
    set_id: str = field(default_factory=new_oid)
    version: int = 1
    replaces: str = ""
    templates: tuple[str | CdaId, ...] = ()
    treating_doctor: Actor | None = None
    order: CdaId | None = None
    accession: CdaId | None = None
    study: str = ""

    def to_xml(self) -> bytes:
        """Return the document, UTF-8 with an XML declaration."""
        document = E.ClinicalDocument(*_header(self), body_of(self.body))
        octets: bytes = etree.tostring(document, xml_declaration=True, encoding="UTF-8")
        return octets


def _header(document: ClinicalDocument) -> list[etree._Element]:
    model = (NON_STRUCTURED,) if isinstance(document.body, Attachment) else document.templates
    header = [
        *beginning(
            templates=(HL7_FRANCE, CI_SIS, *model),
            unique_id=document.unique_id,
            type_code=document.type,
            title=document.title,
            effective=document.effective,
            set_id=document.set_id,
            version=document.version,
        ),
        record_target(document.ins, document.traits),
        _author(document.author, document.effective),
        _custodian(document.author),
        _legal_authenticator(document.author, document.effective),
        *([_treating_doctor(document.treating_doctor)] if document.treating_doctor else []),
        *_in_fulfillment_of(document),
        _documentation_of(document),
    ]
    if document.replaces:
        header.append(replacing(document.replaces))
    return [*header, _component_of(document)]


def _person(actor: Actor) -> etree._Element:
    return E.assignedPerson(E.name(E.family(actor.family), E.given(actor.given)))


def _organisation(tag: ElementMaker, actor: Actor) -> etree._Element:
    return tag(E.id(root=oids.STRUCTURES, extension=actor.structure), E.name(actor.structure_name))


def assigned(tag: ElementMaker, actor: Actor) -> etree._Element:
    return tag(
        E.id(root=oids.PERSONS, extension=actor.person),
        coded(E.code, actor.specialty),
        _person(actor),
        _organisation(E.representedOrganization, actor),
    )


def _author(actor: Actor, time: datetime) -> etree._Element:
    return E.author(E.time(value=hl7_time(time)), assigned(E.assignedAuthor, actor))


def _custodian(actor: Actor) -> etree._Element:
    organisation = _organisation(E.representedCustodianOrganization, actor)
    return E.custodian(E.assignedCustodian(organisation))


def _legal_authenticator(actor: Actor, time: datetime) -> etree._Element:
    return E.legalAuthenticator(
        E.time(value=hl7_time(time)), E.signatureCode(code="S"), assigned(E.assignedEntity, actor)
    )


def _treating_doctor(actor: Actor) -> etree._Element:
    function = coded(E.functionCode, Code("PCP", "2.16.840.1.113883.5.88", "Médecin traitant"))
    entity = E.associatedEntity(
        E.id(root=oids.PERSONS, extension=actor.person),
        E.associatedPerson(*_person(actor)),
        _organisation(E.scopingOrganization, actor),
        classCode="PROV",
    )
    return E.participant(function, E.time(nullFlavor="UNK"), entity, typeCode="INF")


def _in_fulfillment_of(document: ClinicalDocument) -> list[etree._Element]:
    if not (document.order or document.accession):
        return []
    order = E.order(_id(document.order) if document.order else E.id(nullFlavor="UNK"))
    if document.accession:
        number = {"root": document.accession.root, "extension": document.accession.extension}
        order.append(etree.Element(ACCESSION_NUMBER, number, nsmap={"ps3-20": etree.QName(ACCESSION_NUMBER).namespace}))
    return [E.inFulfillmentOf(order)]


def _id(item: CdaId) -> etree._Element:
    return E.id(root=item.root, extension=item.extension)


def _documentation_of(document: ClinicalDocument) -> etree._Element:
    time = E.effectiveTime(E.low(value=hl7_time(document.service_start)))
    if document.service_stop:
        time.append(E.high(value=hl7_time(document.service_stop)))
    actor = document.author
    setting = coded(E.standardIndustryClassCode, actor.practice_setting)
    organisation = _organisation(E.representedOrganization, actor)
    organisation.append(setting)
    performer = E.performer(
        E.assignedEntity(E.id(root=oids.PERSONS, extension=actor.person), _person(actor), organisation),
        typeCode="PRF",
    )
    study = [E.id(root=document.study)] if document.study else []
    code = [coded(E.code, document.service_code)] if document.service_code else []
    return E.documentationOf(E.serviceEvent(*study, *code, time, performer))


def _component_of(document: ClinicalDocument) -> etree._Element:
    facility = E.healthCareFacility(coded(E.code, document.author.facility_type))
    return E.componentOf(
        E.encompassingEncounter(E.effectiveTime(E.low(value=hl7_time(document.service_start))), E.location(facility))
    )


def body_of(body: Attachment | Sequence[Section] | etree._Element) -> etree._Element:
    """The component that holds a file, sections, or a structuredBody."""
    if isinstance(body, Attachment):
        encoded = base64.b64encode(body.content).decode("ascii")
        return E.component(E.nonXMLBody(E.text(encoded, mediaType=body.media_type, representation="B64")))
    if isinstance(body, etree._Element):
        return E.component(body)
    sections = (
        E.component(
            E.section(
                coded(E.code, section.code),
                E.title(section.title),
                E.text(*(E.paragraph(text) for text in section.paragraphs)),
            )
        )
        for section in body
    )
    return E.component(E.structuredBody(*sections))
