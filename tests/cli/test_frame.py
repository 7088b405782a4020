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
    status = check(tmp_path, text)
    rows = json.loads(capsys.readouterr().out)
    assert [row["outcome"] for row in rows if row["rule"] == "FRAME-BODY"] == ["passed"]
    failed = {row["rule"] for row in rows if row["outcome"] == "failed"}
    assert (status, failed) == ((0, set()) if text == GOOD else (1, {"FRAME-VIHF"}))


def test_the_report_shows_what_is_wrong_and_where(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "frame.xml"
    file.write_text(GOOD.replace("AJOUT", "AJOUTER"))
    assert main(["frame", "check", "--failures", str(file)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert (
        lines[0] == "frame.xml : contenu d'un Body SOAP, sans enveloppe : TD0.3 Mise à jour de l'autorisation d'accès"
    )
    assert any(line.startswith("  ✗ SCHEMA-HABILITATIONS  ") for line in lines)
    assert any(line.strip().startswith("trouvé : AJOUTER") for line in lines)
    assert any(line.strip().startswith("où : ") and "(ligne 1" in line for line in lines)
    assert lines[-1].endswith("le DMP répondrait DMPInvalidRequest")
    assert main(["frame", "check", "--at", "hier", str(file)]) == 1
    assert "an instant is" in capsys.readouterr().err


def test_a_doctype_is_refused_in_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check(tmp_path, "<!DOCTYPE a>" + GOOD) == 1
    assert "XML-DTD" in capsys.readouterr().out


def test_a_missing_file_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["frame", "check", "nowhere.xml"]) == 1
    assert capsys.readouterr().err.startswith("dmpws: nowhere.xml: ")
