"""The operator port: `/health`, `/ready`, `/metrics`, `/info`, `/parameters` and the journal, in HTTP on loopback.

It is a server of its own: gunicorn ends TLS on all its binds or on none, so it cannot share the protocol port.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from dmpws.http import journal_pages
from dmpws.http.journal_pages import JournalStore, Page
from dmpws.http.metrics import exposition

JSON = "application/json; charset=utf-8"

Probe = Callable[[], Mapping[str, str]]
"""Looks at what the server needs and returns the problems by name; empty when it is ready."""


def build_ops_app(
    probe: Probe,
    info: Mapping[str, Any],
    journal: JournalStore | None = None,
    *,
    parameters: bytes,
    lab: Callable[[Mapping[str, Any]], Page | None] | None = None,
) -> Callable[..., Iterable[bytes]]:
    """Return the WSGI application of the operator port.

    parameters: the parameters file of the DMP. journal: None when none is kept. lab: more pages, of a laboratory.
    """

    def health() -> tuple[str, str, bytes]:
        return "200 OK", JSON, b'{"status": "up"}\n'

    def ready() -> tuple[str, str, bytes]:
        problems = dict(probe())
        body = {"status": "not ready", "problems": problems} if problems else {"status": "ready"}
        return ("503 Service Unavailable" if problems else "200 OK"), JSON, _json(body)

    def metrics() -> tuple[str, str, bytes]:
        octets, content_type = exposition()
        return "200 OK", content_type, octets

    def show_info() -> tuple[str, str, bytes]:
        return "200 OK", JSON, _json(info)

    def show_parameters() -> tuple[str, str, bytes]:
        return "200 OK", "application/xml", parameters

    pages = {
        "/health": health,
        "/ready": ready,
        "/metrics": metrics,
        "/info": show_info,
        "/parameters": show_parameters,
    }

    def app(environ: Mapping[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if journal_pages.serves(path):
            return _write(journal_pages.page(journal, environ), environ, start_response)
        if lab is not None and (shown := lab(environ)) is not None:
            return _write(shown, environ, start_response)
        page = pages.get(path)
        if environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
            status, content_type, octets = "405 Method Not Allowed", JSON, b'{"error": "GET only"}\n'
        elif page is None:
            status, content_type, octets = (
                "404 Not Found",
                JSON,
                _json({"error": "unknown page", "pages": [*pages, "/journal"]}),
            )
        else:
            status, content_type, octets = page()
        return _send(environ, start_response, status, [("Content-Type", content_type)], octets)

    return app


def _write(page: Page, environ: Mapping[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    raw = page.octets is not None
    octets = page.octets if page.octets is not None else _json(page.value)
    headers = [("Content-Type", "application/octet-stream" if raw else JSON), *page.headers]
    return _send(environ, start_response, page.status, headers, octets)


def _send(
    environ: Mapping[str, Any],
    start_response: Callable[..., Any],
    status: str,
    headers: list[tuple[str, str]],
    octets: bytes,
) -> Iterable[bytes]:
    length = ("Content-Length", str(len(octets)))
    start_response(status, [*headers, length, ("Cache-Control", "no-store"), ("X-Content-Type-Options", "nosniff")])
    return [] if environ["REQUEST_METHOD"] == "HEAD" else [octets]


def _json(value: Any) -> bytes:
    return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode()
