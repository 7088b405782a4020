"""One VSM: by author, by record, or as many as one likes (DMPWS D34)."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from dmpws.cast import PATIENTS
from dmpws.client import ClinicalDocument, LpsSession, Section
from dmpws.client.lot import Deposit
from dmpws.domain.cda import CdaId
from dmpws.domain.code import Code
from dmpws.domain.document import MASQUE_PS, Status
from dmpws.pki.demo import DemoPki
from dmpws.store import Store
from dmpws.testing.local import LocalApp

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
PATIENT = PATIENTS["pat-trois"]
TYPE = Code("SYNTH", "1.2.250.1.213.1.1.4.12", "Synthèse")
SUMMARY = Code("60591-5", "2.16.840.1.113883.6.1", "Synthèse médicale")
SECTION = Section(Code("46612-8", "2.16.840.1.113883.6.1", "Pathologies"), "Pathologies", ["Rien à signaler"])
Server = Callable[..., LocalApp]


@pytest.fixture
def server(app: LocalApp) -> Server:
    return lambda **options: LocalApp(app.store, app.pki, app.now, **options)


def vsm(session: LpsSession, *, new_model: bool = False) -> ClinicalDocument:
    model: tuple[str | CdaId, ...] = (CdaId("1.2.250.1.213.1.1.1.13", "201310"),)
    if new_model:
        model = ("2.16.840.1.113883.10.22.1.1", CdaId("1.2.250.1.213.1.1.1.51", "2024.01"))
    now = NOW
    kind = SUMMARY if new_model else TYPE
    return ClinicalDocument(
        PATIENT.ins, PATIENT.traits, session.actor, kind, "VSM", [SECTION], now, now, templates=model
    )  # fmt: skip


def send(session: LpsSession, **how: Any) -> tuple[str, list[tuple[str, str]]]:
    """uniqueId, and (code, text) of each error."""
    document = vsm(session, new_model=how.pop("new_model", False))
    answer = session.submit(PATIENT.ins, [Deposit(document, **how)])
    return document.unique_id, [(p.code, p.text) for p in answer.problems]


def uuid_of(app: LocalApp, unique_id: str) -> str:
    with app.store.read() as work:
        return next(e.entry_uuid for e in work.documents.by_unique_id([unique_id]) if e.latest)


def status_of(app: LocalApp, unique_id: str) -> Status:
    with app.store.read() as work:
        return next(e.status for e in work.documents.by_unique_id([unique_id]) if e.latest)


def authorised(app: LocalApp, card: str) -> LpsSession:
    session = app.session(card)
    assert session.add_authorisation(PATIENT.ins).ok
    return session


def test_per_author(server: Server) -> None:
    app = server()
    libre, camparini = authorised(app, "medecin-libre"), authorised(app, "medecin-camparini")
    first, errors = send(libre)
    assert errors == []
    _, [(code, text)] = send(libre)
    assert code == "XDSRegistryMetadataError"
    assert f"une association RPLC vers {uuid_of(app, first)}" in text
    assert f"uniqueId={first}" in text
    assert "VSM-ONE, DMPWS D34" in text
    _, [(code, _)] = send(libre, new_model=True)
    assert code == "XDSRegistryMetadataError"
    assert send(camparini)[1] == []
    second, errors = send(libre, replaces=uuid_of(app, first), new_model=True)
    assert errors == []
    assert status_of(app, first) is Status.DEPRECATED
    # Nobody replaces the VSM of another.
    _, errors = send(camparini, replaces=uuid_of(app, second))
    assert any("LOT-AUTHOR" in text for _, text in errors)


def test_two_in_one_lot(server: Server) -> None:
    session = authorised(server(), "medecin-libre")
    answer = session.submit(PATIENT.ins, [Deposit(vsm(session)), Deposit(vsm(session))])
    assert [p.code for p in answer.problems] == ["XDSRegistryMetadataError"]


def test_per_record(server: Server) -> None:
    app = server(vsm="per_record")
    libre, camparini = authorised(app, "medecin-libre"), authorised(app, "medecin-camparini")
    first, errors = send(libre)
    assert errors == []
    _, [(code, text)] = send(camparini)
    assert (code, f"RPLC vers {uuid_of(app, first)}" in text) == ("XDSRegistryMetadataError", True)
    second, errors = send(camparini, replaces=uuid_of(app, first))
    assert errors == []
    assert status_of(app, first) is Status.DEPRECATED
    doctorant = app.session("medecin-doctorant")
    _, [(code, text)] = send(doctorant, replaces=uuid_of(app, second))
    assert (code, "LOT-AUTHOR" in text) == ("XDSRegistryMetadataError", True)


def test_a_masked_one_shows_nothing(server: Server) -> None:
    app = server(vsm="per_record")
    libre, camparini = authorised(app, "medecin-libre"), authorised(app, "medecin-camparini")
    masked, errors = send(libre, visibility=(MASQUE_PS,))
    assert errors == []
    assert send(camparini)[1] == []
    # The médecin traitant finds it, so it is in his way; the other one too.
    doctorant = app.session("medecin-doctorant")
    assert doctorant.add_authorisation(PATIENT.ins, treating_doctor=True).ok
    problems = send(doctorant, replaces=uuid_of(app, masked))[1]
    assert ["VSM-ONE" in text for _, text in problems] == [True]


def test_off(server: Server) -> None:
    session = authorised(server(vsm="off"), "medecin-libre")
    assert send(session)[1] == []
    assert send(session)[1] == []


def test_reserved_to_the_treating_doctor(server: Server) -> None:
    app = server(vsm_reserved=True)
    session = authorised(app, "medecin-libre")
    _, [(code, text)] = send(session)
    assert (code, "VSM-RESERVED" in text) == ("DMPAccessDeniedByRightsService", True)
    assert session.add_authorisation(PATIENT.ins, treating_doctor=True).ok
    assert send(session)[1] == []


def test_two_at_once(store: Store, pki: DemoPki, now: datetime) -> None:
    app = LocalApp(store, pki, now)
    results: list[list[tuple[str, str]]] = []
    sessions = [authorised(app, "medecin-libre") for _ in range(2)]
    threads = [threading.Thread(target=lambda s=s: results.append(send(s)[1])) for s in sessions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(code for errors in results for code, _ in errors) == ["XDSRegistryMetadataError"]
