"""The one list of transactions. Dispatch, contracts, documentation, coverage and client all read it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Any

from lxml import etree

from dmpws.domain.access import AuthMode
from dmpws.domain.checks import Refused
from dmpws.domain.errors import Carrier
from dmpws.domain.software import Category, Profile
from dmpws.soap.message import Operation, SoapReply

ALL_MODES = frozenset(AuthMode)
ALL_PROFILES = frozenset(Profile)


class Interface(StrEnum):
    """What a server speaks: the one or the other, never both (DMPWS D26)."""

    DMP = "dmp"
    IHE = "ihe"
    """Profile `ihe`: the same code for plain XDS clients."""


@dataclass(frozen=True, slots=True)
class Transaction:
    """One entry of the registry.

    code: `TD0.3`. title: the French name. operation: None for TD0.1, which is the header of all others.
    modes: authentication modes in which it exists. carrier: how a refusal of it travels.
    profiles: profiles of approved software that hold it (DMPWS D35). narrower: those of one message, where they are
    fewer. categories: kinds of approved software that may call it.
    writes: whether it changes the record (one write transaction of the database instead of a read).
    audit: name of the event in the traces. references: clauses, in the checkable form.
    matches: tells whether a Body asks for this transaction when the operation has several.
    handle: (call, body) -> reply, or raises Refused; the call is the one of the interface (`Call`, `IheCall`).
    refuse: (refusal, body) -> reply, in the transaction's carrier.
    discreet: (refusal, body, day of reception) -> whether the trace tells neither patient nor reason (DMPWS D119).
    """

    code: str
    title: str
    operation: Operation | None
    modes: frozenset[AuthMode]
    carrier: Carrier
    profiles: frozenset[Profile]
    writes: bool
    audit: str
    references: tuple[str, ...]
    module: str
    handle: Callable[[Any, etree._Element], SoapReply]
    refuse: Callable[[Any, etree._Element], SoapReply]
    matches: Callable[[etree._Element, str], bool] = field(default=lambda body, service: True)
    narrower: Callable[[etree._Element], frozenset[Profile]] | None = None
    categories: frozenset[Category] = frozenset(Category)
    interface: Interface = Interface.DMP
    discreet: Callable[[Refused, etree._Element, date], bool] = field(default=lambda refused, body, today: False)


_TRANSACTIONS: dict[str, Transaction] = {}


def register(entry: Transaction) -> Transaction:
    """Add an entry. Raises ValueError when the code is taken."""
    if entry.code in _TRANSACTIONS:
        raise ValueError(f"{entry.code} is registered twice")
    _TRANSACTIONS[entry.code] = entry
    return entry


def transactions(interface: Interface = Interface.DMP) -> tuple[Transaction, ...]:
    """The entries of an interface, by code. The modules must have been imported (`dmpws.transactions.load`)."""
    entries = (t for t in _TRANSACTIONS.values() if t.interface is interface)
    return tuple(sorted(entries, key=lambda t: t.code))


def transaction(code: str) -> Transaction:
    """The entry of one code, whatever its interface. Raises KeyError."""
    return _TRANSACTIONS[code]


def operations(interface: Interface = Interface.DMP) -> tuple[Operation, ...]:
    """The distinct operations of the registered transactions."""
    return tuple(dict.fromkeys(t.operation for t in transactions(interface) if t.operation is not None))


def select(
    operation: Operation, body: etree._Element, service: str, interface: Interface = Interface.DMP
) -> tuple[Transaction, ...]:
    """The transactions of this operation that the Body asks for, called at path `service`; several only in TD3.3."""
    return tuple(t for t in of_operation(operation, interface) if t.matches(body, service))


def of_operation(operation: Operation, interface: Interface = Interface.DMP) -> Iterable[Transaction]:
    return (t for t in transactions(interface) if t.operation == operation)
