"""Playing one case: its state, its preparation, its steps, and the verdict."""

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from dmpws import cast
from dmpws.client.errors import BadAnswer, ClientError, ServerFault, Unreachable
from dmpws.conformance import document_verbs  # noqa: F401 - adds its verbs
from dmpws.conformance.cases import Assertion, Case, CaseActor, Expected, Kind, Step
from dmpws.conformance.establishing import establish
from dmpws.conformance.observing import failures, mismatches, observe, worded
from dmpws.conformance.play import Known, Play
from dmpws.conformance.recording import Exchange, Message
from dmpws.conformance.results import CaseResult, FrameResult, Part, StepResult, Verdict
from dmpws.conformance.verbs import VERBS, title_of
from dmpws.conformance.world import NotPlayable, World

_INS = re.compile(r"\{ins(?::([^}]+))?\}")
_ANYBODY = "cas1"
_REFUSED_BY_TLS = "connexion refusée par TLS"


def reach(world: World) -> None:
    """Make sure that somebody answers. Raises Unreachable, NotPlayable."""
    lps, _ = world.session(CaseActor())
    with lps:
        try:
            lps.test_existence(cast.PATIENTS[_ANYBODY].ins)
        except (ServerFault, BadAnswer):
            return


def manual(case: Case, world: World) -> CaseResult:
    """The result of a case that nobody plays."""
    return _result(case, world, Verdict.MANUAL, case.reason, [], 0)


def not_played(case: Case, world: World, reason: str) -> CaseResult:
    """The result of a case that was not begun."""
    return _result(case, world, Verdict.NOT_PLAYED, reason, [], 0)


def play_case(case: Case, world: World, documents: dict[str, Known] | None = None) -> CaseResult:
    """Play a case. documents: those of the cases before, when it is part of a scenario.

    Raises Unreachable when the server does not answer at all.
    """
    if case.kind is Kind.MANUAL:
        return manual(case, world)
    taken: list[StepResult] = []
    started = time.perf_counter()
    play = Play(case, world, documents)
    reason = ""
    try:
        verdict = _played(play, taken)
    except NotPlayable as stopped:
        verdict, reason = Verdict.NOT_PLAYED, str(stopped)
    finally:
        play.close()
    return _result(case, world, verdict, reason, taken, (time.perf_counter() - started) * 1000)


def _played(play: Play, taken: list[StepResult]) -> Verdict:
    case = play.case
    for part, steps in ((Part.GIVEN, _given(play)), (Part.PREPARE, _prepared(play))):
        for result in steps:
            taken.append(result)
            if not result.ok:
                raise NotPlayable(f"préparation impossible ({part}) : {result.title} : {result.reasons[0]}")
    for step in case.steps:
        judged = (case.expected,) if step is case.steps[-1] else step.expect
        taken.append(_Step(play, step, Part.STEP, step.actor or case.actor, judged).take())
    return Verdict.PASSED if all(result.ok for result in taken) else Verdict.FAILED


def _given(play: Play) -> Iterator[StepResult]:
    return establish(play, lambda step, who: _Step(play, step, Part.GIVEN, who, ()).take())


def _prepared(play: Play) -> Iterator[StepResult]:
    for step in play.case.prepare:
        yield _Step(play, step, Part.PREPARE, step.actor or play.case.actor, step.expect).take()


@dataclass
class _Step:
    play: Play
    step: Step
    part: Part
    who: CaseActor
    expected: tuple[Expected, ...]
    started: float = field(default_factory=time.perf_counter)

    def take(self) -> StepResult:
        """Make the call and judge the answer. Raises NotPlayable, Unreachable."""
        play, step = self.play, self.step
        lps, person = play.session(self.who), play.patient(step.patient)
        exchanges = play.exchanges(self.who)
        before = len(exchanges)
        play.returned = None
        try:
            play.returned = VERBS[step.call].play(play, lps, person, **step.arguments)
        except ServerFault:
            pass  # judged by what travelled
        except Unreachable as error:
            return self._without_answer(exchanges[before:], error)
        except (ClientError, LookupError, ValueError) as error:  # the kit reads what the interface may say, no more
            return self._result(exchanges[before:], "réponse illisible", (str(error),))
        made = exchanges[before:]
        body = made[-1].answer.body if made else None
        if body is None:
            return self._result(made, "pas de réponse", ("l'étape n'a rien reçu du serveur",))
        found = observe(body)
        assertions = [_filled(play, assertion) for assertion in step.assertions]
        reasons = (*mismatches(self.expected, found), *failures(assertions, body))
        return self._result(made, str(found), reasons)

    def _without_answer(self, made: list[Exchange], error: Unreachable) -> StepResult:
        """A server may refuse a bad card while the connection is opened; one that is gone ends the run."""
        reach(self.play.world)
        if any(one.tls for one in self.expected):
            return self._result(made, _REFUSED_BY_TLS, ())
        return self._result(made, "pas de réponse", (str(error),))

    def _result(self, made: list[Exchange], found: str, reasons: tuple[str, ...]) -> StepResult:
        actor = self.play.session(self.who).actor
        return StepResult(
            part=self.part,
            title=title_of(self.step),
            who=f"{actor.given} {actor.family}".strip() or actor.person,
            patient=self.play.patient(self.step.patient).label,
            expected=worded(self.expected),
            found=found,
            reasons=reasons,
            milliseconds=(time.perf_counter() - self.started) * 1000,
            frames=tuple(map(_frame, made)) if self.part is Part.STEP or reasons else (),
        )


def _filled(play: Play, assertion: Assertion) -> Assertion:
    """`{ins}` is the INS of the case's patient, `{ins:Cas2}` that of another one."""

    def fill(text: str | None) -> str | None:
        return text and _INS.sub(lambda match: play.patient(match[1] or "").ins.value, text)

    return replace(assertion, equals=fill(assertion.equals), contains=fill(assertion.contains))


def _frame(exchange: Exchange) -> FrameResult:
    def shown(message: Message) -> tuple[str, tuple[str, ...]]:
        return message.text, message.attachments

    (request, sent), (answer, received) = shown(exchange.request), shown(exchange.answer)
    return FrameResult(exchange.service, exchange.http_status, request, answer, sent, received)


def _result(
    case: Case, world: World, verdict: Verdict, reason: str, steps: list[StepResult], milliseconds: float
) -> CaseResult:
    return CaseResult(
        id=case.id,
        title=case.title,
        transaction=case.transaction,
        profile=case.profile,
        option=case.option,
        own=case.own,
        references=case.references,
        verdict=verdict,
        reason=reason,
        started=world.clock().isoformat(timespec="seconds"),
        milliseconds=milliseconds,
        steps=tuple(steps),
        checklist=case.checklist,
    )
