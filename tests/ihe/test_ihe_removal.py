"""ITI-62 and ITI-86: what is left in registry and repository, and what others do at the same time.

What may go is ITI TF-2 3.62.4.1.3, what is answered for documents ITI TF-2 3.86.4.2.3.
"""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

import pytest
from ihe_world import (
    AUTHORITY,
    EXAMPLES,
    HAS_MEMBER,
    IHE,
    Lab,
    Received,
    Submission,
    association,
    entries,
    fill,
    find_documents,
    message,
    new_patient,
    play,
    provide,
    query,
    register,
    retrieve,
    uuid_of,
)

from dmpws.domain import oids
from dmpws.domain.patient import Ins
from dmpws.pki.demo import DemoPki
from dmpws.store import Store
from dmpws.testing.deposits import entry, lot, received, signature_entry
from dmpws.xml.names import RIM


def provided(lab: Lab, patient: str = "", **values: bytes) -> Submission:
    """Register a document, and return its submission."""
    submission = Submission(patient or new_patient(lab), **values)  # type: ignore[arg-type]
    assert provide(lab, submission).codes == []
    return submission


def whole(lab: Lab, submission: Submission) -> list[str]:
    """UUIDs of every entry of a document, and of what is tied to them."""
    found = query(lab, "GetDocuments", "ObjectRef", XDSDocumentEntryUniqueId=f"('{submission.document}')")
    uuids = [reference.get("id", "") for reference in found.body.iter(f"{{{RIM}}}ObjectRef")]
    listed = "('" + "','".join(uuids) + "')"
    links = query(lab, "GetAssociations", uuid=listed).body.iter(f"{{{RIM}}}Association")
    sets = query(lab, "GetSubmissionSets", uuid=listed).body.iter(f"{{{RIM}}}RegistryPackage")
    return [*uuids, *(item.get("id", "") for items in (links, sets) for item in items)]


def remove(lab: Lab, *uuids: str) -> Received:
    """ITI-62."""
    references = "".join(f'<rim:ObjectRef id="{uuid}"/>' for uuid in uuids)
    text = (EXAMPLES / "ITI-62" / "request.xml").read_text("utf-8")
    start, end = text.index("<rim:ObjectRef "), text.index("  </rim:ObjectRefList>")
    return play(lab, "ITI-62", text[:start] + references + text[end:])


def remove_document(lab: Lab, unique_id: str) -> Received:
    """ITI-86."""
    return play(lab, "ITI-86", message("ITI-86", document1=unique_id, repository=oids.REPOSITORY))


def read(lab: Lab, unique_id: str) -> bytes | list[str]:
    """The octets of a document, or the codes that refuse it."""
    answer = retrieve(lab, unique_id)
    return next((octets.read() for octets in answer.parts.values()), answer.codes)


def files(lab: Lab) -> set[Path]:
    folder = lab.store.blobs._folder
    return {path for path in folder.glob("??/*") if path.is_file()}


def test_metadata_go_and_the_document_stays(lab: Lab) -> None:
    submission = provided(lab)
    assert remove(lab, *whole(lab, submission)).codes == []
    assert entries(find_documents(lab, submission.patient)) == []
    everything = query(lab, "GetAll", patientId=f"'{submission.patient.replace('&amp;', '&')}'", **ALL).body
    assert [e for e in everything.iter() if e.get("id")] == []
    assert read(lab, submission.document) == submission.octets
    trace = next(t for t in reversed(lab.traces()) if t["transaction"] == "ITI-62")
    assert trace["documents"] == [{"uniqueId": submission.document, "typeCode": "34108-1"}]
    assert {change["old"] for change in trace["changes"]} == {"APPROVED"}
    value = submission.patient.partition("^")[0]
    assert trace["patient"] == f"{value}^{AUTHORITY}"

    assert remove_document(lab, submission.document).codes == []
    assert read(lab, submission.document) == ["XDSDocumentUniqueIdError"]
    assert remove_document(lab, submission.document).codes == ["XDSDocumentUniqueIdError"]
    told = {"ITI-18", "ITI-41", "ITI-43", "ITI-62", "ITI-86"}
    of_patient = {t["transaction"] for t in lab.traces() if t.get("patient") == f"{value}^{AUTHORITY}"}
    assert of_patient == told


ALL = {
    f"XDS{kind}Status": "('urn:oasis:names:tc:ebxml-regrep:StatusType:Approved')"
    for kind in ("DocumentEntry", "SubmissionSet", "Folder")
}


def test_a_document_goes_and_its_metadata_stay(lab: Lab) -> None:
    before = files(lab)
    submission, other = provided(lab, octets=b"the same twice"), provided(lab, octets=b"the same twice")
    assert len(files(lab) - before) == 1
    assert remove_document(lab, submission.document).codes == []
    assert read(lab, submission.document) == ["XDSDocumentUniqueIdError"]
    assert len(entries(find_documents(lab, submission.patient))) == 1
    assert read(lab, other.document) == b"the same twice"
    assert remove_document(lab, other.document).codes == []
    assert files(lab) == before
    traces = [t for t in lab.traces() if t["transaction"] == "ITI-86" and t["outcome"] == "accepted"]
    assert traces[-1]["documents"] == [{"uniqueId": other.document, "typeCode": ""}]


