"""Afterwards unknown to everyone: an erased document, asked for with every query and by whoever knew it."""

import uuid
from datetime import UTC, date, datetime
from typing import Any

import pytest
from lxml import etree
from test_documents import report

from dmpws import cast
from dmpws.acts import erasing
from dmpws.acts.actor import operator
from dmpws.acts.desk import Desk
from dmpws.client import LpsSession
from dmpws.client.lot import Deposit
from dmpws.client.registry import query_request, quoted
from dmpws.client.vaccination import Vaccination, vaccination_note
from dmpws.codec.ebxml import names
from dmpws.domain.document import RPLC, Status
from dmpws.domain.vaccination import HISTORY_TYPE
from dmpws.testing.local import LocalApp
from dmpws.transactions.call import Settings

PATIENT = cast.PATIENTS["nessi"]
INS = PATIENT.ins
UNKNOWN = f"urn:uuid:{uuid.UUID(int=7)}"


@pytest.fixture
def libre(app: LocalApp) -> LpsSession:
    """Dr LIBRE, author and médecin traitant: nobody sees more."""
    session = app.session("medecin-libre")
    assert session.add_authorisation(INS, treating_doctor=True).ok
    return session


def erase(app: LocalApp, unique_id: str) -> erasing.ErasurePlan:
    host, now = operator("exploitation"), datetime.now(UTC)
    desk = Desk(app.store, now, lambda: str(uuid.uuid4()), Settings(), host, motive="demande du patient")
    return erasing.erase(desk, INS, unique_id, confirmed=erasing.plan(desk, INS, unique_id).confirmation)


def answers(session: LpsSession, unique_id: str, uuids: list[str], lot_id: str, lot_uuid: str) -> dict[str, str]:
    """Every stored query that may name the document or its lot, and what it answers."""
    statuses = quoted([status.value for status in Status])
    level = {"$MetadataLevel": ["2"]}
    patient = [f"'{INS.value}^^^&{INS.authority}&ISO^NH'"]
    documents: list[dict[str, Any]] = [
        {"$XDSDocumentEntryUniqueId": [quoted([unique_id])]},
        {"$XDSDocumentEntryEntryUUID": [quoted(uuids)]},
        {"$XDSDocumentEntryLogicalID": [quoted(uuids)]},
    ]
    asked: list[tuple[str, dict[str, Any]]] = [
        (names.FIND_DOCUMENTS, {"$XDSDocumentEntryPatientId": patient, "$XDSDocumentEntryStatus": [statuses]}),
        (names.FIND_SUBMISSION_SETS, {"$XDSSubmissionSetPatientId": patient, "$XDSSubmissionSetStatus": [statuses]}),
        (names.FIND_FOLDERS, {"$XDSFolderPatientId": patient, "$XDSFolderStatus": [statuses]}),
        (names.GET_ALL, {
            "$patientId": patient, "$XDSDocumentEntryStatus": [statuses], "$XDSSubmissionSetStatus": [statuses],
            "$XDSFolderStatus": [statuses], "$XDSAssociationStatus": [statuses],
        }),
        *((query, slots) for query in (
            names.GET_DOCUMENTS, names.GET_DOCUMENTS_AND_ASSOCIATIONS, names.GET_FOLDERS_FOR_DOCUMENT,
        ) for slots in documents),
        (names.GET_RELATED_DOCUMENTS, {**documents[1], "$AssociationTypes": [quoted([RPLC])]}),
        (names.GET_ASSOCIATIONS, {"$uuid": [quoted(uuids)]}),
        (names.GET_SUBMISSION_SETS, {"$uuid": [quoted(uuids)]}),
        (names.GET_SUBMISSION_SET_AND_CONTENTS, {"$XDSSubmissionSetUniqueId": [quoted([lot_id])]}),
        (names.GET_SUBMISSION_SET_AND_CONTENTS, {"$XDSSubmissionSetEntryUUID": [quoted([lot_uuid])]}),
    ]  # fmt: skip
    found = {}
    for number, (query, slots) in enumerate(asked):
        body = session._call("TD3.1", INS, query_request(query, {**slots, **level})).body
        found[f"{number} {query}"] = etree.tostring(body, encoding="unicode")
    return found


