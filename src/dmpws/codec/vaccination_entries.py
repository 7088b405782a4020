"""A vaccination as an entry of the historique (FR-Vaccination), in the order of the CDA schema."""

from collections.abc import Iterable, Iterator

from lxml import etree
from lxml.builder import ElementMaker

from dmpws.codec.cda_writing import E, coded
from dmpws.domain.cda import CdaId
from dmpws.domain.code import Code
from dmpws.domain.vaccination import COMMENT, LOINC, RANK, Reaction, VaccinationAct, VaccinationActor
from dmpws.xml.names import XSI

ENTRY_TEMPLATES = ("2.16.840.1.113883.10.20.1.24", "1.3.6.1.4.1.19376.1.5.3.1.4.12", "1.2.250.1.213.1.1.3.45")
PRODUCT_TEMPLATES = ("2.16.840.1.113883.10.20.1.53", "1.3.6.1.4.1.19376.1.5.3.1.4.7.2", "1.2.250.1.213.1.1.3.43")
RANK_TEMPLATES = ("2.16.840.1.113883.10.20.1.46", "1.2.250.1.213.1.1.3.82")
_REACTION_TEMPLATES = (
    "2.16.840.1.113883.10.20.1.28", "2.16.840.1.113883.10.20.1.54", "1.3.6.1.4.1.19376.1.5.3.1.4.5",
    "1.2.250.1.213.1.1.3.37",
)  # fmt: skip
_COMMENT_TEMPLATES = ("2.16.840.1.113883.10.20.1.40", "1.3.6.1.4.1.19376.1.5.3.1.4.2", "1.2.250.1.213.1.1.3.32")
_RANK = Code(RANK, LOINC, "Rang de la vaccination")
_COMMENT = Code(COMMENT, LOINC, "Commentaire")
_SYMPTOM = Code("418799008", "2.16.840.1.113883.6.96", "symptôme rapporté par le patient ou le répondant")
_EVENT = {"moodCode": "EVN"}


def entry_of(act: VaccinationAct, name: str) -> etree._Element:
    """The entry; name: ID of its vaccine in the text of the section, and the beginning of the other IDs."""
    return E.substanceAdministration(
        *_templates(ENTRY_TEMPLATES),
        _id(act.id),
        _coded(E.code, act.kind),
        _refers(E.text, name),
        E.statusCode(code="completed"),
        _time(E.effectiveTime, act.day),
        *([_coded(E.routeCode, act.route)] if act.route else []),
        *(_coded(E.approachSiteCode, site) for site in act.sites),
        E.consumable(_product(act, name), typeCode="CSM"),
        *(E.performer(_assigned(E.assignedEntity, p), typeCode="PRF") for p in act.performers),
        *(E.author(_time(E.time, a.time), _assigned(E.assignedAuthor, a)) for a in act.authors),
        *_relationships(act, name),
        *_note(act),
        classCode="SBADM",
        negationInd="false",
        **_EVENT,
    )


def shown_time(time: str) -> str:
    """An HL7 time as people read its day: `28/09/2026`, `09/2026` or `2026`."""
    return "/".join(filter(None, (time[6:8], time[4:6], time[:4])))


def _product(act: VaccinationAct, name: str) -> etree._Element:
    code = _coded(E.code, act.product)
    code.append(_refers(E.originalText, name))
    code.extend(_coded(E.translation, translation) for translation in act.translations)
    lot = [E.lotNumberText(act.lot)] if act.lot else []
    material = E.manufacturedMaterial(code, *([E.name(act.name)] if act.name else []), *lot)
    return E.manufacturedProduct(*_templates(PRODUCT_TEMPLATES), material)


def _relationships(act: VaccinationAct, name: str) -> Iterator[etree._Element]:
    if act.rank:
        rank = E.value(value=act.rank)
        rank.set(f"{{{XSI}}}type", "INT")
        head = (*_templates(RANK_TEMPLATES), coded(E.code, _RANK), E.statusCode(code="completed"))
        yield E.entryRelationship(E.observation(*head, rank, classCode="OBS", **_EVENT), typeCode="SUBJ")
    for reaction in act.reactions:
        yield E.entryRelationship(_reaction(reaction, name), typeCode="CAUS", inversionInd="false")
    if act.comment:
        head = (*_templates(_COMMENT_TEMPLATES), coded(E.code, _COMMENT), _refers(E.text, f"{name}-comment"))
        comment = E.act(*head, E.statusCode(code="completed"), classCode="ACT", **_EVENT)
        yield E.entryRelationship(comment, typeCode="SUBJ")


def _reaction(reaction: Reaction, name: str) -> etree._Element:
    value = _coded(E.value, reaction.code)
    value.set(f"{{{XSI}}}type", "CD")
    low = _time(E.low, reaction.day)
    return E.observation(
        *_templates(_REACTION_TEMPLATES),
        E.id(nullFlavor="UNK"),
        coded(E.code, _SYMPTOM),
        _refers(E.text, f"{name}-reaction"),
        E.statusCode(code="completed"),
        E.effectiveTime(low),
        value,
        classCode="OBS",
        **_EVENT,
    )


def _note(act: VaccinationAct) -> Iterator[etree._Element]:
    if act.note:
        yield E.reference(E.externalDocument(E.id(root=act.note)), typeCode="XCRPT")


def _assigned(maker: ElementMaker, actor: VaccinationActor) -> etree._Element:
    entity = maker(*(map(_id, actor.ids) if actor.ids else [_id(None)]))
    if actor.specialty:
        entity.append(_coded(E.code, actor.specialty))
    if actor.family:
        given = [E.given(actor.given)] if actor.given else []
        entity.append(E.assignedPerson(E.name(E.family(actor.family), *given)))
    if actor.structure or actor.structure_name:
        name = [E.name(actor.structure_name)] if actor.structure_name else []
        entity.append(E.representedOrganization(_id(actor.structure), *name))
    return entity


def _templates(roots: Iterable[str]) -> list[etree._Element]:
    return [E.templateId(root=root) for root in roots]


def _id(identifier: CdaId | None) -> etree._Element:
    if identifier is None:
        return E.id(nullFlavor="UNK")
    extension = {"extension": identifier.extension} if identifier.extension else {}
    return E.id(root=identifier.root, **extension)


def _coded(maker: ElementMaker, code: Code | None) -> etree._Element:
    if code is None:
        return maker(nullFlavor="UNK")
    display = {"displayName": code.display} if code.display else {}
    return maker(code=code.code, codeSystem=code.system, **display)


def _time(maker: ElementMaker, time: str) -> etree._Element:
    return maker(value=time) if time else maker(nullFlavor="UNK")


def _refers(maker: ElementMaker, name: str) -> etree._Element:
    return maker(E.reference(value=f"#{name}"))
