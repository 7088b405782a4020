"""`dmpws patient authorisations`, and taking an authorisation back."""

import json
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from dmpws.app import store_of
from dmpws.cli import main
from dmpws.config import load

CABINET = "499900063480001"


@pytest.fixture
def data(tmp_path: Path, _migrated_sqlite: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    (tmp_path / "dmpws.sqlite").write_bytes(_migrated_sqlite.read_bytes())
    assert main(["--data", str(tmp_path), "seed"]) == 0
    for words in (
        ["authorise", "pat-trois", "899900063480"],
        ["authorise", "pat-trois", CABINET, "--structure"],
        ["block", "pat-trois", "801234534765"],
        ["authorise", "pat-trois", CABINET, "--structure", "--lift"],
    ):
        assert main(["--data", str(tmp_path), "patient", *words, "--by", "dr.hebergeur"]) == 0
    capsys.readouterr()
    return tmp_path


def shown(data: Path, capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    assert main(["--data", str(data), "--format", "json", "patient", "authorisations", *words]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_now_and_then(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = shown(data, capsys, "pat-trois")
    assert [(held["holder"], held["kind"], held["state"], held["name"]) for held in found["authorisations"]] == [
        ("801234534765", "person", "INTERDIT", "CAMPARINI Marcel"),
        ("899900063480", "person", "VALIDE", "LIBRE MAX"),
        (CABINET, "structure", "NON_EXISTE", "CABINET DR LIBRE"),
    ]
    assert [(event["act"], event["holder"]) for event in found["history"]] == [
        ("AJOUT", "899900063480"),
        ("AJOUT", CABINET),
        ("BLOCAGE", "801234534765"),
        ("SUPPRESSION", CABINET),
    ]
    assert {(event["by"], event["capacity"]) for event in found["history"]} == {("operator:dr.hebergeur", "operator")}
    assert found["history"] == sorted(found["history"], key=lambda event: event["at"])


def test_one_holder(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = shown(data, capsys, "pat-trois", CABINET, "--structure")
    assert [event["act"] for event in found["history"]] == ["AJOUT", "SUPPRESSION"]
    assert [held["holder"] for held in found["authorisations"]] == [CABINET]
    assert shown(data, capsys, "pat-trois", CABINET) == {"authorisations": [], "history": []}  # no such person
    assert shown(data, capsys, "nessi") == {"authorisations": [], "history": []}


def test_for_people(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--data", str(data), "patient", "authorisations", "pat-trois", "899900063480"]) == 0
    now, then = capsys.readouterr().out.splitlines()
    assert now == "899900063480 VALIDE LIBRE MAX"
    assert then.split(" ", 1)[1] == "AJOUT 899900063480 operator:dr.hebergeur operator"
    assert main(["--data", str(data), "patient", "authorisations", "conteste"]) == 1


def test_taking_back_what_was_never_given(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--data", str(data), "patient", "authorise", "nessi", "899900063480", "--lift"]) == 0
    assert capsys.readouterr().out == "nessi: 899900063480 no longer authorised, as it was before\n"
    assert shown(data, capsys, "nessi")["history"] == []


def test_a_block_stays_when_what_is_beneath_is_taken_back(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["block", "pat-trois", "899900063480"], ["authorise", "pat-trois", "899900063480", "--lift"]):
        assert main(["--data", str(data), "patient", *words]) == 0
    capsys.readouterr()
    (held,) = shown(data, capsys, "pat-trois", "899900063480")["authorisations"]
    assert held["state"] == "INTERDIT"
    with closing(store_of(load({"data": str(data)}, environment={}))) as store, store.read() as work:
        contents = [json.loads(row.content) for row in work.traces.rows()]
    withdrawn = [content for content in contents if content["transaction"] == "act:withdraw"][-1]
    assert withdrawn["changes"] == [{"what": "authorisation 899900063480", "old": "INTERDIT", "new": "INTERDIT"}]
    looked = contents[-1]
    assert (looked["transaction"], looked["outcome"], looked["holder"]) == (
        "act:authorisations",
        "accepted",
        "899900063480",
    )
