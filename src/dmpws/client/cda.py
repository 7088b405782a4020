"""Building CDA R2 documents for the DMP: level 1 around a file, level 3 with sections (CI-SIS SM 3.5)."""

import base64
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from lxml import etree
from lxml.builder import ElementMaker

from dmpws.client.actor import Actor
from dmpws.domain import oids
from dmpws.domain.code import Code
from dmpws.domain.patient import Ins, Traits
from dmpws.xml.names import HL7, XSI

LOINC = "2.16.840.1.113883.6.1"
CONSULTATION_REPORT = Code("11488-4", LOINC, "CR ou fiche de consultation ou de visite")
ADMISSION_LETTER = Code("18761-7", LOINC, "Note de transfert (dont lettre de liaison à l'entrée en établissement)")
ADMISSION_LETTER_MODEL = "1.2.250.1.213.1.1.1.21"
DISCHARGE_LETTER = Code("11490-0", LOINC, "Lettre de liaison à la sortie d'un établissement de soins")

HL7_FRANCE = "2.16.840.1.113883.2.8.2.1"
CI_SIS = "1.2.250.1.213.1.1.1.1"
NON_STRUCTURED = "1.3.6.1.4.1.19376.1.2.20"
"""IHE XDS-SD: level 1 documents only."""

GENDERS = {"M": "Masculin", "F": "Féminin", "U": "Inconnu"}
PLACES = "2.16.840.1.113883.5.1"

