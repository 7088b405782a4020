"""Vaccinations read from notes for the historique: value by value, so that what is written of them is well formed
whatever the note was (at level `header` nobody looked into its body)."""

import re
from collections.abc import Iterable, Iterator

from lxml import etree

from dmpws.codec.cda_paths import H, attribute, find, find_all, text
from dmpws.codec.vaccination import entries, sections
from dmpws.domain.cda import CdaId
from dmpws.domain.code import Code
from dmpws.domain.vaccination import COMMENT, RANK, Reaction, VaccinationAct, VaccinationActor

_UID = re.compile(r"[0-2](\.(0|[1-9][0-9]*))*|[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}|[A-Za-z][A-Za-z0-9-]*")
_TIME = re.compile(r"\d{4,8}|\d{9,14}([+-]\d{4})?", re.ASCII)
_LONGEST = 1000


def read_acts(document: etree._Element) -> Iterator[VaccinationAct]:
    """The vaccinations of a note, in its order."""
    note = next(_ids(document), None)
    for section in sections(document):
        texts = {e.get("ID", ""): e for e in section.iter(f"{H}content", f"{H}td", f"{H}paragraph", f"{H}item")}
        for entry in entries(section):
            yield _act(entry, note.root if note else "", texts)


def birth_place(document: etree._Element | None) -> str:
    """Code of the commune (COG) where the patient of a document was born; empty when it does not say."""
    county = _words(find(document, "recordTarget/patientRole/patient/birthplace/place/addr/county"))
    return county if re.fullmatch(r"[0-9A-Z]{5}", county) else ""


def _act(entry: etree._Element, note: str, texts: dict[str, etree._Element]) -> VaccinationAct:
    material = find(entry, "consumable/manufacturedProduct/manufacturedMaterial")
    product = find(material, "code")
    return VaccinationAct(
        id=next(_ids(entry), None),
        note=note,
        kind=_code(find(entry, "code")),
        day=next(filter(None, (_day(time) for time in find_all(entry, "effectiveTime"))), ""),
        route=_code(find(entry, "routeCode")),
        sites=_codes(find_all(entry, "approachSiteCode")),
        product=_code(product),
        translations=_codes(find_all(product, "translation")),
        name=_said(product, texts) or _words(find(material, "name")),
        lot=_words(find(material, "lotNumberText")),
        rank=next((v for o in _observations(entry, RANK) if (v := _number(find(o, "value")))), ""),
        performers=tuple(_actor(p, find(p, "assignedEntity")) for p in find_all(entry, "performer")),
        authors=tuple(_actor(a, find(a, "assignedAuthor")) for a in find_all(entry, "author")),
        reactions=tuple(_reaction(o, texts) for o in _caused(entry)),
        comment=next((_referred(find(act, "text"), texts) for act in _acts(entry, COMMENT)), ""),
    )


def _caused(entry: etree._Element) -> Iterator[etree._Element]:
    for relationship in find_all(entry, "entryRelationship"):
        if relationship.get("typeCode") == "CAUS":
            yield from find_all(relationship, "observation")


def _reaction(observation: etree._Element, texts: dict[str, etree._Element]) -> Reaction:
    value, time = find(observation, "value"), find(observation, "effectiveTime")
    code = _code(value)
    said = _referred(find(observation, "text"), texts) or (code.display if code else "")
    return Reaction(code, said, _day(time) if time is not None else "")


def _observations(entry: etree._Element, code: str) -> list[etree._Element]:
    return [o for o in find_all(entry, "entryRelationship/observation") if attribute(find(o, "code"), "code") == code]


def _acts(entry: etree._Element, code: str) -> list[etree._Element]:
    return [a for a in find_all(entry, "entryRelationship/act") if attribute(find(a, "code"), "code") == code]


def _actor(participation: etree._Element, entity: etree._Element | None) -> VaccinationActor:
    organisation = find(entity, "representedOrganization")
    name = find(entity, "assignedPerson/name")
    time = attribute(find(participation, "time"), "value")
    return VaccinationActor(
        ids=tuple(_ids(entity)),
        specialty=_code(find(entity, "code")),
        family=_words(find(name, "family")),
        given=_words(find(name, "given")),
        structure=next(_ids(organisation), None),
        structure_name=_words(find(organisation, "name")),
        time=time if _TIME.fullmatch(time) else "",
    )


def _ids(element: etree._Element | None) -> Iterator[CdaId]:
    for found in find_all(element, "id"):
        root, extension = found.get("root", "").strip(), found.get("extension", "").strip()
        if _UID.fullmatch(root):
            yield CdaId(root, extension[:_LONGEST])


def _code(element: etree._Element | None) -> Code | None:
    code, system = attribute(element, "code"), attribute(element, "codeSystem")
    if not code or len(code) > _LONGEST or re.search(r"\s", code) or not _UID.fullmatch(system):
        return None
    return Code(code, system, attribute(element, "displayName")[:_LONGEST])


def _codes(elements: Iterable[etree._Element]) -> tuple[Code, ...]:
    return tuple(code for code in map(_code, elements) if code is not None)


def _day(time: etree._Element) -> str:
    for element in (time, find(time, "low"), find(time, "center")):
        value = attribute(element, "value")
        if _TIME.fullmatch(value):
            return value
    return ""


def _number(element: etree._Element | None) -> str:
    value = attribute(element, "value")
    return value if value.isascii() and value.isdigit() and len(value) < 4 else ""


def _said(coded: etree._Element | None, texts: dict[str, etree._Element]) -> str:
    """How people call what is coded: the text it refers to, or its display name."""
    return _referred(find(coded, "originalText"), texts) or attribute(coded, "displayName")[:_LONGEST]


def _referred(text: etree._Element | None, texts: dict[str, etree._Element]) -> str:
    """The words of an element, or those its reference names in the text of the section."""
    reference = attribute(find(text, "reference"), "value").removeprefix("#")
    return _words(text) or (_words(texts.get(reference)) if reference else "")


def _words(element: etree._Element | None) -> str:
    return " ".join(text(element).split())[:_LONGEST]
