"""`dmpws audit outbox`: what patients are to be told, for who sends mails or text messages."""

import argparse
import json
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

from dmpws.app import store_of
from dmpws.cli import Failure, plain
from dmpws.domain.notification import Pending
from dmpws.store import migrate
from dmpws.transactions.ports import StorageError


def add_parser(verbs: Any) -> None:
    """Add the verb."""
    text = "the notifications nobody has sent yet; with --sent, mark some as sent"
    added = verbs.add_parser("outbox", help=text, description=text)
    added.set_defaults(func=run)
    added.add_argument("--limit", type=int, default=100, help="default: %(default)s")
    added.add_argument("--sent", type=int, nargs="+", metavar="ID", help="these were sent")


def run(args: argparse.Namespace) -> int:
    """Print one line per notification, or JSON."""
    try:
        with closing(store_of(args.config)) as store:
            migrate.require_current(store.database.engine)
            with store.write() as work:
                if args.sent:
                    print(f"{work.notifications.mark_sent(args.sent, now=datetime.now(UTC))} marked as sent")
                    return 0
                found = work.notifications.pending(limit=args.limit)
    except StorageError as error:
        raise Failure(str(error)) from None
    if args.format == "json":
        print(json.dumps([_row(pending) for pending in found], indent=2, ensure_ascii=False))
    for pending in () if args.format == "json" else found:
        told = pending.notification
        contacts = ", ".join(contact.value for contact in pending.contacts) or "no contact"
        at, who = f"{told.occurred_at:%Y-%m-%d %H:%M}", told.name or told.person
        print(plain(f"{pending.id:>6} {at} {told.purpose:<13} {who}: {contacts}"))
    return 0


def _row(pending: Pending) -> dict[str, Any]:
    told = pending.notification
    return {
        "id": pending.id,
        "kind": told.kind,
        "occurred_at": told.occurred_at.isoformat(),
        "purpose": told.purpose,
        "professional": {"identifier": told.person, "name": told.name, "structure": told.structure},
        "patient": {"ins": pending.ins.value, "authority": pending.ins.authority, "given": pending.patient.given},
        "contacts": [contact.value for contact in pending.contacts],
    }
