"""Additions, transformations, folders and references to registered documents, at deposit and afterwards."""

import uuid
from pathlib import Path
from typing import Any

import pytest
from lxml import etree
from xds_world import (
    FOLDER,
    MASK,
    REPLACE,
    Frame,
    World,
    entries_of,
    errors_of,
    lot,
    placeholders,
    query,
    rules_of,
    unique_id_of,
)

from dmpws.cast import PATIENTS
from dmpws.codec.ebxml.query_forms import FORMS
from dmpws.domain.document import Status, StoredEntry
from dmpws.domain.oids import INS_C
from dmpws.domain.patient import Ins
from dmpws.resources import folder
from dmpws.xml.names import RIM

LIST_END = "</rim:RegistryObjectList>"
TYPE = "urn:ihe:iti:2007:AssociationType:"
HAS_MEMBER = "urn:oasis:names:tc:ebxml-regrep:AssociationType:HasMember"
QUERY = (folder("transactions") / "TD3.1" / "query.xml").read_text("utf-8")
ABSENT = "urn:uuid:00000000-0000-4000-8000-000000000000"


def tied(kind: str, target: str, *changes: list[str]) -> Frame:
    """A lot whose document completes, transforms or replaces `target`."""
    relation = REPLACE.replace(f"{TYPE}RPLC", TYPE + kind)
    return lot(placeholders(target=target), change=[[LIST_END, relation], *changes])


def in_folder(*changes: list[str], **values: str) -> Frame:
    """A lot with a folder that holds its document."""
    values.setdefault("folder_unique_id", f"2.25.{uuid.uuid4().int}")
    return lot(placeholders(**values), change=[[LIST_END, FOLDER], *changes])


def put_in(folder_uuid: str, document: str) -> Frame:
    """A lot that puts a registered document in a registered folder."""
    return lot(change=[[LIST_END, into(folder_uuid, document)]])


def into(folder_uuid: str, document: str) -> str:
    """A membership of a folder, as a member of the lot."""
    return (
        f'<rim:Association id="in" associationType="{HAS_MEMBER}" sourceObject="{folder_uuid}"'
        f' targetObject="{document}"/>'
        f'<rim:Association id="has-in" associationType="{HAS_MEMBER}" sourceObject="lot" targetObject="in"/>{LIST_END}'
    )


def referring(document: str, status: str = "Reference") -> Frame:
    """A lot that holds, besides its own document, a registered one."""
    link = (
        f'<rim:Association id="ref" associationType="{HAS_MEMBER}" sourceObject="lot" targetObject="{document}">'
        '<rim:Slot name="SubmissionSetStatus">'
        f"<rim:ValueList><rim:Value>{status}</rim:Value></rim:ValueList></rim:Slot></rim:Association>{LIST_END}"
    )
    return lot(change=[[LIST_END, link]])


def deposited(world: World, frame: Frame, caller: str = "libre") -> StoredEntry:
    assert errors_of(world.deposit(frame, caller)) == []
    return now(world, frame)


def now(world: World, frame: Frame) -> StoredEntry:
    with world.store.read() as work:
        return work.documents.by_unique_id([frame.values["document_unique_id"]])[0]


def folder_of(world: World, frame: Frame) -> str:
    with world.store.read() as work:
        (found,) = work.packages.folders(unique_ids=[frame.values["folder_unique_id"]])
        return found.uuid


def ask(world: World, name: str, caller: str = "libre", **parameters: str) -> etree._Element:
    identifier = next(key for key, form in FORMS.items() if form.name == name)
    slots = "".join(
        f'<rim:Slot name="${key}"><rim:ValueList><rim:Value>{value}</rim:Value></rim:ValueList></rim:Slot>'
        for key, value in parameters.items()
    )
    text = QUERY.replace("</rim:AdhocQuery>", f"{slots}</rim:AdhocQuery>")
    body = world.search(query(text, {"query": identifier}), caller)
    assert errors_of(body) == []
    return body


def links_of(body: etree._Element) -> list[tuple[str, str, str]]:
    return [
        (a.get("associationType", "").rpartition(":")[2], a.get("sourceObject", ""), a.get("targetObject", ""))
        for a in body.iter(f"{{{RIM}}}Association")
    ]


def folders_of(world: World, entry: StoredEntry, caller: str = "libre") -> list[str]:
    body = ask(world, "GetFoldersForDocument", caller, XDSDocumentEntryEntryUUID=f"'{entry.entry_uuid}'")
    return [package.get("id", "") for package in body.iter(f"{{{RIM}}}RegistryPackage")]


