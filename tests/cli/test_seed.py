"""`dmpws seed`: the cast, and authorisations that have expired."""

import json
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dmpws import cast
from dmpws.app import store_of
from dmpws.cli import main
from dmpws.config import load
from dmpws.domain.authorisation import AuthorisationState, By, Holder, HolderKind, state_of
from dmpws.pki.demo import create

LIBRE = Holder(HolderKind.PERSON, "899900063480")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    assert main(["--data", str(tmp_path), "db", "upgrade"]) == 0
    return tmp_path


def test_a_second_run_changes_nothing(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    for opened in (6, 0):
        assert main(["--data", str(data), "--format", "json", "seed"]) == 0
        assert json.loads(capsys.readouterr().out) == {"opened": opened}


def test_the_plan_comes_on_top_of_the_cast_and_once(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    create(data / "pki", now=datetime.now(UTC))
    assert main(["--data", str(data), "seed"]) == 0
    capsys.readouterr()
    for first in (True, False):
        assert main(["--data", str(data), "--format", "json", "seed", "plan"]) == 0
        done = json.loads(capsys.readouterr().out)
        assert done.keys() == {"opened", "authorisations", "documents"}
        assert all((count > 0) == first for count in done.values())


@pytest.mark.parametrize(("profile", "said"), [("test", "pki init"), ("production", "local and test")])
def test_the_plan_needs_a_laboratory(data: Path, profile: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--data", str(data), "--profile", profile, "seed", "plan"]) == 1
    assert said in capsys.readouterr().err


def test_the_sets_can_be_listed_without_a_database(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--data", str(tmp_path), "--format", "json", "seed", "--list"]) == 0
    listed = {row["key"]: row for row in map(json.loads, capsys.readouterr().out.splitlines())}
    assert listed.keys() == cast.PATIENTS.keys()
    assert listed["conteste"]["sets"] == []
    assert listed["petra"]["sets"] == ["cast", "plan"]
    assert listed["cas14"]["situation"] == ["closed: Fermeture à la demande du patient"]


def test_expire_ends_the_authorisations_of_one_patient(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--data", str(data), "seed"]) == 0
    with closing(store_of(load({"data": str(data)}, environment={}))) as store:
        now = datetime.now(UTC)
        with store.write() as work:
            record = work.patients.find(cast.PATIENTS["petra"].ins)
            assert record is not None
            end = now + timedelta(days=365)
            by = By(LIBRE.identifier)
            work.authorisations.grant(record.id, LIBRE, by=by, now=now, expires_at=end, treating_doctor=False)
        capsys.readouterr()
        assert main(["--data", str(data), "--format", "json", "seed", "expire", "petra"]) == 0
        assert json.loads(capsys.readouterr().out) == {"expired": 1}
        with store.read() as work:
            held = work.authorisations.get(record.id, LIBRE)
        assert state_of(held, datetime.now(UTC)) is AuthorisationState.EXPIRE


@pytest.mark.parametrize(("words", "status"), [(["expire"], 2), (["cast", "petra"], 2), (["expire", "conteste"], 1)])
def test_what_cannot_be_done_is_said(data: Path, words: list[str], status: int) -> None:
    assert main(["--data", str(data), "seed", *words]) == status


def test_tables_that_are_missing_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--data", str(tmp_path), "seed"]) == 1
    assert "db upgrade" in capsys.readouterr().err
