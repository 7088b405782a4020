"""ITI-44: every example of transactions/ITI-44-*, and what becomes of documents when patients are announced."""

import threading
import tomllib
import uuid
from pathlib import Path
from typing import Any

import pytest
from ihe_world import (
    AUTHORITY,
    EXAMPLES,
    IHE,
    Lab,
    MakeLab,
    Received,
    Submission,
    association,
    changed,
    entries,
    fill,
    find_documents,
    play,
    provide,
    query,
    retrieve,
    unique_id,
)

from dmpws.domain.checks import Report
from dmpws.domain.errors import CATALOGUE
from dmpws.domain.patient import Ins
from dmpws.soap.validation import Schemas
from dmpws.testing.official import errors
from dmpws.xml.names import HL7
from dmpws.xml.parser import parse

FOLDERS = ["ITI-44-ADD", "ITI-44-REVISE", "ITI-44-MERGE"]
CASES = [
    {"transaction": name, **case}
    for name in FOLDERS
    for case in tomllib.loads((EXAMPLES / name / "cases.toml").read_text("utf-8"))["case"]
]


def ids(case: dict[str, Any]) -> str:
    return f"{case['transaction']}/{case['id']}"


def fresh() -> str:
    return f"P{uuid.uuid4().int % 10**12}"


def cx(value: str, authority: str = AUTHORITY) -> str:
    return f"{value}^^^&amp;{authority}&amp;ISO"


MORE = ("<!-- more -->", '<id root="{{authority}}" extension="{{second}}"/>')


def tell(lab: Lab, kind: str, *changes: tuple[str, str], **values: str) -> Received:
    """Send a message of the feed."""
    code = f"ITI-44-{kind}"
    text = changed((EXAMPLES / code / "request.xml").read_text("utf-8"), *changes)
    return play(lab, code, fill(text, {"authority": AUTHORITY, **values}))


def acknowledged(answer: Received) -> tuple[str, list[str], str]:
    """Type of the acknowledgement, codes of its details, and their texts and locations."""
    details = list(answer.body.iter(f"{{{HL7}}}acknowledgementDetail"))
    [code] = [e.get("code", "") for e in answer.body.iterfind(f"{{{HL7}}}acknowledgement/{{{HL7}}}typeCode")]
    codes = [d.find(f"{{{HL7}}}code").get("code", "") for d in details]  # type: ignore[union-attr]
    return code, codes, "\n".join("".join(map(str, d.itertext())) for d in details)


def add(lab: Lab, value: str = "") -> str:
    """Announce a patient and return his identifier."""
    value = value or fresh()
    assert acknowledged(tell(lab, "ADD", id=value))[0] == "CA"
    return value


@pytest.fixture(scope="module")
def lab(make_lab: MakeLab) -> Lab:
    return make_lab(f'assigning_authorities = ["{AUTHORITY}"]\n')


def values_of(case: dict[str, Any], lab: Lab) -> dict[str, str]:
    values = {"authority": AUTHORITY, "id": fresh(), "gone": fresh(), "fresh": fresh(), "long": "X" * 300}
    state = case.get("state", "")
    if state:
        add(lab, values["id"])
    if state in ("two", "merged"):
        add(lab, values["gone"])
    if state == "merged":
        assert acknowledged(tell(lab, "MERGE", id=values["id"], gone=values["gone"]))[0] == "CA"
    return values


def text_of(case: dict[str, Any]) -> str:
    text = (EXAMPLES / case["transaction"] / "request.xml").read_text("utf-8")
    return changed(text, *(tuple(pair) for pair in case.get("change", ())))


@pytest.mark.parametrize("case", CASES, ids=ids)
def test_example(case: dict[str, Any], lab: Lab, schemas: Schemas) -> None:
    answer = play(lab, case["transaction"], fill(text_of(case), values_of(case, lab)))
    code, codes, texts = acknowledged(answer)
    assert (code, codes) == (("CE", [case["code"]]) if "code" in case else ("CA", [])), texts
    assert case.get("found", "") in texts
    assert set(codes) <= CATALOGUE.keys()
    report = Report()
    schemas.check(answer.body, report)
    assert [check.message for check in report.failures] == []


