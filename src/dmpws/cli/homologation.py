"""`dmpws homologation register|assess|decide|list`: from a product family to its approval number, and back."""

import argparse
import getpass
import json
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

from dmpws.acts import directory, homologation
from dmpws.acts.actor import operator
from dmpws.acts.homologation import Approval, HomologationError, NotProved
from dmpws.app import clock_of, store_of
from dmpws.cli import EXIT_FAILED, EXIT_USAGE, Failure
from dmpws.codec.directory import read_cells
from dmpws.codec.directory_kinds import SOFTWARE
from dmpws.codec.reference_list import as_html, as_json, as_tsv
from dmpws.codec.tables import TableError
from dmpws.conformance.cases import Conformance
from dmpws.conformance.review import BadEvidence, review
from dmpws.conformance.toml import BadFile
from dmpws.domain.homologation import DECISIONS, IN_FRENCH, Event, HomologationFile
from dmpws.domain.software import Category
from dmpws.store import Store, migrate
from dmpws.transactions.ports import StorageError

LIST = "liste-logiciels"
"""Name of the published files, without their ending."""


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = subparsers.add_parser("homologation", help="approved product families and their evidence")
    parser.set_defaults(func=run)
    verbs = parser.add_subparsers(dest="homologation_verb", required=True, metavar="VERB")

    opener = verbs.add_parser("register", help="open a file for a product family")
    opener.add_argument("--editor", required=True, help="who makes it")
    opener.add_argument("--name", required=True, help="of the product family")
    opener.add_argument("--software", help="LPS_Nom of its calls (default: the name of the family)")
    opener.add_argument("--category", required=True, choices=tuple(Category), help="of the software")
    opener.add_argument(
        "--for",
        dest="scopes",
        required=True,
        metavar="PROFILE:MODE,…",
        help="what it asks for: alimentation:INDIRECTE, consultation:DIRECTE:TD3.2, or all",
    )

    reviewer = verbs.add_parser("assess", help="review a folder that `dmpws evidence` wrote; status 1 if not complete")
    reviewer.add_argument("file", metavar="FILE", help="key of the file, 2026-0001")
    reviewer.add_argument("folder", type=Path, metavar="FOLDER", help="what `dmpws evidence` wrote")
    reviewer.add_argument(
        "--shown", default="", metavar="CASE,…", help="what you were shown, of the manual cases; or all"
    )

    decider = verbs.add_parser("decide", help="grant, refuse, suspend, reinstate or revoke; in force at once")
    decider.add_argument("file", metavar="FILE", help="key of the file, 2026-0001")
    decider.add_argument("decision", choices=tuple(DECISIONS), help="in force at once")
    decider.add_argument("--number", default="", help="approval number to issue (default: DMPWS-FILE)")
    decider.add_argument("--valid-from", type=date.fromisoformat, metavar="DAY", help="first day, 2026-12-01")
    decider.add_argument("--valid-until", type=date.fromisoformat, metavar="DAY", help="last day")
    decider.add_argument("--without-evidence", action="store_true", help="grant although the evidence is not complete")

    for one in (opener, reviewer, decider):
        one.add_argument("--motive", required=one is decider, default="", metavar="TEXT", help="why, kept for good")
        one.add_argument("--by", metavar="ACCOUNT", help="who acts (default: the account that runs the command)")

    lister = verbs.add_parser("list", help="the files, or one with its history; publish the reference list")
    lister.add_argument("file", metavar="FILE", nargs="?", help="key of one, shown with its history; default: all")
    lister.add_argument("--publish", type=Path, metavar="FOLDER", help=f"write {LIST}.tsv, .json and .html there")


def run(args: argparse.Namespace) -> int:
    """Run one of the verbs on the configured storage."""
    verbs: dict[str, Callable[[argparse.Namespace, Store], int]] = {
        "register": _register,
        "assess": _assess,
        "decide": _decide,
        "list": _list,
    }
    try:
        with closing(store_of(args.config)) as store:
            migrate.require_current(store.database.engine)
            return verbs[args.homologation_verb](args, store)
    except NotProved as error:
        raise Failure(f"{error}; --without-evidence grants all the same") from None
    except (StorageError, HomologationError, BadEvidence, BadFile, TableError) as error:
        raise Failure(str(error)) from None


def _who(args: argparse.Namespace) -> dict[str, Any]:
    account = operator(args.by or getpass.getuser())
    return {"actor": account, "now": clock_of(args.config)(), "motive": args.motive.strip()}


def _register(args: argparse.Namespace, store: Store) -> int:
    cells = {"name": args.name, "editor": args.editor, "category": args.category, "approved_for": args.scopes}
    values = read_cells(SOFTWARE, "-", cells).values
    new = HomologationFile(
        "", values["editor"], values["name"], args.software or values["name"], values["category"], values["scopes"]
    )
    return _show(args, homologation.register(store, new, **_who(args)))


