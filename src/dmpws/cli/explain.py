"""How checks are shown on a terminal, wherever they come from: a server's journal, a token, a frame."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from dmpws.domain.checks import Outcome
from dmpws.domain.errors import CATALOGUE

MARKS = {Outcome.PASSED: "✓", Outcome.FAILED: "✗", Outcome.WARNED: "!", Outcome.SKIPPED: "-"}

_VALUES = {"expected": "attendu", "found": "trouvé", "where": "où", "reference": "référence"}


def lines_of(checks: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """The lines of checks in the form of `Check.values`: a mark, the rule and, for what is wrong, all that is known."""
    for check in checks:
        outcome = Outcome(check["outcome"])
        yield f"{MARKS[outcome]} {check['rule']}  {check['text'] or check['title']}"
        if outcome in (Outcome.FAILED, Outcome.WARNED):
            yield from (f"    {label} : {check[name]}" for name, label in _VALUES.items() if check[name])
        elif seen := "  ".join(check[name] for name in ("where", "found") if check[name]):
            yield f"    {seen}"


def remedies_of(checks: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """What to change, once for each code of the checks that failed (docs/faq.md)."""
    codes = dict.fromkeys(check["code"] for check in checks if check["outcome"] == Outcome.FAILED)
    for code in codes:
        yield code
        yield f"    que changer : {CATALOGUE[code].remedy}"
