"""The large registry of the bench: what was made is found as if a client had deposited it."""

from collections.abc import Iterator
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import pytest

from dmpws.bench import filling, messages
from dmpws.bench.bulk import open_bulk
from dmpws.client import Deposit
from dmpws.domain.document import Status
from dmpws.pki.demo import DemoPki
from dmpws.store import open_store
from dmpws.store.tables import document_entry
from dmpws.testing.local import LocalApp

LOTS = 24


@pytest.fixture
def app_on_both(database_url: str, tmp_path: Path, pki: DemoPki, now: datetime) -> Iterator[LocalApp]:
    store = open_store(database_url, tmp_path / "documents")
    yield LocalApp(store, pki, now)
    store.close()


def test_made_documents_are_found(app_on_both: LocalApp, database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filling, "SEARCHED", 2)
    session = app_on_both.session("medecin-libre")
    assert session.add_authorisation(messages.PATIENT.ins).ok
    lot = [Deposit(messages.document(session, 6000)) for _ in range(filling.DOCUMENTS)]
    assert session.submit(messages.PATIENT.ins, lot).ok
    app_on_both.store.close()  # the bulk has the database to itself

    bulk = open_bulk(database_url)
    registry = filling.Filling(bulk)
    real = registry.size
    patients = registry.grow(bulk, real * (LOTS + 1))
    made = bulk.rows(document_entry)
    bulk.close()

    assert registry.size == len(made) == real * (LOTS + 1)
    assert len({row["unique_id"] for row in made}) == len({row["hash"] for row in made}) == len(made)
    found = [session.find_documents(ins, statuses=[Status.APPROVED]).documents for ins in patients]
    for ins, documents in zip(patients, found, strict=True):
        assert len(documents) == filling.DOCUMENTS * filling.SEARCHED_LOTS
        times = [document.creation_time for document in documents]
        assert times == sorted(times, reverse=True)
        assert len(set(times)) == filling.SEARCHED_LOTS
        assert {document.slots["sourcePatientId"][0].partition("^")[0] for document in documents} == {ins.value}
    assert not {d.unique_id for d in found[0]} & {d.unique_id for d in found[1]}


def test_lots_of_a_searched_patient_are_spread() -> None:
    whose = list(filling._spread(4000, 400, 720))
    for patient in range(filling.SEARCHED):
        places = [place for place, who in enumerate(whose) if who == patient]
        assert len(places) == filling.SEARCHED_LOTS
        assert {after - before for before, after in pairwise(places)} == {400}
