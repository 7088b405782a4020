"""The data of `conformance/`: read strictly, complete, and in agreement with the public table of the plan."""

import csv
import re
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from dmpws.conformance.cases import BadFile, Case, Conformance, Kind, Outcome, Profile, Who
from dmpws.domain.errors import CATALOGUE
from dmpws.transactions import load
from dmpws.transactions.registry import Interface, transactions

DATA = Conformance()
PLAN = DATA.plans["2.10c"]
REFERENCES = re.compile(
    r"DMP-CDT (\d\.\d+[a-d]?-\d{3}|TNR-\d\d|LDRM-\d\d)|GI-DMP (EX|REC)_[A-Z0-9.]+-\d+|PDT-INF-\d{3}|DMP-FRAME TD\d\.\d+"
    r"|DMP-WSDL \w+|DMP-CLIENT|ITI TF-2 [\d.]+|DMPWS D\d+"
)
CASE = """\
id = "1.3a-010"
title = "Lire"
transaction = "TD1.3a"
plan = ["2.10c"]
profile = "commun"
references = ["DMP-CDT 1.3a-010"]
kind = "playable"
[expected]
status = "AA"
[[steps]]
call = "read_administrative_data"
"""


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str], Conformance]:
    """Makes a folder that has the plan and one case with this text."""

    def writing(text: str) -> Conformance:
        (tmp_path / "plans").mkdir(exist_ok=True)
        (tmp_path / "plans" / "2.10c.toml").write_text((DATA.base / "plans" / "2.10c.toml").read_text("utf-8"), "utf-8")
        folder = tmp_path / "cases" / "1.3a-010"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "case.toml").write_text(text, "utf-8")
        return Conformance(tmp_path)

    return writing


def test_a_case_is_read(write: Callable[[str], Conformance]) -> None:
    case = write(CASE).cases["1.3a-010"]
    assert (case.title, case.profile, case.expected.status, case.steps[0].call) == (
        "Lire",
        Profile.COMMON,
        "AA",
        "read_administrative_data",
    )


@pytest.mark.parametrize(
    ("old", "new", "key", "said"),
    [
        ('title = "Lire"\n', "", "title", "missing"),
        ('title = "Lire"', "title = 3", "title", "3 is not a text"),
        ('title = "Lire"', 'titre = "Lire"\ntitle = "Lire"', "titre", "unknown key"),
        ('id = "1.3a-010"', 'id = "1.3a-011"', "id", "not the name of the folder"),
        ('"TD1.3a"', '"TD 1.3a"', "transaction", "not a transaction"),
        ('["2.10c"]', '["2.11"]', "plan", "no plan '2.11'"),
        ('["2.10c"]', "[]", "plan", "begins with DMPWS-"),
        ('["2.10c"]', '["2.10c"]\nguide = "2.10"', "guide", "the others have the plan's"),
        ('"commun"', '"tous"', "profile", "none of 'commun'"),
        ('["DMP-CDT 1.3a-010"]', "[]", "references", "refers to something"),
        ('"playable"', '"manual"', "kind", "has a reason"),
        ('"playable"', '"playable"\nreason = "x"', "reason", "only a manual case"),
        ('"playable"', '"playable"\nmarked = ["x"]', "marked", "not a key of [expected]"),
        ('status = "AA"', 'state = "AA"', "expected.state", "unknown key"),
        ('status = "AA"', 'carrier = "pigeon"', "expected.carrier", "none of 'fault'"),
        ("[expected]", '[given]\npatient = "Cas99"\n[expected]', "given.patient", "no patient of the plan"),
        ("[expected]", '[given]\ndmp = "maybe"\n[expected]', "given.dmp", "not none, active or closed"),
        ("[expected]", '[given]\nauthorisation = "OK"\n[expected]', "given.authorisation", "not a state of TD0.2"),
        ("[expected]", '[given]\nopposed = "normal"\n[expected]', "given.opposed", "not an emergency mode"),
        ("[expected]", '[given]\ntreating_doctor = "yes"\n[expected]', "given.treating_doctor", "not true or false"),
        ("[expected]", '[actor]\nwho = "doctor who"\n[expected]', "actor.who", "none of 'any'"),
        ("[[steps]]", "[steps]", "steps", "not a list of tables"),
        ("call =", 'expect = { status = "AA" }\ncall =', "steps", "judged by [expected]"),
        ("call =", 'assert = [{ xpath = "//x" }]\ncall =', "steps[1].assert[1]", "one of equals"),
        ("call =", 'assert = [{ path = "//x" }]\ncall =', "steps[1].assert[1]", "path"),
        ("[[steps]]\n", "[[steps]\n", "", "line"),
    ],
)
def test_a_bad_case_is_named_with_its_key(
    write: Callable[[str], Conformance], old: str, new: str, key: str, said: str
) -> None:
    assert old in CASE
    with pytest.raises(BadFile) as raised:
        _ = write(CASE.replace(old, new, 1)).cases
    message = str(raised.value)
    assert "1.3a-010/case.toml: " + key in message
    assert said in message


@pytest.mark.parametrize(
    ("text", "key", "said"),
    [
        ('title = "t"\npurpose = "p"\ncases = ["9.9-999"]', "cases", "no case '9.9-999'"),
        ('title = "t"\ncases = []', "purpose", "missing"),
        ('title = "t"\npurpose = "p"\ncase = []', "case", "unknown key"),
    ],
)
def test_a_bad_scenario_is_named_with_its_key(
    write: Callable[[str], Conformance], tmp_path: Path, text: str, key: str, said: str
) -> None:
    data = write(CASE)
    (tmp_path / "scenarios").mkdir()
    (tmp_path / "scenarios" / "day.toml").write_text(text, "utf-8")
    with pytest.raises(BadFile, match=re.escape(f"day.toml: {key}: ") + f".*{said}"):
        _ = data.scenarios


