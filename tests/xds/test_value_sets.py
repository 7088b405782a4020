"""The value sets of the package, which are data (GI-DMP EX_GEN-1360, DMPWS D18)."""

from datetime import date
from pathlib import Path

import pytest

from dmpws.codec.value_sets import value_sets
from dmpws.domain.code import Code
from dmpws.domain.document import SIGNATURE_CLASS, SIGNATURE_TYPE
from dmpws.domain.value_sets import Attribute

TODAY = date(2026, 11, 21)
LOINC = "2.16.840.1.113883.6.1"
SOURCES = {
    Attribute.AUTHOR_SPECIALTY: "JDV_J56",
    Attribute.CLASS: "JDV_J57",
    Attribute.CONFIDENTIALITY: "JDV_J58",
    Attribute.CONTENT_TYPE: "JDV_J59",
    Attribute.FORMAT: "JDV_J60",
    Attribute.FACILITY_TYPE: "JDV_J61",
    Attribute.PRACTICE_SETTING: "JDV_J62",
    Attribute.TYPE: "JDV_J66",
    Attribute.REFERENCE_ID_TYPE: "JDV_J231",
}


@pytest.mark.parametrize(("attribute", "source"), SOURCES.items())
def test_the_tables_are_the_published_ones(attribute: Attribute, source: str, reference: Path) -> None:
    (path,) = (reference / "terminology").glob(f"{source}*.tsv")
    published = {
        tuple(line.split("\t")[:2]) for line in path.read_text("utf-8").splitlines() if line and line[0] != "#"
    }
    current = {key for key, member in value_sets().sets[attribute].items() if member.stop is None}
    assert current == published


def test_every_type_has_a_class() -> None:
    values = value_sets()
    for member in values.sets[Attribute.TYPE].values():
        found = values.class_of(member.code)
        assert found is not None
        assert (found.code, found.system) in values.sets[Attribute.CLASS]
    assert values.class_of(SIGNATURE_TYPE) == SIGNATURE_CLASS
    assert values.class_of(Code("11488-4", "other")) is None


@pytest.mark.parametrize(("guide", "accepted"), [("2.9", True), ("2.10", False)])
def test_a_retired_code_is_accepted_under_an_older_guide_only(guide: str, accepted: bool) -> None:
    assert value_sets().accepts(Attribute.TYPE, "27899-4", LOINC, today=TODAY, guide=guide) is accepted


def test_a_code_is_its_system_too() -> None:
    accepts = value_sets().accepts
    assert accepts(Attribute.TYPE, "11488-4", LOINC, today=TODAY, guide="2.10")
    assert not accepts(Attribute.TYPE, "11488-4", "", today=TODAY, guide="2.10")
    assert not accepts(Attribute.CLASS, "11488-4", LOINC, today=TODAY, guide="2.10")
