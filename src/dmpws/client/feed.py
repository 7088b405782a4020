"""ITI-44 from the client's side: patients announced to a registry."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from lxml import etree

from dmpws.client.errors import Problem
from dmpws.client.hl7 import E, acknowledgement, message
from dmpws.client.registration import write_person
from dmpws.codec.hl7v3.patients import write_ids
from dmpws.domain import oids
from dmpws.domain.patient import Ins, Traits
from dmpws.vihf.issue import Lps


@dataclass(frozen=True, slots=True)
class FeedAnswer:
    """Answer of ITI-44. acknowledgement: CA or CE."""

    acknowledgement: str
    problems: tuple[Problem, ...] = ()

    @property
    def ok(self) -> bool:
        return self.acknowledgement == "CA"


def announcement(
    event: str, identifiers: Sequence[Ins], traits: Traits, lps: Lps, now: datetime, *, gone: Ins | None = None
) -> etree._Element:
    """Build PRPA_IN201301UV02, 302 or 304. event: the three digits. gone: the identifier that a merge takes away."""
    patient = E.patient(
        *write_ids(identifiers),
        E.statusCode(code="active"),
        write_person(traits),
        E.providerOrganization(
            *(E.id(root=authority) for authority in dict.fromkeys(ins.authority for ins in identifiers)),
            E.contactParty(E.telecom(nullFlavor="NI"), classCode="CON"),
            classCode="ORG",
            determinerCode="INSTANCE",
        ),
        classCode="PAT",
    )
    registration = E.registrationEvent(
        E.statusCode(code="active"),
        E.subject1(patient, typeCode="SBJ"),
        E.custodian(E.assignedEntity(E.id(root=lps.id), classCode="ASSIGNED"), typeCode="CST"),
        *([_replaced(gone)] if gone is not None else []),
        classCode="REG",
        moodCode="EVN",
    )
    code = E.code(code=f"PRPA_TE201{event}UV02", codeSystem=oids.HL7_INTERACTIONS)
    return message(f"PRPA_IN201{event}UV02", lps, now, code, E.subject(registration, typeCode="SUBJ"))


def _replaced(gone: Ins) -> etree._Element:
    role = E.priorRegisteredRole(*write_ids([gone]), classCode="PAT")
    prior = E.priorRegistration(
        E.statusCode(code="obsolete"), E.subject1(role, typeCode="SBJ"), classCode="REG", moodCode="EVN"
    )
    return E.replacementOf(prior, typeCode="RPLC")


def feed_answer(body: etree._Element) -> FeedAnswer:
    """Read MCCI_IN000002UV01."""
    return FeedAnswer(*acknowledgement(body))
