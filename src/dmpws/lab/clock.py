"""The clock of a laboratory server: real, shifted or frozen, the same for all its processes (DMPWS D198)."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from dmpws.lab.files import locked, read_json, write_json

FARTHEST = timedelta(days=50 * 365)
"""How far from the real time it may be set."""


class ClockError(ValueError):
    """The clock cannot be set so; the message says why."""


class LabClock:
    """Reads the instant that the file of a folder names. Who calls it often pays one look at the file's date."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._path = folder / "clock.json"
        self._known: tuple[int, int] | None = None
        self._frozen: datetime | None = None
        self._shift = timedelta()

    def __call__(self) -> datetime:
        """The instant at which the server plays, aware UTC."""
        self._look()
        return self._frozen or datetime.now(UTC) + self._shift

    def _look(self) -> None:
        try:
            found = os.stat(self._path)
        except FileNotFoundError:
            self._known, self._frozen, self._shift = None, None, timedelta()
            return
        if (version := (found.st_ino, found.st_mtime_ns)) != self._known:
            values = read_json(self._path) or {}
            self._frozen = datetime.fromisoformat(values["frozen"]) if "frozen" in values else None
            self._shift = timedelta(seconds=values.get("shift", 0))
            self._known = version

    def freeze(self, at: datetime) -> None:
        """Stand still at an instant, aware. Raises ClockError."""
        if at.tzinfo is None:
            raise ClockError("an instant needs a time zone: 2027-01-01T12:00:00Z")
        _check(at - datetime.now(UTC))
        self._write({"frozen": at.astimezone(UTC).isoformat()})

    def shift(self, by: timedelta) -> None:
        """Run beside the real time, before or after it. Raises ClockError."""
        _check(by)
        self._write({"shift": by.total_seconds()})

    def be_real(self) -> None:
        """Show the real time."""
        with locked(self.folder):
            self._path.unlink(missing_ok=True)

    def _write(self, values: dict[str, Any]) -> None:
        with locked(self.folder):
            write_json(self._path, values)

    def values(self) -> dict[str, Any]:
        """Its state, as it travels in JSON."""
        now = self()
        state = {"frozen": True} if self._frozen else {"shift": self._shift.total_seconds()}
        return {"now": now.isoformat(), "frozen": False, "shift": 0.0, **state}


def _check(distance: timedelta) -> None:
    if abs(distance) > FARTHEST:
        raise ClockError(f"{distance.days} days from now; at most {FARTHEST.days}")
