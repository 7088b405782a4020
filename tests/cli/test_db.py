"""`dmpws db`: tables made and named, keys changed."""

import json
from pathlib import Path

import pytest

from dmpws.cli import main
from dmpws.store import KeyFile, keyring, migrate


def _db(folder: Path, *words: str) -> int:
    return main(["--data", str(folder), "--profile", "test", "--format", "json", "db", *words])


def _said(capsys: pytest.CaptureFixture[str]) -> dict[str, str]:
    said: dict[str, str] = json.loads(capsys.readouterr().out)
    return said


def test_upgrade_then_current(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    head = migrate.head()
    assert _db(tmp_path, "current") == 1
    assert _said(capsys) == {"current": None, "head": head}
    assert _db(tmp_path, "upgrade") == 0
    assert _said(capsys) == {"before": None, "after": head}
    assert _db(tmp_path, "upgrade") == 0
    assert _said(capsys) == {"before": head, "after": head}
    assert _db(tmp_path, "current") == 0


def test_it_says_what_to_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--data", str(tmp_path), "db", "current"]) == 1
    assert capsys.readouterr().out == f"no tables; this program wants {migrate.head()}: db upgrade\n"
    assert main(["--data", str(tmp_path), "db", "upgrade"]) == 0
    assert capsys.readouterr().out == f"tables from nothing to {migrate.head()}\n"


def test_an_unusable_database_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DMPWS_DATABASE", "mysql://nowhere/x")
    assert _db(tmp_path, "upgrade") == 1
    assert capsys.readouterr().err == "dmpws: the database is SQLite in a file, or PostgreSQL\n"


def test_rewrap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("DMPWS_ENCRYPTION", "true")
    assert _db(tmp_path, "rewrap", "--key-file", str(tmp_path / "new.key")) == 1
    assert "holds no encrypted documents" in capsys.readouterr().err
    assert _db(tmp_path, "upgrade") == 0
    documents = tmp_path / "documents"
    before = keyring.open_keyring(documents, KeyFile(tmp_path / "wrapping.key"))
    capsys.readouterr()
    assert _db(tmp_path, "rewrap", "--key-file", str(tmp_path / "new.key"), "--new-data-key") == 0
    assert _said(capsys) == {"encryption_key_file": str(tmp_path / "new.key")}
    after = keyring.open_keyring(documents, KeyFile(tmp_path / "new.key"))
    assert after.address == before.address
    assert before.keys.items() < after.keys.items()
    assert after.current not in before.keys
    assert _db(tmp_path, "current") == 1  # still configured with the old key
    assert "is not the key" in capsys.readouterr().err
    monkeypatch.setenv("DMPWS_ENCRYPTION_KEY_FILE", str(tmp_path / "new.key"))
    assert _db(tmp_path, "current") == 0
