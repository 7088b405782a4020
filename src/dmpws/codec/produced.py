"""The CDA document around a file that came from no LPS (CI-SIS SM 3.5): level 1, by the patient or by a system."""

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from lxml import etree

from dmpws.codec.cda_writing import CI_SIS, HL7_FRANCE, E, beginning, coded, hl7_time, record_target, replacing
from dmpws.domain import oids
from dmpws.domain.code import Code
from dmpws.domain.patient import Ins, Traits
from dmpws.domain.producers import BY_PATIENT, System

NON_STRUCTURED = "1.3.6.1.4.1.19376.1.2.20"
"""IHE XDS-SD."""


@dataclass(frozen=True, slots=True)
class Produced:
    """What goes into a document. Times are aware. unique_id, set_id: OIDs. replaces: uniqueId, or empty.

    system: the author, or None for the patient himself. content: a file of media_type.
    """

    ins: Ins
    traits: Traits
    system: System | None
    type: Code
    title: str
    media_type: str
    content: bytes
    effective: datetime
    start: datetime
    stop: datetime | None
    unique_id: str
    set_id: str
    version: int
    replaces: str

    def to_xml(self) -> bytes:
        """Return the document, UTF-8 with an XML declaration. Raises ValueError for text that XML cannot hold."""
        header = [
            *beginning(
                templates=(HL7_FRANCE, CI_SIS, NON_STRUCTURED),
                unique_id=self.unique_id,
                type_code=self.type,
                title=self.title,
                effective=self.effective,
                set_id=self.set_id,
                version=self.version,
            ),
            record_target(self.ins, self.traits),
            *(_patient_acts(self) if self.system is None else _system_acts(self.system, self.effective)),
            _service(self),
        ]
        if self.replaces:
            header.append(replacing(self.replaces))
        facility = E.healthCareFacility(coded(E.code, self.system.facility_type if self.system else BY_PATIENT))
        encounter = E.encompassingEncounter(E.effectiveTime(nullFlavor="NA"), E.location(facility))
        encoded = base64.b64encode(self.content).decode("ascii")
        body = E.component(E.nonXMLBody(E.text(encoded, mediaType=self.media_type, representation="B64")))
        document = E.ClinicalDocument(*header, E.componentOf(encounter), body)
        octets: bytes = etree.tostring(document, xml_declaration=True, encoding="UTF-8")
        return octets


def _nowhere() -> list[etree._Element]:
    return [E.addr(nullFlavor="NASK"), E.telecom(nullFlavor="NASK")]


def _patient_acts(document: Produced) -> Iterator[etree._Element]:
    """The patient is author and in charge, without code nor structure; the DMP keeps the document."""
    time, ins, name = hl7_time(document.effective), document.ins, document.traits.name

    def who() -> list[etree._Element]:
        person = E.name(E.family(name.birth or name.used), E.given(name.given))
        return [E.id(root=ins.authority, extension=ins.value), *_nowhere(), E.assignedPerson(person)]

    yield E.author(E.time(value=time), E.assignedAuthor(*who()))
    custodian = E.representedCustodianOrganization(E.id(root=oids.DMP_CUSTODIAN), E.name("DMP"))
    yield E.custodian(E.assignedCustodian(custodian))
    yield E.legalAuthenticator(E.time(value=time), E.signatureCode(code="S"), E.assignedEntity(*who()))


def _system_acts(system: System, effective: datetime) -> Iterator[etree._Element]:
    """The system writes, its organisation keeps and answers for it."""
    time = hl7_time(effective)

    def organisation() -> list[etree._Element]:
        return [E.id(root=oids.STRUCTURES, extension=system.structure), E.name(system.name)]

    def who() -> list[etree._Element]:
        return [E.id(root=oids.PERSONS, extension=system.person), coded(E.code, system.specialty), *_nowhere()]

    device = E.assignedAuthoringDevice(E.manufacturerModelName(system.name), E.softwareName(system.name))
    yield E.author(E.time(value=time), E.assignedAuthor(*who(), device, E.representedOrganization(*organisation())))
    yield E.custodian(E.assignedCustodian(E.representedCustodianOrganization(*organisation())))
    person = E.assignedPerson(E.name(E.given("."), E.family(system.name)))
    entity = E.assignedEntity(*who(), person, E.representedOrganization(*organisation()))
    yield E.legalAuthenticator(E.time(value=time), E.signatureCode(code="S"), entity)


def _service(document: Produced) -> etree._Element:
    time = E.effectiveTime(E.low(value=hl7_time(document.start)))
    if document.stop is not None:
        time.append(E.high(value=hl7_time(document.stop)))
    system = document.system
    setting = coded(E.standardIndustryClassCode, system.practice_setting if system else BY_PATIENT)
    performer = E.performer(E.assignedEntity(E.id(nullFlavor="NA"), E.representedOrganization(setting)), typeCode="PRF")
    code = [] if system else [coded(E.code, BY_PATIENT)]
    return E.documentationOf(E.serviceEvent(*code, time, performer))
