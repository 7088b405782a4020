"""`dmpws evidence`: the folders of a rehearsal, ready to be handed in."""

import argparse
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dmpws.cli import EXIT_FAILED, EXIT_USAGE, Failure
from dmpws.cli.conformance_watch import add_rehearsal, board_of, port_of, read
from dmpws.cli.journal import Port
from dmpws.conformance.evidence import NoFrames, write_evidence
from dmpws.conformance.watching import State, counts


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = subparsers.add_parser("evidence", help="one folder per case of a rehearsal: frames, verdict, sheet")
    add_rehearsal(parser)
    parser.add_argument("--out", type=Path, default=Path("preuves"), metavar="DIR", help="default: %(default)s")
    parser.set_defaults(func=run)


class _Journal:
    """Implements dmpws.conformance.evidence.Journal."""

    def __init__(self, port: Port) -> None:
        self._port = port

    def detail(self, exchange: int) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self._port.get(f"journal/{exchange}")
        return found

    def octets(self, exchange: int, direction: str) -> bytes:
        return self._port.octets(f"journal/{exchange}/{direction}")


def run(args: argparse.Namespace) -> int:
    """Write the evidence; exit 0 when no case a server sees is missing, and 1 when one is."""
    board, port = board_of(args), port_of(args)
    read(port, args.since, board)
    positions = board.positions()
    try:
        written = write_evidence(args.out, board.candidacy, positions, _Journal(port), datetime.now(UTC))
    except NoFrames as missing:
        raise Failure(f"rien à remettre : {missing}") from None
    except FileExistsError as taken:
        raise Failure(str(taken), EXIT_USAGE) from None
    counted = counts(positions)
    if args.format == "json":
        print(json.dumps({"folder": str(args.out), "counts": counted, "cut": written.cut}, ensure_ascii=False))
    else:
        print(f"{args.out / 'index.html'}: {written.cases} cases, {written.exchanges} exchanges")
        for name in written.cut:
            print(f"  {name}: the journal kept only the beginning (option journal_message)")
        print("; ".join(f"{state}: {count}" for state, count in counted.items()))
    return EXIT_FAILED if counted[State.MISSING] or counted[State.VIOLATED] else 0
