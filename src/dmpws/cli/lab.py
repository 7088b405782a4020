"""`dmpws lab …`: faults, clock, snapshots and reset of a running server of the profiles `local` and `test`."""

import argparse
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

from dmpws import cast
from dmpws.cli import EXIT_USAGE, Failure
from dmpws.cli.journal import Port
from dmpws.config import LABORATORY

_DURATION = re.compile(r"([+-]?)(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s?)?")
_KINDS = ("code", "cut", "corrupt", "duplicate")


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = subparsers.add_parser("lab", help="faults, clock, snapshots and reset of a running test server")
    parser.add_argument("--ops-url", help="operator port (default: http://127.0.0.1 and the configured port)")
    verbs = parser.add_subparsers(dest="lab_verb", required=True, metavar="VERB")
    _add_faults(verbs)

    clock = verbs.add_parser("clock", help="the time at which the server plays; without a verb, show it")
    times = clock.add_subparsers(dest="clock_verb", metavar="VERB")
    freezer = times.add_parser("freeze", help="stand still")
    freezer.add_argument("at", metavar="INSTANT", help="2027-01-01T12:00:00Z")
    shifter = times.add_parser("shift", help="run before or after the real time")
    shifter.add_argument("by", metavar="DURATION", help="400d, 1d12h, 30m or 90s; behind the real time: -- -400d")
    times.add_parser("real", help="show the real time again")
    clock.set_defaults(func=_clock)

    keeper = verbs.add_parser("snapshot", help="keep the state of the server under a name")
    restorer = verbs.add_parser("restore", help="put a kept state back")
    forgetter = verbs.add_parser("forget", help="forget a kept state")
    for one, func in ((keeper, _snapshot), (restorer, _restore), (forgetter, _forget)):
        one.add_argument("name", help="of the state")
        one.set_defaults(func=func)
    verbs.add_parser("snapshots", help="the states that are kept").set_defaults(func=_snapshots)
    resetter = verbs.add_parser("reset", help="as after the first start: seeded state, real time, no faults")
    resetter.add_argument("set", nargs="?", default="cast", help="what is seeded (default: cast)")
    resetter.set_defaults(func=_reset)


