"""The WSGI application: paths, contracts, exchanges from first to last octet, and spyne in between."""

import logging
import re
import secrets
import time
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple, Protocol
from urllib.parse import parse_qsl, quote

from dmpws.domain.octets import OctetsSink
from dmpws.http import SERVICES_PATH
from dmpws.http.limits import Limits
from dmpws.http.tls import TlsReader, direct
from dmpws.http.wire import HttpWire
from dmpws.soap.application import application
from dmpws.soap.envelope import fault_envelope
from dmpws.soap.exchange import ENVIRON, Exchange, SoapOptions
from dmpws.soap.faults import internal_error
from dmpws.soap.message import Dispatch, Operation
from dmpws.soap.routing import Service, services
from dmpws.soap.spyne_shim import WsgiApplication

journal = logging.getLogger("dmpws.http")

_HOST = re.compile(r"[A-Za-z0-9.-]+(?::\d+)?|\[[0-9A-Fa-f:.]+\](?::\d+)?")

StartResponse = Callable[..., Any]


class Contracts(Protocol):
    """The WSDL and XSD that are served (dmpws.soap.contracts). Both methods raise KeyError for what they lack.

    base_url: address of the services, without final slash (`https://host/si-dmp-server/v2/services`).
    """

    @property
    def services(self) -> Collection[str]: ...

    def wsdl(self, service: str, base_url: str) -> bytes: ...

    def xsd(self, path: str, base_url: str) -> bytes: ...


class Observed(NamedTuple):
    """One finished exchange, for metrics.

    operation: name in the contract, "" when unknown. path: service called, "" when unknown. outcome: `ok`, or the
    most specific code of the fault; a refusal inside an answer (RegistryError...) is `ok` here. seconds: until the
    last octet was handed to the server. exchange: the rest, for a trace of the calls that were never dispatched.
    """

    operation: str
    path: str
    status: int
    outcome: str
    seconds: float
    octets_in: int
    octets_out: int
    exchange: Exchange


Observer = Callable[[Observed], None]


@dataclass(frozen=True, slots=True)
class Options:
    """strict_action, http_binding: see dmpws.soap.exchange.SoapOptions.

    base_path: where the services are. public_url: scheme, host and port that the contracts show, when they are not
    those of the request (`https://dmp.example.org`).
    """

    strict_action: bool = False
    http_binding: bool = False
    base_path: str = SERVICES_PATH
    public_url: str = ""