def test_who_is_forgotten_may_come_back(lab: Lab) -> None:
    """The registry knows nothing of a document that was removed: even other octets may have its uniqueId."""
    before = files(lab)
    submission = provided(lab, octets=b"first")
    assert remove(lab, *whole(lab, submission)).codes == []
    again = Submission(submission.patient, octets=b"second", document=submission.document)
    assert provide(lab, again).codes == []
    assert read(lab, submission.document) == b"second"
    assert remove(lab, *whole(lab, again)).codes == []
    assert read(lab, submission.document) == b"second"
    assert len(files(lab) - before) == 1
    assert remove_document(lab, submission.document).codes == []
    assert files(lab) == before


def test_of_two_entries_of_a_document_one_goes(lab: Lab) -> None:
    patient = new_patient(lab)
    first = provided(lab, patient)
    uuids = whole(lab, first)
    assert provide(lab, Submission(patient, document=first.document)).codes == []
    assert remove(lab, *uuids).codes == []
    assert len(entries(find_documents(lab, patient))) == 1
    assert read(lab, first.document) == first.octets
    assert remove_document(lab, first.document).codes == []
    assert read(lab, first.document) == ["XDSDocumentUniqueIdError"]


def test_an_older_version_is_the_latest_again(lab: Lab) -> None:
    submission = provided(lab)
    first = whole(lab, submission)
    [entry] = entries(find_documents(lab, submission.patient))
    measures = {s.get("name"): s.findtext(f".//{{{RIM}}}Value") or "" for s in entry.iter(f"{{{RIM}}}Slot")}
    values = {"entry1": first[0], "document1": submission.document, "patient": submission.patient}
    update = message("ITI-57", **values, hash1=measures["hash"], repository=oids.REPOSITORY)
    assert play(lab, "ITI-57", update).codes == []
    second = uuid_of(lab, submission.document, level="1")
    assert second != first[0]
    [holder] = query(lab, "GetSubmissionSets", uuid=f"('{second}')").body.iter(f"{{{RIM}}}RegistryPackage")
    [link] = query(lab, "GetAssociations", uuid=f"('{second}')").body.iter(f"{{{RIM}}}Association")
    assert remove(lab, second, holder.get("id", ""), link.get("id", "")).codes == []
    assert uuid_of(lab, submission.document, level="1") == first[0]
    assert len(entries(find_documents(lab, submission.patient, "Deprecated"))) == 1
    assert read(lab, submission.document) == submission.octets
    assert remove(lab, *first).codes == []
    assert read(lab, submission.document) == submission.octets


def test_what_another_set_holds_is_that_ones_now(lab: Lab) -> None:
    submission = provided(lab)
    uuid, link, holder = whole(lab, submission)
    relation = association(f"{IHE}:AssociationType:APND", "Document01", uuid, "as08")
    member = association(HAS_MEMBER, "SubmissionSet01", uuid, SubmissionSetStatus="Reference")
    other = Submission(submission.patient, [("<!-- more -->", relation + member)])
    assert provide(lab, other).codes == []
    assert remove(lab, link, holder).codes == []
    assert len(entries(find_documents(lab, submission.patient))) == 2
    sets = query(lab, "GetSubmissionSets", uuid=f"('{uuid}')").body.iter(f"{{{RIM}}}RegistryPackage")
    assert [lot.get("id") for lot in sets] != [holder]
    related = query(lab, "GetRelatedDocuments", AssociationTypes=f"('{IHE}:AssociationType:APND')", **{
        "XDSDocumentEntryEntryUUID": f"'{uuid}'"
    })  # fmt: skip
    assert len(entries(related)) == 2


def test_a_folder_goes(lab: Lab) -> None:
    patient = new_patient(lab)
    values = {"folder": fill("{{folder}}", {}), "patient": patient}
    folder = fill((EXAMPLES / "ITI-41" / "folder.xml").read_text("utf-8"), values)
    submission = Submission(patient, [("<!-- more -->", folder)])
    assert provide(lab, submission).codes == []
    found = query(lab, "GetFolders", "ObjectRef", XDSFolderUniqueId=f"('{values['folder']}')").body
    [uuid] = [e.get("id", "") for e in found.iter(f"{{{RIM}}}ObjectRef")]
    links = set(linked(lab, uuid))
    links |= {above for link in links for above in linked(lab, link)}
    assert remove(lab, uuid, *links).codes == []
    assert query(lab, "GetFolders", "ObjectRef", XDSFolderUniqueId=f"('{values['folder']}')").codes == []
    assert len(entries(find_documents(lab, patient))) == 1
    again = Submission(patient, [("<!-- more -->", folder)])
    assert provide(lab, again).codes == []


