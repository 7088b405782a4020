"""PRPA_IN201305UV02 and PRPA_IN201306UV02: search of a patient without INS, TD0.5 (edition NE2008, ITI TF-2 3.47)."""

import re
from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass
from datetime import date, datetime

from lxml import etree

from dmpws.codec.hl7v3.message import DMP, XSI_TYPE, E, Header, answer, coded, ii, read_header
from dmpws.codec.hl7v3.patients import write_name
from dmpws.codec.hl7v3.reading import Identifier, every, identifier, maybe, one, text
from dmpws.codec.hl7v3.registration import NO_CENTRE_15
from dmpws.domain import oids
from dmpws.domain.checks import Check, Rule, demand
from dmpws.domain.code import Code
from dmpws.domain.names import spelling
from dmpws.domain.patient import PatientRecord
from dmpws.domain.patient_search import LONGEST, PatientCriteria, known_birth
from dmpws.xml.names import HL7
from dmpws.xml.path import path_of

_INVALID = "DMPInvalidRequest"
SUPPORTED = Rule("TD05-SUPPORTED", "Le critère est de ceux de la recherche sans INS", "DMPWS D129", _INVALID)
CRITERIA = Rule("TD05-CRITERIA", "La recherche a au moins un critère", "DMPWS D129", _INVALID)
LENGTH = Rule("TD05-LENGTH", "Le critère n'est pas trop long", "DMP-CLIENT", _INVALID)
WRITTEN = Rule("TD05-WRITTEN", "Le critère a une lettre ou un chiffre", "DMPWS D127", _INVALID)
BIRTH = Rule("TD05-BIRTH", "La date de naissance existe", "DMPWS D127", _INVALID)
SEX = Rule("TD05-SEX", "Le sexe est M ou F", "DMPWS D127", _INVALID)

_QUERY = "controlActProcess/queryByParameter"
_GENDER, _BIRTH_TIME = "livingSubjectAdministrativeGender", "livingSubjectBirthTime"
_NAME, _ADDRESS = "livingSubjectName", "patientAddress"
_READ = {"id", _GENDER, _BIRTH_TIME, _NAME, _ADDRESS}
_SIMILAR = "SRCH"
_DATE = re.compile(r"[0-9]{4}([0-9]{2}){0,2}")

_EVENT = Code("PRPA_TE201306UV02", oids.HL7_INTERACTIONS)
_PERCENTAGE = "POURCENTAGE"
_OPPOSITION = Code(NO_CENTRE_15, oids.ADMINISTRATIVE_OBSERVATIONS, "opposition à l'accès au mode urgence")


@dataclass(frozen=True, slots=True)
class CandidatesQuery:
    """What a PRPA_IN201305UV02 asks. element: its queryByParameter, which the answer repeats."""

    header: Header
    query_id: Identifier
    criteria: PatientCriteria
    element: etree._Element


@dataclass(frozen=True, slots=True)
class Candidate:
    """A record that answers the criteria, and how well: 1 to 100."""

    record: PatientRecord
    percentage: int

    @property
    def nearest_first(self) -> tuple[int, str, str, str]:
        """By what answers are ordered."""
        name = self.record.traits.name
        return -self.percentage, name.birth, name.given, self.record.ins.value


def read_query(message: etree._Element) -> CandidatesQuery:
    """Read PRPA_IN201305UV02; an empty criterion is not asked for.

    Raises Refused: no criterion, one that this search has not, one that is doubled, too long or impossible.
    """
    query = one(message, _QUERY)
    parameters = one(query, "parameterList")
    for element in every(parameters, "*"):
        name = etree.QName(element).localname
        demand(name in _READ, SUPPORTED, expected=", ".join(sorted(_READ - {"id"})), found=name)
    name_value, address_value = maybe(parameters, f"{_NAME}/value"), maybe(parameters, f"{_ADDRESS}/value")
    criteria = PatientCriteria(
        family=read_part(name_value, "family", LONGEST["family"]),
        given=read_part(name_value, "given", LONGEST["given"], several=True),
        birth=_birth(maybe(parameters, f"{_BIRTH_TIME}/value")),
        sex=_sex(maybe(parameters, f"{_GENDER}/value")),
        postal_code=read_part(address_value, "postalCode", LONGEST["postal_code"]),
        city=read_part(address_value, "city", LONGEST["city"]),
        similar_name=is_similar(name_value),
        similar_address=is_similar(address_value),
    )
    demand(bool(criteria.asked), CRITERIA, expected="nom, prénom, date de naissance, sexe ou adresse", found="aucun")
    return CandidatesQuery(read_header(message), identifier(one(query, "queryId")), criteria, query)


def found(query: CandidatesQuery, candidates: Sequence[Candidate], *, message_id: str, now: datetime) -> etree._Element:
    """Build the PRPA_IN201306UV02 that answers `query`, in the order given. message_id: bare UUID."""
    count = str(len(candidates))
    ack = E.queryAck(
        ii("queryId", query.query_id),
        E.queryResponseCode(code="OK" if candidates else "NF"),
        E.resultTotalQuantity(value=count),
        E.resultCurrentQuantity(value=count),
        E.resultRemainingQuantity(value="0"),
    )
    return answered(query.header, [*map(_subject, candidates), ack, _echo(query.element)], message_id, now)


def refused(message: etree._Element, problems: Sequence[Check], *, message_id: str, now: datetime) -> etree._Element:
    """Build the PRPA_IN201306UV02 that refuses `message`, whatever state that one is in."""
    query_ids = every(message, f"{_QUERY}/queryId")
    query_id = ii("queryId", identifier(query_ids[0] if query_ids else None))
    ack = E.queryAck(query_id, E.queryResponseCode(code="AE"))
    return answered(read_header(message), [ack], message_id, now, problems)


