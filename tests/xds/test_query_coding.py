"""Coding of stored query parameters (ITI TF-2 3.18.4.1.2.3.5)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dmpws.codec.ebxml.query import split_values


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("'a'", ["a"]),
        ("('a')", ["a"]),
        ("('a','b')", ["a", "b"]),
        (" ( 'a' , 'b' ) ", ["a", "b"]),
        ("'Children''s Hospital'", ["Children's Hospital"]),
        ("('a''','''b')", ["a'", "'b"]),
        ("('a,b','(c)')", ["a,b", "(c)"]),
        ('("a","b")', ["a", "b"]),
        ("20261121", ["20261121"]),
        ("()", []),
        ("", []),
        ("('')", [""]),
    ],
)
def test_values(text: str, values: list[str]) -> None:
    assert split_values(text) == values


@pytest.mark.parametrize("text", ["'a", "('a'", "('a' 'b')", "('a',)", "('a'x)", "(a'b)", "'a''", "('a',,'b')", "a)b"])
def test_badly_coded(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        split_values(text)


@given(st.lists(st.text(), min_size=1))
def test_round_trip(values: list[str]) -> None:
    coded = "(" + ",".join("'" + value.replace("'", "''") + "'" for value in values) + ")"
    assert split_values(coded) == values


@given(st.text(alphabet="'\",() ab"))
def test_never_anything_but_value_error(text: str) -> None:
    try:
        values = split_values(text)
    except ValueError:
        return
    assert all(isinstance(value, str) for value in values)


def test_long_lists_are_read() -> None:
    assert len(split_values("(" + ",".join(["'a''b'"] * 100_000) + ")")) == 100_000
    with pytest.raises(ValueError, match="apostrophe"):
        split_values("'" * 1_000_001)
