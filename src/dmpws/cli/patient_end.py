"""`dmpws patient erase` and `purge`: what cannot be undone, in two steps."""

import argparse
import json
from collections.abc import Callable, Sequence
from typing import Any

from dmpws.acts import erasing, retention
from dmpws.cli.desk import ins_of, operator_desk

AGAIN = "to do it, give the same command again with --confirm"


def add_verbs(verb: Callable[..., argparse.ArgumentParser]) -> None:
    """Add the verbs. verb: adds one, from name, function and help."""
    text = "erase a deleted document: metadata and octets; without --confirm, only tell what would go"
    erase = verb("erase", _erase, text, motive=True)
    erase.add_argument("patient", metavar="PATIENT", help="INS, INS^OID, or patient of the cast")
    erase.add_argument("document", metavar="UNIQUE_ID", help="uniqueId of the document")
    text = "destroy the records whose conservation is over, or with PATIENT a closed one at his request"
    purge = verb("purge", _purge, f"{text}; without --confirm, only tell what would go", motive=True)
    purge.add_argument("patient", nargs="?", metavar="PATIENT", help="needs --proof, the reference of his request")
    for parser in (erase, purge):
        parser.add_argument("--confirm", metavar="PHRASE", help="the phrase that the dry run printed")


def _erase(args: argparse.Namespace) -> int:
    with operator_desk(args) as desk:
        ins = ins_of(args.config, args.patient)
        if args.confirm:
            plan = erasing.erase(desk, ins, args.document, confirmed=args.confirm)
        else:
            plan = erasing.plan(desk, ins, args.document)
    facts: dict[str, Any] = {
        "document": plan.unique_id,
        "title": plan.title,
        "versions": plan.versions,
        "octets": plan.octets,
        "shared": plan.shared,
        "with_it": list(plan.with_it),
    }
    stays = ", which stay: another document has the same" if plan.shared else ""
    versions = f"{plan.versions} metadata version{'' if plan.versions == 1 else 's'}"
    lines = [f"{plan.unique_id} « {plan.title} »: {versions}, {plan.octets} octets{stays}"]
    lines += [f"with it, a former historique des vaccinations: {unique_id}" for unique_id in plan.with_it]
    return _tell(args, "erased", facts, lines, plan.confirmation)


def _purge(args: argparse.Namespace) -> int:
    plans: Sequence[retention.RecordPlan]
    with operator_desk(args) as desk:
        if args.patient:
            ins = ins_of(args.config, args.patient)
            plan, phrase = retention.plan_destruction(desk, ins)
            plans = [retention.destroy(desk, ins, confirmed=args.confirm) if args.confirm else plan]
        else:
            plans, phrase = retention.plan_purge(desk)
            if args.confirm:
                plans = retention.purge(desk, confirmed=args.confirm)
    facts = {"records": [_facts(plan) for plan in plans]}
    lines = [
        f"{plan.ins.value}^{plan.ins.authority}, since {plan.since:%Y-%m-%d}: {plan.content.documents} documents,"
        f" {plan.content.octets} octets"
        for plan in plans
    ]
    return _tell(args, "destroyed", facts, lines or ["no record"], phrase if plans else "")


def _facts(plan: retention.RecordPlan) -> dict[str, Any]:
    content = {"documents": plan.content.documents, "octets": plan.content.octets}
    return {"ins": f"{plan.ins.value}^{plan.ins.authority}", "since": plan.since.isoformat(), **content}


def _tell(args: argparse.Namespace, done: str, facts: dict[str, Any], lines: Sequence[str], phrase: str) -> int:
    """Print what went, or what would go and the phrase that confirms it."""
    if args.format == "json":
        outcome = {done: True} if args.confirm else {done: False, "confirm": phrase}
        print(json.dumps({**facts, **outcome}, ensure_ascii=False))
        return 0
    print("\n".join(lines))
    if args.confirm:
        print(done)
    elif phrase:
        print(f"nothing is {done} yet; {AGAIN} {phrase}")
    return 0
