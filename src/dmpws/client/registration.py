"""TD1.1, TD1.2, TD1.3b and TD1.4 from the client's side: opening, changing and closing a DMP."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from lxml import etree

from dmpws.client.actor import Actor
from dmpws.client.errors import Problem
from dmpws.client.hl7 import XSI_NIL, XSI_TYPE, E, H, acknowledgement, get, message, reason_code, timestamp
from dmpws.codec.hl7v3.patients import (
    VITALE_CARD,
    write_address,
    write_birth_place,
    write_ids,
    write_name,
    write_representative,
    write_telecom,
)
from dmpws.codec.hl7v3.reasons import CHANGE, CLOSURE, CREATION, REACTIVATION
from dmpws.codec.hl7v3.registration import NO_BRIS_DE_GLACE, NO_CENTRE_15, OPENING_CONSENT, REACTIVATION_CONSENT
from dmpws.domain import oids
from dmpws.domain.code import Code
from dmpws.domain.patient import DmpStatus, Ins, Name, Traits
from dmpws.vihf.issue import Lps

_ADD, _REVISE = "PRPA_IN201311UV02", "PRPA_IN201314UV02"


@dataclass(frozen=True, slots=True)
class RegistrationAnswer:
    """interaction: PRPA_IN201312UV02 or 315 (done), 313 or 316 (refused). status: of the DMP when it was done."""

    interaction: str
    acknowledgement: str
    status: str = ""
    problems: tuple[Problem, ...] = ()

    @property
    def done(self) -> bool:
        return self.acknowledgement == "AA"


@dataclass(frozen=True, slots=True)
class Sender:
    """Who asks, with which software, when."""

    actor: Actor
    lps: Lps
    now: datetime


@dataclass(frozen=True, slots=True)
class Oppositions:
    """The patient's two oppositions; None leaves one out of the message, and as it is in the record."""

    bris_de_glace: bool | None = None
    centre_15: bool | None = None

    def write(self) -> list[etree._Element]:
        given = {NO_BRIS_DE_GLACE: self.bris_de_glace, NO_CENTRE_15: self.centre_15}
        return [_observation(code, value) for code, value in given.items() if value is not None]


def creation_request(
    ins: Sequence[Ins], traits: Traits, sender: Sender, *, consent: datetime | None, oppositions: Oppositions
) -> etree._Element:
    """Build PRPA_IN201311UV02. consent: when the patient agreed to open a DMP; None leaves it out (refused)."""
    observations = [*_consent(OPENING_CONSENT, consent), *oppositions.write()]
    return _request(_ADD, CREATION, ins, write_person(traits), observations, sender)


def reactivation_request(
    ins: Ins, name: Name, sender: Sender, *, consent: datetime | None, oppositions: Oppositions
) -> etree._Element:
    """Build PRPA_IN201314UV02 with reasonCode REAC. consent: when the patient agreed; None leaves it out (refused)."""
    observations = [*_consent(REACTIVATION_CONSENT, consent), *oppositions.write()]
    return _request(_REVISE, REACTIVATION, [ins], _named(name), observations, sender)


def change_request(ins: Ins, traits: Traits, sender: Sender, *, oppositions: Oppositions) -> etree._Element:
    """Build PRPA_IN201314UV02 with reasonCode MODIF_DATA."""
    return _request(_REVISE, CHANGE, [ins], write_person(traits), oppositions.write(), sender)


def closure_request(ins: Ins, name: Name, sender: Sender, *, code: str, text: str) -> etree._Element:
    """Build PRPA_IN201314UV02 with reasonCode FERM. code: of 1.2.250.1.213.4.1.2.4."""
    issue = E.detectedIssueEvent(E.code(code=code, codeSystem=oids.CLOSURE_REASONS), classCode="ALRT", moodCode="EVN")
    if text:
        issue.append(E.text(text))
    reason = E.reasonOf(issue, typeCode="RSON")
    return _request(_REVISE, CLOSURE, [ins], _named(name), [], sender, status=DmpStatus.CLOSED, after=[reason])


