"""`dmpws pki init|list|issue`."""

import json
from pathlib import Path

import pytest

from dmpws.cli import main
from dmpws.pki.cards import P12_PASSWORD, Card


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    assert main(["--data", str(folder), "pki", "init", "--server-name", "dmp.test"]) == 0
    return folder


def run(data: Path, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    capsys.readouterr()
    status = main(["--data", str(data), *words])
    out, err = capsys.readouterr()
    return status, out, err


def test_init_says_where_things_are(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(tmp_path / "var", capsys, "pki", "init")
    assert status == 0
    assert str(tmp_path / "var" / "pki" / "ca.pem") in out
    assert f"password of card.p12: {P12_PASSWORD}" in out


def test_init_twice(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, _, err = run(data, capsys, "pki", "init")
    assert status == 1
    assert "n'est pas vide" in err


def test_list(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(data, capsys, "pki", "list")
    lines = {line.split()[0]: line for line in out.splitlines()}
    assert status == 0
    assert "899900063480" in lines["medecin-libre"]
    assert lines["medecin-libre"].endswith("bon")
    assert "certificat révoqué le" in lines["medecin-revoque"]
    status, out, _ = run(data, capsys, "--format", "json", "pki", "list")
    rows = {row["name"]: row for row in json.loads(out)}
    assert rows["hopital"]["identifier"] == "11B0062640"
    assert "expiré depuis le" in rows["medecin-expire"]["state"]


def test_issue(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("pki", "issue", "cpf", "interne", "--id", "899700433156")
    status, _, err = run(data, capsys, *words)
    assert status == 1
    assert "le nom et le prénom" in err
    holder = ("--family", "MEDECIN RPPS0043315", "--given", "VIRGINIE")
    status, out, _ = run(data, capsys, "--format", "json", *words, *holder, "--wrong-usage")
    assert status == 0
    card = Card.load(Path(json.loads(out)["folder"]))
    assert (card.kind, card.identity.signs) == ("CPF", False)
    status, _, err = run(data, capsys, *words, *holder)
    assert status == 1
    assert "interne a déjà un certificat" in err


def test_no_pki(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, _, err = run(tmp_path, capsys, "pki", "list")
    assert status == 1
    assert "dmpws pki init" in err
