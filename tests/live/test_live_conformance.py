"""`dmpws conformance run` against a server over mutual TLS, as a tester types it."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from live_wire import serving

from dmpws.cli import main
from dmpws.pki.demo import DemoPki
from dmpws.testing.server import LiveServer

CASES = ["0.1-050", "0.1-1[167]0", "0.2-0[126]0", "2.1-140", "3.1-250", "3.2-010", "DMPWS-0.1-030", "DMPWS-1.4-010"]


@pytest.fixture(scope="module")
def server(live_pki: DemoPki, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    with serving(live_pki, tmp_path_factory.mktemp("conformance") / "data") as server:
        yield server


def test_a_tester_plays_cases(server: LiveServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = [word for name in CASES for word in ("--case", name)]
    files = {kind: tmp_path / f"run.{kind}" for kind in ("json", "junit", "html")}
    words = ["conformance", "run", "--url", server.url, "--prepare", *names]
    reports = [word for kind, file in files.items() for word in (f"--{kind}", str(file))]
    assert main(["--data", str(server.folder), *words, *reports]) == 0, capsys.readouterr().out
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1].startswith("12 passed, 0 failed, 0 not played, 0 manual in ")
    assert all(file.stat().st_size > 1000 for file in files.values())
    found = {case["id"]: case["steps"][-1]["found"] for case in json.loads(files["json"].read_text("utf-8"))["cases"]}
    assert found["0.1-160"] in ("connexion refusée par TLS", "DMPInvalidCertificate")
    # Again without preparation, as JSON: the cases find what they need.
    assert (
        main(["--data", str(server.folder), "--format", "json", "conformance", "run", "--url", server.url, *names]) == 0
    )
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["verdict"] for row in rows[:-1]] == ["passed"] * 12
    assert rows[-1]["passed"] == 12
