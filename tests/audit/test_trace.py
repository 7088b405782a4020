"""Content of a trace: canonical, bounded, storable, and without a place for a secret."""

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from dmpws.audit.trace import LONGEST_LIST, LONGEST_TEXT, Trace, TraceOutcome, canonical

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def _trace(**values: Any) -> Trace:
    return Trace(NOW, "TD2.1", TraceOutcome.ACCEPTED, **values)


def test_values_that_are_absent_are_left_out() -> None:
    assert dict(_trace().values()) == {
        "occurred_at": "2026-11-21T12:00:00.000000+00:00",
        "outcome": "accepted",
        "transaction": "TD2.1",
    }


def test_every_field_is_in_the_content() -> None:
    full = {name: "x" for name in Trace._fields if name not in ("occurred_at", "transaction", "outcome")}
    assert set(_trace(**full).values()) == set(Trace._fields)


def test_the_content_has_one_spelling() -> None:
    paris = timezone(timedelta(hours=1))
    there = _trace(patient="x")._replace(occurred_at=NOW.astimezone(paris))
    assert canonical(there.values()) == canonical(_trace(patient="x").values())
    assert canonical({"b": 1, "a": "é"}) == '{"a":"é","b":1}'


def test_long_values_are_cut() -> None:
    values = _trace(reason="x" * 10_000, parameters={"$X": tuple("y" for _ in range(10_000))}).values()
    assert values["reason"] == "x" * LONGEST_TEXT + "…"
    parameters: Any = values["parameters"]
    assert len(parameters["$X"]) == LONGEST_LIST + 1
    assert parameters["$X"][-1] == "… (10000)"


def test_it_has_no_place_for_a_secret_or_a_document() -> None:
    assert not {n for n in Trace._fields for word in ("password", "key", "token", "assertion", "content") if word in n}


@given(st.text(), st.dictionaries(st.text(), st.lists(st.text()).map(tuple)))
def test_any_text_can_be_stored(text: str, parameters: dict[str, tuple[str, ...]]) -> None:
    content = canonical(_trace(person=text, parameters=parameters).values())
    content.encode("utf-8")
    assert "\0" not in content
    assert json.loads(content)["transaction"] == "TD2.1"


@given(st.text(alphabet=st.characters(categories=["Cs", "Lu", "Cc"])))
def test_surrogates_and_control_characters_too(text: str) -> None:
    canonical(_trace(person=text).values()).encode("utf-8")
