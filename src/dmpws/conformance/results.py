"""What came of playing cases: plain values, written to JSON and read back for other reports."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from dmpws.conformance.cases import natural


class Verdict(StrEnum):
    """Of a case."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_PLAYED = "not-played"
    """The state it needs cannot be had here, or a card is missing."""
    MANUAL = "manual"


class Part(StrEnum):
    """What a step is for."""

    GIVEN = "given"
    """Making sure of the state, or bringing it about."""
    PREPARE = "prepare"
    STEP = "step"


@dataclass(frozen=True, slots=True)
class FrameResult:
    """An exchange, for people. attachments: a line for each."""

    service: str
    http_status: int
    request: str
    answer: str
    request_attachments: tuple[str, ...] = ()
    answer_attachments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StepResult:
    """One step. expected, found: in words; reasons: why it is not good, in French. frames: what travelled."""

    part: Part
    title: str
    who: str
    patient: str
    expected: str
    found: str
    reasons: tuple[str, ...]
    milliseconds: float
    frames: tuple[FrameResult, ...] = ()

    @property
    def ok(self) -> bool:
        return not self.reasons


@dataclass(frozen=True, slots=True)
class CaseResult:
    """One case. reason: why it was not played, or why nobody can play it. started: ISO 8601."""

    id: str
    title: str
    transaction: str
    profile: str
    option: str
    own: bool
    references: tuple[str, ...]
    verdict: Verdict
    reason: str
    started: str
    milliseconds: float
    steps: tuple[StepResult, ...]
    checklist: tuple[str, ...]

    @property
    def why(self) -> str:
        """The first thing to read when it did not pass."""
        return next(self.reasons, "")

    @property
    def reasons(self) -> Iterator[str]:
        """All there is to read when it did not pass, with the server's own words."""
        if self.reason:
            yield self.reason
        elif bad := next((step for step in self.steps if not step.ok), None):
            yield from (f"{bad.title} : {reason}" for reason in bad.reasons)


@dataclass(frozen=True, slots=True)
class RunResult:
    """A whole run. plan: version. started: ISO 8601. duration: seconds. scenario: its name, when it was one."""

    url: str
    plan: str
    guide: str
    kit: str
    started: str
    duration: float
    scenario: str
    cases: tuple[CaseResult, ...]

    def count(self, verdict: Verdict) -> int:
        """How many cases came out so."""
        return sum(case.verdict is verdict for case in self.cases)

    @property
    def ok(self) -> bool:
        """Nothing that was played failed, and something was when something could be."""
        return not self.count(Verdict.FAILED) and bool(self.count(Verdict.PASSED) or not self.count(Verdict.NOT_PLAYED))


def to_json(run: RunResult) -> str:
    """Write a run."""
    return json.dumps({"format": 1, **asdict(run)}, ensure_ascii=False, indent=1)


def read_json(path: Path) -> RunResult:
    """Read a run. Raises ValueError naming the file when it is not one."""
    try:
        content = json.loads(path.read_text("utf-8"))
        if content.pop("format") != 1:
            raise ValueError("another format")
        return _run(content)
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror}") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path}: not the JSON of `conformance run` ({type(error).__name__}: {error})") from None


def _run(content: dict[str, Any]) -> RunResult:
    return RunResult(**{**content, "cases": tuple(_case(case) for case in content["cases"])})


def _case(content: Mapping[str, Any]) -> CaseResult:
    steps = tuple(_step(step) for step in content["steps"])
    lists = {key: tuple(content[key]) for key in ("references", "checklist")}
    return CaseResult(**{**content, **lists, "verdict": Verdict(content["verdict"]), "steps": steps})


def _step(content: Mapping[str, Any]) -> StepResult:
    frames = tuple(
        FrameResult(**{**f, **{key: tuple(f[key]) for key in ("request_attachments", "answer_attachments")}})
        for f in content["frames"]
    )
    reasons = tuple(content["reasons"])
    return StepResult(**{**content, "part": Part(content["part"]), "reasons": reasons, "frames": frames})


def by_transaction(cases: Iterable[CaseResult]) -> Mapping[str, Sequence[CaseResult]]:
    """The cases of each transaction, TD0.9 before TD0.10, what is no transaction last."""
    groups: dict[str, list[CaseResult]] = {}
    for case in cases:
        groups.setdefault(case.transaction, []).append(case)
    return dict(sorted(groups.items(), key=lambda group: (not group[0].startswith("TD"), natural(group[0]))))
