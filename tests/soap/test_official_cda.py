"""Levels of CDA validation: ours, then the official files of a folder that the operator names."""

import importlib.util
from pathlib import Path

import pytest
from lxml import etree

from dmpws.app import build_app
from dmpws.config import load
from dmpws.domain.checks import Report
from dmpws.resources import folder
from dmpws.soap.official_cda import cda_checker
from dmpws.soap.schematron import Schematrons
from dmpws.soap.validation import Schemas
from dmpws.xml.parser import parse

ANY = """<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:hl7-org:v3">
<xs:element name="ClinicalDocument">{content}</xs:element></xs:schema>"""
NOTHING = "<xs:complexType/>"


@pytest.fixture
def document() -> etree._Element:
    text = (folder("transactions") / "TD2.1" / "document.xml").read_text("utf-8")
    for name, value in {
        "document_unique_id": "2.25.1", "document_set_id": "2.25.2", "creation_time_local": "20261120103000+0100",
        "patient_authority": "1.2.250.1.213.1.4.10", "patient_value": "279035121518989",
        "service_start_local": "202611201000+0100", "service_stop_local": "202611201015+0100",
    }.items():  # fmt: skip
        text = text.replace(f"{{{{{name}}}}}", value)
    return parse(text.encode())


def official(tmp_path: Path, content: str = "") -> str:
    (tmp_path / "xsd").mkdir()
    (tmp_path / "xsd" / "CDA_extended.xsd").write_text(ANY.format(content=content))
    return str(tmp_path)


def rules(report: Report) -> set[str]:
    return {check.rule.id for check in report.failures}


def test_the_official_schema_is_asked_too(tmp_path: Path, schemas: Schemas, document: etree._Element) -> None:
    assert cda_checker("xsd", official(tmp_path), schemas)(document, Report())


def test_the_official_schema_may_refuse(tmp_path: Path, schemas: Schemas, document: etree._Element) -> None:
    report = Report()
    assert not cda_checker("xsd", official(tmp_path, NOTHING), schemas)(document, report)
    assert rules(report) == {"CDA-XSD"}
    assert {check.rule.code for check in report.failures} == {"XDSRepositoryMetadataError"}


def test_our_header_schema_comes_first(tmp_path: Path, schemas: Schemas, document: etree._Element) -> None:
    report = Report()
    document.remove(document[0])
    assert not cda_checker("xsd", official(tmp_path, NOTHING), schemas)(document, report)
    assert rules(report) == {"SCHEMA-CDA"}


@pytest.mark.parametrize("level", ["xsd", "schematron"])
def test_a_folder_without_the_files(level: str, tmp_path: Path, schemas: Schemas) -> None:
    with pytest.raises(FileNotFoundError, match="CDA_extended"):
        cda_checker(level, str(tmp_path), schemas)
    with pytest.raises(FileNotFoundError, match="cda_schemas"):
        cda_checker(level, "", schemas)
    with pytest.raises(FileNotFoundError, match="iso_"):
        Schematrons(tmp_path)


def test_without_saxon(tmp_path: Path, schemas: Schemas, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(OSError, match=r"dmpws\[schematron\]"):
        cda_checker("schematron", official(tmp_path), schemas)


def test_the_application_says_what_is_missing(store: object, pki: object, tmp_path: Path) -> None:
    given = {"profile": "test", "trust": str(pki.trust_folder), "cda": "xsd", "cda_schemas": str(tmp_path)}  # type: ignore[attr-defined]
    with pytest.raises(FileNotFoundError, match="CDA_extended"):
        build_app(load(given, environment={}), store=store)  # type: ignore[arg-type]


def test_official_samples_are_valid(reference: Path, schemas: Schemas) -> None:
    check = cda_checker("xsd", str(reference / "cda"), schemas)
    report = Report()
    assert check(parse((reference / "cda/samples/VAC-NOTE_2023.01.xml").read_bytes()), report), report.failures


@pytest.mark.slow
def test_schematrons(reference: Path, schemas: Schemas) -> None:
    pytest.importorskip("saxonche")
    check = cda_checker("schematron", str(reference / "cda"), schemas)
    note = parse((reference / "cda/samples/VAC-NOTE_2023.01.xml").read_bytes())
    assert check(note, Report())
    code = note.find(".//{urn:hl7-org:v3}substanceAdministration/{urn:hl7-org:v3}code")
    assert code is not None
    code.attrib.pop("displayName")
    report = Report()
    assert not check(note, report)
    assert rules(report) == {"CDA-SCHEMATRON"}
    assert "displayName" in report.failures[0].found


def test_the_rules_of_a_model(reference: Path) -> None:
    rules = Schematrons(reference / "cda")
    sample = parse((reference / "cda/samples/VSM_1.4_2022.01.xml").read_bytes())
    assert [file.name for file in rules.files_for(sample)] == [
        "ASIP-STRUCT-MIN-StrucMin.sch", "IHE.sch", "CI-SIS_ModelesDeContenusCDA.sch", "CI-SIS_Modeles_ANS.sch",
        "CI-SIS_VSM_2023.01.sch",
    ]  # fmt: skip
