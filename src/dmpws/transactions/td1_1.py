"""TD1.1, création d'un DMP (DMPWS D13 and D36)."""

import re
import uuid
from datetime import UTC, date, datetime, timedelta

from lxml import etree

from dmpws.codec.hl7v3 import creation
from dmpws.codec.hl7v3.creation import Author, CreationRequest, Observation
from dmpws.domain import oids
from dmpws.domain.access import AuthMode
from dmpws.domain.caller import Caller
from dmpws.domain.checks import Refused, Report, Rule, refusal
from dmpws.domain.errors import Carrier
from dmpws.domain.ins_c import has_valid_ins_c_key, ins_c
from dmpws.domain.patient import Ins
from dmpws.domain.software import Profile
from dmpws.soap.message import Operation, SoapReply
from dmpws.transactions.admission import allow, begin, require_same_patient
from dmpws.transactions.call import Call
from dmpws.transactions.registry import ALL_MODES, Transaction, register
from dmpws.xml.names import HL7

ROW = "TD1.1 create"

FOUND = Rule("TD11-FOUND", "Le patient n'a pas encore de DMP", "DMP-CLIENT", "DMPFound")
ENABLED = Rule("TD11-ENABLED", "La création de DMP est ouverte", "DMPWS D13", "DMPAccessDeniedByRightsService")
REASON = Rule("TD11-REASON", "Le motif est la création d'un dossier", "DMP-CLIENT", "DMPInvalidRequest")
IDENTIFIERS = Rule(
    "TD11-IDENTIFIERS", "Les autres identifiants sont des INS-C de clé juste", "DMP-CLIENT", "DMPInvalidRequest"
)
NAME = Rule("TD11-NAME", "Le patient a un nom et un prénom", "DMP-CLIENT", "DMPInvalidRequest")
SEX = Rule("TD11-SEX", "Le sexe est M, F ou U", "DMP-CLIENT", "DMPInvalidRequest")
BIRTH = Rule("TD11-BIRTH", "La date de naissance est une date passée AAAAMMJJ", "DMP-CLIENT", "DMPInvalidRequest")
RELATION = Rule("TD11-RELATION", "Le lien du représentant est connu", "DMP-CLIENT", "DMPInvalidRequest")
CONSENT = Rule("TD11-CONSENT", "Le consentement du patient est donné et daté", "DMPWS D36", "DMPInvalidRequest")
AUTHOR_NAMES = Rule("TD11-AUTHOR-NAMES", "L'auteur a un nom et un prénom", "PDT-INF-617", "DMPInvalidRequest")
AUTHOR = Rule("TD11-AUTHOR", "L'auteur est l'utilisateur du VIHF", "DMPWS D11", "DMPInvalidRequest")

SEXES = frozenset({"M", "F", "U"})
RELATIONS = frozenset({
    "FTH", "MTH", "STPFTH", "STPMTH", "GRFTH", "GRMTH", "GGRFTH", "GGRMTH", "AUNT", "UNCLE", "BRO", "SIS", "RESPRSN",
})  # fmt: skip
"""The part of 2.16.840.1.113883.1.11.19579 that the DMP uses."""

OPERATION = Operation(
    service="patients",
    name="PatientAdd_PRPA_IN201311UV02",
    body=f"{{{HL7}}}PRPA_IN201311UV02",
    action="urn:hl7-org:v3:PRPA_IN201311UV02",
    response_action="urn:hl7-org:v3:PRPA_IN201311ResponseUV02",
)


def handle(call: Call, body: etree._Element) -> SoapReply:
    """Open a DMP. Nothing at all is stored when it is refused, consent missing included (DMPWS D36)."""
    caller = begin(call, ROW)
    request = creation.read_creation(body)
    require_same_patient(call, request.identifiers[0])
    if call.patient is not None:
        raise refusal(FOUND, found="un DMP pour cet INS")
    if call.settings.creation != "allowed":
        raise refusal(ENABLED, found=f"creation: {call.settings.creation}")
    allow(ROW, caller)
    report = Report()
    _check_patient(request, call.now.date(), report)
    _check_consent(request.consent, call.now.date(), report)
    _check_author(request.author, caller, report)
    report.raise_failures()
    call.store.patients.create(
        _identifiers(request),
        request.traits,
        now=call.now,
        opposes_bris_de_glace=request.opposes_bris_de_glace,
        opposes_centre_15=request.opposes_centre_15,
    )
    return SoapReply(creation.created(request, message_id=call.new_uuid(), now=call.now))


