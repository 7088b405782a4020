"""TD2.1b: replacement of a document (DMPWS D32); what is refused is in transactions/TD2.1/cases.toml."""

from typing import Any

import pytest
from xds_world import CALLERS, EVENT, MASK, REPLACE, Frame, World, cases, errors_of, lot, placeholders, rules_of

from dmpws.domain.directory import Structure
from dmpws.domain.document import RPLC_2010, Status, StoredEntry
from dmpws.domain.query import DocumentQuery
from dmpws.domain.vaccination import HISTORY_TYPE
from dmpws.transactions.call import Settings

LIST_END = "</rim:RegistryObjectList>"


def stored(world: World, frame: Frame, which: str = "document") -> StoredEntry:
    with world.store.read() as work:
        return work.documents.by_unique_id([frame.values[f"{which}_unique_id"]])[0]


def deposited(world: World, **how: Any) -> StoredEntry:
    frame = lot(**how)
    assert errors_of(world.deposit(frame)) == []
    return stored(world, frame)


def replacing(old: StoredEntry | str, *changes: list[str], **values: str) -> Frame:
    target = old if isinstance(old, str) else old.entry_uuid
    return lot(placeholders(target=target, **values), change=[[LIST_END, REPLACE], *changes])


def by_camparini(target: str) -> Frame:
    """A lot of Dr CAMPARINI that replaces `target`."""
    swap = [["899900063480", "801234534765"]]
    return lot(placeholders(target=target), change=[[LIST_END, REPLACE]], replace_all=swap)


def test_the_old_version_is_deprecated_and_the_new_one_starts_again(world: World) -> None:
    old = deposited(world)
    frame = replacing(old)
    assert errors_of(world.deposit(frame)) == []
    with world.store.read() as work:
        (before,) = work.documents.by_entry_uuid([old.entry_uuid])
    after = stored(world, frame)
    assert before.status is Status.DEPRECATED
    assert after.status is Status.APPROVED
    assert after.version == 1
    assert after.lid == after.entry_uuid != old.lid
    assert world.notes.changes == [{"uniqueId": old.unique_id, "old": "APPROVED", "new": "DEPRECATED"}]


def test_the_other_spelling_and_an_upper_case_uuid(world: World) -> None:
    old = deposited(world)
    frame = replacing(
        old.entry_uuid.upper().replace("URN:UUID", "urn:uuid"), ["urn:ihe:iti:2007:AssociationType:RPLC", RPLC_2010]
    )
    assert errors_of(world.deposit(frame)) == []
    with world.store.read() as work:
        assert work.documents.by_entry_uuid([old.entry_uuid])[0].status is Status.DEPRECATED


def test_a_masked_document_is_unknown_to_others(world: World) -> None:
    old = deposited(world, change=[["<!-- formatCode -->", MASK]])
    frame = lot(
        placeholders(target=old.entry_uuid),
        change=[[LIST_END, REPLACE]],
        replace_all=[["899900063480", "801234534765"]],
    )
    masked = world.deposit(frame, "camparini")
    frame = by_camparini("urn:uuid:00000000-0000-4000-8000-000000000000")
    absent = world.deposit(frame, "camparini")
    assert [code for code, _ in errors_of(masked)] == ["UnresolvedReferenceException"]
    assert [code for code, _ in errors_of(absent)] == ["UnresolvedReferenceException"]
    assert rules_of(masked) == rules_of(absent)


def test_the_document_of_another_patient(world: World) -> None:
    world.open_dmp("nessi")
    world.patient = "nessi"
    frame = lot(placeholders("nessi"), replace_all=[["PAT-TROIS", "NESSI"], ["DOMINIQUE", "RUTH"]])
    assert errors_of(world.deposit(frame)) == []
    other = stored(world, frame)
    world.patient = "pat-trois"
    body = world.deposit(replacing(other))
    assert [code for code, _ in errors_of(body)] == ["XDSPatientIdDoesNotMatch"]
    assert other.unique_id not in errors_of(body)[0][1]


