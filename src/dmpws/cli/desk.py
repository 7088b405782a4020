"""The desk of the command line: the host's operator acts under the name of his account."""

import argparse
import getpass
import uuid
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager

from dmpws import cast
from dmpws.acts.actor import Actor, operator
from dmpws.acts.desk import Desk
from dmpws.app import clock_of, settings_of, store_of
from dmpws.cli import Failure
from dmpws.config import Config
from dmpws.domain import oids
from dmpws.domain.patient import Ins
from dmpws.store import migrate
from dmpws.transactions.call import CheckCda
from dmpws.transactions.ports import StorageError


def operator_desk(args: argparse.Namespace) -> AbstractContextManager[Desk]:
    """The desk on the configured store. args: those of `add_reasons`."""
    return desk_of(args, operator(args.by or getpass.getuser()))


@contextmanager
def desk_of(args: argparse.Namespace, actor: Actor, check_cda: CheckCda | None = None) -> Iterator[Desk]:
    """The desk on the configured store, with an actor before it. args: those of `add_reasons`."""
    try:
        with closing(store_of(args.config)) as store:
            migrate.require_current(store.database.engine)
            yield Desk(
                store,
                clock_of(args.config)(),
                lambda: str(uuid.uuid4()),
                settings_of(args.config),
                actor,
                motive=args.motive.strip(),
                proof=args.proof.strip(),
                check_cda=check_cda,
            )
    except StorageError as error:
        raise Failure(str(error)) from None


def add_reasons(parser: argparse.ArgumentParser, *, motive: bool, account: bool = True) -> None:
    """Add the options that say why and, where the operator acts under his account, who."""
    parser.add_argument("--motive", required=motive, default="", metavar="TEXT", help="why, as the traces keep it")
    parser.add_argument(
        "--proof", default="", metavar="REFERENCE", help="reference of the letter or decision behind it"
    )
    if account:
        parser.add_argument("--by", metavar="ACCOUNT", help="who acts (default: the account that runs the command)")


def ins_of(config: Config, patient: str) -> Ins:
    """A patient of the cast by his key, an INS, or INS^OID; without OID the authority of the profile."""
    if known := cast.PATIENTS.get(patient):
        return known.ins
    value, _, authority = patient.partition("^")
    return Ins(value, authority or (oids.INS_NIR if config.profile == "production" else oids.INS_NIR_TEST))
