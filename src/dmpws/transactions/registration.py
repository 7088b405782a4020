"""What TD1.1, TD1.2, TD1.3b and TD1.4 have in common: whose record, by whom, with which consent."""

import uuid
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, date, datetime, timedelta

from lxml import etree

from dmpws.codec.hl7v3 import registration_answers
from dmpws.codec.hl7v3.message import read_header
from dmpws.codec.hl7v3.registration import (
    NO_BRIS_DE_GLACE,
    NO_CENTRE_15,
    Author,
    Observation,
    Registration,
    observation_in,
)
from dmpws.domain import oids
from dmpws.domain.access import AuthMode
from dmpws.domain.administration import LONGEST, MOST, day_of, is_name, says_something
from dmpws.domain.caller import Caller
from dmpws.domain.checks import Refused, Report, Rule, demand
from dmpws.domain.code import Code
from dmpws.domain.ins_c import has_valid_ins_c_key
from dmpws.domain.patient import Ins, PatientRecord
from dmpws.soap.message import Operation, SoapReply
from dmpws.transactions.admission import SAME
from dmpws.transactions.call import Call
from dmpws.xml.names import HL7

IDENTIFIERS = Rule("GDP-IDENTIFIERS", "Les autres identifiants sont ceux du dossier", "DMPWS D115", "DMPInvalidRequest")
CONSENT = Rule("GDP-CONSENT", "Le consentement du patient est donné et daté", "DMPWS D36", "DMPInvalidRequest")
AUTHOR_NAMES = Rule("GDP-AUTHOR-NAMES", "L'auteur a un nom et un prénom", "PDT-INF-617", "DMPInvalidRequest")
AUTHOR = Rule("GDP-AUTHOR", "L'auteur est l'utilisateur du VIHF", "DMPWS D11", "DMPInvalidRequest")
ATTACHED = Rule(
    "GDP-ATTACHED",
    "Le DMP n'est pas rattaché à Mon espace santé",
    "PDT-INF-526",
    "DMPAccessDeniedByRightsService",
)
ENABLED = Rule("GDP-ENABLED", "La création de DMP est ouverte", "DMPWS D13", "DMPAccessDeniedByRightsService")

REVISION = Operation(
    service="patients",
    name="PatientRevise_PRPA_IN201314UV02",
    body=f"{{{HL7}}}PRPA_IN201314UV02",
    action="urn:hl7-org:v3:PRPA_IN201314UV02",
    response_action="urn:hl7-org:v3:PRPA_IN201314ResponseUV02",
)
"""Shared by TD1.2, TD1.3b and TD1.4, which differ by their reasonCode: clients put what they like in
registrationRequest/statusCode."""


def asks_for(reason: Code) -> Callable[[etree._Element, str], bool]:
    """Tell the messages of one operation apart by their reasonCode."""

    def matches(body: etree._Element, _service: str) -> bool:
        return read_header(body).reason == reason.code

    return matches


def refuser(reason: Code) -> Callable[[Refused, etree._Element], SoapReply]:
    """Answer with 313 or 316, acknowledged AE, with one acknowledgementDetail per failed check."""

    def refuse(refused: Refused, body: etree._Element) -> SoapReply:
        number, now = str(uuid.uuid4()), datetime.now(UTC)
        return SoapReply(registration_answers.refused(body, reason, refused.checks, message_id=number, now=now))

    return refuse


def require_this_patient(call: Call, request: Registration, known: Collection[Ins]) -> None:
    """Refuse a message about another patient than the VIHF's, or with identifiers that are not his (DMPWS D115).

    known: the identifiers of his record. An INS-C of right key is taken as his.
    """
    expected = call.vihf.patient
    first = next((i for i in request.identifiers if not i.is_ins_c), request.identifiers[0])
    named = f"{expected.value}^{expected.authority}"
    demand(expected in request.identifiers, SAME, expected=named, found=f"{first.value}^{first.authority}"[:80])
    number = len(request.identifiers)
    demand(number <= MOST, IDENTIFIERS, expected=f"au plus {MOST}", found=str(number))
    others = [i for i in request.identifiers if i != expected and i not in known]
    strange = [i for i in others if not (i.is_ins_c and has_valid_ins_c_key(i.value))]
    found = ", ".join(f"{i.value}^{i.authority}" for i in strange)[:80]
    demand(not strange, IDENTIFIERS, expected="un INS-C de clé juste, ou un identifiant du dossier", found=found)


def require_not_attached(record: PatientRecord) -> None:
    """Refuse what is done in Mon espace santé for a DMP that is part of it (DMPWS D13)."""
    demand(not record.attached_to_ens, ATTACHED, expected="RATTACHEMENT_ENS false", found="true")


def require_creation_enabled(call: Call) -> None:
    demand(call.settings.creation == "allowed", ENABLED, found=f"creation: {call.settings.creation}")


def check_consent(request: Registration, code: str, today: date, report: Report) -> None:
    consent = request.observations.get(code)
    found = "absent" if consent is None else f"{str(consent.value).lower()}, {consent.time[:20] or 'sans date'}"
    report.require(_is_given(consent, today), CONSENT, expected=f"{code} true et effectiveTime passé", found=found)


def without_consent(code: str) -> Callable[[Refused, etree._Element, date], bool]:
    """Tell a refusal that could put its patient on a list of those who did not consent (DMPWS D119)."""

    def could_be_one(refused: Refused, body: etree._Element, today: date) -> bool:
        return refused.code == CONSENT.code and not _is_given(observation_in(body, code), today)

    return could_be_one


def _is_given(consent: Observation | None, today: date) -> bool:
    """The patient agreed, and it is said when."""
    day = day_of(consent.time) if consent is not None and consent.value else None
    # One day of grace: the consent is dated in local time, the reception in UTC.
    return day is not None and day <= today + timedelta(days=1)


def check_author(author: Author, caller: Caller, report: Report) -> None:
    """The author is the caller; in indirect mode and for an employee the structure is enough, as in GI-DMP
    EX_2.1-1140."""
    names = (author.family, author.given)
    named = all(says_something(name) and is_name(name) and len(name) <= LONGEST for name in names)
    by_structure = caller.mode is not AuthMode.DIRECTE or caller.is_employee
    same = (author.person.root, author.person.extension) == (oids.PERSONS, caller.person) or (
        by_structure and (author.structure.root, author.structure.extension) == (oids.STRUCTURES, caller.structure)
    )
    expected = f"{caller.person}{f' ou la structure {caller.structure}' if by_structure else ''}"
    shown = f"{author.person.extension[:40]}, structure {author.structure.extension[:40]}"
    report.require(named, AUTHOR_NAMES, found=f"« {author.family[:35]} », « {author.given[:35]} »")
    report.require(same, AUTHOR, expected=expected, found=shown)


def note_oppositions(call: Call, before: PatientRecord, now: Mapping[str, bool]) -> None:
    for name, opposed in now.items():
        if opposed != getattr(before, name):
            call.note(name, not opposed, opposed)


def oppositions(request: Registration, record: PatientRecord | None) -> Mapping[str, bool]:
    """The two oppositions, as columns of the record: those of the message, else as they were (DMPWS D116)."""
    codes = {"opposes_bris_de_glace": NO_BRIS_DE_GLACE, "opposes_centre_15": NO_CENTRE_15}
    return {
        name: request.opposition(code, record is not None and getattr(record, name)) for name, code in codes.items()
    }
