"""`dmpws patient`: the commands of docs/how-to/run-the-life-of-a-record.md do what it says, and the refusals."""

import itertools
import json
import re
import shlex
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from dmpws import cast
from dmpws.app import store_of
from dmpws.cli import main
from dmpws.codec.ebxml.fragments import entry_fragment
from dmpws.codec.ebxml.rim import read_object
from dmpws.codec.ebxml.writing import extrinsic_object
from dmpws.config import load
from dmpws.domain import oids
from dmpws.domain.checks import Report
from dmpws.domain.document import Status
from dmpws.store import Store
from dmpws.testing import deposits

GUIDE = Path(__file__).parents[2] / "docs/how-to/run-the-life-of-a-record.md"
INS = cast.PATIENTS["pat-trois"].ins
VARIABLE = re.compile(
    r"[0-9a-f]{64}|(?<=erase-)[0-9a-f]{8}|(?<=destroy-)[0-9a-f]{8}"
    r"|\d{4}-\d\d-\d\d(?=:)|\d+(?= traces)|(?<=elsewhere: )\d+"
)
"""What differs from run to run: hashes, phrases, today, numbers of traces."""


@pytest.fixture
def data(tmp_path: Path, _migrated_sqlite: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    (tmp_path / "dmpws.sqlite").write_bytes(_migrated_sqlite.read_bytes())
    assert main(["--data", str(tmp_path), "seed"]) == 0
    with closing(open_store(tmp_path)) as store:
        deposit(store, "2.25.42", b"a letter\n")
        deposit(store, "2.25.43", b"a mistake\n")
        with store.write() as work:
            work.documents.set_status([work.documents.by_unique_id(["2.25.43"])[0].id], Status.DELETED)
    capsys.readouterr()
    return tmp_path


def open_store(data: Path) -> Store:
    return store_of(load({"data": str(data)}, environment={}))


def deposit(store: Store, unique_id: str, content: bytes) -> None:
    ins = f"{INS.value}^^^&{INS.authority}&ISO^NH"
    entry = deposits.entry(unique_id=unique_id, patient_id=ins, source_patient_id=ins)
    octets, uuid = deposits.received(store.blobs, content), deposits.new_uuid()
    fragment = entry_fragment(
        read_object(extrinsic_object(entry, itertools.count(1)), Report()), uuid,
        hash_=octets.sha1, size=octets.size, repository=oids.REPOSITORY, version=1,
        new_uuid=lambda: deposits.new_uuid().removeprefix("urn:uuid:"),
    )  # fmt: skip
    with store.write() as work:
        record = work.patients.find(INS)
        assert record is not None
        made = deposits.lot(record, [])
        new = [deposits.Deposit(entry, uuid, fragment, octets)]
        work.documents.add_lot(
            deposits.Lot(record.id, made.submission_set, made.submission_set_uuid, b"<set/>", new),
            now=deposits.RECEIVED,
        )


def examples() -> Iterator[tuple[str, str]]:
    """(command, what it prints) of each example of the guide."""
    for block in re.findall(r"```console\n(.*?)```", GUIDE.read_text("utf-8"), re.DOTALL):
        for example in block.split("$ dmpws ")[1:]:
            command, _, output = example.partition("\n")
            yield command, output


def run(data: Path, *words: str) -> int:
    return main(["--data", str(data), *words])


def test_the_commands_of_the_guide(
    data: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    phrases: list[str] = []
    played = 0
    monkeypatch.chdir(data)
    for command, promised in examples():
        words = shlex.split(command)
        if "--confirm" in words:
            words[-1] = phrases[-1]
        assert run(data, *words) == 0, command
        printed = capsys.readouterr().out
        phrases += re.findall(r"--confirm (\S+)", printed)
        assert VARIABLE.sub("?", printed) == VARIABLE.sub("?", promised), command
        played += 1
    assert played >= 20


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (["switch", "conteste", "opposes-centre-15", "on"], 1, "aucun DMP pour cet INS"),
        (["close", "pat-trois"], 2, ""),
        (["close", "pat-trois", "--motive", " "], 1, "ACT-MOTIVE"),
        (["close", "pat-trois", "--motive", "décès", "--deceased-on", "demain"], 1, "CLOSE-DEATH"),
        (["rectify", "pat-trois", "sex", "--motive", "x"], 2, "not NAME=VALUE"),
        (["rectify", "pat-trois", "sexe=M", "--motive", "x"], 1, "RECTIFY-FIELD"),
        (["mask", "pat-trois", "2.25.43"], 1, "ACT-NOT-DELETED"),
        (["erase", "pat-trois", "2.25.42", "--motive", "x"], 1, "ERASE-DELETED"),
        (["erase", "pat-trois", "2.25.43", "--motive", "x", "--confirm", "erase-1"], 1, "ACT-CONFIRMED"),
        (["purge", "pat-trois", "--motive", "x", "--proof", "y"], 1, "DESTROY-CLOSED"),
        (["purge", "--motive", "x", "--confirm", "purge-1"], 1, "ACT-CONFIRMED"),
        (["authorise", "279035121518989^1.2.250.1.213.1.4.8", "899900063480"], 1, "aucun DMP"),
        (["switch", "pat-trois", "other", "on"], 2, ""),
        (["export", "pat-trois"], 2, ""),
        (["export", "--output", "/nowhere/copy.zip"], 2, "patient export PATIENT --output FILE"),
        (["export", "pat-trois", "--output", "/nowhere/copy.zip"], 1, "No such file"),
        (["export", "--check", "/nowhere/copy.zip"], 1, "No such file"),
        (["export", "pat-trois", "--output", "."], 2, "is there already"),
    ],
)
def test_what_is_refused_says_why(
    data: Path, capsys: pytest.CaptureFixture[str], words: list[str], status: int, said: str
) -> None:
    try:
        found = run(data, "patient", *words)
    except SystemExit as usage:
        found = int(str(usage.code))
    assert found == status
    assert said in capsys.readouterr().err
    with closing(open_store(data)) as store, store.read() as work:
        assert len(work.documents.by_unique_id(["2.25.42", "2.25.43"])) == 2


