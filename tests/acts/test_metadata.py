"""The patient masks his documents, the host rectifies their metadata: new versions, the old ones kept."""

from typing import Any

import pytest
from acts_world import INS, MOTHER, World, doctor, document, refused
from sqlalchemy import select

from dmpws.acts import masking, rectifying, traits
from dmpws.acts.actor import Actor, operator, patient, representative
from dmpws.codec.ebxml.versions import read_stored
from dmpws.domain import oids
from dmpws.domain.code import Code
from dmpws.domain.document import (
    INVISIBLE_PATIENT,
    INVISIBLE_REPRESENTANTS_LEGAUX,
    MASQUE_PS,
    DocumentEntry,
    Status,
    StoredEntry,
)
from dmpws.domain.lot.masking import VACCINATION
from dmpws.domain.vaccination import NOTE_TYPE
from dmpws.store.tables import submission_set
from dmpws.testing.deposits import NORMAL

HOST = operator("exploitation")


def visible(*codes: str) -> DocumentEntry:
    return document(confidentiality=(NORMAL, *(Code(code, oids.VISIBILITY, code) for code in codes)))


def versions(world: World, unique_id: str) -> list[StoredEntry]:
    """Latest first."""
    with world.store.read() as work:
        return list(work.documents.by_unique_id([unique_id]))


def deposited(world: World, entry: DocumentEntry) -> str:
    return world.deposit((entry, b"x")).entries[0].entry.unique_id


def test_the_patient_masks_and_unmasks(world: World) -> None:
    world.open()
    unique_id = deposited(world, visible())
    desk = world.desk(patient(INS))
    assert masking.mask(desk, INS, unique_id, on=True)
    assert not masking.mask(desk, INS, unique_id, on=True)
    current, former = versions(world, unique_id)
    assert (current.version, current.latest, current.visibility) == (2, True, {MASQUE_PS})
    assert (former.latest, former.visibility) == (False, frozenset())
    assert (current.lid, current.hash, current.octets, current.status) == (
        former.lid, former.hash, former.octets, Status.APPROVED,
    )  # fmt: skip
    entry, _ = read_stored(current)
    assert {code.code for code in entry.confidentiality} == {"N", MASQUE_PS}
    assert masking.mask(desk, INS, unique_id, on=False)
    assert versions(world, unique_id)[0].visibility == frozenset()
    masked, _, unmasked = world.traces()
    assert (masked["transaction"], unmasked["transaction"]) == ("act:mask", "act:unmask")
    assert masked["documents"] == [{"uniqueId": unique_id, "typeCode": "11488-4"}]
    assert (masked["changes"][0]["old"], masked["changes"][0]["new"]) == ("", MASQUE_PS)


def test_the_set_of_the_update_is_the_patient_s(world: World) -> None:
    world.open()
    unique_id = deposited(world, visible())
    masking.mask(world.desk(patient(INS)), INS, unique_id, on=True)
    last = world.store.database.rows(select(submission_set).order_by(submission_set.c.id.desc()))[0]
    assert last.unique_id == world.traces()[-1]["submission_set"]
    assert last.author_persons == INS.value
    assert last.content_type == "EXP_PATIENT^^1.2.250.1.213.1.1.4.6"
    with world.store.read() as work:
        assert work.packages.sets(unique_ids=[last.unique_id])


@pytest.mark.parametrize(
    ("actor", "codes", "rule"),
    [
        (patient(INS), (INVISIBLE_PATIENT,), "ACT-DOCUMENT"),
        (HOST, (INVISIBLE_PATIENT,), "ACT-DOCUMENT"),
        (representative(MOTHER), (INVISIBLE_REPRESENTANTS_LEGAUX,), "ACT-DOCUMENT"),
        (patient(INS), (INVISIBLE_REPRESENTANTS_LEGAUX,), ""),
        (doctor(), (), "ACT-ALLOWED"),
    ],
)
def test_one_masks_what_one_sees(world: World, actor: Actor, codes: tuple[str, ...], rule: str) -> None:
    world.open(birth_date="20150101", representatives=(MOTHER,))
    unique_id = deposited(world, visible(*codes))
    desk = world.desk(actor)
    if rule:
        assert refused(lambda: masking.mask(desk, INS, unique_id, on=True)) == rule
        assert refused(lambda: masking.mask(desk, INS, "2.25.7", on=True)) == rule
    else:
        assert masking.mask(desk, INS, unique_id, on=True)
    assert len(versions(world, unique_id)) == (1 if rule else 2)


def test_a_deleted_document_and_a_signature_stay_as_they_are(world: World) -> None:
    world.open()
    made = world.deposit((visible(), b"x"))
    unique_id, signature = (new.entry.unique_id for new in made.entries)
    world.delete(unique_id)
    desk = world.desk(patient(INS))
    assert refused(lambda: masking.mask(desk, INS, unique_id, on=True)) == "ACT-NOT-DELETED"
    assert refused(lambda: masking.mask(desk, INS, signature, on=True)) == "ACT-DOCUMENT"


