"""ITI-47, Patient Demographics Query HL7 v3: patients found by identifiers and traits (DMPWS D103)."""

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime

from lxml import etree

from dmpws.codec.hl7v3.candidates import Candidate
from dmpws.codec.hl7v3.demographics_query import (
    DemographicsQuery,
    Person,
    not_queried,
    people,
    read_demographics_query,
)
from dmpws.domain.checks import Check, Outcome, Refused, Rule, demand
from dmpws.domain.errors import Carrier
from dmpws.domain.patient import PatientRecord
from dmpws.domain.patient_search import PatientCriteria, percentage
from dmpws.soap.message import Operation, SoapReply
from dmpws.transactions.ihe import IheCall, in_ihe, register_ihe
from dmpws.xml.names import HL7

DOMAIN = Rule("PDQ-DOMAIN", "L'autorité demandée est du domaine d'affinité", "ITI TF-2 3.47.4.2.2.8", "204")
PRECISE = Rule("PDQ-PRECISE", "La réponse tient dans un message", "ITI TF-2 3.47.4.1.3", "207")

OPERATION = Operation(
    service="patients",
    name="PDQSupplier_PRPA_IN201305UV02",
    body=f"{{{HL7}}}PRPA_IN201305UV02",
    action="urn:hl7-org:v3:PRPA_IN201305UV02",
    response_action="urn:hl7-org:v3:PRPA_IN201306UV02",
)


def handle(call: IheCall, body: etree._Element) -> SoapReply:
    """Answer the patients of the domain who agree, the nearest first."""
    query = read_demographics_query(body)
    for authority, where in query.domains:
        expected = ", ".join(sorted(call.domain.authorities))
        demand(call.domain.identifies(authority), DOMAIN, expected=expected, found=authority[:100], where=where)
    found = _find(call, query)
    most = query.quantity or len(found)
    shown = [_person(call, query, candidate) for candidate in found[:most]]
    _note(call, query, shown)
    problems: list[Check] = []
    if len(found) > most:  # there is no continuation
        problems = [Check(PRECISE, Outcome.FAILED, expected=f"{most} au plus", found=str(len(found)))]
        call.notes.warnings.append(problems[0].message)
    return SoapReply(people(query, shown, problems, total=len(found), message_id=call.new_uuid(), now=call.now))


def _find(call: IheCall, query: DemographicsQuery) -> list[Candidate]:
    among: PatientRecord | None = None
    for number, ins in enumerate(query.identifiers):
        record = call.store.patients.find(ins) if call.domain.identifies(ins.authority) else None
        if record is None or (number and record != among):
            return []
        among = record
    found: dict[int, Candidate] = {}
    most, authorities = call.settings.max_results, call.domain.authorities
    for criteria in query.alternatives:
        records = call.store.patients.search_domain(criteria, authorities=authorities, among=among, limit=most)
        for record in records:
            candidate = Candidate(record, _percentage(criteria, record))
            found[record.id] = max(candidate, found.get(record.id, candidate), key=lambda c: c.percentage)
        demand(len(found) <= most, PRECISE, expected=f"{most} au plus", found="davantage")
    return sorted(found.values(), key=lambda candidate: candidate.nearest_first)


def _percentage(criteria: PatientCriteria, record: PatientRecord) -> int:
    return percentage(criteria, record.traits) if criteria.asked else 100


def _person(call: IheCall, query: DemographicsQuery, candidate: Candidate) -> Person:
    """A patient with the identifiers wanted: of some domains, otherwise of all."""
    known = [ins for ins in candidate.record.identifiers if call.domain.identifies(ins.authority)]
    wanted = dict.fromkeys(authority for authority, _ in query.domains)
    if not wanted:
        return Person(candidate, known, ())
    shown = [ins for ins in known if ins.authority in wanted]
    return Person(candidate, shown, [a for a in wanted if a not in {ins.authority for ins in shown}])


def _note(call: IheCall, query: DemographicsQuery, shown: Sequence[Person]) -> None:
    """What was asked, and whose identity was shown."""
    asked: dict[str, list[str]] = {"identifier": [f"{ins.value}^{ins.authority}"[:200] for ins in query.identifiers]}
    for criteria in query.alternatives:
        for name in sorted(criteria.asked):
            values = asked.setdefault(name, [])
            values += [value for value in [getattr(criteria, name)] if value not in values]
    found = [f"{ins.value}^{ins.authority}" for person in shown for ins in person.identifiers[:1]]
    call.notes.query = OPERATION.name
    call.notes.parameters = {**asked, "found": found}


def refuse(refused: Refused, body: etree._Element) -> SoapReply:
    """Acknowledge AE, with one acknowledgementDetail per failed check."""
    problems = in_ihe(refused, "102").checks
    response = "QE" if problems[0].rule.code == "102" else "AE"
    return SoapReply(not_queried(body, response, problems, message_id=str(uuid.uuid4()), now=datetime.now(UTC)))


register_ihe(
    "ITI-47",
    "Recherche de patients",
    OPERATION,
    handle,
    refuse,
    module=__name__,
    audit="query-demographics",
    writes=False,
    carrier=Carrier.ACKNOWLEDGEMENT,
    references=("DMPWS D103",),
)
