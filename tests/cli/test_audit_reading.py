"""`dmpws audit query` and `export`."""

import csv
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dmpws import cast
from dmpws.audit.trace import Trace, TraceOutcome
from dmpws.cli import main
from dmpws.cli.audit_reading import BATCH, COLUMNS
from dmpws.store import open_store

HOUR = timedelta(hours=1)
AT = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)
INS = cast.PATIENTS["nessi"].ins
PATIENT = f"{INS.value}^{INS.authority}"


@pytest.fixture
def data(tmp_path: Path, _migrated_sqlite: Path) -> Path:
    (tmp_path / "dmpws.sqlite").write_bytes(_migrated_sqlite.read_bytes())
    store = open_store(f"sqlite:///{tmp_path / 'dmpws.sqlite'}", tmp_path / "documents")
    documents = ({"uniqueId": "2.25.7", "typeCode": "11488-4"},)
    with store.write() as work:
        for trace in (
            Trace(AT, "TD2.1", TraceOutcome.ACCEPTED, person="899900063480", patient=PATIENT, documents=documents),
            Trace(
                AT + timedelta(hours=1),
                "TD0.2",
                TraceOutcome.REFUSED,
                code="DMPInvalidRequest",
                structure="10B0127189",
                reason="coma\n\x1b[2J\u202e à l'accueil",
            ),
            Trace(AT + timedelta(days=1), "TD3.1", TraceOutcome.ACCEPTED, patient=PATIENT, reason="=HYPERLINK(1)"),
        ):
            work.traces.append(trace)
    store.close()
    return tmp_path


def found(data: Path, capsys: pytest.CaptureFixture[str], *words: str) -> list[str]:
    assert main(["--data", str(data), "--format", "json", "audit", "query", *words]) == 0
    rows = json.loads(capsys.readouterr().out)
    return [row["transaction"] for row in rows if not row["transaction"].startswith("act:audit")]


def test_filters(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert found(data, capsys) == ["TD3.1", "TD0.2", "TD2.1"]
    assert found(data, capsys, "--patient", "nessi") == ["TD3.1", "TD2.1"]
    assert found(data, capsys, "--patient", PATIENT, "--person", "899900063480") == ["TD2.1"]
    assert found(data, capsys, "--structure", "10B0127189") == ["TD0.2"]
    assert found(data, capsys, "--since", "2026-11-21", "--until", "2026-11-22") == ["TD3.1"]
    assert found(data, capsys, "--patient", "pat-trois") == []
    assert found(data, capsys, "--person", "' OR 1=1 --") == []
    assert main(["--data", str(data), "audit", "query", "--since", "hier"]) == 2


def test_a_line_each(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--data", str(data), "audit", "query", "--limit", "2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert lines[1].split()[2:5] == ["TD0.2", "refused", "?"]
    assert lines[1].endswith("DMPInvalidRequest coma\\n\\x1b[2J\\u202e à l'accueil")


def test_csv_has_every_column_and_no_formula(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = data / "traces.csv"
    words = ["--data", str(data), "audit", "export", "--patient", "nessi", "--output", str(target)]
    assert main(words) == 0
    with target.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == COLUMNS
    assert [row["transaction"] for row in rows] == ["TD3.1", "TD2.1"]
    assert rows[0]["reason"] == "'=HYPERLINK(1)"
    assert json.loads(rows[1]["documents"]) == [{"uniqueId": "2.25.7", "typeCode": "11488-4"}]
    assert main(words) == 1  # never over a file
    assert "exists" in capsys.readouterr().err


def test_every_page_is_exported(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = open_store(f"sqlite:///{data / 'dmpws.sqlite'}", data / "documents")
    with store.write() as work:
        for _ in range(BATCH):
            work.traces.append(Trace(AT, "TD0.2", TraceOutcome.ACCEPTED))
    store.close()
    assert main(["--data", str(data), "audit", "export", "--as", "json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["seq"] for row in rows] == list(range(BATCH + 3, 0, -1))


def test_reading_is_traced_and_the_chain_stays_good(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found(data, capsys, "--patient", "nessi")
    assert main(["--data", str(data), "--format", "json", "audit", "query", "--limit", "1"]) == 0
    [told] = json.loads(capsys.readouterr().out)
    assert (told["transaction"], told["actor"]) == ("act:audit-query", "operator")
    assert told["parameters"] == {"patient": ["nessi"], "traces": ["2"]}
    assert main(["--data", str(data), "audit", "verify"]) == 0
