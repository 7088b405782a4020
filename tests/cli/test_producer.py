"""`dmpws producer`: the commands of docs/how-to/feed-without-an-lps.md do what it says, and the refusals."""

import json
import re
import shlex
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dmpws import cast
from dmpws.app import store_of
from dmpws.cli import main
from dmpws.client.pdf import one_page_pdf
from dmpws.config import load
from dmpws.domain.document import Status
from dmpws.domain.query import DocumentQuery

GUIDE = Path(__file__).parents[2] / "docs/how-to/feed-without-an-lps.md"
INS = cast.PATIENTS["pat-trois"].ins


@pytest.fixture
def data(
    tmp_path: Path, _migrated_sqlite: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Path:
    (tmp_path / "dmpws.sqlite").write_bytes(_migrated_sqlite.read_bytes())
    assert main(["--data", str(tmp_path), "seed"]) == 0
    monkeypatch.chdir(tmp_path)
    Path("wishes.txt").write_text("Je désigne ma sœur", "utf-8")
    Path("refunds.pdf").write_bytes(one_page_pdf("Remboursements"))
    capsys.readouterr()
    return tmp_path


def documents(data: Path) -> list[tuple[str, Status, frozenset[str]]]:
    """typeCode, status and masking, sorted."""
    with closing(store_of(load({"data": str(data)}, environment={}))) as store, store.read() as work:
        record = work.patients.find(INS)
        assert record is not None
        found = work.documents.find(DocumentQuery(patient=record.id, statuses=tuple(Status)), limit=50)
        return sorted((e.type_code, e.status, e.visibility) for e in found)


def test_the_commands_of_the_guide(
    data: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    played = 0
    for block in re.findall(r"```console\n(.*?)```", GUIDE.read_text("utf-8"), re.DOTALL):
        for example in block.split("$ dmpws ")[1:]:
            command, _, promised = example.partition("\n")
            words = shlex.split(command)
            if "--from" in words:
                # The guide's dates grow older than the window.
                words[-3], words[-1] = (f"{datetime.now(UTC) - timedelta(days):%Y%m%d}" for days in (90, 1))
            assert main(["--data", str(data), *words]) == 0, command
            printed = capsys.readouterr().out
            assert re.sub(r"2\.25\.\d+", "2.25.0", printed) == promised
            played += 1
    assert played == 6
    assert documents(data) == sorted(
        [
            ("REMB", Status.DEPRECATED, frozenset()),
            ("REMB", Status.APPROVED, frozenset()),
            ("60593-1", Status.APPROVED, frozenset()),
            ("EXPPAT_1", Status.APPROVED, frozenset()),
            ("EXPPAT_3", Status.APPROVED, frozenset({"MASQUE_PS"})),
            ("DOCPAT05", Status.APPROVED, frozenset()),
        ]
    )


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (["remb", "conteste", "refunds.pdf"], 1, "aucun DMP pour cet INS"),
        (["remb", "pat-trois", "refunds.pdf", "--from", "19990101"], 1, "PRODUCER-PERIOD"),
        (["remb", "pat-trois", "absent.pdf"], 2, "absent.pdf: No such file"),
        (["remb", "pat-trois", "."], 2, "neither a CDA document"),
        (["remb", "pat-trois", "refunds.pdf", "--from", "hier"], 2, "is not YYYYMMDD"),
        (["remb", "pat-trois", "refunds.pdf", "--by", "moi"], 2, "unrecognized arguments"),
        (["patient-document", "pat-trois", "refunds.pdf"], 2, "needs --type or --subject"),
        (["patient-document", "pat-trois", "refunds.pdf", "--type", "REMB"], 2, "invalid choice"),
        (["patient-document", "pat-trois", "wishes.xml"], 1, "CDA-FORM"),
        (["patient-document", "pat-trois", "picture.jpg", "--type", "EXPPAT_2"], 1, "CDA-BODY-CONTENT"),
        (["dispensation", "pat-trois", "wishes.txt", "--replaces", "2.25.7"], 1, "ACT-DOCUMENT"),
    ],
)
def test_what_is_refused_says_why(
    data: Path, capsys: pytest.CaptureFixture[str], words: list[str], status: int, said: str
) -> None:
    Path("wishes.xml").write_text("Je désigne", "utf-8")
    Path("picture.jpg").write_bytes(b"%PDF-1.4")
    try:
        found = main(["--data", str(data), "producer", *words])
    except SystemExit as usage:
        found = int(str(usage.code))
    assert (found, documents(data)) == (status, [])
    assert said in capsys.readouterr().err


def test_too_large_a_file(data: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DMPWS_MAX_XML_DOCUMENT", "1000")
    Path("wishes.txt").write_bytes(b"x" * 1001)
    words = ["producer", "patient-document", "pat-trois", "wishes.txt", "--subject", "automesures"]
    assert main(["--data", str(data), *words]) == 2
    assert "1001 octets, more than max_xml_document (1000)" in capsys.readouterr().err


def test_a_program_reads_the_outcome(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["producer", "patient-document", "pat-trois", "wishes.txt", "--type", "EXPPAT_1", "--by", "accueil"]
    assert main(["--data", str(data), "--format", "json", *words]) == 0
    unique_id = json.loads(capsys.readouterr().out)["uniqueId"]
    with closing(store_of(load({"data": str(data)}, environment={}))) as store, store.read() as work:
        assert work.documents.by_unique_id([unique_id])
        last = json.loads(list(work.traces.rows())[-1].content)
    assert (last["person"], last["on_behalf_of"]) == ("operator:accueil", f"{INS.value}^{INS.authority}")
