"""The bench looks at the clock of the machine."""

from datetime import UTC, datetime

import pytest

from dmpws.pki.demo import DemoPki


@pytest.fixture(scope="session")
def pki(todays_pki: DemoPki) -> DemoPki:
    """Cards that are valid now."""
    return todays_pki


@pytest.fixture
def now() -> datetime:
    """The true instant."""
    return datetime.now(UTC)
