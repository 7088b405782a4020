"""Fixtures shared by all tests; those that vendors may use too are in dmpws.testing.plugin."""

import os
from pathlib import Path

import pytest

from dmpws.soap.validation import Schemas


@pytest.fixture(scope="session")
def reference() -> Path:
    """The folder of official material, which the project may not carry; tests that need it skip without."""
    folder = Path(os.environ.get("DMPWS_REFERENCE") or Path(__file__).parents[2] / "shared" / "reference")
    if not folder.is_dir():
        pytest.skip("official reference material is not at hand (DMPWS_REFERENCE)")
    return folder


@pytest.fixture(scope="session")
def schemas() -> Schemas:
    """The project's schemas, compiled once."""
    return Schemas.load()
