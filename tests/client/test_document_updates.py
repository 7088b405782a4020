"""TD3.3 with the kit, against the whole server: mask, unmask, show, archive, delete; and TD2.2."""

import copy
import uuid
from dataclasses import replace

import pytest
from lxml import etree
from test_documents import report

from dmpws import cast
from dmpws.client import ClinicalDocument, LpsSession
from dmpws.client.cda import LOINC
from dmpws.client.lot import Deposit, submission_set
from dmpws.client.registry import FoundDocument, query_request, quoted
from dmpws.client.repository import SubmissionAnswer
from dmpws.client.update import DOCUMENT_ID, metadata_request, status_request
from dmpws.codec.ebxml.names import GET_DOCUMENTS
from dmpws.domain.code import Code
from dmpws.domain.document import INVISIBLE_PATIENT, MASQUE_PS, Status
from dmpws.domain.patient import Ins
from dmpws.testing.local import LocalApp
from dmpws.xml.names import RIM

PATIENT = cast.PATIENTS["nessi"]
INS: Ins = PATIENT.ins
EVERY = tuple(Status)
PRESCRIPTION = Code("57833-6", LOINC, "Prescription de médicaments")


@pytest.fixture
def libre(app: LocalApp) -> LpsSession:
    """Dr LIBRE, authorised on the DMP he opened."""
    session = app.session("medecin-libre")
    assert session.add_authorisation(INS).ok
    return session


@pytest.fixture
def camparini(app: LocalApp, libre: LpsSession) -> LpsSession:
    """Another doctor, authorised on the same DMP."""
    session = app.session("medecin-camparini")
    assert session.add_authorisation(INS).ok
    return session


def deposit(session: LpsSession, *visibility: str, **changes: object) -> str:
    """uniqueId of a new document."""
    document: ClinicalDocument = report(**changes)
    lot = session.build_lot(INS, [Deposit(document, visibility=visibility)])
    assert_ok(session.send_lot(INS, lot))
    return lot.document_ids[0]


def assert_ok(answer: SubmissionAnswer) -> None:
    assert answer.ok, answer.problems


def found(session: LpsSession, unique_id: str) -> FoundDocument:
    (document,) = session.get_documents(INS, unique_ids=[unique_id]).documents
    return document


def listed(session: LpsSession, *statuses: Status) -> list[str]:
    return [d.unique_id for d in session.find_documents(INS, statuses=statuses or (Status.APPROVED,)).documents]


def test_a_masked_document_vanishes_for_others_and_comes_back(libre: LpsSession, camparini: LpsSession) -> None:
    unique_id = deposit(libre)
    before = found(camparini, unique_id)
    assert_ok(libre.mask(INS, unique_id))
    after = found(libre, unique_id)
    assert after.confidentiality == {"N", MASQUE_PS}
    assert (before.version, after.version) == ("1", "2")
    assert (after.lid, after.status) == (before.lid, Status.APPROVED)
    assert after.entry_uuid != before.entry_uuid
    assert (after.hash, after.size, after.title) == (before.hash, before.size, before.title)
    for query in ({"unique_ids": [unique_id]}, {"entry_uuids": [before.entry_uuid, after.entry_uuid]}):
        answer = camparini.get_documents(INS, **query)  # type: ignore[arg-type]
        assert answer.ok
        assert answer.documents == ()
    assert listed(camparini, *EVERY) == []
    assert not camparini.retrieve(INS, [unique_id]).ok
    assert libre.retrieve(INS, [unique_id]).ok
    assert_ok(libre.unmask(INS, unique_id))
    assert found(camparini, unique_id).version == "3"
    assert found(camparini, unique_id).confidentiality == {"N"}


def test_what_is_found_stands_under_the_espaces_of_the_record(libre: LpsSession) -> None:
    """DMPWS D94."""
    reports = {deposit(libre), deposit(libre)}
    prescription = deposit(libre, type=PRESCRIPTION)
    found = libre.find_documents(INS).by_espace
    assert {heading: {d.unique_id for d in documents} for heading, documents in found.items()} == {
        "Traitements et soins": {prescription}, "Comptes rendus": reports,
    }  # fmt: skip


