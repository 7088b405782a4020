"""ITI-41, ITI-42, ITI-18 and ITI-43 together: what is registered is found and read again."""

import hashlib
from pathlib import Path

from ihe_world import (
    AUTHORITY,
    EXAMPLES,
    IHE,
    MEASURED,
    STATUS,
    Lab,
    MakeLab,
    Submission,
    entries,
    fill,
    find_documents,
    new_patient,
    play,
    provide,
    query,
    register,
    relation,
    retrieve,
    unique_id,
    uuid_of,
)
from lxml import etree

from dmpws.domain import oids
from dmpws.testing.official import errors
from dmpws.xml.names import RIM

SLOT = f"{{{RIM}}}Slot"


def slots(entry: etree._Element) -> dict[str, str]:
    return {s.get("name", ""): s.findtext(f".//{{{RIM}}}Value") or "" for s in entry.iterchildren(SLOT)}


def test_what_is_registered_is_found_and_read(lab: Lab) -> None:
    patient = new_patient(lab)
    submission = Submission(patient)
    answer = provide(lab, submission)
    assert (answer.status, answer.outcome) == (200, "Success")
    assert answer.content_type.startswith("multipart/related")
    [entry] = entries(find_documents(lab, patient))
    assert unique_id(entry) == submission.document
    found = slots(entry)
    assert found["hash"] == hashlib.sha1(submission.octets, usedforsecurity=False).hexdigest()
    assert (found["size"], found["repositoryUniqueId"]) == (str(len(submission.octets)), oids.REPOSITORY)
    assert found["languageCode"] == "en-us"
    assert entry.get("status") == f"{STATUS}:Approved"
    prefix = "urn:oasis:names:tc:ebxml-regrep:ObjectType:RegistryObject"
    kinds = {etree.QName(e).localname: e.get("objectType") for e in entry if e.get("id")}
    assert kinds == {name: f"{prefix}:{name}" for name in ("Classification", "ExternalIdentifier")}
    [octets] = retrieve(lab, submission.document).parts.values()
    assert octets.read() == submission.octets
    trace = next(t for t in lab.traces() if t.get("submission_set") == submission.set)
    assert (trace["transaction"], trace["outcome"]) == ("ITI-41", "accepted")
    assert trace["patient"] == patient.replace("^^^&amp;", "^").removesuffix("&amp;ISO")
    assert trace["documents"] == [{"uniqueId": submission.document, "typeCode": "34108-1"}]


def test_answers_against_the_official_schemas(lab: Lab, reference: Path) -> None:
    patient = new_patient(lab)
    submission = Submission(patient)
    answers = [provide(lab, submission), provide(lab, submission), find_documents(lab, patient)]
    answers += [query(lab, "GetSubmissionSetAndContents", XDSSubmissionSetUniqueId=f"'{submission.set}'")]
    answers += [find_documents(lab, "nobody^^^&amp;1.2.3&amp;ISO"), retrieve(lab, submission.document, "1.2.3")]
    assert [error for answer in answers for error in errors(answer.body, reference)] == []


def test_base64_in_a_simple_message(lab: Lab) -> None:
    submission = Submission(new_patient(lab), octets=b"\0inline\xff")
    answer = lab.soap("repository", f"{IHE}:ProvideAndRegisterDocumentSet-b", submission.inline)
    assert answer.outcome == "Success"
    [octets] = retrieve(lab, submission.document).parts.values()
    assert octets.read() == submission.octets


def test_base64_in_a_package(lab: Lab) -> None:
    submission = Submission(new_patient(lab), octets=b"not optimised")
    assert play(lab, "ITI-41", submission.inline).outcome == "Success"
    [octets] = retrieve(lab, submission.document).parts.values()
    assert octets.read() == submission.octets
    broken = Submission(new_patient(lab)).inline.replace("</xds:Document>", "*</xds:Document>")
    assert play(lab, "ITI-41", broken).codes == ["XDSMissingDocument"]


def test_a_document_of_another_repository(lab: Lab) -> None:
    patient = new_patient(lab)
    document = fill("{{document}}", {})
    assert register(lab, patient, document=document).outcome == "Success"
    [entry] = entries(find_documents(lab, patient))
    found = slots(entry)
    assert (found["hash"], found["size"], found["repositoryUniqueId"]) == tuple(MEASURED.values())
    assert retrieve(lab, document).errors == [("XDSDocumentUniqueIdError", document)]
    assert retrieve(lab, document, repository=MEASURED["repository"]).errors == [("XDSUnknownRepositoryId", document)]


