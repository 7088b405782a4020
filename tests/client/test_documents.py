"""CDA made by the kit, and the metadata read back from its header."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from lxml import etree

from dmpws import cast
from dmpws.client import Actor, Attachment, ClinicalDocument, Section
from dmpws.client.cda import CONSULTATION_REPORT, LOINC, hl7_time
from dmpws.client.pdf import one_page_pdf
from dmpws.codec.cda import parse_document
from dmpws.codec.cda_metadata import entry_of
from dmpws.domain.access import AuthMode
from dmpws.domain.cda import CdaId
from dmpws.domain.checks import Report
from dmpws.domain.code import Code
from dmpws.domain.datatypes import Cx, Xcn, Xon
from dmpws.soap.validation import Schemas

LIBRE = Actor(AuthMode.DIRECTE, "899900063480", "LIBRE", "MAX", "499900063480001", "CABINET DR LIBRE", "SA07")
PATIENT = cast.PATIENTS["nessi"]
PARIS_WINTER = timezone(timedelta(hours=1))


def report(**changes: object) -> ClinicalDocument:
    now = datetime(2026, 11, 21, 0, 30, tzinfo=PARIS_WINTER)
    document = ClinicalDocument(
        PATIENT.ins,
        PATIENT.traits,
        LIBRE,
        CONSULTATION_REPORT,
        "Compte rendu",
        Attachment("application/pdf", one_page_pdf("Bonjour")),
        now,
        now - timedelta(hours=1),
    )
    return replace(document, **changes)  # type: ignore[arg-type]


def test_times_of_the_metadata_are_utc() -> None:
    entry = entry_of(report().to_xml(), "Document01")
    assert entry.creation_time == "20261120233000"
    assert entry.service_start == "20261120223000"
    assert entry.service_stop == ""


def test_people_and_codes_come_from_the_header() -> None:
    entry = entry_of(report().to_xml(), "Document01", visibility=("MASQUE_PS",))
    [author] = entry.authors
    assert Xcn.parse(author.person).id == "899900063480"
    assert Xon.parse(author.institutions[0]).id == "499900063480001"
    assert author.specialties[0].startswith("G15_10/SM26^")
    assert entry.class_code is not None and entry.class_code.code == "10"
    assert entry.format_code is not None and entry.format_code.code == "urn:ihe:iti:xds-sd:pdf:2008"
    assert [c.code for c in entry.confidentiality] == ["N", "MASQUE_PS"]
    assert "PID-5|DE VINCI^RUTH^^^^^S" in entry.source_patient_info
    assert entry.patient_id == "277076322082910^^^&1.2.250.1.213.1.4.10&ISO^NH"


@pytest.mark.parametrize(
    ("template", "format_code"),
    [
        ("1.2.250.1.213.1.1.1.21", "urn:asip:ci-sis:ldl-ees:2017"),
        ("2.25.1", "urn:asipSante:modelesHorsProfils:2011"),
    ],
)
def test_the_format_follows_from_the_model(template: str, format_code: str) -> None:
    section = Section(Code("42349-1", LOINC), "Motif", ["Rien."])
    entry = entry_of(report(body=[section], templates=(template,)).to_xml(), "Document01")
    assert entry.format_code is not None
    assert entry.format_code.code == format_code


def test_an_imaging_report_names_the_request_and_the_images(schemas: Schemas) -> None:
    imaging = Code("18748-4", LOINC, "CR d'imagerie médicale")
    ties = {"order": CdaId("1.2.3", "D42"), "accession": CdaId("1.2.4", "A42"), "study": "2.25.7"}
    octets, judged = report(type=imaging, **ties).to_xml(), Report()
    assert schemas.check_cda_header(parse_document(octets)[0], judged), judged.failures
    assert entry_of(octets, "Document01").reference_ids == (
        "D42^^^&1.2.3&ISO^urn:ihe:iti:xds:2013:order",
        "A42^^^&1.2.4&ISO^urn:ihe:iti:xds:2013:accession",
        "2.25.7^^^^urn:ihe:iti:xds:2016:studyInstanceUID",
    )
    without_images = entry_of(report(**ties).to_xml(), "Document01").reference_ids
    assert [Cx.parse(reference).type.rpartition(":")[2] for reference in without_images] == ["order", "accession"]


def test_a_time_without_offset_is_refused() -> None:
    with pytest.raises(ValueError, match="offset"):
        hl7_time(datetime(2026, 11, 21))


def test_documents_are_valid_for_the_official_schema(reference: Path) -> None:
    schema = etree.XMLSchema(etree.parse(reference / "contracts/cda/ans-ci-sis/CDA_extended.xsd"))
    section = Section(Code("10164-2", LOINC, "Histoire"), "Histoire", ["Rien.", "Toujours rien."])
    for document in (
        report(),
        report(body=[section]),
        report(replaces="1.2.3", version=2, service_stop=datetime(2026, 11, 21, tzinfo=UTC)),
    ):
        schema.assertValid(etree.fromstring(document.to_xml()))
