"""Rules, checks and refusals: the one vocabulary in which every layer explains a verdict.

A `Rule` is declared once, beside the code that enforces it. Enforcing it gives a `Check`. A `Report` is the
ordered list of checks of one exchange; the failed ones become a `Refused`, which the edge turns into a SOAP
fault, a RegistryError, an acknowledgementDetail or an output/status (dmpws.transactions.carriers).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import NamedTuple

from dmpws.domain.listening import tell


class Outcome(StrEnum):
    """Verdict of one check."""

    PASSED = "passed"
    FAILED = "failed"
    WARNED = "warned"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of the interface.

    id: stable, upper case, unique in the project (`VIHF-ISSUER`).
    title: what must hold, one French sentence without final stop.
    reference: the clause, in the checkable form of CONTRIBUTING (`GI-DMP EX_2.1-1140`, `DMPWS D11`).
    code: key of `dmpws.domain.errors.CATALOGUE` answered when the rule is broken.
    """

    id: str
    title: str
    reference: str
    code: str


class Check(NamedTuple):
    """A rule applied once: what was expected, what was found, and where (XPath, MIME part or file position).

    A call makes up to two hundred: a frozen dataclass takes three times as long to make as a tuple.
    """

    rule: Rule
    outcome: Outcome
    expected: str = ""
    found: str = ""
    where: str = ""
    text: str = ""
    """French sentence that replaces the rule's title in messages, where the DMP has its own wording."""

    @property
    def message(self) -> str:
        """French sentence for the caller: rule, expected and found values, clause."""
        parts = [self.text or self.rule.title]
        if self.expected:
            parts.append(f"attendu : {_short(self.expected)}")
        if self.found:
            parts.append(f"trouvé : {_short(self.found)}")
        return " ; ".join(parts) + f" [{self.rule.id}, {self.rule.reference}]"

    def values(self) -> dict[str, str]:
        """All of it as strings, as it travels in JSON."""
        return {
            "outcome": self.outcome.value,
            "rule": self.rule.id,
            "title": self.rule.title,
            "text": self.text,
            "expected": self.expected,
            "found": self.found,
            "where": self.where,
            "reference": self.rule.reference,
            "code": self.rule.code,
        }


_SHOWN = 400
"""Characters of a value in a message: a caller who sends a megabyte does not get it back with every error."""


def _short(value: str) -> str:
    return value if len(value) <= _SHOWN else f"{value[:_SHOWN]}… ({len(value)} caractères)"


class Refused(Exception):
    """The exchange is refused. `checks` holds at least one failed check; the first gives the code."""

    def __init__(self, *checks: Check) -> None:
        failed = tuple(c for c in checks if c.outcome is Outcome.FAILED)
        if not failed:
            raise ValueError("a refusal needs a failed check")
        self.checks = failed
        super().__init__(failed[0].message)

    @property
    def code(self) -> str:
        return self.checks[0].rule.code

    @property
    def message(self) -> str:
        return self.checks[0].message


def demand(ok: bool, rule: Rule, *, expected: str = "", found: str = "", where: str = "", text: str = "") -> None:
    """Apply one rule at once: raises Refused unless `ok`."""
    if not ok:
        raise refusal(rule, expected=expected, found=found, where=where, text=text)
    tell((Check(rule, Outcome.PASSED, where=where),))  # what was found is worded for the refusal


def refusal(rule: Rule, *, expected: str = "", found: str = "", where: str = "", text: str = "") -> Refused:
    """Build the refusal for one broken rule."""
    return Refused(Check(rule, Outcome.FAILED, expected, found, where, text))


def recoded(refused: Refused, code: Callable[[str], str]) -> Refused:
    """The same refusal with the codes of another interface."""
    return Refused(*(c._replace(rule=replace(c.rule, code=code(c.rule.code))) for c in refused.checks))


@dataclass(slots=True)
class Report:
    """The checks of one exchange, in the order they were made."""

    checks: list[Check] = field(default_factory=list)

    def passed(self, rule: Rule, found: str = "", where: str = "") -> None:
        self.checks.append(Check(rule, Outcome.PASSED, found=found, where=where))

    def skipped(self, rule: Rule, text: str = "") -> None:
        self.checks.append(Check(rule, Outcome.SKIPPED, text=text))

    def warned(self, rule: Rule, *, expected: str = "", found: str = "", where: str = "", text: str = "") -> None:
        self.checks.append(Check(rule, Outcome.WARNED, expected, found, where, text))

    def failed(self, rule: Rule, *, expected: str = "", found: str = "", where: str = "", text: str = "") -> None:
        self.checks.append(Check(rule, Outcome.FAILED, expected, found, where, text))

    def require(
        self, ok: bool, rule: Rule, *, expected: str = "", found: str = "", where: str = "", text: str = ""
    ) -> bool:
        """Record the rule as passed or failed and return `ok`."""
        outcome = Outcome.PASSED if ok else Outcome.FAILED
        self.checks.append(Check(rule, outcome, expected, found, where, text))
        return ok

    @property
    def failures(self) -> tuple[Check, ...]:
        return tuple(c for c in self.checks if c.outcome is Outcome.FAILED)

    @property
    def ok(self) -> bool:
        return not self.failures

    def raise_failures(self) -> None:
        """Close the report: raise `Refused` with every failed check, if there is one."""
        tell(self.checks)
        if failures := self.failures:
            raise Refused(*failures)

    def __iter__(self) -> Iterator[Check]:
        return iter(self.checks)