def test_a_vaccination_note_is_not_masked(world: World) -> None:
    world.open()
    unique_id = deposited(world, document(type_code=NOTE_TYPE))
    desk = world.desk(patient(INS))
    assert refused(lambda: masking.mask(desk, INS, unique_id, on=True)) == VACCINATION.id
    assert len(versions(world, unique_id)) == 1


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"title": "Lettre"}, {"title": "Lettre"}),
        ({"comments": "Rectifié"}, {"comments": "Rectifié"}),
        ({"typeCode": "11490-0"}, {"type_code": "11490-0", "class_code": "10"}),
        (
            {"typeCode": "60591-5", "title": "Synthèse"},
            {"type_code": "60591-5", "class_code": "11", "title": "Synthèse"},
        ),
        ({"practiceSettingCode": "ETABLISSEMENT"}, {"practice_setting": "ETABLISSEMENT"}),
        ({"healthcareFacilityTypeCode": "SA01"}, {"facility_type": "SA01"}),
        ({"serviceStartTime": "20261101"}, {"service_start": "20261101"}),
    ],
)
def test_metadata_are_rectified_in_new_versions(world: World, values: dict[str, str], expected: dict[str, Any]) -> None:
    world.open()
    unique_id = deposited(world, visible())
    desk = world.desk(HOST, motive="erreur de saisie", proof="ticket 42")
    assert rectifying.rectify_document(desk, INS, unique_id, values)
    assert not rectifying.rectify_document(desk, INS, unique_id, values)
    current, former = versions(world, unique_id)
    after, before = (read_stored(e)[0] for e in (current, former))
    found = {name: getattr(after, name) for name in expected}
    assert {n: v.code if isinstance(v, Code) else v for n, v in found.items()} == expected
    assert current.type_code == (after.type_code.code if after.type_code else "")
    assert before != after
    trace = world.traces()[0]
    assert {c["what"].partition(" ")[2]: c["new"] for c in trace["changes"] if "what" in c} == values
    assert (trace["reason"], trace["proof"], trace["person"]) == ("erreur de saisie", "ticket 42", HOST.identifier)


@pytest.mark.parametrize(
    ("values", "rule"),
    [
        ({}, "RECTIFY-FIELD"),
        ({"hash": "0" * 40}, "RECTIFY-FIELD"),
        ({"confidentialityCode": "N"}, "RECTIFY-FIELD"),
        ({"title": ""}, "RECTIFY-VALUE"),
        ({"title": "x" * 129}, "RECTIFY-VALUE"),
        ({"typeCode": "99999-9"}, "RECTIFY-VALUE"),
        ({"practiceSettingCode": ""}, "RECTIFY-VALUE"),
        ({"serviceStopTime": "21/11/2026"}, "RECTIFY-VALUE"),
        ({"title": "Lettre", "serviceStopTime": "x"}, "RECTIFY-VALUE"),
    ],
)
def test_what_is_not_rectified(world: World, values: dict[str, str], rule: str) -> None:
    world.open()
    unique_id = deposited(world, visible())
    desk = world.desk(HOST, motive="essai")
    assert refused(lambda: rectifying.rectify_document(desk, INS, unique_id, values)) == rule
    assert len(versions(world, unique_id)) == 1


def test_only_the_host_rectifies_and_says_why(world: World) -> None:
    world.open()
    unique_id = deposited(world, visible())
    asked = {"title": "Lettre"}
    desk = world.desk(patient(INS), motive="erreur")
    assert refused(lambda: rectifying.rectify_document(desk, INS, unique_id, asked)) == "ACT-ALLOWED"
    assert refused(lambda: rectifying.rectify_document(world.desk(HOST), INS, unique_id, asked)) == "ACT-MOTIVE"


def test_the_identity_is_rectified_and_the_traces_keep_before_and_after(world: World) -> None:
    world.open()
    desk = world.desk(HOST, motive="erreur de saisie", proof="INSi 2026-11-20")
    asked = {"birth_name": "ATTRIBUT", "birth_date": "19790329"}
    assert traits.rectify(desk, INS, asked)
    assert not traits.rectify(desk, INS, asked)
    now = world.record().traits
    assert (now.name.birth, now.name.given, now.birth_date) == ("ATTRIBUT", "DOMINIQUE", "19790329")
    assert now.addresses
    assert world.traces()[0]["changes"] == [
        {"what": "birth", "old": "PAT-TROIS", "new": "ATTRIBUT"},
        {"what": "birth_date", "old": "19790328", "new": "19790329"},
    ]


@pytest.mark.parametrize(
    ("values", "rule"),
    [
        ({"sex": "X"}, "GDP-SEX"),
        ({"birth_date": "20300101"}, "GDP-BIRTH"),
        ({"birth_name": "", "used_name": ""}, "GDP-NAME"),
        ({"birth_name": "A\x1b[2J"}, "GDP-CHARACTERS"),
        ({"deceased": "true"}, "RECTIFY-FIELD"),
        ({"addresses": "[]"}, "RECTIFY-FIELD"),
    ],
)
def test_an_identity_that_cannot_be(world: World, values: dict[str, str], rule: str) -> None:
    record = world.open()
    assert refused(lambda: traits.rectify(world.desk(HOST, motive="essai"), INS, values)) == rule
    assert world.record().traits == record.traits
