"""TD0.2 and TD1.1 from the client's side: HL7 v3 requests and answers."""

import uuid
from dataclasses import dataclass
from datetime import datetime

from lxml import etree
from lxml.builder import ElementMaker

from dmpws.client.actor import Actor
from dmpws.client.errors import Problem
from dmpws.domain import oids
from dmpws.domain.authorisation import AuthorisationState
from dmpws.domain.code import Code
from dmpws.domain.patient import Ins, Traits
from dmpws.vihf.issue import Lps
from dmpws.xml.names import HL7, XSI

_E = ElementMaker(namespace=HL7, nsmap={None: HL7, "xsi": XSI})
_H = f"{{{HL7}}}"

TEST_EXISTENCE = Code("TEST_EXST", oids.REASONS, "Test d'existence de dossier")
CREATION = Code("CREA_RD", oids.REASONS, "Création de dossier")


@dataclass(frozen=True, slots=True)
class Existence:
    """Answer of TD0.2.

    acknowledgement: AA or AE. response: queryResponseCode, OK or NF. status: active or terminated.
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
    problems: tuple[Problem, ...] = ()

    @property
    def exists(self) -> bool:
        return self.response == "OK"


@dataclass(frozen=True, slots=True)
class Creation:
    """Answer of TD1.1: interaction is PRPA_IN201312UV02 (created) or PRPA_IN201313UV02 (refused)."""

    interaction: str
    acknowledgement: str
    problems: tuple[Problem, ...] = ()

    @property
    def created(self) -> bool:
        return self.interaction == "PRPA_IN201312UV02" and self.acknowledgement == "AA"


def existence_request(ins: Ins, lps: Lps, now: datetime) -> etree._Element:
    """Build PRPA_IN201307UV02 with reasonCode TEST_EXST."""
    query = _E.queryByParameter(
        _E.queryId(root=lps.id, extension=str(uuid.uuid4())),
        _E.statusCode(code="new"),
        _E.parameterList(
            _E.patientIdentifier(_E.value(root=ins.authority, extension=ins.value), _E.semanticsText("Patient.id"))
        ),
    )
    return _message("PRPA_IN201307UV02", lps, now, _reason(TEST_EXISTENCE), query)


def existence_answer(body: etree._Element) -> Existence:
    """Read PRPA_IN201308UV02."""
    lines = {_get(line, f"{_H}keyWordText", "code"): line for line in body.findall(f"{_H}attentionLine")}
    patient = body.find(f".//{_H}patient")
    acknowledgement, problems = _acknowledgement(body)
    code = _get(body, f".//{_H}queryResponseCode", "code")
    if patient is None:
        return Existence(acknowledgement, code, problems=problems)
    authorisation = lines.get("AUTORISATION")
    doctor = lines.get("STATUT_MT")
    return Existence(
        acknowledgement,
        code,
        status=_get(patient, f"{_H}statusCode", "code"),
        authorisation=_authorisation(authorisation),
        treating_doctor=doctor is not None and _get(doctor, f"{_H}value", "value") == "true",
        identifiers=tuple(Ins(i.get("extension", ""), i.get("root", "")) for i in patient.findall(f"{_H}id")),
        birth_name=patient.findtext(f".//{_H}family[@qualifier='BR']") or "",
        given=patient.findtext(f".//{_H}given") or "",
        closed_on=_get(body, f".//{_H}registrationEvent/{_H}effectiveTime", "value"),
        closure_code=_get(body, f".//{_H}detectedIssueEvent/{_H}code", "code"),
        problems=problems,
    )


def _authorisation(line: etree._Element | None) -> AuthorisationState | None:
    return None if line is None else AuthorisationState(_get(line, f"{_H}value", "code"))


def _get(element: etree._Element, path: str, attribute: str) -> str:
    """The attribute of the first element at `path`; empty when one of them is missing."""
    found = element.find(path)
    return "" if found is None else found.get(attribute, "")


def creation_request(
    ins: Ins,
    traits: Traits,
    author: Actor,
    lps: Lps,
    now: datetime,
    *,
    consent: datetime | None,
    opposes_bris_de_glace: bool = False,
    opposes_centre_15: bool = False,
) -> etree._Element:
    """Build PRPA_IN201311UV02. consent: when the patient agreed to open a DMP; None leaves it out (refused)."""
    observations = []
    if consent is not None:
        observations.append(_observation("CONSENTEMENT_OUVERTURE_DMP", True, consent))
    observations.append(_observation("OPPOSITION_BRIS_DE_GLACE", opposes_bris_de_glace))
    observations.append(_observation("OPPOSITION_ACCES_URGENCE", opposes_centre_15))
    patient = _E.patient(
        _E.id(root=ins.authority, extension=ins.value),
        _E.statusCode(code="active"),
        _person(traits),
        # Nil, as real clients send it; the schema wants its class all the same.
        _E.providerOrganization({f"{{{XSI}}}nil": "true"}, classCode="ORG", determinerCode="INSTANCE"),
        *observations,
        classCode="PAT",
    )
    request = _E.registrationRequest(
        _E.statusCode(code="active"),
        _E.subject1(patient, typeCode="SBJ"),
        _author(author),
        classCode="REG",
        moodCode="RQO",
    )
    subject = _E.subject(request, typeCode="SUBJ", contextConductionInd="false")
    return _message("PRPA_IN201311UV02", lps, now, _reason(CREATION), subject)


def creation_answer(body: etree._Element) -> Creation:
    """Read PRPA_IN201311UV02_Response."""
    message = body[0]
    acknowledgement, problems = _acknowledgement(message)
    return Creation(etree.QName(message).localname, acknowledgement, problems)


def _acknowledgement(message: etree._Element) -> tuple[str, tuple[Problem, ...]]:
    element = message.find(f"{_H}acknowledgement")
    if element is None:
        return "", ()
    details = element.findall(f"{_H}acknowledgementDetail")
    problems = tuple(Problem(_get(d, f"{_H}code", "code"), d.findtext(f"{_H}text") or "") for d in details)
    return element.get("typeCode", ""), problems


def _message(interaction: str, lps: Lps, now: datetime, *control_act: etree._Element) -> etree._Element:
    message = ElementMaker(namespace=HL7, nsmap={None: HL7, "xsi": XSI})(
        interaction,
        _E.id(root=lps.id, extension=str(uuid.uuid4())),
        _E.creationTime(value=now.strftime("%Y%m%d%H%M%S")),
        _E.interactionId(root=oids.HL7_INTERACTIONS, extension=interaction),
        _E.processingCode(code="D"),
        _E.processingModeCode(code="T"),
        _E.acceptAckCode(code="AL"),
        _E.receiver(_device(oids.DMP_DEVICE, "DMP"), typeCode="RCV"),
        _E.sender(_device(lps.id, lps.name), typeCode="SND"),
        _E.controlActProcess(*control_act, classCode="CACT", moodCode="EVN"),
        ITSVersion="XML_1.0",
    )
    return message  # noqa: RET504 - the name tells what the long expression builds


def _device(root: str, name: str) -> etree._Element:
    return _E.device(_E.id(root=root), _E.softwareName(name), classCode="DEV", determinerCode="INSTANCE")


def _reason(code: Code) -> etree._Element:
    return _E.reasonCode(code=code.code, codeSystem=code.system, displayName=code.display)


def _observation(code: str, value: bool, time: datetime | None = None) -> etree._Element:
    parts = [_E.code(code=code, codeSystem=oids.ADMINISTRATIVE_OBSERVATIONS)]
    if time is not None:
        parts.append(_E.effectiveTime(value=time.strftime("%Y%m%d%H%M%S")))
    parts.append(_E.value({f"{{{XSI}}}type": "BL", "value": "true" if value else "false"}))
    return _E.subjectOf(_E.administrativeObservation(*parts, classCode="OBS", moodCode="EVN"), typeCode="SBJ")


def _person(traits: Traits) -> etree._Element:
    name = _E.name(_E.prefix(traits.name.prefix)) if traits.name.prefix else _E.name()
    name.append(_E.given(traits.name.given))
    if traits.name.birth:
        name.append(_E.family(traits.name.birth, qualifier="BR"))
    if traits.name.used:
        name.append(_E.family(traits.name.used, qualifier="SP"))
    telecoms = [_E.telecom(**({"use": t.use} if t.use else {}), value=t.value) for t in traits.telecoms]
    addresses = [
        _E.addr(
            *(
                maker(value)
                for maker, value in (
                    (_E.streetAddressLine, a.street),
                    (_E.additionalLocator, a.locator),
                    (_E.postalCode, a.postal_code),
                    (_E.city, a.city),
                    (_E.country, a.country),
                )
                if value
            )
        )
        for a in traits.addresses
    ]
    return _E.patientPerson(
        name,
        *telecoms,
        _E.administrativeGenderCode(code=traits.sex),
        _E.birthTime(value=traits.birth_date),
        *addresses,
        classCode="PSN",
        determinerCode="INSTANCE",
    )


def _author(actor: Actor) -> etree._Element:
    person = _E.assignedPerson(
        _E.name(_E.family(actor.family), _E.given(actor.given)), classCode="PSN", determinerCode="INSTANCE"
    )
    organisation = _E.representedOrganization(
        _E.id(root=oids.STRUCTURES, extension=actor.structure),
        _E.name(actor.structure_name),
        _E.contactParty(classCode="CON"),
        classCode="ORG",
        determinerCode="INSTANCE",
    )
    entity = _E.assignedEntity(
        _E.id(root=oids.PERSONS, extension=actor.person),
        _E.code(code=actor.specialty.code, codeSystem=actor.specialty.system),
        person,
        organisation,
        classCode="ASSIGNED",
    )
    return _E.author(entity, typeCode="AUT")
