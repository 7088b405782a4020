"""Apache CXF, its stubs generated from wsdl/, deposits, finds and reads: as most LPS are built."""

import pytest
from foreign_build import JAVA
from foreign_clients import check, require, run
from foreign_desk import Desk

pytestmark = [pytest.mark.live, pytest.mark.slow]

# The JVM starts faster when it does not think of the long run.
COMMAND = ("java", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp")


@pytest.fixture(scope="module")
def built() -> None:
    require(JAVA)


def test_a_client_on_apache_cxf(built: None, desk: Desk) -> None:
    target = JAVA.folder / "target"
    found = run([*COMMAND, f"{target / 'lps.jar'}:{target / 'dependency'}/*", "org.example.lps.Main"], desk)
    assert found.pop("outside the schema") == ["refused by CXF"]
    check(found, desk)
