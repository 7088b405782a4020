"""CX, XCN, XON, DTM and OID (ITI TF-3 4.2.3.1.7)."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dmpws.domain.datatypes import Cx, Xcn, Xon, escape, format_dtm, is_dtm, is_oid, parse_dtm, unescape
from dmpws.domain.kept import LONGEST, kept

LIBRE = "899900063480^LIBRE^MAX^^^^^^&1.2.250.1.71.4.2.1&ISO^D^^^IDNPS"
CABINET = "CABINET DR LIBRE^^^^^&1.2.250.1.71.4.2.2&ISO^IDNST^^^499900063480001"

words = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zs", "Zl", "Zp")), max_size=30)
oids = st.lists(st.integers(0, 10**20), min_size=1, max_size=8).map(lambda arcs: ".".join(["2", *map(str, arcs)]))


def test_person() -> None:
    person = Xcn.parse(LIBRE)
    assert person == Xcn("899900063480", "LIBRE", "MAX", "1.2.250.1.71.4.2.1", "D", "IDNPS")
    assert str(person) == LIBRE


def test_structure() -> None:
    structure = Xon.parse(CABINET)
    assert structure == Xon("CABINET DR LIBRE", "499900063480001", "1.2.250.1.71.4.2.2", "IDNST")
    assert str(structure) == CABINET


@pytest.mark.parametrize(
    "text",
    [
        "279035121518989^^^&1.2.250.1.213.1.4.10&ISO^NH",
        "279035121518989^^^&1.2.250.1.213.1.4.10&ISO^NH^^20100907",
        "279035121518989^^^&1.2.250.1.213.1.4.10&ISO",
        " 279035121518989 ^^^&1.2.250.1.213.1.4.10&ISO^PI",
    ],
)
def test_a_patient_is_components_1_and_4(text: str) -> None:
    assert Cx.parse(text).same(Cx("279035121518989", "1.2.250.1.213.1.4.10", "NH"))


@pytest.mark.parametrize("text", ["", "279035121518989", "^^^&1.2.3&ISO", "x^^^1.2.3"])
def test_a_poor_cx_has_empty_components(text: str) -> None:
    patient = Cx.parse(text)
    assert not (patient.id and patient.authority)


def test_escaped_separators() -> None:
    assert Xon.parse(r"CABINET A\T\B^^^^^&1.2.3&ISO^IDNST^^^1").name == "CABINET A&B"
    assert escape("a^b&c|d~e\\f") == r"a\S\b\T\c\F\d\R\e\E\f"


@given(words)
def test_escapes_come_back(text: str) -> None:
    assert unescape(escape(text)) == text
    assert not set("^&|~") & set(escape(text))


@given(words, oids, words)
def test_cx_round_trip(identifier: str, authority: str, kind: str) -> None:
    value = Cx(identifier, authority, kind)
    assert Cx.parse(str(value)) == value


@given(words, words, words, oids, words)
def test_xcn_round_trip(identifier: str, family: str, given_name: str, authority: str, kind: str) -> None:
    value = Xcn(identifier, family, given_name, authority, "D", kind)
    assert Xcn.parse(str(value)) == value


@given(words, words, oids)
def test_xon_round_trip(name: str, identifier: str, authority: str) -> None:
    value = Xon(name, identifier, authority, "IDNST")
    assert Xon.parse(str(value)) == value


@given(st.text())
def test_any_text_is_read(text: str) -> None:
    for kind in (Cx, Xcn, Xon):
        assert kind.parse(text) == kind.parse(text)
    assert is_dtm(text) == (parse_dtm(text) is not None)


@given(oids)
def test_oids(oid: str) -> None:
    assert is_oid(oid, longest=1000)
    assert not is_oid(oid + ".")
    assert not is_oid(oid + ".01", longest=1000)
    assert not is_oid(oid, longest=len(oid) - 1)


@given(st.datetimes(min_value=datetime(1000, 1, 1)))
def test_dtm_round_trip(moment: datetime) -> None:
    moment = moment.replace(microsecond=0, tzinfo=UTC)
    text = format_dtm(moment)
    assert parse_dtm(text) == moment
    for length in (4, 6, 8, 10, 12):
        start = parse_dtm(text[:length])
        assert start is not None
        assert start <= moment


@pytest.mark.parametrize(
    "text",
    ["", "2026112", "20261131", "20261121250000", "20261121120000Z", "20261121120000+0100", "2026-11-21", "²026"],
)
def test_not_a_dtm(text: str) -> None:
    assert not is_dtm(text)


def test_short_texts_are_read_once() -> None:
    """A lot says the same names again and again; what somebody sends may be megabytes, and is not kept."""
    read: list[str] = []

    @kept
    def length(text: str) -> int:
        read.append(text)
        return len(text)

    for text in ("a" * LONGEST, "b" * (LONGEST + 1)):
        assert length(text) == length(text) == len(text)
    assert [text[0] for text in read] == ["a", "b", "b"]
