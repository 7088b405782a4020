"""Where faults happen: a layer around the entrance of the pipeline, and one around the WSGI application.

The caller is verified first, as always, so that faults can be for one software or one patient; a refusal that was
asked for travels and leaves its trace like any other.
"""

import errno
import re
import socket
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import Any

from lxml import etree

from dmpws.audit.trace import Trace
from dmpws.domain.checks import Check, Outcome, Refused, Rule, refusal
from dmpws.domain.listening import tell
from dmpws.http.media_type import parse_media_type
from dmpws.http.worker import cut
from dmpws.lab.faults import AT_THE_DOOR, Fault, Faults, Seen
from dmpws.soap.message import SoapRequest
from dmpws.transactions.call import Context, TraceNotes
from dmpws.transactions.pipeline import Entrance, Visitor
from dmpws.transactions.ports import UnitOfWork
from dmpws.transactions.registry import Interface, Transaction

INJECTED = Rule("LAB-FAULT", "Défaut demandé à ce serveur d'essai", "DMPWS D197", "DMPInvalidRequest")

_on_the_wire: ContextVar[list[Fault] | None] = ContextVar("dmpws.lab.wire", default=None)
"""Where the entrance leaves what must happen to the answer."""
_REFERENCE = re.compile(rb"(?i)(content-id:\s*<)([^>\r\n])")

WsgiApp = Callable[..., Iterable[bytes]]


@dataclass(frozen=True, slots=True)
class DisturbedEntrance:
    """An entrance, some of whose calls go wrong."""

    inner: Entrance
    faults: Faults

    @property
    def interface(self) -> Interface:
        return self.inner.interface

    def enter(self, request: SoapRequest) -> Visitor:
        return _Disturbed(self.inner.enter(request), self.faults)


@dataclass(slots=True)
class _Disturbed:
    visitor: Visitor
    faults: Faults
    software: tuple[str, str] = ("", "")
    refused: Refused | None = field(default=None)

    @property
    def patient(self) -> str:
        return self.visitor.patient

    def sign(self, draft: Trace) -> Trace:
        signed = self.visitor.sign(draft)
        self.software = (signed.software_name, signed.approval_number)
        return signed

    def admit(self, asked: Sequence[Transaction], body: etree._Element) -> None:
        self.visitor.admit(asked, body)
        fault = self.faults.take(Seen(asked[0], self.patient, self.software))
        if fault is None:
            return
        time.sleep(fault.delay)
        wire = _on_the_wire.get()
        if wire is not None and (fault.cut or fault.corrupt or fault.duplicate):
            wire.append(fault)
        if fault.cut == "before":
            raise refusal(INJECTED, text=_told(fault))
        if fault.code:
            rule = replace(INJECTED, code=fault.code)
            self.refused = refusal(rule, text=fault.text or _told(fault))
            if fault.code in AT_THE_DOOR:
                raise self.refused
        else:
            tell([Check(INJECTED, Outcome.WARNED, text=_told(fault))])

    def call(self, request: SoapRequest, work: UnitOfWork, notes: TraceNotes) -> Context:
        if self.refused is not None:
            raise self.refused
        return self.visitor.call(request, work, notes)


def _told(fault: Fault) -> str:
    """What the journal and, for a refusal, the caller read."""
    done = {"code": fault.code, "cut": fault.cut, "corrupt": fault.corrupt}
    words = [f"{name} {value}" for name, value in done.items() if value]
    words += ["duplicate"] * fault.duplicate + [f"delay {fault.delay:g} s"] * bool(fault.delay)
    return f"{INJECTED.title} (n° {fault.id} : {', '.join(words)})"


class Disturbed:
    """The WSGI application `app`, some of whose answers do not arrive as they were written."""

    def __init__(self, app: WsgiApp) -> None:
        self._app = app

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        faults: list[Fault] = []
        started: list[tuple[str, list[tuple[str, str]]]] = []

        def start(status: str, headers: list[tuple[str, str]], *exc_info: Any) -> Any:
            if not faults:
                return start_response(status, headers, *exc_info)
            started.append((status, headers))
            return None

        token = _on_the_wire.set(faults)
        try:
            answer = self._app(environ, start)
        finally:
            _on_the_wire.reset(token)
        if not faults:
            return answer
        try:
            octets = b"".join(answer)
        finally:
            if (close := getattr(answer, "close", None)) is not None:
                close()
        return _disturbed(faults[0], environ, start_response, *started[-1], octets)


def _disturbed(
    fault: Fault,
    environ: dict[str, Any],
    start_response: Callable[..., Any],
    status: str,
    headers: list[tuple[str, str]],
    octets: bytes,
) -> Iterable[bytes]:
    if fault.cut in ("before", "after"):
        _cut(environ)
    if fault.corrupt:
        content_type = next((value for name, value in headers if name.lower() == "content-type"), "")
        octets = corrupted(octets, parse_media_type(content_type).parameters.get("boundary", ""), fault.corrupt)
    start_response(status, headers)
    if fault.cut == "amid":
        return _half(environ, octets)
    return _twice(environ, status, headers, octets) if fault.duplicate else [octets]


def corrupted(octets: bytes, boundary: str, how: str) -> bytes:
    """A package of the same length that cannot be read, or whose last part is not what it was."""
    end = octets.rfind(b"\r\n--" + boundary.encode() + b"--")
    if end < 0:
        return octets
    if how == "boundary":
        return octets[:end] + b"?" * (len(octets) - end)
    if how == "content":
        return octets[: end - 1] + bytes([octets[end - 1] ^ 1]) + octets[end:]
    first, *others = _REFERENCE.finditer(octets)
    changed = bytearray(octets)
    for part in others or [first]:
        changed[part.start(2)] = ord("_")
    return bytes(changed)


def _half(environ: dict[str, Any], octets: bytes) -> Iterator[bytes]:
    yield octets[: len(octets) // 2]
    _cut(environ)


def _twice(environ: dict[str, Any], status: str, headers: list[tuple[str, str]], octets: bytes) -> Iterator[bytes]:
    """A client that keeps the connection finds the second answer where that of its next call should be."""
    yield octets
    if isinstance(sock := environ.get("gunicorn.socket"), socket.socket):
        head = "".join(f"{name}: {value}\r\n" for name, value in headers)
        sock.sendall(f"HTTP/1.1 {status}\r\n{head}\r\n".encode("latin-1") + octets)


def _cut(environ: dict[str, Any]) -> None:
    """End the connection under the server, which takes it for one that the client reset."""
    if isinstance(sock := environ.get("gunicorn.socket"), socket.socket):
        cut(sock)
    raise ConnectionResetError(errno.ECONNRESET, "cut on demand")
