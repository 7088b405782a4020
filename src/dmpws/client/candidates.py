"""TD0.5 and ITI-47 from the client's side."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from lxml import etree

from dmpws.client.errors import Problem
from dmpws.client.hl7 import E, H, acknowledgement, get, message
from dmpws.domain import oids
from dmpws.domain.patient import Ins
from dmpws.domain.patient_search import PatientCriteria
from dmpws.vihf.issue import Lps


@dataclass(frozen=True, slots=True)
class FoundPatient:
    """One patient of the answer. identifiers: in TD0.5 the NIR, then the INS-C. percentage: how near the traits are."""

    identifiers: tuple[Ins, ...]
    birth_name: str
    used_name: str
    given: str
    sex: str
    birth_date: str
    postal_code: str
    city: str
    percentage: int
    opposes_centre_15: bool


@dataclass(frozen=True, slots=True)
class FoundPatients:
    """Answer of TD0.5 or ITI-47. acknowledgement: AA or AE. response: queryResponseCode, OK, NF, AE or QE. total:
    patients found."""

    acknowledgement: str
    response: str
    total: int = 0
    patients: tuple[FoundPatient, ...] = ()
    problems: tuple[Problem, ...] = ()

    @property
    def too_many(self) -> bool:
        return any(problem.code in ("DMPTooManyResult", "207") for problem in self.problems)


def search_request(criteria: PatientCriteria, lps: Lps, now: datetime) -> etree._Element:
    """Build the PRPA_IN201305UV02 of TD0.5."""
    return _query(_parameters(criteria), lps, now)


def demographics_request(
    criteria: PatientCriteria,
    lps: Lps,
    now: datetime,
    *,
    identifiers: Sequence[Ins] = (),
    domains: Sequence[str] = (),
    quantity: int | None = None,
) -> etree._Element:
    """Build the PRPA_IN201305UV02 of ITI-47. See dmpws.client.ihe."""
    parameters = _parameters(criteria)
    for ins in identifiers:
        value = E.value(root=ins.authority, extension=ins.value)
        parameters.append(E.livingSubjectId(value, E.semanticsText("LivingSubject.id")))
    for domain in domains:
        text = E.semanticsText("OtherIDs.scopingOrganization.id")
        parameters.append(E.otherIDsScopingOrganization(E.value(root=domain), text))
    parameters.sort(key=lambda parameter: etree.QName(parameter).localname)  # the order of the schema
    most = [E.initialQuantity(value=str(quantity))] if quantity else []
    return _query(parameters, lps, now, E.responseModalityCode(code="R"), E.responsePriorityCode(code="I"), *most)


def _parameters(criteria: PatientCriteria) -> list[etree._Element]:
    parameters = []
    if criteria.sex:
        gender = E.livingSubjectAdministrativeGender
        parameters.append(gender(E.value(code=criteria.sex), E.semanticsText("LivingSubject.administrativeGender")))
    if criteria.birth or criteria.born_from or criteria.born_to:
        bounds = {"low": criteria.born_from, "high": criteria.born_to}
        value = E.value(*(E(name, value=bound) for name, bound in bounds.items() if bound and not criteria.birth))
        if criteria.birth:
            value.set("value", criteria.birth)
        parameters.append(E.livingSubjectBirthTime(value, E.semanticsText("LivingSubject.birthTime")))
    if criteria.family or criteria.given:
        name = _value(criteria.similar_name, family=criteria.family, given=criteria.given)
        parameters.append(E.livingSubjectName(name, E.semanticsText("LivingSubject.name")))
    if criteria.postal_code or criteria.city:
        address = _value(criteria.similar_address, postalCode=criteria.postal_code, city=criteria.city)
        parameters.append(E.patientAddress(address, E.semanticsText("Patient.addr")))
    return parameters


def _query(parameters: Sequence[etree._Element], lps: Lps, now: datetime, *modality: etree._Element) -> etree._Element:
    """Build PRPA_IN201305UV02. modality: what stands between statusCode and parameterList."""
    query = E.queryByParameter(
        E.queryId(root=lps.id, extension=str(uuid.uuid4())),
        E.statusCode(code="new"),
        *modality,
        E.parameterList(*parameters),
    )
    code = E.code(code="PRPA_TE201305UV02", codeSystem=oids.HL7_INTERACTIONS)
    return message("PRPA_IN201305UV02", lps, now, code, query)


def _value(similar: bool, **parts: str) -> etree._Element:
    use = {"use": "SRCH"} if similar else {}
    return E.value(*(E(name, text) for name, text in parts.items() if text), **use)


def search_answer(body: etree._Element) -> FoundPatients:
    """Read PRPA_IN201306UV02."""
    type_code, problems = acknowledgement(body)
    return FoundPatients(
        type_code,
        get(body, f".//{H}queryAck/{H}queryResponseCode", "code"),
        int(get(body, f".//{H}queryAck/{H}resultTotalQuantity", "value") or 0),
        tuple(map(_patient, body.iterfind(f".//{H}subject1/{H}patient"))),
        problems,
    )


def _patient(patient: etree._Element) -> FoundPatient:
    def text(path: str) -> str:
        return patient.findtext(f"{H}patientPerson/{path}") or ""

    return FoundPatient(
        tuple(Ins(i.get("extension", ""), i.get("root", "")) for i in patient.iterfind(f"{H}id")),
        text(f"{H}name/{H}family[@qualifier='BR']") or _unqualified(patient),
        text(f"{H}name/{H}family[@qualifier='SP']"),
        text(f"{H}name/{H}given"),
        get(patient, f".//{H}administrativeGenderCode", "code"),
        get(patient, f".//{H}birthTime", "value"),
        text(f"{H}addr/{H}postalCode"),
        text(f"{H}addr/{H}city"),
        int(get(patient, f".//{H}queryMatchObservation/{H}value", "value") or 0),
        get(patient, f".//{H}administrativeObservation/{H}value", "value") == "true",
    )


def _unqualified(patient: etree._Element) -> str:
    """The family name as other servers of ITI-47 write it."""
    families = patient.iterfind(f"{H}patientPerson/{H}name/{H}family")
    return next((family.text or "" for family in families if family.get("qualifier") is None), "")