@pytest.fixture(autouse=True)
def authorised(world: World) -> None:
    world.authorise("libre")
    world.authorise("camparini")


@pytest.mark.parametrize("kind", ["APND", "XFRM"])
def test_an_addition_leaves_the_original_and_falls_with_it(world: World, kind: str) -> None:
    first = lot()
    original = deposited(world, first)
    more = tied(kind, original.entry_uuid)
    addition = deposited(world, more)
    assert now(world, first).status is Status.APPROVED
    asked = {"XDSDocumentEntryEntryUUID": f"'{original.entry_uuid}'", "AssociationTypes": f"('{TYPE}{kind}')"}
    related = ask(world, "GetRelatedDocuments", **asked)
    assert {unique_id_of(e) for e in entries_of(related)} == {original.unique_id, addition.unique_id}
    assert links_of(related) == [(kind, addition.entry_uuid, original.entry_uuid)]
    archived = deposited(world, tied(kind, original.entry_uuid))
    with world.store.write() as work:
        work.documents.set_status([archived.id], Status.ARCHIVED)
    deposited(world, tied("RPLC", original.entry_uuid))
    fallen = [original.unique_id, addition.unique_id, archived.unique_id]
    with world.store.read() as work:
        assert {entry.status for entry in work.documents.by_unique_id(fallen)} == {Status.DEPRECATED}
    assert [change["uniqueId"] for change in world.notes.changes] == fallen


def test_a_transformation_may_replace(world: World) -> None:
    first = lot()
    original = deposited(world, first)
    new = deposited(world, tied("XFRM_RPLC", original.entry_uuid))
    assert now(world, first).status is Status.DEPRECATED
    found = links_of(ask(world, "GetAssociations", uuid=f"('{original.entry_uuid}')"))
    assert ("XFRM_RPLC", new.entry_uuid, original.entry_uuid) in found


def test_another_doctor_may_complete_but_not_replace(world: World) -> None:
    original = deposited(world, lot())
    for kind, rules in (("APND", set()), ("XFRM_RPLC", {"LOT-AUTHOR"})):
        relation = REPLACE.replace(f"{TYPE}RPLC", TYPE + kind)
        frame = lot(
            placeholders(target=original.entry_uuid),
            change=[[LIST_END, relation]],
            replace_all=[["899900063480", "801234534765"]],
        )
        assert rules_of(world.deposit(frame, "camparini")) == rules


def test_a_masked_document_is_as_unknown_as_an_absent_one(world: World) -> None:
    masked = deposited(world, lot(change=[["<!-- formatCode -->", MASK]]))
    swap = [["899900063480", "801234534765"]]
    answers = []
    for target in (masked.entry_uuid, ABSENT):
        relation = REPLACE.replace(f"{TYPE}RPLC", f"{TYPE}APND")
        frame = lot(placeholders(target=target), change=[[LIST_END, relation]], replace_all=swap)
        (error,) = errors_of(world.deposit(frame, "camparini"))
        answers.append((error[0], error[1].replace(target, "")))
    assert answers[0] == answers[1]
    assert answers[0][0] == "UnresolvedReferenceException"


def test_the_treating_doctor_completes_a_masked_document_and_does_not_replace_it(world: World) -> None:
    """He finds it, so it is not unknown to him; being no author of it is another matter."""
    world.authorise("doctorant", treating_doctor=True)
    masked = deposited(world, lot(change=[["<!-- formatCode -->", MASK]]))
    swap = [["899900063480", "801234567897"]]
    for kind, rules in (("RPLC", {"LOT-AUTHOR"}), ("APND", set())):
        relation = REPLACE.replace(f"{TYPE}RPLC", TYPE + kind)
        frame = lot(placeholders(target=masked.entry_uuid), change=[[LIST_END, relation]], replace_all=swap)
        assert rules_of(world.deposit(frame, "doctorant")) == rules


def test_the_document_of_another_patient(world: World) -> None:
    """Known to its author; as unknown as an absent one to anybody else."""
    world.open_dmp("nessi")
    world.patient = "nessi"
    frame = lot(placeholders("nessi"))
    other = deposited(world, frame)
    world.patient = "pat-trois"
    swap = [["899900063480", "801234534765"]]
    for kind in ("RPLC", "APND"):
        relation = REPLACE.replace(f"{TYPE}RPLC", TYPE + kind)
        frame = lot(placeholders(target=other.entry_uuid), change=[[LIST_END, relation]], replace_all=swap)
        assert [code for code, _ in errors_of(world.deposit(frame, "camparini"))] == ["UnresolvedReferenceException"]
    for body in (world.deposit(tied("APND", other.entry_uuid)), world.deposit(referring(other.entry_uuid))):
        assert [code for code, _ in errors_of(body)] == ["XDSPatientIdDoesNotMatch"]