def test_the_same_document_again(lab: Lab) -> None:
    patient = new_patient(lab)
    first = Submission(patient)
    for _ in range(3):
        assert provide(lab, Submission(patient, document=first.document)).outcome == "Success"
    assert [unique_id(e) for e in entries(find_documents(lab, patient))] == [first.document] * 3
    got = entries(query(lab, "GetDocuments", XDSDocumentEntryUniqueId=f"('{first.document}')"))
    assert len({e.get("id") for e in got}) == 3
    assert len(retrieve(lab, first.document).parts) == 1
    same_size = Submission(patient, document=first.document, octets=b"X" * len(first.octets))
    assert provide(lab, same_size).codes == ["XDSNonIdenticalHash"]
    assert len(entries(find_documents(lab, patient))) == 3


def test_a_document_registered_elsewhere_and_brought_here(lab: Lab) -> None:
    patient = new_patient(lab)
    submission = Submission(patient, octets=b"the same here and there")
    sha1 = hashlib.sha1(submission.octets, usedforsecurity=False).hexdigest().upper()
    measured = {"hash": sha1, "size": str(len(submission.octets)), "document": submission.document}
    assert register(lab, patient, **measured).outcome == "Success"
    assert provide(lab, submission).outcome == "Success"
    [octets] = retrieve(lab, submission.document).parts.values()
    assert octets.read() == submission.octets


def test_what_follows_a_replacement(lab: Lab) -> None:
    patient = new_patient(lab)
    values = {"patient": patient, "folder": fill("{{folder}}", {})}
    folder = fill((EXAMPLES / "ITI-41" / "folder.xml").read_text("utf-8"), values)
    first = Submission(patient, [("<!-- more -->", folder)])
    assert provide(lab, first).codes == []
    old = uuid_of(lab, first.document)
    appended = Submission(patient, [relation("APND", old)])
    new = Submission(patient, [relation("RPLC", old)])
    assert provide(lab, appended).codes == provide(lab, new).codes == []
    assert [unique_id(e) for e in entries(find_documents(lab, patient))] == [new.document]
    deprecated = {unique_id(e) for e in entries(find_documents(lab, patient, "Deprecated"))}
    assert deprecated == {first.document, appended.document}
    held = query(lab, "GetFolderAndContents", XDSFolderUniqueId=f"'{values['folder']}'")
    assert {unique_id(e) for e in entries(held)} == {first.document, new.document}
    again = Submission(patient, [("<!-- more -->", folder)])
    assert provide(lab, again).codes == ["XDSDuplicateUniqueIdInRegistry"]


def test_all_errors_at_once(lab: Lab) -> None:
    wrong = [("en-us", "x y z"), ("20251224<", "2025-12-24<"), ('value="Physical"', f'value="{"P" * 129}"')]
    answer = provide(lab, Submission("", wrong))
    assert answer.codes == ["XDSRegistryMetadataError"] * 5, answer.contexts


DOMAIN = f"""
repository = "1.3.6.1.4.1.21367.40"
assigning_authorities = ["{AUTHORITY}"]
patients = "any"
unknown_patient = "empty"
[codes]
classCode = ["History and Physical^^Connect-a-thon classCodes"]
mimeType = ["text/plain"]
"""


def test_an_affinity_domain(make_lab: MakeLab) -> None:
    lab = make_lab(DOMAIN)
    patient = f"first-seen^^^&amp;{AUTHORITY}&amp;ISO"
    nobody = find_documents(lab, patient)
    assert (nobody.outcome, entries(nobody)) == ("Success", [])
    submission = Submission(patient)
    assert provide(lab, submission).codes == provide(lab, Submission(patient)).codes == []
    assert len(entries(find_documents(lab, patient))) == 2
    assert retrieve(lab, submission.document).codes == ["XDSUnknownRepositoryId"]
    assert retrieve(lab, submission.document, repository="1.3.6.1.4.1.21367.40").outcome == "Success"
    refused = provide(lab, Submission("P1^^^&amp;1.2.3&amp;ISO"))
    assert refused.codes == ["XDSUnknownPatientId"]
    assert "attendu : un patient connu ; trouvé : P1^^^&1.2.3&ISO [IHE-PATIENT" in refused.contexts
    refused = provide(lab, Submission(patient, [("text/plain", "text/html")]))
    assert refused.codes == ["XDSRegistryMetadataError"]
    assert "attendu : text/plain ; trouvé : mimeType text/html [IHE-CODE" in refused.contexts
    refused = provide(lab, Submission(patient, [("Connect-a-thon classCodes", "Other classCodes")]))
    assert refused.codes == ["XDSRegistryMetadataError"]
    assert "classCode History and Physical (Other classCodes)" in refused.contexts