def test_every_query_says_what_it_says_of_what_never_was(app: LocalApp, libre: LpsSession) -> None:
    kept = libre.submit(INS, [Deposit(report())])
    assert kept.ok
    lot = libre.build_lot(INS, [Deposit(report())])
    assert libre.send_lot(INS, lot).ok
    unique_id = lot.document_ids[0]
    uuids = [d.entry_uuid for d in libre.get_documents(INS, unique_ids=[unique_id]).documents]
    assert libre.mask(INS, unique_id).ok
    uuids += [d.entry_uuid for d in libre.get_documents(INS, unique_ids=[unique_id]).documents]
    with app.store.read() as work:
        (package,) = work.packages.sets(unique_ids=[lot.unique_id])
    before = answers(libre, unique_id, uuids, lot.unique_id, package.uuid)
    assert sum(unique_id in answer for answer in before.values()) >= 8
    assert libre.delete(INS, unique_id).ok
    assert erase(app, unique_id).versions == 2
    hidden = {unique_id, *uuids, lot.unique_id, package.uuid}
    for query, answer in answers(libre, unique_id, uuids, lot.unique_id, package.uuid).items():
        assert not [name for name in hidden if name in answer.partition("codeContext")[0]], query
    never = libre.retrieve(INS, ["2.25.7"]).problems
    gone = libre.retrieve(INS, [unique_id]).problems
    assert [(p.code, p.text.replace(unique_id, "2.25.7")) for p in gone] == [(p.code, p.text) for p in never]
    with pytest.raises(LookupError):
        libre.delete(INS, unique_id)
    (other,) = libre.find_documents(INS).documents
    assert other.unique_id != unique_id


def test_it_can_neither_be_replaced_nor_sent_again(app: LocalApp, libre: LpsSession) -> None:
    lot = libre.build_lot(INS, [Deposit(report())])
    assert libre.send_lot(INS, lot).ok
    (stored,) = libre.get_documents(INS, unique_ids=[lot.document_ids[0]]).documents
    assert libre.delete(INS, stored.unique_id).ok
    erase(app, stored.unique_id)
    again = libre.send_lot(INS, lot)
    assert {p.code for p in again.problems} == {"XDSDuplicateUniqueIdInRegistry"}
    replacing = libre.submit(INS, [Deposit(report(), replaces=stored.entry_uuid)])
    assert [p.code for p in replacing.problems] == ["UnresolvedReferenceException"]
    other = libre.submit(INS, [Deposit(report(), replaces=UNKNOWN)])
    assert [p.code for p in other.problems] == ["UnresolvedReferenceException"]


def test_with_a_vaccination_note_go_the_former_historiques(app: LocalApp, libre: LpsSession) -> None:
    now = datetime(2026, 11, 21, 10, tzinfo=UTC)
    vaccines = [Vaccination("61274984", "BOOSTRIXTETRA", date(2026, 11, day)) for day in (20, 21)]
    notes = [vaccination_note(INS, PATIENT.traits, libre.actor, v, effective=now) for v in vaccines]
    lots = [libre.build_lot(INS, [Deposit(note)]) for note in notes]
    for lot in lots:
        assert libre.send_lot(INS, lot).ok
    first = lots[0].document_ids[0]
    assert libre.delete(INS, first).ok
    plan = erase(app, first)
    assert len(plan.with_it) == 2
    every = libre.find_documents(INS, statuses=tuple(Status)).documents
    assert sorted(d.type_code for d in every) == sorted([notes[1].type.code, HISTORY_TYPE.code])
