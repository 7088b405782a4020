"""`dmpws directory load|list|edit`: professionals, structures, cards and approved software."""

import argparse
import getpass
import hashlib
import json
from contextlib import closing
from pathlib import Path

from dmpws.acts import directory
from dmpws.acts.actor import operator
from dmpws.acts.directory import Summary
from dmpws.app import clock_of, store_of
from dmpws.cli import Failure
from dmpws.codec.directory import Entry, read_cells, read_table, write_table
from dmpws.codec.directory_kinds import KINDS, Kind
from dmpws.codec.tables import Problem, TableError
from dmpws.store import Store, migrate
from dmpws.transactions.ports import StorageError

LARGEST_FILE = 256 * 1024 * 1024


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = subparsers.add_parser("directory", help="professionals, structures, cards, approved software")
    verbs = parser.add_subparsers(dest="directory_verb", required=True, metavar="VERB")

    loader = verbs.add_parser("load", help="bring tables into the directory, all or nothing")
    loader.add_argument("path", type=Path, metavar="FILE.tsv|FOLDER", help="a table, or a folder of tables")
    loader.set_defaults(func=_load)

    lister = verbs.add_parser("list", help="the entries, as a table that `load` reads")
    lister.add_argument("kind", choices=KINDS, help="of the entries")
    lister.add_argument("--find", metavar="TEXT", default="", help="only entries that hold this text, in any case")
    lister.set_defaults(func=_list)

    editor = verbs.add_parser("edit", help="change one entry")
    editor.add_argument("kind", choices=KINDS, help="of the entry")
    editor.add_argument("key", help="identifier, serial number or approval number")
    editor.add_argument("cells", nargs="+", metavar="COLUMN=VALUE", help="columns of the table; an empty value clears")
    editor.add_argument("--add", action="store_true", help="the entry is a new one")
    editor.set_defaults(func=_edit)

    for changer in (loader, editor):
        changer.add_argument("--dry-run", action="store_true", help="say what would change, and change nothing")
        changer.add_argument("--motive", default="", help="why, kept in the trace")


def _load(args: argparse.Namespace) -> int:
    files = sorted(args.path.glob("*.tsv")) if args.path.is_dir() else [args.path]
    if not files:
        raise Failure(f"{args.path}: no table (*.tsv) in it")
    digest = hashlib.sha256()
    entries: list[Entry] = []
    problems: list[Problem] = []
    for file in files:
        octets = _octets(file)
        digest.update(octets)
        try:
            entries += read_table(octets, file.name)
        except TableError as error:
            problems += error.problems
    if problems:
        raise Failure(str(TableError(problems)))
    return _change(args, entries, proof=f"{args.path.name} sha256:{digest.hexdigest()}")


def _octets(file: Path) -> bytes:
    try:
        if file.stat().st_size > LARGEST_FILE:
            raise Failure(f"{file}: larger than {LARGEST_FILE} octets; load it in parts")
        return file.read_bytes()
    except OSError as error:
        raise Failure(f"{file}: {error.strerror}") from None


def _edit(args: argparse.Namespace) -> int:
    cells = {}
    for word in args.cells:
        name, equals, value = word.partition("=")
        if not equals:
            raise Failure(f"{word!r} is not COLUMN=VALUE", 2)
        cells[name] = value
    try:
        entry = read_cells(KINDS[args.kind], args.key, cells)
    except TableError as error:
        raise Failure(str(error)) from None
    return _change(args, [entry], new=args.add)


def _change(args: argparse.Namespace, entries: list[Entry], *, new: bool | None = None, proof: str = "") -> int:
    try:
        with closing(_store(args)) as store:
            summary = directory.change(
                store,
                entries,
                actor=operator(getpass.getuser()),
                now=clock_of(args.config)(),
                new=new,
                motive=args.motive,
                proof=proof,
                dry_run=args.dry_run,
            )
    except (TableError, StorageError) as error:
        raise Failure(str(error)) from None
    _report(summary, args)
    return 0


def _report(summary: Summary, args: argparse.Namespace) -> None:
    if args.format == "json":
        changes = [
            {"kind": made.kind.word, "key": made.key, "new": made.before is None, "cells": made.cells}
            for made in summary.changes
        ]
        facts = {"changes": changes, "unchanged": summary.unchanged, "dry_run": args.dry_run}
        print(json.dumps(facts, indent=2, ensure_ascii=False))
        return
    for made in summary.changes:
        cells = ", ".join(f"{name} {old!r} -> {text!r}" for name, (old, text) in made.cells.items())
        print(f"{made.kind.word} {made.key}: {'added' if made.before is None else cells}")
    added = sum(made.before is None for made in summary.changes)
    done = f"{added} added, {len(summary.changes) - added} changed, {summary.unchanged} as they were"
    print(f"{done}; dry run, nothing was written" if args.dry_run else done)


def _list(args: argparse.Namespace) -> int:
    kind: Kind = KINDS[args.kind]
    wanted = args.find.casefold()
    try:
        with closing(_store(args)) as store:
            found = directory.entries_of(store, kind)
    except StorageError as error:
        raise Failure(str(error)) from None
    kept = [value for value in found if any(wanted in cell.casefold() for cell in kind.written(value).values())]
    if args.format == "json":
        print(json.dumps([kind.written(value) for value in kept], indent=2, ensure_ascii=False))
    else:
        print(write_table(kind, kept), end="")
    return 0


def _store(args: argparse.Namespace) -> Store:
    store = store_of(args.config)
    try:
        migrate.require_current(store.database.engine)
    except StorageError:
        store.close()
        raise
    return store
