"""The package `soap` of Node, from the contracts the server serves, deposits, finds and reads."""

import pytest
from foreign_build import NODE
from foreign_clients import check, require, run
from foreign_desk import Desk

pytestmark = pytest.mark.live


@pytest.fixture(scope="module")
def built() -> None:
    require(NODE)


def test_a_client_on_node(built: None, desk: Desk) -> None:
    check(run(["node", str(NODE.folder / "lps.js")], desk.folder), desk)
