"""Reading one ebRIM object: attributes, slots, names, classifications, external identifiers."""

from dataclasses import dataclass, field

from lxml import etree

from dmpws.domain.checks import Report, Rule
from dmpws.xml.names import RIM, XML
from dmpws.xml.text import children, text_of

_METADATA = "XDSRegistryMetadataError"
SLOT_UNIQUE = Rule(
    "XDS-SLOT-UNIQUE", "Un nom de slot n'apparaît qu'une fois par objet", "ITI TF-3 4.2.3.1.2", _METADATA
)
CHILD = Rule("XDS-CHILD", "Un objet ebRIM ne contient que des éléments ebRIM", "ITI TF-3 4.2.3.1", _METADATA)
PARENT = Rule(
    "XDS-PARENT",
    "classifiedObject et registryObject nomment l'objet qui les contient",
    "ITI TF-3 4.2.3.1.2",
    _METADATA,
)

_R = f"{{{RIM}}}"
SLOT, NAME, DESCRIPTION = f"{_R}Slot", f"{_R}Name", f"{_R}Description"
CLASSIFICATION, EXTERNAL_IDENTIFIER = f"{_R}Classification", f"{_R}ExternalIdentifier"
_VALUE, _LOCALIZED = f"{_R}Value", f"{_R}LocalizedString"
_VERSION_INFOS = frozenset({f"{_R}VersionInfo", f"{_R}ContentVersionInfo"})
_LANG = f"{{{XML}}}lang"

Text = tuple[str, str, str]
"""A LocalizedString: value, charset, language (empty when the attribute is absent)."""


@dataclass(frozen=True, slots=True)
class Classification:
    """A code (scheme, representation, codingScheme slot, name), an author (slots) or a node."""

    scheme: str
    node: str
    representation: str
    slots: dict[str, tuple[str, ...]]
    names: tuple[Text, ...]


@dataclass(frozen=True, slots=True)
class Identifier:
    scheme: str
    value: str
    names: tuple[Text, ...]


@dataclass(slots=True)
class RimObject:
    """An ExtrinsicObject, RegistryPackage or Association as submitted, slots in document order."""

    id: str
    attributes: dict[str, str]
    slots: dict[str, tuple[str, ...]] = field(default_factory=dict)
    names: tuple[Text, ...] = ()
    descriptions: tuple[Text, ...] = ()
    classifications: list[Classification] = field(default_factory=list)
    identifiers: list[Identifier] = field(default_factory=list)


def read_object(element: etree._Element, report: Report) -> RimObject:
    """Read one object of a RegistryObjectList; broken rules go into `report`."""
    found = RimObject(element.get("id", "").strip(), {str(k): str(v) for k, v in element.attrib.items()})
    for child in children(element):
        tag = child.tag
        if tag == SLOT:
            _add_slot(child, found.slots, found.id, report)
        elif tag == CLASSIFICATION:
            found.classifications.append(read_classification(child, found.id, report))
            _check_parent(child.get("classifiedObject"), found.id, report)
        elif tag == EXTERNAL_IDENTIFIER:
            scheme, value = child.get("identificationScheme", ""), child.get("value", "").strip()
            found.identifiers.append(Identifier(scheme, value, _texts(child.find(NAME))))
            _check_parent(child.get("registryObject"), found.id, report)
        elif tag == NAME:
            found.names = _texts(child)
        elif tag == DESCRIPTION:
            found.descriptions = _texts(child)
        elif tag not in _VERSION_INFOS:
            report.failed(CHILD, expected="un élément ebRIM", found=etree.QName(child).localname, where=found.id)
    return found


def read_classification(element: etree._Element, owner: str, report: Report) -> Classification:
    """Read a Classification, inside an object or at the level of the list."""
    slots: dict[str, tuple[str, ...]] = {}
    for child in element.iterchildren(SLOT):
        _add_slot(child, slots, owner, report)
    return Classification(
        element.get("classificationScheme", ""),
        element.get("classificationNode", ""),
        element.get("nodeRepresentation", "").strip(),
        slots,
        _texts(element.find(NAME)),
    )


def _add_slot(element: etree._Element, slots: dict[str, tuple[str, ...]], owner: str, report: Report) -> None:
    name = element.get("name", "")
    if name in slots:
        report.failed(SLOT_UNIQUE, expected="un slot de chaque nom", found=f"encore {name}", where=owner)
    slots[name] = tuple(text for value in element.iter(_VALUE) if (text := text_of(value)))


def _texts(element: etree._Element | None) -> tuple[Text, ...]:
    if element is None:
        return ()
    strings = element.iterchildren(_LOCALIZED)
    return tuple((s.get("value", ""), s.get("charset", ""), s.get(_LANG, "")) for s in strings)


def _check_parent(named: str | None, owner: str, report: Report) -> None:
    # Real clients name the logical id or nothing: tolerated, and said.
    if named != owner:
        report.warned(PARENT, expected=owner, found=named or "rien", where=owner)
