"""TD1.3b, modification des données administratives (DMPWS D13 and D116)."""

from lxml import etree

from dmpws.codec.hl7v3 import registration_answers
from dmpws.codec.hl7v3.reasons import CHANGE
from dmpws.codec.hl7v3.registration import read_person, read_registration
from dmpws.domain.administration import check_traits
from dmpws.domain.checks import Report, demand
from dmpws.domain.errors import Carrier
from dmpws.domain.patient import DmpStatus, changes
from dmpws.domain.software import Profile
from dmpws.soap.message import SoapReply
from dmpws.transactions.admission import OPEN, admit, begin, hold
from dmpws.transactions.call import Call
from dmpws.transactions.registration import (
    REVISION,
    asks_for,
    check_author,
    note_oppositions,
    oppositions,
    refuser,
    require_not_attached,
    require_this_patient,
)
from dmpws.transactions.registry import ALL_MODES, Transaction, register

ROW = "TD1.3b change administrative data"


def handle(call: Call, body: etree._Element) -> SoapReply:
    """Put the administrative data of the message in place of those of the record, and trace both."""
    caller = begin(call, ROW)
    request, person = read_registration(body), read_person(body)
    call = hold(call)
    require_this_patient(call, request, known=call.patient.identifiers if call.patient else ())
    before = admit(call, ROW)
    require_not_attached(before)
    report = Report()
    check_traits(person.traits, call.now.date(), report)
    check_author(request.author, caller, report)
    report.raise_failures()
    traits, opposed = person.over(before.traits), oppositions(request, before)
    demand(call.store.patients.update(before.id, traits, **opposed), OPEN, found="fermé")
    for what, old, new in changes(before.traits, traits):
        call.note(what, old, new)
    note_oppositions(call, before, opposed)
    answer = registration_answers.revised(
        request, CHANGE, DmpStatus.ACTIVE, traits.name, message_id=call.new_uuid(), now=call.now
    )
    return SoapReply(answer)


register(
    Transaction(
        code="TD1.3b",
        title="Modification des données administratives",
        operation=REVISION,
        modes=ALL_MODES,
        carrier=Carrier.ACKNOWLEDGEMENT,
        profiles=frozenset({Profile.MANAGEMENT}),
        writes=True,
        audit="change-administrative-data",
        references=("DMP-WSDL GestionDossierPatientPartage", "PDT-INF-526", "PDT-INF-617", "DMPWS D13", "DMPWS D27"),
        module=__name__,
        handle=handle,
        refuse=refuser(CHANGE),
        matches=asks_for(CHANGE),
    )
)
