"""Every example of the folders transactions/ITI-* gets the answer it promises, from the whole server."""

import hashlib
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import pytest
from ihe_world import (
    EXAMPLES,
    HAS_MEMBER,
    MEASURED,
    QUERIES,
    Lab,
    Submission,
    association,
    changed,
    fill,
    message,
    new_patient,
    play,
    provide,
    query,
    register,
    relation,
    uuid_of,
)
from lxml import etree

from dmpws.domain import oids
from dmpws.domain.checks import Report
from dmpws.domain.errors import CATALOGUE
from dmpws.soap.validation import Schemas
from dmpws.testing.official import errors
from dmpws.transactions.registry import Interface, transactions
from dmpws.xml.names import RIM
from dmpws.xml.parser import parse

ALL_FOLDERS = sorted(path.parent.name for path in EXAMPLES.glob("ITI-*/cases.toml"))
OF_PATIENTS = ("ITI-44", "ITI-47")
"""Theirs are executed by test_ihe_feed.py and test_ihe_demographics.py."""
FOLDERS = [name for name in ALL_FOLDERS if not name.startswith(OF_PATIENTS)]
CASES = [
    {"transaction": name, **case}
    for name in FOLDERS
    for case in tomllib.loads((EXAMPLES / name / "cases.toml").read_text("utf-8"))["case"]
]
OFFLINE = (
    '<rim:Slot name="documentAvailability"><rim:ValueList><rim:Value>urn:ihe:iti:2010:DocumentAvailability:Offline'
    "</rim:Value></rim:ValueList></rim:Slot>"
)


def document(lab: Lab, patient: str, *changes: tuple[str, str]) -> dict[str, str]:
    """Register a document and return its identifiers."""
    submission = Submission(patient, changes)
    assert provide(lab, submission).errors == []
    sha1 = hashlib.sha1(submission.octets, usedforsecurity=False).hexdigest()
    entry = uuid_of(lab, submission.document)
    return {"document": submission.document, "set": submission.set, "hash": sha1, "entry": entry}


def with_folder(lab: Lab, patient: str) -> dict[str, str]:
    values = {"patient": patient, "folder": fill("{{folder}}", {})}
    folder = fill((EXAMPLES / "ITI-41" / "folder.xml").read_text("utf-8"), values)
    values |= document(lab, patient, ("<!-- more -->", folder))
    found = query(lab, "GetFolders", "ObjectRef", XDSFolderUniqueId=f"('{values['folder']}')")
    [reference] = found.body.iter(f"{{{RIM}}}ObjectRef")
    entry = reference.get("id", "")
    ids = {source == entry: link for source, link in links(lab, values["entry"]).items()}
    return {**values, "folder_entry": entry, "member": ids[True], "membership": ids[False]}


def replaced(lab: Lab, patient: str) -> dict[str, str]:
    old = document(lab, patient)
    document(lab, patient, relation("RPLC", old["entry"]))
    return old


def transformation(lab: Lab, patient: str) -> dict[str, str]:
    return document(lab, patient, relation("XFRM", document(lab, patient)["entry"]))


def of_another(lab: Lab, _patient: str) -> dict[str, str]:
    another = new_patient(lab)
    return {**document(lab, another), "patient": another}


def elsewhere(lab: Lab, patient: str) -> dict[str, str]:
    values = {"document": fill("{{document}}", {}), "hash": MEASURED["hash"]}
    assert register(lab, patient, **values).errors == []
    return {**values, "entry": uuid_of(lab, values["document"])}


def updated(lab: Lab, patient: str) -> dict[str, str]:
    """A document that has two versions; entry is that of the second, lid that of the first."""
    first = document(lab, patient)
    values = {f"{name}1": value for name, value in first.items()}
    text = message("ITI-57", **values, patient=patient, repository=oids.REPOSITORY)
    assert play(lab, "ITI-57", text).errors == []
    return {**first, "entry": uuid_of(lab, first["document"], level="1"), "lid": first["entry"]}


def signature(lab: Lab, patient: str) -> dict[str, str]:
    code = ('nodeRepresentation="34108-1"', 'nodeRepresentation="E1762"')
    return document(lab, patient, code, ("2.16.840.1.113883.6.1", "ASTM"))


def links(lab: Lab, uuid: str) -> dict[str, str]:
    """The sources of the associations that have this target, and their UUIDs."""
    found = query(lab, "GetAssociations", uuid=f"('{uuid}')").body.iter(f"{{{RIM}}}Association")
    return {a.get("sourceObject", ""): a.get("id", "") for a in found if a.get("targetObject") == uuid}


def whole(lab: Lab, patient: str, *changes: tuple[str, str]) -> dict[str, str]:
    """A document with its submission set and what links them."""
    values = document(lab, patient, *changes)
    [(lot, link)] = links(lab, values["entry"]).items()
    return {**values, "lot": lot, "link": link, "ENTRY": values["entry"].upper()}


def shared(lab: Lab, patient: str) -> dict[str, str]:
    """A document that another submission set holds too."""
    values = whole(lab, patient)
    member = association(HAS_MEMBER, "SubmissionSet01", values["entry"], SubmissionSetStatus="Reference")
    document(lab, patient, ("<!-- more -->", member))
    return values


