"""The server that a vendor's tests talk to: started, put back, disturbed and asked from Python."""

import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from dmpws import cast
from dmpws.cli.journal import Port
from dmpws.client import LpsSession
from dmpws.client.actor import Actor
from dmpws.config import LABORATORY
from dmpws.domain.patient import Ins
from dmpws.lab import Lab
from dmpws.lab.faults import Fault
from dmpws.testing.server import LiveServer, free_port

Patient = Ins | str
"""An INS, `INS^OID`, or the key of a patient of the cast."""
_ATTEMPTS = 3
_AWAITED_SECONDS = 20


class DmpServer(LiveServer):
    """A server of the profile `local` or `test`, in a process of its own.

    folder: of everything it keeps; its PKI is made there. options: of the configuration, by name. Raises ValueError
    for another profile. Its methods raise dmpws.cli.Failure, with the sentence of the server, when it refuses.
    """

    def __init__(self, folder: Path, **options: str) -> None:
        profile = options.get("profile", "local")
        if profile not in LABORATORY:
            raise ValueError(f"profile {profile}: tests play in {' and '.join(LABORATORY)}")
        super().__init__(folder, **{"profile": profile, "workers": "2", **options})
        self._lab = Lab(folder / "lab")
        self.faults = ServerFaults(self)
        self.clock = ServerClock(self)

    @property
    def ops_url(self) -> str:
        """The operator port, in plain HTTP on this machine."""
        return f"http://127.0.0.1:{self.ops_port}"

    @property
    def ca_file(self) -> Path:
        """PEM of the authorities of the server, for your client to trust."""
        return self.pki.ca_file

    def start(self) -> None:
        """Start and wait until it is ready. Raises RuntimeError with its output when it is not."""
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                return super().start()
            except RuntimeError:  # perhaps another took the port meanwhile
                if attempt == _ATTEMPTS or "in use" not in self.log:
                    raise
                self.port, self.ops_port = free_port(), free_port()
        return None

    def ask(self, method: str, page: str, value: Any = None) -> Any:
        """Ask the operator port for JSON."""
        return Port(self.ops_url).send(method, page, value)

    def session(self, card: str, actor: Actor | None = None) -> LpsSession:
        """A client of this server, which lives at the time of its clock. card: folder of `pki/cards`."""
        return LpsSession(self.pki.card(card), self.url, ca_file=self.ca_file, actor=actor, clock=self._lab.clock)

    def reset(self, name: str = "cast") -> None:
        """As after the first start: the cast, or the set `plan`; real time, no faults, empty journal."""
        self.ask("POST", "lab/reset", {"set": name})

    def snapshot(self, name: str) -> None:
        """Keep database and documents under a name."""
        self.ask("PUT", f"lab/snapshots/{name}")

    def restore(self, name: str) -> None:
        """Put database and documents back."""
        self.ask("POST", f"lab/snapshots/{name}/restore")

    def exchanges(self, *, least: int = 1, **filters: str) -> list[dict[str, Any]]:
        """What the server was asked and answered, newest first. filters: patient, software, transaction, code…

        least: how many are awaited, for twenty seconds: an exchange is kept once its answer is sent.
        """
        deadline = time.monotonic() + _AWAITED_SECONDS
        while True:
            found: list[dict[str, Any]] = Port(self.ops_url).get("journal", **filters)
            if len(found) >= least or time.monotonic() > deadline:
                return found
            time.sleep(0.01)

    def exchange(self, number: int) -> dict[str, Any]:
        """One exchange with every check: what was expected, what was found."""
        found: dict[str, Any] = self.ask("GET", f"journal/{number}")
        return found

    def message(self, number: int, direction: str = "request") -> bytes:
        """The octets of a `request` or an `answer`."""
        return Port(self.ops_url).octets(f"journal/{number}/{direction}")


class ServerClock:
    """The time at which the server judges (docs/how-to/inject-faults.md tells what does not move)."""

    def __init__(self, server: DmpServer) -> None:
        self._server = server

    def freeze(self, at: datetime) -> None:
        """Stand still at an instant, aware."""
        self._server.ask("PUT", "lab/clock", {"frozen": at.isoformat()})

    def shift(self, by: timedelta) -> None:
        """Run before or after the real time."""
        self._server.ask("PUT", "lab/clock", {"shift": by.total_seconds()})

    def be_real(self) -> None:
        self._server.ask("DELETE", "lab/clock")

    def now(self) -> datetime:
        """Aware UTC."""
        return datetime.fromisoformat(self._server.ask("GET", "lab/clock")["now"])


class ServerFaults:
    """Calls that go wrong on purpose.

    Each method takes `transaction`, `patient` and `software` (LPS_Nom or approval number) to say whose calls, `times`
    (the next so many, by default the next one; 0 for all) or `rate` (this part of them) to say how often, and `delay`
    in seconds. It returns the fault, with its number.
    """

    def __init__(self, server: DmpServer) -> None:
        self._server = server

    def code(self, code: str, *, text: str = "", **calls: Any) -> Fault:
        """Refuse with a code, in the carrier of the transaction."""
        return self._add({"code": code, "text": text}, calls)

    def delay(self, seconds: float, **calls: Any) -> Fault:
        """Answer later, 60 s at most."""
        return self._add({"delay": seconds}, calls)

    def cut(self, when: str = "after", **calls: Any) -> Fault:
        """End the connection: `before` anything is done, `amid` the answer, or `after` everything is done."""
        return self._add({"cut": when}, calls)

    def corrupt(self, how: str = "content", **calls: Any) -> Fault:
        """Spoil an MTOM answer: `content`, `boundary` or `reference`."""
        return self._add({"corrupt": how}, calls)

    def duplicate(self, **calls: Any) -> Fault:
        """Send the answer twice on the connection."""
        return self._add({"duplicate": True}, calls)

    def all(self) -> list[Fault]:
        """Those set, with how often each hit."""
        return [_fault(values) for values in self._server.ask("GET", "lab/faults")]

    def hits(self, fault: Fault) -> int:
        """How often a fault hit so far."""
        return sum(one.hits for one in self.all() if one.id == fault.id)

    def clear(self) -> None:
        """Forget them all."""
        self._server.ask("DELETE", "lab/faults")

    def _add(self, kind: Mapping[str, Any], calls: Mapping[str, Any]) -> Fault:
        given = {name: value for name, value in {**kind, **calls}.items() if value not in ("", None)}
        if "patient" in given:
            given["patient"] = _ins_text(given["patient"])
        return _fault(self._server.ask("POST", "lab/faults", given))


def _fault(values: Mapping[str, Any]) -> Fault:
    return Fault(**{name: value for name, value in values.items() if name != "spent"})


def _ins_text(patient: Patient) -> str:
    ins = cast.PATIENTS[patient].ins if isinstance(patient, str) and patient in cast.PATIENTS else patient
    return ins if isinstance(ins, str) else f"{ins.value}^{ins.authority}"