def test_a_plan_is_named_by_its_file(write: Callable[[str], Conformance], tmp_path: Path) -> None:
    data = write(CASE)
    (tmp_path / "plans" / "2.10c.toml").rename(tmp_path / "plans" / "3.0.toml")
    with pytest.raises(BadFile, match=re.escape("3.0.toml: version: '2.10c' is not the name of the file")):
        _ = data.plans


def test_there_is_no_other_plan() -> None:
    with pytest.raises(KeyError, match=r"2\.9"):
        next(DATA.of_plan("2.9"))


def test_every_case_refers_to_the_plan_or_says_what_is_ours() -> None:
    for case in DATA.cases.values():
        assert [r for r in case.references if not REFERENCES.fullmatch(r)] == [], case.id
        assert case.own or case.references[0] == f"DMP-CDT {case.id}"
        if case.own:
            assert set(case.marked) == {"outcome", "status", "code", "carrier"}
        if case.expected.code and case.expected.code not in ("OK", "NF"):
            assert case.expected.code in CATALOGUE


def test_every_transaction_has_a_case() -> None:
    load()
    ours = {t.code for t in transactions(Interface.DMP)}
    known = {case.transaction for case in DATA.cases.values()}
    assert ours <= known
    assert known - ours == {"TNR", "LDRM", "TD0.9", "TD0.10"}


@pytest.mark.parametrize("profile", [Profile.FEEDING, Profile.READING])
def test_a_profile_lists_the_transactions_that_no_option_and_no_card_excuses(profile: Profile) -> None:
    """DMPWS D183."""
    plain = {
        case.transaction
        for case in DATA.cases.values()
        if not case.own
        and case.profile in (Profile.COMMON, profile)
        and not case.option
        and case.actor.who is Who.ANY
        and case.kind is Kind.PLAYABLE
    }
    assert plain == set(PLAN.profiles[profile].mandatory)


# The table of the plan, which the project may not carry.

UNSAID = {"TD 3.1a": "TD3.1", "": "TD0.2"}


@pytest.fixture(scope="module")
def table(reference: Path) -> dict[str, Mapping[str, str]]:
    lines = (reference / "test-plan" / "tests.tsv").read_text("utf-8").splitlines()
    rows = csv.DictReader((line for line in lines if not line.startswith("#")), delimiter="\t")
    return {row["code"]: row for row in rows}


def of_the_plan() -> dict[str, Case]:
    return {case.id: case for case in DATA.cases.values() if not case.own}


def test_the_cases_are_those_of_the_plan(table: Mapping[str, Mapping[str, str]]) -> None:
    assert of_the_plan().keys() == table.keys()
    assert len(table) == 131


def test_the_cases_agree_with_the_plan(table: Mapping[str, Mapping[str, str]]) -> None:
    authentications = {"Tous": "any", "Directe": "direct", "Indirecte": "indirect", "AIR": "air"}
    for case in of_the_plan().values():
        row = table[case.id]
        assert case.title != row["label"]
        name = row["transaction"]
        assert case.transaction == UNSAID.get(name, name.replace(" ", "")), case.id
        assert (case.profile, case.option) == (row["profile"], row["filter"]), case.id
        assert case.actor.authentication == authentications.get(row["authentication"], "psc"), case.id
        modes = {"normal": "Normal", "bris_de_glace": "BDG", "centre_15": "centre-15"}
        assert modes[case.actor.access_mode] in row["access_mode"] or case.actor.secret, case.id
        assert case.actor.secret == ("secrète" in row["access_mode"]), case.id


def test_the_answers_agree_with_the_plan(table: Mapping[str, Mapping[str, str]]) -> None:
    for case in of_the_plan().values():
        row, found = table[case.id], case.expected
        outcome = "OK" if row["expected"].startswith("urn:") else row["expected"]
        status = "" if row["wire_status"] == "OK" else row["wire_status"].rpartition(":")[2]
        if outcome:
            assert case.outcome == outcome, case.id
        if status:
            assert found.status == status, case.id
        if row["return_code"]:
            assert found.code == row["return_code"], case.id
        said = {"outcome": outcome, "status": status, "code": row["return_code"], "carrier": ""}
        given = {"outcome": case.outcome, "status": found.status, "code": found.code, "carrier": found.carrier or ""}
        assert set(case.marked) == {key for key, value in given.items() if value and not said[key]}, case.id


def test_the_patients_agree_with_the_plan(table: Mapping[str, Mapping[str, str]]) -> None:
    for case in of_the_plan().values():
        words = table[case.id]["patient_case"]
        cases = {f"Cas{number}{child}" for number, child in re.findall(r"Cas ?(\d+)( AD\d)?", words)}
        named = cases | set(re.findall(r"\b(\d+) [A-Z]", words))
        if named:
            assert case.given.patient in named, case.id
        elif words == "/":
            assert case.given.patient == "", case.id


def test_requirements_exist(reference: Path) -> None:
    lines = (reference / "test-plan" / "requirements.tsv").read_text("utf-8").splitlines()
    known = {line.split("\t")[0] for line in lines}
    quoted = {r.split()[1] for case in DATA.cases.values() for r in case.references if r.startswith("GI-DMP")}
    assert quoted - known == set()
    assert len(quoted) > 50


def test_what_is_manual_is_few() -> None:
    manual = [case.id for case in DATA.cases.values() if case.kind is Kind.MANUAL]
    assert all(DATA.cases[name].transaction in ("TD0.1", "TD0.9", "TD0.10") for name in manual)
    assert {case.outcome for case in DATA.cases.values() if case.kind is Kind.PLAYABLE} == {Outcome.OK, Outcome.REFUSED}
