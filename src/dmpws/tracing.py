"""Traces of what no transaction sees: the certificate at the other end, and the calls refused before any of them.

The pipeline traces every call that reaches it. A message that is not an envelope, or not one of ours, never does;
it still came from somebody whom TLS has authenticated (DMPWS D22).
"""

from dataclasses import dataclass
from functools import lru_cache

from dmpws.audit.trace import Trace, TraceOutcome
from dmpws.domain.checks import Refused
from dmpws.domain.listening import note
from dmpws.http.wsgi import Observed, Observer
from dmpws.pki.dn import SURNAME
from dmpws.pki.identity import identify
from dmpws.pki.trust import load_certificate
from dmpws.soap.faults import FaultCode
from dmpws.soap.message import TlsFacts
from dmpws.store import Store


def certificate_shown(tls: TlsFacts | None) -> tuple[str, str]:
    """Kind and serial number of the client certificate, as it says them; empty when it cannot be read."""
    if tls is None or (shown := _read(tls.certificate)) is None:
        return "", ""
    note(lambda: {"certificate": {"nominative": shown.nominative, "not_after": shown.not_after}})
    return shown.kind, shown.serial


@dataclass(frozen=True, slots=True)
class _Shown:
    """not_after: as RFC 3339. nominative: it names a person by his surname, as the card of no employee in particular
    does not."""

    kind: str
    serial: str
    nominative: bool
    not_after: str


@lru_cache(maxsize=4096)
def _read(der: bytes) -> _Shown | None:
    try:
        identity = identify(load_certificate(der))
    except Refused:
        return None
    named = bool(identity.subject.first(SURNAME))
    return _Shown(str(identity.kind), identity.serial, named, identity.not_after.isoformat())


def trace_refusals(store: Store) -> Observer:
    """An observer that leaves a trace of each authenticated call that ended before the dispatch.

    A client without certificate leaves none: anybody could fill the chain.
    """

    def observe(seen: Observed) -> None:
        exchange = seen.exchange
        fault, tls = exchange.fault, exchange.tls
        if fault is None or tls is None or exchange.dispatched:
            return
        kind, serial = certificate_shown(tls)
        ours = fault.code is FaultCode.RECEIVER
        trace = Trace(
            occurred_at=exchange.received_at,
            transaction="",
            outcome=TraceOutcome.FAILED if ours else TraceOutcome.REFUSED,
            code=fault.outcome,
            message=fault.reason,
            correlation_id=exchange.correlation_id,
            message_id=exchange.message_id,
            peer=tls.peer,
            certificate_kind=kind,
            certificate_serial=serial,
        )
        note(trace.values)
        store.append_trace(trace)

    return observe
