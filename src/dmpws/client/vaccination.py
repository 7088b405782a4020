"""Building vaccination notes (VAC-NOTE 2023.01): one vaccination each, reported by who gave it."""

import uuid
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from lxml import etree

from dmpws.client.actor import Actor
from dmpws.client.cda import ClinicalDocument, assigned
from dmpws.codec.cda_writing import E, coded, hl7_time, template
from dmpws.codec.vaccination import SECTION
from dmpws.codec.vaccination_entries import ENTRY_TEMPLATES, PRODUCT_TEMPLATES, RANK_TEMPLATES
from dmpws.domain.cda import CdaId
from dmpws.domain.code import Code
from dmpws.domain.patient import Ins, Traits
from dmpws.domain.vaccination import CIS, HISTORY_TYPE, LOINC, NOTE_MODEL, NOTE_TYPE, NOTE_VERSION, RANK
from dmpws.xml.names import XSI

BOOSTER = Code("BOOSTER", "2.16.840.1.113883.5.4", "Rappel")
FIRST_SERIES = Code("INITIMMUNIZ", "2.16.840.1.113883.5.4", "1ère série vaccinante")
MODELS = ("1.3.6.1.4.1.19376.1.5.3.1.1.18.1.2", CdaId(NOTE_MODEL, NOTE_VERSION))

_SECTION = ("2.16.840.1.113883.10.20.1.6", SECTION, "1.2.250.1.213.1.1.2.147")


@dataclass(frozen=True, slots=True)
class Vaccination:
    """One vaccination. cis: code of the vaccine in the base of medicines, name: its name. kind: type of the act."""

    cis: str
    name: str
    day: date
    lot: str = ""
    rank: int = 0
    kind: Code = FIRST_SERIES
    id: str = field(default_factory=lambda: str(uuid.uuid4()).upper())


def vaccination_note(
    ins: Ins,
    traits: Traits,
    author: Actor,
    vaccination: Vaccination,
    *,
    effective: datetime,
    **version: Any,
) -> ClinicalDocument:
    """A note by `author`, who vaccinated. effective: aware, of the note and of the act.

    version: unique_id, set_id, version and replaces of ClinicalDocument.
    """
    return ClinicalDocument(
        ins=ins,
        traits=traits,
        author=author,
        type=NOTE_TYPE,
        title=NOTE_TYPE.display,
        body=E.structuredBody(E.component(_section(author, vaccination, effective))),
        effective=effective,
        service_start=effective,
        service_code=NOTE_TYPE,
        templates=MODELS,
        **version,
    )


def _section(author: Actor, vaccination: Vaccination, effective: datetime) -> etree._Element:
    heads = ("Date", "Vaccin", "Lot n°", "Rang", "Vaccinateur")
    rank = str(vaccination.rank) if vaccination.rank else ""
    cells = (E.td(vaccination.lot), E.td(rank), E.td(f"{author.given} {author.family}"))
    vaccine = E.td(E.content(vaccination.name, ID="vaccin"))
    table = E.table(
        E.thead(E.tr(*(E.th(head) for head in heads))),
        E.tbody(E.tr(E.td(f"{vaccination.day:%d/%m/%Y}"), vaccine, *cells)),
    )
    return E.section(
        *map(template, _SECTION),
        E.id(root=str(uuid.uuid4()).upper()),
        coded(E.code, HISTORY_TYPE),
        E.title(NOTE_TYPE.display),
        E.text(table),
        E.entry(_entry(author, vaccination, effective)),
    )


def _entry(author: Actor, vaccination: Vaccination, effective: datetime) -> etree._Element:
    original = E.originalText(E.reference(value="#vaccin"))
    material = E.manufacturedMaterial(
        E.code(original, code=vaccination.cis, displayName=vaccination.name, codeSystem=CIS),
        E.name(vaccination.name),
    )
    if vaccination.lot:
        material.append(E.lotNumberText(vaccination.lot))
    entry = E.substanceAdministration(
        *map(template, ENTRY_TEMPLATES),
        E.id(root=vaccination.id),
        coded(E.code, vaccination.kind),
        E.text(E.reference(value="#vaccin")),
        E.statusCode(code="completed"),
        E.effectiveTime(value=f"{vaccination.day:%Y%m%d}"),
        E.consumable(E.manufacturedProduct(*map(template, PRODUCT_TEMPLATES), material), typeCode="CSM"),
        E.performer(assigned(E.assignedEntity, author), typeCode="PRF"),
        E.author(E.time(value=hl7_time(effective)), assigned(E.assignedAuthor, author)),
        classCode="SBADM",
        moodCode="EVN",
        negationInd="false",
    )
    if vaccination.rank:
        entry.append(_rank(vaccination.rank))
    return entry


def _rank(rank: int) -> etree._Element:
    value = E.value(value=str(rank))
    value.set(f"{{{XSI}}}type", "INT")
    observation = E.observation(
        *map(template, RANK_TEMPLATES),
        coded(E.code, Code(RANK, LOINC, "Rang de la vaccination")),
        E.statusCode(code="completed"),
        value,
        classCode="OBS",
        moodCode="EVN",
    )
    return E.entryRelationship(observation, typeCode="SUBJ")
