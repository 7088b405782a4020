"""`dmpws patient export`: a copy of the record, written whole or not at all, and checked."""

import argparse
import hashlib
import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dmpws.acts.copying import Recipient, copy_record
from dmpws.cli import EXIT_FAILED, EXIT_USAGE, Failure
from dmpws.cli.desk import ins_of, operator_desk
from dmpws.codec.xdm.reading import verify
from dmpws.domain.checks import Report


def add_verbs(verb: Callable[..., argparse.ArgumentParser]) -> None:
    """Add the verb. verb: adds one, from name, function and help."""
    export = verb("export", _export, "write a copy of the record as an IHE XDM archive, or check one")
    export.add_argument("patient", nargs="?", metavar="PATIENT", help="INS, INS^OID, or patient of the cast")
    what = export.add_mutually_exclusive_group(required=True)
    what.add_argument("--output", type=Path, metavar="FILE", help="archive to write; it must not be there yet")
    what.add_argument("--check", type=Path, metavar="FILE", help="archive to check, instead of writing one")
    whom = export.add_mutually_exclusive_group()
    for recipient, text in (
        (Recipient.REPRESENTATIVE, "for a legal representative, without what is hidden from him"),
        (Recipient.SUCCESSOR, "for an ayant droit of a deceased patient who agreed; needs --motive and --proof"),
        (Recipient.LEGAL, "everything, for a judge or an expert; needs --motive and --proof"),
    ):
        option = f"--{recipient.value}"
        whom.add_argument(option, dest="recipient", action="store_const", const=recipient, help=text)
    export.set_defaults(recipient=Recipient.PATIENT)


def _export(args: argparse.Namespace) -> int:
    if bool(args.patient) == bool(args.check):
        raise Failure("patient export PATIENT --output FILE, or patient export --check FILE", EXIT_USAGE)
    try:
        return _check(args) if args.check else _write(args)
    except OSError as error:
        raise Failure(f"{error.filename}: {error.strerror}") from None


def _write(args: argparse.Namespace) -> int:
    """Write beside the target, check, and only then give it its name, so that a copy is whole."""
    target: Path = args.output
    if target.exists():
        raise Failure(f"{target} is there already", EXIT_USAGE)
    descriptor, name = tempfile.mkstemp(prefix=".export-", dir=target.parent)  # readable by its owner alone
    try:
        with operator_desk(args) as desk, os.fdopen(descriptor, "w+b") as file:
            count = copy_record(desk, ins_of(args.config, args.patient), file, args.recipient)
            file.flush()
            verify(file).raise_failures()
            os.fsync(file.fileno())
            file.seek(0)
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        os.link(name, target)  # fails when it is there, which a rename does not
    finally:
        os.unlink(name)
    facts = {"file": str(target), "documents": count, "octets": target.stat().st_size, "sha256": digest}
    _say(args, facts, f"{target}: {count} documents, hashes and sizes checked; SHA-256 {digest}")
    return 0


def _check(args: argparse.Namespace) -> int:
    with args.check.open("rb") as file:
        report: Report = verify(file)
    failures = [check.message for check in report.failures]
    last = report.checks[-1].found
    _say(args, {"ok": report.ok, "failures": failures}, "\n".join(failures) or f"{args.check}: {last}")
    return 0 if report.ok else EXIT_FAILED


def _say(args: argparse.Namespace, facts: dict[str, Any], text: str) -> None:
    print(json.dumps(facts, ensure_ascii=False) if args.format == "json" else text)
