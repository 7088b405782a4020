"""PRPA_IN201307UV02 and PRPA_IN201308UV02: test of existence (TD0.2) and administrative data (TD1.3a)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from lxml import etree

from dmpws.codec.hl7v3.message import XSI_TYPE, E, Header, answer, coded, ii, read_header
from dmpws.codec.hl7v3.patients import (
    NOT_KNOWN,
    write_address,
    write_birth_place,
    write_ids,
    write_name,
    write_representative,
    write_telecom,
)
from dmpws.codec.hl7v3.reading import Identifier, attribute, every, identifier, one
from dmpws.codec.hl7v3.reasons import CONSULTATION, TEST_EXISTENCE
from dmpws.codec.hl7v3.registration import NO_BRIS_DE_GLACE, NO_CENTRE_15
from dmpws.domain import oids
from dmpws.domain.authorisation import AuthorisationState
from dmpws.domain.checks import Check
from dmpws.domain.code import Code
from dmpws.domain.patient import Ins, PatientRecord

_ENS = Code("RATTACHEMENT_ENS", oids.ADMINISTRATIVE_OBSERVATIONS, "information de rattachement du DMP à un ENS")
_INTERNET_ACCOUNT = Code("COMPTE_INTERNET_OUVERT", oids.INTERNET_ACCOUNT)
_BRIS_DE_GLACE = Code(NO_BRIS_DE_GLACE, oids.ADMINISTRATIVE_OBSERVATIONS, "opposition au mode bris de glace")
_CENTRE_15 = Code(NO_CENTRE_15, oids.ADMINISTRATIVE_OBSERVATIONS, "opposition à l'accès au mode urgence")
_QUERY = "controlActProcess/queryByParameter"


@dataclass(frozen=True, slots=True)
class DemographicsQuery:
    """What a PRPA_IN201307UV02 asks."""

    header: Header
    query_id: Identifier
    patient: Ins


def read_query(message: etree._Element) -> DemographicsQuery:
    """Read PRPA_IN201307UV02. Raises Refused when its one reason or patient identifier is missing or doubled."""
    one(message, "controlActProcess/reasonCode")
    value = one(message, f"{_QUERY}/parameterList/patientIdentifier/value")
    return DemographicsQuery(
        header=read_header(message),
        query_id=identifier(one(message, f"{_QUERY}/queryId")),
        patient=Ins(attribute(value, "extension"), attribute(value, "root")),
    )


def found(
    query: DemographicsQuery,
    record: PatientRecord,
    state: AuthorisationState,
    *,
    treating_doctor: bool,
    message_id: str,
    now: datetime,
) -> etree._Element:
    """Build the PRPA_IN201308UV02 of a patient who has a DMP, closed ones included. message_id: bare UUID."""
    authorisation = Code(state, oids.AUTHORISATION_STATES)
    attention = (
        _attention(Code("AUTORISATION", oids.AUTHORISATION_KEY), _typed("CV", coded("value", authorisation))),
        _attention(Code("STATUT_MT", oids.TREATING_DOCTOR_KEY), _boolean(treating_doctor)),
    )
    control_act = [
        coded("reasonCode", TEST_EXISTENCE),
        _subject(record, _patient(record, write_name(record.traits.name), [], [])),
        *_closure(record),
        _query_ack(query.query_id, "OK"),
    ]
    return _answer(query.header, control_act, message_id, now, attention=attention)


def administrative_data(
    query: DemographicsQuery, record: PatientRecord, *, message_id: str, now: datetime
) -> etree._Element:
    """Build the PRPA_IN201308UV02 of TD1.3a: everything the record holds of the patient."""
    traits = record.traits
    more = [
        E.deceasedInd(value=_true_or_false(traits.deceased)),
        *map(write_address, traits.addresses),
        *map(write_representative, traits.representatives),
        *([write_birth_place(traits.birth_country)] if traits.birth_country else []),
    ]
    oppositions = [
        _observation(_BRIS_DE_GLACE, record.opposes_bris_de_glace),
        _observation(_CENTRE_15, record.opposes_centre_15),
    ]
    patient = _patient(record, write_name(traits.name, unknown=NOT_KNOWN), more, oppositions)
    control_act = [
        coded("reasonCode", CONSULTATION),
        _subject(record, patient),
        _query_ack(query.query_id, "OK"),
    ]
    return _answer(query.header, control_act, message_id, now)


def not_found(query: DemographicsQuery, *, message_id: str, now: datetime) -> etree._Element:
    """Build the PRPA_IN201308UV02 of a patient who has no DMP: AA and queryResponseCode NF (DMP-CDT 0.2-010)."""
    control_act = [coded("reasonCode", TEST_EXISTENCE), _query_ack(query.query_id, "NF")]
    return _answer(query.header, control_act, message_id, now)


def refused(
    message: etree._Element, reason: Code, problems: Sequence[Check], *, message_id: str, now: datetime
) -> etree._Element:
    """Build the PRPA_IN201308UV02 that refuses `message`, whatever state that one is in."""
    query_ids = every(message, f"{_QUERY}/queryId")
    query_id = identifier(query_ids[0] if query_ids else None)
    control_act = [coded("reasonCode", reason), _query_ack(query_id, "AE")]
    return _answer(read_header(message), control_act, message_id, now, problems=problems)


def _answer(
    header: Header,
    control_act: Sequence[etree._Element],
    message_id: str,
    now: datetime,
    *,
    attention: Sequence[etree._Element] = (),
    problems: Sequence[Check] = (),
) -> etree._Element:
    return answer(
        "PRPA_IN201308UV02",
        header,
        control_act,
        message_id=Identifier(message_id),  # only a root, as in the official frame
        now=now,
        attention=attention,
        problems=problems,
    )


def _subject(record: PatientRecord, patient: etree._Element) -> etree._Element:
    event = E.registrationEvent(
        E.statusCode(code="completed"),
        *([E.effectiveTime(value=f"{record.closed_at:%Y%m%d%H%M%S}")] if record.closed_at else []),
        E.subject1(patient, typeCode="SBJ"),
        E.custodian(E.assignedEntity(E.id(root=oids.DMP_DEVICE), classCode="ASSIGNED"), typeCode="CST"),
        classCode="REG",
        moodCode="EVN",
    )
    return E.subject(event, contextConductionInd="false", typeCode="SUBJ")


def _patient(
    record: PatientRecord,
    name: etree._Element,
    more: Sequence[etree._Element],
    observations: Sequence[etree._Element],
) -> etree._Element:
    """more: what follows the birth date in patientPerson. observations: those besides the two of TD0.2."""
    traits = record.traits
    person = E.patientPerson(
        name,
        *(write_telecom(telecom) for telecom in traits.telecoms),
        *([E.administrativeGenderCode(code=traits.sex)] if traits.sex else []),
        *([E.birthTime(value=traits.birth_date)] if traits.birth_date else []),
        *more,
        classCode="PSN",
        determinerCode="INSTANCE",
    )
    return E.patient(
        *write_ids(record.shown),
        E.statusCode(code=record.status),
        person,
        _observation(_INTERNET_ACCOUNT, record.internet_account),
        _observation(_ENS, record.attached_to_ens),
        *observations,
        classCode="PAT",
    )


def _closure(record: PatientRecord) -> list[etree._Element]:
    if not record.closure_code:
        return []
    issue = E.detectedIssueEvent(
        coded("code", Code(record.closure_code, oids.CLOSURE_REASONS)),
        *([E.text(record.closure_text)] if record.closure_text else []),
        classCode="ALRT",
        moodCode="EVN",
    )
    return [E.reasonOf(issue, typeCode="RSON")]


def _query_ack(query_id: Identifier, code: str) -> etree._Element:
    return E.queryAck(ii("queryId", query_id), E.queryResponseCode(code=code))


def _attention(key: Code, value: etree._Element) -> etree._Element:
    return E.attentionLine(coded("keyWordText", key), value)


def _observation(code: Code, value: bool) -> etree._Element:
    observation = E.administrativeObservation(coded("code", code), _boolean(value), classCode="OBS", moodCode="EVN")
    return E.subjectOf(observation, typeCode="SBJ")


def _boolean(value: bool) -> etree._Element:
    return _typed("BL", E.value(value=_true_or_false(value)))


def _true_or_false(value: bool) -> str:
    return "true" if value else "false"


def _typed(datatype: str, element: etree._Element) -> etree._Element:
    # The name is unprefixed: every ancestor up to the Body binds the default namespace to HL7.
    element.set(XSI_TYPE, datatype)
    return element