_E = ElementMaker(namespace=HL7, nsmap={None: HL7, "xsi": XSI})


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
    """

    ins: Ins
    traits: Traits
    author: Actor
    type: Code
    title: str
    body: Attachment | Sequence[Section]
    effective: datetime
    service_start: datetime
    service_stop: datetime | None = None
    service_code: Code | None = None
    unique_id: str = field(default_factory=new_oid)
    set_id: str = field(default_factory=new_oid)
    version: int = 1
    replaces: str = ""
    templates: tuple[str, ...] = ()

    def to_xml(self) -> bytes:
        """Return the document, UTF-8 with an XML declaration."""
        document = _E.ClinicalDocument(*_header(self), _body(self.body))
        octets: bytes = etree.tostring(document, xml_declaration=True, encoding="UTF-8")
        return octets


def hl7_time(moment: datetime) -> str:
    """Return an HL7 timestamp with offset, `20261121130000+0100`. Raises ValueError for a naive datetime."""
    if moment.tzinfo is None:
        raise ValueError("a CDA time needs its offset (CI-SIS SM 3.5.4)")
    return moment.strftime("%Y%m%d%H%M%S%z")


def _header(document: ClinicalDocument) -> list[etree._Element]:
    model = (NON_STRUCTURED,) if isinstance(document.body, Attachment) else document.templates
    templates = (HL7_FRANCE, CI_SIS, *model)
    header = [
        _E.realmCode(code="FR"),
        _E.typeId(root="2.16.840.1.113883.1.3", extension="POCD_HD000040"),
        *(_E.templateId(root=root) for root in templates),
        _E.id(root=document.unique_id),
        _coded(_E.code, document.type),
        _E.title(document.title),
        _E.effectiveTime(value=hl7_time(document.effective)),
        _E.confidentialityCode(code="N", displayName="Normal", codeSystem=oids.CONFIDENTIALITY),
        _E.languageCode(code="fr-FR"),
        _E.setId(root=document.set_id),
        _E.versionNumber(value=str(document.version)),
        _record_target(document.ins, document.traits),
        _author(document.author, document.effective),
        _custodian(document.author),
        _legal_authenticator(document.author, document.effective),
        _documentation_of(document),
    ]
    if document.replaces:
        parent = _E.parentDocument(_E.id(root=document.replaces))
        header.append(_E.relatedDocument(parent, typeCode="RPLC"))
    return [*header, _component_of(document)]


def _coded(maker: ElementMaker, code: Code) -> etree._Element:
    return maker(code=code.code, displayName=code.display, codeSystem=code.system)


def _record_target(ins: Ins, traits: Traits) -> etree._Element:
    name = _E.name(_E.family(traits.name.birth, qualifier="BR"))
    if traits.name.used:
        name.append(_E.family(traits.name.used, qualifier="CL"))
    name.append(_E.given(traits.name.given))
    name.append(_E.given(traits.name.given.split()[0], qualifier="BR"))
    patient = _E.patient(
        name,
        _E.administrativeGenderCode(code=traits.sex, displayName=GENDERS.get(traits.sex, ""), codeSystem=PLACES),
        _E.birthTime(value=traits.birth_date),
    )
    role = _E.patientRole(
        _E.id(root=ins.authority, extension=ins.value),
        _E.addr(nullFlavor="NASK"),
        _E.telecom(nullFlavor="NASK"),
        patient,
    )
    return _E.recordTarget(role)


def _person(actor: Actor) -> etree._Element:
    return _E.assignedPerson(_E.name(_E.family(actor.family), _E.given(actor.given)))


def _organisation(tag: ElementMaker, actor: Actor) -> etree._Element:
    return tag(_E.id(root=oids.STRUCTURES, extension=actor.structure), _E.name(actor.structure_name))


def _assigned(tag: ElementMaker, actor: Actor) -> etree._Element:
    return tag(
        _E.id(root=oids.PERSONS, extension=actor.person),
        _coded(_E.code, actor.specialty),
        _person(actor),
        _organisation(_E.representedOrganization, actor),
    )


def _author(actor: Actor, time: datetime) -> etree._Element:
    return _E.author(_E.time(value=hl7_time(time)), _assigned(_E.assignedAuthor, actor))


def _custodian(actor: Actor) -> etree._Element:
    organisation = _organisation(_E.representedCustodianOrganization, actor)
    return _E.custodian(_E.assignedCustodian(organisation))


def _legal_authenticator(actor: Actor, time: datetime) -> etree._Element:
    return _E.legalAuthenticator(
        _E.time(value=hl7_time(time)), _E.signatureCode(code="S"), _assigned(_E.assignedEntity, actor)
    )


def _documentation_of(document: ClinicalDocument) -> etree._Element:
    time = _E.effectiveTime(_E.low(value=hl7_time(document.service_start)))
    if document.service_stop:
        time.append(_E.high(value=hl7_time(document.service_stop)))
    actor = document.author
    setting = _coded(_E.standardIndustryClassCode, actor.practice_setting)
    organisation = _organisation(_E.representedOrganization, actor)
    organisation.append(setting)
    performer = _E.performer(
        _E.assignedEntity(_E.id(root=oids.PERSONS, extension=actor.person), _person(actor), organisation),
        typeCode="PRF",
    )
    code = [_coded(_E.code, document.service_code)] if document.service_code else []
    return _E.documentationOf(_E.serviceEvent(*code, time, performer))


def _component_of(document: ClinicalDocument) -> etree._Element:
    facility = _E.healthCareFacility(_coded(_E.code, document.author.facility_type))
    return _E.componentOf(
        _E.encompassingEncounter(
            _E.effectiveTime(_E.low(value=hl7_time(document.service_start))), _E.location(facility)
        )
    )


def _body(body: Attachment | Sequence[Section]) -> etree._Element:
    if isinstance(body, Attachment):
        encoded = base64.b64encode(body.content).decode("ascii")
        return _E.component(_E.nonXMLBody(_E.text(encoded, mediaType=body.media_type, representation="B64")))
    sections = (
        _E.component(
            _E.section(
                _coded(_E.code, section.code),
                _E.title(section.title),
                _E.text(*(_E.paragraph(text) for text in section.paragraphs)),
            )
        )
        for section in body
    )
    return _E.component(_E.structuredBody(*sections))
