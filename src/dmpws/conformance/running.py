"""Playing many cases: which ones, in what order, how many at a time."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from datetime import datetime
from fnmatch import fnmatchcase

from dmpws import __version__
from dmpws.conformance.cases import Case, Conformance, Kind, Plan, Profile, Scenario
from dmpws.conformance.play import Known
from dmpws.conformance.playing import manual, not_played, play_case
from dmpws.conformance.results import CaseResult, RunResult, Verdict
from dmpws.conformance.world import World

Say = Callable[[CaseResult, int, int], None]
"""Told of each case as it ends: its result, how many ended, how many there are."""


class NothingChosen(ValueError):
    """No case is what was asked for; the message names what is not there."""


def choose(
    data: Conformance,
    plan: str,
    *,
    cases: Sequence[str] = (),
    transactions: Sequence[str] = (),
    profiles: Sequence[Profile] = (),
) -> list[Case]:
    """The cases of a plan that have all of what is asked: one of these identifiers (patterns), transactions, profiles.

    Raises NothingChosen, KeyError when there is no such plan.
    """
    chosen = list(data.of_plan(plan))
    for pattern in cases:
        if not any(fnmatchcase(case.id, pattern) for case in chosen):
            raise NothingChosen(f"no case {pattern} in the plan {plan}")
    for code in transactions:
        if not any(case.transaction == code for case in chosen):
            raise NothingChosen(f"no case of transaction {code} in the plan {plan}")
    chosen = [case for case in chosen if not cases or any(fnmatchcase(case.id, pattern) for pattern in cases)]
    chosen = [case for case in chosen if not transactions or case.transaction in transactions]
    chosen = [case for case in chosen if not profiles or case.profile in profiles]
    if not chosen:
        raise NothingChosen("no case has all that is asked for")
    return chosen


def run(
    cases: Iterable[Case],
    world: World,
    *,
    url: str,
    plan: Plan,
    jobs: int = 1,
    say: Say = lambda _result, _done, _all: None,
) -> RunResult:
    """Play cases, those that share a patient one after the other, the others at the same time.

    jobs: connections used at once. Raises Unreachable when the server stops answering.
    """
    cases = list(cases)
    started, clock = world.clock(), time.perf_counter()
    results: dict[str, CaseResult] = {}

    def ended(result: CaseResult) -> None:
        results[result.id] = result
        say(result, len(results), len(cases))

    for case in cases:
        if case.kind is Kind.MANUAL:
            ended(manual(case, world))
    chains = list(_chains(case for case in cases if case.kind is Kind.PLAYABLE))
    with ThreadPoolExecutor(max_workers=max(1, jobs)) as pool:
        # Longest first: what remains at the end is short.
        futures = [pool.submit(_play_chain, chain, world, ended) for chain in sorted(chains, key=len, reverse=True)]
        try:
            for future in as_completed(futures):
                future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return _result(url, plan, started, clock, [results[case.id] for case in cases])


def _play_chain(chain: Sequence[Case], world: World, ended: Callable[[CaseResult], None]) -> None:
    for case in chain:
        ended(play_case(case, world))


def _chains(cases: Iterable[Case]) -> Iterator[list[Case]]:
    """The cases in groups that have no patient in common; a case whose patient is made up is alone."""
    groups: list[tuple[set[str], list[Case]]] = []
    for case in cases:
        patients = _patients(case) or {f"new patient of {case.id}"}
        same = [group for group in groups if group[0] & patients]
        merged = [member for _, members in same for member in members]
        groups = [group for group in groups if group not in same]
        groups.append((patients.union(*(names for names, _ in same)), [*merged, case]))
    return (members for _, members in groups)


def _patients(case: Case) -> set[str]:
    steps = (*case.prepare, *case.steps)
    return {case.given.patient, *(step.patient for step in steps)} - {""}


def run_scenario(
    scenario: Scenario,
    data: Conformance,
    world: World,
    *,
    url: str,
    plan: Plan,
    say: Say = lambda _result, _done, _all: None,
) -> RunResult:
    """Play the cases of a scenario in its order, the documents of one known to the next, up to the first that fails.

    Raises Unreachable.
    """
    started, clock = world.clock(), time.perf_counter()
    documents: dict[str, Known] = {}
    results: list[CaseResult] = []
    stopped = ""
    for name in scenario.cases:
        case = data.cases[name]
        if stopped:
            result = not_played(case, world, f"le scénario s'est arrêté à {stopped}")
        else:
            result = play_case(case, world, documents)
        if result.verdict is not Verdict.PASSED:
            stopped = stopped or name
        results.append(result)
        say(result, len(results), len(scenario.cases))
    return _result(url, plan, started, clock, results, scenario.title)


def _result(
    url: str, plan: Plan, started: datetime, clock: float, cases: Iterable[CaseResult], scenario: str = ""
) -> RunResult:
    return RunResult(
        url=url,
        plan=plan.version,
        guide=plan.guide,
        kit=f"dmpws {__version__}",
        started=started.isoformat(timespec="seconds"),
        duration=time.perf_counter() - clock,
        scenario=scenario,
        cases=tuple(cases),
    )