def _assess(args: argparse.Namespace, store: Store) -> int:
    file = _known(store, args.file)
    shown = {word.strip() for word in args.shown.split(",") if word.strip()}
    found = review(args.folder, file, Conformance(), shown=shown)
    if args.format == "json":
        homologation.assess(store, args.file, found, **_who(args))
        print(json.dumps({**asdict(found), "complete": found.complete}, ensure_ascii=False, indent=2))
        return 0 if found.complete else EXIT_FAILED
    homologation.assess(store, args.file, found, **_who(args))
    print(f"{len(found.done)} cases of plan {found.plan} done, {len(found.shown)} shown; SHA-256 {found.digest}")
    for problem in found.problems:
        print(f"  ✗ {problem}")
    print("complete" if found.complete else f"not complete: {len(found.problems)} problems")
    return 0 if found.complete else EXIT_FAILED


def _decide(args: argparse.Namespace, store: Store) -> int:
    if args.decision != "grant" and (args.number or args.valid_from or args.valid_until or args.without_evidence):
        raise Failure("number, validity and --without-evidence go with grant", EXIT_USAGE)
    approval = Approval(args.number, args.valid_from, args.valid_until, args.without_evidence)
    decided = homologation.decide(store, args.file, DECISIONS[args.decision], approval=approval, **_who(args))
    return _show(args, decided)


def _list(args: argparse.Namespace, store: Store) -> int:
    if args.publish is not None:
        return _publish(args, store)
    if args.file is not None:
        return _show(args, _known(store, args.file))
    with store.read() as work:
        files, software = work.homologations.all(), {one.number: one for one in work.directory.all_software()}
    if args.format == "json":
        print(json.dumps([_values(file) for file in files], ensure_ascii=False, indent=2))
        return 0
    today = clock_of(args.config)().date()
    for file in files:
        issued = software.get(file.number)
        note = f" — {problem}" if issued is not None and (problem := issued.problem(today)) else ""
        print(f"{file.key}  {file.number or '-':<18} {IN_FRENCH[file.state]:<15} {file.editor}, {file.name}{note}")
    return 0


def _publish(args: argparse.Namespace, store: Store) -> int:
    software, now = directory.entries_of(store, SOFTWARE), clock_of(args.config)()
    written = {"tsv": as_tsv(software), "json": as_json(software, now), "html": as_html(software, now)}
    try:
        args.publish.mkdir(parents=True, exist_ok=True)
        for ending, text in written.items():
            path = args.publish / f"{LIST}.{ending}"
            draft = path.with_suffix(f".{ending}.draft")
            draft.write_text(text, "utf-8")
            draft.replace(path)  # who reads the list meanwhile sees a whole one
            print(path)
    except OSError as error:
        raise Failure(f"{error.filename}: {error.strerror}") from None
    return 0


def _known(store: Store, key: str) -> HomologationFile:
    with store.read() as work:
        file = work.homologations.get(key)
    if file is None:
        raise Failure(f"{key}: there is no such file")
    return file


def _values(file: HomologationFile) -> dict[str, Any]:
    scopes = sorted(f"{s.profile}:{s.mode}{f':{s.transaction}' if s.transaction else ''}" for s in file.scopes)
    history = [{**asdict(event), "at": event.at.isoformat(timespec="seconds")} for event in file.events]
    return {
        "file": file.key,
        "editor": file.editor,
        "name": file.name,
        "software": file.software,
        "category": file.category,
        "approved_for": scopes,
        "number": file.number or None,
        "state": file.state,
        "history": history,
    }


def _show(args: argparse.Namespace, file: HomologationFile) -> int:
    values = _values(file)
    if args.format == "json":
        print(json.dumps(values, ensure_ascii=False, indent=2))
        return 0
    print(f"{file.key}  {file.editor}, {file.name} ({file.category}), LPS_Nom {file.software}")
    print(f"  {IN_FRENCH[file.state]}{f', {file.number}' if file.number else ''}")
    print(f"  {', '.join(values['approved_for'])}")
    for event in file.events:
        print("\n".join(_lines(event)))
    return 0


def _lines(event: Event) -> Iterator[str]:
    yield f"  {event.at:%Y-%m-%d %H:%M} {event.step:<11} {event.by:<12} {event.motive}".rstrip()
    if "complete" in event.detail:
        problems = event.detail["problems"]
        assert isinstance(problems, list)
        verdict = "complete" if event.detail["complete"] else f"not complete, {len(problems)} problems"
        yield f"      plan {event.detail['plan']}, {verdict}, SHA-256 {event.detail['digest']}"
