"""`dmpws audit`: `query` and `export` read the traces; `verify [--lot UNIQUE_ID]` checks their chain, and the evidence
kept with a lot."""

import argparse
import json
from contextlib import closing
from typing import Any

from dmpws.app import limits_of, store_of
from dmpws.audit.chain import verify_chain
from dmpws.audit.checkpoint import accepts
from dmpws.cli import EXIT_FAILED, Failure, audit_outbox, audit_purge
from dmpws.cli.audit_reading import add_parsers
from dmpws.config import Config
from dmpws.domain.checks import Check, Outcome, Report, Rule
from dmpws.domain.document import StoredEntry
from dmpws.signature.model import LotDocument, ReceivedLot
from dmpws.signature.reexamine import reexamine
from dmpws.store import Store, migrate
from dmpws.store.lots import StoredLot
from dmpws.store.octets import damage
from dmpws.store.unit_of_work import UnitOfWork
from dmpws.transactions.ports import StorageError

OCTETS = Rule(
    "AUDIT-OCTETS",
    "Les octets conservés sont ceux qui ont été reçus",
    "DMPWS D29",
    "XDSRepositoryError",
)
_MARKS = {Outcome.PASSED: "ok", Outcome.FAILED: "FAILED", Outcome.WARNED: "warning", Outcome.SKIPPED: "skipped"}


def add_parser(subparsers: Any) -> None:
    """Add the verb to the command line."""
    parser = subparsers.add_parser("audit", help="read and verify the traces, and the evidence kept with a lot")
    verbs = parser.add_subparsers(dest="audit_verb", required=True, metavar="VERB")
    verify = verbs.add_parser("verify", help="the chain of traces; with --lot, one lot as of its reception")
    verify.set_defaults(func=run)
    verify.add_argument("--lot", metavar="UNIQUE_ID", help="uniqueId of a lot de soumission")
    add_parsers(verbs)
    audit_outbox.add_parser(verbs)
    audit_purge.add_parser(verbs)


def run(args: argparse.Namespace) -> int:
    """Verify, print, and return 1 when something is wrong."""
    try:
        with closing(store_of(args.config)) as store:
            migrate.require_current(store.database.engine)
            return _lot(store, args) if args.lot else _chain(store, args)
    except StorageError as error:
        raise Failure(str(error)) from None


def _chain(store: Store, args: argparse.Namespace) -> int:
    result = verify_chain(store, accept=accepts(audit_purge.checkpoint_certificates(args.config)))
    seq, digest = result.head
    if args.format == "json":
        facts = {"rows": result.rows, "head": {"seq": seq, "hash": digest}, "ok": result.ok}
        print(json.dumps({**facts, "broken": result.broken, "reason": result.reason}, indent=2))
    elif result.ok:
        print(f"{result.rows} traces, chain good; note its head elsewhere: {seq} {digest}")
    else:
        print(f"chain broken at row {result.broken}: {result.reason} ({result.rows} rows good before it)")
    return 0 if result.ok else EXIT_FAILED


def _lot(store: Store, args: argparse.Namespace) -> int:
    with store.read() as work:
        lot = work.documents.lot(args.lot)
        if lot is None:
            raise Failure(f"no lot {args.lot}")
        report = examine(work, lot, args.config)
    if args.format == "json":
        print(json.dumps([_facts(check) for check in report], indent=2, ensure_ascii=False))
    else:
        print(f"lot {lot.unique_id}, received {lot.received_at:%Y-%m-%d %H:%M:%S} UTC")
        for check in report:
            print(f"{_MARKS[check.outcome]:8} {check.message}")
        print("good, as it was received" if report.ok else "NOT as it was received")
    return 0 if report.ok else EXIT_FAILED


def examine(work: UnitOfWork, lot: StoredLot, config: Config) -> Report:
    """Verify a lot again from what is stored: the octets, then signature and chain as of its reception."""
    entries = work.documents.of_lot(lot)
    octets = Report()
    kept: list[LotDocument] = []
    erased = work.documents.erased_of_lot(lot)
    for unique_id in erased:
        octets.warned(OCTETS, where=unique_id, text=f"Les octets de {unique_id} ont été effacés")
    signature, signature_id = b"", ""
    for entry in entries:
        document = _kept(work, entry, octets)
        if entry.is_signature:
            signature_id = entry.unique_id
            signature = document.octets.read() if document else b""
        elif document:
            kept.append(document)
    if not octets.ok:
        return octets
    received = ReceivedLot(
        signature=signature,
        signature_unique_id=signature_id,
        submission_set_unique_id=lot.unique_id,
        submission_time=lot.submission_time,
        documents=kept,
        received_at=lot.received_at,
    )
    report = reexamine(lot.evidence, received, erased=erased, limits=limits_of(config).xml_document)
    return Report([*octets, *report])


def _kept(work: UnitOfWork, entry: StoredEntry, report: Report) -> LotDocument | None:
    """The octets of an entry, read and compared; None when they are lost."""
    try:
        octets = work.documents.octets(entry)
        found = damage(octets)
    except KeyError:
        report.failed(OCTETS, found=f"aucun fichier pour {entry.unique_id}", where=entry.unique_id)
        return None
    report.require(not found, OCTETS, found=found or entry.unique_id, where=entry.unique_id)
    return LotDocument(entry.unique_id, octets)


def _facts(check: Check) -> dict[str, str]:
    facts = {"rule": check.rule.id, "outcome": check.outcome.value, "where": check.where}
    return {**facts, "expected": check.expected, "found": check.found, "message": check.message}