@pytest.mark.parametrize("case", CASES, ids=ids)
def test_against_the_official_schemas(case: dict[str, Any], lab: Lab, reference: Path) -> None:
    body = fill(text_of(case), {**values_of(case, lab), "message": "1.2.3"})
    assert (errors(parse(body.encode()), reference) == []) is (case["id"] != "refused-schema")
    assert errors(play(lab, case["transaction"], body).body, reference) == []


def test_the_acknowledgement_is_addressed(lab: Lab) -> None:
    body = tell(lab, "ADD", id=fresh(), message="1.2.3.4").body
    devices = [e.get("root") for e in body.iterfind(f"*/{{{HL7}}}device/{{{HL7}}}id")]
    assert devices == ["1.3.6.1.4.1.21367.13.10.2", "1.3.6.1.4.1.21367.13.10.1"]
    [target] = body.iter(f"{{{HL7}}}targetMessage")
    assert target[0].get("root") == "1.2.3.4"
    assert body.find(f"{{{HL7}}}controlActProcess") is None


def test_who_is_announced_has_documents(lab: Lab) -> None:
    value = fresh()
    assert provide(lab, Submission(cx(value))).codes == ["XDSUnknownPatientId"]
    add(lab, value)
    submission = Submission(cx(value))
    assert provide(lab, submission).codes == []
    assert [unique_id(e) for e in entries(find_documents(lab, cx(value)))] == [submission.document]


def test_traits_are_those_of_the_last_message(lab: Lab) -> None:
    value, second = fresh(), fresh()
    add(lab, value)
    tell(
        lab,
        "REVISE",
        ("<given>DOMINIQUE</given>", "<given>DOMINIQUE</given><family qualifier='SP'>NESSI</family>"),
        MORE,
        id=value,
        second=second,
    )
    with lab.store.read() as work:
        record = work.patients.find(Ins(second, AUTHORITY))
    assert record is not None
    name = record.traits.name
    assert (name.birth, name.used, name.given) == ("PAT-TROIS", "NESSI", "DOMINIQUE")
    assert (record.traits.sex, record.traits.birth_date) == ("F", "19790328")
    assert {ins.value for ins in record.identifiers} == {value, second}
    trace = lab.traces()[-1]
    assert (trace["transaction"], trace["patient"]) == ("ITI-44-REVISE", f"{value}^{AUTHORITY}")
    assert {"what": "identifier", "old": "", "new": f"{second}^{AUTHORITY}"} in trace["changes"]
    assert "name" in {change["what"] for change in trace["changes"]}


def test_a_merge_moves_everything(lab: Lab) -> None:
    stays, goes = add(lab), add(lab)
    folder = fill("{{folder}}", {})
    with_folder = fill((EXAMPLES / "ITI-41" / "folder.xml").read_text("utf-8"), {"folder": folder, "patient": cx(goes)})
    old = Submission(cx(goes), [("<!-- more -->", with_folder)])
    kept = Submission(cx(stays))
    assert provide(lab, old).codes == provide(lab, kept).codes == []
    assert acknowledged(tell(lab, "MERGE", id=stays, gone=goes))[0] == "CA"

    assert {unique_id(e) for e in entries(find_documents(lab, cx(stays)))} == {old.document, kept.document}
    everything = query(lab, "GetAll", patientId=f"'{stays}^^^&{AUTHORITY}&ISO'", **ALL).body
    shown = [e.get("value") for e in everything.iter("{*}ExternalIdentifier") if (e.get("value") or "").startswith("P")]
    # Two documents, two submission sets and a folder.
    assert shown == [f"{stays}^^^&{AUTHORITY}&ISO"] * 5
    [octets] = retrieve(lab, old.document).parts.values()
    assert octets.read() == old.octets

    assert find_documents(lab, cx(goes)).codes == ["XDSUnknownPatientId"]
    assert provide(lab, Submission(cx(goes))).codes == ["XDSUnknownPatientId"]
    relation = association(f"{IHE}:AssociationType:APND", "Document01", entry_of(lab, old.document))
    assert provide(lab, Submission(cx(stays), [("<!-- more -->", relation)])).codes == []


