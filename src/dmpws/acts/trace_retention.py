"""The end of traces: those older than their retention go, and a signed checkpoint stays in their place (DMPWS D154).

GI-DMP EX_AIR-100: ten years after the closure, then they are destroyed.

Only the oldest ones, in one piece, so that the chain is still one; what was done to do it is a trace itself.
"""

from collections.abc import Callable
from datetime import datetime

from dmpws.acts import confirmation
from dmpws.acts.actor import ActorKind
from dmpws.acts.desk import Desk, Kind
from dmpws.acts.retention import end_of_conservation
from dmpws.audit.trace import TraceOutcome
from dmpws.domain.traces import TraceSpan
from dmpws.transactions.call import TraceNotes

PURGE = Kind("act:purge-traces", "Purge des traces échues", frozenset({ActorKind.OPERATOR}), motive=True)

Signer = Callable[[int, int, str, str, str, datetime], tuple[bytes, bytes]]
"""As dmpws.audit.checkpoint."""


def plan_trace_purge(desk: Desk) -> tuple[TraceSpan | None, str]:
    """The traces whose retention is over, None when there is none, and the phrase that confirms that they go."""
    desk.require(PURGE)
    with desk.store.read() as work:
        span = work.traces.lapsed(end_of_conservation(desk.now, desk.settings.trace_years))
    return span, confirmation.phrase(desk, "purge", span)


def purge_traces(desk: Desk, *, confirmed: str, sign: Signer) -> TraceSpan | None:
    """Take away the traces of the plan, under a checkpoint that `sign` signs. Raises Refused."""
    span, phrase = plan_trace_purge(desk)
    confirmation.require(confirmed, phrase)
    if span is None:
        return None
    reason = desk.motive.strip()
    signature, certificate = sign(span.first, span.last, span.hash_before, span.hash_after, reason, desk.now)
    notes = TraceNotes(changes=[{"what": "traces", "old": f"{span.first}-{span.last}", "new": span.hash_after}])
    with desk.store.write() as work:
        work.traces.cut(span, reason=reason, made_at=desk.now, signature=signature, certificate=certificate)
        work.traces.append(desk.trace(PURGE, notes, TraceOutcome.ACCEPTED))
    return span
