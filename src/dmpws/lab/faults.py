"""Faults on demand: which calls of a laboratory server go wrong, how, and how often (DMPWS D197)."""

import os
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from dmpws.domain.errors import CATALOGUE, WS_SECURITY, Carrier
from dmpws.lab.files import locked, read_json, write_json
from dmpws.transactions import load
from dmpws.transactions.registry import Transaction, transactions

MOST_SECONDS = 60.0
"""Longest delay. It holds a thread of the server, and must end before clients and proxies give up for good."""
MOST_TIMES = 1_000_000
MOST_FAULTS = 100
CUTS = ("before", "amid", "after")
"""When the connection is cut: nothing was done; in the middle of the answer; before its first octet, all being done."""
CORRUPTIONS = ("content", "boundary", "reference")
"""An octet of the last part changed; no closing boundary; an xop:Include that names no part."""
AT_THE_DOOR = frozenset({"DMPInvalidCertificate", "DMPAuthenticationError"})
"""Codes that travel in a SOAP fault, before the transaction is begun."""

_PATIENT = re.compile(r"[0-9AB]{1,22}(\^[0-9.]{1,64})?")


class FaultError(ValueError):
    """A fault cannot be set so; the message says why."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A call that a fault may be for."""

    transaction: Transaction
    patient: str
    software: tuple[str, str]
    """LPS_Nom and approval number."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong: a code, a cut, a corruption or a duplicate; or nothing but a delay, in seconds.

    transaction, patient (INS, or INS^OID), software (LPS_Nom or approval number): whose calls; "" for all.
    times: the next so many; 0 for as long as it is set. rate: of these calls, the part that is hit, spread evenly:
    0.25 is every fourth. seen, hits: the calls it was for so far, and those it hit.
    """

    id: int = 0
    transaction: str = ""
    patient: str = ""
    software: str = ""
    code: str = ""
    text: str = ""
    cut: str = ""
    corrupt: str = ""
    duplicate: bool = False
    delay: float = 0.0
    times: int = 1
    rate: float = 1.0
    seen: int = 0
    hits: int = 0

    @property
    def spent(self) -> bool:
        return self.times > 0 and self.hits >= self.times

    def is_for(self, call: Seen) -> bool:
        """Whose call it is, and whether the answer can be wrong in this way."""
        operation = call.transaction.operation
        return (
            self.transaction in ("", call.transaction.code)
            and self.patient in ("", call.patient, call.patient.partition("^")[0])
            and (not self.software or self.software in call.software)
            and (not self.code or carries(call.transaction, self.code))
            and (not self.corrupt or (operation is not None and operation.mtom_answer))
        )

    @property
    def falls(self) -> bool:
        """Whether the call that was just counted in `seen` is one of those hit."""
        return int(self.seen * self.rate + 1e-9) > int((self.seen - 1) * self.rate + 1e-9)


def carries(transaction: Transaction, code: str) -> bool:
    """XDS codes travel in a RegistryError alone; those of the DMP in every carrier."""
    return transaction.carrier is Carrier.REGISTRY or not code.startswith("XDS")


def read_fault(given: Mapping[str, Any]) -> Fault:
    """The fault that JSON describes. Raises FaultError."""
    known = {f.name: f.type for f in fields(Fault)}
    if unknown := sorted(given.keys() - (known.keys() - {"id", "seen", "hits"})):
        raise FaultError(f"unknown: {', '.join(unknown)}")
    for name, value in given.items():
        wanted: Any = (int, float) if known[name] is float else known[name]
        if not isinstance(value, wanted) or (isinstance(value, bool) and known[name] is not bool):
            raise FaultError(f"{name}: {value!r} is not a {known[name].__name__}")  # type: ignore[union-attr]
    fault = Fault(**given)
    if "rate" in given and "times" not in given:
        fault = replace(fault, times=0)
    _check_kind(fault)
    _check_calls(fault)
    return fault


