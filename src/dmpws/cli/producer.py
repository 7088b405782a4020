"""`dmpws producer`: documents that come from no LPS."""

import argparse
import getpass
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dmpws.acts.actor import Actor, operator
from dmpws.acts.desk import Desk
from dmpws.acts.producing import (
    Given,
    deposit_dispensation,
    deposit_patient_document,
    deposit_refunds,
    system_actor,
)
from dmpws.app import cda_check_of
from dmpws.cli import EXIT_USAGE, Failure
from dmpws.cli.desk import add_reasons, desk_of, ins_of
from dmpws.codec.value_sets import value_sets
from dmpws.domain.code import Code
from dmpws.domain.document import INVISIBLE_REPRESENTANTS_LEGAUX, MASQUE_PS
from dmpws.domain.media import JPEG, PDF, RTF, TEXT, TIFF
from dmpws.domain.patient import Ins
from dmpws.domain.producers import ASSURANCE_MALADIE, DOSSIER_PHARMACEUTIQUE, SUBJECTS, is_patient_s
from dmpws.domain.value_sets import Attribute

CDA = ".xml"
MEDIA = {".pdf": PDF, ".txt": TEXT, ".rtf": RTF, ".jpg": JPEG, ".jpeg": JPEG, ".tif": TIFF, ".tiff": TIFF}


def add_parser(subparsers: Any) -> None:
    """Add the verb to the command line."""
    text = "put documents into a record that come from no LPS"
    parser = subparsers.add_parser("producer", help=text, description=text)
    verbs = parser.add_subparsers(dest="producer_verb", required=True, metavar="VERB")

    def verb(name: str, run: Any, text: str, *, account: bool = False) -> argparse.ArgumentParser:
        added: argparse.ArgumentParser = verbs.add_parser(name, help=text, description=text)
        added.set_defaults(func=run)
        add_reasons(added, motive=False, account=account)
        added.add_argument("patient", metavar="PATIENT", help="INS, INS^OID, or patient of the cast")
        kinds = ", ".join(MEDIA)
        added.add_argument("file", type=Path, metavar="FILE", help=f"a CDA document ({CDA}), or a file ({kinds})")
        added.add_argument("--title", default="", help="of a file (default: that of its type)")
        added.add_argument("--from", dest="start", type=_instant, metavar="DATE", help="of a file: the act began")
        added.add_argument("--to", dest="stop", type=_instant, metavar="DATE", help="of a file: the act ended")
        return added

    verb("remb", _refunds, "the Assurance Maladie's Données de remboursement, in the place of those in force")
    added = verb("dispensation", _dispensation, "a dispensation of the Dossier Pharmaceutique")
    types = [code.code for code in DOSSIER_PHARMACEUTIQUE.types]
    added.add_argument("--type", choices=types, default=types[0], help="of a file (default: %(default)s)")
    added.add_argument("--replaces", default="", metavar="UNIQUE_ID", help="the document it replaces")
    added = verb("patient-document", _patient_document, "a document of the patient's own", account=True)
    what = added.add_mutually_exclusive_group()
    what.add_argument("--type", choices=sorted(_patient_types()), help="of a file")
    what.add_argument("--subject", choices=SUBJECTS, help="of a file: gives its type and title")
    added.add_argument("--replaces", default="", metavar="UNIQUE_ID", help="the document it replaces")
    added.add_argument("--mask", action="store_true", help="mask it to the professionals")
    added.add_argument("--hide", action="store_true", help="hide it from a minor's representatives")


def _refunds(args: argparse.Namespace) -> int:
    return _deposit(args, system_actor(ASSURANCE_MALADIE), deposit_refunds, _given(args))


def _dispensation(args: argparse.Namespace) -> int:
    kind = next(code for code in DOSSIER_PHARMACEUTIQUE.types if code.code == args.type)
    given = _given(args, kind, replaces=args.replaces)
    return _deposit(args, system_actor(DOSSIER_PHARMACEUTIQUE), deposit_dispensation, given)


def _patient_document(args: argparse.Namespace) -> int:
    kind, title = SUBJECTS[args.subject] if args.subject else (None, "")
    kind = _patient_types()[args.type] if args.type else kind
    hidden = [MASQUE_PS] * args.mask + [INVISIBLE_REPRESENTANTS_LEGAUX] * args.hide
    visibility = frozenset(hidden) if hidden else None
    given = _given(args, kind, title=title, replaces=args.replaces, visibility=visibility)
    if given.media_type and kind is None:
        raise Failure("a file needs --type or --subject", EXIT_USAGE)
    return _deposit(args, operator(args.by or getpass.getuser()), deposit_patient_document, given)


def _patient_types() -> dict[str, Code]:
    values = value_sets()
    members = [member.code for member in values.sets[Attribute.TYPE].values() if member.stop is None]
    classes = [(code, values.class_of(code)) for code in members]
    return {code.code: code for code, group in classes if group is not None and is_patient_s(code.code, group.code)}


def _given(args: argparse.Namespace, kind: Code | None = None, *, title: str = "", **how: Any) -> Given:
    suffix = args.file.suffix.lower()
    if suffix != CDA and suffix not in MEDIA:
        raise Failure(f"{args.file}: neither a CDA document ({CDA}) nor one of {', '.join(MEDIA)}", EXIT_USAGE)
    try:
        size, most = args.file.stat().st_size, args.config.max_xml_document
        if size > most:
            raise Failure(f"{args.file}: {size} octets, more than max_xml_document ({most})", EXIT_USAGE)
        content = args.file.read_bytes()
    except OSError as error:
        raise Failure(f"{args.file}: {error.strerror}", EXIT_USAGE) from None
    if suffix == CDA:
        return Given(content, **how)
    return Given(content, MEDIA[suffix], kind, args.title or title, args.start, args.stop, **how)


def _instant(text: str) -> datetime:
    try:
        return datetime.strptime(text, "%Y%m%d").replace(tzinfo=UTC)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not YYYYMMDD") from None


def _deposit(args: argparse.Namespace, actor: Actor, deposit: Callable[[Desk, Ins, Given], str], given: Given) -> int:
    try:
        check = cda_check_of(args.config)
    except OSError as error:
        raise Failure(str(error)) from None
    with desk_of(args, actor, check) as desk:
        unique_id = deposit(desk, ins_of(args.config, args.patient), given)
    if args.format == "json":
        print(json.dumps({"uniqueId": unique_id}))
    else:
        print(f"{args.patient}: deposited {unique_id}")
    return 0
