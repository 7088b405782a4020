"""One world for all cases: the server in this process, the patients of the plan in their situations."""

import shutil
import threading
import uuid
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from dmpws.acts.desk import Desk
from dmpws.client.transport import WsgiTransport
from dmpws.conformance import playing, running
from dmpws.conformance.cases import Case, Conformance
from dmpws.conformance.play import Known
from dmpws.conformance.results import CaseResult, RunResult
from dmpws.conformance.running import run
from dmpws.conformance.world import World
from dmpws.domain.journal import Exchange, Message
from dmpws.http.journal import Journalled
from dmpws.http.journal_pages import summary
from dmpws.pki.demo import DemoPki
from dmpws.seed.feeding import feed
from dmpws.seed.producing import produce
from dmpws.seed.situations import open_records
from dmpws.soap.validation import Schemas
from dmpws.store import open_store
from dmpws.testing.local import PATH, LocalApp
from dmpws.testing.postgres import migrate
from dmpws.transactions.call import Settings


@pytest.fixture(scope="package")
def records(tmp_path_factory: pytest.TempPathFactory, pki: DemoPki, now: datetime) -> Iterator[LocalApp]:
    """The server, and the records of the plan without documents. Its PKI is its own: cards are added to it."""
    folder = tmp_path_factory.mktemp("conformance")
    shutil.copytree(pki.folder, folder / "pki")
    url = f"sqlite:///{folder / 'dmpws.sqlite'}"
    migrate(url)
    store = open_store(url, folder / "documents")
    app = LocalApp(store, DemoPki(folder / "pki", now), now)
    open_records(store, now)
    yield app
    store.close()


@pytest.fixture(scope="package")
def planted(records: LocalApp, schemas: Schemas) -> LocalApp:
    """… with the documents of the plan."""
    store, now, check = records.store, records.now, schemas.check_cda_header
    feed(store, records.session)
    produce(store, lambda who: Desk(store, now, lambda: str(uuid.uuid4()), Settings(), who, check_cda=check))
    return records


class Heard:
    """What a journal tells of each case that is played, by case: lines of `GET /journal?facts=yes`."""

    def __init__(self) -> None:
        self.lines: defaultdict[str, list[Mapping[str, Any]]] = defaultdict(list)
        self._thread = threading.local()

    def play_case(self, case: Case, world: World, documents: dict[str, Known] | None = None) -> CaseResult:
        self._thread.case = case.id
        try:
            return playing.play_case(case, world, documents)
        finally:
            self._thread.case = ""

    def keep(self, exchange: Exchange, _request: Message, _answer: Message) -> None:
        heard = self.lines[getattr(self._thread, "case", "")]
        heard.append({**summary(replace(exchange, id=len(heard) + 1)), "facts": exchange.facts})


@pytest.fixture(scope="package")
def heard() -> Heard:
    return Heard()


@pytest.fixture(scope="package")
def world(planted: LocalApp, heard: Heard) -> World:
    app = Journalled(planted, heard.keep, most=0)
    return World(planted.pki, lambda card: WsgiTransport(app, card, PATH), planted.clock)


@pytest.fixture(scope="package")
def data() -> Conformance:
    return Conformance()


@pytest.fixture(scope="package")
def played(world: World, data: Conformance, heard: Heard) -> RunResult:
    """Every case of the plan, played once, and heard."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(running, "play_case", heard.play_case)
        return run(data.of_plan("2.10c"), world, url="in process", plan=data.plans["2.10c"], jobs=4)


@pytest.fixture(scope="package")
def failed(data: Conformance, records: LocalApp) -> RunResult:
    """A run of four cases: one passes, one fails, one is manual, one is not played."""
    world = World(records.pki, lambda card: WsgiTransport(records, card, PATH), records.clock)
    expected = replace(data.cases["0.2-020"].expected, code="<NF>")
    wrong = replace(data.cases["0.2-020"], expected=expected)
    cases = [data.cases["0.2-010"], wrong, data.cases["0.1-190"], data.cases["0.1-050"]]
    return run(cases, world, url="in process", plan=data.plans["2.10c"])
