"""Back to the first start: the seeded state, the real time, no faults, an empty journal."""

from dataclasses import dataclass

from dmpws.config import Config
from dmpws.lab import Lab
from dmpws.lab.snapshots import SnapshotError, Snapshots
from dmpws.seed.feeding import SeedRefused
from dmpws.seed.sets import SETS
from dmpws.store import migrate
from dmpws.store.journal import Journal


@dataclass(frozen=True, slots=True)
class Resetting:
    """Empties a server and fills it with a set, which is seeded once a day: its dates are counted from today."""

    config: Config
    lab: Lab
    snapshots: Snapshots
    journal: Journal | None

    def __call__(self, name: str) -> None:
        """Load the set `name`. Raises SnapshotError."""
        if name not in SETS:
            raise SnapshotError(f"{name!r} is not one of {', '.join(SETS)}")
        self.lab.clock.be_real()
        now = self.lab.clock()
        try:
            self.snapshots.restore_fresh(
                f"{name}-{migrate.head()}-{now:%Y%m%d}", lambda store: SETS[name](self.config, store, now)
            )
        except SeedRefused as refused:
            raise SnapshotError(str(refused)) from None
        self.lab.faults.clear()
        if self.journal is not None:
            self.journal.reset()
