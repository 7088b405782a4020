"""ITI-47: every example of transactions/ITI-47, who is found, and what an answer shows of him.

The criteria are those of ITI TF-2 3.47.4.1.2, the cases of the answer those of ITI TF-2 3.47.4.2.
"""

import re
import tomllib
import uuid
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import pytest
from ihe_world import AUTHORITY, EXAMPLES, Lab, MakeLab, Received, changed, fill, play
from lxml import etree

from dmpws.domain.checks import Report
from dmpws.domain.errors import CATALOGUE
from dmpws.soap.validation import Schemas
from dmpws.testing.official import errors
from dmpws.xml.names import HL7
from dmpws.xml.parser import parse

CASES = tomllib.loads((EXAMPLES / "ITI-47" / "cases.toml").read_text("utf-8"))["case"]
EMPTY = "1.3.6.1.4.1.21367.2005.13.20.2000"
"""An authority of the domain that has identified nobody."""
NAMES = {"authority": AUTHORITY, "empty": EMPTY, "long": "X" * 300}


def announce(lab: Lab, *changes: tuple[str, str], **values: str) -> None:
    text = changed((EXAMPLES / "ITI-44-ADD" / "request.xml").read_text("utf-8"), *changes)
    answer = play(lab, "ITI-44-ADD", fill(text, {"authority": AUTHORITY, **values}))
    assert "CA" in [e.get("code") for e in answer.body.iter(f"{{{HL7}}}typeCode")]


@pytest.fixture(scope="module")
def lab(make_lab: MakeLab) -> Lab:
    """Three patients of one name, which no other has, and too many women."""
    lab = make_lab(f'assigning_authorities = ["{AUTHORITY}", "{EMPTY}"]\n', max_results=3)
    second = '<id root="{{authority}}" extension="{{second}}"/><id root="1.2.3" extension="elsewhere"/>'
    people = {
        "one": [("<!-- more -->", second), ("</addr>", "</addr><addr><city>LYON</city></addr>")],
        "other": [("DOMINIQUE", "RUTH"), ("19790328", "19791231")],
        "third": [("DOMINIQUE", "CECILE"), ("19790328", "19800101"), ('code="F"', 'code="M"')],
        "fourth": [("NESSI", "ALOT")],
        "fifth": [("NESSI", "LEFEBVRE")],
    }
    for name, changes in people.items():
        announce(lab, ("</given><family>PAT-TROIS", "</given><family>NESSI"), *changes, id=name, second="two")
    return lab


def text_of(case: dict[str, Any]) -> str:
    text = (EXAMPLES / "ITI-47" / "request.xml").read_text("utf-8")
    if "only" in case:
        parameters = {"livingSubjectAdministrativeGender", "livingSubjectBirthTime", "livingSubjectId",
            "livingSubjectName", "patientAddress"}  # fmt: skip
        for name in parameters - set(case["only"]):
            text = re.sub(rf"<{name}>.*?</{name}>", "", text, flags=re.DOTALL)
    text = changed(text, *(tuple(pair) for pair in case.get("change", ())))
    values = {**NAMES, "family": "NESSI", "id": "one", "second": "two", "other": "other", "unknown": uuid.uuid4().hex}
    return fill(text, values)


def ask(lab: Lab, **case: Any) -> Received:
    return play(lab, "ITI-47", text_of(case))


def codes(answer: Received, name: str) -> list[str]:
    """`code` of the elements of this name."""
    return [e.get("code", "") for e in answer.body.iter(f"{{{HL7}}}{name}")]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_example(case: dict[str, Any], lab: Lab, schemas: Schemas) -> None:
    answer = ask(lab, **case)
    details = list(answer.body.iter(f"{{{HL7}}}acknowledgementDetail"))
    given = [d.find(f"{{{HL7}}}code").get("code", "") for d in details]  # type: ignore[union-attr]
    texts = "\n".join("".join(map(str, d.itertext())) for d in details)
    assert (codes(answer, "typeCode"), given) == (["AE"], [case["code"]]) if "code" in case else (["AA"], []), texts
    assert codes(answer, "queryResponseCode") == [case.get("response", "OK")]
    assert len(list(answer.body.iter(f"{{{HL7}}}registrationEvent"))) == case.get("found", 0)
    assert set(given) <= CATALOGUE.keys()
    locations = [e.text for e in answer.body.iter(f"{{{HL7}}}location")]
    assert "location" not in case or locations == [case["location"]]
    report = Report()
    schemas.check(answer.body, report)
    assert [check.message for check in report.failures] == []


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_against_the_official_schemas(case: dict[str, Any], lab: Lab, reference: Path) -> None:
    body = text_of(case).replace('<id root="2.25', '<id root="1.2.3.4')
    assert (errors(parse(body.encode()), reference) == []) is (case["id"] != "refused-schema")
    assert errors(play(lab, "ITI-47", body).body, reference) == []