@pytest.mark.parametrize("code", ["INVISIBLE_PATIENT", "INVISIBLE_REPRESENTANTS_LEGAUX"])
def test_what_is_visible_does_not_become_invisible(world: World, code: str) -> None:
    world.settings = Settings(majority_age=60)
    old = deposited(world)
    hidden = MASK.replace("MASQUE_PS", code)
    body = world.deposit(replacing(old, ["<!-- formatCode -->", hidden]))
    assert errors_of(body)[0][0] == "XDSReplaceFailed"
    assert rules_of(body) == {"REG-RPLC-VISIBLE"}


def test_what_is_invisible_may_become_visible(world: World) -> None:
    old = deposited(world, change=[["<!-- formatCode -->", MASK.replace("MASQUE_PS", "INVISIBLE_PATIENT")]])
    assert errors_of(world.deposit(replacing(old))) == []


def test_the_cda_names_the_document_replaced(world: World) -> None:
    old = deposited(world)
    parent = '<parentDocument><id root="{}"/></parentDocument>'
    related = f'<relatedDocument typeCode="RPLC">{parent}</relatedDocument><componentOf>'
    for root, rules in (("1.2.3", {"CDA-PARENT"}), (old.unique_id, set())):
        frame = lot(
            placeholders(target=old.entry_uuid),
            change=[[LIST_END, REPLACE]],
            change_document=[["<componentOf>", related.format(root)]],
        )
        assert rules_of(world.deposit(frame)) == rules


def test_by_the_hospital_that_is_author(world: World) -> None:
    swap = [["499900063480001", "10B0156832"]]
    frame = lot(replace_all=swap)
    assert errors_of(world.deposit(frame, "eg")) == []
    old = stored(world, frame)
    assert CALLERS["ej"]["structure"] == "11B0062640"
    again = lot(placeholders(target=old.entry_uuid), change=[[LIST_END, REPLACE]], replace_all=swap)
    assert errors_of(world.deposit(again, "ej")) == []


def test_the_responsible_structure_replaces_what_another_of_its_own_wrote(world: World) -> None:
    """The FINESS EJ answers for each EG attached to it: the author of the old document, and that of the new one."""
    for identifier in ("10B0156832", "10B0156833"):
        world.store.directory.put_structure(Structure(identifier, "EG", frozenset({"SA01"}), parent="11B0062640"))
    frame = lot(replace_all=[["499900063480001", "10B0156833"]])
    assert errors_of(world.deposit(frame, "ej")) == []
    target = stored(world, frame).entry_uuid
    again = lot(
        placeholders(target=target), change=[[LIST_END, REPLACE]], replace_all=[["499900063480001", "10B0156832"]]
    )
    assert rules_of(world.deposit(again, "eg")) == {"LOT-AUTHOR"}
    assert errors_of(world.deposit(again, "ej")) == []


def test_event_codes_are_free(world: World) -> None:
    assert errors_of(world.deposit(lot(change=[["<!-- formatCode -->", EVENT]]))) == []


def test_one_document_replaces_a_note_and_another(world: World) -> None:
    """Everything that is replaced is in the trace, and the historique follows."""
    case = next(case for case in cases("TD2.1") if case["id"] == "accepted-note")
    values = placeholders(note_uuid="2f3c9a1e-6a1b-4a8e-9f3e-0d8b2a5c7e11")
    note = deposited(world, values=values, change=case["change"], document_file=case["document_file"])
    other = deposited(world)
    second = REPLACE.replace('"rplc"', '"rplc2"').replace("{{target}}", other.entry_uuid)
    assert errors_of(world.deposit(replacing(note, [LIST_END, second]))) == []
    fallen = [change["uniqueId"] for change in world.notes.changes if "uniqueId" in change]
    assert fallen[:2] == [note.unique_id, other.unique_id]
    with world.store.read() as work:
        query = DocumentQuery(patient=note.patient, statuses=tuple(Status), types=(HISTORY_TYPE,))
        assert [entry.status for entry in work.documents.find(query, limit=9)] == [Status.APPROVED, Status.DEPRECATED]
