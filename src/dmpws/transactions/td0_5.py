"""TD0.5, recherche d'un patient dans le DMP sans INS (DMP-WSDL PDQSupplier, ITI TF-2 3.47).

Régulation only, with a software of régulation (DMPWS D35). The patient of the VIHF has nothing to do with the search.
"""

import uuid
from datetime import UTC, datetime

from lxml import etree

from dmpws.codec.hl7v3 import candidates
from dmpws.codec.hl7v3.candidates import Candidate, CandidatesQuery
from dmpws.domain.checks import Refused, Rule, demand
from dmpws.domain.errors import Carrier
from dmpws.domain.patient_search import percentage
from dmpws.domain.software import Category
from dmpws.soap.message import Operation, SoapReply
from dmpws.transactions.admission import allow, begin, blocking_holders
from dmpws.transactions.call import Call
from dmpws.transactions.registry import ALL_MODES, ALL_PROFILES, Transaction, register
from dmpws.xml.names import HL7

ROW = "TD0.5 find patient without INS"

PRECISE = Rule("TD05-PRECISE", "Les critères désignent peu de patients", "DMP-CDT 0.5-500", "DMPTooManyResult")

OPERATION = Operation(
    service="patientsPDQ",
    name="findCandidatesQuery",
    body=f"{{{HL7}}}PRPA_IN201305UV02",
    action="urn:hl7-org:v3:PRPA_IN201305UV02",
    response_action="urn:hl7-org:v3:PRPA_IN201306UV02",
    # The official sample client sends this one.
    action_variants=("urn:ihe:iti:pdqv3:2007:PDQSupplier_Service:findCandidatesQuery",),
)


def handle(call: Call, body: etree._Element) -> SoapReply:
    """Answer the patients who have the traits asked for, the nearest first."""
    caller = begin(call, ROW)
    call.notes.patient = ""  # the patient of the VIHF has nothing to do with it
    allow(ROW, caller)
    query = candidates.read_query(body)
    criteria = query.criteria
    demand(criteria.asked != {"sex"}, PRECISE, expected="un autre critère que le sexe", found="le sexe seul")
    most = call.settings.max_candidates
    records = call.store.patients.search(criteria, without_block_of=blocking_holders(call, caller), limit=most)
    demand(len(records) <= most, PRECISE, expected=f"{most} au plus", found="davantage")
    judged = (Candidate(record, percentage(criteria, record.traits)) for record in records)
    found = sorted(judged, key=lambda candidate: candidate.nearest_first)
    _note(call, query, found)
    return SoapReply(candidates.found(query, found, message_id=call.new_uuid(), now=call.now))


def _note(call: Call, query: CandidatesQuery, found: list[Candidate]) -> None:
    """What was asked, and whose identity was shown."""
    criteria = query.criteria
    asked = {name: [getattr(criteria, name)] for name in sorted(criteria.asked)}
    similar = [name for name in ("similar_name", "similar_address") if getattr(criteria, name)]
    shown = [f"{candidate.record.ins.value}^{candidate.record.ins.authority}" for candidate in found]
    call.notes.query = OPERATION.name
    call.notes.parameters = {**asked, "similar": similar, "found": shown}


def refuse(refused: Refused, body: etree._Element) -> SoapReply:
    """Acknowledge AE, with one acknowledgementDetail per failed check."""
    return SoapReply(candidates.refused(body, refused.checks, message_id=str(uuid.uuid4()), now=datetime.now(UTC)))


register(
    Transaction(
        code="TD0.5",
        title="Recherche d'un patient dans le DMP sans INS",
        operation=OPERATION,
        modes=ALL_MODES,
        carrier=Carrier.ACKNOWLEDGEMENT,
        profiles=ALL_PROFILES,
        categories=frozenset({Category.LDRM}),
        writes=False,
        audit="find-patient",
        references=("DMP-WSDL PDQSupplier", "ITI TF-2 3.47", "PDT-INF-526", "DMPWS D35", "DMPWS D127"),
        module=__name__,
        handle=handle,
        refuse=refuse,
    )
)
