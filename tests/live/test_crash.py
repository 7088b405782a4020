"""SIGKILL at random points of concurrent deposits: every acknowledged lot is there byte for byte, nothing else is.

DMPWS_TEST_KILLS sets the number of kills (50 by default).
"""

import hashlib
import os
import random
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dmpws import cast
from dmpws.app import store_of
from dmpws.audit.chain import verify_chain
from dmpws.client import ClientError, ClinicalDocument, Deposit, LpsSession, Section
from dmpws.client.cda import CONSULTATION_REPORT
from dmpws.config import load
from dmpws.domain.document import Status
from dmpws.testing.server import LiveServer

KILLS = int(os.environ.get("DMPWS_TEST_KILLS", "50"))
DEPOSITORS = 3
PATIENT = cast.PATIENTS["pat-trois"]


@dataclass
class Log:
    """What the depositors know: uniqueId to SHA-256 of each document acknowledged, and of each only sent."""

    acknowledged: dict[str, str] = field(default_factory=dict)
    sent: dict[str, str] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)


@pytest.mark.slow
@pytest.mark.live
def test_killed_at_random_points_nothing_acknowledged_is_lost(tmp_path: Path) -> None:
    seed = random.randrange(2**32)
    rng = random.Random(seed)
    log = Log()
    server = LiveServer(tmp_path / "data", workers="2", max_results="100000")
    for number in range(KILLS):
        server.start()
        if number == 0:
            _authorise(server)
        _deposit_until_killed(server, log, rng)
    assert log.refused == [], f"seed {seed}"
    assert len(log.acknowledged) > KILLS, f"seed {seed}: too few deposits to prove anything"
    server.start()
    try:
        _check_through_the_interface(server, log)
    finally:
        server.stop()
    _check_storage(server.folder, log)


def _authorise(server: LiveServer) -> None:
    with server.session("medecin-libre") as doctor:
        assert doctor.add_authorisation(PATIENT.ins).ok


def _deposit_until_killed(server: LiveServer, log: Log, rng: random.Random) -> None:
    sessions = [server.session("medecin-libre") for _ in range(DEPOSITORS)]
    threads = [threading.Thread(target=_deposit, args=(session, log)) for session in sessions]
    for thread in threads:
        thread.start()
    time.sleep(rng.uniform(0.05, 0.6))
    server.kill()
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()


def _deposit(session: LpsSession, log: Log) -> None:
    """Deposit lots of two documents until the server is gone."""
    with session:
        while True:
            deposits = [Deposit(_document(session)) for _ in range(2)]
            lot = session.build_lot(PATIENT.ins, deposits)
            contents = dict(zip(lot.document_ids, (o.sha256 for o in lot.attachments.values()), strict=False))
            log.sent.update(contents)
            try:
                answer = session.send_lot(PATIENT.ins, lot)
            except ClientError:
                return
            if answer.ok:
                log.acknowledged.update(contents)
            else:
                log.refused.append(str(answer.problems))


def _document(session: LpsSession) -> ClinicalDocument:
    now = datetime.now(UTC).replace(microsecond=0)
    text = "".join(random.choices("abcdefghij ", k=random.randrange(10, 40_000)))
    section = Section(CONSULTATION_REPORT, "Texte", [text])
    before = now - timedelta(minutes=5)
    return ClinicalDocument(
        PATIENT.ins, PATIENT.traits, session.actor, CONSULTATION_REPORT, "Document", [section], now, before, now
    )


def _check_through_the_interface(server: LiveServer, log: Log) -> None:
    with server.session("medecin-libre") as doctor:
        found = {d.unique_id for d in doctor.find_documents(PATIENT.ins, statuses=[Status.APPROVED]).documents}
        assert found <= log.sent.keys()
        assert log.acknowledged.keys() <= found
        sample = random.sample(sorted(log.acknowledged), min(20, len(log.acknowledged)))
        answer = doctor.retrieve(PATIENT.ins, sample)
        assert {d.unique_id: d.octets.sha256 for d in answer.documents} == {k: log.acknowledged[k] for k in sample}


def _check_storage(folder: Path, log: Log) -> None:
    """Every acknowledged document octet by octet; every other one whole or absent; nothing lies about."""
    store = store_of(load({"data": str(folder)}, environment={}))
    with store.read() as work:
        stored = {e.unique_id: e for e in work.documents.by_unique_id(log.sent)}
        assert log.acknowledged.keys() <= stored.keys()
        for unique_id, entry in stored.items():
            octets = work.documents.octets(entry).read()
            assert hashlib.sha256(octets).hexdigest() == log.sent[unique_id]
    assert verify_chain(store).ok
    store.recover()
    assert list((folder / "documents" / "incoming").iterdir()) == []
