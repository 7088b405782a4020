"""The verdict on a lot as it is kept with the evidence: a JSON list of checks."""

import json
from typing import Any

from dmpws.domain.checks import Outcome, Report


def to_json(report: Report) -> str:
    """The checks of a report, in order, without their empty fields."""
    rows = [
        {
            "rule": check.rule.id,
            "reference": check.rule.reference,
            "outcome": check.outcome.value,
            "expected": check.expected,
            "found": check.found,
            "where": check.where,
            "text": check.text,
        }
        for check in report
    ]
    return json.dumps([{k: v for k, v in row.items() if v} for row in rows], ensure_ascii=False)


def outcomes(verdict: str) -> set[tuple[str, Outcome]]:
    """(rule id, outcome) of the checks of a kept verdict.

    Raises ValueError when it is not a verdict that accepts.
    """
    rows: Any = json.loads(verdict)
    if not isinstance(rows, list) or not rows:
        raise ValueError("no checks")
    try:
        found = {(str(row["rule"]), Outcome(row["outcome"])) for row in rows}
    except (KeyError, TypeError) as error:
        raise ValueError("not a check") from error
    if any(outcome is Outcome.FAILED for _, outcome in found):
        raise ValueError("a failed check")
    return found
