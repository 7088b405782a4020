"""TD1.3a, consultation des données administratives (DMP-CDT 1.3a-010)."""

import uuid
from datetime import UTC, datetime

from lxml import etree

from dmpws.codec.hl7v3 import demographics
from dmpws.codec.hl7v3.reasons import CONSULTATION
from dmpws.domain.checks import Refused
from dmpws.domain.errors import Carrier
from dmpws.soap.message import SoapReply
from dmpws.transactions.admission import admit, begin, require_same_patient
from dmpws.transactions.call import Call
from dmpws.transactions.registration import asks_for
from dmpws.transactions.registry import ALL_MODES, ALL_PROFILES, Transaction, register
from dmpws.transactions.td0_2 import OPERATION

ROW = "TD1.3a read administrative data"


def handle(call: Call, body: etree._Element) -> SoapReply:
    """Give what the record holds of the patient, his two oppositions above all."""
    begin(call, ROW)
    query = demographics.read_query(body)
    require_same_patient(call, query.patient)
    record = admit(call, ROW)
    return SoapReply(demographics.administrative_data(query, record, message_id=call.new_uuid(), now=call.now))


def refuse(refused: Refused, body: etree._Element) -> SoapReply:
    """Acknowledge AE, with one acknowledgementDetail per failed check."""
    number, now = str(uuid.uuid4()), datetime.now(UTC)
    return SoapReply(demographics.refused(body, CONSULTATION, refused.checks, message_id=number, now=now))


register(
    Transaction(
        code="TD1.3a",
        title="Consultation des données administratives",
        operation=OPERATION,
        modes=ALL_MODES,
        carrier=Carrier.ACKNOWLEDGEMENT,
        profiles=ALL_PROFILES,
        writes=False,
        audit="read-administrative-data",
        references=("PDT-INF-526", "PDT-INF-606", "DMPWS D28", "DMP-CDT 1.3a-010", "DMP-CDT 1.3a-200"),
        module=__name__,
        handle=handle,
        refuse=refuse,
        matches=asks_for(CONSULTATION),
    )
)