def test_a_program_reads_the_outcome(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["patient", "erase", "pat-trois", "2.25.43", "--motive", "demande", "--by", "dr.hebergeur"]
    assert run(data, "--format", "json", *words) == 0
    planned = json.loads(capsys.readouterr().out)
    assert (planned["erased"], planned["octets"]) == (False, 10)
    assert run(data, "--format", "json", *words, "--confirm", planned["confirm"]) == 0
    assert json.loads(capsys.readouterr().out)["erased"] is True
    with closing(open_store(data)) as store, store.read() as work:
        last = json.loads(list(work.traces.rows())[-1].content)
    assert (last["person"], last["transaction"]) == ("operator:dr.hebergeur", "act:erase")
    assert run(data, "--format", "json", "patient", "block", "pat-trois", "899900063480") == 0
    assert json.loads(capsys.readouterr().out) == {"done": "899900063480 blocked", "changed": True}


def test_a_copy_for_others_and_what_is_left_when_it_fails(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target, ground = data / "copy.zip", ["--motive", "expertise", "--proof", "ordonnance du 3 novembre"]
    for recipient, rule in (("--successor", "COPY-DECEASED"), ("--legal", "")):
        status = run(data, "patient", "export", "pat-trois", "--output", str(target), recipient, *ground)
        assert (status, rule in capsys.readouterr().err) == (1 if rule else 0, True)
    assert target.stat().st_mode & 0o777 == 0o600
    assert run(data, "patient", "export", "pat-trois", "--output", str(target)) == 2
    target.unlink()
    next((data / "documents").glob("??/*")).write_bytes(b"damaged")
    assert run(data, "patient", "export", "pat-trois", "--output", str(target)) == 1
    assert "XDM-DAMAGED" in capsys.readouterr().err
    assert [p.name for p in data.iterdir() if "zip" in p.name or "export" in p.name] == []


def test_a_spoiled_archive_fails_the_check(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spoiled = data / "spoiled.zip"
    spoiled.write_bytes(b"PK")
    assert run(data, "--format", "json", "patient", "export", "--check", str(spoiled)) == 1
    said = json.loads(capsys.readouterr().out)
    assert said["ok"] is False
    assert "XDM-ZIP" in said["failures"][0]


def test_a_program_reads_the_list(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def listed(*words: str) -> list[dict[str, object]]:
        assert run(data, "--format", "json", "patient", "list", "pat-trois", *words) == 0
        return list(json.loads(capsys.readouterr().out))

    (letter,) = listed()
    assert letter.pop("title")
    assert letter == {
        "espace": "Comptes rendus", "category": "CPT_REND", "uniqueId": "2.25.42", "typeCode": "11488-4",
        "status": "APPROVED", "visibility": [],
    }  # fmt: skip
    assert [(d["uniqueId"], d["status"]) for d in listed("--all")] == [("2.25.43", "DELETED"), ("2.25.42", "APPROVED")]
