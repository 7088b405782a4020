"""SIGKILL at random points of concurrent deposits: every acknowledged lot is there byte for byte, nothing else is.

DMPWS_TEST_KILLS sets the number of kills: 50 by default, a fifth of them on PostgreSQL.
"""

import hashlib
import json
import os
import random
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from dmpws import cast
from dmpws.audit.chain import verify_chain
from dmpws.client import Attachment, ClientError, ClinicalDocument, Deposit, Lot, LpsSession
from dmpws.client.cda import CONSULTATION_REPORT
from dmpws.pki.demo import DemoPki
from dmpws.store import Store, open_store
from dmpws.store.tables import association, document_entry, lot_evidence, submission_set
from dmpws.testing.postgres import Postgres
from dmpws.testing.server import LiveServer, copy_pki

KILLS = int(os.environ.get("DMPWS_TEST_KILLS", "50"))
ON_POSTGRES = KILLS // 5
DEPOSITORS = 3
PATIENT = cast.PATIENTS["pat-trois"]


@dataclass
class Log:
    """What the depositors know of each lot, by uniqueId: SHA-256 of its documents, by uniqueId."""

    sent: dict[str, Mapping[str, str]] = field(default_factory=dict)
    acknowledged: set[str] = field(default_factory=set)
    refused: list[str] = field(default_factory=list)

    def documents(self, lots: set[str]) -> dict[str, str]:
        return {unique_id: sha256 for lot in lots for unique_id, sha256 in self.sent[lot].items()}


@pytest.mark.slow
@pytest.mark.live
def test_killed_at_random_points_on_sqlite(tmp_path: Path, live_pki: DemoPki) -> None:
    """Two servers at a time, that know nothing of each other: starting again is most of the work."""
    first = (KILLS - ON_POSTGRES) // 2
    with ThreadPoolExecutor(2) as pool:
        campaigns = [
            pool.submit(_kill_and_check, folder, live_pki, f"sqlite:///{folder / 'dmpws.sqlite'}", kills)
            for folder, kills in ((tmp_path / "one", first), (tmp_path / "two", KILLS - ON_POSTGRES - first))
        ]
        for campaign in campaigns:
            campaign.result()


@pytest.mark.slow
@pytest.mark.live
@pytest.mark.postgres
def test_killed_at_random_points_on_postgres(tmp_path: Path, live_pki: DemoPki, postgres_server: Postgres) -> None:
    with postgres_server.database() as url:
        _kill_and_check(tmp_path / "data", live_pki, url, ON_POSTGRES)


def _kill_and_check(folder: Path, pki: DemoPki, url: str, kills: int) -> None:
    """Play `kills` rounds, and look at what is left."""
    copy_pki(pki, folder)
    server = LiveServer(folder, workers="2", max_results="1000000", database=url)
    log = Log()
    sessions = [server.session("medecin-libre") for _ in range(DEPOSITORS)]
    for number in range(kills):
        server.start()
        if number == 0:
            assert sessions[0].add_authorisation(PATIENT.ins).ok
        _deposit_until_killed(server, sessions, log)
    assert log.refused == []
    assert len(log.acknowledged) >= kills
    server.start()
    try:
        _check_through_the_interface(server, log)
    finally:
        server.stop()
    store = open_store(url, folder / "documents")
    try:
        _check_rows(store, log)
        _check_files(store, folder / "documents", log)
    finally:
        store.close()


def _deposit_until_killed(server: LiveServer, sessions: list[LpsSession], log: Log) -> None:
    threads = [threading.Thread(target=_deposit, args=(session, log)) for session in sessions]
    for thread in threads:
        thread.start()
    _wait_for(random.randrange(1, 9), log)
    time.sleep(random.uniform(0, 0.08))
    server.kill()
    for thread in threads:
        thread.join(120)
        assert not thread.is_alive()


def _wait_for(deposits: int, log: Log) -> None:
    """Wait until so many more lots are acknowledged, however fast this machine is."""
    before, deadline = len(log.acknowledged), time.monotonic() + 120
    while len(log.acknowledged) < before + deposits:
        assert time.monotonic() < deadline, "the server takes no deposits"
        time.sleep(0.002)


