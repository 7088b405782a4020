"""Rules: unique identifiers, codes of the catalogue, and references in the forms that CONTRIBUTING lists."""

import re
from collections import Counter
from pathlib import Path

import pytest

from dmpws.conformance.cases import Conformance
from dmpws.domain.errors import CATALOGUE
from dmpws.testing.requirements import IDENTIFIER, REPOSITORY, SOURCE, proof, requirements, rules

KNOWN = {requirement.name: requirement for requirement in requirements()}
FORMS = [
    r"GI-DMP (EX|REC)_[A-Z0-9.]+-\d+",
    r"PDT-INF-\d{3}",
    r"DMP-CDT (\d\.\d+[a-d]?-\d{3}|TNR-\d{2}|LDRM-\d{2})",
    r"DMP-FRAME TD\d\.\d+",
    r"DMP-WSDL \w[\w.]*",
    r"DMP-CLIENT",
    r"CI-SIS (SM|LM|ASS_[AX]\d+|JDV_J\d+)( \d[\d.]*)?",
    r"ITI TF-[123] ([A-Z]\.)?\d[\d.]*",
    r"(SOAP12|WSA10|SAML2|XMLDSIG|XADES|XML10|XML-C14N|RFC \d{4}) \d[\d.]*",
    r"RFC \d{4}",
    r"DMPWS D\d+",
    r"DMPWS (LIMITS|SCHEMAS|TLS)",
]


RULES = [rule for rule in rules() if len(rule) == 4]


def test_there_are_many_rules() -> None:
    assert len(RULES) > 100


def test_identifiers_are_unique() -> None:
    twice = [name for name, count in Counter(rule[0] for rule in RULES).items() if count > 1 and name != "None"]
    assert twice == []


def test_codes_are_of_the_catalogue() -> None:
    assert {rule[3] for rule in RULES} - {"None"} - CATALOGUE.keys() == set()


def test_references_have_a_listed_form() -> None:
    form = re.compile("|".join(f"({f})" for f in FORMS))
    assert [r for r in RULES if r[2] != "None" and not form.fullmatch(r[2])] == []


def test_every_case_names_its_sources() -> None:
    form = re.compile("|".join(f"({f})" for f in FORMS))
    cases = Conformance().cases.values()
    assert [case.id for case in cases if not case.references] == []
    assert [case.id for case in cases if not case.own and f"DMP-CDT {case.id}" not in case.references] == []
    assert [(case.id, r) for case in cases for r in case.references if not form.fullmatch(r)] == []


def test_our_own_rows_exist() -> None:
    rows = set(re.findall(r"^\| D(\d+) \|", (REPOSITORY / "docs/divergences.md").read_text("utf-8"), re.MULTILINE))
    cited = {n for path in SOURCE.rglob("*.py") for n in re.findall(r"DMPWS D(\d+)", path.read_text("utf-8"))}
    assert cited - rows == set()


def test_identifiers_of_requirements_are_of_the_list() -> None:
    """Wherever they are named: code, tests, examples, cases, documentation."""
    places = ("src", "tests", "transactions", "vihf", "conformance", "docs", "schemas", "wsdl")
    texts = {
        path.relative_to(REPOSITORY): path.read_text("utf-8")
        for place in places
        for path in (REPOSITORY / place).rglob("*")
        if path.suffix in {".py", ".toml", ".tsv", ".md", ".xml", ".xsd", ".wsdl"}
    }
    found = {name for text in texts.values() for name in IDENTIFIER.findall(text)}
    assert len(found) > 50
    assert found - KNOWN.keys() == set()


def test_the_list_is_that_of_the_plan_and_of_what_is_quoted(reference: Path) -> None:
    rows = (reference / "test-plan" / "requirements.tsv").read_text("utf-8").splitlines()
    plan = {row.split("\t")[0] for row in rows if re.match(r"(EX|REC)_", row)}
    assert {name for name, row in KNOWN.items() if row.public} == plan
    assert {name for name, row in KNOWN.items() if not row.public} == {
        "EX_2.1-2030", "EX_3.1-1030", "EX_3.1-1055", "EX_GEN-1265",
    }  # fmt: skip


@pytest.mark.parametrize("name", [name for name, row in KNOWN.items() if row.binds == "server"])
def test_what_binds_the_server_has_code_and_a_test(name: str) -> None:
    assert proof(name).gap == ""
