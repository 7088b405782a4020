"""The historique des vaccinations (VAC 2023.01): the CDA document that the DMP itself writes (DMPWS D33).

It holds the vaccinations of the notes as they are, with the text of each, so that what was attested is what is
shown; references between text and entries are made unique.
"""

import copy
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from lxml import etree

from dmpws.codec.cda_writing import CI_SIS, HL7_FRANCE, E, beginning, coded, hl7_time, record_target, replacing
from dmpws.codec.vaccination import SECTION, entries, sections
from dmpws.domain import oids
from dmpws.domain.cda import CdaId
from dmpws.domain.code import Code
from dmpws.domain.patient import Ins, Traits
from dmpws.domain.vaccination import HISTORY_MODEL, HISTORY_TYPE
from dmpws.xml.names import HL7

PRACTICE_SETTING = Code("AMO", "1.2.250.1.213.1.1.4.9", "Organisme d'assurance maladie obligatoire")
FACILITY_TYPE = Code("SA24", oids.SECTORS, "Organisme de sécurité sociale")
SYSTEM = Code("AUTOMATE", oids.NON_PROFESSIONALS, "Automate")
TITLE = "Historique des vaccinations"
NOTHING = "Pas d'information sur les vaccins"

_H = f"{{{HL7}}}"
_MODELS = (HL7_FRANCE, CI_SIS, "1.3.6.1.4.1.19376.1.5.3.1.1.18.1.2", CdaId(HISTORY_MODEL, "2023.01"))
_SECTION_TEMPLATES = ("2.16.840.1.113883.10.20.1.6", SECTION, "1.2.250.1.213.1.1.2.147")
_ENTRY_TEMPLATES = ("2.16.840.1.113883.10.20.1.24", "1.3.6.1.4.1.19376.1.5.3.1.4.12", "1.2.250.1.213.1.1.3.45")
_PRODUCT_TEMPLATES = ("2.16.840.1.113883.10.20.1.53", "1.3.6.1.4.1.19376.1.5.3.1.4.7.2", "1.2.250.1.213.1.1.3.43")
_ABSENT = Code("no-immunization-info", "2.16.840.1.113883.5.1150.1", NOTHING)
_LOCAL_IDS = ("ID", "IDREF", "referencedObject")


@dataclass(frozen=True, slots=True)
class History:
    """What goes into a version. ids are OIDs; new_id: UUID of the section, and of the entry that says there is none.

    notes: ClinicalDocuments, in the order to show. replaces: uniqueId of the version before, or empty. former: the
    ClinicalDocument of a version before, which may know what no note says any more.
    """

    ins: Ins
    traits: Traits
    unique_id: str
    set_id: str
    version: int
    replaces: str
    effective: datetime
    new_id: str
    notes: Sequence[etree._Element]
    former: etree._Element | None = None

    def to_xml(self) -> bytes:
        """Return the document, UTF-8 with an XML declaration."""
        header = [
            *beginning(
                templates=_MODELS,
                unique_id=self.unique_id,
                type_code=HISTORY_TYPE,
                title=TITLE,
                effective=self.effective,
                set_id=self.set_id,
                version=self.version,
            ),
            _patient(self),
            *_actors(self),
            _service(self.effective),
        ]
        if self.replaces:
            header.append(replacing(self.replaces))
        facility = E.healthCareFacility(coded(E.code, FACILITY_TYPE))
        encounter = E.encompassingEncounter(E.effectiveTime(nullFlavor="NA"), E.location(facility))
        body = E.component(E.structuredBody(E.component(_section(self))))
        document = E.ClinicalDocument(*header, E.componentOf(encounter), body)
        etree.cleanup_namespaces(document)
        octets: bytes = etree.tostring(document, xml_declaration=True, encoding="UTF-8")
        return octets


def _patient(history: History) -> etree._Element:
    """The record has no code of the birth place, which an INS asks for: that of the last note that has one."""
    target = record_target(history.ins, history.traits)
    path = f"{_H}patientRole/{_H}patient"
    for note in (*history.notes, *([] if history.former is None else [history.former])):
        place = note.find(f"{_H}recordTarget/{path}/{_H}birthplace")
        patient = target.find(path)
        if place is not None and patient is not None:
            patient.append(copy.deepcopy(place))
            break
    return target