def answered(
    header: Header,
    act: Sequence[etree._Element],
    message_id: str,
    now: datetime,
    problems: Sequence[Check] = (),
    *,
    sender: Identifier = DMP,
) -> etree._Element:
    """Build a PRPA_IN201306UV02. act: what follows the code in controlActProcess. message_id: bare UUID."""
    return answer(
        "PRPA_IN201306UV02",
        header,
        [coded("code", _EVENT), *act],
        message_id=Identifier(message_id),
        now=now,
        problems=problems,
        type_code_is_element=True,
        sender=sender,
    )


def read_part(value: etree._Element | None, name: str, longest: int, *, several: bool = False) -> str:
    """The text of a part of a name or address, empty when there is none. longest: characters it may have."""
    if value is None:
        return ""
    if not several:
        maybe(value, name)
    asked = text(value, name)
    where = f"{path_of(value)}/{name}"
    demand(len(asked) <= longest, LENGTH, expected=f"{longest} au plus", found=str(len(asked)), where=where)
    demand(not asked or bool(spelling(asked)), WRITTEN, found=asked, where=where)
    return asked


def is_similar(value: etree._Element | None) -> bool:
    """Tell whether what begins so, or sounds alike, will do."""
    return value is not None and _SIMILAR in value.get("use", "").split()


def _birth(value: etree._Element | None) -> str:
    if value is None or (value.get("value") is None and len(value) == 0):
        return ""
    return read_day(value)


def read_day(element: etree._Element, longest: int = 8) -> str:
    """A whole or incomplete date in @value; `00` for a month or a day is an unknown one. longest: digits it may have,
    of which eight are read."""
    written = element.get("value", "").strip()
    known = known_birth(written)
    demand(
        bool(_DATE.fullmatch(written[:8])) and len(written) <= longest and _exists(known),
        BIRTH,
        expected="AAAA, AAAAMM ou AAAAMMJJ dans @value",
        found=written[:40] or "absente",
        where=path_of(element),
    )
    return known


def _exists(day: str) -> bool:
    try:
        date(int(day[:4]), int(day[4:6] or 1), int(day[6:8] or 1))
    except ValueError:
        return False
    return True


def _sex(value: etree._Element | None) -> str:
    code = value.get("code", "") if value is not None else ""
    where = path_of(value) if value is not None else ""
    demand(code in {"", "M", "F"}, SEX, expected="M ou F", found=code[:40], where=where)
    return code


def _subject(candidate: Candidate) -> etree._Element:
    event = E.registrationEvent(
        E.statusCode(code="active"),
        E.subject1(_patient(candidate), typeCode="SBJ"),
        E.custodian(E.assignedEntity(E.id(root=oids.DMP_DEVICE), classCode="ASSIGNED"), typeCode="CST"),
        classCode="REG",
        moodCode="EVN",
    )
    return E.subject(event, contextConductionInd="false", typeCode="SUBJ")


def _patient(candidate: Candidate) -> etree._Element:
    """Identifiers, the traits that may be searched by, and how well they agree: nothing else of the record."""
    record, traits = candidate.record, candidate.record.traits
    person = E.patientPerson(
        write_name(traits.name),
        *([E.administrativeGenderCode(code=traits.sex)] if traits.sex else []),
        *([E.birthTime(value=traits.birth_date)] if traits.birth_date else []),
        *(E.addr(*_filled(city=a.city, postalCode=a.postal_code)) for a in traits.addresses[:1]),
        classCode="PSN",
        determinerCode="INSTANCE",
    )
    likeness = E.queryMatchObservation(
        E.code(code=_PERCENTAGE),
        E.value({XSI_TYPE: "INT"}, value=str(candidate.percentage)),
        classCode="OBS",
        moodCode="EVN",
    )
    opposition = E.administrativeObservation(
        coded("code", _OPPOSITION),
        E.value({XSI_TYPE: "BL"}, value="true" if record.opposes_centre_15 else "false"),
        classCode="OBS",
        moodCode="EVN",
    )
    return E.patient(
        # The NIR, then the INS-C: the other way round than in TD0.2.
        *(E.id(extension=ins.value, root=ins.authority) for ins in reversed(record.shown)),
        E.statusCode(code="active"),
        person,
        E.subjectOf1(likeness, typeCode="SBJ"),
        E.subjectOf2(opposition, typeCode="SBJ"),
        classCode="PAT",
    )


def _filled(**parts: str) -> list[etree._Element]:
    return [E(name, value) for name, value in parts.items() if value]


def echo(query: etree._Element) -> etree._Element:
    """queryByParameter once more."""
    copy = deepcopy(query)
    copy.tail = None
    etree.strip_elements(copy, etree.Comment, etree.ProcessingInstruction, with_tail=False)
    for element in copy.iter():
        element.attrib.pop(XSI_TYPE, "")  # its prefix may not be declared in the answer; no type here depends on it
    return copy


def _echo(query: etree._Element) -> etree._Element:
    """queryByParameter once more, with `use=""` where the DMP says that a value is not approximate."""
    copy = echo(query)
    for value in _values(copy, _NAME):
        value.set("use", value.get("use", ""))
    for value in _values(copy, _ADDRESS):
        value.set("use", "")  # SRCH is no use of an address in the official schema
    return copy


def _values(query: etree._Element, parameter: str) -> Iterator[etree._Element]:
    return query.iterfind(f"{{{HL7}}}parameterList/{{{HL7}}}{parameter}/{{{HL7}}}value")
