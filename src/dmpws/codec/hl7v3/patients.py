"""A patient's traits, to and from HL7 v3."""

import unicodedata
from collections.abc import Iterable

from lxml import etree

from dmpws.codec.hl7v3.message import E
from dmpws.codec.hl7v3.reading import SINGLE, UNDERSTOOD, attribute, content, every, maybe, one, raw, text
from dmpws.domain.checks import refusal
from dmpws.domain.patient import Address, Ins, Name, Representative, Telecom, Traits
from dmpws.xml.path import path_of

VITALE_CARD = "CARTE_SESAM_VITALE"
RELATIONSHIPS = "2.16.840.1.113883.1.11.19579"
NOT_KNOWN = "NON_RENSEIGNE"
"""What TD1.3a prints for a birth or used name that is not known (DMP-CDT 1.3a-200)."""
KEPT_MODES = frozenset({"A", "N"})
"""patient/id/@updateMode: add, no change."""
UNKNOWN_NAMES = frozenset({NOT_KNOWN, "NON RENSEIGNE"})
"""How clients and real records write it."""


def read_identifiers(patient: etree._Element) -> tuple[Ins, ...]:
    """The INS of a patient, at least one. Raises Refused, for one to be removed too (DMPWS D115)."""
    one_at_least = every(patient, "id") or [one(patient, "id")]
    if removed := [e for e in one_at_least if e.get("updateMode", "N") not in KEPT_MODES]:
        mode, where = removed[0].get("updateMode", ""), path_of(removed[0])
        raise refusal(UNDERSTOOD, expected=f"@updateMode {' ou '.join(sorted(KEPT_MODES))}", found=mode, where=where)
    return tuple(Ins(attribute(e, "extension"), attribute(e, "root")) for e in one_at_least)


def read_traits(patient: etree._Element) -> Traits:
    """Read patientPerson. Raises Refused where a single element is doubled or a mandatory one is missing."""
    person = one(patient, "patientPerson")
    card = _card(person)
    holder = one(card, "contactPerson") if card is not None else None
    return Traits(
        name=read_name(one(person, "name")),
        sex=_attribute(person, "administrativeGenderCode", "code"),
        birth_date=_attribute(person, "birthTime", "value"),
        birth_country=_birth_country(person),
        deceased=_attribute(person, "deceasedInd", "value") == "true",
        telecoms=read_telecoms(person),
        addresses=read_addresses(person),
        representatives=tuple(_representative(r) for r in every(person, "personalRelationship")),
        vitale_name=_unmodified_name(one(holder, "name")) if holder is not None else None,
        vitale_birth_date=_attribute(holder, "birthTime", "value") if holder is not None else "",
    )


def unsaid_facts(patient: etree._Element) -> frozenset[str]:
    """The fields of Traits that a message can only give or leave out, and this one leaves out (DMPWS D116)."""
    person = one(patient, "patientPerson")
    said = {
        "deceased": bool(_attribute(person, "deceasedInd", "value")),
        "birth_country": bool(_birth_country(person)),
        "vitale_name": _card(person) is not None,
        "vitale_birth_date": _card(person) is not None,
    }
    return frozenset(field for field, given in said.items() if not given)


def read_name(name: etree._Element) -> Name:
    """Read a PN: family names by qualifier, BR birth and SP used; one without qualifier is the birth name.

    Composed in NFC, so that the same name is the same text. Raises Refused for two names of one kind.
    """
    families = {kind: _known(composed(content(family))) for kind, family in _families(name).items()}
    return Name(
        birth=families.get("BR", ""),
        used=families.get("SP", ""),
        given=_known(composed(text(name, "given"))),
        prefix=composed(text(name, "prefix")),
    )


def _unmodified_name(name: etree._Element) -> Name:
    """Read a PN to the letter (GI-DMP EX_GEN-1265)."""
    families = {kind: raw(family) for kind, family in _families(name).items()}
    given, prefix = (" ".join(map(raw, every(name, part))) for part in ("given", "prefix"))
    return Name(families.get("BR", ""), families.get("SP", ""), given, prefix)