def _check_kind(fault: Fault) -> None:
    kinds = [name for name in ("code", "cut", "corrupt", "duplicate") if getattr(fault, name)]
    if len(kinds) > 1:
        raise FaultError(f"one of {' and '.join(kinds)}, not both")
    if not kinds and not fault.delay:
        raise FaultError("nothing goes wrong: give code, delay, cut, corrupt or duplicate")
    for name, allowed in (("cut", CUTS), ("corrupt", CORRUPTIONS)):
        if getattr(fault, name) not in ("", *allowed):
            raise FaultError(f"{name}: {getattr(fault, name)!r} is not one of {', '.join(allowed)}")
    if fault.code and (fault.code not in CATALOGUE or fault.code in WS_SECURITY or fault.code.isdecimal()):
        raise FaultError(f"code: {fault.code!r} is not a code of the DMP interface (docs/faq.md lists them)")
    if fault.text and not fault.code:
        raise FaultError("text goes with code")
    if len(fault.text) > 500 or not (fault.text == "" or fault.text.isprintable()):
        raise FaultError("text: at most 500 characters that print")
    if not 0 <= fault.delay <= MOST_SECONDS:
        raise FaultError(f"delay: {fault.delay:g} s; from 0 to {MOST_SECONDS:g}")


def _check_calls(fault: Fault) -> None:
    load()
    known = {transaction.code: transaction for transaction in transactions()}
    if fault.transaction:
        transaction = known.get(fault.transaction)
        if transaction is None or transaction.operation is None:
            raise FaultError(f"transaction: {fault.transaction!r} is not one of {', '.join(known)}")
        if fault.code and not carries(transaction, fault.code):
            raise FaultError(f"{fault.transaction} cannot carry {fault.code}: XDS codes travel in a RegistryError")
        if fault.corrupt and not transaction.operation.mtom_answer:
            raise FaultError(f"{fault.transaction} is not answered in MTOM")
    if fault.patient and not _PATIENT.fullmatch(fault.patient):
        raise FaultError(f"patient: {fault.patient!r} is not an INS or INS^OID")
    if not 0 <= fault.times <= MOST_TIMES:
        raise FaultError(f"times: {fault.times}; from 1 to {MOST_TIMES}, or 0 for no end")
    if not 0 < fault.rate <= 1:
        raise FaultError(f"rate: {fault.rate:g}; above 0, at most 1")


class Faults:
    """The faults of a server, in a file that its processes share; without a fault there is no file."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path = folder / "faults.json"

    def take(self, call: Seen) -> Fault | None:
        """The first fault that hits this call, which is counted."""
        if not os.path.exists(self._path):
            return None
        with locked(self._folder):
            found = self._read()
            for at, fault in enumerate(found):
                if fault.spent or not fault.is_for(call):
                    continue
                counted = replace(fault, seen=fault.seen + 1)
                found[at] = replace(counted, hits=counted.hits + counted.falls)
                self._write(found)
                if counted.falls:
                    return counted
        return None

    def add(self, fault: Fault) -> Fault:
        """Set a fault after those that are set, and return it with its number. Raises FaultError."""
        with locked(self._folder):
            found = self._read()
            if len(found) >= MOST_FAULTS:
                found = [one for one in found if not one.spent]
            if len(found) >= MOST_FAULTS:
                raise FaultError(f"{MOST_FAULTS} faults are set: clear some")
            added = replace(fault, id=max((one.id for one in found), default=0) + 1)
            self._write([*found, added])
        return added

    def all(self) -> list[Fault]:
        """Those set, the spent ones too, oldest first."""
        return self._read()

    def clear(self, number: int | None = None) -> int:
        """Forget one fault, or all; return how many."""
        with locked(self._folder):
            found = self._read()
            kept = [] if number is None else [one for one in found if one.id != number]
            self._write(kept)
        return len(found) - len(kept)

    def _read(self) -> list[Fault]:
        return [Fault(**values) for values in read_json(self._path) or ()]

    def _write(self, faults: list[Fault]) -> None:
        if faults:
            write_json(self._path, [asdict(fault) for fault in faults])
        else:
            self._path.unlink(missing_ok=True)
