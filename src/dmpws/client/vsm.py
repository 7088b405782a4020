"""The volet de synthèse médicale as typed entries: read from the models of 2013 (VSM) and 2024 (IPS-FR).

Each entry is marked with its origin, so that an LPS can integrate all of a synthesis or part of it. What the kit has no
type for is an `Unread` entry: nothing is left out silently. Times are HL7 times as written, of any precision.
"""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum

from lxml import etree

from dmpws.client.clinical import (
    H,
    Interval,
    Labels,
    Quantity,
    Value,
    code_of,
    id_of,
    interval_of,
    quantity_of,
    templates_of,
    times_of,
    value_of,
)
from dmpws.codec.cda import parse_document, read_header
from dmpws.domain.code import Code
from dmpws.xml.text import children, text_of

PCC = "1.3.6.1.4.1.19376.1.5.3.1.4"
PROBLEM, ALLERGY = f"{PCC}.5.2", f"{PCC}.5.3"
"""Templates of concerns, which hold the problem or the allergy itself."""
PROCEDURE, TREATMENT, FINDING, FAMILY = f"{PCC}.19", f"{PCC}.7", f"{PCC}.13.4", f"{PCC}.15"
VACCINATION = f"{PCC}.12"


class Heading(Enum):
    """The sections of a VSM that hold entries or words, by LOINC code."""

    PROBLEMS = "11450-4"
    MEDICAL_HISTORY = "11348-0"
    SURGICAL_HISTORY = "47519-4"
    ALLERGIES = "48765-2"
    LIFESTYLE = "29762-2"
    OCCUPATIONAL_RISKS = "10161-8"
    FAMILY_HISTORY = "10157-6"
    VIGILANCE = "30954-2"
    TREATMENTS = "10160-0"


def new_id() -> str:
    """A UUID as CDA entries have them."""
    return str(uuid.uuid4()).upper()


@dataclass(frozen=True, slots=True)
class Problem:
    """A disease, past or present. code: CIM-10 mostly; None when there are words only. negated: he has it not."""

    code: Code | None
    label: str
    start: str = ""
    stop: str = ""
    active: bool = True
    negated: bool = False
    id: str = field(default_factory=new_id)


@dataclass(frozen=True, slots=True)
class Procedure:
    """An act (CCAM). negated: it was not done."""

    code: Code | None
    label: str
    start: str = ""
    stop: str = ""
    negated: bool = False
    id: str = field(default_factory=new_id)


@dataclass(frozen=True, slots=True)
class Allergy:
    """kind: of allergy or intolerance (SNOMED CT). agent, label: what he does not bear. status: clinical."""

    kind: Code | None
    agent: Code | None
    label: str
    start: str = ""
    stop: str = ""
    active: bool = True
    status: Code | None = None
    negated: bool = False
    id: str = field(default_factory=new_id)


@dataclass(frozen=True, slots=True)
class Treatment:
    """A medicine (CIS). dose: at each intake; every: between two of them; reason: the disease it is for."""

    product: Code | None
    label: str
    start: str = ""
    stop: str = ""
    dose: Quantity | Interval | None = None
    every: Quantity | None = None
    route: Code | None = None
    reason: Code | None = None
    negated: bool = False
    id: str = field(default_factory=new_id)


@dataclass(frozen=True, slots=True)
class Finding:
    """A habit or risk: what (LOINC), and the value found."""

    code: Code | None
    label: str
    value: Value = None
    start: str = ""
    stop: str = ""
    negated: bool = False
    id: str = field(default_factory=new_id)


@dataclass(frozen=True, slots=True)
class FamilyProblem:
    """A disease of a relative (HL7 RoleCode)."""

    relation: Code | None
    code: Code | None
    label: str
    negated: bool = False
    id: str = field(default_factory=new_id)


@dataclass(frozen=True, slots=True)
class Unread:
    """An entry the kit has no type for. kind: name of its CDA act; label: its words, maybe none."""

    kind: str
    label: str
    id: str = ""


