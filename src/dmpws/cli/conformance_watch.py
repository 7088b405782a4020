"""`dmpws conformance watch` and `coverage`: a rehearsal followed in the journal of a running server, and what the cases
cover."""

import argparse
import json
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from dmpws.cli import EXIT_FAILED, EXIT_UNREACHABLE, EXIT_USAGE, Failure
from dmpws.cli.journal import POLL_SECONDS, Port
from dmpws.conformance import coverage as covering
from dmpws.conformance.candidacy import Candidacy, read_candidacy
from dmpws.conformance.cases import Conformance
from dmpws.conformance.toml import BadFile
from dmpws.conformance.watching import Board, Event, State, counts, heading, lines_of, summary, values

PAGE = 500
"""Exchanges asked for at once."""

Verbs = argparse._SubParsersAction


def add_verbs(verbs: "Verbs[argparse.ArgumentParser]") -> None:
    """Add both verbs to those of `dmpws conformance`."""
    watcher = verbs.add_parser("watch", help="tick cases while a vendor uses its software on a running server")
    add_rehearsal(watcher)
    watcher.add_argument("--once", action="store_true", help="judge what is in the journal and end")
    watcher.set_defaults(func=watch)
    coverer = verbs.add_parser("coverage", help="which cases are played, detected, or left to a person")
    coverer.add_argument("--plan", default="", metavar="VERSION", help="version of the plan (default: the newest)")
    coverer.set_defaults(func=coverage)


def add_rehearsal(parser: argparse.ArgumentParser) -> None:
    """The options by which a rehearsal is found in a journal."""
    parser.add_argument(
        "--plan", type=Path, required=True, metavar="PROFIL.TOML", help="what the vendor is candidate for"
    )
    parser.add_argument("--ops-url", help="operator port (default: http://127.0.0.1 and the configured port)")
    parser.add_argument("--since", help="first instant of reception that counts, 2026-11-21T12:00:00Z")


def watch(args: argparse.Namespace) -> int:
    """Follow the journal until interrupted; exit 0 when every case a server sees is done and none is broken."""
    board = board_of(args)
    port = port_of(args)
    last = read(port, args.since, board)
    if args.once:
        return _end(board, as_json=args.format == "json")
    show = _events_as_json if args.format == "json" else _events_as_text
    if args.format == "text":
        _print(heading(board.candidacy, board.positions()))
        _print(["J'attends les appels du logiciel ; Ctrl-C pour finir et voir chaque cas.", ""])
    try:
        while True:
            for line in _come(port, last, args.since):
                last = line["id"]
                if (event := board.feed(line)) is not None:
                    _print(show(event, board))
            time.sleep(POLL_SECONDS)
    except KeyboardInterrupt:
        return _end(board, as_json=args.format == "json")


def _come(port: Port, last: int, since: str | None) -> list[Mapping[str, Any]]:
    """The exchanges after `last`; none while the server is away: a vendor starts it again, and goes on."""
    try:
        found: list[Mapping[str, Any]] = port.get("journal", after=last, since=since, facts="yes", limit=PAGE)
        return found
    except Failure as away:
        if away.status != EXIT_UNREACHABLE:
            raise
        return []


def board_of(args: argparse.Namespace) -> Board:
    """The board of the vendor's profile. Raises Failure."""
    conformance, candidacy = rehearsal_of(args)
    try:
        return Board(conformance, candidacy)
    except BadFile as bad:
        raise Failure(str(bad), EXIT_USAGE) from None


def rehearsal_of(args: argparse.Namespace) -> tuple[Conformance, Candidacy]:
    """The cases and the vendor's profile. Raises Failure."""
    try:
        conformance = Conformance()
        return conformance, read_candidacy(args.plan, conformance)
    except BadFile as bad:
        raise Failure(str(bad), EXIT_USAGE) from None


def port_of(args: argparse.Namespace) -> Port:
    return Port(args.ops_url or f"http://127.0.0.1:{args.config.ops_port}")


def read(port: Port, since: str | None, board: Board) -> int:
    """Feed what the journal holds, oldest first, and return the number of the last exchange."""
    last = 0
    while lines := port.get("journal", after=last, since=since, facts="yes", limit=PAGE):
        for line in lines:
            board.feed(line)
        last = lines[-1]["id"]
    return last


def _events_as_json(event: Event, _board: Board) -> Iterator[str]:
    yield json.dumps(
        {
            "exchange": event.seen.id,
            "transactions": list(event.seen.transactions),
            "code": event.seen.code,
            "new": [case.id for case in event.new],
            "again": [case.id for case in event.again],
            "violated": [case.id for case in event.broken],
            "near": values(event.near) if event.near else None,
        },
        ensure_ascii=False,
    )


def _events_as_text(event: Event, board: Board) -> Iterator[str]:
    yield from lines_of(event)
    if event.new or event.broken:
        counted = counts(board.positions())
        yield f"  {counted['done']} cas faits, {counted['missing']} restent"


def _end(board: Board, *, as_json: bool) -> int:
    positions = board.positions()
    counted = counts(positions)
    if as_json:
        found: Mapping[str, Any] = {
            "plan": board.candidacy.plan.version,
            "guide": board.candidacy.plan.guide,
            "software": board.candidacy.software,
            "counts": counted,
            "cases": [values(position) for position in positions],
        }
        _print([json.dumps(found, indent=2, ensure_ascii=False)])
    else:
        _print(["", *summary(board.candidacy, positions)])
    return EXIT_FAILED if counted[State.MISSING] or counted[State.VIOLATED] else 0


def coverage(args: argparse.Namespace) -> int:
    """Print the table of the cases of a plan."""
    conformance = Conformance()
    try:
        covered = covering.coverage(conformance, args.plan or max(conformance.plans))
    except BadFile as bad:
        raise Failure(str(bad)) from None
    except KeyError as unknown:
        raise Failure(str(unknown.args[0]), EXIT_USAGE) from None
    if args.format == "json":
        whole = {"counts": covering.counts(covered), "cases": [covering.values(one) for one in covered]}
        _print([json.dumps(whole, indent=2, ensure_ascii=False)])
        return 0
    for one in covered:
        how = [
            name for name, so in (("playable", one.playable), ("detected", one.detected), ("manual", one.manual)) if so
        ]
        print(f"{one.case.id:<14} {one.case.transaction:<7} {', '.join(how):<20} {one.case.title}")
    counted = covering.counts(covered)
    print("; ".join(f"{name}: {count}" for name, count in counted.items()))
    return 0


def _print(lines: Iterable[str]) -> None:
    for line in lines:
        print(line, flush=True)
