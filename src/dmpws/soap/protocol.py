"""SOAP 1.2 for spyne, contract first: the wire is ours, the application, dispatch and events are spyne's.

Every step either succeeds or raises `CarriedFault`, the only exception spyne turns into an answer everywhere.
"""

import functools
import http
import logging
from collections.abc import Callable
from typing import Any

from dmpws.domain.checks import Refused, Rule, refusal
from dmpws.domain.listening import reached
from dmpws.soap.addressing import read_addressing
from dmpws.soap.envelope import assertions_of, fault_envelope, open_envelope, reply_envelope
from dmpws.soap.exchange import ENVIRON, Exchange, Sendable, SoapOptions, Wire
from dmpws.soap.faults import SoapFault, from_refused, internal_error, version_mismatch
from dmpws.soap.includes import resolve_includes
from dmpws.soap.message import Operation
from dmpws.soap.spyne_shim import Fault, Soap12
from dmpws.xml.names import SOAP11
from dmpws.xml.parser import parse

journal = logging.getLogger("dmpws.soap")

MTOM_REQUIRED = Rule("SOAP-MTOM", "Cette requête est en MTOM/XOP", "GI-DMP EX_2.1-1260", "DMPInvalidRequest")
_SOAP11_ENVELOPE = f"{{{SOAP11}}}Envelope"


class CarriedFault(Fault):  # type: ignore[misc]
    """One of our faults, travelling through spyne."""

    def __init__(self, fault: SoapFault) -> None:
        super().__init__("Client", fault.reason)
        self.fault = fault


def as_fault(error: Exception, correlation_id: str) -> SoapFault:
    """The fault that answers an exception; what is neither fault nor refusal is a defect, kept in the journal."""
    if isinstance(error, CarriedFault):
        fault: SoapFault = error.fault
        return fault
    if isinstance(error, SoapFault):
        return error
    if isinstance(error, Refused):
        return from_refused(error)
    journal.error("defect, correlation %s", correlation_id, exc_info=error)
    return internal_error(correlation_id)


def carried(step: Callable[..., Any]) -> Callable[..., Any]:
    """Make one step of the protocol raise nothing but CarriedFault."""

    @functools.wraps(step)
    def guarded(self: Any, ctx: Any, *args: Any) -> Any:
        try:
            return step(self, ctx, *args)
        except Exception as error:
            raise CarriedFault(as_fault(error, exchange_of(ctx).correlation_id)) from None

    return guarded


def exchange_of(ctx: Any) -> Exchange:
    """The exchange a spyne context belongs to."""
    exchange: Exchange = ctx.transport.req_env[ENVIRON]
    return exchange


class ContractSoap12(Soap12):  # type: ignore[misc]
    """The protocol, for both directions. What stock Soap12 would do: docs/explanation/architecture.md."""

    def __init__(self, wire: Wire, options: SoapOptions) -> None:
        super().__init__()
        self._wire = wire
        self._options = options
        self._descriptors: dict[Operation, Any] = {}

    def bind(self, descriptors: dict[Operation, Any]) -> None:
        """Learn spyne's descriptor of each operation, once the application is built."""
        self._descriptors = descriptors

    @carried
    def create_in_document(self, ctx: Any, _charset: Any = None) -> None:
        """Read the HTTP request and parse the envelope."""
        exchange = exchange_of(ctx)
        received = self._wire.read(exchange)
        reached("réception")
        ctx.in_document = parse(received.envelope, self._options.limits)
        if received.unless_soap11 is not None:
            raise version_mismatch() if ctx.in_document.tag == _SOAP11_ENVELOPE else received.unless_soap11
        exchange.soap11 = received.soap11
        exchange.parts = resolve_includes(ctx.in_document, received.parts)
        reached("analyse XML")

    @carried
    def decompose_incoming_envelope(self, ctx: Any, _message: Any = None) -> None:
        """Take the envelope apart: headers understood, addressing, security header, one body element."""
        exchange = exchange_of(ctx)
        envelope = open_envelope(ctx.in_document, soap11=exchange.soap11)
        addressing = read_addressing(envelope.headers)
        exchange.message_id = addressing.message_id
        exchange.assertions = assertions_of(envelope.headers)
        ctx.in_header_doc = addressing
        ctx.in_body_doc = envelope.body
        ctx.method_request_string = envelope.body.tag
        reached("enveloppe")

    @carried
    def get_call_handles(self, ctx: Any) -> list[Any]:
        """Find the operation."""
        exchange = exchange_of(ctx)
        assert exchange.service is not None
        operation = exchange.service.select(
            str(ctx.method_request_string), ctx.in_header_doc.action, strict=self._options.strict_action
        )
        exchange.operation = operation
        if operation.mtom_request and not exchange.multipart:
            raise refusal(MTOM_REQUIRED, expected="multipart/related", found=exchange.environ.get("CONTENT_TYPE", ""))
        return [self._descriptors[operation]]

    def deserialize(self, ctx: Any, message: Any) -> None:
        """The body element is the object."""
        ctx.in_object = ctx.in_body_doc

    def serialize(self, ctx: Any, message: Any) -> None:
        """Write the answer or the fault, for the wire.

        spyne calls it again, with an error of its own, when it raises.
        """
        exchange = exchange_of(ctx)
        if ctx.out_error is not None and exchange.fault is None:
            exchange.fault = as_fault(ctx.out_error, exchange.correlation_id)
        if exchange.fault is not None:
            ctx.out_document = self._write_fault(exchange, exchange.fault)
            ctx.transport.resp_code = _status_line(exchange.fault.status(self._options.http_binding))
            ctx.transport.resp_headers = dict(exchange.fault.http_headers)
        else:
            ctx.out_document = self._write_reply(exchange)
            ctx.transport.resp_headers = {}
        ctx.transport.mime_type = ctx.out_document.content_type
        reached("réponse")

    def _write_reply(self, exchange: Exchange) -> Sendable:
        assert exchange.reply is not None
        assert exchange.operation is not None
        action = exchange.operation.response_action
        try:
            envelope = reply_envelope(exchange.reply, action=action, relates_to=exchange.message_id)
            return self._wire.write(
                envelope, exchange.reply.attachments, action=action, multipart=exchange.answers_multipart
            )
        except Exception as error:
            exchange.fault = as_fault(error, exchange.correlation_id)
            raise

    def _write_fault(self, exchange: Exchange, fault: SoapFault) -> Sendable:
        envelope = fault_envelope(fault, relates_to=exchange.message_id)
        return self._wire.write(envelope, {}, action=fault.action, multipart=exchange.answers_multipart)

    def create_out_string(self, ctx: Any, _charset: Any = None) -> None:
        """Hand the message to the server."""
        exchange_of(ctx).answer = ctx.out_document
        ctx.out_string = ctx.out_document.chunks

    def fault_to_http_response_code(self, fault: Any) -> str:
        """Called before `serialize`, which sets the real one."""
        return _status_line(500)


def _status_line(status: int) -> str:
    return f"{status} {http.HTTPStatus(status).phrase}"
