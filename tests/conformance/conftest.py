"""One world for all cases: the server in this process, the patients of the plan in their situations."""

import shutil
import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

import pytest

from dmpws.acts.desk import Desk
from dmpws.client.transport import WsgiTransport
from dmpws.conformance.cases import Conformance
from dmpws.conformance.results import RunResult
from dmpws.conformance.running import run
from dmpws.conformance.world import World
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


@pytest.fixture(scope="package")
def world(planted: LocalApp) -> World:
    return World(planted.pki, lambda card: WsgiTransport(planted, card, PATH), planted.clock)


@pytest.fixture(scope="package")
def data() -> Conformance:
    return Conformance()


@pytest.fixture(scope="package")
def played(world: World, data: Conformance) -> RunResult:
    """Every case of the plan, played once."""
    return run(data.of_plan("2.10c"), world, url="in process", plan=data.plans["2.10c"], jobs=4)


@pytest.fixture(scope="package")
def failed(data: Conformance, records: LocalApp) -> RunResult:
    """A run of four cases: one passes, one fails, one is manual, one is not played."""
    world = World(records.pki, lambda card: WsgiTransport(records, card, PATH), records.clock)
    expected = replace(data.cases["0.2-020"].expected, code="<NF>")
    wrong = replace(data.cases["0.2-020"], expected=expected)
    cases = [data.cases["0.2-010"], wrong, data.cases["0.1-190"], data.cases["0.1-050"]]
    return run(cases, world, url="in process", plan=data.plans["2.10c"])
