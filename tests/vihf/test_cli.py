"""`dmpws vihf make|check|examples`."""

import json
from pathlib import Path

import pytest

from dmpws.cli import main
from dmpws.pki.demo import DemoPki
from dmpws.testing.tokens import examples

AT = "2026-11-21T12:00:00Z"


@pytest.fixture
def data(pki: DemoPki, tmp_path: Path) -> Path:
    (tmp_path / "pki").symlink_to(pki.folder)
    return tmp_path


def dmpws(data: Path, *words: str) -> int:
    return main(["--data", str(data), *words])


def made(data: Path, *options: str) -> Path:
    file = data / "token.xml"
    assert dmpws(data, "vihf", "make", "--at", AT, "--output", str(file), *options) == 0
    return file


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["--card", "medecin-virginie"],
        ["--card", "cpe-libre"],
        ["--card", "hopital"],
        ["--card", "regulation", "--purpose", "centre_15"],
        ["--card", "hopital", "--mode", "INDIRECTE_RENFORCEE"],
        ["--purpose", "bris_de_glace", "--reason", "inconscient", "--secret"],
        ["--patient", "279035121518989^1.2.250.1.213.1.4.10", "--vihf-version", "3.0"],
        ["--card", "hopital", "--role", "60^1.2.250.1.71.1.2.7"],
    ],
)
def test_made_tokens_pass_their_own_check(options: list[str], data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = made(data, *options)
    card = options[1] if options[:1] == ["--card"] else "medecin-libre"
    assert dmpws(data, "vihf", "check", "--at", AT, "--tls", card, str(file)) == 0
    out = capsys.readouterr().out
    assert "✗" not in out
    assert "✓ VIHF-ISSUER" in out
    assert out.endswith("accepté\n")


def test_unsigned_token_needs_the_card_of_the_connection(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = made(data, "--unsigned")
    certificate = data / "pki" / "cards" / "medecin-libre" / "auth.pem"
    assert dmpws(data, "vihf", "check", "--at", AT, "--tls", str(certificate), str(file)) == 0
    assert dmpws(data, "vihf", "check", "--at", AT, str(file)) == 1
    assert "✗ VIHF-SIGNE" in capsys.readouterr().out


def test_a_refused_token_is_explained(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = made(data, "--sector", "SA33")
    assert dmpws(data, "vihf", "check", "--at", AT, str(file)) == 1
    out = capsys.readouterr().out
    assert "✗ VIHF-SECTEUR-STRUCTURE" in out
    assert "attendu : SA07" in out
    assert "trouvé : SA33" in out
    assert "référence : DMPWS D8" in out
    assert "refusé : DMPAuthenticationError" in out


def test_json(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--data", str(data), "--format", "json", "vihf", "make", "--at", AT]) == 0
    assertion = json.loads(capsys.readouterr().out)["assertion"]
    file = data / "t.xml"
    file.write_text(assertion.replace(">4.0<", ">5.0<"), "utf-8")
    assert main(["--data", str(data), "--format", "json", "vihf", "check", "--at", AT, str(file)]) == 1
    failed = [row for row in json.loads(capsys.readouterr().out) if row["outcome"] == "failed"]
    assert [row["rule"] for row in failed] == ["SIG-CONTENU", "VIHF-VERSION"]
    assert failed[1]["found"] == "5.0"


def test_examples_are_listed_and_rendered(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert dmpws(data, "vihf", "examples") == 0
    assert len(capsys.readouterr().out.splitlines()) == len(list(examples()))
    file = made(data, "--example", "nia")
    assert "VIHF-NIA" in capsys.readouterr().err
    assert dmpws(data, "vihf", "check", "--at", AT, str(file)) == 1
    assert "✗ VIHF-NIA" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (["make", "--card", "personne"], 2),
        (["make", "--example", "inconnu"], 1),
        (["make", "--at", "hier"], 1),
        (["check", "absent.xml"], 2),
    ],
)
def test_mistakes_get_one_sentence(
    words: list[str], status: int, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert dmpws(data, "vihf", *words) == status
    err = capsys.readouterr().err
    assert err.startswith("dmpws: ")
    assert len(err.splitlines()) == 1
