"""ITI-44, Patient Identity Feed HL7 v3: patients are announced, revised and merged (DMPWS D102)."""

import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

from lxml import etree

from dmpws.codec.ebxml.fragments import with_patient
from dmpws.codec.hl7v3.feed import Announced, acknowledged, read_patient, read_subsumed
from dmpws.domain.checks import Refused, Rule, demand, refusal
from dmpws.domain.errors import Carrier
from dmpws.domain.patient import Ins, PatientRecord, Traits, changes
from dmpws.soap.message import Operation, SoapReply
from dmpws.transactions.ihe import IheCall, in_ihe, register_ihe
from dmpws.xml.names import HL7

KNOWN = Rule("FEED-KNOWN", "Le patient a un identifiant que le domaine d'affinité connaît", "DMPWS D102", "204")
ONE = Rule("FEED-ONE", "Les identifiants sont ceux d'un seul patient", "DMPWS D102", "205")
IN_USE = Rule("FEED-IN-USE", "Aucune fusion n'a retiré l'identifiant", "ITI TF-2 3.44.4.2", "205")
OTHER = Rule("FEED-OTHER", "L'identifiant que la fusion retire n'est pas celui qui reste", "ITI TF-2 3.44.4.2", "205")
FREE = Rule("FEED-FREE", "La fiche du patient peut être changée", "DMPWS D102", "206")


def add(call: IheCall, body: etree._Element) -> SoapReply:
    """Make a patient known; one who is known already is revised."""
    announced = _announced(call, body)
    record = _record(call, announced)
    if record is not None:
        _revise(call, record, announced)
    else:
        try:
            call.store.patients.create(
                announced.identifiers, announced.traits, now=call.now, opposes_bris_de_glace=False,
                opposes_centre_15=False,
            )  # fmt: skip
        except Refused:  # another call has just announced him
            raise refusal(FREE, found=_spelled(announced.identifiers[0])) from None
    return _accepted(call, announced, body)


def revise(call: IheCall, body: etree._Element) -> SoapReply:
    """Put the traits of the message in place of those of the record, and add its new identifiers."""
    announced = _announced(call, body)
    _revise(call, _existing(call, announced), announced)
    return _accepted(call, announced, body)


def merge(call: IheCall, body: etree._Element) -> SoapReply:
    """Give the documents of one patient to another, and forget his identifier."""
    announced = _announced(call, body)
    gone, where = read_subsumed(body)
    survivor = _existing(call, announced)
    demand(gone not in announced.identifiers, OTHER, found=_spelled(gone), where=where)
    known = call.domain.identifies(gone.authority) and call.store.patients.find(gone) is not None
    demand(known, KNOWN, found=_spelled(gone), where=where)
    kept = next(ins for ins in announced.identifiers if ins in survivor.identifiers)
    call.store.merging.merge(gone, kept, rewrite=partial(with_patient, gone=gone, kept=kept), now=call.now)
    call.notes.changes.append({"what": "patientId", "old": _spelled(gone), "new": _spelled(kept)})
    return _accepted(call, announced, body)


def _announced(call: IheCall, body: etree._Element) -> Announced:
    """The patient of a message, with his identifiers in this domain: at least one."""
    announced = read_patient(body)
    known = tuple(dict.fromkeys(ins for ins in announced.identifiers if call.domain.identifies(ins.authority)))
    expected = ", ".join(sorted(call.domain.authorities)) or "un identifiant"
    shown = ", ".join(map(_spelled, announced.identifiers[:3])) or "aucun"
    demand(bool(known), KNOWN, expected=expected, found=shown, where=announced.where)
    call.notes.patient = _spelled(known[0])
    return replace(announced, identifiers=known)


def _record(call: IheCall, announced: Announced) -> PatientRecord | None:
    """The one record that has some of the identifiers."""
    found = {r.id: r for ins in announced.identifiers if (r := call.store.patients.find(ins)) is not None}
    demand(len(found) <= 1, ONE, found=", ".join(map(_spelled, announced.identifiers)), where=announced.where)
    return next(iter(found.values()), None)


def _existing(call: IheCall, announced: Announced) -> PatientRecord:
    record = _record(call, announced)
    if record is None:
        raise refusal(KNOWN, found=", ".join(map(_spelled, announced.identifiers)), where=announced.where)
    return record


def _revise(call: IheCall, before: PatientRecord, announced: Announced) -> None:
    store = call.store.patients
    traits = _over(before.traits, announced.traits)
    switches = {"opposes_bris_de_glace": before.opposes_bris_de_glace, "opposes_centre_15": before.opposes_centre_15}
    demand(store.update(before.id, traits, **switches), FREE, found=_spelled(announced.identifiers[0]))
    try:
        for ins in announced.identifiers:
            if ins not in before.identifiers:
                store.identify(before.id, ins)
                call.notes.changes.append({"what": "identifier", "old": "", "new": _spelled(ins)})
    except Refused:  # another call has just given it to somebody else
        raise refusal(FREE, found=_spelled(ins)) from None
    for what, old, new in changes(before.traits, traits):
        call.notes.changes.append({"what": what, "old": old, "new": new})


def _over(before: Traits, now: Traits) -> Traits:
    """What the feed says of somebody, in place of what was known; it says nothing of the rest."""
    return replace(
        before,
        name=now.name,
        sex=now.sex,
        birth_date=now.birth_date,
        deceased=now.deceased,
        telecoms=now.telecoms,
        addresses=now.addresses,
    )


def _spelled(ins: Ins) -> str:
    return f"{ins.value}^{ins.authority}"[:100]


def _accepted(call: IheCall, announced: Announced, body: etree._Element) -> SoapReply:
    """Acknowledge CA. Only now is it sure that no merge takes an identifier away at the same time."""
    for ins in announced.identifiers:
        demand(not call.store.merging.is_subsumed(ins), IN_USE, found=_spelled(ins), where=announced.where)
    return SoapReply(acknowledged(body, message_id=call.new_uuid(), now=call.now))


def refuse(refused: Refused, body: etree._Element) -> SoapReply:
    """Acknowledge CE, with one acknowledgementDetail per failed check."""
    problems = in_ihe(refused, "102").checks
    return SoapReply(acknowledged(body, message_id=str(uuid.uuid4()), now=datetime.now(UTC), problems=problems))


def _register(name: str, title: str, message: str, handle: Callable[[IheCall, etree._Element], SoapReply]) -> None:
    register_ihe(
        f"ITI-44-{name}",
        title,
        Operation(
            service="patients",
            name=f"DocumentRegistry_{message}",
            body=f"{{{HL7}}}{message}",
            action=f"urn:hl7-org:v3:{message}",
            response_action="urn:hl7-org:v3:MCCI_IN000002UV01",
        ),
        handle,
        refuse,
        module=__name__,
        audit=f"patient-{name.lower()}",
        writes=True,
        carrier=Carrier.ACKNOWLEDGEMENT,
        references=("DMPWS D102",),
    )


_register("ADD", "Annonce d'un patient", "PRPA_IN201301UV02", add)
_register("REVISE", "Révision d'un patient", "PRPA_IN201302UV02", revise)
_register("MERGE", "Fusion de deux patients", "PRPA_IN201304UV02", merge)
