"""Fixtures of the XDS tests."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from xds_world import World

from dmpws.store import open_store


@pytest.fixture
def world(_migrated_sqlite: Path, tmp_path: Path) -> Iterator[World]:
    """A DMP open for PAT-TROIS DOMINIQUE, no authorisation, no document."""
    yield from _opened(_migrated_sqlite, tmp_path)


@pytest.fixture(scope="module")
def shared_world(_migrated_sqlite: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The same, shared by the examples of a transaction, which use fresh identifiers."""
    yield from _opened(_migrated_sqlite, tmp_path_factory.mktemp("shared"))


@pytest.fixture(scope="module")
def shared_record(_migrated_sqlite: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Another, for the record that the examples of TD3 search."""
    yield from _opened(_migrated_sqlite, tmp_path_factory.mktemp("record"))


def _opened(migrated: Path, folder: Path) -> Iterator[World]:
    shutil.copyfile(migrated, folder / "dmpws.sqlite")
    store = open_store(f"sqlite:///{folder / 'dmpws.sqlite'}", folder / "documents")
    world = World(store)
    world.open_dmp()
    yield world
    store.close()