ALL = {
    name: f"('urn:oasis:names:tc:ebxml-regrep:StatusType:{status}')"
    for name, status in (
        ("XDSDocumentEntryStatus", "Approved"),
        ("XDSSubmissionSetStatus", "Approved"),
        ("XDSFolderStatus", "Approved"),
    )
}


def entry_of(lab: Lab, document: str) -> str:
    found = query(lab, "GetDocuments", "ObjectRef", XDSDocumentEntryUniqueId=f"('{document}')")
    return next(e.get("id", "") for e in found.body.iter("{*}ObjectRef"))


def test_merges_follow_each_other(lab: Lab) -> None:
    first, second, third = add(lab), add(lab), add(lab)
    submission = Submission(cx(first))
    assert provide(lab, submission).codes == []
    assert acknowledged(tell(lab, "MERGE", id=second, gone=first))[0] == "CA"
    assert acknowledged(tell(lab, "MERGE", id=third, gone=second))[0] == "CA"
    assert [unique_id(e) for e in entries(find_documents(lab, cx(third)))] == [submission.document]
    for gone in (first, second):
        assert acknowledged(tell(lab, "ADD", id=gone))[1] == ["205"]


def test_two_identifiers_of_one_patient(lab: Lab) -> None:
    value, second = add(lab), fresh()
    assert acknowledged(tell(lab, "REVISE", MORE, id=value, second=second))[0] == "CA"
    submission = Submission(cx(second))
    assert provide(lab, submission).codes == []
    assert acknowledged(tell(lab, "MERGE", id=value, gone=second))[0] == "CA"
    [entry] = entries(find_documents(lab, cx(value)))
    assert next(e.get("value") for e in entry.iter("{*}ExternalIdentifier")) == f"{value}^^^&{AUTHORITY}&ISO"


def test_whom_no_feed_announces_may_be_merged_too(make_lab: MakeLab) -> None:
    lab = make_lab('patients = "any"\n')
    stays, goes = fresh(), fresh()
    for value in (stays, goes):
        assert provide(lab, Submission(cx(value))).codes == []
    assert acknowledged(tell(lab, "MERGE", id=stays, gone=goes))[0] == "CA"
    assert len(entries(find_documents(lab, cx(stays)))) == 2
    assert provide(lab, Submission(cx(goes))).codes == ["XDSUnknownPatientId"]


def test_a_submission_and_a_merge_at_once(lab: Lab) -> None:
    """Whoever is first, no document stays behind with the patient who goes."""
    for _ in range(5):
        stays, goes = add(lab), add(lab)
        submissions = [Submission(cx(goes)) for _ in range(3)]
        answers: dict[str, list[str]] = {}

        def submit(submission: Submission, answers: dict[str, list[str]] = answers) -> None:
            answers[submission.document] = provide(lab, submission).codes

        calls = [threading.Thread(target=submit, args=(s,)) for s in submissions]
        calls.insert(1, threading.Thread(target=tell, args=(lab, "MERGE"), kwargs={"id": stays, "gone": goes}))
        for call in calls:
            call.start()
        for call in calls:
            call.join()
        assert set(map(tuple, answers.values())) <= {(), ("XDSUnknownPatientId",)}
        registered = {document for document, codes in answers.items() if not codes}
        assert {unique_id(e) for e in entries(find_documents(lab, cx(stays)))} == registered


def test_announced_twice_at_once(lab: Lab) -> None:
    value, codes = fresh(), []
    calls = [
        threading.Thread(target=lambda: codes.append(acknowledged(tell(lab, "ADD", id=value))[1])) for _ in range(4)
    ]
    for call in calls:
        call.start()
    for call in calls:
        call.join()
    assert [] in codes
    assert all(found in ([], ["206"]) for found in codes)
