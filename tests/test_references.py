"""Rules: unique identifiers, codes of the catalogue, and references in the forms that CONTRIBUTING lists."""

import ast
import re
from collections import Counter
from pathlib import Path

import dmpws
from dmpws.domain.errors import CATALOGUE

SOURCE = Path(dmpws.__file__).parent
REPOSITORY = SOURCE.parents[1]
FORMS = [
    r"GI-DMP (EX|REC)_[A-Z0-9.]+-\d+",
    r"PDT-INF-\d{3}",
    r"DMP-CDT \d\.\d+-\d{3}",
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


def rules() -> dict[str, list[tuple[str, ...]]]:
    """The literal arguments of every Rule(...) of the source, by file."""
    found: dict[str, list[tuple[str, ...]]] = {}
    for path in SOURCE.rglob("*.py"):
        tree = ast.parse(path.read_text("utf-8"))
        constants = {
            target.id: node.value.value
            for node in ast.walk(tree)
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Rule":
                values = [
                    constants.get(a.id) if isinstance(a, ast.Name) else getattr(a, "value", None) for a in node.args
                ]
                found.setdefault(path.name, []).append(tuple(str(v) for v in values))
    return found


RULES = [rule for file in rules().values() for rule in file if len(rule) == 4]


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


def test_our_own_rows_exist() -> None:
    rows = set(re.findall(r"^\| D(\d+) \|", (REPOSITORY / "docs/divergences.md").read_text("utf-8"), re.MULTILINE))
    cited = {n for path in SOURCE.rglob("*.py") for n in re.findall(r"DMPWS D(\d+)", path.read_text("utf-8"))}
    assert cited - rows == set()
