"""`dmpws conformance`: what it lists, what it says, and its exit statuses."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from dmpws.cli import main
from dmpws.conformance.cases import Conformance
from dmpws.conformance.results import CaseResult, Part, RunResult, StepResult, Verdict, to_json
from dmpws.pki.demo import DemoPki

DATA = Conformance()


def result(verdict: Verdict, reason: str = "") -> RunResult:
    case = CaseResult(
        "0.2-060",
        "Expirée",
        "TD0.2",
        "commun",
        "TD0.3",
        False,
        (),
        verdict,
        reason,
        "2026-11-21T12:00:00+00:00",
        0,
        (),
        (),
    )
    return RunResult("https://dmp", "2.10c", "2.10", "dmpws", case.started, 1.25, "", (case,))


def test_a_failure_is_told_in_the_server_s_own_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = result(Verdict.FAILED)
    reasons = ("état attendu : AA ; reçu : AE", "DMPClosed: Le DMP est ouvert [ADM-OPEN, DMPWS D11]")
    step = StepResult(Part.STEP, "Test d'existence", "Dr LIBRE", "Cas7", "AA", "AE", reasons, 12.0)
    (tmp_path / "run.json").write_text(to_json(replace(run, cases=(replace(run.cases[0], steps=(step,)),))), "utf-8")
    assert main(["conformance", "report", str(tmp_path / "run.json")]) == 1
    told = capsys.readouterr().out.splitlines()
    assert [line.strip() for line in told[1:3]] == [f"Test d'existence : {reason}" for reason in reasons]


def test_the_list_holds_every_case(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--format", "json", "conformance", "list"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["id"] for row in rows] == list(DATA.cases)
    expired = next(row for row in rows if row["id"] == "0.2-060")
    assert (expired["patient"], expired["expected"], expired["plan"]) == ("Cas7", "AA OK", ["2.10c"])


def test_the_list_is_narrowed_and_names_the_scenarios(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["conformance", "list", "--transaction", "TD0.4", "--profile-of-plan", "consultation"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[:4]] == ["0.4-010", "0.4-015", "0.4-020", "0.4-025"]
    assert lines[5] == "4 cases; scenarios:"
    assert {line.split()[0] for line in lines[6:]} == DATA.scenarios.keys()


def test_two_versions_of_the_plan_are_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(DATA.base, tmp_path / "data")
    plan = tmp_path / "data" / "plans" / "2.10c.toml"
    older = plan.read_text("utf-8").replace('"2.10c"', '"2.9"').replace('"TD3.3b", ', "")
    (tmp_path / "data" / "plans" / "2.9.toml").write_text(older, "utf-8")
    for name, versions in (("0.2-010", '"2.9", "2.10c"'), ("0.2-020", '"2.9"')):
        case = tmp_path / "data" / "cases" / name / "case.toml"
        case.write_text(case.read_text("utf-8").replace('"2.10c"', versions), "utf-8")
    words = ["conformance", "list", "--cases", str(tmp_path / "data"), "--against", "2.9", "--transaction", "TD0.2"]
    assert main(words) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in lines[:7]] == [["+", f"0.2-0{n}0"] for n in range(3, 9)] + [["-", "0.2-020"]]
    assert lines[7:] == ["+ consultation: TD3.3b is mandatory"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["list", "--against", "2.9"], "2.9: no such plan"),
        (["list", "--case", "9.9-*"], "no case 9.9-*"),
        (["list", "--plan", "2.9"], "no such plan; there is 2.10c"),
        (["run", "--scenario", "nothing"], "no scenario nothing"),
        (["report", "nothing.json"], "nothing.json: No such file"),
        (["run", "--html", "nowhere/report.html"], "nowhere/report.html: there is no folder nowhere"),
        (["list", "--cases", "."], "no such plan; there is none in ."),
    ],
)
def test_what_is_not_there_is_a_usage_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    assert main(["--data", str(tmp_path), "conformance", *words]) == 2
    assert said in capsys.readouterr().err


def test_a_folder_of_cases_with_a_mistake_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "cases" / "X").mkdir(parents=True)
    (tmp_path / "cases" / "X" / "case.toml").write_text('id = "X"', "utf-8")
    (tmp_path / "plans").mkdir()
    plan = (DATA.base / "plans" / "2.10c.toml").read_text("utf-8")
    (tmp_path / "plans" / "2.10c.toml").write_text(plan, "utf-8")
    assert main(["conformance", "list", "--cases", str(tmp_path)]) == 2
    assert "X/case.toml: title: missing" in capsys.readouterr().err


def test_without_cards_nothing_is_played(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--data", str(tmp_path), "conformance", "run", "--case", "0.2-010"]) == 1
    assert "dmpws pki init" in capsys.readouterr().err


def test_a_server_that_is_not_there(pki: DemoPki, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["run", "--case", "0.2-010", "--pki", str(pki.folder), "--url", "https://localhost:1/services"]
    assert main(["--data", str(tmp_path), "conformance", *words]) == 3
    assert "https://localhost:1/services" in capsys.readouterr().err


def test_authorities_that_are_no_file(pki: DemoPki, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["run", "--case", "0.2-010", "--pki", str(pki.folder), "--ca", str(tmp_path / "none.pem")]
    assert main(["--data", str(tmp_path), "conformance", *words]) == 2
    assert "none.pem: no file of authorities" in capsys.readouterr().err


def test_an_address_that_is_none(pki: DemoPki, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["run", "--case", "0.2-010", "--pki", str(pki.folder), "--url", "http://localhost/"]
    assert main(["--data", str(tmp_path), "conformance", *words]) == 2
    assert "https" in capsys.readouterr().err


@pytest.mark.parametrize("text", ['Cas99 = "1"', "Cas1 = 1", "Cas1"])
def test_a_file_of_patients_with_a_mistake_is_named(
    pki: DemoPki, tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    file = tmp_path / "patients.toml"
    file.write_text(text, "utf-8")
    words = ["run", "--pki", str(pki.folder), "--patients", str(file)]
    assert main(["--data", str(tmp_path), "conformance", *words]) == 2
    assert "patients.toml: " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("verdict", "status", "line"),
    [
        (Verdict.PASSED, 0, "1 passed, 0 failed, 0 not played, 0 manual in 1.2 s, plan 2.10c"),
        (Verdict.FAILED, 1, "0 passed, 1 failed, 0 not played, 0 manual in 1.2 s, plan 2.10c"),
        (Verdict.MANUAL, 0, "0 passed, 0 failed, 0 not played, 1 manual in 1.2 s, plan 2.10c"),
        (Verdict.NOT_PLAYED, 1, "0 passed, 0 failed, 1 not played, 0 manual in 1.2 s, plan 2.10c"),
    ],
)
def test_a_report_tells_what_the_run_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], verdict: Verdict, status: int, line: str
) -> None:
    file, page, junit = (tmp_path / name for name in ("run.json", "run.html", "run.xml"))
    file.write_text(to_json(result(verdict, "parce que")), "utf-8")
    assert main(["conformance", "report", str(file), "--html", str(page), "--junit", str(junit)]) == status
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == line
    assert ("parce que" in lines[1]) == (verdict in (Verdict.FAILED, Verdict.NOT_PLAYED))
    assert page.read_text("utf-8").startswith("<!doctype html>")
    assert b"<testsuites" in junit.read_bytes()