def test_what_the_patient_may_see_stays_visible(app: LocalApp, libre: LpsSession) -> None:
    unique_id = deposit(libre, INVISIBLE_PATIENT)
    assert_ok(libre.make_visible(INS, unique_id))
    assert found(libre, unique_id).confidentiality == {"N"}
    again = libre.change_visibility(INS, unique_id, add=frozenset({INVISIBLE_PATIENT}))
    assert [p.code for p in again.problems] == ["XDSMetadataUpdateError"]
    assert "UPD-VISIBLE" in again.problems[0].text
    replaced = libre.submit(INS, [Deposit(report(), found(libre, unique_id).entry_uuid, (INVISIBLE_PATIENT,))])
    assert [p.code for p in replaced.problems] == ["XDSReplaceFailed"]
    transactions = [(t["transaction"], t["operation"]) for t in app.traces() if t["transaction"].startswith("TD3.3")]
    assert set(transactions) == {("TD3.3b", "TD3.3b make visible to patient")}


def test_archive_unarchive_and_delete(libre: LpsSession, camparini: LpsSession) -> None:
    unique_id = deposit(libre)
    assert_ok(libre.archive(INS, unique_id))
    assert listed(camparini) == []
    assert listed(camparini, Status.ARCHIVED) == [unique_id]
    assert libre.archive(INS, unique_id).problems[0].code == "XDSMetadataUpdateError"
    assert_ok(libre.unarchive(INS, unique_id))
    assert listed(camparini) == [unique_id]
    [refused] = camparini.delete(INS, unique_id).problems
    assert refused.code == "DMPAccessDeniedByRightsService"
    assert_ok(libre.delete(INS, unique_id))
    assert listed(camparini, Status.APPROVED, Status.ARCHIVED, Status.DEPRECATED) == []
    document = found(camparini, unique_id)
    assert (document.status, document.version) == (Status.DELETED, "1")
    for again in (libre.unarchive, libre.archive, libre.mask):
        assert "GI-DMP EX_3.3-1050" in " ".join(p.text for p in again(INS, unique_id).problems)


def test_deleting_needs_no_right_to_consult(app: LocalApp, libre: LpsSession) -> None:
    unique_id = deposit(libre)
    assert libre.remove_authorisation(INS).ok
    assert [p.code for p in libre.archive(INS, unique_id).problems] == ["DMPAuthorizationNotFound"]
    assert_ok(libre.delete(INS, unique_id))
    trace = app.traces()[-1]
    assert (trace["transaction"], trace["operation"]) == ("TD3.3c", "TD3.3c delete")
    assert trace["changes"] == [{"uniqueId": unique_id, "old": "APPROVED", "new": "DELETED"}]


def test_the_trace_tells_old_and_new_visibility(app: LocalApp, libre: LpsSession) -> None:
    unique_id = deposit(libre)
    for change, old, new in ((libre.mask, "", MASQUE_PS), (libre.unmask, MASQUE_PS, "")):
        assert_ok(change(INS, unique_id))
        trace = app.traces()[-1]
        assert trace["transaction"] == "TD3.3a"
        assert trace["documents"] == [{"uniqueId": unique_id, "typeCode": "11488-4"}]
        (changed,) = trace["changes"]
        assert (changed["uniqueId"], changed["old"], changed["new"]) == (unique_id, old, new)
        assert changed["entryUUID"] == found(libre, unique_id).entry_uuid


def test_a_new_version_is_replaced_as_any_document(libre: LpsSession) -> None:
    unique_id = deposit(libre)
    old = found(libre, unique_id).entry_uuid
    assert_ok(libre.mask(INS, unique_id))
    stale = libre.submit(INS, [Deposit(report(), old, (MASQUE_PS,))])
    assert [p.code for p in stale.problems] == ["XDSRegistryDeprecatedDocumentError"]
    lot = libre.build_lot(INS, [Deposit(report(), found(libre, unique_id).entry_uuid)])
    assert_ok(libre.send_lot(INS, lot))
    assert found(libre, unique_id).status is Status.DEPRECATED
    new = found(libre, lot.document_ids[0])
    assert (new.version, new.lid) == ("1", new.entry_uuid)


def test_an_obsolete_document_can_still_be_masked(libre: LpsSession, camparini: LpsSession) -> None:
    unique_id = deposit(libre)
    assert_ok(libre.submit(INS, [Deposit(report(), found(libre, unique_id).entry_uuid)]))
    assert listed(camparini, Status.DEPRECATED) == [unique_id]
    assert_ok(libre.mask(INS, unique_id))
    assert listed(camparini, *EVERY).count(unique_id) == 0
    assert found(libre, unique_id).status is Status.DEPRECATED


def test_the_employee_deposits_and_deletes_for_her_structure(app: LocalApp, libre: LpsSession) -> None:
    cpe = app.session("cpe-libre")
    unique_id = deposit(cpe)
    trace = app.traces()[-1]
    assert (trace["transaction"], trace["operation"]) == ("TD2.2", "TD2.2 submit documents with a CPE")
    assert found(libre, unique_id).status is Status.APPROVED
    assert [p.code for p in cpe.archive(INS, unique_id).problems] == ["DMPAccessDeniedByRightsService"]
    assert_ok(cpe.delete(INS, unique_id))


