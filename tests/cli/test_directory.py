"""`dmpws directory`: tables in and out, one entry at a time, and what is refused."""

import json
from pathlib import Path

import pytest

from dmpws.cli import main
from dmpws.codec.directory_kinds import KINDS

PEOPLE = "professional\tfamily\tgiven\tstructures\n00B1022322\tCARDIO-CH2232\tFELIX\t1750803447\n"
PLACES = "structure\tname\tsectors\n1750803447\tCENTRE DE SANTE\tSA05\n"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    assert main(["--data", str(tmp_path), "db", "upgrade"]) == 0
    assert main(["--data", str(tmp_path), "seed"]) == 0
    return tmp_path


@pytest.fixture
def tables(tmp_path: Path) -> Path:
    folder = tmp_path / "tables"
    folder.mkdir()
    (folder / "professionals.tsv").write_text(PEOPLE)
    (folder / "structures.tsv").write_text(PLACES)
    return folder


def run(data: Path, *words: str) -> int:
    return main(["--data", str(data), "directory", *words])


def listed(data: Path, kind: str, capsys: pytest.CaptureFixture[str], *words: str) -> str:
    capsys.readouterr()
    assert run(data, "list", kind, *words) == 0
    return capsys.readouterr().out


def test_a_folder_is_loaded_and_loaded_again(data: Path, tables: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert run(data, "load", str(tables), "--dry-run") == 0
    assert capsys.readouterr().out.splitlines() == [
        "structure 1750803447: added",
        "professional 00B1022322: added",
        "2 added, 0 changed, 0 as they were; dry run, nothing was written",
    ]
    assert run(data, "load", str(tables)) == 0
    assert run(data, "load", str(tables)) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "0 added, 0 changed, 2 as they were"
    assert "00B1022322\tCARDIO-CH2232\tFELIX\t1750803447\tyes" in listed(data, "professional", capsys)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_listed_loads(data: Path, kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(data, "edit", "card", "0a1b", "holder=899900063480", "--add") == 0
    table = data / "out.tsv"
    table.write_text(listed(data, kind, capsys))
    count = len(table.read_text().splitlines()) - 1
    assert count > 0
    assert run(data, "load", str(table)) == 0
    assert capsys.readouterr().out == f"0 added, 0 changed, {count} as they were\n"


def test_entries_are_found(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = listed(data, "structure", capsys, "--find", "vallées".replace("é", "e"))
    assert [line.split("\t")[0] for line in found.splitlines()] == ["structure", "10B0127189"]


def test_one_entry_is_changed(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert run(data, "edit", "structure", "10B0127189", "parent=11B0062640", "--motive", "fusion") == 0
    assert capsys.readouterr().out == (
        "structure 10B0127189: parent '' -> '11B0062640'\n0 added, 1 changed, 0 as they were\n"
    )
    assert (
        main(["--data", str(data), "--format", "json", "directory", "edit", "structure", "10B0127189", "parent="]) == 0
    )
    assert json.loads(capsys.readouterr().out) == {
        "changes": [
            {"kind": "structure", "key": "10B0127189", "new": False, "cells": {"parent": ["11B0062640", ""]}},
        ],
        "unchanged": 0,
        "dry_run": False,
    }


@pytest.mark.parametrize(
    ("words", "status", "sentence"),
    [
        (["edit", "structure", "99", "name=X"], 1, "99 is unknown: add it first"),
        (["edit", "structure", "99", "X"], 2, "'X' is not COLUMN=VALUE"),
        (["edit", "software", "DMPWS-KIT-tmp1", "category=HIS"], 1, "category: 'HIS' is not one of EAI"),
        (["load", "missing.tsv"], 1, "missing.tsv: No such file"),
        (["load", "empty"], 1, "no table (*.tsv) in it"),
    ],
)
def test_what_cannot_be_done_is_said(
    data: Path, words: list[str], status: int, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (data / "empty").mkdir()
    words = [str(data / word) if word == "empty" else word for word in words]
    assert run(data, *words) == status
    assert sentence in capsys.readouterr().err


def test_every_table_is_read_before_anything_is_said(
    data: Path, tables: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tables / "cards.tsv").write_text("card\tholder\nXYZ\t899900063480\n")
    (tables / "structures.tsv").write_text(PLACES.replace("SA05", "SA5"))
    assert run(data, "load", str(tables)) == 1
    assert capsys.readouterr().err == (
        "dmpws: cards.tsv:2: column 1 (card): 'XYZ' is not a serial number in lower-case hexadecimal\n"
        "structures.tsv:2: column 3 (sectors): 'SA5' is not a sector as SA07\n"
    )
    assert "FELIX" not in listed(data, "professional", capsys)


def test_tables_that_are_missing_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, "list", "card") == 1
    assert "db upgrade" in capsys.readouterr().err
