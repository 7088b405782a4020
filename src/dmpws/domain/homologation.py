"""Homologation: the file of a product family from its registration to what was decided (DMPWS D201).

What the entrance obeys is the approved software of the directory; a file says how it came to be there.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from dmpws.domain.software import Category, Scope


class Step(StrEnum):
    """What happens to a file."""

    REGISTERED = "registered"
    ASSESSED = "assessed"
    GRANTED = "granted"
    REFUSED = "refused"
    SUSPENDED = "suspended"
    REINSTATED = "reinstated"
    REVOKED = "revoked"


DECISIONS = {
    "grant": Step.GRANTED,
    "refuse": Step.REFUSED,
    "suspend": Step.SUSPENDED,
    "reinstate": Step.REINSTATED,
    "revoke": Step.REVOKED,
}
"""By the word of the command line."""

AFTER: Mapping[Step, frozenset[Step]] = {
    Step.ASSESSED: frozenset(set(Step) - {Step.REVOKED}),
    Step.GRANTED: frozenset({Step.REGISTERED, Step.GRANTED, Step.REINSTATED, Step.REFUSED}),
    Step.REFUSED: frozenset({Step.REGISTERED, Step.REFUSED}),
    Step.SUSPENDED: frozenset({Step.GRANTED, Step.REINSTATED}),
    Step.REINSTATED: frozenset({Step.SUSPENDED}),
    Step.REVOKED: frozenset({Step.GRANTED, Step.REINSTATED, Step.SUSPENDED}),
}
"""The states that a step may follow; an assessment changes none."""

IN_FRENCH = {
    Step.REGISTERED: "en instruction",
    Step.GRANTED: "homologué",
    Step.REINSTATED: "homologué",
    Step.REFUSED: "refusé",
    Step.SUSPENDED: "suspendu",
    Step.REVOKED: "retiré",
}


@dataclass(frozen=True, slots=True)
class Assessment:
    """What a review of the evidence found.

    digest: SHA-256 over the evidence, hexadecimal. plan: version. software: LPS_Nom as the calls said it. done: cases
    that count, with those shown to the reviewer. problems: why the evidence is not complete, in French.
    """

    digest: str
    plan: str
    software: str
    done: tuple[str, ...]
    shown: tuple[str, ...]
    problems: tuple[str, ...]

    @property
    def complete(self) -> bool:
        return not self.problems


@dataclass(frozen=True, slots=True)
class Event:
    """One entry of the history. by: account of the operator. detail: of an assessment, or of what was issued."""

    step: Step
    at: datetime
    by: str
    motive: str
    detail: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class HomologationFile:
    """A product family that asks for approval, or has it.

    key: of the file, `2026-0001`. software: LPS_Nom of its calls. number: approval number, empty before it was issued.
    events: oldest first; the first is the registration.
    """

    key: str
    editor: str
    name: str
    software: str
    category: Category
    scopes: frozenset[Scope]
    number: str = ""
    events: Sequence[Event] = ()

    @property
    def state(self) -> Step:
        """The last step that was no assessment."""
        return next(event.step for event in reversed(self.events) if event.step is not Step.ASSESSED)

    @property
    def assessment(self) -> Event | None:
        """The last review since the file was last refused."""
        for event in reversed(self.events):
            if event.step is Step.ASSESSED:
                return event
            if event.step is Step.REFUSED:
                return None
        return None
