"""PRPA_IN201311UV02 and PRPA_IN201314UV02: requests to open, open again, change or close a DMP."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from lxml import etree

from dmpws.codec.hl7v3.message import Header, read_header
from dmpws.codec.hl7v3.patients import read_identifiers, read_name, read_traits, unsaid_facts
from dmpws.codec.hl7v3.reading import (
    SINGLE,
    UNDERSTOOD,
    Identifier,
    attribute,
    boolean,
    content,
    every,
    identifier,
    maybe,
    one,
    text,
)
from dmpws.domain.checks import Refused, refusal
from dmpws.domain.patient import Ins, Name, Traits
from dmpws.xml.path import path_of

OPENING_CONSENT = "CONSENTEMENT_OUVERTURE_DMP"
REACTIVATION_CONSENT = "CONSENTEMENT_REACTIVATION_DMP"
NO_BRIS_DE_GLACE = "OPPOSITION_BRIS_DE_GLACE"
NO_CENTRE_15 = "OPPOSITION_ACCES_URGENCE"
OBSERVATIONS = frozenset({
    OPENING_CONSENT, REACTIVATION_CONSENT, NO_BRIS_DE_GLACE, NO_CENTRE_15, "RATTACHEMENT_ENS", "COMPTE_INTERNET_OUVERT",
})  # fmt: skip
"""Those a client may send, the two last because it read them; another could be a misspelt opposition."""
_REQUEST = "controlActProcess/subject/registrationRequest"
_PATIENT = "subject1/patient"


@dataclass(frozen=True, slots=True)
class Observation:
    """An administrativeObservation: its value, and effectiveTime/@value as received (empty when absent)."""

    value: bool
    time: str


@dataclass(frozen=True, slots=True)
class Author:
    """Who asks: PS_IdNat, names, Struct_IdNat of the represented organisation, each with its root."""

    person: Identifier
    family: str
    given: str
    structure: Identifier


@dataclass(frozen=True, slots=True)
class Registration:
    """What a registrationRequest asks. name: of the patient, empty when the message gives none.

    closure: code and text of the reasonOf, empty without.
    """

    header: Header
    identifiers: tuple[Ins, ...]
    name: Name
    observations: Mapping[str, Observation]
    author: Author
    closure: tuple[str, str]

    def opposition(self, code: str, before: bool) -> bool:
        """The opposition the message gives, the one of before when it gives none (DMPWS D116)."""
        observation = self.observations.get(code)
        return before if observation is None else observation.value


@dataclass(frozen=True, slots=True)
class Person:
    """The administrative data of a message. unsaid: the single facts of which it says nothing (DMPWS D116)."""

    traits: Traits
    unsaid: frozenset[str]

    def over(self, before: Traits) -> Traits:
        """These data in place of others, of which the single facts left unsaid stay."""
        return replace(self.traits, **{fact: getattr(before, fact) for fact in self.unsaid})


def read_registration(message: etree._Element) -> Registration:
    """Read PRPA_IN201311UV02 or PRPA_IN201314UV02, but for the administrative data.

    Raises Refused where a mandatory element is missing, a single one doubled or a code not understood.
    """
    one(message, "controlActProcess/reasonCode")
    request = one(message, _REQUEST)
    patient = one(request, _PATIENT)
    name = maybe(patient, "patientPerson/name")
    return Registration(
        header=read_header(message),
        identifiers=read_identifiers(patient),
        name=read_name(name) if name is not None else Name(),
        observations=_observations(patient),
        author=_author(one(request, "author/assignedEntity")),
        closure=_closure(message),
    )


def read_person(message: etree._Element) -> Person:
    """Read the administrative data of PRPA_IN201311UV02 or PRPA_IN201314UV02. Raises Refused."""
    patient = one(one(message, _REQUEST), _PATIENT)
    return Person(read_traits(patient), unsaid_facts(patient))


def _author(entity: etree._Element) -> Author:
    name = "assignedPerson/name"
    return Author(
        person=identifier(one(entity, "id")),
        family=content(family) if (family := maybe(entity, f"{name}/family")) is not None else "",
        given=text(entity, f"{name}/given"),
        structure=identifier(maybe(entity, "representedOrganization/id")),
    )


def _observations(patient: etree._Element) -> dict[str, Observation]:
    observations: dict[str, Observation] = {}
    for element in every(patient, "subjectOf/administrativeObservation"):
        code = one(element, "code").get("code", "")
        if code not in OBSERVATIONS:
            where = path_of(element)
            raise refusal(UNDERSTOOD, expected=", ".join(sorted(OBSERVATIONS)), found=code[:40], where=where)
        if code in observations:
            raise refusal(SINGLE, expected="1", found=f"{code} répété", where=path_of(element))
        observations[code] = _observation(element)
    return observations


def _observation(element: etree._Element) -> Observation:
    time = maybe(element, "effectiveTime")
    return Observation(boolean(one(element, "value")), time.get("value", "") if time is not None else "")


def observation_in(message: etree._Element, code: str) -> Observation | None:
    """The administrativeObservation of this code in a message of whatever form; None when it is not there, is said
    twice or cannot be read."""
    try:
        every_one = every(message, f"{_REQUEST}/{_PATIENT}/subjectOf/administrativeObservation")
        found = [_observation(element) for element in every_one if one(element, "code").get("code") == code]
    except Refused:
        return None
    return found[0] if len(found) == 1 else None


def _closure(message: etree._Element) -> tuple[str, str]:
    event = maybe(message, "controlActProcess/reasonOf/detectedIssueEvent")
    if event is None:
        return "", ""
    words = maybe(event, "text")
    return attribute(one(event, "code"), "code"), content(words) if words is not None else ""
