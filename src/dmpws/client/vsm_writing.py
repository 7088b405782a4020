"""Building a volet de synthèse médicale of the model of 2013 (VSM 1.4) from typed entries."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from dmpws.client.actor import Actor
from dmpws.client.cda import LOINC, ClinicalDocument
from dmpws.client.clinical import XSI_TYPE, H, Interval
from dmpws.client.clinical_writing import ends, quantity, value
from dmpws.client.vsm import (
    PCC,
    Allergy,
    Entry,
    FamilyProblem,
    Finding,
    Heading,
    Item,
    Origin,
    Problem,
    Procedure,
    Treatment,
    new_id,
)
from dmpws.codec.cda_writing import E, coded, template
from dmpws.domain.cda import CdaId
from dmpws.domain.code import Code
from dmpws.domain.patient import Ins, Traits

MODEL = CdaId("1.2.250.1.213.1.1.1.13", "201310")
TYPE = Code("SYNTH", "1.2.250.1.213.1.1.4.12", "Synthèse")
SERVICE = Code("34117-2", LOINC, "Historique et clinique")
NOTHING_SAID = "Non renseigné"

_CCD, _ANS, _SECTION = "2.16.840.1.113883.10.20.1", "1.2.250.1.213.1.1.3", "1.2.250.1.213.1.1.2"
_PCC_SECTION = "1.3.6.1.4.1.19376.1.5.3.1.3"
_DIAGNOSIS = Code("282291009", "2.16.840.1.113883.6.96", "interprétation diagnostique")
_DRUG = Code("DRUG", "2.16.840.1.113883.5.4", "Médicament")
_STATUS = Code("33999-4", LOINC, "Status")
_AFTER_AUTHOR = frozenset({f"{H}participant", f"{H}entryRelationship", f"{H}component"})


@dataclass(frozen=True, slots=True)
class _Leaf:
    """A section of its own. kinds: of entries it may hold; none: words only."""

    heading: Heading
    display: str
    title: str
    templates: tuple[str, ...]
    kinds: tuple[type, ...] = ()


@dataclass(frozen=True, slots=True)
class _Group:
    """A section of sections."""

    code: Code
    title: str
    templates: tuple[str, ...]
    members: "tuple[_Leaf | _Group, ...]" = field(default=())


_HISTORY = _Group(
    Code("34117-2", LOINC, "Historique et physique"),
    "Pathologies en cours, antécédents et allergies",
    (f"{_SECTION}.30",),
    (
        _Leaf(
            Heading.PROBLEMS,
            "Liste des problèmes actifs",
            "Pathologie en cours",
            (f"{_CCD}.11", f"{_PCC_SECTION}.6", f"{_SECTION}.132"),
            (Problem,),
        ),
        _Leaf(
            Heading.MEDICAL_HISTORY,
            "Antécédents médicaux",
            "Antécédents médicaux",
            (f"{_PCC_SECTION}.8", f"{_SECTION}.134"),
            (Problem,),
        ),
        _Leaf(
            Heading.SURGICAL_HISTORY,
            "Historique des actes",
            "Antécédents chirurgicaux",
            (f"{_CCD}.12", f"{_PCC_SECTION}.11", f"{_PCC_SECTION}.12", f"{_SECTION}.136"),
            (Procedure,),
        ),
        _Leaf(
            Heading.ALLERGIES,
            "Allergies et hypersensibilités",
            "Allergies et hypersensibilités",
            (f"{_CCD}.2", f"{_PCC_SECTION}.13", f"{_SECTION}.137"),
            (Allergy,),
        ),
    ),
)
_RISKS = _Group(
    Code("57207-3", LOINC, "Facteurs de risque"),
    "Facteurs de risque",
    (f"{_SECTION}.31",),
    (
        _Leaf(
            Heading.LIFESTYLE,
            "Habitus, Mode de vie",
            "Mode de vie",
            (f"{_CCD}.15", f"{_PCC_SECTION}.16", f"{_PCC_SECTION}.16.1", f"{_SECTION}.141"),
            (Finding,),
        ),
        _Leaf(
            Heading.OCCUPATIONAL_RISKS,
            "Facteurs de risques professionnels",
            "Facteurs de risques professionnels",
            ("1.3.6.1.4.1.19376.1.5.3.1.1.5.3.1", f"{_SECTION}.74"),
        ),
        _Leaf(
            Heading.FAMILY_HISTORY,
            "Historique des pathologies familiales",
            "Antécédents familiaux",
            (f"{_CCD}.4", f"{_PCC_SECTION}.14", f"{_PCC_SECTION}.15", f"{_SECTION}.139"),
            (FamilyProblem,),
        ),
    ),
)
_LAYOUT = (
    _Group(
        Code("46612-8", LOINC, "Conclusions de synthèse"),
        "Pathologie en cours, antécédents, allergies et facteurs de risques",
        (f"{_SECTION}.29",),
        (_HISTORY, _RISKS),
    ),
    _Leaf(Heading.VIGILANCE, "Résultats d'examens", "Points de vigilance", (f"{_PCC_SECTION}.27", f"{_SECTION}.150")),
    _Group(
        Code("18776-5", LOINC, "Plan de traitement"),
        "Traitement au long cours",
        (f"{_SECTION}.32",),
        (
            _Leaf(
                Heading.TREATMENTS,
                "Traitements",
                "Traitements",
                (f"{_CCD}.8", f"{_PCC_SECTION}.19", f"{_SECTION}.143"),
                (Treatment,),
            ),
        ),
    ),
)

Content = Mapping[Heading, Sequence[Entry | Item]]
Words = Mapping[Heading, Sequence[str]]


def vsm(
    ins: Ins,
    traits: Traits,
    author: Actor,
    content: Content,
    *,
    effective: datetime,
    words: Words | None = None,
    treating_doctor: Actor | None = None,
    **version: Any,
) -> ClinicalDocument:
    """A synthesis by `author`, who is the médecin traitant unless another is named.

    content: the entries of each section; an `Item` taken from another synthesis keeps its origin. words: paragraphs
    of a section, besides its entries. effective: aware. version: unique_id, set_id, version and replaces of
    ClinicalDocument. Raises ValueError for an entry in the wrong section.
    """
    writer = _Writer(content, words or {})
    return ClinicalDocument(
        ins=ins,
        traits=traits,
        author=author,
        type=TYPE,
        title="Volet de synthèse médicale",
        body=E.structuredBody(*(E.component(writer.section(part, required=True)) for part in _LAYOUT)),
        effective=effective,
        service_start=effective,
        service_code=SERVICE,
        templates=(MODEL,),
        treating_doctor=treating_doctor or author,
        **version,
    )


class _Writer:
    """Writes the sections; IDs of the narrative are numbered over the whole document."""

    def __init__(self, content: Content, words: Words) -> None:
        self._content = content
        self._words = words
        self._numbers = itertools.count(1)

    def section(self, part: _Leaf | _Group, *, required: bool) -> Any:
        """A section; None when it has nothing to say and may be left out."""
        if isinstance(part, _Leaf):
            return self._leaf(part, required=required)
        inner = [section for member in part.members if (section := self.section(member, required=False)) is not None]
        if not inner and not required:
            return None
        section = _begin(part.code, part.title, part.templates)
        if not inner:
            section.append(E.text(NOTHING_SAID))
        section.extend([E.component(member) for member in inner])
        return section

    def _leaf(self, part: _Leaf, *, required: bool) -> Any:
        items, words = self._content.get(part.heading, ()), self._words.get(part.heading, ())
        if not (items or words or required):
            return None
        section = _begin(Code(part.heading.value, LOINC, part.display), part.title, part.templates)
        rows, entries = [], []
        for item in items:
            entry, origin = (item.entry, item.origin) if isinstance(item, Item) else (item, None)
            if not isinstance(entry, part.kinds):
                raise ValueError(f"{part.heading.name} holds no {type(entry).__name__}")
            name = f"e{next(self._numbers)}"
            status = entry.status if isinstance(entry, Allergy) else None
            state = [E.td(E.content(status.display or status.code, ID=f"{name}-status"))] if status else []
            rows.append(E.tr(E.td(_day(entry)), E.td(*_negated(entry), E.content(entry.label, ID=name)), *state))
            entries.append(_signed(_WRITE[type(entry)](entry, f"#{name}"), origin))
        table = [E.table(E.tbody(*rows))] if rows else []
        paragraphs = [E.paragraph(text) for text in words]
        section.append(E.text(*table, *paragraphs) if table or paragraphs else E.text(NOTHING_SAID))
        section.extend([E.entry(entry) for entry in entries])
        return section


def _begin(code: Code, title: str, templates: Sequence[str]) -> Any:
    return E.section(*map(template, templates), E.id(root=new_id()), coded(E.code, code), E.title(title))


def _negated(entry: Entry) -> tuple[str, ...]:
    """Outside what the entry refers to, which is the label alone."""
    return ("Absence de : ",) if getattr(entry, "negated", False) else ()


def _day(entry: Entry) -> str:
    return str(getattr(entry, "start", ""))[:8]


def _signed(act: Any, origin: Origin | None) -> Any:
    """Name who wrote an entry that was taken from elsewhere, and in which document."""
    if origin is None:
        return act
    person = E.assignedPerson(E.name(origin.author))
    nowhere = (E.addr(nullFlavor="NAV"), E.telecom(nullFlavor="NAV"))
    structure = E.representedOrganization(E.name(nullFlavor="UNK"))
    author = E.author(
        E.time(value=origin.written), E.assignedAuthor(E.id(nullFlavor="UNK"), *nowhere, person, structure)
    )
    place = next((n for n, child in enumerate(act) if child.tag in _AFTER_AUTHOR), len(act))
    act.insert(place, author)
    source = E.reference(E.externalDocument(E.id(root=origin.document)), typeCode="REFR")
    if act.tag == f"{H}organizer":
        components = [n for n, child in enumerate(act) if child.tag == f"{H}component"]
        act.insert(components[0], source)
    else:
        act.append(source)
    return act


def _begun(tag: str, entry: Any, *templates: str, **attributes: str) -> Any:
    names = (template(t) for t in templates)
    identifier = E.id(root=entry.id.partition("^")[0], **_extension(entry.id))
    return E(tag, *names, identifier, moodCode="EVN", **attributes)


def _extension(identifier: str) -> dict[str, str]:
    extension = identifier.partition("^")[2]
    return {"extension": extension} if extension else {}


def _negation(entry: Any) -> str:
    return "true" if entry.negated else "false"


def _code(tag: str, code: Code | None, reference: str = "", **attributes: str) -> Any:
    """A code, or its absence, with the words it stands for."""
    made = E(tag, **attributes) if code is None else coded(getattr(E, tag), code)
    for name, text in attributes.items():
        made.set(name, text)
    if code is None and not reference:
        made.set("nullFlavor", "NA")
    if reference:
        made.append(E.originalText(E.reference(value=reference)))
    return made


def _text(reference: str) -> Any:
    return E.text(E.reference(value=reference))


def _time(start: str, stop: str) -> Any:
    time = E.effectiveTime(E.low(value=start) if start else E.low(nullFlavor="UNK"))
    if stop:
        time.append(E.high(value=stop))
    return time


def _concern(entry: Problem | Allergy, observation: Any, *templates: str) -> Any:
    return E.act(
        *map(template, (f"{_CCD}.27", f"{PCC}.5.1", *templates)),
        E.id(root=new_id()),
        E.code(nullFlavor="NA"),
        E.statusCode(code="active" if entry.active else "completed"),
        _time(entry.start, entry.stop),
        E.entryRelationship(observation, typeCode="SUBJ", inversionInd="false"),
        classCode="ACT",
        moodCode="EVN",
    )


def _problem(entry: Problem, reference: str) -> Any:
    observation = _begun(
        "observation", entry, f"{_CCD}.28", f"{PCC}.5", f"{_ANS}.37", classCode="OBS", negationInd=_negation(entry)
    )
    observation.extend(
        [
            coded(E.code, _DIAGNOSIS),
            _text(reference),
            E.statusCode(code="completed"),
            _time(entry.start, entry.stop),
            _code("value", entry.code, reference, **{XSI_TYPE: "CD"}),
        ]
    )
    return _concern(entry, observation, f"{PCC}.5.2", f"{_ANS}.39")


def _allergy(entry: Allergy, reference: str) -> Any:
    templates = (f"{_CCD}.18", f"{_CCD}.28", f"{PCC}.5", f"{PCC}.6", f"{_ANS}.41")
    observation = _begun("observation", entry, *templates, classCode="OBS", negationInd=_negation(entry))
    agent = E.playingEntity(_code("code", entry.agent, reference), E.name(), classCode="MMAT")
    observation.extend(
        [
            _code("code", entry.kind),
            _text(reference),
            E.statusCode(code="completed"),
            _time(entry.start, entry.stop),
            _code("value", None, reference, **{XSI_TYPE: "CD"}),
            E.participant(E.participantRole(agent, classCode="MANU"), typeCode="CSM"),
        ]
    )
    if entry.status is not None:
        status = E.observation(
            *map(template, (f"{_CCD}.50", f"{_CCD}.57", f"{PCC}.1.1", f"{_ANS}.30")),
            coded(E.code, _STATUS),
            _text(f"{reference}-status"),
            E.statusCode(code="completed"),
            _code("value", entry.status, **{XSI_TYPE: "CE"}),
            classCode="OBS",
            moodCode="EVN",
        )
        observation.append(E.entryRelationship(status, typeCode="REFR", inversionInd="false"))
    return _concern(entry, observation, f"{PCC}.5.3", f"{_ANS}.40")


def _procedure(entry: Procedure, reference: str) -> Any:
    act = _begun(
        "procedure", entry, f"{PCC}.19", f"{_CCD}.29", f"{_ANS}.62", classCode="PROC", negationInd=_negation(entry)
    )
    code = _code("code", entry.code)
    act.extend([code, _text(reference), E.statusCode(code="completed"), _time(entry.start, entry.stop)])
    return act


def _treatment(entry: Treatment, reference: str) -> Any:
    templates = (f"{_CCD}.24", f"{PCC}.7", f"{_ANS}.42", f"{PCC}.7.1")
    act = _begun("substanceAdministration", entry, *templates, classCode="SBADM", negationInd=_negation(entry))
    time = _time(entry.start, entry.stop)
    time.set(XSI_TYPE, "IVL_TS")
    if not entry.stop:
        time.append(E.high(nullFlavor="UNK"))
    act.extend([coded(E.code, _DRUG), _text(reference), E.statusCode(code="completed"), time])
    if entry.every is not None:
        period = E.effectiveTime(quantity("period", entry.every), operator="A")
        period.set(XSI_TYPE, "PIVL_TS")
        act.append(period)
    if entry.route is not None:
        act.append(coded(E.routeCode, entry.route))
    if entry.dose is not None:
        dose = entry.dose if isinstance(entry.dose, Interval) else Interval(entry.dose, entry.dose)
        act.append(E.doseQuantity(*ends(dose)))
    material = E.manufacturedMaterial(_code("code", entry.product, reference), E.name(entry.label))
    product = E.manufacturedProduct(*map(template, (f"{_CCD}.53", f"{PCC}.7.2", f"{_ANS}.43")), material)
    act.append(E.consumable(product))
    if entry.reason is not None:
        reason = E.act(
            *map(template, (f"{PCC}.4.1", f"{_ANS}.36")),
            E.id(root=new_id()),
            coded(E.code, entry.reason),
            classCode="ACT",
            moodCode="EVN",
        )
        act.append(E.entryRelationship(reason, typeCode="RSON"))
    return act


def _finding(entry: Finding, reference: str) -> Any:
    templates = (f"{_CCD}.33", f"{PCC}.13", f"{PCC}.13.4", f"{_ANS}.52")
    act = _begun("observation", entry, *templates, classCode="OBS", negationInd=_negation(entry))
    code = _code("code", entry.code)
    act.extend([code, _text(reference), E.statusCode(code="completed"), _time(entry.start, entry.stop)])
    act.extend(value(entry.value))
    return act


def _family(entry: FamilyProblem, reference: str) -> Any:
    observation = _begun(
        "observation", entry, f"{_CCD}.22", f"{PCC}.13", f"{PCC}.13.3", f"{_ANS}.51",
        classCode="OBS", negationInd=_negation(entry),
    )  # fmt: skip
    observation.extend(
        [
            coded(E.code, _DIAGNOSIS),
            _text(reference),
            E.statusCode(code="completed"),
            E.effectiveTime(nullFlavor="UNK"),
            _code("value", entry.code, reference, **{XSI_TYPE: "CD"}),
        ]
    )
    relative = E.relatedSubject(_code("code", entry.relation), classCode="PRS")
    return E.organizer(
        *map(template, (f"{_CCD}.23", f"{PCC}.15", f"{_ANS}.59")),
        E.statusCode(code="completed"),
        E.subject(*map(template, (f"{PCC}.15.2", f"{_ANS}.60")), relative, typeCode="SBJ"),
        E.component(observation, typeCode="COMP"),
        classCode="CLUSTER",
        moodCode="EVN",
    )


_WRITE: dict[type, Callable[[Any, str], Any]] = {
    Problem: _problem,
    Allergy: _allergy,
    Procedure: _procedure,
    Treatment: _treatment,
    Finding: _finding,
    FamilyProblem: _family,
}
