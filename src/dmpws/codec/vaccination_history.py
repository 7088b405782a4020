"""The historique des vaccinations (VAC 2023.01): the CDA document that the DMP itself writes (DMPWS D33).

Text and entries are written anew from what the notes say, value by value: it is valid whatever the notes are, and the
text says what the entries say. Each vaccination refers to its note, which may say more (DMPWS D76).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from lxml import etree

from dmpws.codec.cda_writing import CI_SIS, HL7_FRANCE, E, beginning, coded, hl7_time, record_target, replacing
from dmpws.codec.vaccination import SECTION
from dmpws.codec.vaccination_entries import ENTRY_TEMPLATES, PRODUCT_TEMPLATES, entry_of, shown_time
from dmpws.domain import oids
from dmpws.domain.cda import CdaId
from dmpws.domain.code import Code
from dmpws.domain.patient import Ins, Traits
from dmpws.domain.producers import AMO, AUTOMATE, SOCIAL_SECURITY
from dmpws.domain.vaccination import HISTORY_MODEL, HISTORY_TYPE, VaccinationAct

TITLE = "Historique des vaccinations"
NOTHING = "Pas d'information sur les vaccins"

_MODELS = (HL7_FRANCE, CI_SIS, "1.3.6.1.4.1.19376.1.5.3.1.1.18.1.2", CdaId(HISTORY_MODEL, "2023.01"))
_SECTION_TEMPLATES = ("2.16.840.1.113883.10.20.1.6", SECTION, "1.2.250.1.213.1.1.2.147")
_HEADS = (
    "Date", "Vaccin", "Lot n°", "Rang", "Voie d'administration", "Région d'administration", "Réaction observée",
    "Commentaire", "Vaccinateur",
)  # fmt: skip
_ABSENT = Code("no-immunization-info", "2.16.840.1.113883.5.1150.1", NOTHING)


@dataclass(frozen=True, slots=True)
class History:
    """What goes into a version. ids are OIDs; new_id: UUID of the section, and of the entry that says there is none.

    acts: in the order to show. birth_place: code of the commune (COG), which the record has not: that of a note.
    replaces: uniqueId of the version before, or empty.
    """

    ins: Ins
    traits: Traits
    unique_id: str
    set_id: str
    version: int
    replaces: str
    effective: datetime
    new_id: str
    acts: Sequence[VaccinationAct]
    birth_place: str = ""

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
            record_target(self.ins, self.traits, birth_place=self.birth_place),
            *_actors(self),
            _service(self.effective),
        ]
        if self.replaces:
            header.append(replacing(self.replaces))
        facility = E.healthCareFacility(coded(E.code, SOCIAL_SECURITY))
        encounter = E.encompassingEncounter(E.effectiveTime(nullFlavor="NA"), E.location(facility))
        body = E.component(E.structuredBody(E.component(_section(self))))
        document = E.ClinicalDocument(*header, E.componentOf(encounter), body)
        etree.cleanup_namespaces(document)
        octets: bytes = etree.tostring(document, xml_declaration=True, encoding="UTF-8")
        return octets


def _actors(history: History) -> Iterator[etree._Element]:
    """The DMP writes and keeps it; the person in charge is the patient, as in the published model."""
    time = hl7_time(history.effective)
    yield E.author(
        E.time(value=time),
        E.assignedAuthor(
            E.id(root=oids.DMP_CUSTODIAN, extension=oids.DMP_CUSTODIAN),
            coded(E.code, AUTOMATE),
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
    organisation = E.representedOrganization(coded(E.standardIndustryClassCode, AMO))
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
    if not history.acts:
        section.append(E.text(E.content(NOTHING, ID="aucune")))
        section.append(E.entry(_nothing(history.new_id)))
        return section
    acts = {f"v{number}": act for number, act in enumerate(history.acts, 1)}
    rows = (_row(act, name) for name, act in acts.items())
    section.append(E.text(E.table(E.thead(E.tr(*map(E.th, _HEADS))), E.tbody(*rows))))
    section.extend(E.entry(entry_of(act, name)) for name, act in acts.items())
    return section


def _row(act: VaccinationAct, name: str) -> etree._Element:
    """One vaccination as people read it; the entry refers to these texts by their ID."""
    people = act.performers or act.authors
    reactions = "; ".join(r.text for r in act.reactions if r.text)
    return E.tr(
        E.td(shown_time(act.day)),
        E.td(E.content(act.name or "Vaccin inconnu", ID=name)),
        E.td(act.lot),
        E.td(act.rank),
        E.td(act.route.display if act.route else ""),
        E.td(", ".join(site.display for site in act.sites)),
        E.td(E.content(reactions, ID=f"{name}-reaction")),
        E.td(E.content(act.comment, ID=f"{name}-comment")),
        E.td(", ".join(f"{p.given} {p.family}".strip() for p in people)),
    )


def _nothing(new_id: str) -> etree._Element:
    """The entry that says that there is no vaccination."""
    product = E.manufacturedProduct(
        *(E.templateId(root=root) for root in PRODUCT_TEMPLATES),
        E.manufacturedMaterial(E.code(nullFlavor="NA"), E.name(nullFlavor="NA")),
    )
    return E.substanceAdministration(
        *(E.templateId(root=root) for root in ENTRY_TEMPLATES),
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
