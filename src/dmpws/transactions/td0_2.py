"""TD0.2, test d'existence d'un DMP et vérification de l'autorisation (DMP-FRAME TD0.2)."""

import uuid
from datetime import UTC, datetime

from lxml import etree

from dmpws.codec.hl7v3 import demographics
from dmpws.codec.hl7v3.reasons import TEST_EXISTENCE
from dmpws.domain.checks import Refused
from dmpws.domain.errors import Carrier
from dmpws.soap.message import Operation, SoapReply
from dmpws.transactions.admission import begin, require_same_patient, standing_of
from dmpws.transactions.call import Call
from dmpws.transactions.registration import asks_for
from dmpws.transactions.registry import ALL_MODES, ALL_PROFILES, Transaction, register
from dmpws.xml.names import HL7

ROW = "TD0.2 test existence and authorisation"

OPERATION = Operation(
    service="patients",
    name="PatientGetDemographics_PRPA_IN201307UV02",
    body=f"{{{HL7}}}PRPA_IN201307UV02",
    action="urn:hl7-org:v3:PRPA_IN201307UV02",
    response_action="urn:hl7-org:v3:PRPA_IN201308UV02",
    # The official sample client sends the Action of the answer.
    action_variants=("urn:hl7-org:v3:PRPA_IN201308UV02",),
)
"""Shared with TD1.3a, which differs by its reasonCode."""


def handle(call: Call, body: etree._Element) -> SoapReply:
    """Say whether the DMP exists and what the caller's authorisation is.

    Once the patient is known the answer is AA whatever the DMP says of its caller: closed, blocked and opposed are
    told, not refused (DMPWS D30).
    """
    caller = begin(call, ROW)
    query = demographics.read_query(body)
    require_same_patient(call, query.patient)
    if call.patient is None:
        return SoapReply(demographics.not_found(query, message_id=call.new_uuid(), now=call.now))
    standing = standing_of(call, caller, call.patient)
    answer = demographics.found(
        query,
        call.patient,
        standing.state,
        treating_doctor=standing.treating_doctor,
        message_id=call.new_uuid(),
        now=call.now,
    )
    return SoapReply(answer)


def refuse(refused: Refused, body: etree._Element) -> SoapReply:
    """Acknowledge AE, with one acknowledgementDetail per failed check."""
    number, now = str(uuid.uuid4()), datetime.now(UTC)
    return SoapReply(demographics.refused(body, TEST_EXISTENCE, refused.checks, message_id=number, now=now))


register(
    Transaction(
        code="TD0.2",
        title="Test d'existence d'un DMP et vérification de l'autorisation",
        operation=OPERATION,
        modes=ALL_MODES,
        carrier=Carrier.ACKNOWLEDGEMENT,
        profiles=ALL_PROFILES,
        writes=False,
        audit="test-existence",
        references=("DMP-FRAME TD0.2", "DMPWS D11", "DMPWS D30", "DMP-CDT 0.2-010", "DMP-CDT 0.2-080"),
        module=__name__,
        handle=handle,
        refuse=refuse,
        matches=asks_for(TEST_EXISTENCE),
    )
)
