"""Reading vaccination notes (VAC-NOTE): the section of vaccinations and its entries."""

from collections.abc import Iterable

from lxml import etree

from dmpws.domain.cda import CdaActor, CdaId
from dmpws.domain.vaccination import CIS, NOTE_MODEL, Vaccination, VaccinationNote
from dmpws.xml.names import HL7

_H = f"{{{HL7}}}"
SECTION = "1.3.6.1.4.1.19376.1.5.3.1.3.23"
"""templateId of the section (IHE PCC), the same in every version of the model."""


def read_note(document: etree._Element) -> VaccinationNote:
    """What a ClinicalDocument says of vaccinations; none when it has no such section."""
    performers = document.iterfind(f"{_H}documentationOf/{_H}serviceEvent/{_H}performer/{_H}assignedEntity")
    return VaccinationNote(
        versions=tuple(
            t.get("extension", "") for t in document.iterchildren(f"{_H}templateId") if t.get("root") == NOTE_MODEL
        ),
        vaccinations=tuple(_vaccination(e) for section in sections(document) for e in entries(section)),
        performers=frozenset[str]().union(*(_actor(p).names for p in performers)),
    )


def sections(document: etree._Element) -> list[etree._Element]:
    """The sections of vaccinations."""
    found = document.iterfind(f"{_H}component/{_H}structuredBody/{_H}component/{_H}section")
    return [s for s in found if any(t.get("root") == SECTION for t in s.iterchildren(f"{_H}templateId"))]


def entries(section: etree._Element) -> list[etree._Element]:
    """The vaccinations of a section."""
    return section.findall(f"{_H}entry/{_H}substanceAdministration")


def _vaccination(entry: etree._Element) -> Vaccination:
    product = entry.find(f"{_H}consumable/{_H}manufacturedProduct/{_H}manufacturedMaterial/{_H}code")
    is_cis = product is not None and product.get("codeSystem") == CIS
    return Vaccination(
        ids=_ids(entry),
        day=_day(entry),
        cis=product.get("code", "").strip() if product is not None and is_cis else "",
        authors=_known(entry.iterfind(f"{_H}author/{_H}assignedAuthor")),
        performers=_known(entry.iterfind(f"{_H}performer/{_H}assignedEntity")),
    )


def _day(entry: etree._Element) -> str:
    for path in (f"{_H}effectiveTime", f"{_H}effectiveTime/{_H}low", f"{_H}effectiveTime/{_H}center"):
        for time in entry.iterfind(path):
            if value := time.get("value", "").strip():
                return value[:8]
    return ""


def _known(found: Iterable[etree._Element]) -> tuple[CdaActor, ...]:
    return tuple(actor for actor in map(_actor, found) if actor.names)


def _actor(entity: etree._Element) -> CdaActor:
    return CdaActor(_ids(entity))


def _ids(element: etree._Element) -> tuple[CdaId, ...]:
    found = (CdaId(i.get("root", ""), i.get("extension", "")) for i in element.iterchildren(f"{_H}id"))
    return tuple(i for i in found if i.root or i.extension)