def combined(session: LpsSession, unique_id: str, new: Status) -> SubmissionAnswer:
    """Masked, and given a new status, in one message."""
    lot = submission_set(INS, actor=session.actor, source_id=session.lps.id, now=session._clock())
    message = metadata_request(lot, extrinsic_object(session, unique_id), [MASQUE_PS])
    status = status_request(lot, DOCUMENT_ID, Status.APPROVED, new)
    message[0].append(status[0][-1])
    message[0][-1].set("id", "association2")
    return session._update("TD3.3d", INS, message)


@pytest.mark.parametrize("new", [Status.ARCHIVED, Status.DELETED])
def test_a_new_version_may_take_a_new_status(
    app: LocalApp, libre: LpsSession, camparini: LpsSession, new: Status
) -> None:
    """The version first, then the status: one document, version 2, with both."""
    unique_id = deposit(libre)
    assert_ok(combined(libre, unique_id, new))
    after = found(libre, unique_id)
    assert (after.version, after.status, after.confidentiality) == ("2", new, {"N", MASQUE_PS})
    assert listed(libre, Status.APPROVED) == []
    assert listed(camparini, *EVERY) == []
    trace = next(t for t in reversed(app.traces()) if t.get("changes"))
    code = "TD3.3d" if new is Status.ARCHIVED else "TD3.3c"
    assert trace["transaction"] == f"TD3.3a, {code}"
    assert [(c["old"], c["new"]) for c in trace["changes"]] == [("", MASQUE_PS), ("APPROVED", new.name)]


def test_of_two_changes_one_refused_neither_is_made(libre: LpsSession) -> None:
    unique_id = deposit(libre)
    assert_ok(libre.archive(INS, unique_id))
    answer = combined(libre, unique_id, Status.ARCHIVED)
    assert {p.code for p in answer.problems} == {"XDSMetadataUpdateError"}
    assert {p.location for p in answer.problems} == {found(libre, unique_id).entry_uuid}
    assert found(libre, unique_id).confidentiality == {"N"}


def test_a_name_left_empty_is_refused_to_the_employee(app: LocalApp, libre: LpsSession) -> None:
    cpe = app.session("cpe-libre")
    cpe.actor = replace(cpe.actor, given="")
    answer = cpe.submit(INS, [Deposit(report())])
    assert {p.code for p in answer.problems} == {"XDSRegistryMetadataError"}
    assert any("PDT-INF-617" in p.text for p in answer.problems)


def test_a_hidden_document_and_none_get_the_same_answers(
    app: LocalApp, libre: LpsSession, camparini: LpsSession
) -> None:
    """Under every entryUUID it ever had, by every way of naming it."""
    unique_id = deposit(libre)
    known = found(camparini, unique_id).entry_uuid
    entry = extrinsic_object(camparini, unique_id)
    assert_ok(libre.mask(INS, unique_id))
    hidden = found(libre, unique_id).entry_uuid
    nobody = f"urn:uuid:{uuid.uuid4()}"

    def answers(target: str) -> list[str]:
        replaced = camparini.submit(INS, [Deposit(report(author=camparini.actor), target)])
        lot = submission_set(INS, actor=camparini.actor, source_id=camparini.lps.id, now=app.now)
        messages = [status_request(lot, target, Status.APPROVED, new) for new in (Status.ARCHIVED, Status.DELETED)]
        other = copy.deepcopy(entry)
        other.set("lid", target)
        messages += [metadata_request(lot, other, codes) for codes in ([], [MASQUE_PS], [INVISIBLE_PATIENT])]
        answered = [camparini._update("TD3.3a", INS, message) for message in messages]
        problems = [p for answer in (replaced, *answered) for p in answer.problems]
        assert {p.code for p in problems} == {"UnresolvedReferenceException"}
        return [f"{p.code} {p.text} {p.location}".replace(target, "…") for p in problems]

    assert answers(known) == answers(hidden) == answers(nobody)


def extrinsic_object(session: LpsSession, unique_id: str) -> etree._Element:
    """The ExtrinsicObject that TD3.1 answers."""
    slots = {"$XDSDocumentEntryUniqueId": [quoted([unique_id])]}
    body = session._call("TD3.1", INS, query_request(GET_DOCUMENTS, slots)).body
    return next(body.iter(f"{{{RIM}}}ExtrinsicObject"))
