"""`dmpws patient`: what the patient, or the host on his behalf, may do to a record."""

import argparse
import json
from typing import Any

from dmpws.acts import authorisations, closing, identity, masking, rectifying, switches, traits
from dmpws.cli import EXIT_USAGE, Failure, patient_authorisations, patient_copy, patient_end, patient_list
from dmpws.cli.desk import add_reasons, ins_of, operator_desk
from dmpws.domain.authorisation import Holder, HolderKind
from dmpws.domain.patient import Switch

SWITCHES = {which.value.replace("_", "-"): which for which in Switch}
PATIENT_HELP = "INS, INS^OID, or patient of the cast"


def add_parser(subparsers: Any) -> None:
    """Add the verb to the command line."""
    parser = subparsers.add_parser("patient", help="what the patient, or the host on his behalf, may do to a record")
    verbs = parser.add_subparsers(dest="patient_verb", required=True, metavar="VERB")

    def verb(name: str, run: Any, text: str, *, motive: bool = False) -> argparse.ArgumentParser:
        added: argparse.ArgumentParser = verbs.add_parser(name, help=text, description=text)
        added.set_defaults(func=run)
        add_reasons(added, motive=motive)
        return added

    for name, run, text in (
        ("block", _block, "forbid the record to a professional or a structure"),
        ("authorise", _authorise, "let a professional or a structure consult the record"),
    ):
        added = verb(name, run, text)
        added.add_argument("patient", metavar="PATIENT", help=PATIENT_HELP)
        added.add_argument("holder", metavar="IDENTIFIER", help="PS_IdNat, or with --structure Struct_IdNat")
        added.add_argument("--structure", action="store_true", help="the identifier is a structure's")
        lift = "lift the block" if name == "block" else "take the authorisation back"
        added.add_argument("--lift", action="store_true", help=lift)
    added = verb("mask", _mask, "mask a document to the professionals, or show it to them again")
    added.add_argument("patient", metavar="PATIENT", help=PATIENT_HELP)
    added.add_argument("document", metavar="UNIQUE_ID", help="uniqueId of the document")
    added.add_argument("--lift", action="store_true", help="show it again")
    added = verb("rectify", _rectify, "correct the patient's identity, or metadata of a document", motive=True)
    added.add_argument("patient", metavar="PATIENT", help=PATIENT_HELP)
    fields = f"{', '.join(traits.FIELDS)}; with --document: {', '.join(rectifying.DOCUMENT_FIELDS)}"
    added.add_argument("values", nargs="+", metavar="NAME=VALUE", help=fields)
    added.add_argument("--document", metavar="UNIQUE_ID", help="uniqueId of the document")
    added = verb("identify", _identify, "give the record a new current identifier", motive=True)
    added.add_argument("patient", metavar="PATIENT", help=PATIENT_HELP)
    added.add_argument("ins", metavar="INS", help="the new one, or INS^OID")
    added = verb("switch", _switch, "turn one of the patient's switches on or off")
    added.add_argument("patient", metavar="PATIENT", help=PATIENT_HELP)
    added.add_argument("switch", choices=SWITCHES, help="which one")
    added.add_argument("state", choices=("on", "off"), help="from now on")
    added = verb("close", _close, "close the record", motive=True)
    added.add_argument("patient", metavar="PATIENT", help=PATIENT_HELP)
    how = added.add_mutually_exclusive_group()
    how.add_argument("--final", action="store_true", help="for good: nobody opens it again")
    how.add_argument("--deceased-on", metavar="YYYYMMDD", help="the patient died that day; for good, too")
    added = verb("restore", _restore, "open a closed record again", motive=True)
    added.add_argument("patient", metavar="PATIENT", help=PATIENT_HELP)
    patient_list.add_verbs(verb)
    patient_authorisations.add_verbs(verb)
    patient_copy.add_verbs(verb)
    patient_end.add_verbs(verb)


def _block(args: argparse.Namespace) -> int:
    act = switches.unblock if args.lift else switches.block
    with operator_desk(args) as desk:
        changed = act(desk, ins_of(args.config, args.patient), _holder(args))
    return _say(args, f"{args.holder} {'unblocked' if args.lift else 'blocked'}", changed=changed)


def _authorise(args: argparse.Namespace) -> int:
    act = authorisations.withdraw if args.lift else switches.authorise
    with operator_desk(args) as desk:
        changed = act(desk, ins_of(args.config, args.patient), _holder(args))
    return _say(args, f"{args.holder} {'no longer ' if args.lift else ''}authorised", changed=changed)


def _holder(args: argparse.Namespace) -> Holder:
    return Holder(HolderKind.STRUCTURE if args.structure else HolderKind.PERSON, args.holder)


def _switch(args: argparse.Namespace) -> int:
    with operator_desk(args) as desk:
        ins = ins_of(args.config, args.patient)
        changed = switches.switch(desk, ins, SWITCHES[args.switch], on=args.state == "on")
    return _say(args, f"{args.switch} {args.state}", changed=changed)


def _mask(args: argparse.Namespace) -> int:
    with operator_desk(args) as desk:
        changed = masking.mask(desk, ins_of(args.config, args.patient), args.document, on=not args.lift)
    return _say(args, f"{args.document} {'unmasked' if args.lift else 'masked'}", changed=changed)


def _rectify(args: argparse.Namespace) -> int:
    if wrong := [value for value in args.values if "=" not in value]:
        raise Failure(f"{wrong[0]}: not NAME=VALUE", EXIT_USAGE)
    values = {name: value for name, _, value in (text.partition("=") for text in args.values)}
    with operator_desk(args) as desk:
        ins = ins_of(args.config, args.patient)
        if args.document:
            changed = rectifying.rectify_document(desk, ins, args.document, values)
        else:
            changed = traits.rectify(desk, ins, values)
    return _say(args, f"{args.document or 'identity'} rectified", changed=changed)


def _identify(args: argparse.Namespace) -> int:
    with operator_desk(args) as desk:
        new = ins_of(args.config, args.ins)
        changed = identity.identify(desk, ins_of(args.config, args.patient), new)
    return _say(args, f"now {new.value}^{new.authority}", changed=changed)


def _close(args: argparse.Namespace) -> int:
    with operator_desk(args) as desk:
        ins = ins_of(args.config, args.patient)
        if args.deceased_on:
            closing.close_on_death(desk, ins, args.deceased_on)
        else:
            closing.close(desk, ins, final=args.final)
    return _say(args, "closed for good" if args.final or args.deceased_on else "closed")


def _restore(args: argparse.Namespace) -> int:
    with operator_desk(args) as desk:
        closing.restore(desk, ins_of(args.config, args.patient))
    return _say(args, "open again")


def _say(args: argparse.Namespace, done: str, *, changed: bool = True) -> int:
    if args.format == "json":
        print(json.dumps({"done": done, "changed": changed}))
    else:
        print(f"{args.patient}: {done}" + ("" if changed else ", as it was before"))
    return 0
