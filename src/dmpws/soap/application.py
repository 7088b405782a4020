"""The spyne application, generated from the list of operations: a service class per contract."""

import itertools
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from dmpws.soap.exchange import SoapOptions, Wire
from dmpws.soap.message import Dispatch, Operation
from dmpws.soap.protocol import CarriedFault, ContractSoap12, as_fault, exchange_of
from dmpws.soap.spyne_shim import AnyXml, Application, ServiceBase, appreg, rpc

NAMESPACE = "urn:dmpws"
"""Name of the spyne application; the contracts have namespaces of their own."""


def application(
    operations: Sequence[Operation], dispatch: Dispatch, *, wire: Wire, options: SoapOptions
) -> Application:
    """Build the spyne application that answers `operations` by calling `dispatch`."""
    by_service = itertools.groupby(sorted(operations, key=lambda o: o.service), key=lambda o: o.service)
    protocols = ContractSoap12(wire, options), ContractSoap12(wire, options)
    app = Application(
        [_service(name, members, dispatch) for name, members in by_service],
        tns=NAMESPACE,
        name="dmpws",
        in_protocol=protocols[0],
        out_protocol=protocols[1],
    )
    # spyne keeps every application it ever made in a global table; nothing here looks it up there.
    appreg.unregister_application(app)
    protocols[0].bind({d.udd["operation"]: d for d in app.interface.method_id_map.values()})
    return app


def _service(name: str, operations: Iterable[Operation], dispatch: Dispatch) -> Any:
    methods = {operation.name: _method(operation, dispatch) for operation in operations}
    return type(ServiceBase)(name, (ServiceBase,), methods)


def _method(operation: Operation, dispatch: Dispatch) -> Callable[..., Any]:
    """A spyne method that hands the call over. Its messages are opaque to spyne: the contract is hand-written."""

    def call(ctx: Any, _body: Any) -> Any:
        exchange = exchange_of(ctx)
        exchange.dispatched = True
        try:
            exchange.reply = dispatch(exchange.request(ctx.in_body_doc))
        except Exception as error:
            raise CarriedFault(as_fault(error, exchange.correlation_id)) from None
        return exchange.reply

    call.__name__ = operation.name
    method: Callable[..., Any] = rpc(
        AnyXml,
        _body_style="bare",
        _in_message_name=f"{operation.service}.{operation.name}",
        _out_message_name=f"{operation.service}.{operation.name}Response",
        _returns=AnyXml,
        _udd={"operation": operation},
    )(call)
    return method
