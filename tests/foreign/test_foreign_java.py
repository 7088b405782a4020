"""Apache CXF, its stubs generated from wsdl/, deposits, finds and reads: as most LPS are built."""

import pytest
from foreign_build import JAVA
from foreign_clients import JAVA_COMMAND, check, require, run
from foreign_desk import Desk

from dmpws.resources import folder

pytestmark = [pytest.mark.live, pytest.mark.slow]


@pytest.fixture(scope="module")
def built() -> None:
    require(JAVA)


def test_a_client_on_apache_cxf(built: None, desk: Desk) -> None:
    target = JAVA.folder / "target"
    found = run([*JAVA_COMMAND, f"{target / 'lps.jar'}:{target / 'dependency'}/*", "org.example.lps.Main"], desk.folder)
    more = {name: found.pop(name) for name in ("outside the schema", "TD1.3a", "TD1.6", "TD0.4", "schemas")}
    assert more == {
        "outside the schema": ["refused by CXF"],
        "TD1.3a": ["AA", "OK"],
        "TD1.6": ["DMPOk", "[LIBRE]"],
        "TD0.4": ["DMPOk"],
        "schemas": [f"{len(list(folder('schemas').rglob('*.xsd')))} compiled"],
    }
    check(found, desk)
