"""PRPA_IN201301UV02, 302, 304 and MCCI_IN000002UV01: the patient feed, ITI-44 (edition NE2008, ITI TF-2 3.44)."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from lxml import etree

from dmpws.codec.hl7v3.message import acknowledgement, read_header, wrapped
from dmpws.codec.hl7v3.patients import composed, read_addresses, read_telecoms
from dmpws.codec.hl7v3.reading import Identifier, attribute, content, every, one, text
from dmpws.domain.checks import Check, Rule, demand
from dmpws.domain.datatypes import is_oid
from dmpws.domain.patient import Ins, Name, Traits
from dmpws.xml.path import path_of

LENGTH = Rule("FEED-LENGTH", "Les traits du patient sont courts et peu nombreux", "DMPWS D102", "102")
IDENTIFIER = Rule("FEED-IDENTIFIER", "L'identifiant du patient est court, son autorité un OID", "DMPWS D102", "102")

_LONGEST, _MOST = 250, 50

_EVENT = "controlActProcess/subject/registrationEvent"
_SUBSUMED = "replacementOf/priorRegistration/subject1/priorRegisteredRole"


@dataclass(frozen=True, slots=True)
class Announced:
    """A patient of the feed. where: path of his identifiers in the message."""

    identifiers: tuple[Ins, ...]
    traits: Traits
    where: str


def read_patient(message: etree._Element) -> Announced:
    """Read the patient of a message; what is not understood of his traits is left out.

    Raises Refused: the message is about none, or several; an identifier or a trait is out of all proportion.
    """
    patient = one(message, f"{_EVENT}/subject1/patient")
    people = every(patient, "patientPerson")
    traits = _traits(people[0]) if people else Traits(Name())
    short = all(len(value) <= _LONGEST for value in _values(asdict(traits)))
    few = len(traits.telecoms) + len(traits.addresses) <= _MOST
    demand(short and few, LENGTH, expected=f"{_LONGEST} caractères, {_MOST} coordonnées", where=path_of(patient))
    found = tuple(_identifier(e) for e in every(patient, "id") if e.get("extension"))
    return Announced(found, traits, f"{path_of(patient)}/id")


def read_subsumed(message: etree._Element) -> tuple[Ins, str]:
    """The identifier that a merge takes away, and its path. Raises Refused: there is not one exactly."""
    element = one(message, f"{_EVENT}/{_SUBSUMED}/id")
    return _identifier(element), path_of(element)


def acknowledged(
    message: etree._Element, *, message_id: str, now: datetime, problems: Sequence[Check] = ()
) -> etree._Element:
    """Build the MCCI_IN000002UV01 of a message: CA, or CE when there are problems. message_id: bare UUID."""
    header = read_header(message)
    code = "CE" if problems else "CA"
    return wrapped(
        "MCCI_IN000002UV01",
        header,
        [acknowledgement(code, header, problems, type_code_is_element=True)],
        message_id=Identifier(message_id),
        now=now,
        sender=header.receiver,
    )


def _identifier(element: etree._Element) -> Ins:
    ins = Ins(attribute(element, "extension"), attribute(element, "root"))
    good = len(ins.value) <= _LONGEST and is_oid(ins.authority)
    found = f"{ins.value}^{ins.authority}"[:100]
    demand(good, IDENTIFIER, expected=f"{_LONGEST} caractères au plus, OID", found=found, where=path_of(element))
    return ins


def _values(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | tuple):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _values(item)


def _traits(person: etree._Element) -> Traits:
    names = every(person, "name")
    legal = [name for name in names if "L" in name.get("use", "").split()]
    return Traits(
        name=_name((legal or names)[0]) if names else Name(),
        sex=_attribute(person, "administrativeGenderCode", "code"),
        birth_date=_attribute(person, "birthTime", "value")[:8],
        deceased=_attribute(person, "deceasedInd", "value") == "true",
        telecoms=read_telecoms(person),
        addresses=read_addresses(person),
    )


def _name(name: etree._Element) -> Name:
    """A PN; a family name without the qualifier of a used one is the birth name."""
    families: dict[bool, list[str]] = {True: [], False: []}
    for family in every(name, "family"):
        families["SP" in family.get("qualifier", "").split()].append(composed(content(family)))
    return Name(
        birth=" ".join(families[False]),
        used=" ".join(families[True]),
        given=composed(text(name, "given")),
        prefix=composed(text(name, "prefix")),
    )


def _attribute(parent: etree._Element, path: str, name: str) -> str:
    found = every(parent, path)
    return found[0].get(name, "").strip() if found else ""
