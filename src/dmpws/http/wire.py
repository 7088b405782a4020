"""The HTTP request, checked and read to the end, and the HTTP answer; between them the SOAP layer works."""

import time
from collections.abc import Callable, Mapping
from typing import Any

from dmpws.domain.checks import Refused, Rule, refusal
from dmpws.domain.octets import Octets, OctetsSink
from dmpws.http.limits import Limits
from dmpws.http.media_type import parse_media_type
from dmpws.http.mtom import (
    ENVELOPE,
    PACKAGE,
    PIECE,
    SOAP_TYPE,
    TOO_LARGE,
    XOP_TYPE,
    Memory,
    Outgoing,
    PackageReader,
    write_package,
)
from dmpws.http.tls import TlsReader
from dmpws.soap.exchange import Exchange, Received
from dmpws.soap.faults import SoapFault, from_refused

PATH = Rule("HTTP-PATH", "Un service répond à cette adresse", "RFC 9110 15.5.5", "DMPInvalidRequest")
METHOD = Rule("HTTP-METHOD", "Un service SOAP est appelé par POST", "RFC 9110 15.5.6", "DMPInvalidRequest")
MEDIA_TYPE = Rule("HTTP-TYPE", "Le Content-Type est celui de SOAP 1.2", "RFC 9110 15.5.16", "DMPInvalidRequest")
ENCODING = Rule("HTTP-ENCODING", "Le corps n'a pas de Content-Encoding", "RFC 9110 15.5.16", "DMPInvalidRequest")
LENGTH = Rule("HTTP-LENGTH", "Le corps est complet", "RFC 9110 8.6", "DMPInvalidRequest")
BODY = Rule("LIMIT-BODY", "Le corps de la requête dépasse la taille permise", "DMPWS LIMITS", "DMPInvalidRequest")
TIME = Rule("LIMIT-TIME", "La requête est arrivée trop lentement", "DMPWS LIMITS", "DMPInvalidRequest")

# DRIMbox, an official client, sends plain octets.
_SIMPLE = frozenset({SOAP_TYPE, "application/octet-stream"})
_SOAP11_TYPE = "text/xml"


class HttpWire:
    """Reads requests and writes answers. One per application; holds no state of a request.

    clock: monotonic seconds.
    """

    def __init__(
        self, sink: OctetsSink, limits: Limits, tls: TlsReader, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._sink = sink
        self._limits = limits
        self._tls = tls
        self._clock = clock

    def read(self, exchange: Exchange) -> Received:
        """Check the request line and headers, then read the body. Raises SoapFault with the HTTP status."""
        environ = exchange.environ
        try:
            exchange.tls = self._tls(environ)  # first: whoever calls, however wrongly, is traced (DMPWS D22)
            if exchange.service is None:
                text = "Aucun service ne répond à cette adresse"
                raise _refused(404, PATH, found=environ.get("PATH_INFO", ""), text=text)
            if environ["REQUEST_METHOD"] != "POST":
                raise _refused(
                    405, METHOD, expected="POST", found=environ["REQUEST_METHOD"], headers=(("Allow", "POST, GET"),)
                )
            if (encoding := environ.get("HTTP_CONTENT_ENCODING", "identity").lower()) != "identity":
                raise _refused(415, ENCODING, expected="identity", found=encoding)
            return self._package(exchange) if exchange.multipart else self._simple(exchange)
        except Refused as refused:
            rule = refused.checks[0].rule
            status = 413 if rule in TOO_LARGE else 415 if rule is PACKAGE else 0
            raise from_refused(refused, status) from None

    def _simple(self, exchange: Exchange) -> Received:
        media_type = parse_media_type(exchange.environ.get("CONTENT_TYPE", ""))
        wrong = None
        if media_type.name not in _SIMPLE:
            wrong = _refused(415, MEDIA_TYPE, expected=SOAP_TYPE, found=media_type.name or "aucun")
            if media_type.name != _SOAP11_TYPE:
                raise wrong
        limit = self._limits.envelope.octets
        envelope = Memory(limit)
        self._receive(exchange, envelope.write, limit, ENVELOPE)
        return Received(bytes(envelope), unless_soap11=wrong)

    def _package(self, exchange: Exchange) -> Received:
        reader = PackageReader(parse_media_type(exchange.environ["CONTENT_TYPE"]), self._sink, self._limits)
        exchange.discard = reader.discard
        self._receive(exchange, reader.feed, self._limits.body, BODY)
        package = reader.finish()
        # DMPWS D25: the official sample has SOAP 1.1 in a root part that is typed as SOAP 1.2.
        inner = parse_media_type(package.envelope_type.parameters.get("type", "")).name
        return Received(
            package.envelope, package.parts, soap11=package.envelope_type.name == XOP_TYPE and inner == SOAP_TYPE
        )

    def _receive(self, exchange: Exchange, take: Callable[[bytes], None], limit: int, rule: Rule) -> None:
        """Read the body and give it to `take`, within the limit and the time allowed."""
        environ = exchange.environ
        deadline = self._clock() + self._limits.reading_seconds
        length = _content_length(environ)
        if length is not None and length > limit:
            raise _refused(413, rule, expected=f"au plus {limit} octets", found=f"{length} octets")
        while length is None or exchange.octets_in < length:
            wanted = PIECE if length is None else min(PIECE, length - exchange.octets_in)
            piece = self._piece(environ["wsgi.input"], wanted, deadline)
            if not piece:
                break
            exchange.octets_in += len(piece)
            if exchange.octets_in > limit:
                raise _refused(413, rule, expected=f"au plus {limit} octets", found="davantage")
            take(piece)
        if length is not None and exchange.octets_in < length:
            raise _refused(400, LENGTH, expected=f"{length} octets", found=f"{exchange.octets_in} octets")

    def _piece(self, stream: Any, wanted: int, deadline: float) -> bytes:
        broken: Exception | None = None
        piece = b""
        try:
            piece = stream.read(wanted)
        except Exception as error:  # whatever the server raises: bad chunks, reset, its own timeout
            broken = error
        # The worker bounds a read that lasts (dmpws.http.worker); its clock started a moment earlier.
        if isinstance(broken, TimeoutError) or self._clock() > deadline:
            raise _refused(408, TIME, expected=f"au plus {self._limits.reading_seconds:g} s", found="davantage")
        if broken is not None:
            raise _refused(400, LENGTH, expected="un corps lisible", found=type(broken).__name__)
        return piece

    def write(self, envelope: bytes, attachments: Mapping[str, Octets], *, action: str, multipart: bool) -> Outgoing:
        """Return the message in the form asked for; one with attachments is always multipart."""
        if multipart or attachments:
            return write_package(envelope, attachments)
        content_type = f'{SOAP_TYPE}; charset=UTF-8; action="{action}"'
        return Outgoing(content_type, len(envelope), (envelope,))


def _content_length(environ: Mapping[str, Any]) -> int | None:
    text = environ.get("CONTENT_LENGTH") or ""
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        raise _refused(400, LENGTH, expected="un Content-Length entier", found=text[:40])
    return int(text)


def _refused(
    status: int,
    rule: Rule,
    *,
    expected: str = "",
    found: str = "",
    text: str = "",
    headers: tuple[tuple[str, str], ...] = (),
) -> SoapFault:
    fault = from_refused(refusal(rule, expected=expected, found=found, text=text), status)
    fault.http_headers = headers
    return fault
