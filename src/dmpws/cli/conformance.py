"""`dmpws conformance list|run|report`: the cases of the test plan, played against any server.

Its verbs `watch` and `coverage` are those of dmpws.cli.conformance_watch.
"""

import argparse
import json
from contextlib import ExitStack, closing
from pathlib import Path

from dmpws import cast
from dmpws.app import SERVICES_PATH, clock_of, store_of
from dmpws.cli import EXIT_FAILED, EXIT_UNREACHABLE, EXIT_USAGE, Failure, conformance_watch
from dmpws.cli.desk import ins_of
from dmpws.client import Unreachable
from dmpws.client.transport import HttpsTransport
from dmpws.conformance.cases import BadFile, Case, Conformance, Profile
from dmpws.conformance.laboratory import laboratory
from dmpws.conformance.playing import reach
from dmpws.conformance.reports.junit import to_junit
from dmpws.conformance.reports.page import to_html
from dmpws.conformance.results import CaseResult, RunResult, Verdict, read_json, to_json
from dmpws.conformance.running import NothingChosen, choose, run, run_scenario
from dmpws.conformance.toml import Table
from dmpws.conformance.world import NotPlayable, World
from dmpws.domain.patient import Ins
from dmpws.pki.demo import open_pki
from dmpws.seed.feeding import SeedRefused
from dmpws.seed.sets import SETS
from dmpws.store import Store, migrate
from dmpws.transactions.ports import StorageError

PLAN = "2.10c"
_MARKS = {Verdict.PASSED: "✓", Verdict.FAILED: "✗", Verdict.NOT_PLAYED: "–", Verdict.MANUAL: "☐"}
_WORDS = {
    Verdict.PASSED: "passed",
    Verdict.FAILED: "failed",
    Verdict.NOT_PLAYED: "not played",
    Verdict.MANUAL: "manual",
}


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = subparsers.add_parser("conformance", help="the cases of the test plan: played, reported, watched")
    verbs = parser.add_subparsers(dest="what", required=True)
    lister = verbs.add_parser("list", help="the cases of a plan, and the scenarios")
    _add_choice(lister)
    lister.add_argument("--against", metavar="VERSION", help="only what another version of the plan has not, and back")
    lister.set_defaults(func=_list)

    player = verbs.add_parser("run", help="play cases against a server; exit status 1 when one fails")
    _add_choice(player)
    player.add_argument("--scenario", metavar="NAME", help="play the cases of a scenario, in its order")
    player.add_argument("--url", help="base of the services (default: the configured host and port)")
    player.add_argument("--pki", type=Path, help="folder of the cards (default: the demo PKI of the data folder)")
    player.add_argument("--ca", type=Path, help="authorities of the server (default: those of the demo PKI)")
    player.add_argument(
        "--patients", type=Path, metavar="FILE", help='TOML of the INS that patients have there: Cas1 = "INS^OID"'
    )
    player.add_argument(
        "--approval-number", default="", metavar="NUMBER", help="approval number of the software that plays"
    )
    player.add_argument("--jobs", type=int, default=4, metavar="N", help="connections at once (default: %(default)s)")
    player.add_argument(
        "--prepare",
        action="store_true",
        help="the server is mine: load the patients of the plan, and expire or block, in the configured database",
    )
    _add_reports(player)
    player.add_argument("--json", type=Path, metavar="FILE", help="write everything, frames included")
    player.set_defaults(func=_run)

    reporter = verbs.add_parser("report", help="other reports of a run, from its JSON")
    reporter.add_argument("file", type=Path, help="what `run --json` wrote")
    _add_reports(reporter)
    reporter.set_defaults(func=_report)
    conformance_watch.add_verbs(verbs)


