"""TD3.2 on the whole server in this process: every state of a document, and a very large one."""

import tracemalloc
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import pytest

from dmpws.cast import PATIENTS
from dmpws.client import Attachment, ClinicalDocument, LpsSession
from dmpws.client.cda import CONSULTATION_REPORT
from dmpws.client.lot import Deposit
from dmpws.client.transport import WsgiTransport
from dmpws.testing import deposits
from dmpws.testing.local import PATH, LocalApp

PATIENT = PATIENTS["pat-trois"]
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
MB = 1024 * 1024
LARGE = 100 * MB


@pytest.fixture
def libre(app: LocalApp) -> LpsSession:
    session = app.session("medecin-libre")
    assert session.add_authorisation(PATIENT.ins).ok
    return session


@pytest.fixture
def camparini(app: LocalApp) -> LpsSession:
    session = app.session("medecin-camparini")
    assert session.add_authorisation(PATIENT.ins).ok
    return session


def document(session: LpsSession) -> ClinicalDocument:
    body = Attachment("text/plain", b"Bonjour")
    return ClinicalDocument(PATIENT.ins, PATIENT.traits, session.actor, CONSULTATION_REPORT, "CR", body, NOW, NOW)


def deposit(session: LpsSession, replaces: str = "") -> tuple[str, bytes]:
    octets = document(session).to_xml()
    lot = session.build_lot(PATIENT.ins, [Deposit(octets, replaces=replaces)])
    answer = session.send_lot(PATIENT.ins, lot)
    assert answer.ok, answer.problems
    return lot.document_ids[0], octets


def read(session: LpsSession, *unique_ids: str) -> tuple[list[bytes], list[tuple[str, str]]]:
    answer = session.retrieve(PATIENT.ins, unique_ids)
    return [d.octets.read() for d in answer.documents], [(p.code, p.text) for p in answer.problems]


def test_archived_deleted_and_replaced_documents_are_read(libre: LpsSession, camparini: LpsSession) -> None:
    archived, deleted, old = deposit(libre), deposit(libre), deposit(libre)
    assert libre.archive(PATIENT.ins, archived[0]).ok
    assert libre.delete(PATIENT.ins, deleted[0]).ok
    (found,) = libre.get_documents(PATIENT.ins, unique_ids=[old[0]]).documents
    new = deposit(libre, replaces=found.entry_uuid)
    wanted = [archived, deleted, old, new]
    for session in (libre, camparini):
        assert read(session, *(unique_id for unique_id, _ in wanted)) == ([octets for _, octets in wanted], [])


def test_a_masked_document_among_others(libre: LpsSession, camparini: LpsSession) -> None:
    masked, shown = deposit(libre), deposit(libre)
    assert libre.mask(PATIENT.ins, masked[0]).ok
    unknown = "2.25.404"
    assert read(libre, masked[0], shown[0]) == ([masked[1], shown[1]], [])
    octets, errors = read(camparini, masked[0], shown[0], unknown)
    assert octets == [shown[1]]
    # Nothing tells the hidden one from one that does not exist.
    assert errors == [("XDSDocumentUniqueIdError", f"uniqueId={i}") for i in (masked[0], unknown)]
    assert libre.unmask(PATIENT.ins, masked[0]).ok
    assert read(camparini, masked[0]) == ([masked[1]], [])


def test_an_entry_uuid_is_no_unique_id(libre: LpsSession) -> None:
    unique_id, _ = deposit(libre)
    (found,) = libre.get_documents(PATIENT.ins, unique_ids=[unique_id]).documents
    assert read(libre, found.entry_uuid) == ([], [("XDSDocumentUniqueIdError", f"uniqueId={found.entry_uuid}")])


def test_a_document_of_another_patient(app: LocalApp, libre: LpsSession) -> None:
    unique_id, _ = deposit(libre)
    other = PATIENTS["nessi"]
    assert libre.add_authorisation(other.ins).ok
    answer = libre.retrieve(other.ins, [unique_id])
    assert [(p.code, p.text) for p in answer.problems] == [("XDSDocumentUniqueIdError", f"uniqueId={unique_id}")]


def test_erased_octets(app: LocalApp, libre: LpsSession) -> None:
    erased, kept = deposit(libre), deposit(libre)
    with app.store.read() as work:
        (entry,) = work.documents.by_unique_id([erased[0]])
        work.documents.octets(entry).path.unlink()  # type: ignore[union-attr]
    assert read(libre, erased[0], kept[0]) == ([kept[1]], [("XDSDocumentUniqueIdError", f"uniqueId={erased[0]}")])


def test_without_authorisation(app: LocalApp, libre: LpsSession) -> None:
    unique_id, _ = deposit(libre)
    assert read(app.session("medecin-camparini"), unique_id)[1][0][0] == "DMPAuthorizationNotFound"


class Streamed:
    """A WSGI application that reads the answers of another to their end, counting, and keeps nothing."""

    def __init__(self, app: LocalApp) -> None:
        self.app = app
        self.octets = self.longest = 0

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        chunks = self.app(environ, start_response)
        for chunk in chunks:
            self.octets += len(chunk)
            self.longest = max(self.longest, len(chunk))
        chunks.close()  # type: ignore[attr-defined]
        return []


def test_memory_stays_flat_for_a_hundred_megabytes(app: LocalApp, libre: LpsSession) -> None:
    writer = app.store.blobs.writer()
    for _ in range(LARGE // MB):
        writer.write(bytes(MB))
    entry = deposits.entry()
    with app.store.write() as work:
        record = work.patients.find(PATIENT.ins)
        assert record is not None
        work.documents.add_lot(deposits.lot(record, [(entry, writer.close())]), now=NOW)
    streamed = Streamed(app)
    card = app.pki.card("medecin-libre")
    session = LpsSession(card, transport=WsgiTransport(streamed, card, PATH), clock=app.clock)
    session_answer: Exception | None = None
    tracemalloc.start()
    try:
        session.retrieve(PATIENT.ins, [entry.unique_id])
    except Exception as error:
        session_answer = error
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert session_answer is not None
    assert streamed.octets > LARGE
    assert streamed.longest <= MB
    assert peak < 16 * MB, f"{peak / MB:.1f} MB"
