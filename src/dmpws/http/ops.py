"""The operator port: `/health`, `/ready`, `/metrics`, `/info` over plain HTTP on the loopback address.

It is a server of its own: gunicorn ends TLS on all its binds or on none, so it cannot share the protocol port.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from dmpws.http.metrics import exposition

JSON = "application/json; charset=utf-8"

Probe = Callable[[], Mapping[str, str]]
"""Looks at what the server needs and returns the problems by name; empty when it is ready."""


def build_ops_app(probe: Probe, info: Mapping[str, Any]) -> Callable[..., Iterable[bytes]]:
    """Return the WSGI application of the operator port."""

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

    pages = {"/health": health, "/ready": ready, "/metrics": metrics, "/info": show_info}

    def app(environ: Mapping[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        page = pages.get(environ.get("PATH_INFO", ""))
        if environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
            status, content_type, octets = "405 Method Not Allowed", JSON, b'{"error": "GET only"}\n'
        elif page is None:
            status, content_type, octets = (
                "404 Not Found",
                JSON,
                _json({"error": "unknown page", "pages": [*pages]}),
            )
        else:
            status, content_type, octets = page()
        headers = [
            ("Content-Type", content_type),
            ("Content-Length", str(len(octets))),
            ("Cache-Control", "no-store"),
        ]
        start_response(status, headers)
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [octets]

    return app


def _json(value: Any) -> bytes:
    return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode()