def build(
    operations: Sequence[Operation],
    dispatch: Dispatch,
    *,
    contracts: Contracts,
    sink: OctetsSink,
    limits: Limits | None = None,
    options: Options | None = None,
    observers: Sequence[Observer] = (),
    tls: TlsReader = direct,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> "ContractWsgi":
    """Build the WSGI application that serves `operations` by calling `dispatch`.

    clock: reception time of requests, aware UTC. Raises ValueError when two operations cannot be told apart.
    """
    limits, options = limits or Limits(), options or Options()
    soap = SoapOptions(options.strict_action, options.http_binding, limits.envelope)
    app = application(operations, dispatch, wire=HttpWire(sink, limits, tls), options=soap)
    return ContractWsgi(app, services(operations), contracts, options, observers, clock)


class ContractWsgi(WsgiApplication):
    """spyne's WSGI server, with hand-written contracts, and every exchange closed properly."""

    def __init__(
        self,
        app: Any,
        known: Mapping[str, Service],
        contracts: Contracts,
        options: Options,
        observers: Sequence[Observer],
        clock: Callable[[], datetime],
    ) -> None:
        super().__init__(app)
        self._known = {**{name: Service(name) for name in contracts.services}, **known}
        self._contracts = contracts
        self._options = options
        self._observers = observers
        self._clock = clock
        self.event_manager.add_listener("wsgi_close", _release)

    def __call__(
        self, environ: dict[str, Any], start_response: StartResponse, _url: str | None = None
    ) -> Iterable[bytes]:
        exchange = self._open(environ)
        environ[ENVIRON] = exchange
        answer = _Answer(exchange, self._observers)
        try:
            answer.chunks = super().__call__(environ, answer.starter(start_response), "")
        except Exception:
            answer.chunks = _last_resort(exchange, answer.starter(start_response))
        del environ[ENVIRON]  # they refer to each other, and spyne is done
        return answer

    def _open(self, environ: Mapping[str, Any]) -> Exchange:
        base, path = self._options.base_path + "/", environ.get("PATH_INFO", "")
        segment = path[len(base) :] if path.startswith(base) else ""
        service = self._known.get(segment)
        return Exchange(
            environ,
            segment if service else "",
            service,
            environ.get("CONTENT_TYPE", "").strip().lower().startswith("multipart/related"),
            self._clock(),
            secrets.token_hex(16),
        )

    def is_wsdl_request(self, environ: Mapping[str, Any]) -> bool:
        """A GET of a known service with `?wsdl` or `?xsd=path`."""
        if environ["REQUEST_METHOD"] not in ("GET", "HEAD") or environ[ENVIRON].service is None:
            return False
        return environ.get("QUERY_STRING", "").partition("=")[0].lower() in ("wsdl", "xsd")

    def handle_wsdl_request(self, environ: Mapping[str, Any], start_response: StartResponse, _url: str) -> Any:
        """Serve a contract, its addresses rewritten to those of the caller."""
        exchange: Exchange = environ[ENVIRON]
        base_url = self._base_url(environ)
        query = dict(parse_qsl(environ["QUERY_STRING"], keep_blank_values=True))
        status, kind = "200 OK", "text/xml; charset=UTF-8"
        try:
            if "xsd" in (lowered := {k.lower(): v for k, v in query.items()}):
                document = self._contracts.xsd(lowered["xsd"], base_url)
            else:
                document = self._contracts.wsdl(exchange.path_service, base_url)
        except KeyError:
            status, kind = "404 Not Found", "text/plain; charset=UTF-8"
            document = b"Ce document ne fait pas partie du contrat.\n"
        start_response(status, [("Content-Type", kind), ("Content-Length", str(len(document)))])
        return [document]

    def _base_url(self, environ: Mapping[str, Any]) -> str:
        root = self._options.public_url.rstrip("/")
        if not root:
            host = environ.get("HTTP_HOST", "")
            if not _HOST.fullmatch(host):
                host = f"{environ['SERVER_NAME']}:{environ['SERVER_PORT']}"
            root = f"{environ['wsgi.url_scheme']}://{host}"
        return root + quote(environ.get("SCRIPT_NAME", "")) + self._options.base_path


class _Answer:
    """The answer of one exchange, as the WSGI server iterates it and closes it."""

    def __init__(self, exchange: Exchange, observers: Sequence[Observer]) -> None:
        self._exchange = exchange
        self._observers = observers
        self._started = time.perf_counter()
        self._status = 0
        self._octets = 0
        self._closed = False
        self.chunks: Iterable[bytes] = ()

    def starter(self, start_response: StartResponse) -> StartResponse:
        """Wrap start_response: note the status, add the length (spyne drops it) and the correlation identifier."""

        def start(status: str, headers: list[tuple[str, str]], *exc_info: Any) -> Any:
            self._status = int(status[:3])
            if (answer := self._exchange.answer) is not None:
                headers = [h for h in headers if h[0] != "Content-Length"]
                headers.append(("Content-Length", str(answer.length)))
            headers.append(("X-Correlation-ID", self._exchange.correlation_id))
            return start_response(status, headers, *exc_info)

        return start

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self.chunks:
            self._octets += len(chunk)
            yield chunk

    def close(self) -> None:
        """End the exchange; WSGI servers call this whether the answer was sent or not."""
        if self._closed:
            return
        self._closed = True
        exchange = self._exchange
        if exchange.answer is not None and isinstance(exchange.answer.chunks, Generator):
            exchange.answer.chunks.close()  # an attachment may still be open
        exchange.discard()
        observed = Observed(
            exchange.operation.name if exchange.operation else "",
            exchange.path_service,
            self._status,
            exchange.fault.outcome if exchange.fault else "ok",
            time.perf_counter() - self._started,
            exchange.octets_in,
            self._octets,
            exchange,
        )
        for observer in self._observers:
            try:
                observer(observed)
            except Exception:
                journal.exception("an observer failed")


def _last_resort(exchange: Exchange, start_response: StartResponse) -> list[bytes]:
    """Answer when even the fault could not be written: never a bare 500."""
    journal.exception("defect, correlation %s", exchange.correlation_id)
    exchange.fault = internal_error(exchange.correlation_id)
    exchange.answer = None
    octets = fault_envelope(exchange.fault, relates_to="")
    headers = [("Content-Type", "application/soap+xml; charset=UTF-8"), ("Content-Length", str(len(octets)))]
    start_response("500 Internal Server Error", headers)
    return [octets]


def _release(ctx: Any) -> None:
    """Take spyne's context apart: its reference cycles would keep each envelope until a garbage collection.

    Called by spyne once the answer is complete, just before it is handed to the server.
    """
    for part in (ctx.transport, ctx.inprot_ctx, ctx.outprot_ctx, ctx.event):
        part.parent = None
    for part in (ctx.inprot_ctx, ctx.outprot_ctx):
        part._subctx.default_factory = None
    ctx.in_document = ctx.in_header_doc = ctx.in_body_doc = ctx.in_object = None
    ctx.out_document = ctx.out_object = ctx.out_string = ctx.in_error = ctx.out_error = None
    ctx.transport.req = ctx.transport.req_env = {}
