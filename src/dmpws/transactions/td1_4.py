"""TD1.4, fermeture d'un DMP à la demande du patient (DMPWS D13 and D113)."""

import re

from lxml import etree

from dmpws.codec.hl7v3 import registration_answers
from dmpws.codec.hl7v3.reasons import CLOSURE
from dmpws.codec.hl7v3.registration import read_registration
from dmpws.domain.administration import is_text
from dmpws.domain.checks import Report, Rule, demand
from dmpws.domain.errors import Carrier
from dmpws.domain.patient import DmpStatus
from dmpws.domain.software import Profile
from dmpws.soap.message import SoapReply
from dmpws.transactions.admission import OPEN, admit, begin, hold
from dmpws.transactions.call import Call
from dmpws.transactions.registration import (
    REVISION,
    asks_for,
    check_author,
    refuser,
    require_not_attached,
    require_this_patient,
)
from dmpws.transactions.registry import ALL_MODES, Transaction, register

ROW = "TD1.4 close"

MOTIVE = Rule("TD14-MOTIVE", "La fermeture a un motif codé, et un texte lisible", "DMPWS D118", "DMPInvalidRequest")
CODE = re.compile(r"[A-Za-z0-9_.-]{1,64}")
LONGEST_TEXT = 500


def handle(call: Call, body: etree._Element) -> SoapReply:
    """Close the DMP: from now on TD0.2 tells when and why, and every access is DMPClosed. TD1.2 undoes it."""
    caller = begin(call, ROW)
    request = read_registration(body)
    call = hold(call)
    require_this_patient(call, request, known=call.patient.identifiers if call.patient else ())
    record = admit(call, ROW)
    require_not_attached(record)
    report = Report()
    _check_motive(*request.closure, report)
    check_author(request.author, caller, report)
    report.raise_failures()
    code, text = request.closure
    closed = call.store.patients.close(record.id, now=call.now, code=code, text=text, final=False)
    demand(closed, OPEN, found="fermé")
    call.note("status", DmpStatus.ACTIVE, DmpStatus.CLOSED)
    call.note("closed_at", "", call.now)
    call.note("closure", "", f"{code} {text}".strip())
    name = record.traits.name
    answer = registration_answers.revised(
        request, CLOSURE, DmpStatus.CLOSED, name, message_id=call.new_uuid(), now=call.now
    )
    return SoapReply(answer)


def _check_motive(code: str, text: str, report: Report) -> None:
    ok = CODE.fullmatch(code) is not None and len(text) <= LONGEST_TEXT and is_text(text)
    expected = f"un code et un texte de {LONGEST_TEXT} caractères au plus"
    report.require(ok, MOTIVE, expected=expected, found=f"code « {code[:40]} », texte de {len(text)} caractères")


register(
    Transaction(
        code="TD1.4",
        title="Fermeture d'un DMP",
        operation=REVISION,
        modes=ALL_MODES,
        carrier=Carrier.ACKNOWLEDGEMENT,
        profiles=frozenset({Profile.MANAGEMENT}),
        writes=True,
        audit="close-record",
        references=("DMP-WSDL GestionDossierPatientPartage", "PDT-INF-526", "PDT-INF-617", "DMPWS D13", "DMPWS D113"),
        module=__name__,
        handle=handle,
        refuse=refuser(CLOSURE),
        matches=asks_for(CLOSURE),
    )
)