def test_a_document_registered_elsewhere_too_is_still_here(lab: Lab) -> None:
    """What another repository holds under the same uniqueId hides nothing of ours."""
    submission = provided(lab)
    [entry] = entries(find_documents(lab, submission.patient))
    measures = {s.get("name", ""): s.findtext(f".//{{{RIM}}}Value") or "" for s in entry.iter(f"{{{RIM}}}Slot")}
    assert remove(lab, *whole(lab, submission)).codes == []
    values = {"document": submission.document, "hash": measures["hash"], "size": measures["size"]}
    assert register(lab, submission.patient, **values).codes == []
    assert read(lab, submission.document) == submission.octets


def linked(lab: Lab, uuid: str) -> list[str]:
    found = query(lab, "GetAssociations", uuid=f"('{uuid}')").body.iter(f"{{{RIM}}}Association")
    return [link.get("id", "") for link in found]


def test_all_or_nothing(lab: Lab) -> None:
    submission, other = provided(lab), provided(lab)
    answer = remove(lab, *whole(lab, submission), uuid_of(lab, other.document))
    assert answer.codes == ["ReferencesExistException"]
    patients = (item.patient.partition("^")[0] for item in (submission, other))
    assert lab.traces()[-1]["parameters"]["patient"] == sorted(f"{value}^{AUTHORITY}" for value in patients)
    assert len(entries(find_documents(lab, submission.patient))) == 1


def test_a_signed_lot_stays_with_its_evidence(lab: Lab) -> None:
    """A store that a DMP filled may be served to plain IHE."""
    value = new_patient(lab).partition("^")[0]
    with lab.store.write() as work:
        record = work.patients.find(Ins(value, AUTHORITY))
        assert record is not None
        documents = [(entry(), received(lab.store.blobs, octets)) for octets in (b"<CDA/>", b"<Signature/>")]
        documents[1] = (signature_entry(), documents[1][1])
        made = lot(record, documents)
        work.documents.add_lot(made, now=lab.now)
    uuids = [made.submission_set_uuid, *(e.entry_uuid for e in made.entries), *(a.id for a, _ in made.associations)]
    answer = remove(lab, *uuids)
    assert answer.codes == ["XDSRegistryError"]
    assert "STORE-SIGNED-LOT" in answer.contexts
    assert remove_document(lab, documents[1][0].unique_id).codes == ["XDSRemoveDocumentsError"]
    assert remove_document(lab, documents[0][0].unique_id).codes == []


@pytest.mark.parametrize("second", ["remove", "update", "append", "reference"])
def test_a_removal_and_something_else_at_once(lab: Lab, second: str) -> None:
    """Nothing is left that names what is gone."""
    for _ in range(4):
        submission = provided(lab)
        uuids = whole(lab, submission)
        tie = {
            "append": association(f"{IHE}:AssociationType:APND", "Document01", uuids[0]),
            "reference": association(HAS_MEMBER, "SubmissionSet01", uuids[0], SubmissionSetStatus="Reference"),
        }.get(second, "")

        def other(submission: Submission = submission, uuids: list[str] = uuids, tie: str = tie) -> list[str]:
            if second == "remove":
                return remove(lab, *uuids).codes
            if tie:
                return provide(lab, Submission(submission.patient, [("<!-- more -->", tie)])).codes
            values = {"entry1": uuids[0], "patient": submission.patient}
            return play(lab, "ITI-57", message("ITI-57", "status", **values)).codes

        with ThreadPoolExecutor(2) as pool:
            answers = pool.submit(lambda uuids=uuids: remove(lab, *uuids).codes), pool.submit(other)
            removed, done = (answer.result() for answer in answers)
        left = query(lab, "GetAssociations", uuid=f"('{uuids[0]}')").body
        if removed == []:
            assert not list(left.iter(f"{{{RIM}}}Association"))
            assert done == [] or set(done) <= {"UnresolvedReferenceException"}
        else:
            assert done == []
            assert set(removed) <= {"ReferencesExistException", "UnresolvedReferenceException"}


def test_the_last_two_entries_of_a_document_go_at_once(store: Store, pki: DemoPki, now: datetime) -> None:
    """They are of two patients, so neither record keeps the other removal waiting; the document stays."""
    lab = Lab(store, pki, now)
    for _ in range(4):
        first = provided(lab)
        removals = [whole(lab, first)]
        assert provide(lab, Submission(new_patient(lab), document=first.document)).codes == []
        removals.append([uuid for uuid in whole(lab, first) if uuid not in removals[0]])
        with ThreadPoolExecutor(2) as pool:
            answers = list(pool.map(lambda uuids: remove(lab, *uuids).codes, removals))
        assert answers == [[], []]
        assert read(lab, first.document) == first.octets