# ---- folders


def test_a_folder_follows_the_replacement(world: World) -> None:
    first = in_folder()
    original = deposited(world, first)
    holder = folder_of(world, first)
    before = ask(world, "GetFolders", XDSFolderEntryUUID=f"('{holder}')")
    second = tied("RPLC", original.entry_uuid)
    new = deposited(world, second)
    assert folders_of(world, new) == [holder]
    contents = ask(world, "GetFolderAndContents", XDSFolderEntryUUID=f"'{holder}'")
    assert {(s, t) for _, s, t in links_of(contents)} == {(holder, original.entry_uuid), (holder, new.entry_uuid)}
    assert last_update(contents) > last_update(before)
    lot_id = f"'{second.values['lot_unique_id']}'"
    inherited = ask(world, "GetSubmissionSetAndContents", XDSSubmissionSetUniqueId=lot_id)
    assert [kind for kind, _, _ in links_of(inherited)] == ["HasMember"] * 2
    # The lot holds the new membership too, which goes to a folder the lot does not hold.
    (found,) = [a for a in memberships(world, holder) if a.target == new.entry_uuid]
    assert found.uuid in {t for _, _, t in links_of(ask(world, "GetAssociations", uuid=f"('{found.uuid}')"))}


def memberships(world: World, holder: str) -> list[Any]:
    with world.store.read() as work:
        return list(work.packages.associations(sources=[holder]))


def last_update(body: etree._Element) -> str:
    return str(body.findtext(f".//{{{RIM}}}Slot[@name='lastUpdateTime']//{{{RIM}}}Value"))


def test_a_hidden_member_does_not_move_last_update_time(world: World) -> None:
    first = in_folder()
    deposited(world, first)
    holder = folder_of(world, first)
    masked = deposited(world, lot(change=[["<!-- formatCode -->", MASK]]))
    deposited(world, put_in(holder, masked.entry_uuid))
    seen = {who: last_update(ask(world, "GetFolders", who, XDSFolderEntryUUID=f"('{holder}')")) for who in CALLERS}
    assert seen["camparini"] < seen["libre"]
    asked = {"XDSFolderStatus": f"('{Status.APPROVED}')", "XDSFolderLastUpdateTimeFrom": seen["libre"]}
    for who, number in (("libre", 1), ("camparini", 0)):
        body = ask(world, "FindFolders", who, **asked)
        assert body.get("totalResultCount") == str(number)


CALLERS = ("libre", "camparini")


def test_a_folder_may_be_empty(world: World) -> None:
    frame = lot(
        placeholders(folder_unique_id="2.25.77"),
        change=[[LIST_END, FOLDER[: FOLDER.index('<rim:Association id="in-folder"')] + LIST_END]],
    )
    deposited(world, frame)
    body = ask(world, "GetFolders", "camparini", XDSFolderUniqueId="('2.25.77')")
    (package,) = body.iter(f"{{{RIM}}}RegistryPackage")
    assert list(package.attrib) == ["id", "lid", "objectType", "status"]
    assert package.get("id") == package.get("lid")


def test_a_folder_of_hidden_documents_is_unknown_to_others(world: World) -> None:
    first = in_folder(["<!-- formatCode -->", MASK])
    masked = deposited(world, first)
    visible = deposited(world, lot())
    holder = folder_of(world, first)
    swap = [["899900063480", "801234534765"]]
    for target in (holder, ABSENT):
        frame = lot(change=[[LIST_END, into(target, visible.entry_uuid)]], replace_all=swap)
        assert rules_of(world.deposit(frame, "camparini")) == {"REG-TARGET"}
    assert folders_of(world, masked) == [holder]
    assert folders_of(world, masked, "camparini") == []


# ---- by reference


def test_a_lot_refers_to_a_registered_document(world: World) -> None:
    known = deposited(world, lot())
    frame = referring(known.entry_uuid)
    deposited(world, frame)
    body = ask(world, "GetSubmissionSetAndContents", XDSSubmissionSetUniqueId=f"'{frame.values['lot_unique_id']}'")
    assert known.unique_id in {unique_id_of(e) for e in entries_of(body)}


# ---- answers


