"""The results of structured biology reports: what is written is read, and the official samples."""

from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_documents import report

from dmpws.client import read_results
from dmpws.client.biology import OBSERVATION, Range
from dmpws.client.cda import LOINC
from dmpws.client.clinical import Interval, Quantity, Value
from dmpws.codec.cda_writing import E, coded
from dmpws.domain.checks import Refused
from dmpws.domain.code import Code
from dmpws.xml.names import XSI

TYPE = f"{{{XSI}}}type"
CHAPTER = Code("18719-5", LOINC, "Biochimie")
BATTERY = Code("57698-3", LOINC, "Bilan lipidique")
INTERPRETATION = "2.16.840.1.113883.5.83"

words = st.text("aZ0-_<>&\"';#^éŒµ漢𝄞", min_size=1, max_size=8)
numbers = st.decimals(allow_nan=False, allow_infinity=False, places=3)


@dataclass(frozen=True)
class Written:
    """A result as a laboratory writes it; limits: of its reference values."""

    test: Code
    value: Decimal
    unit: str
    limits: tuple[Decimal, Decimal] | None
    verdict: str
    time: str


results = st.builds(
    Written,
    st.builds(lambda number, name: Code(f"{number}-1", LOINC, name), st.integers(1, 99999), words),
    numbers,
    st.sampled_from(["g/L", "mmol/L", ""]),
    st.none() | st.tuples(numbers, numbers),
    st.sampled_from(["N", "H", "L", ""]),
    st.sampled_from(["", "20261120", "20261120083000+0100"]),
)


def document(written: list[Written], change: tuple[bytes, bytes] = (b"", b"")) -> bytes:
    organizer = E.organizer(
        coded(E.code, BATTERY), *(E.component(_observation(w)) for w in written), classCode="BATTERY"
    )
    section = E.section(coded(E.code, CHAPTER), E.text("x"), E.entry(E.act(E.entryRelationship(organizer))))
    body = E.structuredBody(E.component(section))
    return report(body=body, templates=("1.2.250.1.213.1.1.1.55",)).to_xml().replace(*change)


def _quantity(tag: str, value: Decimal, unit: str) -> object:
    return E(tag, value=format(value, "f"), **({"unit": unit} if unit else {}))


def _observation(w: Written) -> object:
    value = _quantity("value", w.value, w.unit)
    value.set(TYPE, "PQ")  # type: ignore[attr-defined]
    made = E.observation(E.templateId(root=OBSERVATION), coded(E.code, w.test), E.statusCode(code="completed"))
    if w.time:
        made.append(E.effectiveTime(value=w.time))
    made.append(value)
    if w.verdict:
        made.append(E.interpretationCode(code=w.verdict, codeSystem=INTERPRETATION))
    if w.limits:
        ends = [_quantity(tag, limit, w.unit) for tag, limit in zip(("low", "high"), w.limits, strict=True)]
        interval = E.value(*ends)
        interval.set(TYPE, "IVL_PQ")
        made.append(E.referenceRange(E.observationRange(interval)))
    return made


@settings(max_examples=40)
@given(written=st.lists(results, max_size=5))
def test_what_is_written_is_read(written: list[Written]) -> None:
    read = read_results(document(written))
    assert len(read) == len(written)
    for result, w in zip(read, written, strict=True):
        assert (result.test, result.label, result.time, result.status) == (w.test, w.test.display, w.time, "completed")
        assert result.value == Quantity(w.value, w.unit)
        assert (result.interpretation.code if result.interpretation else "") == w.verdict
        limits = w.limits and Interval(*(Quantity(limit, w.unit) for limit in w.limits))
        assert [r.interval for r in result.ranges] == ([limits] if limits else [])
        assert (result.section, result.battery, result.isolate) == (CHAPTER, BATTERY, None)


ONE = Written(Code("2571-8", LOINC, "Triglycérides"), Decimal("0.62"), "g/L", None, "N", "20261120")


@pytest.mark.parametrize(
    ("old", "new", "value"),
    [
        (b'value="0.62"', b'value="NaN"', None),
        (b'value="0.62"', b'value="0,62"', None),
        (b'value="0.62"', b'value=""', None),
        (b'type="PQ"', b'type="ST"', "0.62"),
        (b'type="PQ"', b'type="PQ" nullFlavor="UNK"', None),
        (b'"0.62" unit="g/L" xsi:type="PQ"', b'"062" unit="g/L" xsi:type="hl7:PQ"', Quantity(Decimal(62), "g/L")),
    ],
)
def test_a_value_that_is_no_number(old: bytes, new: bytes, value: Value) -> None:
    octets = document([ONE], (old, new))
    if old in document([ONE]):
        assert [r.value for r in read_results(octets)] == [value]
    else:
        pytest.fail(f"nothing to change: {old!r}")


def test_a_report_of_level_1_has_no_results() -> None:
    assert read_results(report().to_xml()) == []
    with pytest.raises(Refused):
        read_results(b"%PDF-1.4")


def test_the_official_lipids(reference: Path) -> None:
    results = read_results((reference / "cda/samples/BIO-CR-BIO_2021.01_Auto-Presentable.xml").read_bytes())
    assert len(results) == 11
    first = results[0]
    assert (first.test.code, first.value, first.time) == (  # type: ignore[union-attr]
        "2571-8", Quantity(Decimal("0.62"), "g/L"), "20140402145521+0200",
    )  # fmt: skip
    normal = Code("N", INTERPRETATION)
    limits = Interval(Quantity(Decimal("0.50"), "g/L"), Quantity(Decimal("1.50"), "g/L"))
    assert (first.interpretation.code, first.ranges) == ("N", (Range(limits, "", normal),))  # type: ignore[union-attr]
    assert [r.value for r in results if r.test and r.test.code == "1988-5"] == ["<1.0 mg/L"]
    assert {r.document for r in results} == {first.document}


def test_the_official_antibiogram(reference: Path) -> None:
    results = read_results((reference / "cda/samples/BIO-CR-BIO_2024.01_Microbiologie_V1.xml").read_bytes())
    assert len(results) == 14
    resistant = [r for r in results if r.interpretation and r.interpretation.code == "R"]
    [found] = resistant
    assert (found.label, found.isolate.code, found.battery.code) == (  # type: ignore[union-attr]
        "Amoxicilline", "112283007", "18769-0",
    )  # fmt: skip
    assert found.value == Interval(Quantity(Decimal("0.512"), "ug/mL"))
    sensible = next(r for r in results if r.interpretation and r.interpretation.code == "S")
    assert isinstance(sensible.value, Interval)
    assert not sensible.value.high_inclusive
    assert results[0].value == "paille"
