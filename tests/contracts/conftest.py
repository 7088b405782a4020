"""What the tests of the contracts share."""

import pytest

from dmpws.soap.second_opinion import SecondOpinion


@pytest.fixture(scope="session")
def second() -> SecondOpinion:
    """xmlschema, beside the validator of the server."""
    return SecondOpinion()
