"""The file of an affinity domain: what it says, and what is said of a bad one."""

from pathlib import Path

import pytest

from dmpws.app import affinity_domain
from dmpws.codec.affinity import read_domain
from dmpws.config import ConfigError, load
from dmpws.domain import oids
from dmpws.domain.affinity import AffinityDomain, Coded

CODES_XML = """<?xml version="1.0"?>
<Codes>
  <AssigningAuthority id="1.3.6.1.4.1.21367.13.20.1000"/>
  <CodeType name="classCode" classScheme="urn:uuid:41a5887f-8865-4c09-adf7-e362475b143a">
    <Code code="18842-5" display="Discharge summary" codingScheme="2.16.840.1.113883.6.1"/>
  </CodeType>
  <CodeType name="folderCodeList"><Code code="Ref" display="Referrals" codingScheme="1.2.3"/></CodeType>
  <CodeType name="mimeType"><Code code="text/xml" display="" codingScheme="" ext="xml"/></CodeType>
  <CodeType name="associationDocumentation"><Code code="201" display="Fax" codingScheme="x"/></CodeType>
</Codes>
"""


def write(folder: Path, text: str) -> Path:
    file = folder / "domain.toml"
    file.write_text(text, "utf-8")
    return file


def test_nothing_agreed_on_is_nothing_checked(tmp_path: Path) -> None:
    domain = read_domain(write(tmp_path, ""))
    assert domain == AffinityDomain()
    assert domain.repository == oids.REPOSITORY
    assert domain.accepts(Coded.CLASS, "anything", "1.2.3")
    assert domain.identifies("1.2.3")


def test_everything_said(tmp_path: Path) -> None:
    (tmp_path / "codes.xml").write_text(CODES_XML)
    text = """
        repository = "1.2.3.4"
        uri = "urn:oid:1.2.3"
        assertion_providers = ["CN=STS"]
        assigning_authorities = ["1.2.5"]
        patients = "any"
        unknown_patient = "empty"
        initial_version = "XDSInvalidRequestException"
        codes_file = "codes.xml"
        [codes]
        classCode = ["34133-9^^2.16.840.1.113883.6.1"]
        mimeType = ["application/pdf"]
        """
    domain = read_domain(write(tmp_path, text))
    assert domain == AffinityDomain(
        repository="1.2.3.4",
        uri="urn:oid:1.2.3",
        providers=("CN=STS",),
        authorities=frozenset({"1.2.5", "1.3.6.1.4.1.21367.13.20.1000"}),
        codes={
            Coded.CLASS: frozenset({("18842-5", "2.16.840.1.113883.6.1"), ("34133-9", "2.16.840.1.113883.6.1")}),
            Coded.FOLDER: frozenset({("Ref", "1.2.3")}),
            Coded.MIME_TYPE: frozenset({("text/xml", ""), ("application/pdf", "")}),
        },
        fed=False,
        unknown_is_error=False,
        initial_version="XDSInvalidRequestException",
    )
    assert not domain.accepts(Coded.CLASS, "18842-5", "1.2.3")
    assert domain.accepts(Coded.TYPE, "18842-5", "1.2.3")
    assert not domain.identifies("1.2.6")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("colour = 'blue'", "unknown key 'colour'"),
        ("repository = 12", "repository is not a str"),
        ("repository = 'x'", "'x' is not an OID"),
        ("assigning_authorities = ['1.2.', '1.3']", "'1.2.' is not an OID"),
        ("assigning_authorities = [1]", "1 is not an OID"),
        ("patients = 'some'", "'some' is not one of fed, any"),
        ("[codes]\nclasscode = []", "codes.classcode is none of"),
        ("[codes]\nclassCode = ['x']", "'x' is not code^^system"),
        ("[codes]\nclassCode = ['^^1.2']", "'^^1.2' is not code^^system"),
        ("[codes]\nmimeType = ['text/xml^^1.2']", "is not code^^system"),
        ("codes_file = 'none.xml'", "none.xml"),
        ("codes_file = 'domain.toml'", "domain.toml"),
        ("= =", "domain.toml"),
    ],
)
def test_what_is_wrong_is_said(text: str, said: str, tmp_path: Path) -> None:
    file = write(tmp_path, text)
    config = load({"profile": "ihe", "affinity_domain": str(file)}, environment={})
    with pytest.raises(ConfigError) as error:
        affinity_domain(config)
    assert str(error.value).startswith("affinity_domain: ")
    assert said in str(error.value)
