"""How each case is covered: played by the runner, recognised in a journal, or looked at by somebody."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dmpws.conformance.cases import Case, Conformance, Kind, Plan, Profile
from dmpws.conformance.detection import Detector, detectors
from dmpws.conformance.predicates import PREDICATES

HOW = {True: "yes", False: "–"}


@dataclass(frozen=True, slots=True)
class Covered:
    """playable: the client kit plays it, and the runner judges the answer. detected: the journal shows it. to_show:
    what somebody looks at, in French; all there is of a case that is neither."""

    case: Case
    playable: bool
    detected: bool
    guarded: bool
    """The journal shows when the software does what the case forbids."""
    to_show: tuple[str, ...]

    @property
    def manual(self) -> bool:
        """In a rehearsal, only a person can tell."""
        return not self.detected


def coverage(conformance: Conformance, plan: str) -> list[Covered]:
    """Every case of a version of the plan, and ours. Raises BadFile, or KeyError when there is no such plan."""
    known = detectors(conformance)
    return [_covered(case, known.get(case.id)) for case in conformance.of_plan(plan)]


def _covered(case: Case, detector: Detector | None) -> Covered:
    forbidden = detector is not None and detector.forbidden
    unseen = detector.unseen if detector else ()
    return Covered(
        case, case.kind is Kind.PLAYABLE, detector is not None and not forbidden, forbidden, (*unseen, *case.checklist)
    )


def counts(covered: Iterable[Covered]) -> dict[str, int]:
    """How many cases are covered how; a case may be both playable and detected."""
    cases = list(covered)
    return {
        "cases": len(cases),
        "playable": sum(c.playable for c in cases),
        "detected": sum(c.detected for c in cases),
        "manual": sum(c.manual for c in cases),
    }


def values(covered: Covered) -> dict[str, Any]:
    """As JSON values."""
    case = covered.case
    return {
        "id": case.id,
        "title": case.title,
        "transaction": case.transaction,
        "profile": str(case.profile),
        "option": case.option,
        "playable": covered.playable,
        "detected": covered.detected,
        "manual": covered.manual,
        "to_show": list(covered.to_show),
    }


def table(covered: Sequence[Covered]) -> list[str]:
    """A Markdown table of cases."""
    lines = ["| Case | Title | Transaction | Profile | Option | Playable | Detected | To show |"]
    lines.append("|---|---|---|---|---|---|---|---|")
    for one in covered:
        case = one.case
        detected = "forbidden" if one.guarded else HOW[one.detected]
        cells = (
            case.id,
            case.title,
            case.transaction,
            case.profile,
            case.option or "–",
            HOW[one.playable],
            detected,
            "; ".join(one.to_show) or ("everything" if one.manual else "–"),
        )
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def page(conformance: Conformance) -> list[str]:
    """The reference page on every plan, as Markdown lines without the title."""
    lines = [
        "Playable: the client kit plays the LPS, and the answer must be the official one (`dmpws conformance run`).",
        "Detected: the journal of a server shows that a software has performed the case (`dmpws conformance watch`).",
        "Forbidden: the software must not call, and the journal shows when it did. To show: what no server sees, and",
        "somebody looks at; in French, as the tools print it.",
    ]
    for plan in conformance.plans.values():
        lines += ["", *_of_plan(plan, coverage(conformance, plan.version))]
    return [*lines, "", "## Predicates", "", *_predicates()]


def _predicates() -> list[str]:
    """The vocabulary of `detect.toml`, each by the first line of its description."""
    lines = ["What a `detect.toml` may want of an exchange ([format](conformance-cases.md)).", ""]
    lines += ["| Predicate | Wants |", "|---|---|"]
    for predicate in PREDICATES.values():
        description = (predicate.judge.__doc__ or "").strip().splitlines()[0]
        lines.append(f"| `{predicate.name}` | {description} |")
    return lines


def _of_plan(plan: Plan, covered: Sequence[Covered]) -> list[str]:
    national = [one for one in covered if not one.case.own]
    ours = [one for one in covered if one.case.own]
    lines = [f"## {plan.title}, version {plan.version} (guide {plan.guide})", "", *_counted(national, ours), ""]
    lines += ["### Profiles", "", *_profiles(plan, covered), "", "### Cases of the plan", "", *table(national)]
    return [*lines, "", "### Cases of this project", "", *table(ours)]


def _counted(national: Sequence[Covered], ours: Sequence[Covered]) -> list[str]:
    lines = ["| | Cases | Playable | Detected | Manual |", "|---|---|---|---|---|"]
    rows: Mapping[str, Sequence[Covered]] = {"Plan": national, "This project": ours}
    for name, cases in rows.items():
        lines.append(f"| {' | '.join((name, *map(str, counts(cases).values())))} |")
    return lines


def _profiles(plan: Plan, covered: Sequence[Covered]) -> list[str]:
    """Which transactions a product of each profile must have, and which cases try them."""
    lines = ["| Profile | Mandatory transactions | Cases |", "|---|---|---|"]
    for profile, described in plan.profiles.items():
        own = sum(one.case.profile is profile for one in covered)
        common = sum(one.case.profile is Profile.COMMON for one in covered)
        cases = f"{own}, and {common} common ones"
        lines.append(f"| {described.title} | {', '.join(described.mandatory)} | {cases} |")
    return lines
