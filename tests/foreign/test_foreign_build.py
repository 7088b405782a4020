"""A client that cannot be tried is skipped with a reason a person understands."""

import sys
from pathlib import Path

import pytest
from foreign_build import Client
from foreign_clients import require


def client(folder: Path, program: str, runtime: str = sys.executable) -> Client:
    folder.mkdir(exist_ok=True)
    source = folder / "source"
    if not source.exists():
        source.write_text("1")
    return Client(folder, runtime, (sys.executable, "-c", program), (source,))


def test_without_its_runtime(tmp_path: Path) -> None:
    absent = client(tmp_path / "rust", "", runtime="no-such-program")
    assert absent.why_not == "there is no no-such-program on this machine"
    with pytest.raises(pytest.skip.Exception, match="rust client: there is no no-such-program"):
        require(absent)


def test_before_and_after_it_was_built(tmp_path: Path) -> None:
    one = client(tmp_path / "one", "")
    assert "make foreign" in one.why_not
    assert [one.build(), one.build(), one.why_not] == ["built", "up to date", ""]
    require(one)
    (one.folder / "source").write_text("2")
    assert "other sources" in one.why_not
    assert one.build() == "built"


def test_a_build_that_fails_says_why(tmp_path: Path) -> None:
    refused = client(tmp_path / "refused", "import sys; print('fetching'); sys.exit('error: the registry said no')")
    assert refused.build() == refused.why_not == "not built: error: the registry said no"


def test_a_build_without_its_tool(tmp_path: Path) -> None:
    none = Client(client(tmp_path / "none", "").folder, sys.executable, ("no-such-tool",), ())
    assert none.build() == "there is no no-such-tool on this machine"
