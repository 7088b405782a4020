"""A patient's traits, to and from HL7 v3."""

from lxml import etree

from dmpws.codec.hl7v3.message import E
from dmpws.codec.hl7v3.reading import attribute, content, every, maybe, one, text
from dmpws.domain.patient import Address, Ins, Name, Representative, Telecom, Traits

VITALE_CARD = "CARTE_SESAM_VITALE"
UNKNOWN_NAMES = frozenset({"NON_RENSEIGNE", "NON RENSEIGNE"})
"""What real records hold where a birth or used name is not known (DMP-CDT 1.3a-200)."""


def read_identifiers(patient: etree._Element) -> tuple[Ins, ...]:
    """The INS of a patient, at least one. Raises Refused."""
    one_at_least = every(patient, "id") or [one(patient, "id")]
    return tuple(Ins(attribute(e, "extension"), attribute(e, "root")) for e in one_at_least)


def read_traits(patient: etree._Element) -> Traits:
    """Read patientPerson. Raises Refused where a single element is doubled or a mandatory one is missing."""
    person = one(patient, "patientPerson")
    card = next((p for p in every(person, "contactParty") if _code(p) == VITALE_CARD), None)
    holder = one(card, "contactPerson") if card is not None else None
    return Traits(
        name=read_name(one(person, "name")),
        sex=_attribute(person, "administrativeGenderCode", "code"),
        birth_date=_attribute(person, "birthTime", "value"),
        birth_country=text(person, "birthPlace/addr/country") or text(person, "birthPlace/birthplace/addr/country"),
        deceased=_attribute(person, "deceasedInd", "value") == "true",
        telecoms=_telecoms(person),
        addresses=_addresses(person),
        representatives=tuple(_representative(r) for r in every(person, "personalRelationship")),
        vitale_name=read_name(one(holder, "name")) if holder is not None else None,
        vitale_birth_date=_attribute(holder, "birthTime", "value") if holder is not None else "",
    )


def read_name(name: etree._Element) -> Name:
    """Read a PN: family names by qualifier, BR birth and SP used; one without qualifier is the birth name."""
    families = {f.get("qualifier", "BR"): _known(content(f)) for f in every(name, "family")}
    return Name(
        birth=families.get("BR", ""),
        used=families.get("SP", ""),
        given=_known(text(name, "given")),
        prefix=text(name, "prefix"),
    )


def write_name(name: Name) -> etree._Element:
    """Build a PN in the order of the official frame; unknown names are left out."""
    return E.name(
        *([E.prefix(name.prefix)] if name.prefix else []),
        *([E.given(name.given)] if name.given else []),
        *([E.family(name.birth, qualifier="BR")] if name.birth else []),
        *([E.family(name.used, qualifier="SP")] if name.used else []),
    )


def write_telecom(telecom: Telecom) -> etree._Element:
    return E.telecom(**({"use": telecom.use} if telecom.use else {}), value=telecom.value)


def _representative(element: etree._Element) -> Representative:
    return Representative(
        code=attribute(one(element, "code"), "code"),
        name=read_name(one(element, "relationshipHolder1/name")),
        addresses=_addresses(element),
        telecoms=_telecoms(element),
    )


def _telecoms(parent: etree._Element) -> tuple[Telecom, ...]:
    return tuple(Telecom(t.get("value", ""), t.get("use", "")) for t in every(parent, "telecom") if t.get("value"))


def _addresses(parent: etree._Element) -> tuple[Address, ...]:
    return tuple(
        Address(
            street=text(a, "streetAddressLine"),
            locator=text(a, "additionalLocator"),
            postal_code=text(a, "postalCode"),
            city=text(a, "city"),
            country=text(a, "country"),
        )
        for a in every(parent, "addr")
    )


def _attribute(parent: etree._Element, path: str, name: str) -> str:
    element = maybe(parent, path)
    return element.get(name, "").strip() if element is not None else ""


def _code(party: etree._Element) -> str:
    return _attribute(party, "code", "code")


def _known(name: str) -> str:
    return "" if name.upper() in UNKNOWN_NAMES else name