def _families(name: etree._Element) -> dict[str, etree._Element]:
    families: dict[str, etree._Element] = {}
    for family in every(name, "family"):
        kind = family.get("qualifier", "BR")
        if kind in families:
            raise refusal(SINGLE, expected="1", found=f"family {kind} répété", where=path_of(name))
        families[kind] = family
    return families


def write_name(name: Name, *, unknown: str = "") -> etree._Element:
    """Build a PN in the order of the official frame. unknown: stands for a birth or used name that is not known,
    which is left out otherwise."""
    birth, used = name.birth or unknown, name.used or unknown
    return E.name(
        *([E.prefix(name.prefix)] if name.prefix else []),
        *([E.given(name.given)] if name.given else []),
        *([E.family(birth, qualifier="BR")] if birth else []),
        *([E.family(used, qualifier="SP")] if used else []),
    )


def write_ids(identifiers: Iterable[Ins]) -> list[etree._Element]:
    return [E.id(extension=ins.value, root=ins.authority) for ins in identifiers]


def write_telecom(telecom: Telecom) -> etree._Element:
    return E.telecom(**({"use": telecom.use} if telecom.use else {}), value=telecom.value)


def write_address(address: Address) -> etree._Element:
    parts = {
        "streetAddressLine": address.street,
        "additionalLocator": address.locator,
        "postalCode": address.postal_code,
        "city": address.city,
        "country": address.country,
    }
    return E.addr(*(E(name, value) for name, value in parts.items() if value))


def write_representative(representative: Representative) -> etree._Element:
    return E.personalRelationship(
        E.code(code=representative.code, codeSystem=RELATIONSHIPS),
        *(write_address(address) for address in representative.addresses),
        *(write_telecom(telecom) for telecom in representative.telecoms),
        E.relationshipHolder1(write_name(representative.name), classCode="PSN", determinerCode="INSTANCE"),
        classCode="PRS",
    )


def write_birth_place(country: str) -> etree._Element:
    return E.birthPlace(E.addr(E.country(country)), classCode="BIRTHPL")


def _representative(element: etree._Element) -> Representative:
    return Representative(
        code=attribute(one(element, "code"), "code"),
        name=read_name(one(element, "relationshipHolder1/name")),
        addresses=read_addresses(element),
        telecoms=read_telecoms(element),
    )


def _card(person: etree._Element) -> etree._Element | None:
    """What was read on the Carte Vitale. Raises Refused when there are two."""
    cards = [p for p in every(person, "contactParty") if _attribute(p, "code", "code") == VITALE_CARD]
    if len(cards) > 1:
        raise refusal(SINGLE, expected="1", found=f"{VITALE_CARD} répété", where=path_of(cards[1]))
    return cards[0] if cards else None


def _birth_country(person: etree._Element) -> str:
    country = text(person, "birthPlace/addr/country") or text(person, "birthPlace/birthplace/addr/country")
    return composed(country)


def read_telecoms(parent: etree._Element) -> tuple[Telecom, ...]:
    """The telecoms of a person that have a value."""
    return tuple(Telecom(t.get("value", ""), t.get("use", "")) for t in every(parent, "telecom") if t.get("value"))


def read_addresses(parent: etree._Element) -> tuple[Address, ...]:
    """The addresses of a person that say something."""
    read = (
        Address(
            street=composed(text(a, "streetAddressLine")),
            locator=composed(text(a, "additionalLocator")),
            postal_code=text(a, "postalCode"),
            city=composed(text(a, "city")),
            country=composed(text(a, "country")),
        )
        for a in every(parent, "addr")
    )
    return tuple(address for address in read if address != Address())


def _attribute(parent: etree._Element, path: str, name: str) -> str:
    element = maybe(parent, path)
    return element.get(name, "").strip() if element is not None else ""


def _known(name: str) -> str:
    return "" if name.upper() in UNKNOWN_NAMES else name


def composed(text: str) -> str:
    """`text` in NFC."""
    return unicodedata.normalize("NFC", text)
