"""The results of a structured biology report (CR-BIO), for the LPS that integrates them."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from lxml import etree

from dmpws.client.clinical import H, Interval, Labels, Value, code_of, interval_of, templates_of, times_of, value_of
from dmpws.codec.cda import parse_document, read_header
from dmpws.domain.code import Code
from dmpws.xml.text import children

OBSERVATION = "1.3.6.1.4.1.19376.1.3.1.6"
"""Template of a laboratory observation (IHE PALM)."""
ISOLATE = "1.3.6.1.4.1.19376.1.3.1.5"
_BATTERY = "BATTERY"


@dataclass(frozen=True, slots=True)
class Range:
    """Reference values: an interval, or the words of the laboratory. interpretation: of a result inside it."""

    interval: Interval | None
    text: str = ""
    interpretation: Code | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """One result. test: what was looked for (LOINC), label: as the report calls it.

    time: HL7 time as written, empty when unknown. status: completed, active, aborted … document: uniqueId of the
    report. section: the chapter it stands in. battery, isolate: what groups it, an antibiogram and its germ.
    """

    test: Code | None
    label: str
    value: Value
    interpretation: Code | None
    ranges: tuple[Range, ...]
    time: str
    status: str
    document: str
    section: Code | None
    battery: Code | None = None
    isolate: Code | None = None
    method: str = ""


@dataclass(frozen=True, slots=True)
class _Place:
    """Where in the report one stands while walking down."""

    document: str
    section: Code | None = None
    battery: Code | None = None
    isolate: Code | None = None
    time: str = ""


def read_results(report: bytes) -> list[Result]:
    """Return the results of a report, in its order; none for a report of level 1.

    Raises Refused when the octets are not a CDA document.
    """
    document, _ = parse_document(report)
    labels = Labels(document)
    return list(_walk(document, _Place(read_header(document).id.root), labels))


def _walk(element: etree._Element, place: _Place, labels: Labels) -> Iterator[Result]:
    for child in children(element):
        if child.tag == f"{H}section":
            yield from _walk(child, replace(place, section=code_of(child.find(f"{H}code")) or place.section), labels)
        elif child.tag == f"{H}organizer":
            yield from _walk(child, _inside(child, place), labels)
        elif child.tag == f"{H}observation" and OBSERVATION in templates_of(child):
            yield _result(child, place, labels)
        elif child.tag != f"{H}text":
            yield from _walk(child, place, labels)


def _inside(organizer: etree._Element, place: _Place) -> _Place:
    time = times_of(organizer.find(f"{H}effectiveTime"))[0] or place.time
    if ISOLATE in templates_of(organizer):
        germ = organizer.find(f"{H}specimen/{H}specimenRole/{H}specimenPlayingEntity/{H}code")
        return replace(place, isolate=code_of(germ), time=time)
    if organizer.get("classCode") == _BATTERY:
        code = organizer.find(f"{H}code")
        # Some batteries have no code of their own, and the name of the technique as its translation.
        named = code_of(code) or code_of(organizer.find(f"{H}code/{H}translation"))
        return replace(place, battery=named, time=time)
    return replace(place, time=time)


def _result(observation: etree._Element, place: _Place, labels: Labels) -> Result:
    code, status = observation.find(f"{H}code"), observation.find(f"{H}statusCode")
    return Result(
        test=code_of(code),
        label=labels.of(code),
        value=value_of(observation.find(f"{H}value"), labels),
        interpretation=code_of(observation.find(f"{H}interpretationCode")),
        ranges=tuple(_range(r, labels) for r in observation.findall(f"{H}referenceRange/{H}observationRange")),
        time=times_of(observation.find(f"{H}effectiveTime"))[0] or place.time,
        status=status.get("code", "") if status is not None else "",
        document=place.document,
        section=place.section,
        battery=place.battery,
        isolate=place.isolate,
        method=labels.of(observation.find(f"{H}methodCode")),
    )


def _range(element: etree._Element, labels: Labels) -> Range:
    value = element.find(f"{H}value")
    return Range(
        interval=interval_of(value) if value is not None else None,
        text=labels.text(element.find(f"{H}text")),
        interpretation=code_of(element.find(f"{H}interpretationCode")),
    )
