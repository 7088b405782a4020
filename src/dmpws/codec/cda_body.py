"""The files inside a CDA document: the body of a level 1 document, and the images and copies of a level 3 one."""

import base64
import binascii

from lxml import etree

from dmpws.domain.checks import Report, Rule
from dmpws.domain.media import PDF, flaw, kind_of, pdf_a_flaw
from dmpws.xml.names import HL7
from dmpws.xml.path import path_of
from dmpws.xml.text import text_of

_REPOSITORY = "XDSRepositoryMetadataError"
BASE64 = Rule("CDA-BODY-BASE64", "Un fichier inclus dans le CDA est du base64 valide", "CI-SIS SM 3.5", _REPOSITORY)
CONTENT = Rule("CDA-BODY-CONTENT", "Un fichier inclus est du mediaType annoncé", "CI-SIS SM 3.5", _REPOSITORY)
PDF_A = Rule("CDA-BODY-PDFA", "Un PDF inclus est un PDF/A", "CI-SIS SM 3.5", _REPOSITORY)

_H = f"{{{HL7}}}"
_PICTURE = f"{_H}value"
_BLANKS = b" \t\r\n"


def check_files(document: etree._Element, report: Report, where: str) -> None:
    """Decode every file of a ClinicalDocument and look at what it is."""
    body = document.findall(f"{_H}component/{_H}nonXMLBody/{_H}text")
    for element in [*body, *document.iterfind(f".//{_H}observationMedia/{_H}value")]:
        if element.get("representation") == "B64":
            _check_file(element, report, where)


def _check_file(element: etree._Element, report: Report, where: str) -> None:
    media_type = element.get("mediaType", "").partition(";")[0].strip().lower()
    try:
        content = base64.b64decode(text_of(element).encode("ascii").translate(None, _BLANKS), validate=True)
    except (binascii.Error, ValueError):
        content = b""
    if not report.require(
        bool(content), BASE64, expected="du base64", found="" if content else path_of(element), where=where
    ):
        return
    if found := flaw(media_type, content):
        # An official prescription (eP-MED-DM 2024.01) says of a picture in PNG that it is a JPEG.
        pictures = all(kind.startswith("image/") for kind in (media_type, kind_of(content)))
        record = report.warned if pictures and element.tag == _PICTURE else report.failed
        record(CONTENT, expected=media_type, found=f"{found} en {path_of(element)}", where=where)
        return
    report.passed(CONTENT, found=media_type, where=where)
    if media_type == PDF and (found := pdf_a_flaw(content)):
        report.warned(PDF_A, expected="PDF/A-1", found=found, where=where)
