"""`dmpws patient list`: what the patient finds in his record, by espace."""

import argparse
import json
from collections.abc import Callable, Mapping, Sequence

from dmpws.acts.listing import list_documents
from dmpws.cli import plain
from dmpws.cli.desk import ins_of, operator_desk
from dmpws.codec.value_sets import rubriques
from dmpws.codec.xdm.content import line_of
from dmpws.domain.code import Code
from dmpws.domain.document import Status, StoredEntry


def add_verbs(verb: Callable[..., argparse.ArgumentParser]) -> None:
    """Add the verb. verb: adds one, from name, function and help."""
    added = verb("list", _list, "show what the patient finds in his record, by espace")
    added.add_argument("patient", metavar="PATIENT", help="INS, INS^OID, or patient of the cast")
    added.add_argument("--all", action="store_true", help="archived, obsolete and deleted documents too")


def _list(args: argparse.Namespace) -> int:
    statuses = tuple(Status) if args.all else (Status.APPROVED,)
    with operator_desk(args) as desk:
        found = list_documents(desk, ins_of(args.config, args.patient), statuses)
    print(json.dumps(_facts(found), ensure_ascii=False) if args.format == "json" else _text(args.patient, found))
    return 0


def _facts(found: Mapping[str, Sequence[StoredEntry]]) -> list[dict[str, object]]:
    return [
        {
            "espace": heading,
            "category": place.category.name if place else "",
            "uniqueId": entry.unique_id,
            "typeCode": entry.type_code,
            "title": line_of(entry).title,
            "status": entry.status.name,
            "visibility": sorted(entry.visibility),
        }
        for heading, entries in found.items()
        for entry in entries
        for place in [rubriques().of(Code(entry.type_code, entry.type_system))]
    ]


def _text(patient: str, found: Mapping[str, Sequence[StoredEntry]]) -> str:
    lines = [f"{patient}: no document"] if not found else []
    for heading, entries in found.items():
        lines.append(f"{heading} ({len(entries)})")
        for entry in entries:
            line = line_of(entry)
            state = f" [{', '.join(line.states)}]" if line.states else ""
            lines.append(plain(f"  {line.day}  {line.title}, {line.authors}{state}  {entry.unique_id}"))
    return "\n".join(lines)
