"""The whole server in this process: no socket, no TLS, a clock that stands still. For tests, ours and vendors'."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from dmpws.app import build_app, disturbed
from dmpws.client import LpsSession
from dmpws.client.actor import Actor
from dmpws.client.transport import WsgiTransport
from dmpws.config import load
from dmpws.domain.access import AuthMode
from dmpws.http import SERVICES_PATH as PATH
from dmpws.lab import Lab
from dmpws.pki.demo import DemoPki
from dmpws.seed import seed
from dmpws.store import Store


class LocalApp:
    """A WSGI application on a store that holds the public cast; it trusts the cards of a test PKI.

    now: instant of every call and of every session, aware; move it to make time pass. options: of the
    configuration, by name; the profile is `test`. lab: the faults of its calls.
    """

    def __init__(self, store: Store, pki: DemoPki, now: datetime, lab: Lab | None = None, **options: Any) -> None:
        self.store = store
        self.pki = pki
        self.now = now
        seed(store, now)
        given = {"profile": "test", "trust": str(pki.trust_folder), **options}
        app = build_app(load(given, environment={}), store=store, clock=self.clock, lab=lab)
        self._app = disturbed(app, lab)

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        return self._app(environ, start_response)

    def clock(self) -> datetime:
        return self.now

    def session(self, card: str, actor: Actor | None = None, **options: Any) -> LpsSession:
        """A client with a card of the PKI. options: those of LpsSession."""
        held = self.pki.card(card)
        return LpsSession(held, transport=WsgiTransport(self, held, PATH), actor=actor, clock=self.clock, **options)

    def traces(self) -> list[Mapping[str, Any]]:
        """The content of every trace, oldest first."""
        with self.store.read() as work:
            return [json.loads(row.content) for row in work.traces.rows()]


def in_air(actor: Actor) -> Actor:
    """The same professional, authenticated by his structure with two factors (mode AIR)."""
    return replace(actor, mode=AuthMode.INDIRECTE_RENFORCEE)
