"""pytest plugin: `pki`, `now` and `store`, for this project and for vendors who test against dmpws."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from dmpws.pki.demo import DemoPki

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


@pytest.fixture(scope="session")
def now() -> datetime:
    """The instant at which tests play."""
    return NOW


@pytest.fixture(scope="session")
def pki(tmp_path_factory: pytest.TempPathFactory) -> "DemoPki":
    """A throw-away PKI with the demo cards, made once per run."""
    from dmpws.pki.demo import create  # noqa: PLC0415 - the plugin is loaded by every pytest run of the machine

    return create(tmp_path_factory.mktemp("pki"), now=NOW)