def registration_answer(body: etree._Element) -> RegistrationAnswer:
    """Read PRPA_IN201311UV02_Response or PRPA_IN201314UV02_Response."""
    inner = body[0]
    type_code, problems = acknowledgement(inner)
    status = get(inner, f".//{H}registrationEvent//{H}patient/{H}statusCode", "code")
    return RegistrationAnswer(etree.QName(inner).localname, type_code, status, problems)


def _request(
    interaction: str,
    reason: Code,
    ins: Sequence[Ins],
    person: etree._Element,
    observations: Sequence[etree._Element],
    sender: Sender,
    *,
    status: DmpStatus = DmpStatus.ACTIVE,
    after: Sequence[etree._Element] = (),
) -> etree._Element:
    patient = E.patient(
        *write_ids(ins),
        E.statusCode(code=status),
        person,
        # Nil, as real clients send it; the schema wants its class all the same.
        E.providerOrganization({XSI_NIL: "true"}, classCode="ORG", determinerCode="INSTANCE"),
        *observations,
        classCode="PAT",
    )
    request = E.registrationRequest(
        E.statusCode(code="active"),
        E.subject1(patient, typeCode="SBJ"),
        _author(sender.actor),
        classCode="REG",
        moodCode="RQO",
    )
    subject = E.subject(request, typeCode="SUBJ", contextConductionInd="false")
    return message(interaction, sender.lps, sender.now, reason_code(reason), subject, *after)


def _consent(code: str, given: datetime | None) -> list[etree._Element]:
    return [] if given is None else [_observation(code, True, given)]


def _observation(code: str, value: bool, time: datetime | None = None) -> etree._Element:
    parts = [E.code(code=code, codeSystem=oids.ADMINISTRATIVE_OBSERVATIONS)]
    if time is not None:
        parts.append(E.effectiveTime(value=timestamp(time)))
    parts.append(E.value({XSI_TYPE: "BL", "value": "true" if value else "false"}))
    return E.subjectOf(E.administrativeObservation(*parts, classCode="OBS", moodCode="EVN"), typeCode="SBJ")


def _named(name: Name) -> etree._Element:
    return E.patientPerson(write_name(name), classCode="PSN", determinerCode="INSTANCE")


def write_person(traits: Traits) -> etree._Element:
    """The whole patientPerson, in the order of the schema."""
    person = _named(traits.name)
    person.extend([
        *map(write_telecom, traits.telecoms),
        *([E.administrativeGenderCode(code=traits.sex)] if traits.sex else []),
        *([E.birthTime(value=traits.birth_date)] if traits.birth_date else []),
        *([E.deceasedInd(value="true")] if traits.deceased else []),
        *map(write_address, traits.addresses),
        *_card(traits),
        *map(write_representative, traits.representatives),
        *([write_birth_place(traits.birth_country)] if traits.birth_country else []),
    ])  # fmt: skip
    return person


def _card(traits: Traits) -> list[etree._Element]:
    """What was read on the Carte Vitale, unmodified (GI-DMP EX_GEN-1265)."""
    if traits.vitale_name is None:
        return []
    holder = E.contactPerson(
        write_name(traits.vitale_name),
        E.birthTime(value=traits.vitale_birth_date),
        classCode="PSN",
        determinerCode="INSTANCE",
    )
    code = E.code(code=VITALE_CARD, codeSystem=oids.CONTACT_PARTIES)
    # The schema wants a telecom, of which the card has none.
    return [E.contactParty(code, E.telecom(nullFlavor="NI"), holder, classCode="CON")]


def _author(actor: Actor) -> etree._Element:
    person = E.assignedPerson(
        E.name(E.family(actor.family), E.given(actor.given)), classCode="PSN", determinerCode="INSTANCE"
    )
    organisation = E.representedOrganization(
        E.id(root=oids.STRUCTURES, extension=actor.structure),
        E.name(actor.structure_name),
        E.contactParty(classCode="CON"),
        classCode="ORG",
        determinerCode="INSTANCE",
    )
    entity = E.assignedEntity(
        E.id(root=oids.PERSONS, extension=actor.person),
        E.code(code=actor.specialty.code, codeSystem=actor.specialty.system),
        person,
        organisation,
        classCode="ASSIGNED",
    )
    return E.author(entity, typeCode="AUT")
