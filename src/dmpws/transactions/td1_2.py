"""TD1.2, réactivation d'un DMP fermé (DMPWS D13, D36 and D113)."""

from lxml import etree

from dmpws.codec.hl7v3 import registration_answers
from dmpws.codec.hl7v3.reasons import REACTIVATION
from dmpws.codec.hl7v3.registration import REACTIVATION_CONSENT, read_registration
from dmpws.domain.checks import Report, Rule, demand
from dmpws.domain.errors import Carrier
from dmpws.domain.patient import DmpStatus
from dmpws.domain.software import Profile
from dmpws.soap.message import SoapReply
from dmpws.transactions.admission import admit_to_closed, begin, hold
from dmpws.transactions.call import Call
from dmpws.transactions.registration import (
    REVISION,
    asks_for,
    check_author,
    check_consent,
    note_oppositions,
    oppositions,
    refuser,
    require_creation_enabled,
    require_this_patient,
    without_consent,
)
from dmpws.transactions.registry import ALL_MODES, Transaction, register

ROW = "TD1.2 reactivate"

CLOSED = Rule("TD12-CLOSED", "Le DMP est fermé", "DMP-CLIENT", "DMPFound")
FINAL = Rule("TD12-FINAL", "Le DMP n'est pas fermé définitivement, ni son patient décédé", "DMPWS D113", "DMPClosed")


def handle(call: Call, body: etree._Element) -> SoapReply:
    """Open a closed DMP again. It comes back as it was, but for the oppositions that the message gives."""
    caller = begin(call, ROW)
    request = read_registration(body)
    call = hold(call)
    require_this_patient(call, request, known=call.patient.identifiers if call.patient else ())
    if call.patient is not None:
        demand(call.patient.status is DmpStatus.CLOSED, CLOSED, found="ouvert")
        for_good = call.patient.closure_final or call.patient.traits.deceased
        demand(not for_good, FINAL, found="patient décédé" if call.patient.traits.deceased else "fermé définitivement")
    closed = admit_to_closed(call, ROW)
    require_creation_enabled(call)
    report = Report()
    check_consent(request, REACTIVATION_CONSENT, call.now.date(), report)
    check_author(request.author, caller, report)
    report.raise_failures()
    now = oppositions(request, closed)
    demand(call.store.patients.reopen(closed.id), CLOSED, found="ouvert")
    call.store.patients.update(closed.id, closed.traits, **now)
    call.note("status", DmpStatus.CLOSED, DmpStatus.ACTIVE)
    call.note("closed_at", closed.closed_at, "")
    call.note("closure", f"{closed.closure_code} {closed.closure_text}".strip(), "")
    call.note(REACTIVATION_CONSENT, "", request.observations[REACTIVATION_CONSENT].time)
    note_oppositions(call, closed, now)
    name = closed.traits.name
    answer = registration_answers.revised(
        request, REACTIVATION, DmpStatus.ACTIVE, name, message_id=call.new_uuid(), now=call.now
    )
    return SoapReply(answer)


register(
    Transaction(
        code="TD1.2",
        title="Réactivation d'un DMP",
        operation=REVISION,
        modes=ALL_MODES,
        carrier=Carrier.ACKNOWLEDGEMENT,
        profiles=frozenset({Profile.MANAGEMENT}),
        writes=True,
        discreet=without_consent(REACTIVATION_CONSENT),
        audit="reactivate-record",
        references=("DMP-WSDL GestionDossierPatientPartage", "PDT-INF-617", "DMPWS D13", "DMPWS D27", "DMPWS D113"),
        module=__name__,
        handle=handle,
        refuse=refuser(REACTIVATION),
        matches=asks_for(REACTIVATION),
    )
)
