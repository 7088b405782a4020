"""TD0.2 and TD1.3a from the client's side: does the patient have a DMP, what does it hold of him."""

import uuid
from dataclasses import dataclass
from datetime import datetime

from lxml import etree

from dmpws.client.errors import Problem
from dmpws.client.hl7 import E, H, acknowledgement, get, message, reason_code
from dmpws.codec.hl7v3.patients import read_traits
from dmpws.codec.hl7v3.reasons import CONSULTATION, TEST_EXISTENCE
from dmpws.codec.hl7v3.registration import NO_BRIS_DE_GLACE, NO_CENTRE_15
from dmpws.domain.authorisation import AuthorisationState
from dmpws.domain.code import Code
from dmpws.domain.patient import Ins, Traits
from dmpws.vihf.issue import Lps


@dataclass(frozen=True, slots=True)
class Existence:
    """Answer of TD0.2.

    acknowledgement: AA or AE. response: queryResponseCode, OK or NF. status: active or terminated. closed_on:
    YYYYMMDDhhmmss.
    """

    acknowledgement: str
    response: str
    status: str = ""
    authorisation: AuthorisationState | None = None
    treating_doctor: bool = False
    identifiers: tuple[Ins, ...] = ()
    birth_name: str = ""
    given: str = ""
    closed_on: str = ""
    closure_code: str = ""
    closure_text: str = ""
    problems: tuple[Problem, ...] = ()
    internet_account: bool = False
    """COMPTE_INTERNET_OUVERT."""
    attached_to_ens: bool = False
    """RATTACHEMENT_ENS."""

    @property
    def exists(self) -> bool:
        return self.response == "OK"


@dataclass(frozen=True, slots=True)
class AdministrativeData:
    """Answer of TD1.3a. traits: None when it was refused."""

    acknowledgement: str
    identifiers: tuple[Ins, ...] = ()
    traits: Traits | None = None
    opposes_bris_de_glace: bool = False
    opposes_centre_15: bool = False
    attached_to_ens: bool = False
    internet_account: bool = False
    problems: tuple[Problem, ...] = ()


def existence_request(ins: Ins, lps: Lps, now: datetime) -> etree._Element:
    """Build PRPA_IN201307UV02 with reasonCode TEST_EXST."""
    return _request(TEST_EXISTENCE, ins, lps, now)


def administrative_request(ins: Ins, lps: Lps, now: datetime) -> etree._Element:
    """Build PRPA_IN201307UV02 with reasonCode CNSLT_DATA."""
    return _request(CONSULTATION, ins, lps, now)


def _request(reason: Code, ins: Ins, lps: Lps, now: datetime) -> etree._Element:
    query = E.queryByParameter(
        E.queryId(root=lps.id, extension=str(uuid.uuid4())),
        E.statusCode(code="new"),
        E.parameterList(
            E.patientIdentifier(E.value(root=ins.authority, extension=ins.value), E.semanticsText("Patient.id"))
        ),
    )
    return message("PRPA_IN201307UV02", lps, now, reason_code(reason), query)


def existence_answer(body: etree._Element) -> Existence:
    """Read the PRPA_IN201308UV02 of TD0.2."""
    lines = {get(line, f"{H}keyWordText", "code"): line for line in body.findall(f"{H}attentionLine")}
    patient = body.find(f".//{H}patient")
    type_code, problems = acknowledgement(body)
    code = get(body, f".//{H}queryResponseCode", "code")
    if patient is None:
        return Existence(type_code, code, problems=problems)
    authorisation = lines.get("AUTORISATION")
    doctor = lines.get("STATUT_MT")
    said = _observed(patient)
    return Existence(
        type_code,
        code,
        status=get(patient, f"{H}statusCode", "code"),
        authorisation=_authorisation(authorisation),
        treating_doctor=doctor is not None and get(doctor, f"{H}value", "value") == "true",
        identifiers=_identifiers(patient),
        birth_name=patient.findtext(f".//{H}family[@qualifier='BR']") or "",
        given=patient.findtext(f".//{H}given") or "",
        closed_on=get(body, f".//{H}registrationEvent/{H}effectiveTime", "value"),
        closure_code=get(body, f".//{H}detectedIssueEvent/{H}code", "code"),
        closure_text=body.findtext(f".//{H}detectedIssueEvent/{H}text") or "",
        problems=problems,
        internet_account=said.get("COMPTE_INTERNET_OUVERT", False),
        attached_to_ens=said.get("RATTACHEMENT_ENS", False),
    )


def administrative_answer(body: etree._Element) -> AdministrativeData:
    """Read the PRPA_IN201308UV02 of TD1.3a."""
    patient = body.find(f".//{H}patient")
    type_code, problems = acknowledgement(body)
    if patient is None:
        return AdministrativeData(type_code, problems=problems)
    said = _observed(patient)
    return AdministrativeData(
        type_code,
        identifiers=_identifiers(patient),
        traits=read_traits(patient),
        opposes_bris_de_glace=said.get(NO_BRIS_DE_GLACE, False),
        opposes_centre_15=said.get(NO_CENTRE_15, False),
        attached_to_ens=said.get("RATTACHEMENT_ENS", False),
        internet_account=said.get("COMPTE_INTERNET_OUVERT", False),
        problems=problems,
    )


def _identifiers(patient: etree._Element) -> tuple[Ins, ...]:
    return tuple(Ins(i.get("extension", ""), i.get("root", "")) for i in patient.findall(f"{H}id"))


def _observed(patient: etree._Element) -> dict[str, bool]:
    """Which administrativeObservations are true, by code."""
    return {
        get(observation, f"{H}code", "code"): get(observation, f"{H}value", "value") == "true"
        for observation in patient.iter(f"{H}administrativeObservation")
    }


def _authorisation(line: etree._Element | None) -> AuthorisationState | None:
    return None if line is None else AuthorisationState(get(line, f"{H}value", "code"))
