"""What is told of a run: JSON and back, JUnit, and the page for people."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from lxml import etree, html

from dmpws.conformance.reports.junit import to_junit
from dmpws.conformance.reports.page import to_html
from dmpws.conformance.results import RunResult, Verdict, by_transaction, read_json, to_json


def test_json_comes_back_the_same(failed: RunResult, tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    path.write_text(to_json(failed), "utf-8")
    assert read_json(path) == failed


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 2}', '{"format": 1, "cases": [{}]}'])
def test_what_is_no_run_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "other.json"
    path.write_text(text, "utf-8")
    with pytest.raises(ValueError, match=re.escape("other.json: not the JSON of `conformance run`")):
        read_json(path)


def test_junit_counts_what_the_run_counts(failed: RunResult) -> None:
    root = etree.fromstring(to_junit(failed))
    counts = [root.get(name) for name in ("tests", "failures", "errors", "skipped")]
    assert counts == ["4", "1", "0", "2"]
    assert [suite.get("name") for suite in root] == list(by_transaction(failed.cases))
    failure = root.find(".//failure")
    assert failure is not None
    assert "code attendu : <NF> ; reçu : OK" in (failure.text or "")
    names = [case.get("name", "").split()[0] for case in root.iter("testcase")]
    assert names == ["0.1-190", "0.1-050", "0.2-010", "0.2-020"]


def test_junit_takes_any_text(failed: RunResult) -> None:
    bad = replace(failed.cases[1], reason="nul \0, escape \x1b")
    root = etree.fromstring(to_junit(replace(failed, cases=(bad,))))
    assert root.find(".//failure").get("message") == "nul �, escape �"  # type: ignore[union-attr]


def page(run: RunResult) -> html.HtmlElement:
    return html.document_fromstring(to_html(run))


def test_the_page_is_all_there_is(failed: RunResult) -> None:
    text = to_html(failed)
    root = html.document_fromstring(text)
    assert root.get("lang") == "fr"
    assert {element.tag for element in root.iter("*")}.isdisjoint({"script", "link", "img", "iframe", "object"})
    assert all(value.startswith("#") for element in root.iter("a") for value in [element.get("href", "")])
    assert "url(" not in text.split("</style>", maxsplit=1)[0]
    assert "@import" not in text
    assert "default-src 'none'" in text


def test_what_is_to_be_corrected_comes_with_every_reason(failed: RunResult) -> None:
    [case] = (case for case in failed.cases if case.verdict is Verdict.FAILED)
    told = page(failed).xpath("//ul[@class='todo']/li[@class='failed']/p")
    assert [element.text for element in told] == list(case.reasons)
    assert case.why in case.reasons


def test_the_page_is_for_everybody(failed: RunResult) -> None:
    root = page(failed)
    assert len(root.findall(".//h1")) == 1
    ids = [element.get("id") for element in root.iter("*") if element.get("id")]
    assert len(ids) == len(set(ids))
    assert {a.get("href", "")[1:] for a in root.iter("a")} <= set(ids)
    headings = [int(element.tag[1]) for element in root.iter("h1", "h2", "h3", "h4")]
    assert all(after - before <= 1 for before, after in zip([0, *headings], headings, strict=False))
    assert all(cell.get("scope") for cell in root.iter("th"))
    assert all(box.getparent().tag == "label" for box in root.iter("input"))
    marks = [mark.text_content() for mark in root.find_class("mark")]
    assert marks == ["☐ manuel", "– non joué", "✓ réussi", "✗ échec"]  # never by colour alone


def test_the_page_says_what_failed_and_why(failed: RunResult) -> None:
    root = page(failed)
    assert "1 cas sur 2" in root.text_content()
    opened = [case for case in root.find_class("case") if "open" in case.attrib]
    assert [case.find_class("id")[0].text for case in opened] == ["0.2-020"]
    assert "code attendu : <NF> ; reçu : OK" in opened[0].text_content()
    frames = [pre.text_content() for pre in opened[0].iter("pre")]
    assert "PRPA_IN201307UV02" in frames[0]
    assert "PRPA_IN201308UV02" in frames[1]
    assert "Pro Santé Connect" in root.find_class("checklist")[0].text_content()


def test_every_case_is_on_the_page_once(failed: RunResult) -> None:
    shown = [case.find_class("id")[0].text for case in page(failed).find_class("case")]
    assert sorted(shown) == sorted(case.id for case in failed.cases)


@pytest.mark.parametrize(
    ("numbers", "sentence"),
    [
        ([0], "Le serveur donne la réponse attendue dans le cas joué."),
        ([0, 0], "Le serveur donne la réponse attendue dans les 2 cas joués."),
        ([2, 3], "Aucun cas n'a pu être joué."),
    ],
)
def test_the_page_begins_with_the_verdict(failed: RunResult, numbers: list[int], sentence: str) -> None:
    run = replace(failed, cases=tuple(failed.cases[number] for number in numbers))
    assert page(run).find_class("lead")[0].text_content() == sentence