def _check_patient(request: CreationRequest, today: date, report: Report) -> None:
    traits, name = request.traits, request.traits.name
    others = [i for i in request.identifiers[1:] if not (i.is_ins_c and has_valid_ins_c_key(i.value))]
    relations = {r.code for r in traits.representatives} - RELATIONS
    birth = _date(traits.birth_date) if len(traits.birth_date) == 8 else None
    named = bool((name.birth or name.used) and name.given)
    report.require(request.header.reason == creation.CREATION.code, REASON, found=request.header.reason[:40])
    report.require(not others, IDENTIFIERS, found=", ".join(i.authority for i in others)[:80])
    report.require(named, NAME, found=f"nom « {name.birth or name.used} », prénom « {name.given} »"[:80])
    report.require(traits.sex in SEXES, SEX, found=traits.sex[:10])
    report.require(birth is not None and birth <= today, BIRTH, found=traits.birth_date[:20])
    report.require(not relations, RELATION, expected=", ".join(sorted(RELATIONS)), found=", ".join(relations)[:80])


def _check_consent(consent: Observation | None, today: date, report: Report) -> None:
    day = _date(consent.time) if consent is not None and consent.value else None
    found = "absent" if consent is None else f"{consent.value}, {consent.time[:20] or 'sans date'}"
    # One day of grace: the consent is dated in local time, the reception in UTC.
    ok = day is not None and day <= today + timedelta(days=1)
    report.require(ok, CONSENT, expected=f"{creation.CONSENT} true et effectiveTime", found=found)


def _check_author(author: Author, caller: Caller, report: Report) -> None:
    """The author is the caller; in indirect mode and for an employee the structure is enough, as in GI-DMP
    EX_2.1-1140."""
    named = bool(author.family and author.given)
    by_structure = caller.mode is not AuthMode.DIRECTE or caller.is_employee
    same = author.person == caller.person or (by_structure and author.structure == caller.structure)
    expected = f"{caller.person}{f' ou la structure {caller.structure}' if by_structure else ''}"
    report.require(named, AUTHOR_NAMES, found=f"« {author.family} », « {author.given} »"[:80])
    report.require(same, AUTHOR, expected=expected, found=f"{author.person[:40]}, structure {author.structure[:40]}")


def _identifiers(request: CreationRequest) -> tuple[Ins, ...]:
    """The INS and its INS-C, given or calculated: TD0.2 lists both (DMP-FRAME TD0.2)."""
    ins = request.identifiers[0]
    if len(request.identifiers) > 1:
        return request.identifiers
    calculated = ins_c(request.traits.name.given.split()[0], request.traits.birth_date[2:], ins.value[:13])
    return (ins, Ins(calculated, oids.INS_C))


def _date(value: str) -> date | None:
    """The day of an HL7 TS, None when there is none or it is impossible."""
    if not re.fullmatch(r"[0-9]{8}([0-9]{4}([0-9]{2}(\.[0-9]+)?)?([+-][0-9]{4})?)?", value):
        return None
    try:
        return date(int(value[:4]), int(value[4:6]), int(value[6:8]))
    except ValueError:
        return None


def refuse(refused: Refused, body: etree._Element) -> SoapReply:
    """Answer PRPA_IN201313UV02, acknowledged AE, with one acknowledgementDetail per failed check."""
    return SoapReply(creation.refused(body, refused.checks, message_id=str(uuid.uuid4()), now=datetime.now(UTC)))


register(
    Transaction(
        code="TD1.1",
        title="Création d'un DMP",
        operation=OPERATION,
        modes=ALL_MODES,
        carrier=Carrier.ACKNOWLEDGEMENT,
        profiles=frozenset({Profile.MANAGEMENT}),
        writes=True,
        audit="create-record",
        references=("DMP-WSDL GestionDossierPatientPartage", "PDT-INF-617", "DMPWS D13", "DMPWS D27", "DMPWS D36"),
        module=__name__,
        handle=handle,
        refuse=refuse,
    )
)
