"""The tables of refusals are whole: each rule of a lot, of a search, of a read and of an update is broken by a case,
which names the code, its carrier, and what was expected and found."""

import importlib
import pkgutil
import re
import tomllib
from typing import Any

import pytest

import dmpws
from dmpws.domain.checks import Rule
from dmpws.domain.errors import CATALOGUE, Carrier
from dmpws.resources import folder

CODES = ("TD2.1", "TD2.2", "TD3.1", "TD3.2", "TD3.3a", "TD3.3b", "TD3.3c", "TD3.3d")
HOMES = (
    "dmpws.domain.lot.",
    "dmpws.codec.ebxml.",
    "dmpws.codec.cda",
    "dmpws.codec.self_presenting",
    "dmpws.transactions.contents",
    "dmpws.transactions.deposit",
    "dmpws.transactions.finds",
    "dmpws.transactions.gets",
    "dmpws.transactions.retrieve",
)
ELSEWHERE = {
    "CDA-BODY-PDFA": "a warning",
    "CDA-ENCODING": "a warning",
    "CDA-RELATED": "a warning",
    "CDA-ROLE": "a warning",
    "CDA-SET": "a warning",
    "LOT-SIGNATURE-USUAL": "a warning",
    "MASK-RESTRICTED": "a warning",
    "SQ-UNKNOWN": "a warning",
    "XDS-DOC-CASE": "a warning",
    "XDS-PARENT": "a warning",
    "LOT-SIGNATURE-SIZE": "tests/xds/test_submission.py",
    "REG-FOLDER-STATUS": "nothing deprecates a folder in a DMP (DMPWS D104)",
    "RM-NAMED": "plain IHE alone (ITI-62): tests/ihe/test_ihe_examples.py",
    "SQ-ONE-PATIENT": "tests/xds/test_relations.py",
}
"""Rules that no case breaks, and why."""


def refusals() -> list[dict[str, Any]]:
    """Every refused case and frame, with the rule it names."""
    found = []
    for code in CODES:
        content = tomllib.loads((folder("transactions") / code / "cases.toml").read_text("utf-8"))
        for case in (*content.get("case", []), *content.get("frame", [])):
            merged = {"transaction": code, **content["defaults"], **case}
            named = re.search(r" \[([A-Z0-9-]+), ", merged.get("context", ""))
            merged.setdefault("rule", named.group(1) if named else "")
            if case.get("code", "Success") != "Success":
                found.append(merged)
    return found


REFUSALS = refusals()


def rules() -> dict[str, Rule]:
    modules = (m.name for m in pkgutil.walk_packages(dmpws.__path__, "dmpws."))
    loaded = [importlib.import_module(name) for name in modules if name.startswith(HOMES)]
    return {value.id: value for module in loaded for value in vars(module).values() if isinstance(value, Rule)}


def test_there_are_enough_of_them() -> None:
    assert len(REFUSALS) >= 400
    assert {case["transaction"] for case in REFUSALS} == set(CODES)


@pytest.mark.parametrize("case", REFUSALS, ids=lambda case: f"{case['transaction']}/{case['id']}")
def test_a_refusal_says_everything(case: dict[str, Any]) -> None:
    """The DMP prescribes the codeContext of a document that cannot be read: `uniqueId=…`, and nothing else."""
    assert case["code"] in CATALOGUE
    assert case["carrier"] in set(Carrier)
    prescribed = case["code"] == "XDSDocumentUniqueIdError"
    assert bool(case["rule"]) is not prescribed
    assert case["context"].startswith("uniqueId=") if prescribed else "trouvé : " in case["context"]


def test_each_rule_is_broken_by_a_case() -> None:
    broken = {case["rule"] for case in REFUSALS}
    declared = rules()
    assert declared.keys() - broken == ELSEWHERE.keys() | {"RET-DOCUMENT"}


def test_the_codes_of_the_cases_are_those_of_their_rules() -> None:
    declared = rules()
    wrong = [
        case["id"] for case in REFUSALS if case["rule"] in declared and case["code"] != declared[case["rule"]].code
    ]
    assert wrong == []
