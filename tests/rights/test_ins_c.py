"""INS-C against real vectors."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dmpws.domain.ins_c import has_valid_ins_c_key, ins_c


@pytest.mark.parametrize(
    ("name", "birth", "nir", "expected"),
    [
        ("PHILIPPE", "610217", "1610275754289", "0833910461279517589858"),
        ("CATHERINE", "650123", "1650177851044", "1495343046986174527806"),
        ("Dominique", "790328", "2790351215188", "0529782301522593359679"),
        ("MICHEL", "091127", "1091193197949", "1406624276783887733894"),
        ("CHRISTINE", "250813", "2250888297335", "0528231364578359103507"),
        ("LAURENCE", "070525", "2070585756270", "1197854176879056415520"),  # DMP-FRAME TD0.2, traits and INS-C agree
    ],
)
def test_vectors(name: str, birth: str, nir: str, expected: str) -> None:
    assert ins_c(name, birth, nir) == expected
    assert has_valid_ins_c_key(expected)


@pytest.mark.parametrize("value", ["1418878867934420256667", "0740724093302701701806", "1640796040803969725459"])
def test_other_known_ins_c_pass_the_key(value: str) -> None:
    assert has_valid_ins_c_key(value)


def test_accents_hyphens_and_length_do_not_count() -> None:
    assert ins_c("Jean-Hugues", "010723", "1010766167087") == ins_c("JEANHUGUES", "010723", "1010766167087")
    assert ins_c("CÔME", "760101", "1760100000000") == ins_c("COME", "760101", "1760100000000")
    assert ins_c("JUMEAUQUATRE", "990115", "1990134172024") == ins_c("JUMEAUQUAT", "990115", "1990134172024")


@pytest.mark.parametrize("value", ["", "1197854176879056415521", "119785417687905641552", "a" * 22, "١" * 22])
def test_bad_keys(value: str) -> None:
    assert not has_valid_ins_c_key(value)


@pytest.mark.parametrize(("birth", "nir"), [("0705", "2070585756270"), ("070525", "20705857562")])
def test_wrong_lengths(birth: str, nir: str) -> None:
    with pytest.raises(ValueError, match="INS-C"):
        ins_c("LAURENCE", birth, nir)


@given(st.text(max_size=30))
def test_any_given_name_gives_22_digits_with_a_right_key(name: str) -> None:
    value = ins_c(name, "000000", "2070585756270")
    assert has_valid_ins_c_key(value)
