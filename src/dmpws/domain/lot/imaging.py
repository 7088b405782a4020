"""Imaging references (KOS): a DICOM document among CDA ones."""

from dmpws.domain.checks import Report, Rule
from dmpws.domain.code import Code
from dmpws.domain.document import DocumentEntry
from dmpws.domain.media import DICOM, KEY_OBJECT_SELECTION, kos_flaw
from dmpws.domain.octets import Octets

TYPE = Rule(
    "KOS-TYPE",
    "application/dicom, IMG-KOS et le format KOS vont ensemble",
    "CI-SIS JDV_J66",
    "XDSRegistryMetadataError",
)
REFERENCES = Rule(
    "KOS-REFERENCES",
    "La fiche d'un KOS a un referenceIdList",
    "CI-SIS LM 3.1",
    "XDSRegistryMetadataError",
)
CONTENT = Rule("KOS-CONTENT", "Un KOS est un objet DICOM", "DMPWS D70", "XDSRepositoryMetadataError")

KOS_TYPE = Code("IMG-KOS", "1.2.250.1.213.1.1.4.12")
_BEGINNING = 64 * 1024


def check_imaging(entry: DocumentEntry, octets: Octets | None, report: Report) -> None:
    """Check an entry that is a KOS by any of its marks."""
    is_dicom = entry.mime_type == DICOM
    is_kos = entry.type_code is not None and entry.type_code.same(KOS_TYPE)
    if not (is_dicom or is_kos):
        return
    has_format = entry.format_code is not None and entry.format_code.code == KEY_OBJECT_SELECTION
    found = ", ".join(
        (
            entry.mime_type[:100],
            entry.type_code.code if entry.type_code else "rien",
            entry.format_code.code[:100] if entry.format_code else "rien",
        )
    )
    expected = f"{DICOM}, {KOS_TYPE.code}, {KEY_OBJECT_SELECTION}"
    report.require(is_dicom and is_kos and has_format, TYPE, expected=expected, found=found, where=entry.id)
    count = len(entry.reference_ids)
    report.require(count > 0, REFERENCES, expected="au moins un identifiant", found=f"{count}", where=entry.id)
    if is_dicom and octets is not None:
        with octets.open() as file:
            wrong = kos_flaw(file.read(_BEGINNING))
        report.require(not wrong, CONTENT, expected=f"DICOM {KEY_OBJECT_SELECTION}", found=wrong, where=entry.id)
