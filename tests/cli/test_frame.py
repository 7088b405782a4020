"""`dmpws frame check`: recognises what it is given, and says where it is wrong."""

import json
from pathlib import Path

import pytest

from dmpws.cli import main

GOOD = """<setAuthorization xmlns="urn:si-dmp-habilitations"><action>AJOUT</action></setAuthorization>"""
ENVELOPE = f"""<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Body>{GOOD}</s:Body></s:Envelope>"""
PACKAGE = (
    '--b\r\nContent-Type: application/xop+xml; type="application/soap+xml"\r\nContent-ID: <r>\r\n\r\n'
    f"{ENVELOPE}\r\n--b--\r\n"
)


def check(tmp_path: Path, text: str) -> int:
    file = tmp_path / "frame"
    file.write_bytes(text.encode())
    return main(["--format", "json", "frame", "check", str(file)])


@pytest.mark.parametrize("text", [GOOD, ENVELOPE, PACKAGE], ids=["body", "envelope", "package"])
def test_each_form_is_recognised(tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str) -> None:
    assert check(tmp_path, text) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [(row["rule"], row["outcome"]) for row in rows] == [
        ("SCHEMA-HABILITATIONS", "passed"),
        ("SCHEMA-SECOND", "passed"),
    ]


def test_a_wrong_value_is_shown_with_what_was_expected(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check(tmp_path, GOOD.replace("AJOUT", "AJOUTER")) == 1
    [failed, second] = json.loads(capsys.readouterr().out)
    assert "AJOUTER" in failed["found"]
    assert "AJOUT" in failed["expected"]
    assert second["outcome"] == "failed"


def test_a_doctype_is_refused_in_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check(tmp_path, "<!DOCTYPE a>" + GOOD) == 1
    assert "XML-DTD" in capsys.readouterr().err


def test_a_missing_file_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["frame", "check", "nowhere.xml"]) == 1
    assert capsys.readouterr().err.startswith("dmpws: nowhere.xml: ")
