"""ITI-57: what a client finds after an update, and what updates at the same time do to each other."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from ihe_world import (
    EXAMPLES,
    HAS_MEMBER,
    STATUS,
    Lab,
    MakeLab,
    Received,
    Submission,
    association,
    changed,
    entries,
    fill,
    find_documents,
    new_patient,
    play,
    provide,
    query,
    retrieve,
    unique_id,
)
from lxml import etree

from dmpws.xml.names import RIM

UPDATE_STATUS = "urn:ihe:iti:2010:AssociationType:UpdateAvailabilityStatus"
NO_PROPAGATION = (
    "<!-- propagation -->",
    '<rim:Slot name="AssociationPropagation"><rim:ValueList><rim:Value>no</rim:Value></rim:ValueList></rim:Slot>',
)


class Document:
    """A document in a folder, both registered."""

    def __init__(self, lab: Lab, patient: str = "") -> None:
        self.lab, self.patient = lab, patient or new_patient(lab)
        self.values = {"folder1": fill("{{folder}}", {}), "patient": self.patient}
        folder = fill(
            (EXAMPLES / "ITI-41" / "folder.xml").read_text("utf-8").replace("folder}}", "folder1}}"), self.values
        )
        self.submission = Submission(self.patient, [("<!-- more -->", folder)])
        assert provide(lab, self.submission).errors == []
        self.values["document1"] = self.submission.document
        [entry] = self.versions()
        slots = {s.get("name"): s.findtext(f".//{{{RIM}}}Value") for s in entry.iter(f"{{{RIM}}}Slot")}
        self.values |= {"entry1": entry.get("id", ""), "hash1": str(slots["hash"])}
        self.values["repository"] = str(slots["repositoryUniqueId"])
        [holder] = self.folders()
        self.values["folder_entry1"] = holder.get("id", "")

    def update(self, name: str = "request", *changes: tuple[str, str], **values: str) -> Received:
        """Send an update of transactions/ITI-57."""
        text = changed((EXAMPLES / "ITI-57" / f"{name}.xml").read_text("utf-8"), *changes)
        return play(self.lab, "ITI-57", fill(text, {**self.values, **values}))

    def status(self, target: str, old: str, new: str) -> Received:
        """Ask for another status of an object."""
        swap = (("StatusType:Approved", f"StatusType:{old}"), ("StatusType:Deprecated", f"StatusType:{new}"))
        if old == "Deprecated":
            swap = (("StatusType:Deprecated", f"StatusType:{new}"), ("StatusType:Approved", f"StatusType:{old}"))
        return self.update("status", ("{{entry1}}", target), *swap)

    def versions(self, level: str = "2") -> list[etree._Element]:
        asked = {"XDSDocumentEntryUniqueId": f"('{self.values['document1']}')", "MetadataLevel": level}
        return entries(query(self.lab, "GetDocuments", **asked))

    def folders(self, level: str = "1") -> list[etree._Element]:
        asked = {"XDSFolderUniqueId": f"('{self.values['folder1']}')", "MetadataLevel": level}
        return list(query(self.lab, "GetFolders", **asked).body.iter(f"{{{RIM}}}RegistryPackage"))

    def contents(self, **more: str) -> list[tuple[str, str]]:
        """The ends of what puts documents in the folder, latest versions alone."""
        asked = {"XDSFolderUniqueId": f"'{self.values['folder1']}'", **more}
        found = query(self.lab, "GetFolderAndContents", **asked).body.iter(f"{{{RIM}}}Association")
        return [(a.get("sourceObject", ""), a.get("targetObject", "")) for a in found]


def title(item: etree._Element) -> str:
    return item.find(f"{{{RIM}}}Name/{{{RIM}}}LocalizedString").get("value", "")  # type: ignore[union-attr]


def shown(item: etree._Element) -> tuple[str, str, str]:
    """Title, version and status."""
    version = item.find(f"{{{RIM}}}VersionInfo").get("versionName", "")  # type: ignore[union-attr]
    return title(item), version, item.get("status", "").rpartition(":")[2]


def test_a_new_version_takes_the_place_of_the_old_one(lab: Lab) -> None:
    document = Document(lab)
    assert document.update().codes == []
    [latest] = document.versions(level="1")
    assert shown(latest) == ("Physical, corrected", "2", "Approved")
    assert latest.get("lid") == document.values["entry1"] != latest.get("id")
    assert sorted(map(shown, document.versions())) == [
        ("Physical", "1", "Deprecated"),
        ("Physical, corrected", "2", "Approved"),
    ]
    assert [e.get("id") for e in entries(find_documents(lab, document.patient))] == [latest.get("id")]
    [octets] = retrieve(lab, document.submission.document).parts.values()
    assert octets.read() == document.submission.octets
    again = document.update()
    assert again.errors == [("XDSMetadataVersionError", latest.get("id"))]
    trace = next(t for t in reversed(lab.traces()) if t["transaction"] == "ITI-57" and t["outcome"] == "accepted")
    assert trace["documents"] == [{"uniqueId": document.submission.document, "typeCode": "34108-1"}]
    [change] = trace["changes"]
    assert (change["what"], change["old"], change["new"]) == ("version", "1", "2")


def test_the_folder_follows_its_document(lab: Lab) -> None:
    document = Document(lab)
    assert document.update().codes == []
    [latest] = document.versions(level="1")
    assert document.contents() == [(document.values["folder_entry1"], latest.get("id"))]
    alone = Document(lab)
    assert alone.update("request", NO_PROPAGATION).codes == []
    assert alone.contents() == []


def test_the_documents_follow_their_folder(lab: Lab) -> None:
    document = Document(lab)
    assert document.update("folder").codes == []
    [folder] = document.folders()
    assert shown(folder) == ("Referral, renamed", "2", "Approved")
    assert [shown(f)[1:] for f in document.folders(level="2")] == [("2", "Approved"), ("1", "Deprecated")]
    assert document.contents() == [(folder.get("id"), document.values["entry1"])]
    statuses = {"XDSFolderStatus": f"('{STATUS}:Approved','{STATUS}:Deprecated')"}
    patient = f"'{document.patient.replace('&amp;', '&')}'"
    for level, versions in (("1", ["2"]), ("2", ["2", "1"])):
        found = query(lab, "FindFolders", XDSFolderPatientId=patient, MetadataLevel=level, **statuses).body
        assert [shown(f)[1] for f in found.iter(f"{{{RIM}}}RegistryPackage")] == versions


def both(document: Document, *, folder_propagates: bool) -> Received:
    """New versions of a document and of its folder in one message."""
    text = (EXAMPLES / "ITI-57" / "folder.xml").read_text("utf-8")
    folder = text[
        text.index('<rim:RegistryPackage id="Folder01"') : text.index('<rim:RegistryPackage id="SubmissionSet01"')
    ]
    flag = "yes" if folder_propagates else "no"
    member = association(
        HAS_MEMBER, "SubmissionSet01", "Folder01", "as02", PreviousVersion="1", AssociationPropagation=flag
    )
    return document.update("request", ("<!-- more -->", folder + member))


def test_a_document_and_its_folder_at_once(lab: Lab) -> None:
    document = Document(lab)
    assert both(document, folder_propagates=True).codes == []
    [latest], [folder] = document.versions(level="1"), document.folders()
    assert document.contents() == [(folder.get("id"), latest.get("id"))]
    related = Document(lab)
    answer = both(related, folder_propagates=False)
    assert answer.codes == ["XDSMetadataUpdateError"]
    assert "IHE-UPD-PROPAGATION" in answer.contexts


def test_a_document_and_its_folder_go_to_another_patient(lab: Lab) -> None:
    document = Document(lab)
    other = new_patient(lab)
    document.values["patient"] = other
    assert both(document, folder_propagates=True).codes == []
    assert [unique_id(e) for e in entries(find_documents(lab, other))] == [document.submission.document]
    assert entries(find_documents(lab, document.patient)) == []
    assert document.update("folder", ("<rim:Value>1<", "<rim:Value>2<"), patient=document.patient).codes == [
        "XDSPatientIDReconciliationError"
    ]


def test_statuses(lab: Lab) -> None:
    document = Document(lab)
    entry = document.values["entry1"]
    assert document.status(entry, "Approved", "Deprecated").codes == []
    assert entries(find_documents(lab, document.patient)) == []
    assert len(entries(find_documents(lab, document.patient, "Deprecated"))) == 1
    assert document.status(entry, "Approved", "Deprecated").errors == [("XDSMetadataUpdateError", entry)]
    assert document.status(entry, "Deprecated", "Approved").codes == []
    assert len(entries(find_documents(lab, document.patient))) == 1


def test_a_version_and_a_status_at_once(lab: Lab) -> None:
    document = Document(lab)
    both = association(
        UPDATE_STATUS, "SubmissionSet01", document.values["entry1"], "as02",
        OriginalStatus=f"{STATUS}:Approved", NewStatus=f"{STATUS}:Deprecated",
    )  # fmt: skip
    assert document.update("request", ("<!-- more -->", both)).codes == []
    assert [shown(e)[1:] for e in document.versions(level="1")] == [("2", "Deprecated")]


def test_a_document_leaves_its_folder(lab: Lab) -> None:
    document = Document(lab)
    folder = document.values["folder_entry1"]
    links = query(lab, "GetAssociations", uuid=f"('{folder}')").body.iter(f"{{{RIM}}}Association")
    [link] = [a.get("id", "") for a in links if a.get("sourceObject") == folder]
    assert document.status(link, "Approved", "Deprecated").codes == []
    assert document.contents(XDSAssociationStatus=f"('{STATUS}:Approved')") == []
    assert len(document.contents(XDSAssociationStatus=f"('{STATUS}:Deprecated')")) == 1
    assert document.update().codes == []
    assert document.contents() == []
    [latest] = document.versions(level="1")
    assert document.update("association", ("{{folder_entry1}}", folder), entry2=latest.get("id", "")).codes == []
    assert document.contents() == [(folder, latest.get("id"))]


def test_the_domain_says_how_a_first_version_is_refused(make_lab: MakeLab) -> None:
    lab = make_lab('initial_version = "XDSInvalidRequestException"\n')
    assert Document(lab).update("request", (' lid="{{entry1}}"', "")).codes == ["XDSInvalidRequestException"]


@pytest.mark.parametrize("name", ["request", "folder", "status"])
def test_of_updates_at_once_one_wins(lab: Lab, name: str) -> None:
    document = Document(lab)
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: document.update(name).codes, range(4)))
    assert sorted(map(len, answers)) == [0, 1, 1, 1]
    codes = {code for answer in answers for code in answer}
    assert codes <= {"XDSMetadataVersionError", "XDSMetadataUpdateError"}
    assert len([e for e in document.versions() if e.get("status") == f"{STATUS}:Approved"]) == (name != "status")


def test_an_update_and_a_replacement_at_once(lab: Lab) -> None:
    """No replacement of a version that is no longer the latest, and no update of what it deprecates unseen."""
    for _ in range(4):
        document = Document(lab)
        replaces = association("urn:ihe:iti:2007:AssociationType:RPLC", "Document01", document.values["entry1"])
        replacement = Submission(document.patient, [("<!-- more -->", replaces)])
        with ThreadPoolExecutor(2) as pool:
            first = pool.submit(lambda replacement=replacement: provide(lab, replacement).codes)
            second = pool.submit(lambda document=document: document.update().codes)
            codes = [first.result(), second.result()]
        [latest] = document.versions(level="1")
        if not codes[0]:
            assert shown(latest)[2] == "Deprecated"
        else:
            assert codes == [["XDSRegistryDeprecatedDocumentError"], []]
            assert shown(latest)[1:] == ("2", "Approved")
