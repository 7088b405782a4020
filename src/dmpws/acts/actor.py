"""Who stands at the desk. Whoever builds an Actor has made sure of who it is: the web by its login, a command line
by the account that runs it."""

from dataclasses import dataclass
from enum import StrEnum

from dmpws.domain.caller import Caller
from dmpws.domain.patient import Ins, Representative


class ActorKind(StrEnum):
    """In which capacity somebody acts on a record."""

    PATIENT = "patient"
    REPRESENTATIVE = "representative"
    TREATING_DOCTOR = "treating_doctor"
    """The médecin traitant, on the patient's behalf."""
    PRODUCER = "producer"
    """A producer of documents that is not an LPS."""
    OPERATOR = "operator"
    """The host's operator."""


IN_FRENCH = {
    ActorKind.PATIENT: "le patient",
    ActorKind.REPRESENTATIVE: "son représentant légal",
    ActorKind.TREATING_DOCTOR: "son médecin traitant",
    ActorKind.PRODUCER: "un producteur de documents",
    ActorKind.OPERATOR: "l'hébergeur",
}


@dataclass(frozen=True, slots=True)
class Actor:
    """identifier, name: as the traces show them. ins: of the patient himself. representative: as the record names
    him. caller: the professional as his card or his token tells, in normal mode."""

    kind: ActorKind
    identifier: str
    name: str = ""
    ins: Ins | None = None
    representative: Representative | None = None
    caller: Caller | None = None


def patient(ins: Ins) -> Actor:
    """The patient, known by any of his identifiers."""
    return Actor(ActorKind.PATIENT, f"{ins.value}^{ins.authority}", ins=ins)


def representative(who: Representative) -> Actor:
    """A legal representative; he has no identifier, the record knows him by his name."""
    name = f"{who.name.given} {who.name.used or who.name.birth}".strip()
    return Actor(ActorKind.REPRESENTATIVE, "", name, representative=who)


def treating_doctor(caller: Caller, name: str = "") -> Actor:
    """A doctor on the patient's behalf; the record tells whether he is the médecin traitant."""
    return Actor(ActorKind.TREATING_DOCTOR, caller.person, name, caller=caller)


def producer(identifier: str, name: str = "") -> Actor:
    """A producer that is not an LPS."""
    return Actor(ActorKind.PRODUCER, identifier, name)


def operator(account: str) -> Actor:
    """The host's operator under the name of his account; no professional has an identifier of this form."""
    return Actor(ActorKind.OPERATOR, f"operator:{account}", account)
