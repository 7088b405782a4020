"""Traces of calls that change nothing else, written together: a commit waits for the disk, however little it holds.

Whoever comes while one is under way waits for the next, which carries all that came: as many calls per second as
threads ask, where each by itself would have to wait for the ones before it (and the chain lets no two write at once).
"""

import threading
from collections.abc import Callable, Sequence

from dmpws.transactions.ports import StorageBusy, TraceRow


class _Entry:
    """A trace on its way: `over` once it is written, or `error` says why it is not."""

    def __init__(self, row: TraceRow) -> None:
        self.row = row
        self.over = False
        self.error: BaseException | None = None


class TraceQueue:
    """The traces of the threads of one process. write: writes some in one transaction; raises StorageError."""

    def __init__(self, write: Callable[[Sequence[TraceRow]], None]) -> None:
        self._write = write
        self._change = threading.Condition()
        self._waiting: list[_Entry] = []
        self._writing = False

    def append(self, row: TraceRow) -> None:
        """Write a trace, with those of other threads; it is durable on return. Raises what `write` raises."""
        mine = _Entry(row)
        with self._change:
            self._waiting.append(mine)
            while self._writing and not mine.over:
                self._change.wait()
            if not mine.over:
                self._writing = True
                batch, self._waiting = self._waiting, []
        if not mine.over:
            try:
                self._write_all(batch)
            finally:
                with self._change:
                    for entry in batch:
                        entry.over = True
                    self._writing = False
                    self._change.notify_all()
        if mine.error is not None:
            raise mine.error

    def _write_all(self, batch: Sequence[_Entry]) -> None:
        """Write a batch; when it cannot be, each by itself, so that none answers for another."""
        try:
            self._write([entry.row for entry in batch])
        except BaseException as error:
            if len(batch) == 1 or isinstance(error, StorageBusy):
                for entry in batch:
                    entry.error = error
                return
            for entry in batch:
                self._write_all([entry])
