"""`dmpws frame check`: recognises what it is given, and says where it is wrong."""

import json
from pathlib import Path

import pytest

from dmpws.cli import main
from dmpws.pki.demo import DemoPki

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
    assert main(["frame", "check", "--at", "hier", str(file)]) == 2
    assert "an instant is" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("octets", "rule", "found"),
    [
        (b"<!DOCTYPE a>" + GOOD.encode(), "XML-DTD", "<!DOCTYPE"),
        (GOOD[:-5].encode(), "XML-FORM", "expected '>'"),
        (GOOD.replace("AJOUT", "\u00e9").encode("latin-1"), "XML-FORM", "l'octet 0xe9, qui n'est pas de l'UTF-8"),
        (b"", "XML-FORM", "Document is empty"),
    ],
    ids=["doctype", "cut", "latin", "empty"],
)
def test_what_cannot_be_read_is_reported_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], octets: bytes, rule: str, found: str
) -> None:
    file = tmp_path / "frame.xml"
    file.write_bytes(octets)
    assert main(["frame", "check", str(file)]) == 1
    lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == "frame.xml : ni XML ni paquet MIME lisible"
    assert any(line.startswith(f"✗ {rule}") for line in lines)
    assert any(line.startswith(f"trouvé : {found}") and "line 1" not in line for line in lines)
    assert any(line.startswith("que changer : ") for line in lines)
    assert main(["--format", "json", "frame", "check", str(file)]) == 1
    [row] = json.loads(capsys.readouterr().out)
    assert (row["rule"], row["found"][: len(found)]) == (rule, found)


@pytest.mark.parametrize("words", [["frame", "check"], ["frame", "send"], ["vihf", "check"]], ids=" ".join)
def test_a_missing_file_is_named(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*words, "nowhere.xml"]) == 2
    assert capsys.readouterr().err == "dmpws: nowhere.xml: No such file or directory\n"


def test_a_patient_who_is_none_is_said(tmp_path: Path, pki: DemoPki, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "frame.xml"
    file.write_text(ENVELOPE)
    assert main(["frame", "send", str(file), "--pki", str(pki.folder), "--patient", "nobody"]) == 2
    assert capsys.readouterr().err == "dmpws: --patient: nobody: neither a patient of the cast nor INS^OID\n"
