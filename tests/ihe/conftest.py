"""Fixtures of the tests of profile `ihe`."""

import shutil
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from ihe_world import Lab, MakeLab

from dmpws.pki.demo import DemoPki
from dmpws.store import open_store


@pytest.fixture(scope="module")
def make_lab(
    _migrated_sqlite: Path, tmp_path_factory: pytest.TempPathFactory, pki: DemoPki, now: datetime
) -> Iterator[MakeLab]:
    """Makes servers on fresh SQLite stores; domain: text of the file of the affinity domain."""
    stores = []

    def make(domain: str = "", **options: Any) -> Lab:
        folder = tmp_path_factory.mktemp("ihe")
        shutil.copyfile(_migrated_sqlite, folder / "dmpws.sqlite")
        store = open_store(f"sqlite:///{folder / 'dmpws.sqlite'}", folder / "documents")
        stores.append(store)
        if domain:
            file = folder / "domain.toml"
            file.write_text(domain, "utf-8")
            options["affinity_domain"] = str(file)
        return Lab(store, pki, now, options)

    yield make
    for store in stores:
        store.close()


@pytest.fixture(scope="module")
def lab(make_lab: MakeLab) -> Lab:
    """A server with nothing agreed on, shared by the tests of a module."""
    return make_lab()
