"""Reading CDA headers: the public samples, self-presenting documents, times."""

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from xds_world import REPLACE, World, errors_of, fill, lot, placeholders, rules_of, schemas

from dmpws.codec.cda import parse_document, read_header
from dmpws.codec.cda_body import check_files
from dmpws.domain.cda import CdaId, same_time
from dmpws.domain.checks import Refused, Report
from dmpws.domain.datatypes import format_dtm
from dmpws.resources import folder

EXAMPLE = folder("transactions") / "TD2.1" / "document.xml"


def example(values: dict[str, str] | None = None) -> bytes:
    return fill(EXAMPLE.read_text("utf-8"), values or placeholders()).encode()


def self_presenting(document: bytes) -> bytes:
    inside = document.partition(b"?>")[2].decode()
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<?xml-stylesheet type="text/xsl" href="#"?>
<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform">
  <data:Contenu xmlns:data="urn:asip-sante:ci-sis">{inside}</data:Contenu>
  <xsl:template match="/"><html/></xsl:template>
</xsl:stylesheet>""".encode()


def test_a_header() -> None:
    values = placeholders()
    document, presenting = parse_document(example(values))
    header = read_header(document, self_presenting=presenting)
    assert header.id == CdaId(values["document_unique_id"])
    assert header.code is not None
    assert header.code.code == "11488-4"
    assert header.title == "Compte rendu de consultation"
    assert header.patient.ids[0] == CdaId(values["patient_authority"], values["patient_value"])
    assert header.patient.families == (("BR", "PAT-TROIS"),)
    assert header.patient.givens == ("DOMINIQUE MARIE-LOUISE", "DOMINIQUE")
    assert (header.patient.sex, header.patient.birth_time) == ("F", "19790328")
    assert [a.ids[0].extension for a in header.authors] == ["899900063480"]
    assert header.authors[0].structures[0].extension == "499900063480001"
    assert header.service_start == values["service_start_local"]
    assert header.practice_setting is not None
    assert header.practice_setting.code == "AMBULATOIRE"
    assert header.media_type == "text/plain"
    assert not header.self_presenting


def test_a_self_presenting_document_has_the_same_header() -> None:
    document = example()
    plain, _ = parse_document(document)
    inner, presenting = parse_document(self_presenting(document))
    assert presenting
    assert read_header(inner) == read_header(plain)


def test_a_self_presenting_document_is_deposited(world: World) -> None:
    values = placeholders()
    frame = lot(
        values,
        document=self_presenting(example(values)),
        change=[['id="document" mimeType="text/xml"', 'id="document" mimeType="application/xslt+xml"']],
    )
    assert errors_of(world.deposit(frame)) == []


def test_a_self_presenting_document_says_so(world: World) -> None:
    values = placeholders()
    assert rules_of(world.deposit(lot(values, document=self_presenting(example(values))))) == {"CDA-MIME"}


@pytest.mark.parametrize(
    "octets", [b"", b"%PDF-1.7", b"<ClinicalDocument/>", b"<a", "<é/>".encode("latin-1"), b"<!DOCTYPE a><a/>"]
)
def test_what_is_not_a_cda(octets: bytes) -> None:
    with pytest.raises(Refused) as refused:
        parse_document(octets)
    assert refused.value.code == "XDSRepositoryMetadataError"


def test_every_public_sample_is_read(reference: Path) -> None:
    samples = sorted((reference / "cda" / "samples").glob("*.xml"))
    assert len(samples) >= 16
    for sample in samples:
        document, presenting = parse_document(sample.read_bytes())
        header = read_header(document, self_presenting=presenting)
        assert presenting == ("Auto-Presentable" in sample.name)
        assert header.id.root and header.code and header.title and header.effective_time
        assert header.patient.ids and header.authors and header.legal_authenticator
        assert header.language == "fr-FR"
        assert header.facility_type and header.practice_setting
        report = Report()
        schemas().check_cda_header(document, report)
        check_files(document, report, sample.name)
        assert not report.failures


@pytest.mark.parametrize(
    ("cda", "dtm", "same"),
    [
        ("20261120103000+0100", "20261120093000", True),
        ("20261120103000+0100", "20261120103000", False),
        ("20261120103000+0100", "20261120093001", False),
        ("202611201030+0100", "20261120093059", True),
        ("20261120103000.123+0100", "20261120093000", True),
        ("20261120103000-1000", "20261120203000", True),
        ("20261120", "20261119230000", True),
        ("20261120", "20261122", False),
        ("20261120", "2026", True),
        ("20261120103000+0100", "", False),
        ("", "20261120", False),
        ("demain", "20261120", False),
        ("20261120103000+01", "20261120093000", False),
    ],
)
def test_local_and_utc_times(cda: str, dtm: str, same: bool) -> None:
    assert same_time(cda, dtm) is same


@given(
    st.datetimes(min_value=datetime(1901, 1, 1), max_value=datetime(2200, 1, 1)),
    st.integers(-10 * 60, 12 * 60),
    st.integers(1, 10**6),
)
def test_a_moment_is_itself_and_no_other(moment: datetime, minutes: int, seconds: int) -> None:
    zone = timezone(timedelta(minutes=minutes))
    moment = moment.replace(microsecond=0, tzinfo=UTC)
    local = moment.astimezone(zone).strftime("%Y%m%d%H%M%S%z")
    assert same_time(local, format_dtm(moment))
    assert not same_time(local, format_dtm(moment + timedelta(seconds=seconds)))


@given(st.text(), st.text())
def test_any_text_is_compared(cda: str, dtm: str) -> None:
    assert same_time(cda, dtm) in (True, False)


def versions(world: World, set_id: str, version: str, **how: str) -> set[str]:
    """Deposit a version of a document; the rules it breaks."""
    values = placeholders(document_set_id=set_id, **{k: v for k, v in how.items() if k == "target"})
    change = [["</rim:RegistryObjectList>", REPLACE]] if "target" in how else []
    numbered = [['versionNumber value="1"', f'versionNumber value="{version}"']]
    frame = lot(values, change=change, change_document=numbered)
    return rules_of(world.deposit(frame))


def test_the_same_version_of_a_document_comes_once(world: World) -> None:
    assert versions(world, "2.25.1", "1") == set()
    assert versions(world, "2.25.1", "01") == {"CDA-VERSION"}
    assert versions(world, "2.25.1", "3") == set()
    # An older version may come late, as long as it replaces nothing newer (CI-SIS SM 3.5.5.10).
    assert versions(world, "2.25.1", "2") == set()
    assert versions(world, "2.25.2", "1") == set()
    assert versions(world, "", "1") <= {"CDA-HEADER"}


def test_a_version_never_replaces_a_higher_one(world: World) -> None:
    frame = lot(
        placeholders(document_set_id="2.25.1"),
        change_document=[['versionNumber value="1"', 'versionNumber value="3"']],
    )
    assert errors_of(world.deposit(frame)) == []
    with world.store.read() as work:
        (old,) = work.documents.by_unique_id([frame.values["document_unique_id"]])
    assert versions(world, "2.25.1", "2", target=old.entry_uuid) == {"CDA-VERSION-HIGHER"}
    assert versions(world, "2.25.1", "4", target=old.entry_uuid) == set()


@pytest.mark.parametrize("encoding", ["ISO-8859-1", "UTF-16"])
def test_another_encoding_is_a_warning(world: World, encoding: str) -> None:
    values = placeholders()
    document = example(values).decode().replace("UTF-8", encoding).encode(encoding)
    assert errors_of(world.deposit(lot(values, document=document))) == []
    assert [w for w in world.notes.warnings if f"trouvé : {encoding} [CDA-ENCODING" in w]


def test_another_set_is_a_warning(world: World) -> None:
    frame = lot(placeholders(document_set_id="2.25.1"))
    world.deposit(frame)
    with world.store.read() as work:
        (old,) = work.documents.by_unique_id([frame.values["document_unique_id"]])
    assert versions(world, "2.25.2", "2", target=old.entry_uuid) == set()
    assert any("CDA-SET" in warning for warning in world.notes.warnings)


def test_a_replacement_that_is_only_said_is_a_warning(world: World) -> None:
    parent = '<relatedDocument typeCode="RPLC"><parentDocument><id root="2.25.9"/></parentDocument></relatedDocument>'
    frame = lot(change_document=[["<componentOf>", f"{parent}<componentOf>"]])
    assert errors_of(world.deposit(frame)) == []
    assert any("CDA-RELATED" in warning for warning in world.notes.warnings)
