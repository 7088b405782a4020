"""PRPA_IN201305UV02 and PRPA_IN201306UV02 of plain IHE: Patient Demographics Query, ITI-47 (ITI TF-2 3.47)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import product

from lxml import etree

from dmpws.codec.hl7v3.candidates import Candidate, answered, echo, is_similar, read_day, read_part
from dmpws.codec.hl7v3.message import XSI_TYPE, E, Header, ii, read_header
from dmpws.codec.hl7v3.patients import write_address, write_ids, write_name, write_telecom
from dmpws.codec.hl7v3.reading import Identifier, attribute, every, identifier, maybe, one
from dmpws.domain.checks import Check, Rule, demand
from dmpws.domain.patient import Ins
from dmpws.domain.patient_search import PatientCriteria
from dmpws.xml.path import path_of

CRITERIA = Rule("PDQ-CRITERIA", "La recherche a un critère que ce serveur connaît", "DMPWS D103", "102")
FEW = Rule("PDQ-FEW", "Les valeurs des critères sont peu nombreuses", "DMPWS D103", "102")
QUANTITY = Rule("PDQ-QUANTITY", "initialQuantity est un nombre de patients", "ITI TF-2 3.47.4.1.2", "102")

_QUERY = "controlActProcess/queryByParameter"
_LONGEST, _LONGEST_TIME, _MOST, _SEXES = 250, 24, 20, 3
_ASKED = "identifiant, nom, prénom, date de naissance, sexe, code postal ou ville"


@dataclass(frozen=True, slots=True)
class DemographicsQuery:
    """What a PRPA_IN201305UV02 asks.

    alternatives: one of them must be answered. identifiers: all of the patient. domains: authorities whose identifiers
    are wanted, with the path of each from the message; none: of all. quantity: of patients wanted at most. element: its
    queryByParameter.
    """

    header: Header
    query_id: Identifier
    alternatives: tuple[PatientCriteria, ...]
    identifiers: tuple[Ins, ...]
    domains: tuple[tuple[str, str], ...]
    quantity: int | None
    element: etree._Element


@dataclass(frozen=True, slots=True)
class Person:
    """A patient of the answer. identifiers: those shown. missing: authorities asked for of which he has none."""

    candidate: Candidate
    identifiers: Sequence[Ins]
    missing: Sequence[str]


def read_demographics_query(message: etree._Element) -> DemographicsQuery:
    """Read PRPA_IN201305UV02. What this search does not know is left out: the answer then holds more than was asked,
    but every exact match.

    Raises Refused: nothing is left, there are too many values, or one is impossible.
    """
    query = one(message, _QUERY)
    parameters = one(query, "parameterList")
    identifiers = tuple(
        Ins(attribute(e, "extension"), attribute(e, "root")) for e in every(parameters, "livingSubjectId/value")
    )
    alternatives = _alternatives(parameters)
    demand(any(c.asked for c in alternatives) or bool(identifiers), CRITERIA, expected=_ASKED, found="aucun")
    domains = every(parameters, "otherIDsScopingOrganization/value")
    demand(len(identifiers) + len(domains) <= _MOST, FEW, expected=f"{_MOST} au plus", where=path_of(parameters))
    return DemographicsQuery(
        read_header(message),
        identifier(one(query, "queryId")),
        alternatives,
        identifiers,
        tuple((attribute(e, "root"), path_of(e).removeprefix("/Envelope/Body")) for e in domains),
        _quantity(maybe(query, "initialQuantity")),
        query,
    )


def _alternatives(parameters: etree._Element) -> tuple[PatientCriteria, ...]:
    """Values of one parameter are alternatives, different parameters must all agree."""

    def values(name: str, read: Callable[[etree._Element], PatientCriteria]) -> list[PatientCriteria]:
        found = dict.fromkeys(map(read, every(parameters, f"{name}/value")))
        return [criteria for criteria in found if criteria.asked] or [PatientCriteria()]

    names, births = values("livingSubjectName", _name), values("livingSubjectBirthTime", _birth)
    sexes, addresses = values("livingSubjectAdministrativeGender", _sex), values("patientAddress", _address)
    # No index serves a search by sex alone, so each value may read every record.
    demand(len(sexes) <= _SEXES, FEW, expected=f"{_SEXES} sexes au plus", found=str(len(sexes)))
    number = len(names) * len(births) * len(sexes) * len(addresses)
    demand(number <= _MOST, FEW, expected=f"{_MOST} combinaisons au plus", found=str(number), where=path_of(parameters))
    return tuple(
        replace(
            name,
            birth=birth.birth,
            born_from=birth.born_from,
            born_to=birth.born_to,
            sex=sex.sex,
            postal_code=address.postal_code,
            city=address.city,
            similar_address=address.similar_address,
        )
        for name, birth, sex, address in product(names, births, sexes, addresses)
    )


def _name(value: etree._Element) -> PatientCriteria:
    return PatientCriteria(
        family=read_part(value, "family", _LONGEST, several=True),
        given=read_part(value, "given", _LONGEST, several=True),
        similar_name=is_similar(value),
    )


def _address(value: etree._Element) -> PatientCriteria:
    return PatientCriteria(
        postal_code=read_part(value, "postalCode", _LONGEST),
        city=read_part(value, "city", _LONGEST),
        similar_address=is_similar(value),
    )


def _sex(value: etree._Element) -> PatientCriteria:
    return PatientCriteria(sex=value.get("code", "").strip()[:_LONGEST])


def _birth(value: etree._Element) -> PatientCriteria:
    """A date, or what bounds it."""
    low, high = maybe(value, "low"), maybe(value, "high")
    if low is None and high is None:
        return PatientCriteria(birth=_day(value if len(value) or value.get("value") else None))
    return PatientCriteria(born_from=_day(low), born_to=_day(high))


def _day(element: etree._Element | None) -> str:
    return read_day(element, _LONGEST_TIME) if element is not None and element.get("nullFlavor") is None else ""


def _quantity(element: etree._Element | None) -> int | None:
    if element is None or element.get("value") is None:
        return None
    written = attribute(element, "value")
    good = written.isascii() and written.isdigit() and 0 < len(written) < 10 and int(written) > 0
    demand(good, QUANTITY, expected="un nombre positif", found=written[:40], where=path_of(element))
    return int(written)


def people(
    query: DemographicsQuery, persons: Sequence[Person], problems: Sequence[Check], *, total: int, message_id: str,
    now: datetime,
) -> etree._Element:  # fmt: skip
    """Build the PRPA_IN201306UV02 that answers `query`, in the order given: acknowledged AE when there are problems.

    total: patients found. message_id: bare UUID. now: aware UTC.
    """
    code = "AE" if problems else "OK" if persons else "NF"
    ack = E.queryAck(
        ii("queryId", query.query_id),
        E.queryResponseCode(code=code),
        E.resultTotalQuantity(value=str(total)),
        E.resultCurrentQuantity(value=str(len(persons))),
        E.resultRemainingQuantity(value=str(total - len(persons))),
    )
    receiver = query.header.receiver
    act = [*(_subject(person, receiver) for person in persons), ack, echo(query.element)]
    return answered(query.header, act, message_id, now, problems, sender=receiver)


def not_queried(
    message: etree._Element, response: str, problems: Sequence[Check], *, message_id: str, now: datetime
) -> etree._Element:
    """Build the PRPA_IN201306UV02 that refuses `message`, whatever state that one is in. response: QE for a query that
    is not one, which is not repeated; AE for one that cannot be answered."""
    header, queries, query_ids = read_header(message), every(message, _QUERY), every(message, f"{_QUERY}/queryId")
    query_id = ii("queryId", identifier(query_ids[0] if query_ids else None))
    repeated = map(echo, queries if response == "AE" else [])
    ack = E.queryAck(query_id, E.queryResponseCode(code=response))
    return answered(header, [ack, *repeated], message_id, now, problems, sender=header.receiver)


def _subject(person: Person, receiver: Identifier) -> etree._Element:
    custodian = E.assignedEntity(ii("id", Identifier(receiver.root)), classCode="ASSIGNED")
    event = E.registrationEvent(
        E.statusCode(code="active"),
        E.subject1(_patient(person), typeCode="SBJ"),
        E.custodian(custodian, typeCode="CST"),
        classCode="REG",
        moodCode="EVN",
    )
    return E.subject(event, contextConductionInd="false", typeCode="SUBJ")


def _patient(person: Person) -> etree._Element:
    traits = person.candidate.record.traits
    authorities = dict.fromkeys([*(ins.authority for ins in person.identifiers), *person.missing])
    likeness = E.queryMatchObservation(
        E.code(code="IHE_PDQ"),
        E.value({XSI_TYPE: "INT"}, value=str(person.candidate.percentage)),
        classCode="OBS",
        moodCode="EVN",
    )
    return E.patient(
        *(write_ids(person.identifiers) or [E.id(nullFlavor="NI")]),
        E.statusCode(code="active"),
        E.patientPerson(
            write_name(traits.name),
            *map(write_telecom, traits.telecoms),
            *([E.administrativeGenderCode(code=traits.sex)] if traits.sex else []),
            *([E.birthTime(value=traits.birth_date)] if traits.birth_date else []),
            *([E.deceasedInd(value="true")] if traits.deceased else []),
            *map(write_address, traits.addresses),
            *(_without_identifier(authority) for authority in person.missing),
            classCode="PSN",
            determinerCode="INSTANCE",
        ),
        E.providerOrganization(
            *(E.id(root=authority) for authority in authorities),
            E.contactParty(E.telecom(nullFlavor="NI"), classCode="CON"),
            classCode="ORG",
            determinerCode="INSTANCE",
        ),
        E.subjectOf1(likeness, typeCode="SBJ"),
        classCode="PAT",
    )


def _without_identifier(authority: str) -> etree._Element:
    organization = E.scopingOrganization(E.id(root=authority), classCode="ORG", determinerCode="INSTANCE")
    return E.asOtherIDs(E.id(nullFlavor="NI"), organization, classCode="PAT")