def whole_in_folder(lab: Lab, patient: str) -> dict[str, str]:
    values = with_folder(lab, patient)
    [(lot, link)] = [pair for pair in links(lab, values["entry"]).items() if pair[0] != values["folder_entry"]]
    return {**values, "lot": lot, "link": link}


def completed(lab: Lab, patient: str) -> dict[str, str]:
    values = whole(lab, patient)
    document(lab, patient, relation("APND", values["entry"]))
    return values


GIVEN: dict[str, Callable[[Lab, str], dict[str, str]]] = {
    "document": document,
    "folder": with_folder,
    "replaced": replaced,
    "transformation": transformation,
    "other": of_another,
    "elsewhere": elsewhere,
    "updated": updated,
    "whole": whole,
    "whole_of_another": lambda lab, _patient: whole(lab, new_patient(lab)),
    "whole_in_folder": whole_in_folder,
    "shared": shared,
    "completed": completed,
    "signature": signature,
    "offline": lambda lab, patient: document(lab, patient, ("<!-- slots -->", OFFLINE)),
}


def values_of(case: dict[str, Any], lab: Lab) -> dict[str, str]:
    """Put the server in the state a case asks for, and return what its placeholders stand for."""
    patient = new_patient(lab)
    values = {"patient": patient, "repository": oids.REPOSITORY}
    if case["transaction"] == "ITI-42":
        values |= {"hash": "ab" * 20, "size": "1234", "repository": "1.3.6.1.4.1.21367.9"}
    for number, kind in enumerate(case.get("given", ()), 1):
        made = GIVEN[kind](lab, patient)
        if kind == "other":
            values |= {"other": made["entry"], "patient_other": made["patient"]}
        else:
            values |= {f"{name}{number}": value for name, value in made.items()}
    return values


def text_of(case: dict[str, Any]) -> str:
    text = (EXAMPLES / case["transaction"] / case.get("request", "request.xml")).read_text("utf-8")
    text = changed(text, *(tuple(pair) for pair in case.get("change", ())))
    slots = "".join(slot(name, values) for name, values in case.get("parameters", {}).items())
    text = text.replace("<!-- parameters -->", slots)
    if "query" in case:
        text = text.replace("{{query}}", QUERIES.get(case["query"], case["query"]))
    if "{{document_again}}" in text:
        start, end = text.index("<rim:ExtrinsicObject"), text.index("<rim:RegistryPackage")
        text = text.replace("{{document_again}}", text[start:end].replace("Document01", "Document02"))
    return text


def slot(name: str, values: list[Any]) -> str:
    if values and isinstance(values[0], list):
        return "".join(slot(name, group) for group in values)
    inside = "".join(f"<Value>{escape(value)}</Value>" for value in values)
    return f'<Slot name="{name}"><ValueList>{inside}</ValueList></Slot>'


def ids(case: dict[str, Any]) -> str:
    return f"{case['transaction']}/{case['id']}"


@pytest.mark.parametrize("case", CASES, ids=ids)
def test_example(case: dict[str, Any], lab: Lab, schemas: Schemas) -> None:
    values = values_of(case, lab)
    octets = case.get("document", "History and physical").encode()
    answer = play(lab, case["transaction"], fill(text_of(case), values), octets)
    assert answer.codes == case.get("codes", []), answer.contexts
    assert answer.outcome == case.get("status", "Failure" if "codes" in case else "Success")
    assert fill(case.get("context", ""), values) in answer.contexts
    assert set(answer.codes) <= CATALOGUE.keys()
    if case["transaction"] == "ITI-18":
        [listed] = answer.body.iter(f"{{{RIM}}}RegistryObjectList")
        kinds = [etree.QName(child).localname for child in listed]
        assert {kind: kinds.count(kind) for kind in kinds} == case.get("found", {})
    report = Report()
    schemas.check(answer.body, report)
    assert [check.message for check in report.failures] == []


@pytest.mark.parametrize("case", CASES, ids=ids)
def test_bodies_against_the_official_schemas(case: dict[str, Any], reference: Path) -> None:
    body = parse(fill(text_of(case), {}).encode())
    for include in body.iter("{http://www.w3.org/2004/08/xop/include}Include"):
        include.getparent().remove(include)  # type: ignore[union-attr]
    assert (errors(body, reference) == []) is (case["id"] != "refused-schema")


def test_there_are_accepted_and_refused_ones() -> None:
    for name in ALL_FOLDERS:
        named = [case["id"] for case in tomllib.loads((EXAMPLES / name / "cases.toml").read_text("utf-8"))["case"]]
        assert len(set(named)) == len(named)
        for kind in ("accepted", "refused"):
            assert any(identifier.startswith(kind) for identifier in named), (name, kind)
        assert {"sheet.md", "request.xml"} <= {path.name for path in (EXAMPLES / name).iterdir()}


def test_every_transaction_has_a_folder() -> None:
    assert {t.code for t in transactions(Interface.IHE)} == set(ALL_FOLDERS)
