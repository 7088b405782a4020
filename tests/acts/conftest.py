"""Fixtures of the acts."""

import pytest
from acts_world import World

from dmpws.store import Store


@pytest.fixture
def world(store: Store) -> World:
    """No record yet, on both databases."""
    return World(store)
