"""Keeps what crosses the protocol port: a layer around the WSGI application, absent where the journal is off."""

import json
import logging
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from dmpws.domain.checks import Check, Outcome, Rule
from dmpws.domain.journal import Exchange, Message
from dmpws.domain.listening import heard_by

journal = logging.getLogger("dmpws.http")

_PASSWORD = re.compile(rb"(<(?:[\w.-]+:)?password(?:\s[^<>]*)?>)[^<]*")
"""TD1.5 answers show a password once, to the caller alone."""

WsgiApp = Callable[..., Iterable[bytes]]
Keep = Callable[[Exchange, Message, Message], object]
"""Keeps an exchange, its request and its answer."""


CARD = Rule(
    "TLS-CARD", "Le certificat de la carte permet d'ouvrir la connexion", "PDT-INF-579", "DMPInvalidCertificate"
)
_EXPIRED = 10
_REFUSALS = {
    9: "certificat pas encore valide",
    _EXPIRED: "certificat expiré",
    18: "certificat auto-signé",
    19: "certificat d'une autorité auto-signée inconnue",
    20: "certificat d'une autorité inconnue",
    23: "certificat révoqué",
}
"""What OpenSSL refuses most, by its code (X509_V_ERR_…)."""


def turned_away(keep: Keep) -> Callable[[int, str, str], None]:
    """A listener for dmpws.http.tls_context: a connection that ended in the handshake is kept as an exchange of TD0.1
    without messages. Nobody has shown that the card is his: what it says is not looked at."""

    def kept(code: int, words: str, peer: str) -> None:
        expected = "un certificat valide d'une autorité reconnue"
        check = Check(CARD, Outcome.FAILED, expected=expected, found=_REFUSALS.get(code, words))
        facts = {"outcome": "refused", "code": CARD.code, "message": check.message, "peer": peer}
        exchange = Exchange(
            correlation_id="",
            at=datetime.now(UTC),
            seconds=0.0,
            path="/TLS",
            status=0,
            operation="TD0.1",
            code=CARD.code,
            facts={**facts, "certificate": {"expired": code == _EXPIRED}},
            checks=({**check.values(), "ms": 0.0},),
            steps=(),
        )
        keep(exchange, Message(), Message())

    return kept


class Journalled:
    """The WSGI application `app`, each POST of which is given to `keep`, with at most `most` octets of a message."""

    def __init__(self, app: WsgiApp, keep: Keep, *, most: int) -> None:
        self._app = app
        self._keep = keep
        self._most = most

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] != "POST":
            return self._app(environ, start_response)
        return _Recording(environ, self._keep, self._most).serve(self._app, start_response)


class _Kept:
    """The first octets of a message, and how many there were."""

    def __init__(self, most: int) -> None:
        self._most = most
        self.octets = bytearray()
        self.size = 0

    def add(self, octets: bytes) -> None:
        self.size += len(octets)
        if (room := self._most - len(self.octets)) > 0:
            self.octets += octets[:room]

    def message(self, content_type: str) -> Message:
        return Message(content_type, self.size, bytes(self.octets), cut=len(self.octets) < self.size)


class _Input:
    """The body of the request, on its way to the application; HttpWire only calls read."""

    def __init__(self, stream: Any, kept: _Kept) -> None:
        self._stream = stream
        self._kept = kept

    def read(self, size: int = -1) -> bytes:
        octets: bytes = self._stream.read(size)
        self._kept.add(octets)
        return octets


class _Recording:
    """One exchange: listens to its verdicts, iterates its answer, and keeps it when it is closed."""

    def __init__(self, environ: dict[str, Any], keep: Keep, most: int) -> None:
        self._at = datetime.now(UTC)
        self._started = self._last = time.perf_counter()
        self._request, self._answer = _Kept(most), _Kept(most)
        self._keep = keep
        self._path: str = environ.get("PATH_INFO", "")
        self._request_type: str = environ.get("CONTENT_TYPE", "")
        self._headers: Mapping[str, str] = {}
        self._status = 0
        self._facts: dict[str, Any] = {}
        self._checks: dict[int, Check] = {}
        self._milliseconds: dict[int, float] = {}
        self._steps: list[tuple[str, float]] = []
        self._inner: Iterable[bytes] = ()
        self._environ = environ
        self._hushed = False

    def serve(self, app: WsgiApp, start_response: Callable[..., Any]) -> "_Recording":
        def start(status: str, headers: list[tuple[str, str]], *exc_info: Any) -> Any:
            self._status = int(status[:3])
            self._headers = {name.lower(): value for name, value in headers}
            return start_response(status, headers, *exc_info)

        self._environ["wsgi.input"] = _Input(self._environ["wsgi.input"], self._request)
        with heard_by(self):
            self._inner = app(self._environ, start)
        return self

    # Listener

    def checked(self, checks: Iterable[Check]) -> None:
        now = self._elapsed()
        for check in checks:
            self._checks.setdefault(id(check), check)
            self._milliseconds.setdefault(id(check), now)

    def reached(self, step: str) -> None:
        now = time.perf_counter()
        self._steps.append((step, round((now - self._last) * 1000, 3)))
        self._last = now

    def noted(self, facts: Mapping[str, object]) -> None:
        self._facts.update(facts)

    def hushed(self) -> None:
        self._hushed = True
        self._facts.clear()

    def _elapsed(self) -> float:
        return round((time.perf_counter() - self._started) * 1000, 3)

    # The answer

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self._inner:
            self._answer.add(chunk)
            yield chunk

    def close(self) -> None:
        """Close the answer, then keep the exchange; a journal that fails harms nobody."""
        with heard_by(self):
            close = getattr(self._inner, "close", None)
            if close is not None:
                close()
        try:
            self.reached("envoi")
            self._keep(self._exchange(), self._shown(self._request, self._request_type), self._answered())
        except Exception:
            journal.exception("the journal failed")

    def _exchange(self) -> Exchange:
        failed = [c.rule.code for c in self._checks.values() if c.outcome is Outcome.FAILED]
        code = self._facts.get("code") or ("" if self._facts.get("outcome") == "accepted" else next(iter(failed), ""))
        return Exchange(
            correlation_id=self._headers.get("x-correlation-id", ""),
            at=self._at,
            seconds=time.perf_counter() - self._started,
            path=self._path,
            status=self._status,
            operation=self._facts.get("transaction", ""),
            code=str(code),
            facts=json.loads(json.dumps(self._facts, default=str)),
            checks=tuple(
                {**self._verdict(check), "ms": self._milliseconds[key]} for key, check in self._checks.items()
            ),
            steps=tuple(self._steps),
        )

    def _verdict(self, check: Check) -> Mapping[str, object]:
        return (check._replace(expected="", found="", text="") if self._hushed else check).values()

    def _shown(self, kept: _Kept, content_type: str) -> Message:
        message = kept.message(content_type)
        return replace(message, octets=b"", cut=message.size > 0) if self._hushed else message

    def _answered(self) -> Message:
        message = self._shown(self._answer, self._headers.get("content-type", ""))
        return replace(message, octets=_PASSWORD.sub(rb"\1***", message.octets))
