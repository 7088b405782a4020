"""What only a server of the profiles `local` and `test` has: faults on demand, a clock that can be set, its state kept
and put back. `dmpws.app` imports nothing of it in the other profiles (DMPWS D197).
"""

import os
from pathlib import Path

from dmpws.lab.clock import LabClock
from dmpws.lab.faults import Faults


class Lab:
    """The laboratory of one server: files in a folder that all its processes look at."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.faults = Faults(folder)
        self.clock = LabClock(folder)

    def epoch(self) -> int:
        """Changes when the state of the server is put back: what a process remembers of the one before is void."""
        try:
            return os.stat(self.folder / "restored").st_mtime_ns
        except FileNotFoundError:
            return 0

    def begin_epoch(self) -> None:
        (self.folder / "restored").write_bytes(b"")
