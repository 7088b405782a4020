"""`dmpws demo`: plays the main scenario through the client kit against a running server."""

import argparse
import json
import random
from dataclasses import asdict
from pathlib import Path

from dmpws import cast
from dmpws.cli import EXIT_FAILED, EXIT_UNREACHABLE, Failure
from dmpws.client import ClientError, LpsSession, Unreachable
from dmpws.client.actor import Actor
from dmpws.client.scenario import Scenario, Step
from dmpws.http import SERVICES_PATH
from dmpws.pki.demo import DemoPki, open_pki

PATIENT = "cas12"
"""Patient of the plan for demonstrations; the plan gives him an INS "at initialisation", here one per run."""


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = subparsers.add_parser("demo", help="play the main scenario against a running server")
    parser.add_argument("--url", help="base of the services (default: the configured host and port)")
    parser.add_argument("--pki", type=Path, help="folder of the demo PKI (default: in the data folder)")
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """Play the scenario; exit status 0 only when every step gave the promised answer."""
    try:
        pki = open_pki(args.pki or args.config.pki_folder)
    except FileNotFoundError as error:
        raise Failure(f"no demo PKI: {error}; run `dmpws pki init` first") from None
    url = args.url or f"https://localhost:{args.config.port}{SERVICES_PATH}"
    return play(url, pki, as_json=args.format == "json")


def play(url: str, pki: DemoPki, *, as_json: bool = False) -> int:
    """Play the scenario for a patient without DMP, printing a line per call; returns the exit status."""
    traits = cast.PATIENTS[PATIENT].traits
    ins = cast.allocate_ins(traits, random.randrange(10**8))  # noqa: S311 - a fictitious identity, not a secret
    scenario = Scenario(
        lambda card, actor: _session(url, pki, card, actor),
        ins,
        traits,
        (lambda step: print(json.dumps(asdict(step) | {"ok": step.ok}))) if as_json else _line,
    )
    if not as_json:
        print(f"Patient {traits.name.birth} {traits.name.given}, INS {ins.value} (test)\n")
    try:
        scenario.play()
    except Unreachable as error:
        raise Failure(str(error), EXIT_UNREACHABLE) from None
    except ClientError as error:
        raise Failure(str(error)) from None
    if not as_json:
        kept = sum(step.ok for step in scenario.steps)
        print(f"\n{kept} of {len(scenario.steps)} steps gave the promised answer")
    return 0 if scenario.ok else EXIT_FAILED


def _session(url: str, pki: DemoPki, card: str, actor: Actor | None) -> LpsSession:
    return LpsSession(pki.card(card), url, ca_file=pki.ca_file, actor=actor)


def _line(step: Step) -> None:
    mark = "✓" if step.ok else "✗"
    time = f"{step.milliseconds:5.0f} ms" if step.milliseconds else " " * 8
    result = step.shown or step.found
    print(f"{mark} {step.transaction}  {step.who:<17}  {step.patient}  {time}  {step.title} : {result}", flush=True)
    if step.why:
        print(f"           → {step.why}", flush=True)
    if not step.ok:
        print(f"        expected: {step.expected}")
