"""What happens to every call: who calls, transaction, one database transaction, trace.

`Pipeline` is the `Dispatch` of the SOAP application. A security refusal is raised and becomes a fault; a refusal
by the transaction becomes an answer in its carrier. Both leave a trace (DMPWS D22).
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from lxml import etree

from dmpws.audit.trace import Trace, TraceOutcome
from dmpws.domain.checks import Refused, Rule, refusal
from dmpws.domain.errors import Carrier
from dmpws.domain.listening import hush, note, reached, tell
from dmpws.soap.message import SoapReply, SoapRequest, TlsFacts
from dmpws.transactions.call import Context, TraceNotes
from dmpws.transactions.ports import StorageBusy, Store, UnitOfWork
from dmpws.transactions.registry import Interface, Transaction, select

KNOWN = Rule("CALL-TRANSACTION", "Le message est celui d'une transaction du DMP", "DMPWS D10", "DMPInvalidRequest")
BUSY = Rule("CALL-BUSY", "Le registre peut traiter l'appel maintenant", "ITI TF-3 4.2.4.1", "XDSRegistryBusy")

journal = logging.getLogger("dmpws.transactions")

CheckBody = Callable[[etree._Element], None]
"""Checks a Body against its schema. Raises Refused."""


class Visitor(Protocol):
    """Somebody who calls, verified as his interface asks."""

    @property
    def patient(self) -> str:
        """Identifier of the patient he calls about as `value^authority`, empty when only the message tells."""
        ...

    def sign(self, draft: Trace) -> Trace:
        """The trace with what is known of him."""
        ...

    def admit(self, asked: Sequence[Transaction], body: etree._Element) -> None:
        """Let him send this message, which asks for these transactions. Raises Refused."""
        ...

    def call(self, request: SoapRequest, work: UnitOfWork, notes: TraceNotes) -> Context:
        """The context that the transactions of the interface ask for."""
        ...


class Entrance(Protocol):
    """How one comes in: with a VIHF, or as a plain IHE client."""

    @property
    def interface(self) -> Interface: ...

    def enter(self, request: SoapRequest) -> Visitor:
        """Make sure of who calls. Raises Refused."""
        ...


@dataclass(frozen=True, slots=True)
class Pipeline:
    """The parts every call needs; built once per worker by dmpws.app.

    certificate_shown: kind and serial number of the TLS client certificate, for the traces of refused tokens.
    """

    store: Store
    entrance: Entrance
    check_body: CheckBody
    certificate_shown: Callable[[TlsFacts | None], tuple[str, str]]

    def __call__(self, request: SoapRequest) -> SoapReply:
        """Run one call. Raises Refused for security refusals."""
        kind, serial = self.certificate_shown(request.tls)
        draft = Trace(
            occurred_at=request.received_at,
            transaction="",
            outcome=TraceOutcome.REFUSED,
            correlation_id=request.correlation_id,
            message_id=request.message_id,
            peer=request.tls.peer if request.tls else "",
            certificate_kind=kind,
            certificate_serial=serial,
        )
        try:
            asked = self._transactions_of(request)
            draft = draft._replace(transaction=", ".join(transaction.code for transaction in asked))
            visitor = self.entrance.enter(request)
            draft = visitor.sign(draft)
            visitor.admit(asked, request.body)
            reached("VIHF")
        except Refused as refused:
            self._trace_refused(draft, refused)
            raise
        except Exception:
            self._trace(draft._replace(outcome=TraceOutcome.FAILED))
            raise
        return self._run(asked[0], request, visitor, draft)

    def _transactions_of(self, request: SoapRequest) -> tuple[Transaction, ...]:
        """What a message asks for; several transactions share the way they are done."""
        found = select(request.operation, request.body, request.path_service, self.entrance.interface)
        if not found:
            raise refusal(KNOWN, found=etree.QName(request.body).localname)
        return found

    def _run(self, transaction: Transaction, request: SoapRequest, visitor: Visitor, draft: Trace) -> SoapReply:
        notes = TraceNotes(patient=visitor.patient)
        try:
            reply = self._handle(transaction, request, visitor, draft, notes)
        except Refused as refused:
            draft = _with_notes(draft, notes)
            discreet = transaction.discreet(refused, request.body, request.received_at.date())
            self._trace_discreetly(draft, refused) if discreet else self._trace_refused(draft, refused)
            return transaction.refuse(refused, request.body)
        except StorageBusy as busy:
            self._trace(_with_notes(draft, notes)._replace(outcome=TraceOutcome.FAILED, code=BUSY.code))
            if transaction.carrier is not Carrier.REGISTRY:
                raise
            journal.warning("%s: %s", request.correlation_id, busy)
            return transaction.refuse(refusal(BUSY), request.body)
        except Exception:
            self._trace(_with_notes(draft, notes)._replace(outcome=TraceOutcome.FAILED))
            raise
        return reply

    def _handle(
        self,
        transaction: Transaction,
        request: SoapRequest,
        visitor: Visitor,
        draft: Trace,
        notes: TraceNotes,
    ) -> SoapReply:
        """Run the transaction in one database transaction; what changes the record is traced in the same."""
        self.check_body(request.body)
        reached("schéma du message")
        with self.store.write() if transaction.writes else self.store.read() as work:
            call = visitor.call(request, work, notes)
            reply = transaction.handle(call, request.body)
            trace = _with_notes(draft, notes)._replace(outcome=TraceOutcome.ACCEPTED)
            reached("transaction")
            if transaction.writes:
                note(trace.values)
                work.traces.append(trace)
        if not transaction.writes:
            self._trace_read(trace, notes)
        reached("écriture")
        return reply

    def _trace_refused(self, draft: Trace, refused: Refused, message: str | None = None) -> None:
        reached("refus")
        tell(refused.checks)
        self._trace(draft._replace(code=refused.code, message=refused.message if message is None else message))

    def _trace_discreetly(self, draft: Trace, refused: Refused) -> None:
        """Leave a trace that does not tell whom the call was about, nor why it was refused (DMPWS D119)."""
        hush()
        self._trace_refused(draft._replace(patient=""), refused, message="")

    def _trace_read(self, trace: Trace, notes: TraceNotes) -> None:
        if not notes.with_trace:
            self._trace(trace)
            return
        with self.store.write() as work:
            for change in notes.with_trace:
                change(work)
            note(trace.values)
            work.traces.append(trace)

    def _trace(self, trace: Trace) -> None:
        note(trace.values)
        self.store.append_trace(trace)


def _with_notes(draft: Trace, notes: TraceNotes) -> Trace:
    return draft._replace(
        transaction=notes.transaction or draft.transaction,
        patient=notes.patient,
        holder=notes.holder,
        operation=notes.operation,
        submission_set=notes.submission_set,
        documents=tuple(notes.documents),
        query=notes.query,
        parameters={name: tuple(values) for name, values in notes.parameters.items()},
        changes=tuple(notes.changes),
        warnings=draft.warnings + tuple(notes.warnings),
    )
