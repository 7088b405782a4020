"""The clock of a laboratory: shared by the processes through its file."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dmpws.app import clock_of
from dmpws.config import load
from dmpws.lab.clock import FARTHEST, ClockError, LabClock

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