def _actors(history: History) -> Iterator[etree._Element]:
    """The DMP writes and keeps it; the person in charge is the patient, as in the published model."""
    time = hl7_time(history.effective)
    yield E.author(
        E.time(value=time),
        E.assignedAuthor(
            E.id(root=oids.DMP_CUSTODIAN, extension=oids.DMP_CUSTODIAN),
            coded(E.code, SYSTEM),
            E.addr(nullFlavor="NAV"),
            E.telecom(nullFlavor="NAV"),
            E.assignedAuthoringDevice(E.manufacturerModelName("DMP"), E.softwareName("SI DMP")),
            E.representedOrganization(E.name("DMP")),
        ),
    )
    custodian = E.representedCustodianOrganization(E.id(root=oids.DMP_CUSTODIAN), E.name("DMP"))
    yield E.custodian(E.assignedCustodian(custodian))
    name = history.traits.name
    person = E.assignedPerson(E.name(E.family(name.birth, qualifier="BR"), E.given(name.given)))
    yield E.legalAuthenticator(
        E.time(value=time),
        E.signatureCode(code="S"),
        E.assignedEntity(
            E.id(root=history.ins.authority, extension=history.ins.value),
            E.addr(nullFlavor="NAV"),
            E.telecom(nullFlavor="NAV"),
            person,
        ),
    )


def _service(effective: datetime) -> etree._Element:
    organisation = E.representedOrganization(coded(E.standardIndustryClassCode, PRACTICE_SETTING))
    performer = E.performer(E.assignedEntity(E.id(nullFlavor="NA"), organisation), typeCode="PRF")
    time = E.effectiveTime(E.low(value=hl7_time(effective)))
    return E.documentationOf(E.serviceEvent(coded(E.code, HISTORY_TYPE), time, performer))


def _section(history: History) -> etree._Element:
    section = E.section(
        *(E.templateId(root=root) for root in _SECTION_TEMPLATES),
        E.id(root=history.new_id),
        coded(E.code, HISTORY_TYPE),
        E.title(TITLE),
    )
    items = [item for number, note in enumerate(history.notes, 1) for item in _of_note(note, f"v{number}-")]
    if not items:
        section.append(E.text(E.content(NOTHING, ID="aucune")))
        section.append(E.entry(_nothing(history.new_id)))
        return section
    section.append(E.text(E.list(*(text for text, _ in items))))
    section.extend([E.entry(entry) for _, group in items for entry in group])
    return section


def _of_note(note: etree._Element, prefix: str) -> Iterator[tuple[etree._Element, list[etree._Element]]]:
    """The text of each section of a note as an item of a list, and its vaccinations."""
    for section in sections(note):
        item = E.item()
        text = section.find(f"{_H}text")
        if text is not None:
            item.text = text.text
            item.extend(_copies(text.iterchildren(tag=etree.Element), prefix))
        yield item, list(_copies(entries(section), prefix))


def _copies(elements: Iterable[etree._Element], prefix: str) -> Iterator[etree._Element]:
    for element in elements:
        made = copy.deepcopy(element)
        for inner in made.iter(tag=etree.Element):
            for name in _LOCAL_IDS:
                if name in inner.attrib:
                    inner.set(name, " ".join(prefix + i for i in inner.get(name, "").split()))
            if inner.tag == f"{_H}reference" and (value := inner.get("value", "")).startswith("#"):
                inner.set("value", f"#{prefix}{value[1:]}")
        yield made


def _nothing(new_id: str) -> etree._Element:
    """The entry that says that there is no vaccination."""
    product = E.manufacturedProduct(
        *(E.templateId(root=root) for root in _PRODUCT_TEMPLATES),
        E.manufacturedMaterial(E.code(nullFlavor="NA"), E.name(nullFlavor="NA")),
    )
    return E.substanceAdministration(
        *(E.templateId(root=root) for root in _ENTRY_TEMPLATES),
        E.id(root=new_id),
        coded(E.code, _ABSENT),
        E.text(E.reference(value="#aucune")),
        E.statusCode(code="completed"),
        E.effectiveTime(nullFlavor="NA"),
        E.consumable(product, typeCode="CSM"),
        classCode="SBADM",
        moodCode="EVN",
        negationInd="false",
    )
