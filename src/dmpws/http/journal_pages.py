"""The journal over the operator port, as JSON.

`GET /journal` lists (patient, software, transaction, code, since, until, after, limit; `facts=yes` adds all that is
known of each), `GET /journal/7` shows one,
`GET /journal/7/request` and `/answer` give the octets, `DELETE /journal/7` forgets one, `DELETE /journal` all.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol
from urllib.parse import parse_qsl

from dmpws.domain.journal import Exchange, JournalQuery, Message

MOST = 1000
"""Exchanges of one list."""

_ONE = re.compile(r"/journal/([1-9][0-9]{0,17})(?:/(request|answer))?")
_LOOPBACK = re.compile(r"(localhost|127\.0\.0\.1|\[::1\])(:[0-9]+)?")


class JournalStore(Protocol):
    """What the pages need of dmpws.store.journal."""

    def find(self, query: JournalQuery) -> list[Exchange]: ...
    def get(self, number: int) -> Exchange | None: ...
    def message(self, number: int, direction: str) -> Message | None: ...
    def delete(self, number: int) -> bool: ...
    def reset(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Page:
    """An answer: status line, value to write as JSON, or octets as they are."""

    status: str
    value: Any = None
    octets: bytes | None = None
    headers: tuple[tuple[str, str], ...] = ()


class _BadQuery(Exception):
    """The query string says something that cannot be meant; the message says what."""


def serves(path: str) -> bool:
    """Tell whether a path belongs to the journal."""
    return path == "/journal" or path.startswith("/journal/")


def asked_here(environ: Mapping[str, Any]) -> bool:
    """Tell whether somebody on this machine asks, and no web page that he visits elsewhere, through his browser."""
    return bool(_LOOPBACK.fullmatch(environ.get("HTTP_HOST", "localhost"))) and not environ.get("HTTP_ORIGIN")


def page(journal: JournalStore | None, environ: Mapping[str, Any]) -> Page:
    """Answer one request for a path of the journal. journal: None when none is kept."""
    if journal is None:
        return Page("404 Not Found", {"error": "no journal is kept (option journal)"})
    if not asked_here(environ):
        return Page("403 Forbidden", {"error": "the journal answers to this machine only"})
    path, method = environ.get("PATH_INFO", ""), environ["REQUEST_METHOD"]
    if path == "/journal":
        if method == "DELETE":
            return Page("200 OK", {"deleted": journal.reset()})
        return _list(journal, environ.get("QUERY_STRING", "")) if method in ("GET", "HEAD") else _NOT_ALLOWED
    if not (found := _ONE.fullmatch(path)):
        return _UNKNOWN
    number, part = int(found[1]), found[2]
    if method == "DELETE" and part is None:
        return Page("200 OK", {"deleted": 1}) if journal.delete(number) else _UNKNOWN
    if method not in ("GET", "HEAD"):
        return _NOT_ALLOWED
    return _octets(journal, number, part) if part else _show(journal, number)


_UNKNOWN = Page("404 Not Found", {"error": "no such exchange"})
_NOT_ALLOWED = Page("405 Method Not Allowed", {"error": "GET or DELETE"})


def _list(journal: JournalStore, text: str) -> Page:
    given = dict(parse_qsl(text))
    try:
        with_facts = _yes(given, "facts")
        query = _query(given)
    except _BadQuery as bad:
        return Page("400 Bad Request", {"error": str(bad)})
    found = journal.find(query)
    return Page("200 OK", [{**summary(e), **({"facts": e.facts} if with_facts else {})} for e in found])


def _query(given: dict[str, str]) -> JournalQuery:
    words = {name: given.pop(name, "") for name in ("patient", "software", "transaction", "code")}
    since, until = _instant(given, "since"), _instant(given, "until")
    after = _number(given, "after", 0, 2**62) if "after" in given else None
    limit = _number(given, "limit", 1, MOST) if "limit" in given else JournalQuery().limit
    if given:
        raise _BadQuery(f"unknown: {', '.join(sorted(given))}")
    return JournalQuery(**words, since=since, until=until, after=after, limit=limit)


def _yes(given: dict[str, str], name: str) -> bool:
    text = given.pop(name, "no")
    if text not in ("yes", "no"):
        raise _BadQuery(f"{name}: yes or no")
    return text == "yes"


def _instant(given: dict[str, str], name: str) -> datetime | None:
    if not (text := given.pop(name, "")):
        return None
    try:
        moment = datetime.fromisoformat(text.replace(" ", "+"))
    except ValueError:
        raise _BadQuery(f"{name}: an instant is 2026-11-21T12:00:00Z") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _number(given: dict[str, str], name: str, least: int, most: int) -> int:
    text = given.pop(name)
    if not (text.isascii() and text.isdigit() and len(text) < 20 and least <= int(text) <= most):
        raise _BadQuery(f"{name}: a number from {least} to {most}")
    return int(text)


def _show(journal: JournalStore, number: int) -> Page:
    exchange = journal.get(number)
    if exchange is None:
        return _UNKNOWN
    messages = {name: journal.message(number, name) for name in ("request", "answer")}
    sizes = {
        name: {"content_type": m.content_type, "size": m.size, "kept": len(m.octets), "cut": m.cut}
        for name, m in messages.items()
        if m is not None
    }
    steps = [{"step": step, "ms": milliseconds} for step, milliseconds in exchange.steps]
    detail = {"facts": exchange.facts, "checks": exchange.checks, "steps": steps, **sizes}
    return Page("200 OK", {**summary(exchange), **detail})


def _octets(journal: JournalStore, number: int, part: str) -> Page:
    message = journal.message(number, part)
    if message is None:
        return _UNKNOWN
    # Never under the type the caller gave: a browser would show what somebody sent.
    headers = (("X-Original-Content-Type", _header(message.content_type)), ("X-Cut", "yes" if message.cut else "no"))
    return Page("200 OK", octets=message.octets, headers=headers)


def _header(value: str) -> str:
    return "".join(c if " " <= c <= "~" else "?" for c in value)


def summary(exchange: Exchange) -> dict[str, Any]:
    """One line of the list."""
    facts = exchange.facts
    refused = [check for check in exchange.checks if check["outcome"] == "failed"]
    return {
        "id": exchange.id,
        "at": exchange.at.isoformat(timespec="milliseconds"),
        "ms": round(exchange.seconds * 1000, 1),
        "correlation_id": exchange.correlation_id,
        "path": exchange.path,
        "status": exchange.status,
        "transaction": exchange.operation,
        "code": exchange.code,
        "reason": facts.get("message", "") or (refused[0]["title"] if refused else ""),
        "patient": facts.get("patient", ""),
        "person": facts.get("person", ""),
        "structure": facts.get("structure", ""),
        "mode": facts.get("mode", ""),
        "purpose": facts.get("purpose", ""),
        "software": facts.get("software_name", ""),
        "approval": facts.get("approval_number", ""),
    }
