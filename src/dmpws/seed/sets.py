"""The sets a laboratory server can be filled with."""

import uuid
from collections.abc import Callable, Mapping
from datetime import datetime

from dmpws.acts import actor as acts
from dmpws.acts.desk import Desk
from dmpws.app import build_app, cda_check_of, settings_of
from dmpws.client import ClientError, LpsSession
from dmpws.client.actor import Actor
from dmpws.client.transport import WsgiTransport
from dmpws.config import LABORATORY, Config
from dmpws.http import SERVICES_PATH
from dmpws.pki.demo import open_pki
from dmpws.seed import seed
from dmpws.seed.feeding import SeedRefused, feed
from dmpws.seed.producing import produce
from dmpws.seed.situations import open_records
from dmpws.store import Store


def _cast(_config: Config, store: Store, now: datetime) -> dict[str, int]:
    return {"opened": seed(store, now)}


def _plan(config: Config, store: Store, now: datetime) -> dict[str, int]:
    """Everything. The documents go through an application like the server's, so they need the cards it trusts."""
    if not config.laboratory:
        raise SeedRefused(f"the set plan is for the profiles {' and '.join(LABORATORY)}, not {config.profile}")
    try:
        pki = open_pki(config.pki_folder)
    except FileNotFoundError as error:
        raise SeedRefused(f"no demo PKI: {error}; run `dmpws pki init` first") from None
    app = build_app(config, store=store, clock=lambda: now)

    def connect(name: str, actor: Actor | None) -> LpsSession:
        card = pki.card(name)
        transport = WsgiTransport(app, card, SERVICES_PATH)
        return LpsSession(card, actor=actor, transport=transport, clock=lambda: now)

    opened = seed(store, now)
    done = open_records(store, now)
    settings, check = settings_of(config), cda_check_of(config)

    def desk_of(who: acts.Actor) -> Desk:
        return Desk(store, now, lambda: str(uuid.uuid4()), settings, who, check_cda=check)

    try:
        documents = feed(store, connect) + produce(store, desk_of)
        return {**done, "opened": opened + done["opened"], "documents": documents}
    except (SeedRefused, ClientError) as error:
        raise SeedRefused(f"the configured server does not take what is seeded: {error}") from None


SETS: Mapping[str, Callable[[Config, Store, datetime], dict[str, int]]] = {"cast": _cast, "plan": _plan}
"""By name; each fills a store at an instant, and a second time changes nothing. Raises SeedRefused."""
