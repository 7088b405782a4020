"""Two servers on one PostgreSQL database and one document folder: no call has to meet the same server again."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from dmpws import cast
from dmpws.audit.chain import verify_chain
from dmpws.client import Attachment, ClinicalDocument, Deposit, LpsSession, ServerFault
from dmpws.client.cda import CONSULTATION_REPORT
from dmpws.client.scenario import HOSPITAL_DOCTOR
from dmpws.pki.demo import DemoPki
from dmpws.store import Store, open_store
from dmpws.testing.local import in_air
from dmpws.testing.postgres import Postgres
from dmpws.testing.server import LiveServer, copy_pki

pytestmark = [pytest.mark.live, pytest.mark.postgres]

PATIENT = cast.PATIENTS["pat-trois"]


@dataclass(frozen=True)
class Pair:
    """The servers, and what they share."""

    one: LiveServer
    two: LiveServer
    store: Store


@pytest.fixture(scope="module")
def pair(live_pki: DemoPki, postgres_server: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    common = tmp_path_factory.mktemp("common")
    with postgres_server.database() as url:
        servers = []
        for name in ("one", "two"):
            folder = tmp_path_factory.mktemp(name)
            copy_pki(live_pki, folder)
            servers.append(LiveServer(folder, workers="1", database=url, documents=str(common / "documents")))
        one, two = servers
        store = open_store(url, common / "documents")
        with one, two:
            yield Pair(one, two, store)
        result = verify_chain(store)
        store.close()
        assert result.ok, "one chain, written by both"


def test_what_one_takes_the_other_gives(pair: Pair) -> None:
    one, two = pair.one, pair.two
    now = datetime.now(UTC).replace(microsecond=0)
    with one.session("medecin-libre") as here, two.session("medecin-libre") as there:
        assert here.add_authorisation(PATIENT.ins).ok
        assert there.test_existence(PATIENT.ins).authorisation == "VALIDE"
        body = Attachment("text/plain", b"Toux.")
        before = now - timedelta(minutes=5)
        document = ClinicalDocument(
            PATIENT.ins, PATIENT.traits, here.actor, CONSULTATION_REPORT, "CR", body, now, before, now
        )
        assert here.submit(PATIENT.ins, [Deposit(document)]).ok
        [found] = there.find_documents(PATIENT.ins).documents
        assert found.unique_id == document.unique_id
        [read] = there.retrieve(PATIENT.ins, [document.unique_id]).documents
        assert read.octets.read() == document.to_xml()
        again = there.submit(PATIENT.ins, [Deposit(document)])
        assert again.problems[0].code.startswith("XDS")


def test_an_air_token_used_here_is_used_there(pair: Pair) -> None:
    one, two = pair.one, pair.two
    actor = in_air(HOSPITAL_DOCTOR)
    with one.session("hopital", actor) as here, two.session("hopital", actor) as there:
        token = here.token(PATIENT.ins)
        assert here.test_existence(PATIENT.ins, token=token).exists
        with pytest.raises(ServerFault) as fault:
            there.test_existence(PATIENT.ins, token=token)
        assert fault.value.subcode == "DMPAuthenticationError"
        assert "VIHF-AIR-UNIQUE" in fault.value.reason


def test_of_many_uses_at_once_one_is_taken(pair: Pair) -> None:
    """The same AIR token, on both servers at the same moment; and every call leaves its trace."""
    before = len(_traces(pair.store))
    servers = [pair.one, pair.two] * 4
    sessions = [server.session("hopital", in_air(HOSPITAL_DOCTOR)) for server in servers]
    token = sessions[0].token(PATIENT.ins)
    start = threading.Barrier(len(sessions))

    def use(session: LpsSession) -> str:
        with session:
            start.wait()
            try:
                return session.test_existence(PATIENT.ins, token=token).acknowledgement
            except ServerFault as fault:
                return fault.subcode

    with ThreadPoolExecutor(len(sessions)) as pool:
        results = sorted(pool.map(use, sessions))
    assert results == ["AA", *["DMPAuthenticationError"] * (len(sessions) - 1)]
    assert len(_traces(pair.store)) == before + len(sessions)


def _traces(store: Store) -> list[object]:
    with store.read() as work:
        return list(work.traces.rows())
