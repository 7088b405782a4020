"""TD1.1, création d'un DMP (DMPWS D13 and D36)."""

from lxml import etree

from dmpws.codec.hl7v3 import registration_answers
from dmpws.codec.hl7v3.reasons import CREATION
from dmpws.codec.hl7v3.registration import OPENING_CONSENT, Registration, read_person, read_registration
from dmpws.domain import oids
from dmpws.domain.administration import check_traits
from dmpws.domain.checks import Report, Rule, demand
from dmpws.domain.errors import Carrier
from dmpws.domain.ins_c import ins_c
from dmpws.domain.patient import Ins, Traits
from dmpws.domain.software import Profile
from dmpws.soap.message import Operation, SoapReply
from dmpws.transactions.admission import allow, begin
from dmpws.transactions.call import Call
from dmpws.transactions.registration import (
    check_author,
    check_consent,
    oppositions,
    refuser,
    require_creation_enabled,
    require_this_patient,
    without_consent,
)
from dmpws.transactions.registry import ALL_MODES, Transaction, register
from dmpws.xml.names import HL7

ROW = "TD1.1 create"

FOUND = Rule("TD11-FOUND", "Le patient n'a pas encore de DMP", "DMP-CLIENT", "DMPFound")
REASON = Rule("TD11-REASON", "Le motif est la création d'un dossier", "DMP-CLIENT", "DMPInvalidRequest")

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
    request, traits = read_registration(body), read_person(body).traits
    require_this_patient(call, request, known=())
    demand(call.patient is None, FOUND, found="un DMP pour cet INS")
    require_creation_enabled(call)
    allow(ROW, caller)
    report = Report()
    report.require(request.header.reason == CREATION.code, REASON, found=request.header.reason[:40])
    check_traits(traits, call.now.date(), report)
    check_consent(request, OPENING_CONSENT, call.now.date(), report)
    check_author(request.author, caller, report)
    report.raise_failures()
    record = call.store.patients.create(
        _identifiers(call, request, traits), traits, now=call.now, **oppositions(request, None)
    )
    call.note("status", "", record.status)
    call.note(OPENING_CONSENT, "", request.observations[OPENING_CONSENT].time)
    for name, opposed in oppositions(request, None).items():
        call.note(name, "", opposed)
    if traits.vitale_name is not None:
        call.note("carte Vitale", "", "lue")
    answer = registration_answers.created(request, CREATION, message_id=call.new_uuid(), now=call.now)
    return SoapReply(answer)


def _identifiers(call: Call, request: Registration, traits: Traits) -> list[Ins]:
    """The INS and its INS-C, given or calculated: TD0.2 lists both (DMP-FRAME TD0.2)."""
    ins = call.vihf.patient
    given = [i for i in dict.fromkeys(request.identifiers) if i != ins]
    if given:
        return [ins, *given]
    first = traits.name.given.split()[0]
    calculated = Ins(ins_c(first, traits.birth_date[2:], ins.value[:13]), oids.INS_C)
    if call.store.patients.find(calculated) is not None:
        call.notes.warnings.append("l'INS-C calculé est celui d'un autre DMP")
        return [ins]
    return [ins, calculated]


register(
    Transaction(
        code="TD1.1",
        title="Création d'un DMP",
        operation=OPERATION,
        modes=ALL_MODES,
        carrier=Carrier.ACKNOWLEDGEMENT,
        profiles=frozenset({Profile.MANAGEMENT}),
        writes=True,
        discreet=without_consent(OPENING_CONSENT),
        audit="create-record",
        references=("DMP-WSDL GestionDossierPatientPartage", "PDT-INF-617", "DMPWS D13", "DMPWS D27", "DMPWS D36"),
        module=__name__,
        handle=handle,
        refuse=refuser(CREATION),
    )
)
