"""`dmpws bench`: what it says when it cannot measure. The measurements themselves are made by `make bench`."""

import json
from typing import Any

import pytest

from dmpws.bench import Failed, registry, retrieval
from dmpws.cli import main

ROW = {"what": "1 MB", "mb_per_second": 300, "bare_tls_mb_per_second": 310, "failures": 0}


def test_a_measurement_that_cannot_be_made(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def refused(*_: Any) -> dict[str, Any]:
        raise Failed("TD2.1 was refused: XDSRegistryMetadataError")

    monkeypatch.setattr(registry, "run", refused)
    assert main(["bench", "--only", "registry"]) == 1
    assert capsys.readouterr().err == "dmpws: registry: TD2.1 was refused: XDSRegistryMetadataError\n"


@pytest.mark.parametrize("failures", [0, 3])
def test_failed_requests_fail_the_bench(
    failures: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(retrieval, "run", lambda *_: {"rows": [{**ROW, "failures": failures}]})
    assert main(["--format", "json", "bench", "--only", "retrieval"]) == (1 if failures else 0)
    assert json.loads(capsys.readouterr().out)["retrieval"]["rows"] == [{**ROW, "failures": failures}]


def test_the_aim_is_what_tls_gives(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(retrieval, "run", lambda *_: {"rows": [ROW, {**ROW, "bare_tls_mb_per_second": 150}]})
    assert main(["bench", "--only", "retrieval"]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines() if line.startswith("1 MB")]
    assert [line[2:] for line in lines] == [["300", "310", "200", "0"], ["300", "150", "150", "0"]]


def test_a_registry_too_small_for_its_patients(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["bench", "--registry", "9999"])
    assert ended.value.code == 2
    assert "at least 10000" in capsys.readouterr().err
