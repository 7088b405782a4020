"""The NIR key, against the published test patients and against its definition."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dmpws.cast import PATIENTS, allocate_ins
from dmpws.domain.patient import has_valid_key, nir_key


@pytest.mark.parametrize("key", sorted(PATIENTS))
def test_the_public_patients(key: str) -> None:
    assert has_valid_key(PATIENTS[key].ins.value)


def test_every_number_of_the_test_plan(reference: Path) -> None:
    lines = (reference / "test-plan" / "patients.tsv").read_text("utf-8").splitlines()[2:]
    numbers = [cells[6] for line in lines if len(cells := line.split("\t")) > 6 and cells[6].isdigit()]
    assert len(numbers) > 10
    assert [number for number in numbers if not has_valid_key(number)] == []


@pytest.mark.parametrize("number", ["222127505611201", "221042545611404"])
def test_published_numbers_that_are_wrong(number: str) -> None:
    assert not has_valid_key(number)


@pytest.mark.parametrize(("corsican", "as_digits"), [("2A", "19"), ("2B", "18"), ("2a", "19"), ("2b", "18")])
def test_corsica_counts_as_a_number(corsican: str, as_digits: str) -> None:
    assert nir_key(f"19901{corsican}417202") == nir_key(f"19901{as_digits}417202")


@given(st.from_regex(r"[12][0-9]{12}", fullmatch=True))
def test_number_and_key_together_are_a_multiple_of_97_off(nir: str) -> None:
    key = int(nir_key(nir))
    assert 1 <= key <= 97
    assert (int(nir) + key) % 97 == 0
    assert has_valid_key(f"{nir}{key:02d}")
    assert not has_valid_key(f"{nir}{key % 97 + 1:02d}")


@pytest.mark.parametrize(
    "nir", ["", "1", "12345678901234", "199012C417202", "1990A2A417202", "１９９０１３４１７２０２１", "-990134172021"]
)
def test_what_is_no_nir(nir: str) -> None:
    with pytest.raises(ValueError, match="13 digits"):
        nir_key(nir)
    assert not has_valid_key(nir + "01")


@pytest.mark.parametrize("key", sorted(PATIENTS))
def test_allocated_numbers(key: str) -> None:
    first, second = (allocate_ins(PATIENTS[key].traits, number) for number in (1, 2))
    assert has_valid_key(first.value)
    assert first != second


def test_patients_without_a_published_number_get_their_own() -> None:
    made = {p.key: p.ins.value for p in PATIENTS.values() if p.ins.value[5:10] == "99999" and p.key != "desmaux"}
    assert len(made) == 20
    assert made.items() >= {"cas2": "191019999902092", "cas2-ad1": "217019999902178"}.items()
    assert len({p.ins for p in PATIENTS.values()}) == len(PATIENTS)
