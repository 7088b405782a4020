"""`dmpws seed`: loads the fictitious patients, professionals and structures of the test plan."""

import argparse
import json
from datetime import UTC, datetime

from dmpws.app import store_of
from dmpws.cli import Failure
from dmpws.seed import seed
from dmpws.transactions.ports import StorageError


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = subparsers.add_parser("seed", help="load the fictitious cast of the test plan")
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """Load the cast into the configured database; a second run changes nothing."""
    try:
        store = store_of(args.config)
        opened = seed(store, datetime.now(UTC))
    except StorageError as error:
        raise Failure(str(error)) from None
    print(json.dumps({"opened": opened}) if args.format == "json" else f"{opened} records opened")
    return 0
