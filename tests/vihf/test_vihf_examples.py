"""Every example of the folder `vihf/` gets the verdict it promises, and every rule has one that breaks it."""

from datetime import datetime

import pytest
from lxml import etree

from dmpws.domain.errors import CATALOGUE
from dmpws.pki.demo import DemoPki
from dmpws.resources import folder
from dmpws.testing.tokens import Example, examples, judge, render
from dmpws.vihf import rules
from dmpws.xml.parser import parse

EXAMPLES = list(examples())

# The header's count is checked before a token exists; a Format is only ever warned about; the serial number of a
# listed card is known when it is made (tests/directory).
BROKEN_ELSEWHERE = {rules.ONE_ASSERTION.id, rules.ISSUER_FORMAT.id, rules.CARD.id}


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_verdict(example: Example, pki: DemoPki, now: datetime) -> None:
    report, verified = judge(example, pki, now)
    if example.good:
        assert [check.message for check in report.failures] == []
        assert verified is not None
        assert verified.name_id
    else:
        assert verified is None
        first = report.failures[0]
        assert (first.rule.id, first.rule.code) == (example.rule, example.code), first.message
        assert example.text in first.message


def test_every_rule_is_broken_by_an_example() -> None:
    assert {rule.id for rule in rules.RULES} - {example.rule for example in EXAMPLES} == BROKEN_ELSEWHERE


def test_names_tell_good_from_bad() -> None:
    assert [e.name for e in EXAMPLES if e.good != e.name.startswith("good-")] == []


def test_rules_have_known_codes_and_unique_ids() -> None:
    ids = [rule.id for rule in rules.RULES]
    assert len(set(ids)) == len(ids) > 30
    assert {rule.code for rule in rules.RULES} <= CATALOGUE.keys()


def test_the_sheet_names_every_rule_and_attribute() -> None:
    from dmpws.vihf.token import ATTRIBUTES

    sheet = (folder("vihf") / "README.md").read_text("utf-8")
    missing = [name for name in [*(rule.id for rule in rules.RULES), *ATTRIBUTES] if f"`{name}`" not in sheet]
    assert missing == []


def test_good_tokens_are_valid_against_the_schema(pki: DemoPki, now: datetime) -> None:
    schema = etree.XMLSchema(file=str(folder("schemas") / "security" / "vihf.xsd"))
    for example in EXAMPLES:
        if example.good:
            assert schema.validate(parse(render(example, pki, now))), f"{example.name}: {schema.error_log}"
