"""The clock of a laboratory: shared by the processes through its file."""

import json
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dmpws import cast
from dmpws.app import SERVICES_PATH, build_app, clock_of
from dmpws.client import LpsSession, ServerFault
from dmpws.client.transport import WsgiTransport
from dmpws.config import load
from dmpws.domain.authorisation import AuthorisationState
from dmpws.lab import Lab
from dmpws.lab.clock import FARTHEST, ClockError, LabClock
from dmpws.pki.demo import DemoPki
from dmpws.seed import seed
from dmpws.store import Store, open_store
from dmpws.store.tables import professional, professional_structure

PETRA = cast.PATIENTS["petra"].ins
NEXT_YEAR = datetime.now(UTC) + timedelta(days=365)


def test_two_processes_see_the_same_time(tmp_path: Path) -> None:
    one, other = LabClock(tmp_path), LabClock(tmp_path)
    assert abs(other() - datetime.now(UTC)) < timedelta(minutes=1)
    one.freeze(NEXT_YEAR)
    assert one() == other() == NEXT_YEAR
    one.shift(timedelta(days=-400))
    assert timedelta(days=399) < datetime.now(UTC) - other() < timedelta(days=401)
    assert other.values()["shift"] == -400 * 86400
    one.be_real()
    assert abs(other() - datetime.now(UTC)) < timedelta(minutes=1)


def test_it_stays_within_reason(tmp_path: Path) -> None:
    clock = LabClock(tmp_path)
    with pytest.raises(ClockError, match="at most"):
        clock.shift(FARTHEST + timedelta(days=1))
    with pytest.raises(ClockError, match="at most"):
        clock.freeze(datetime(1900, 1, 1, tzinfo=UTC))
    with pytest.raises(ClockError, match="time zone"):
        clock.freeze(datetime(2027, 1, 1))
    assert not (tmp_path / "clock.json").exists()


@pytest.mark.parametrize(("profile", "moved"), [("local", True), ("test", True), ("production", False), ("ihe", False)])
def test_commands_play_at_the_time_of_the_server(profile: str, moved: bool, tmp_path: Path) -> None:
    LabClock(tmp_path / "lab").freeze(NEXT_YEAR)
    config = load({"profile": profile, "data": str(tmp_path)}, environment={})
    assert (clock_of(config)() == NEXT_YEAR) is moved


@pytest.fixture(scope="module")
def world(
    pki: DemoPki, now: datetime, _migrated_sqlite: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[LabClock, LpsSession, LpsSession, Store]]:
    """The clock of a whole server, a client that lives at its time, and one that does not."""
    folder = tmp_path_factory.mktemp("clock")
    (folder / "dmpws.sqlite").write_bytes(_migrated_sqlite.read_bytes())
    lab, card = Lab(folder / "lab"), pki.card("medecin-libre")
    config = load({"profile": "local", "trust": str(pki.trust_folder)}, environment={})
    with closing(open_store(f"sqlite:///{folder / 'dmpws.sqlite'}", folder / "documents")) as store:
        seed(store, now)
        transport = WsgiTransport(build_app(config, store=store, lab=lab), card, SERVICES_PATH)
        yield (
            lab.clock,
            LpsSession(card, transport=transport, clock=lab.clock),
            LpsSession(card, transport=transport, clock=lambda: now),
            store,
        )


def test_everything_that_is_judged_by_the_reception_moves(
    world: tuple[LabClock, LpsSession, LpsSession, Store], now: datetime
) -> None:
    clock, lps, left_behind, store = world
    clock.freeze(now)
    lps.add_authorisation(PETRA)
    assert lps.find_documents(PETRA).ok
    clock.freeze(now + timedelta(days=366))
    assert lps.test_existence(PETRA).authorisation is AuthorisationState.EXPIRE
    with pytest.raises(ServerFault, match="VIHF"):
        left_behind.test_existence(PETRA)
    clock.freeze(now + timedelta(days=4 * 365))
    with pytest.raises(ServerFault, match="DMPInvalidCertificate"):
        lps.test_existence(PETRA)
    with store.read() as work:
        years = [json.loads(row.content)["occurred_at"][:4] for row in work.traces.rows()]
    assert years == ["2026", "2026", "2027", "2027", "2030"]


def test_who_was_learned_is_learned_again_after_a_restore(
    world: tuple[LabClock, LpsSession, LpsSession, Store], now: datetime
) -> None:
    clock, lps, _, store = world
    clock.freeze(now)
    store.database.change(professional_structure.delete())
    store.database.change(professional.delete())
    Lab(clock.folder).begin_epoch()
    lps.test_existence(PETRA)
    assert store.directory.professional("899900063480") is not None
