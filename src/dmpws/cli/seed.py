"""`dmpws seed`: loads the fictitious cast of the test plan; `seed expire` moves a patient into a situation."""

import argparse
import json
from contextlib import closing
from datetime import UTC, datetime

from dmpws.app import store_of
from dmpws.cli import Failure
from dmpws.cli.desk import ins_of
from dmpws.domain.authorisation import By
from dmpws.seed import seed
from dmpws.store import Store, migrate
from dmpws.transactions.ports import StorageError

SETS = ("cast",)
LABORATORY = By("dmpws seed expire", capacity="laboratory")


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = subparsers.add_parser("seed", help="load the fictitious cast of the test plan, or expire authorisations")
    parser.add_argument("what", nargs="?", default="cast", choices=(*SETS, "expire"), help="default: cast")
    parser.add_argument("patient", nargs="?", help="with expire: patient of the cast, or INS, or INS^OID")
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """Load the cast (a second run changes nothing), or end the authorisations on one patient's DMP."""
    if (args.what == "expire") != bool(args.patient):
        raise Failure("seed expire PATIENT, or seed [cast]", 2)
    try:
        with closing(store_of(args.config)) as store:
            migrate.require_current(store.database.engine)
            now = datetime.now(UTC)
            done = _expire(store, args, now) if args.what == "expire" else {"opened": seed(store, now)}
    except StorageError as error:
        raise Failure(str(error)) from None
    print(json.dumps(done) if args.format == "json" else " ".join(f"{name}: {count}" for name, count in done.items()))
    return 0


def _expire(store: Store, args: argparse.Namespace, now: datetime) -> dict[str, int]:
    with store.write() as work:
        record = work.patients.find(ins_of(args.config, args.patient))
        if record is None:
            raise Failure(f"{args.patient}: no DMP")
        return {"expired": work.authorisations.expire(record.id, by=LABORATORY, now=now)}