def _add_choice(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--plan", default=PLAN, metavar="VERSION", help="version of the plan (default: %(default)s)")
    parser.add_argument("--case", action="append", default=[], metavar="ID", help="a case, or a pattern as 0.2-*")
    parser.add_argument("--transaction", action="append", default=[], metavar="CODE", help="only these, as TD2.1")
    parser.add_argument(
        "--profile-of-plan", action="append", default=[], choices=[p.value for p in Profile], help="only these profiles"
    )
    parser.add_argument("--cases", type=Path, metavar="DIR", help="another folder of plans, cases and scenarios")


def _add_reports(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--junit", type=Path, metavar="FILE", help="write a report for a build server")
    parser.add_argument("--html", type=Path, metavar="FILE", help="write a report for people, in French")


def _chosen(args: argparse.Namespace) -> tuple[Conformance, list[Case]]:
    try:
        data = Conformance(args.cases)
        profiles = [Profile(name) for name in args.profile_of_plan]
        return data, choose(data, args.plan, cases=args.case, transactions=args.transaction, profiles=profiles)
    except (BadFile, NothingChosen) as error:
        raise Failure(str(error), EXIT_USAGE) from None
    except KeyError as error:
        raise Failure(str(error.args[0]), EXIT_USAGE) from None


def _list(args: argparse.Namespace) -> int:
    data, cases = _chosen(args)
    if args.against is not None:
        return _compare(args, data, cases)
    for case in cases:
        if args.format == "json":
            row = {
                "id": case.id,
                "transaction": case.transaction,
                "title": case.title,
                "profile": case.profile,
                "option": case.option,
                "kind": case.kind,
                "plan": case.plans,
                "guide": case.guide or data.plans[args.plan].guide,
                "patient": case.given.patient,
                "expected": " ".join(filter(None, (case.expected.status, case.expected.code))),
            }
            print(json.dumps(row, ensure_ascii=False))
        else:
            print(f"{case.id:<15} {case.transaction:<7} {case.kind:<9} {case.profile:<16} {case.title}")
    if args.format == "text":
        print(f"\n{len(cases)} cases; scenarios:")
        for scenario in data.scenarios.values():
            print(f"  {scenario.name:<20} {len(scenario.cases):>2} cases  {scenario.title}")
    return 0


def _compare(args: argparse.Namespace, data: Conformance, cases: list[Case]) -> int:
    """What one version has and the other has not: + of --plan, - of --against."""
    if args.against not in data.plans:
        raise Failure(f"{args.against}: no such plan; there is {', '.join(data.plans)}", EXIT_USAGE)
    new = [case for case in cases if not case.own and args.against not in case.plans]
    gone = [case for case in data.of_plan(args.against) if not case.own and args.plan not in case.plans]
    for sign, case in (*(("+", case) for case in new), *(("-", case) for case in gone)):
        print(f"{sign} {case.id:<15} {case.transaction:<7} {case.title}")
    for profile, here in data.plans[args.plan].profiles.items():
        there = data.plans[args.against].profiles.get(profile)
        before = set(there.mandatory) if there else set()
        for sign, codes in (("+", set(here.mandatory) - before), ("-", before - set(here.mandatory))):
            for code in sorted(codes):
                print(f"{sign} {profile}: {code} is mandatory")
    return 0


def _run(args: argparse.Namespace) -> int:
    """Play, say how it goes, write the reports."""
    data, cases = _chosen(args)
    _require_folders(args.json, args.junit, args.html)
    if args.scenario and args.scenario not in data.scenarios:
        raise Failure(f"no scenario {args.scenario}; there is {', '.join(data.scenarios)}", EXIT_USAGE)
    url = args.url or f"https://localhost:{args.config.port}{SERVICES_PATH}"
    plan, say = data.plans[args.plan], _say_json if args.format == "json" else _say
    with ExitStack() as opened:
        world = _world(args, url)
        if args.prepare:
            _prepare(args, world, opened.enter_context(closing(store_of(args.config))))
        try:
            _reach(world)
            if args.scenario:
                result = run_scenario(data.scenarios[args.scenario], data, world, url=url, plan=plan, say=say)
            else:
                result = run(cases, world, url=url, plan=plan, jobs=args.jobs, say=say)
        except Unreachable as error:
            raise Failure(str(error), EXIT_UNREACHABLE) from None
        except NotPlayable as error:
            raise Failure(str(error)) from None
    if args.json:
        args.json.write_text(to_json(result), "utf-8")
    _write(args, result)
    return _end(args, result)


def _require_folders(*files: Path | None) -> None:
    """Before the cases are played, not after."""
    for file in files:
        if file is not None and not file.absolute().parent.is_dir():
            raise Failure(f"{file}: there is no folder {file.parent}", EXIT_USAGE)


def _identities(args: argparse.Namespace) -> dict[str, Ins]:
    if args.patients is None:
        return {}
    try:
        table = Table.load(args.patients)
        numbers = table.rest()
    except BadFile as error:
        raise Failure(str(error), EXIT_USAGE) from None
    for number, text in numbers.items():
        if number not in cast.BY_CASE or not isinstance(text, str):
            raise Failure(f"{args.patients}: {number}: not a patient of the plan and his INS", EXIT_USAGE)
    return {number: ins_of(args.config, text) for number, text in numbers.items()}


def _prepare(args: argparse.Namespace, world: World, store: Store) -> None:
    try:
        migrate.require_current(store.database.engine)
        SETS["plan"](args.config, store, world.clock())
    except (StorageError, SeedRefused) as error:
        raise Failure(str(error)) from None
    laboratory(store, world)


def _reach(world: World) -> None:
    try:
        reach(world)
    except ValueError as error:  # not an https address
        raise Failure(str(error), EXIT_USAGE) from None


def _world(args: argparse.Namespace, url: str) -> World:
    try:
        pki = open_pki(args.pki or args.config.pki_folder)
        ca = args.ca or pki.ca_file
        if not ca.is_file():
            raise Failure(f"{ca}: no file of authorities", EXIT_USAGE)
        # Whoever trusts nothing but the certificate of the card itself trusts no server.
        return World(
            pki,
            lambda card: HttpsTransport(url, card, ca),
            clock_of(args.config),
            identities=_identities(args),
            approval=args.approval_number,
            distrust=lambda card: HttpsTransport(url, card, card.sign_certificate_file),
        )
    except FileNotFoundError as error:
        raise Failure(f"no cards: {error}; run `dmpws pki init` first") from None


def _say(result: CaseResult, done: int, count: int) -> None:
    time = f"{result.milliseconds:5.0f} ms" if result.steps else " " * 8
    head = f"{done:>3}/{count} {_MARKS[result.verdict]} {result.id:<14} {result.transaction:<6} {time}  {result.title}"
    told = result.reasons if result.verdict in (Verdict.FAILED, Verdict.NOT_PLAYED) else ()
    _print_line("\n        ".join((head, *told)))


def _say_json(result: CaseResult, _done: int, _count: int) -> None:
    row = {
        "id": result.id,
        "transaction": result.transaction,
        "verdict": result.verdict,
        "milliseconds": round(result.milliseconds, 1),
        "why": result.why,
    }
    _print_line(json.dumps(row, ensure_ascii=False))


def _print_line(text: str) -> None:
    """In one write: cases are told by the threads that play them."""
    print(f"{text}\n", end="", flush=True)


def _report(args: argparse.Namespace) -> int:
    _require_folders(args.junit, args.html)
    try:
        result = read_json(args.file)
    except ValueError as error:
        raise Failure(str(error), EXIT_USAGE) from None
    if args.format == "text":
        for number, case in enumerate(result.cases, 1):
            _say(case, number, len(result.cases))
    _write(args, result)
    return _end(args, result)


def _write(args: argparse.Namespace, result: RunResult) -> None:
    if args.junit:
        args.junit.write_bytes(to_junit(result))
    if args.html:
        args.html.write_text(to_html(result), "utf-8")


def _end(args: argparse.Namespace, result: RunResult) -> int:
    counts = {verdict: result.count(verdict) for verdict in Verdict}
    if args.format == "json":
        print(json.dumps({**{v.value: n for v, n in counts.items()}, "seconds": round(result.duration, 1)}))
    else:
        told = ", ".join(f"{count} {_WORDS[verdict]}" for verdict, count in counts.items())
        print(f"\n{told} in {result.duration:.1f} s, plan {result.plan}")
        if counts[Verdict.NOT_PLAYED] and not getattr(args, "prepare", True):
            print("On a server of yours, --prepare brings the patients of the plan into the state the cases need.")
    return 0 if result.ok else EXIT_FAILED
