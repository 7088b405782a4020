"""Documents of every kind through the whole server, lot signature included."""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from dmpws.cast import PATIENTS
from dmpws.client import Attachment, ClinicalDocument, LpsSession, Vaccination, vaccination_note
from dmpws.client.cda import CONSULTATION_REPORT, new_oid
from dmpws.client.lot import Deposit
from dmpws.client.pdf import one_page_pdf
from dmpws.codec.cda import parse_document, read_header
from dmpws.domain.code import Code
from dmpws.domain.media import DICOM, KEY_OBJECT_SELECTION
from dmpws.testing import deposits
from dmpws.testing.local import LocalApp

PATIENT = PATIENTS["pat-trois"]
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
KOS = bytes(128) + b"DICM" + b"\x02\0\x02\0UI\x1e\0" + KEY_OBJECT_SELECTION.encode() + b"\0"


@pytest.fixture
def libre(app: LocalApp) -> LpsSession:
    return app.session("medecin-libre")


def document(session: LpsSession, content: bytes = b"Bonjour", media_type: str = "text/plain") -> bytes:
    body = Attachment(media_type, content)
    made = ClinicalDocument(PATIENT.ins, PATIENT.traits, session.actor, CONSULTATION_REPORT, "CR", body, NOW, NOW)
    return made.to_xml()


def problems(session: LpsSession, deposit: Deposit) -> list[tuple[str, str]]:
    return [(p.code, p.text) for p in session.submit(PATIENT.ins, [deposit]).problems]


def test_a_signed_document(libre: LpsSession) -> None:
    inner = document(libre).partition(b"?>")[2]
    signed = (
        b'<ds:Signature xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:SignedInfo/><ds:SignatureValue/><ds:Object>'
        + inner
        + b"</ds:Object></ds:Signature>"
    )
    assert problems(libre, Deposit(signed)) == []


def test_a_self_presenting_document(libre: LpsSession) -> None:
    def sheet(inside: bytes) -> bytes:
        return (
            b'<?xml version="1.0" encoding="UTF-8"?>\n<?xml-stylesheet type="text/xsl" href="#"?>\n'
            b'<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform">'
            b'<data:Contenu xmlns:data="urn:asip-sante:ci-sis">'
            + document(libre).partition(b"?>")[2]
            + b'</data:Contenu><xsl:template match="/"><html>'
            + inside
            + b"</html></xsl:template></xsl:stylesheet>"
        )

    assert problems(libre, Deposit(sheet(b"<p/>"))) == []
    [(code, text)] = problems(libre, Deposit(sheet(b"<script/>")))
    assert (code, "CDA-SCRIPT, GI-DMP EX_2.1-1115" in text) == ("XDSRepositoryMetadataError", True)


@pytest.mark.parametrize(("octets", "references", "code"), [
    (KOS, True, ""),
    (KOS, False, "XDSRegistryMetadataError"),
    (b"%PDF-1.4", True, "XDSRepositoryMetadataError"),
    (KOS.replace(b"88.59", b"88.11"), True, "XDSRepositoryMetadataError"),
])  # fmt: skip
def test_an_imaging_reference(libre: LpsSession, octets: bytes, references: bool, code: str) -> None:
    cx = f"{PATIENT.ins.value}^^^&{PATIENT.ins.authority}&ISO^NH"
    entry = deposits.entry(
        unique_id=new_oid(),
        patient_id=cx,
        source_patient_id=cx,
        mime_type=DICOM,
        type_code=Code("IMG-KOS", "1.2.250.1.213.1.1.4.12", "KOS"),
        class_code=Code("31", "1.2.250.1.213.1.1.4.1", "Imagerie médicale"),
        format_code=Code(KEY_OBJECT_SELECTION, "1.2.840.10008.2.6.1", "KOS"),
        reference_ids=("42^^^&1.2.3&ISO^urn:ihe:iti:xds:2013:accession",) if references else (),
        repository_unique_id="",
    )
    assert [found for found, _ in problems(libre, Deposit(octets, entry=entry))] == ([code] if code else [])


def test_a_file_that_is_not_what_it_says(libre: LpsSession) -> None:
    assert problems(libre, Deposit(document(libre, one_page_pdf("CR"), "application/pdf"))) == []
    [(code, text)] = problems(libre, Deposit(document(libre, b"MZ", "application/pdf")))
    assert code == "XDSRepositoryMetadataError"
    assert "attendu : application/pdf ; trouvé : un exécutable" in text


def test_the_official_schema(app: LocalApp, reference: Path) -> None:
    strict = LocalApp(app.store, app.pki, app.now, cda="xsd", cda_schemas=str(reference / "cda"))
    session = strict.session("medecin-libre")
    octets = document(session)
    assert problems(session, Deposit(octets)) == []
    # Our header schema does not look at sections; the official one does.
    vaccination = Vaccination("68747507", "VACCIN", date(2026, 9, 28), lot="1")
    note = vaccination_note(PATIENT.ins, PATIENT.traits, session.actor, vaccination, effective=NOW).to_xml()
    spoilt = note.replace(b"lotNumberText>", b"numeroDeLot>")
    assert problems(LocalApp(app.store, app.pki, app.now).session("medecin-libre"), Deposit(spoilt)) == []
    spoilt = spoilt.replace(b"20260928", b"20260929")
    spoilt = spoilt.replace(read_header(parse_document(spoilt)[0]).id.root.encode(), new_oid().encode())
    [code, *_], [text, *_] = zip(*problems(session, Deposit(spoilt)), strict=True)
    assert (code, "[CDA-XSD, GI-DMP EX_2.1-1071]" in text) == ("XDSRepositoryMetadataError", True), text
