"""`dmpws frame check FILE`: what a frame is, and every rule it keeps or breaks, without a running server."""

import argparse
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from dmpws.cli import EXIT_FAILED, Failure
from dmpws.cli.explain import lines_of
from dmpws.domain.checks import Outcome, Refused
from dmpws.frames.judging import Judgement, judge
from dmpws.frames.reading import read
from dmpws.pki.trust_folder import TrustFolderError


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = subparsers.add_parser("frame", help="judge a frame without a server")
    verbs = parser.add_subparsers(dest="what", required=True)
    check = verbs.add_parser("check", help="every rule, kept or broken; exit status 1 when one is broken")
    check.add_argument("file", type=Path, help="envelope, MIME package, Body, VIHF, CDA or lot signature")
    check.add_argument("--at", metavar="INSTANT", help="judge as of this instant; default: when the VIHF was issued")
    check.add_argument(
        "--dmp",
        choices=("active", "closed", "none"),
        default="",
        help="state of the patient's DMP; default: what suits",
    )
    check.add_argument("--failures", action="store_true", help="show only what is wrong")
    check.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """Print each check; exit status 1 when one failed."""
    try:
        judgement = judge(read(args.file), args.config, at=_instant(args.at), state=args.dmp)
    except OSError as error:
        raise Failure(f"{args.file}: {error.strerror or error}") from None
    except TrustFolderError as error:
        raise Failure(str(error)) from None
    except Refused as refused:  # neither XML nor MIME: there is nothing to look at
        print(f"{args.file}: {refused.message}")
        return EXIT_FAILED
    if args.format == "json":
        rows = [{"section": name, **check.values()} for name, checks in judgement.sections.items() for check in checks]
        print(json.dumps(rows, ensure_ascii=False, indent=2))
    else:
        print("\n".join(report(args.file.name, judgement, only_failures=args.failures)))
    return EXIT_FAILED if judgement.failures else 0


def report(name: str, judgement: Judgement, *, only_failures: bool = False) -> Iterator[str]:
    """The lines of the report."""
    yield f"{name} : {judgement.what}"
    yield f"jugé comme reçu le {judgement.at.astimezone(UTC):%d/%m/%Y à %H:%M:%S} UTC"
    for section, checks in judgement.sections.items():
        shown = [c for c in checks if not only_failures or c.outcome in (Outcome.FAILED, Outcome.WARNED)]
        if shown:
            yield ""
            yield section
            yield from (f"  {line}" for line in lines_of(check.values() for check in shown))
    made = sum(len(checks) for checks in judgement.sections.values())
    failures = judgement.failures
    yield ""
    if failures:
        codes = ", ".join(dict.fromkeys(check.rule.code for check in failures))
        yield f"{len(failures)} règles sur {made} ne sont pas respectées ; le DMP répondrait {codes.partition(', ')[0]}"
    else:
        yield f"{made} règles respectées"


def _instant(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise Failure(f"{text}: an instant is 2026-11-21T12:00:00Z") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
