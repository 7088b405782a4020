"""`dmpws audit query` and `export`: the traces, for the host's operator. That he read them is traced too."""

import argparse
import csv
import getpass
import io
import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from dmpws.app import store_of
from dmpws.audit.trace import Trace, TraceOutcome
from dmpws.cli import Failure, plain
from dmpws.cli.desk import ins_of
from dmpws.cli.instants import instant_of
from dmpws.config import Config
from dmpws.domain.traces import TraceQuery, TraceRecord
from dmpws.store import Store, migrate
from dmpws.transactions.ports import StorageError

BATCH = 1000
COLUMNS = (
    *("seq", "occurred_at", "transaction", "outcome", "code", "patient", "person", "person_name", "structure", "mode"),
    *("purpose", "reason", "secret", "actor", "on_behalf_of", "proof", "software_name", "software_version"),
    *("approval_number", "certificate_kind", "certificate_serial", "peer", "operation", "holder", "submission_set"),
    *("documents", "changes", "query", "parameters", "message", "correlation_id", "message_id"),
)
"""Columns of a CSV export, in order; lists and tables are JSON inside their cell."""
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def add_parsers(verbs: Any) -> None:
    """Add both verbs."""
    for name, run, text in (
        ("query", query, "show traces, newest first"),
        ("export", export, "write traces as CSV or JSON, newest first"),
    ):
        added = verbs.add_parser(name, help=text, description=text)
        added.set_defaults(func=run)
        added.add_argument("--patient", help="INS, INS^OID, or patient of the cast")
        added.add_argument("--person", default="", help="NameID of a professional")
        added.add_argument("--structure", default="", help="Struct_IdNat")
        added.add_argument("--since", help="first instant, 2026-11-21 or 2026-11-21T12:00:00Z")
        added.add_argument("--until", help="instant that is no longer wanted")
        if name == "query":
            added.add_argument("--limit", type=int, default=50, help="default: %(default)s")
        else:
            added.add_argument("--as", dest="written", choices=("csv", "json"), default="csv", help="default: csv")
            added.add_argument("--output", metavar="FILE", help="default: standard output")


def query(args: argparse.Namespace) -> int:
    """Print one line per trace, or JSON."""
    records = _read(args, args.limit)
    if args.format == "json":
        print(json.dumps([_row(record) for record in records], indent=2, ensure_ascii=False))
        return 0
    for record in records:
        print(line_of(record))
    return 0


def export(args: argparse.Namespace) -> int:
    """Write every trace asked for."""
    text = written(_read(args, None), args.written)
    if args.output:
        try:
            with open(args.output, "x", encoding="utf-8", newline="") as file:  # never over something
                file.write(text)
        except OSError as error:
            raise Failure(f"{args.output}: {error.strerror}") from None
    else:
        sys.stdout.write(text)
    return 0


def line_of(record: TraceRecord) -> str:
    """A trace on one line."""
    content: Mapping[str, Any] = {"outcome": "", **record.content}
    who = content.get("person", "") or "?"
    patient = str(content.get("patient", "")).partition("^")[0]
    what = " ".join(filter(None, (content.get("code"), content.get("reason"))))
    return plain(
        f"{record.seq:>7} {content['occurred_at'][:19]} {content.get('transaction', ''):<24} {content['outcome']:<8}"
        f" {who:<16} {content.get('structure', ''):<16} {patient:<16} {what}"
    ).rstrip()


def written(records: list[TraceRecord], how: str) -> str:
    """The traces as CSV with a heading line, or as a JSON list. A cell never is a formula of a spreadsheet."""
    if how == "json":
        return json.dumps([_row(record) for record in records], indent=2, ensure_ascii=False) + "\n"
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for record in records:
        row = _row(record)
        writer.writerow([_cell(row.get(name, "")) for name in COLUMNS])
    return text.getvalue()


def _row(record: TraceRecord) -> dict[str, Any]:
    return {"seq": record.seq, **record.content}


def _cell(value: Any) -> str:
    shown = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return f"'{shown}" if shown.startswith(_FORMULA) else shown


def _read(args: argparse.Namespace, limit: int | None) -> list[TraceRecord]:
    asked = TraceQuery(
        person=args.person, structure=args.structure, since=instant_of(args.since), until=instant_of(args.until)
    )
    try:
        with closing(store_of(args.config)) as store:
            migrate.require_current(store.database.engine)
            asked = replace(asked, patients=_identifiers(store, args.config, args.patient))
            found = list(_pages(store, asked, limit))
            store.append_trace(_told(args, len(found)))
    except StorageError as error:
        raise Failure(str(error)) from None
    return found


def _identifiers(store: Store, config: Config, patient: str | None) -> tuple[str, ...]:
    """Every identifier the patient ever had; the one given when he has no record (any more)."""
    if not patient:
        return ()
    ins = ins_of(config, patient)
    with store.read() as work:
        record = work.patients.find(ins)
    return tuple(f"{i.value}^{i.authority}" for i in (record.identifiers if record else (ins,)))


def _pages(store: Store, asked: TraceQuery, limit: int | None) -> Iterator[TraceRecord]:
    left, before = limit, None
    while left is None or left > 0:
        page = replace(asked, before=before, limit=BATCH if left is None else min(left, BATCH))
        with store.read() as work:
            found = work.traces.find(page)
        yield from found
        if len(found) < page.limit:
            return
        before = found[-1].seq
        left = None if left is None else left - len(found)


def _told(args: argparse.Namespace, count: int) -> Trace:
    """The trace of the reading itself."""
    given = {name: getattr(args, name) for name in ("patient", "person", "structure", "since", "until")}
    return Trace(
        datetime.now(UTC),
        f"act:audit-{args.audit_verb}",
        TraceOutcome.ACCEPTED,
        actor="operator",
        person=f"operator:{getpass.getuser()}",
        parameters={**{n: (v,) for n, v in given.items() if v}, "traces": (str(count),)},
    )