def test_what_is_shown(lab: Lab) -> None:
    """The identifiers of the domain and the traits of the feed, how near he is, and the query once more."""
    body = ask(lab).body
    [patient] = body.iter(f"{{{HL7}}}patient")
    assert [(e.get("root"), e.get("extension")) for e in patient.iterfind(f"{{{HL7}}}id")] == [
        (AUTHORITY, "one"),
        (AUTHORITY, "two"),
    ]
    [person] = patient.iter(f"{{{HL7}}}patientPerson")
    values = [(etree.QName(e).localname, e.get("value") or "".join(map(str, e.itertext()))) for e in person]
    assert values == [
        ("name", "DOMINIQUENESSI"),
        ("telecom", "tel:+33-1-00-00-00-00"),
        ("administrativeGenderCode", ""),
        ("birthTime", "19790328"),
        ("addr", "1 rue du Test75001PARIS"),
        ("addr", "LYON"),
    ]
    assert [e.get("value") for e in body.iterfind(f".//{{{HL7}}}queryMatchObservation/{{{HL7}}}value")] == ["100"]
    assert [e.get("root") for e in body.iterfind(f".//{{{HL7}}}providerOrganization/{{{HL7}}}id")] == [AUTHORITY]
    [repeated] = body.iter(f"{{{HL7}}}queryByParameter")
    assert [e.text for e in repeated.iter(f"{{{HL7}}}given")] == ["DOMINIQUE"]
    quantities = ("resultTotalQuantity", "resultCurrentQuantity", "resultRemainingQuantity")
    assert [e.get("value") for name in quantities for e in body.iter(f"{{{HL7}}}{name}")] == ["1", "1", "0"]
    devices = [e.get("root") for e in body.iterfind(f"*/{{{HL7}}}device/{{{HL7}}}id")]
    assert devices == ["1.3.6.1.4.1.21367.13.10.2", "1.3.6.1.4.1.21367.13.10.1"]
    trace = lab.traces()[-1]
    assert (trace["transaction"], trace["query"]) == ("ITI-47", "PDQSupplier_PRPA_IN201305UV02")
    assert trace["parameters"]["found"] == [f"one^{AUTHORITY}"]


def test_a_domain_that_identifies_nobody(lab: Lab) -> None:
    """Never an identifier of another domain than the one asked for (ITI TF-2 3.47.4.2.2.8)."""
    [case] = [case for case in CASES if case["id"] == "accepted-domain-without-identifier"]
    [patient] = ask(lab, **case).body.iter(f"{{{HL7}}}patient")
    assert [e.get("nullFlavor") for e in patient.iterfind(f"{{{HL7}}}id")] == ["NI"]
    [other] = patient.iter(f"{{{HL7}}}asOtherIDs")
    assert [(e.get("nullFlavor"), e.get("root")) for e in other.iter(f"{{{HL7}}}id")] == [("NI", None), (None, EMPTY)]


def test_the_nearest_are_shown(lab: Lab) -> None:
    """Nothing of the patients beyond initialQuantity (ITI TF-2 3.47.4.1.3)."""
    only = {"only": ["livingSubjectName"], "change": [["<!-- quantity -->", '<initialQuantity value="1"/>']]}
    one = "<value><family>NESSI</family><given>DOMINIQUE</given></value>"
    near = "<value use='SRCH'><family>NESS</family></value><value><family>NESSI</family><given>RUTH</given></value>"
    body = play(lab, "ITI-47", text_of(only).replace(one, near)).body
    assert [e.text for e in body.iterfind(f".//{{{HL7}}}patientPerson//{{{HL7}}}given")] == ["RUTH"]
    assert codes(Received(200, "", body), "queryResponseCode") == ["AE"]
    quantities = ("resultTotalQuantity", "resultCurrentQuantity", "resultRemainingQuantity")
    assert [e.get("value") for name in quantities for e in body.iter(f"{{{HL7}}}{name}")] == ["3", "1", "2"]


@pytest.mark.parametrize("written", ["' OR '1'='1", "%", "_", "O'%'; DROP TABLE patient; --", "\\", '"', "*"])
def test_signs_are_letters_to_nobody(lab: Lab, written: str) -> None:
    """Neither SQL nor a pattern: nothing is found, or nothing was asked."""
    for template in ("<family>NESSI</family>", "<given>DOMINIQUE</given>"):
        name = re.match("<([a-z]+)>", template)[1]  # type: ignore[index]
        text = text_of({"only": ["livingSubjectName"]}).replace(template, f"<{name}>{escape(written)}</{name}>")
        body = play(lab, "ITI-47", text).body
        assert list(body.iter(f"{{{HL7}}}patient")) == []
        [response] = body.iter(f"{{{HL7}}}queryResponseCode")
        assert response.get("code") in {"NF", "QE"}


def test_in_a_domain_without_authorities(make_lab: MakeLab) -> None:
    """Whoever identifies a patient, he is found, with all identifiers."""
    lab = make_lab()
    second = '<id root="1.2.3" extension="elsewhere"/>'
    announce(lab, ("</given><family>PAT-TROIS", "</given><family>NESSI"), ("<!-- more -->", second), id="one")
    [patient] = ask(lab).body.iter(f"{{{HL7}}}patient")
    assert {e.get("root") for e in patient.iterfind(f"{{{HL7}}}id")} == {AUTHORITY, "1.2.3"}