def _deposit(session: LpsSession, log: Log) -> None:
    """Deposit lots of two documents until the server is gone."""
    with session:
        while True:
            lot = session.build_lot(PATIENT.ins, [Deposit(_document(session)) for _ in range(2)])
            log.sent[lot.unique_id] = _contents(lot)
            try:
                answer = session.send_lot(PATIENT.ins, lot)
            except ClientError:
                return
            if answer.ok:
                log.acknowledged.add(lot.unique_id)
            else:
                log.refused.append(str(answer.problems))


def _contents(lot: Lot) -> Mapping[str, str]:
    """Its documents and its signature."""
    ids = (*lot.document_ids, lot.signature_id)
    return dict(zip(ids, (octets.sha256 for octets in lot.attachments.values()), strict=True))


def _document(session: LpsSession) -> ClinicalDocument:
    now = datetime.now(UTC).replace(microsecond=0)
    body = Attachment("text/plain", random.randbytes(random.randrange(10, 40_000)).hex().encode())
    before = now - timedelta(minutes=5)
    return ClinicalDocument(
        PATIENT.ins, PATIENT.traits, session.actor, CONSULTATION_REPORT, "Document", body, now, before, now
    )


def _check_through_the_interface(server: LiveServer, log: Log) -> None:
    """What was acknowledged is found and read back; what is found was sent."""
    with server.session("medecin-libre") as doctor:
        answer = doctor.find_documents(PATIENT.ins)
        assert answer.ok
        found = {document.unique_id for document in answer.documents}
        promised = log.documents(log.acknowledged)
        signatures = {list(log.sent[lot])[-1] for lot in log.sent}
        assert promised.keys() - signatures <= found <= log.documents(set(log.sent)).keys() - signatures
        readable = sorted(promised.keys() - signatures)
        for some in (readable[n : n + 40] for n in range(0, len(readable), 40)):
            read = doctor.retrieve(PATIENT.ins, some)
            assert {d.unique_id: d.octets.sha256 for d in read.documents} == {u: promised[u] for u in some}


def _check_rows(store: Store, log: Log) -> None:
    """A lot is there whole, with its evidence and its trace, or not at all."""
    stored: dict[str, dict[str, str]] = {}
    entry, lot = document_entry.c, submission_set.c
    joined = select(lot.unique_id.label("lot"), entry.unique_id, entry.sha256).join(document_entry)
    for row in store.database.rows(joined):
        stored.setdefault(row.lot, {})[row.unique_id] = row.sha256
    assert log.acknowledged <= stored.keys() <= log.sent.keys()
    assert stored == {unique_id: log.sent[unique_id] for unique_id in stored}
    counts = {table.name: len(store.database.rows(select(table))) for table in (submission_set, lot_evidence)}
    assert set(counts.values()) == {len(stored)}
    assert len(store.database.rows(select(association.c.id))) == 4 * len(stored)
    assert verify_chain(store).ok
    assert set(_traced(store)) == stored.keys()


def _traced(store: Store) -> Iterator[str]:
    """The lots that the traces say were accepted, each once."""
    with store.read() as work:
        contents = [json.loads(row.content) for row in work.traces.rows()]
    lots = [c["submission_set"] for c in contents if c["transaction"] == "TD2.1" and c["outcome"] == "accepted"]
    assert len(lots) == len(set(lots))
    return iter(lots)


def _check_files(store: Store, folder: Path, log: Log) -> None:
    """Every row has its octets, and no file is without a row."""
    store.recover()
    assert list((folder / "incoming").iterdir()) == []
    with store.read() as work:
        entries = work.documents.by_unique_id(log.documents(set(log.sent)))
        for entry in entries:
            content = work.documents.octets(entry).read()
            assert hashlib.sha256(content).hexdigest() == log.documents(set(log.sent))[entry.unique_id]
    rows = store.database.rows(select(document_entry.c.octets))
    named = {row.octets for row in rows if not row.octets.startswith("lot:")}  # a signature is kept as evidence
    assert {path.name for path in folder.rglob("*") if path.is_file()} == named
