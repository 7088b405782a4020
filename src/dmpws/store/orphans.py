"""Files no row names: found, and removed without ever meeting a deposit of the same octets.

A deposit shares the folder of its file from before the rename until after the commit (BlobFolder.place). Here the
folder is locked exclusively, the rows are asked again, and only then is a file removed. A folder in use is left for
the next time.
"""

import os
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from pathlib import Path

from dmpws.store.held import LOT, locked

FAN_OUT = 2
"""Letters of a name that make its folder. 256 folders exist after some hundreds of documents, and making one costs
as much as storing a document; ten million documents are 40 000 names in each, which file systems do not mind."""

Referenced = Callable[[Sequence[str]], set[str]]
"""Gives those of these names that a committed row holds."""


def remove(root: Path, names: Sequence[str], referenced: Referenced) -> int | None:
    """Remove those of `names` that no row holds and return their number; None when a folder was in use."""
    removed, busy = 0, False
    for name in names:
        folder = root / name[:FAN_OUT]
        with locked(folder) as free:
            if not free:
                busy = busy or folder.exists()
            elif (folder / name).exists() and not referenced([name]):
                (folder / name).unlink()
                removed += 1
    return None if busy else removed


def recover(root: Path, incoming: Path, referenced: Referenced) -> int:
    """Remove the incoming files nobody holds, and the orphans their `.lot` files name."""
    removed = 0
    for path in [incoming / name for name in os.listdir(incoming)]:
        with locked(path) as dead:
            if not dead:
                continue
            if path.suffix == LOT:
                done = remove(root, path.read_text("ascii").split(), referenced)
                if done is None:
                    continue
                removed += done
            else:
                removed += 1
            path.unlink(missing_ok=True)
    return removed


def sweep(root: Path, older_than: timedelta, referenced: Referenced) -> int:
    """Remove every file older than `older_than` that no row holds."""
    limit = time.time() - older_than.total_seconds()
    removed = 0
    for folder in sorted(root.iterdir()):
        if len(folder.name) == FAN_OUT and folder.is_dir():
            names = list(_older(folder, limit))
            suspects = sorted(set(names) - referenced(names)) if names else []
            removed += remove(root, suspects, referenced) or 0
    return removed


def _older(folder: Path, limit: float) -> Iterable[str]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.stat().st_mtime < limit:
                yield entry.name
