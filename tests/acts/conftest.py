"""Fixtures of the acts."""

from pathlib import Path

import pytest
from acts_world import World

from dmpws.store import Store


@pytest.fixture
def world(store: Store, tmp_path: Path) -> World:
    """No record yet, on both databases."""
    return World(store, tmp_path / "documents")
