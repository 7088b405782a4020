"""What every CDA document begins with (CI-SIS SM 3.5): for those of the client kit, and those of the DMP itself."""

from collections.abc import Iterable
from datetime import datetime

from lxml import etree
from lxml.builder import ElementMaker

from dmpws.domain import oids
from dmpws.domain.cda import CdaId
from dmpws.domain.code import Code
from dmpws.domain.patient import Ins, Traits
from dmpws.xml.names import HL7, XSI

HL7_FRANCE = "2.16.840.1.113883.2.8.2.1"
CI_SIS = "1.2.250.1.213.1.1.1.1"
GENDERS = {"M": "Masculin", "F": "Féminin", "U": "Inconnu"}
GENDER_CODES = "2.16.840.1.113883.5.1"

E = ElementMaker(namespace=HL7, nsmap={None: HL7, "xsi": XSI})


def hl7_time(moment: datetime) -> str:
    """Return an HL7 timestamp with offset, `20261121130000+0100`. Raises ValueError for a naive datetime."""
    if moment.tzinfo is None:
        raise ValueError("a CDA time needs its offset (CI-SIS SM 3.5.4)")
    return moment.strftime("%Y%m%d%H%M%S%z")


def coded(maker: ElementMaker, code: Code) -> etree._Element:
    """An element that holds a code."""
    return maker(code=code.code, displayName=code.display, codeSystem=code.system)


def template(item: str | CdaId) -> etree._Element:
    """A templateId: an OID, or an OID and a version."""
    if isinstance(item, str):
        return E.templateId(root=item)
    return E.templateId(root=item.root, extension=item.extension)


def beginning(
    *,
    templates: Iterable[str | CdaId],
    unique_id: str,
    type_code: Code,
    title: str,
    effective: datetime,
    set_id: str,
    version: int,
) -> list[etree._Element]:
    """The elements from realmCode to versionNumber."""
    return [
        E.realmCode(code="FR"),
        E.typeId(root="2.16.840.1.113883.1.3", extension="POCD_HD000040"),
        *map(template, templates),
        E.id(root=unique_id),
        coded(E.code, type_code),
        E.title(title),
        E.effectiveTime(value=hl7_time(effective)),
        E.confidentialityCode(code="N", displayName="Normal", codeSystem=oids.CONFIDENTIALITY),
        E.languageCode(code="fr-FR"),
        E.setId(root=set_id),
        E.versionNumber(value=str(version)),
    ]


def record_target(ins: Ins, traits: Traits, *, birth_place: str = "") -> etree._Element:
    """The patient. birth_place: code of the commune (COG); empty when unknown."""
    name = E.name(E.family(traits.name.birth, qualifier="BR"))
    if traits.name.used:
        name.append(E.family(traits.name.used, qualifier="CL"))
    name.append(E.given(traits.name.given))
    name.append(E.given(traits.name.given.split()[0] if traits.name.given else "", qualifier="BR"))
    patient = E.patient(
        name,
        E.administrativeGenderCode(code=traits.sex, displayName=GENDERS.get(traits.sex, ""), codeSystem=GENDER_CODES),
        E.birthTime(value=traits.birth_date),
    )
    if birth_place:
        patient.append(E.birthplace(E.place(E.addr(E.county(birth_place)))))
    role = E.patientRole(
        E.id(root=ins.authority, extension=ins.value),
        E.addr(nullFlavor="NASK"),
        E.telecom(nullFlavor="NASK"),
        patient,
    )
    return E.recordTarget(role)


def replacing(unique_id: str) -> etree._Element:
    """The relatedDocument of a new version."""
    return E.relatedDocument(E.parentDocument(E.id(root=unique_id)), typeCode="RPLC")
