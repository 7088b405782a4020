"""JUnit XML: a test suite for each transaction, a test case for each case."""

import re
from collections.abc import Sequence

from lxml import etree
from lxml.builder import E

from dmpws.conformance.results import CaseResult, RunResult, Verdict, by_transaction

_NOT_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def to_junit(run: RunResult) -> bytes:
    """Write a run; what was not played is skipped, with its reason."""
    suites = E.testsuites(name=f"{run.scenario or 'DMP'} {run.plan}", time=f"{run.duration:.3f}", **_counts(run.cases))
    for transaction, cases in by_transaction(run.cases).items():
        suite = E.testsuite(name=transaction, timestamp=run.started, time=_seconds(*cases), **_counts(cases))
        suite.append(E.properties(E.property(name="url", value=run.url), E.property(name="guide", value=run.guide)))
        suite.extend(map(_case, cases))
        suites.append(suite)
    octets: bytes = etree.tostring(suites, xml_declaration=True, encoding="UTF-8", pretty_print=True)
    return octets


def _case(case: CaseResult) -> etree._Element:
    element = E.testcase(name=f"{case.id} {case.title}", classname=case.transaction, time=_seconds(case))
    if case.verdict is Verdict.FAILED:
        said = (f"{step.title} : {reason}" for step in case.steps for reason in step.reasons)
        element.append(E.failure(_clean("\n".join(said)), message=_clean(case.why), type=Verdict.FAILED))
    elif case.verdict is not Verdict.PASSED:
        element.append(E.skipped(message=_clean(case.why)))
    return element


def _counts(cases: Sequence[CaseResult]) -> dict[str, str]:
    verdicts = [case.verdict for case in cases]
    skipped = verdicts.count(Verdict.NOT_PLAYED) + verdicts.count(Verdict.MANUAL)
    return {
        "tests": str(len(verdicts)),
        "failures": str(verdicts.count(Verdict.FAILED)),
        "errors": "0",
        "skipped": str(skipped),
    }


def _seconds(*cases: CaseResult) -> str:
    return f"{sum(case.milliseconds for case in cases) / 1000:.3f}"


def _clean(text: str) -> str:
    return _NOT_XML.sub("�", text)
