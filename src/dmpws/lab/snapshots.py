"""The state of a server, kept and put back while it runs: database and documents together (DMPWS D199).

snapshots/<name>/database.sqlite   a copy of the database, PostgreSQL's too
snapshots/<name>/documents/…       hard links to the octets that the copy names: they are never changed in place
"""

import os
import re
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from dmpws.lab.copying import copy_in, copy_out
from dmpws.lab.files import locked
from dmpws.store import Store, StoreOptions, migrate, open_store
from dmpws.store.orphans import FAN_OUT
from dmpws.transactions.ports import StorageError

MOST_KEPT = 100
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


class SnapshotError(ValueError):
    """A snapshot cannot be made or put back; the message says why."""


class Snapshots:
    """Snapshots of a store in a folder."""

    def __init__(
        self, folder: Path, store: Store, documents: Path, options: StoreOptions, begin_epoch: Callable[[], None]
    ) -> None:
        """documents, options: those of the store. begin_epoch: called when another state is in force."""
        self._folder = folder
        self._store = store
        self._documents = documents
        self._options = options
        self._begin_epoch = begin_epoch

    def save(self, name: str) -> dict[str, Any]:
        """Keep the state as it is now, in the place of an older one of this name. Raises SnapshotError."""
        kept = self._named(name)
        with locked(self._folder):
            if not kept.exists() and len(self.all()) >= MOST_KEPT:
                raise SnapshotError(f"{MOST_KEPT} snapshots are kept: forget some")
            self._save(kept, self._store, self._documents)
        return _shown(kept)

    def restore(self, name: str) -> dict[str, Any]:
        """Put a state back, while nobody is in the middle of a call. Raises SnapshotError."""
        kept = self._named(name)
        with locked(self._folder):
            self._restore(kept)
        return _shown(kept)

    def restore_fresh(self, name: str, fill: Callable[[Store], object]) -> None:
        """Put back a state that `fill` gives to an empty store, the first time it is asked for. Raises SnapshotError.

        name: of a state that is made once; another of the same first word takes its place.
        """
        kept = self._folder / "seeded" / name
        with locked(self._folder):
            if not kept.exists():
                for older in kept.parent.glob(f"{name.partition('-')[0]}-*"):
                    shutil.rmtree(older)
                self._build(kept, fill)
            self._restore(kept)

    def _build(self, kept: Path, fill: Callable[[Store], object]) -> None:
        place = self._folder / ".fresh"
        shutil.rmtree(place, ignore_errors=True)
        documents = place / "documents"
        documents.mkdir(parents=True)
        try:
            for file in self._documents.iterdir():
                if file.is_file():  # the keys of encrypted documents: what is put back must be readable
                    shutil.copy2(file, documents / file.name)
            url = f"sqlite:///{place / 'dmpws.sqlite'}"
            with closing(open_store(url, documents, options=self._options)) as store:
                migrate.upgrade(store.database.engine)
                fill(store)
                self._save(kept, store, documents)
        finally:
            shutil.rmtree(place, ignore_errors=True)

    def _save(self, kept: Path, store: Store, documents: Path) -> None:
        draft = kept.with_name(f".{kept.name}")
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(parents=True)
        try:
            copy = draft / "database.sqlite"
            copy_out(store.database.engine, copy)
            for octets in _octets_of(copy):
                _link(documents / octets[:FAN_OUT] / octets, draft / "documents" / octets[:FAN_OUT] / octets)
        except FileNotFoundError as error:
            shutil.rmtree(draft)
            raise SnapshotError(f"{error.filename} was erased meanwhile: try again") from None
        except StorageError as error:
            shutil.rmtree(draft)
            raise SnapshotError(str(error)) from None
        shutil.rmtree(kept, ignore_errors=True)
        draft.replace(kept)

    def _restore(self, kept: Path) -> None:
        copy = kept / "database.sqlite"
        if not copy.is_file():
            raise SnapshotError(f"{kept.name}: there is no such snapshot")
        if (found := _revision_of(copy)) != migrate.head():
            raise SnapshotError(f"{kept.name}: its tables are at {found}, this program wants {migrate.head()}")
        for octets in _octets_of(copy):
            place = self._documents / octets[:FAN_OUT] / octets
            if not place.exists():
                _link(kept / "documents" / octets[:FAN_OUT] / octets, place)
        try:
            copy_in(copy, self._store.database.engine)
        except StorageError as error:
            raise SnapshotError(f"{kept.name} is not put back: {error}") from None
        self._begin_epoch()
        self._store.blobs.sweep(timedelta(0))

    def all(self) -> list[dict[str, Any]]:
        """Those kept, by name."""
        return [_shown(path.parent) for path in sorted(self._folder.glob("kept/[!.]*/database.sqlite"))]

    def delete(self, name: str) -> bool:
        """Forget one; False when there is none of this name. Raises SnapshotError."""
        kept = self._named(name)
        with locked(self._folder):
            if not (kept / "database.sqlite").is_file():
                return False
            shutil.rmtree(kept)
        return True

    def _named(self, name: str) -> Path:
        if not _NAME.fullmatch(name):
            raise SnapshotError(f"{name!r} is not a name: letters, digits, and _ . - after the first, at most 64")
        return self._folder / "kept" / name


def _octets_of(copy: Path) -> list[str]:
    """Names of the files; small documents are in their lot, and those erased nowhere."""
    with closing(sqlite3.connect(copy)) as connection:
        found = connection.execute("SELECT octets FROM document_entry UNION SELECT octets FROM unregistered_document")
        return [name for (name,) in found if name and not name.startswith("lot:")]


def _revision_of(copy: Path) -> str:
    with closing(sqlite3.connect(copy)) as connection:
        return str(connection.execute("SELECT version_num FROM alembic_version").fetchone()[0])


def _link(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        os.link(source, target)
    except FileExistsError:
        pass
    except FileNotFoundError:
        raise
    except OSError:  # another file system
        shutil.copy2(source, target)


def _shown(kept: Path) -> dict[str, Any]:
    found = (kept / "database.sqlite").stat()
    made = datetime.fromtimestamp(found.st_mtime, UTC).isoformat(timespec="seconds")
    documents = sum(1 for path in kept.glob("documents/*/*") if path.is_file())
    return {"name": kept.name, "made_at": made, "octets": found.st_size, "documents": documents}
