"""`dmpws db upgrade|current|rewrap`: the tables, and the keys of encrypted documents."""

import argparse
import json
import shlex
from contextlib import closing
from pathlib import Path
from typing import Any

from dmpws.app import key_wrapper, store_of
from dmpws.cli import EXIT_FAILED, Failure
from dmpws.store import KeyCommand, KeyFile, keyring, migrate
from dmpws.transactions.ports import StorageError


def add_parser(subparsers: Any) -> None:
    """Add the verb to the command line."""
    parser = subparsers.add_parser("db", help="the tables, and the keys of encrypted documents")
    parser.set_defaults(func=run)
    verbs = parser.add_subparsers(dest="db_verb", required=True, metavar="VERB")
    verbs.add_parser("upgrade", help="bring the tables to the revision of this program, all or nothing")
    verbs.add_parser("current", help="revision of the tables; status 1 when `upgrade` has work to do")
    rewrap = verbs.add_parser("rewrap", help="change the key that wraps the data keys; the documents stay as they are")
    new = rewrap.add_mutually_exclusive_group(required=True)
    new.add_argument("--key-file", type=Path, metavar="FILE", help="new wrapping key, made when the file is missing")
    new.add_argument("--command", metavar="COMMAND", help="command that wraps and unwraps from now on")
    rewrap.add_argument("--new-data-key", action="store_true", help="encrypt new documents with a new data key too")


def run(args: argparse.Namespace) -> int:
    """Run one of the verbs on the configured storage."""
    try:
        return {"upgrade": _upgrade, "current": _current, "rewrap": _rewrap}[args.db_verb](args)
    except StorageError as error:
        raise Failure(str(error)) from None


def _upgrade(args: argparse.Namespace) -> int:
    with closing(store_of(args.config)) as store:
        engine = store.database.engine
        before = migrate.current(engine)
        migrate.upgrade(engine)
        after = migrate.current(engine)
    changed = f"from {before or 'nothing'} to {after}" if before != after else f"already at {after}"
    print(json.dumps({"before": before, "after": after}) if args.format == "json" else f"tables {changed}")
    return 0


def _current(args: argparse.Namespace) -> int:
    with closing(store_of(args.config)) as store:
        current, head = migrate.current(store.database.engine), migrate.head()
    if args.format == "json":
        print(json.dumps({"current": current, "head": head}))
    else:
        print(f"{current or 'no tables'}" + ("" if current == head else f"; this program wants {head}: db upgrade"))
    return 0 if current == head else EXIT_FAILED


def _rewrap(args: argparse.Namespace) -> int:
    folder = args.config.documents_folder
    if not keyring.exists(folder):
        raise Failure(f"{folder} holds no encrypted documents")
    old = key_wrapper(args.config)
    new: KeyFile | KeyCommand
    if args.command:
        new = KeyCommand(tuple(shlex.split(args.command)))
    else:
        new = KeyFile(args.key_file) if args.key_file.exists() else KeyFile.create(args.key_file)
    keyring.rewrap(folder, old, new)
    if args.new_data_key:
        keyring.add_data_key(folder, new)
    option = "encryption_command" if args.command else "encryption_key_file"
    value = args.command or str(args.key_file)
    if args.format == "json":
        print(json.dumps({option: value}))
    else:
        print(f"data keys wrapped again; before the next start, configure {option} = {json.dumps(value)}")
    return 0
