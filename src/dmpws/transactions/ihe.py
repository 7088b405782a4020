"""What the transactions of plain IHE share (profile `ihe`, DMPWS D26): their call, their patients, their refusals."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from lxml import etree

from dmpws.codec.ebxml.answers import RegistryError, errors_of, registry_response
from dmpws.domain.affinity import AffinityDomain
from dmpws.domain.checks import Refused, Rule, demand, recoded, refusal
from dmpws.domain.datatypes import Cx
from dmpws.domain.errors import Carrier
from dmpws.domain.octets import Octets
from dmpws.domain.patient import Ins, PatientRecord
from dmpws.soap.message import Operation, SoapReply
from dmpws.transactions.call import Settings, TraceNotes
from dmpws.transactions.pipeline import BUSY
from dmpws.transactions.ports import UnitOfWork
from dmpws.transactions.registry import ALL_MODES, ALL_PROFILES, Interface, Transaction, register

PATIENT = Rule(
    "IHE-PATIENT", "Le patient est connu du domaine d'affinité", "ITI TF-2 3.42.4.1.3", "XDSUnknownPatientId"
)
KNOWN_PATIENT = "un patient connu"


@dataclass(frozen=True, slots=True)
class IheCall:
    """One call of a plain IHE client; implements dmpws.transactions.call.Context."""

    domain: AffinityDomain
    now: datetime
    new_uuid: Callable[[], str]
    store: UnitOfWork
    settings: Settings
    parts: Mapping[str, Octets]
    notes: TraceNotes


def find_patient(call: IheCall, text: str) -> PatientRecord | None:
    """The record of a CX, noted for the trace; None when the domain does not know it."""
    patient = Cx.parse(text)
    call.notes.patient = f"{patient.id}^{patient.authority}"[:200]
    if not (patient.id and call.domain.identifies(patient.authority)):
        return None
    return call.store.patients.find(Ins(patient.id, patient.authority))


def unknown_patient(text: str) -> Refused:
    """The refusal of a CX that `find_patient` does not find; codeContext holds it (ITI TF-3 4.2.4.1)."""
    return refusal(PATIENT, expected=KNOWN_PATIENT, found=text[:200] or "rien")


def note_patients(call: IheCall, rows: Iterable[int]) -> None:
    """Say in the trace whose records a message without patient is about (DMPWS D22). rows: of them."""
    if call.notes.patient:
        return
    identifiers = sorted(
        f"{record.ins.value}^{record.ins.authority}" for record in call.store.patients.of_rows(set(rows))
    )
    if len(identifiers) == 1:
        call.notes.patient = identifiers[0]
    elif identifiers:
        call.notes.parameters["patient"] = identifiers


def hold_all(call: IheCall, patients: Callable[[], set[int]]) -> None:
    """Hold the records of these patients; nobody changes them from now on. Raises Refused when they are no longer the
    same patients once they are held."""
    wanted = patients()
    for patient in sorted(wanted):
        call.store.patients.lock(patient)
    demand(patients() <= wanted, BUSY)


Answer = Callable[[list[RegistryError]], bytes]


def refuse_with(general: str, answer: Answer = registry_response) -> Callable[[Refused, etree._Element], SoapReply]:
    """How a transaction refuses: one RegistryError per broken rule.

    general: its code for what IHE has no code of its own for, where the DMP has one.
    """

    def refuse(refused: Refused, _body: etree._Element) -> SoapReply:
        return SoapReply(answer(errors_of(in_ihe(refused, general))))

    return refuse


def in_ihe(refused: Refused, general: str) -> Refused:
    """The same refusal without codes of the DMP."""
    return recoded(refused, lambda code: general if code.startswith("DMP") else code)


def register_ihe(
    code: str,
    title: str,
    operation: Operation,
    handle: Callable[[IheCall, etree._Element], SoapReply],
    refuse: Callable[[Refused, etree._Element], SoapReply],
    *,
    module: str,
    audit: str,
    writes: bool,
    carrier: Carrier = Carrier.REGISTRY,
    references: tuple[str, ...] = (),
) -> Transaction:
    """Enter a transaction of profile `ihe` in the registry."""
    return register(
        Transaction(
            code=code,
            title=title,
            operation=operation,
            modes=ALL_MODES,
            carrier=carrier,
            profiles=ALL_PROFILES,
            writes=writes,
            audit=audit,
            references=(f"ITI TF-2 3.{code.split('-')[1]}", *references, "DMPWS D26"),
            module=module,
            handle=handle,
            refuse=refuse,
            interface=Interface.IHE,
        )
    )