Entry = Problem | Procedure | Allergy | Treatment | Finding | FamilyProblem | Unread


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an entry comes from: uniqueId of the document, its section, who wrote it and when (HL7 time)."""

    document: str
    section: Code
    author: str
    written: str


@dataclass(frozen=True, slots=True)
class Item:
    """An entry with its origin."""

    entry: Entry
    origin: Origin


@dataclass(frozen=True, slots=True)
class Part:
    """A section with words or entries of its own. text: its narrative, without layout."""

    code: Code
    title: str
    text: str
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class Vsm:
    """A synthesis. author: name of its first author."""

    unique_id: str
    title: str
    author: str
    effective: str
    parts: tuple[Part, ...]

    def items(self, *headings: Heading) -> list[Item]:
        """The entries of some sections, or all of them."""
        wanted = {heading.value for heading in headings}
        return [item for part in self.parts if not wanted or part.code.code in wanted for item in part.items]


def read_vsm(octets: bytes) -> Vsm:
    """Read a synthesis, or the sections of any structured document. Raises Refused when it is not a CDA document."""
    document, _ = parse_document(octets)
    header = read_header(document)
    author = document.find(f"{H}author")
    reader = _Reader(header.id.root, _author_of(author), header.effective_time, Labels(document))
    parts = tuple(reader.parts(document))
    return Vsm(header.id.root, header.title, reader.author, header.effective_time, parts)


def _author_of(author: etree._Element | None) -> str:
    name = author.find(f"{H}assignedAuthor/{H}assignedPerson/{H}name") if author is not None else None
    if name is None:
        return ""
    words = [text_of(e) for tag in ("given", "family") for e in name.findall(f"{H}{tag}")]
    return " ".join(word for word in words if word) or text_of(name)


@dataclass(frozen=True, slots=True)
class _Reader:
    document: str
    author: str
    written: str
    labels: Labels

    def parts(self, document: etree._Element) -> Iterator[Part]:
        for section in document.iterfind(f"{H}component/{H}structuredBody//{H}section"):
            code = code_of(section.find(f"{H}code")) or Code("", "")
            items = tuple(self._items(section, code))
            text, title = section.find(f"{H}text"), section.find(f"{H}title")
            words = " ".join(" ".join(map(str, text.itertext())).split()) if text is not None else ""
            if items or words:
                yield Part(code, text_of(title) if title is not None else "", words, items)

    def _items(self, section: etree._Element, code: Code) -> Iterator[Item]:
        for holder in section.findall(f"{H}entry"):
            for act in children(holder):
                if act.tag != f"{H}templateId":
                    origin = self._origin(act, code)
                    read = self._entries(act) or [self._unread(act)]
                    yield from (Item(entry, origin) for entry in read)

    def _origin(self, act: etree._Element, section: Code) -> Origin:
        """An entry may name an author of its own, and the document it was taken from."""
        own = act.find(f"{H}author")
        name = _author_of(own)
        time = own.find(f"{H}time") if own is not None else None
        written = time.get("value", "") if time is not None else ""
        source = act.find(f"{H}reference/{H}externalDocument/{H}id")
        document = source.get("root", "") if source is not None else self.document
        return Origin(document, section, name or self.author, (name and written) or self.written)

    def _entries(self, act: etree._Element) -> list[Entry]:
        templates = templates_of(act)
        if FAMILY in templates:
            return [self._family(act, o) for o in act.findall(f"{H}component/{H}observation")]
        if PROBLEM in templates or ALLERGY in templates:
            read = self._problem if PROBLEM in templates else self._allergy
            inner = act.findall(f"{H}entryRelationship[@typeCode='SUBJ']/{H}observation")
            return [read(act, o) for o in inner]
        if TREATMENT in templates and VACCINATION not in templates:
            return [self._treatment(act)]
        if PROCEDURE in templates and act.tag == f"{H}procedure":
            return [self._procedure(act)]
        if FINDING in templates:
            return [self._finding(act)]
        return []

    def _unread(self, act: etree._Element) -> Unread:
        label = self.labels.text(act.find(f"{H}text")) or self.labels.of(act.find(f"{H}code"))
        return Unread(etree.QName(act).localname, label, id_of(act))

    def _label(self, coded: etree._Element | None, act: etree._Element) -> str:
        return self.labels.of(coded) or self.labels.text(act.find(f"{H}text"))

    def _problem(self, concern: etree._Element, observation: etree._Element) -> Entry:
        value = observation.find(f"{H}value")
        start, stop = times_of(observation.find(f"{H}effectiveTime"))
        label = self._label(value, observation)
        return Problem(code_of(value), label, start, stop, _active(concern), _negated(observation), id_of(observation))

    def _allergy(self, concern: etree._Element, observation: etree._Element) -> Entry:
        playing = f"{H}participant/{H}participantRole/{H}playingEntity"
        agent = observation.find(f"{playing}/{H}code")
        start, stop = times_of(observation.find(f"{H}effectiveTime"))
        states = [
            code_of(o.find(f"{H}value"))
            for o in observation.findall(f"{H}entryRelationship[@typeCode='REFR']/{H}observation")
        ]
        name = observation.findtext(f"{playing}/{H}name") or ""
        return Allergy(
            kind=code_of(observation.find(f"{H}code")),
            agent=code_of(agent),
            label=self.labels.of(agent) or name.strip() or self.labels.text(observation.find(f"{H}text")),
            start=start,
            stop=stop,
            active=_active(concern),
            status=states[0] if states else None,
            negated=_negated(observation),
            id=id_of(observation),
        )

    def _procedure(self, act: etree._Element) -> Entry:
        code = act.find(f"{H}code")
        start, stop = times_of(act.find(f"{H}effectiveTime"))
        label = self.labels.text(act.find(f"{H}text")) or self.labels.of(code)
        return Procedure(code_of(code), label, start, stop, _negated(act), id_of(act))

    def _treatment(self, act: etree._Element) -> Entry:
        material = act.find(f"{H}consumable/{H}manufacturedProduct/{H}manufacturedMaterial")
        product = material.find(f"{H}code") if material is not None else None
        name = (material.findtext(f"{H}name") or "").strip() if material is not None else ""
        times = act.findall(f"{H}effectiveTime")
        periods = [t for t in times if t.find(f"{H}period") is not None]
        start, stop = times_of(next((t for t in times if t not in periods), None))
        dose = act.find(f"{H}doseQuantity")
        return Treatment(
            product=code_of(product),
            label=self.labels.of(product) or name,
            start=start,
            stop=stop,
            dose=_dose(dose) if dose is not None else None,
            every=quantity_of(periods[0].find(f"{H}period")) if periods else None,
            route=code_of(act.find(f"{H}routeCode")),
            reason=code_of(act.find(f"{H}entryRelationship[@typeCode='RSON']/{H}act/{H}code")),
            negated=_negated(act),
            id=id_of(act),
        )

    def _finding(self, act: etree._Element) -> Entry:
        code = act.find(f"{H}code")
        start, stop = times_of(act.find(f"{H}effectiveTime"))
        value = value_of(act.find(f"{H}value"), self.labels)
        label = self.labels.text(act.find(f"{H}text")) or self.labels.of(code)
        return Finding(code_of(code), label, value, start, stop, _negated(act), id_of(act))

    def _family(self, organizer: etree._Element, observation: etree._Element) -> Entry:
        relation = organizer.find(f"{H}subject/{H}relatedSubject/{H}code")
        value = observation.find(f"{H}value")
        label = self._label(value, observation)
        return FamilyProblem(code_of(relation), code_of(value), label, _negated(observation), id_of(observation))


def _active(concern: etree._Element) -> bool:
    status = concern.find(f"{H}statusCode")
    return status is not None and status.get("code") == "active"


def _negated(act: etree._Element) -> bool:
    return act.get("negationInd") in ("true", "1")


def _dose(element: etree._Element) -> Quantity | Interval | None:
    found = interval_of(element)
    if found is None:
        return quantity_of(element)
    return found.low if found.low is not None and found.low == found.high else found