def _add_faults(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = verbs.add_parser("faults", help="calls that go wrong on purpose; without a verb, list them")
    parser.set_defaults(func=_list)
    faults = parser.add_subparsers(dest="faults_verb", metavar="VERB")
    adder = faults.add_parser("add", help="set one")
    what = adder.add_mutually_exclusive_group()
    what.add_argument("--code", help="refuse with this code, in the carrier of the transaction")
    what.add_argument("--cut", choices=("before", "amid", "after"), help="cut the connection, as the work is not done, "
                      "in the middle of the answer, or before it, all being done")  # fmt: skip
    what.add_argument("--corrupt", choices=("content", "boundary", "reference"), help="spoil an MTOM answer")
    what.add_argument("--duplicate", action="store_true", help="send the answer twice on the connection")
    adder.add_argument("--delay", type=float, metavar="SECONDS", help="wait before that, or before the true answer")
    adder.add_argument("--text", help="with --code: the sentence of the refusal")
    adder.add_argument("--transaction", help="only these calls, as TD2.1")
    adder.add_argument("--patient", help="only calls on this patient: of the cast, or INS, or INS^OID")
    adder.add_argument("--software", help="only calls of this LPS_Nom or approval number")
    often = adder.add_mutually_exclusive_group()
    often.add_argument("--times", type=int, help="the next so many calls (default: 1); 0 for all")
    often.add_argument("--rate", type=float, help="this part of the calls, until it is cleared: 0.25 is every fourth")
    adder.set_defaults(func=_add)
    clearer = faults.add_parser("clear", help="forget all, or one")
    clearer.add_argument("id", type=int, nargs="?", help="of the one; default: all")
    clearer.set_defaults(func=_clear)


def _port(args: argparse.Namespace) -> Port:
    if not args.ops_url and not args.config.laboratory:
        raise Failure(f"only a server of the profiles {' and '.join(LABORATORY)} has a laboratory", EXIT_USAGE)
    return Port(args.ops_url or f"http://127.0.0.1:{args.config.ops_port}")


def _add(args: argparse.Namespace) -> int:
    names = (*_KINDS, "delay", "text", "transaction", "patient", "software", "times", "rate")
    given = {name: value for name in names if (value := getattr(args, name)) not in (None, False)}
    if known := cast.PATIENTS.get(given.get("patient", "")):
        given["patient"] = f"{known.ins.value}^{known.ins.authority}"
    return _print(args, _port(args).send("POST", "lab/faults", given), lambda fault: [_line(fault)])


def _list(args: argparse.Namespace) -> int:
    return _print(args, _port(args).get("lab/faults"), lambda faults: map(_line, faults))


def _clear(args: argparse.Namespace) -> int:
    page = "lab/faults" if args.id is None else f"lab/faults/{args.id}"
    return _print(args, _port(args).send("DELETE", page), lambda done: [f"{done['deleted']} forgotten"])


def _line(fault: Mapping[str, Any]) -> str:
    """One fault on one line."""
    what = [f"{name} {fault[name]}" for name in _KINDS[:3] if fault[name]]
    what += ["duplicate"] * fault["duplicate"] + [f"delay {fault['delay']:g} s"] * bool(fault["delay"])
    whose = [fault[name] for name in ("transaction", "patient", "software") if fault[name]] or ["every call"]
    often = f"next {fault['times']}" if fault["times"] else f"rate {fault['rate']:g}"
    return f"{fault['id']:>3}  {', '.join(what):<40} {' '.join(whose):<40} {often}; hit {fault['hits']}"


def _clock(args: argparse.Namespace) -> int:
    port = _port(args)
    if args.clock_verb == "freeze":
        shown = port.send("PUT", "lab/clock", {"frozen": args.at})
    elif args.clock_verb == "shift":
        shown = port.send("PUT", "lab/clock", {"shift": _seconds(args.by)})
    elif args.clock_verb == "real":
        shown = port.send("DELETE", "lab/clock")
    else:
        shown = port.get("lab/clock")
    state = "frozen" if shown["frozen"] else f"shifted by {shown['shift']:g} s" if shown["shift"] else "real"
    return _print(args, shown, lambda _: [f"{shown['now']} ({state})"])


def _seconds(text: str) -> int:
    found = _DURATION.fullmatch(text)
    if not found or not any(found.groups()[1:]):
        raise Failure(f"{text!r} is not a duration such as 400d, 1d12h, 30m or 90s", EXIT_USAGE)
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups()[1:])
    return (-1 if found[1] == "-" else 1) * (((days * 24 + hours) * 60 + minutes) * 60 + seconds)


def _snapshot(args: argparse.Namespace) -> int:
    return _print(args, _port(args).send("PUT", f"lab/snapshots/{quote(args.name, safe='')}"), _kept)


def _restore(args: argparse.Namespace) -> int:
    return _print(args, _port(args).send("POST", f"lab/snapshots/{quote(args.name, safe='')}/restore"), _kept)


def _forget(args: argparse.Namespace) -> int:
    done = _port(args).send("DELETE", f"lab/snapshots/{quote(args.name, safe='')}")
    return _print(args, done, lambda _: [f"{args.name} forgotten"])


def _snapshots(args: argparse.Namespace) -> int:
    return _print(args, _port(args).get("lab/snapshots"), lambda kept: (line for one in kept for line in _kept(one)))


def _kept(one: Mapping[str, Any]) -> list[str]:
    return [f"{one['name']:<24} {one['made_at']}  {one['octets']} octets, {one['documents']} documents"]


def _reset(args: argparse.Namespace) -> int:
    return _print(args, _port(args).send("POST", "lab/reset", {"set": args.set}), lambda _: [f"reset to {args.set}"])


def _print(args: argparse.Namespace, value: Any, lines: Any) -> int:
    """What the server answered, as JSON or as the lines made of it."""
    shown: Iterable[str] = [json.dumps(value, ensure_ascii=False)] if args.format == "json" else lines(value)
    for line in shown:
        print(line)
    return 0
