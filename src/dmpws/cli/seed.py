"""`dmpws seed`: loads the fictitious patients of the test plan; `seed expire` moves one into a situation."""

import argparse
import json
from contextlib import closing
from datetime import datetime

from dmpws import cast
from dmpws.app import clock_of, store_of
from dmpws.cli import Failure
from dmpws.cli.desk import ins_of
from dmpws.domain.authorisation import By
from dmpws.seed.feeding import SeedRefused
from dmpws.seed.sets import SETS
from dmpws.store import Store, migrate
from dmpws.transactions.ports import StorageError

EXPIRY = By("dmpws seed expire", capacity="laboratory")


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = subparsers.add_parser("seed", help="load the fictitious cast of the test plan, or expire authorisations")
    parser.add_argument("what", nargs="?", default="cast", choices=(*SETS, "expire"), help="default: cast")
    parser.add_argument("patient", nargs="?", help="with expire: patient of the cast, or INS, or INS^OID")
    parser.add_argument("--list", action="store_true", help="show the patients of each set, and load nothing")
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """Load a set (a second run changes nothing), or end the authorisations on one patient's DMP."""
    if args.list:
        return _list(as_json=args.format == "json")
    if (args.what == "expire") != bool(args.patient):
        raise Failure(f"seed expire PATIENT, or seed [{'|'.join(SETS)}]", 2)
    try:
        with closing(store_of(args.config)) as store:
            migrate.require_current(store.database.engine)
            now = clock_of(args.config)()
            done = _expire(store, args, now) if args.what == "expire" else SETS[args.what](args.config, store, now)
    except (StorageError, SeedRefused) as error:
        raise Failure(str(error)) from None
    print(json.dumps(done) if args.format == "json" else " ".join(f"{name}: {count}" for name, count in done.items()))
    return 0


def _list(*, as_json: bool) -> int:
    for person in cast.PATIENTS.values():
        sets = [name for name, holds in (("cast", person.small), ("plan", person.has_dmp)) if holds]
        row = {
            "key": person.key,
            "case": person.case,
            "name": person.label,
            "birth_date": person.traits.birth_date,
            "ins": f"{person.ins.value}^{person.ins.authority}",
            "sets": sets,
            "situation": [f"{s.kind}: {s.detail}" for s in person.situations],
            "for": person.note,
        }
        if as_json:
            print(json.dumps(row, ensure_ascii=False))
        else:
            where = ",".join(sets) or "no DMP"
            print(f"{person.key:<13} {person.ins.value:<16} {where:<10} {person.label}: {person.note or '-'}")
    return 0


def _expire(store: Store, args: argparse.Namespace, now: datetime) -> dict[str, int]:
    with store.write() as work:
        record = work.patients.find(ins_of(args.config, args.patient))
        if record is None:
            raise Failure(f"{args.patient}: no DMP")
        return {"expired": work.authorisations.expire(record.id, by=EXPIRY, now=now)}
