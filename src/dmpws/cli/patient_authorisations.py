"""`dmpws patient authorisations`: who may consult a record, and who did what to let or forbid it."""

import argparse
import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

from dmpws.acts import authorisations
from dmpws.cli import plain
from dmpws.cli.desk import ins_of, operator_desk
from dmpws.domain.authorisation import AuthorisationEvent, Holder, HolderKind, NamedAuthorisation, state_of


def add_verbs(verb: Callable[..., argparse.ArgumentParser]) -> None:
    """Add the verb. verb: adds one, from name, function and help."""
    added = verb("authorisations", _look, "show who may consult the record, and the history of it")
    added.add_argument("patient", metavar="PATIENT", help="INS, INS^OID, or patient of the cast")
    added.add_argument("holder", nargs="?", metavar="IDENTIFIER", help="only this PS_IdNat, or with --structure …")
    added.add_argument("--structure", action="store_true", help="the identifier is a structure's")


def _look(args: argparse.Namespace) -> int:
    kind = HolderKind.STRUCTURE if args.structure else HolderKind.PERSON
    holder = Holder(kind, args.holder) if args.holder else None
    with operator_desk(args) as desk:
        now = desk.now
        found, events = authorisations.look(desk, ins_of(args.config, args.patient), holder)
    held = [_held(named, now) for named in found]
    history = [_event(event) for event in events]
    if args.format == "json":
        print(json.dumps({"authorisations": held, "history": history}))
        return 0
    for facts in held:
        words = (facts["holder"], facts["state"], facts["role"], facts["name"])
        print(plain(" ".join(word for word in words if word)))
    for facts in history:
        print(plain(" ".join(word for word in facts.values() if word)))
    return 0


def _held(named: NamedAuthorisation, now: datetime) -> dict[str, Any]:
    authorisation = named.authorisation
    return {
        "holder": authorisation.holder.identifier,
        "kind": authorisation.holder.kind.value,
        "name": f"{named.family} {named.given}".strip(),
        "state": state_of(authorisation, now).value,
        "role": "MEDECIN_TRAITANT" if authorisation.treating_doctor else "",
        "expires": _instant(authorisation.expires_at),
    }


def _event(event: AuthorisationEvent) -> dict[str, str]:
    return {
        "at": _instant(event.at),
        "act": event.act.value,
        "role": "MEDECIN_TRAITANT" if event.treating_doctor else "",
        "holder": event.holder.identifier,
        "by": event.by.identifier,
        "capacity": event.by.capacity,
    }


def _instant(at: datetime | None) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}" if at else ""
