"""pytest plugin for who tests his own software against dmpws: `dmp_server` and `dmp_faults`.

Every run of pytest in an environment that has dmpws loads this module: what it needs is imported where it is used,
and its names begin with `dmp_`.
"""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from dmpws.testing.dmp_server import DmpServer, ServerFaults


@pytest.fixture(scope="session")
def dmp_server_options() -> Mapping[str, str]:
    """Options of the server (`dmpws config explain` lists them); put a fixture of this name into your conftest.py.

    >>> {"profile": "test", "authorisation_days": "30"}  # doctest: +SKIP
    """
    return {}


@pytest.fixture(scope="session")
def dmp_server_process(
    dmp_server_options: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory
) -> "Iterator[DmpServer]":
    """One server for all tests of the run (of each worker of pytest-xdist), with data and PKI of its own."""
    from dmpws.testing.dmp_server import DmpServer  # noqa: PLC0415 - see above

    with DmpServer(tmp_path_factory.mktemp("dmpws") / "data", **dmp_server_options) as server:
        yield server


@pytest.fixture
def dmp_server(dmp_server_process: "DmpServer") -> "DmpServer":
    """A DMP server over mutual TLS on a free port, as after its first start: what earlier tests did is gone."""
    dmp_server_process.reset()
    return dmp_server_process


@pytest.fixture
def dmp_faults(dmp_server: "DmpServer") -> "Iterator[ServerFaults]":
    """What goes wrong on purpose in `dmp_server`, until the end of the test."""
    yield dmp_server.faults
    dmp_server.faults.clear()
