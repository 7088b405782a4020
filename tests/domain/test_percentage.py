"""POURCENTAGE (DMPWS D128) and birth dates as far as they are known."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dmpws.cast import PATIENTS
from dmpws.domain.patient import Address, Name, Traits
from dmpws.domain.patient_search import PatientCriteria, known_birth, percentage

NESSI = replace(PATIENTS["nessi"].traits, addresses=(Address(postal_code="75001", city="PARIS"),))
RIGHT = PatientCriteria("NESSI", "RUTH", "19770714", "F", "75001", "PARIS")
NAMES = st.text("ABCDEFGHI", min_size=1, max_size=12)


def only(criteria: PatientCriteria, names: frozenset[str]) -> PatientCriteria:
    return replace(criteria, **dict.fromkeys(criteria.asked - names, ""))  # type: ignore[arg-type]


@given(st.sets(st.sampled_from(sorted(RIGHT.asked)), min_size=1))
def test_all_right_is_100(names: set[str]) -> None:
    assert percentage(only(RIGHT, frozenset(names)), NESSI) == 100


@pytest.mark.parametrize(
    ("criteria", "percent"),
    [
        (PatientCriteria(family="de vinci"), 100),
        (PatientCriteria(family="nes", similar_name=True), 75),
        (PatientCriteria(family="nes", sex="F", similar_name=True), 80),
        (PatientCriteria(family="nessy", similar_name=True), 80),
        (PatientCriteria(given="rut", similar_name=True), 85),
        (PatientCriteria(birth="1977"), 100),
        (PatientCriteria(postal_code="75", similar_address=True), 57),
        (PatientCriteria(city="paris"), 100),
    ],
)
def test_percentages(criteria: PatientCriteria, percent: int) -> None:
    assert percentage(criteria, NESSI) == percent


@pytest.mark.parametrize(
    ("asked", "known", "percent"),
    [("19770714", "19770700", 75), ("19770714", "1977", 50), ("197707", "19770000", 66), ("1977", "1977", 100)],
)
def test_incomplete_birth_dates(asked: str, known: str, percent: int) -> None:
    assert percentage(PatientCriteria(birth=asked), replace(NESSI, birth_date=known)) == percent


@given(NAMES, NAMES, NAMES)
def test_a_share_of_a_hundred_and_whole_only_for_the_name_asked(family: str, given: str, typed: str) -> None:
    found = percentage(PatientCriteria(family=typed, similar_name=True), Traits(name=Name(birth=family, given=given)))
    assert 1 <= found <= 100
    assert (found == 100) is (typed == family)


@given(NAMES, st.sets(st.sampled_from(sorted(RIGHT.asked - {"family"}))))
def test_a_right_criterion_more_never_takes_away(typed: str, more: set[str]) -> None:
    asked = replace(RIGHT, family=typed, similar_name=True)
    alone, with_more = only(asked, frozenset({"family"})), only(asked, frozenset({"family"} | more))
    assert percentage(with_more, NESSI) >= percentage(alone, NESSI)


@given(NAMES, NAMES)
def test_birth_name_and_used_name_are_equally_right(birth: str, used: str) -> None:
    traits = Traits(name=Name(birth, used))
    assert percentage(PatientCriteria(family=birth), traits) == percentage(PatientCriteria(family=used), traits) == 100


@pytest.mark.parametrize(
    ("stored", "known"),
    [
        ("19770714", "19770714"),
        ("19770700", "197707"),
        ("19770000", "1977"),
        ("1977", "1977"),
        ("197700", "1977"),
        ("19770714120000", "19770714"),
        ("", ""),
        ("20000000", "2000"),
        ("0000", "0000"),
    ],
)
def test_known_birth(stored: str, known: str) -> None:
    assert known_birth(stored) == known