def test_several_patients_in_one_answer(world: World) -> None:
    """Who wrote both documents knows of both; to anybody else the other patient's is unknown."""
    mine = deposited(world, lot())
    world.open_dmp("nessi")
    world.patient = "nessi"
    other = deposited(world, lot(placeholders("nessi")))
    world.patient = "pat-trois"
    both = f"('{mine.entry_uuid}','{other.entry_uuid}')"
    text = QUERY.replace(
        "</rim:AdhocQuery>",
        f'<rim:Slot name="$XDSDocumentEntryEntryUUID"><rim:ValueList><rim:Value>{both}</rim:Value></rim:ValueList>'
        "</rim:Slot></rim:AdhocQuery>",
    )
    values = {"query": next(key for key, form in FORMS.items() if form.name == "GetDocuments")}
    body = world.search(query(text, values))
    assert [code for code, _ in errors_of(body)] == ["XDSResultNotSinglePatient"]
    assert body.get("totalResultCount") == "0"
    references = world.search(query(text.replace("LeafClass", "ObjectRef"), values))
    assert [ref.get("id") for ref in references.iter(f"{{{RIM}}}ObjectRef")] == [mine.entry_uuid]
    found = world.search(query(text, values), "camparini")
    assert [unique_id_of(e) for e in entries_of(found)] == [mine.unique_id]


def test_several_patients_tell_no_hidden_document(world: World) -> None:
    """Asked for together with one's own document on another patient, a hidden one is like none at all."""
    hidden = deposited(world, lot(change=[["<!-- formatCode -->", MASK]]))
    world.open_dmp("nessi")
    world.patient = "nessi"
    world.authorise("camparini", "nessi")
    own = deposited(world, lot(placeholders("nessi"), replace_all=[["899900063480", "801234534765"]]), "camparini")
    world.patient = "pat-trois"
    for other in (hidden.entry_uuid, ABSENT):
        both = f"('{own.entry_uuid}','{other}')"
        assert ask(world, "GetDocuments", "camparini", XDSDocumentEntryEntryUUID=both).get("totalResultCount") == "0"


def test_the_attributes_of_an_association(world: World) -> None:
    entry = deposited(world, lot())
    (link,) = ask(world, "GetAssociations", uuid=f"('{entry.entry_uuid}')").iter(f"{{{RIM}}}Association")
    names = ["associationType", "id", "lid", "objectType", "sourceObject", "status", "targetObject"]
    assert list(link.attrib) == names
    assert [etree.QName(child).localname for child in link] == ["Slot", "VersionInfo"]


def test_documents_under_a_former_identifier_are_found_through_the_current_one(world: World) -> None:
    person = PATIENTS["nessi"]
    former = [Ins("277076322082911", person.ins.authority), Ins("0" * 22, INS_C)]
    with world.store.write() as work:
        work.patients.create(
            [person.ins, *former], person.traits, now=world.now, opposes_bris_de_glace=False, opposes_centre_15=False
        )
    world.patient = "nessi"
    world.authorise("libre", "nessi")
    stored = []
    for ins in (*former, person.ins):
        values = placeholders("nessi") | {
            "patient": f"{ins.value}^^^&amp;{ins.authority}&amp;ISO^NH",
            "patient_value": ins.value,
            "patient_authority": ins.authority,
        }
        frame = lot(values)
        stored.append(deposited(world, frame).unique_id)
    status = {"XDSDocumentEntryStatus": f"('{Status.APPROVED}')"}
    for named in ({}, *({"XDSDocumentEntryPatientId": f"'{i.value}^^^&amp;{i.authority}&amp;ISO'"} for i in former)):
        body = ask(world, "FindDocuments", **status, **named)
        assert {unique_id_of(e) for e in entries_of(body)} == set(stored)


def test_everything_of_a_record_follows_the_official_schema(world: World, reference: Path) -> None:
    first = in_folder()
    original = deposited(world, first)
    deposited(world, tied("APND", original.entry_uuid))
    deposited(world, tied("RPLC", original.entry_uuid))
    both = f"('{Status.APPROVED}','{Status.DEPRECATED}')"
    kinds = ("XDSDocumentEntryStatus", "XDSSubmissionSetStatus", "XDSFolderStatus")
    body = ask(world, "GetAll", **dict.fromkeys(kinds, both))
    names = [etree.QName(item).localname for item in body.iterfind(f"{{{RIM}}}RegistryObjectList/*")]
    # Three documents and their signatures; the members of the lots, signs, and the folder's two with their own.
    assert [names.count(n) for n in ("RegistryPackage", "ExtrinsicObject", "Association")] == [4, 6, 16]
    schema = etree.XMLSchema(etree.parse(reference / "contracts" / "dmp" / "schema" / "ebRS" / "query.xsd"))
    assert schema.validate(body), schema.error_log
