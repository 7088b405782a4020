"""The historique des vaccinations is valid and says what the notes say, whatever the notes are (DMPWS D33, D76)."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from lxml import etree
from xds_world import fill, placeholders

from dmpws.cast import PATIENTS
from dmpws.codec.vaccination_acts import birth_place, read_acts
from dmpws.codec.vaccination_history import History
from dmpws.domain.checks import Report
from dmpws.domain.code import Code
from dmpws.resources import folder
from dmpws.soap.official_cda import cda_checker
from dmpws.soap.validation import Schemas
from dmpws.xml.names import HL7
from dmpws.xml.parser import parse

PATIENT = PATIENTS["pat-trois"]
NOTE = fill(
    (folder("transactions") / "TD2.1" / "note.xml").read_text("utf-8"),
    placeholders(note_uuid="41DAC707-7C96-47B7-B600-AC63D8002142", document_unique_id="1.2.3"),
)
Check = Callable[[etree._Element], list[str]]


@pytest.fixture(scope="module")
def check(reference: Path) -> Check:
    """What the official schema has against a document."""
    checker = cda_checker("xsd", str(reference / "cda"), Schemas.load())

    def flaws(document: etree._Element) -> list[str]:
        report = Report()
        checker(document, report)
        return [found.message for found in report.failures]

    return flaws


def history(*notes: str | bytes) -> etree._Element:
    documents = [parse(note.encode() if isinstance(note, str) else note) for note in notes]
    return parse(
        History(
            ins=PATIENT.ins,
            traits=PATIENT.traits,
            unique_id="1.2.4",
            set_id="1.2.5",
            version=1,
            replaces="",
            effective=datetime(2026, 11, 21, 12, tzinfo=UTC),
            new_id="DF6B5534-B28E-499B-968E-2CCAC9B98924",
            acts=[act for document in documents for act in read_acts(document)],
            birth_place=next(map(birth_place, documents), ""),
        ).to_xml()
    )


def rows(document: etree._Element) -> list[list[str]]:
    body = document.find(f".//{{{HL7}}}tbody")
    assert body is not None
    return [["".join(map(str, cell.itertext())) for cell in row] for row in body]


def test_the_official_note(reference: Path, check: Check) -> None:
    """Every column of the published table, every part of the published entry."""
    note = (reference / "cda" / "samples" / "VAC-NOTE_2023.01.xml").read_bytes()
    document = history(note, NOTE)
    assert check(document) == []
    first, second = rows(document)
    assert first[0] == "28/09/2009"
    assert first[1].startswith("VACCIN TETANIQUE PASTEUR, suspension injectable")
    assert first[2:6] == ["4456672", "2", "Voie intramusculaire", "deltoïde gauche"]
    assert first[6] == "Fièvre due à des médicaments"
    assert first[7].startswith("Prise récente et ponctuelle de solupred")
    assert first[8] == "Charles MULLER"
    assert second == ["28/09/2026", "VACCIN TETANIQUE PASTEUR", "4456672", "", "", "", "", "", "MAX LIBRE"]
    texts = {element.get("ID") for element in document.iter(f"{{{HL7}}}content")}
    references = {r.get("value", "").removeprefix("#") for r in document.iter(f"{{{HL7}}}reference") if not len(r)}
    assert references <= texts
    codes = {(c.get("code"), c.get("codeSystem")) for c in document.iter()}
    assert {("R50.2", "2.16.840.1.113883.6.3"), ("J07AM", "2.16.840.1.113883.6.73")} <= codes
    # Each vaccination names the note that may say more.
    found = parse(note).find(f"{{{HL7}}}id")
    assert found is not None
    notes = [i.get("root") for i in document.iterfind(f".//{{{HL7}}}externalDocument/{{{HL7}}}id")]
    assert notes == [found.get("root"), "1.2.3"]


PERFORMER = '<id root="1.2.250.1.71.4.2.1" extension="899900063480"/><!-- vaccinateur -->'
NAME = "<assignedPerson><name><family>LIBRE</family><given>MAX</given></name></assignedPerson>\n                </"
ENTRY = '<id root="41DAC707-7C96-47B7-B600-AC63D8002142"/>\n              <code'
TEXT = "<tbody><tr><td>28/09/2026</td>"
SPOILT = {
    "html": (TEXT, '<script>alert(1)</script><a href="javascript:alert(1)">x</a>' + TEXT),
    "another namespace": (TEXT, '<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>' + TEXT),
    "two IDs": ('<content ID="vaccin">', '<content ID="vaccin"/><content ID="vaccin">'),
    "no text": ("<table>", "<tableau>"),
    "day": ('<effectiveTime value="20260928"/>', '<effectiveTime value="le 28"/>'),
    "day with zone": ('<effectiveTime value="20260928"/>', '<effectiveTime value="20260928+0100"/>'),
    "no product": ('code="68747507"', 'code="6874 7507"'),
    "product system": ('codeSystem="1.2.250.1.213.2.3.1"', 'codeSystem="CIS !"'),
    "lot": ("<lotNumberText>4456672<", "<lotNumberText><b>4456672</b><"),
    "empty lot": ("<lotNumberText>4456672<", "<lotNumberText> <"),
    "no performer id": (PERFORMER, ""),
    "performer root": (PERFORMER, '<id root="01.2" extension=""/>'),
    "name": (NAME, NAME.replace("<family>LIBRE</family><given>MAX</given>", "<b>LIBRE</b>")),
    "entry id": (ENTRY, ENTRY.replace("41DAC707-7C96-47B7-B600-AC63D8002142", "un")),
    "order": ('<statusCode code="completed"/>\n', ""),
    "county": ("<county>51215</county>", "<county>REIMS <b/></county>"),
    "note id": ('<id root="1.2.3"/>', ""),
}  # fmt: skip


@pytest.mark.parametrize("name", SPOILT)
def test_a_spoilt_note_makes_no_spoilt_historique(name: str, check: Check) -> None:
    old, new = SPOILT[name]
    note = NOTE.replace(old, new, 1)
    if new == "<tableau>":
        note = note.replace("</table>", "</tableau>", 1)
    assert note != NOTE
    document = history(note)
    assert check(document) == []
    assert len(rows(document)) == 1
    assert not {"script", "svg", "a", "b"} & {etree.QName(e).localname for e in document.iter(etree.Element)}


def test_without_the_official_schema_the_text_still_follows_the_entries() -> None:
    document = history(NOTE.replace("VACCIN TETANIQUE PASTEUR</content>", "AUTRE CHOSE</content>"))
    assert rows(document)[0][1] == "VACCIN TETANIQUE PASTEUR"
    coded = document.find(f".//{{{HL7}}}manufacturedMaterial/{{{HL7}}}code")
    assert coded is not None
    assert Code(coded.get("code", ""), coded.get("codeSystem", "")).same(Code("68747507", "1.2.250.1.213.2.3.1"))
