"""A structured document that carries its own copy as a PDF (CI-SIS: FR-Document-PDF-copie)."""

import base64

from lxml import etree

from dmpws.client.pdf import one_page_pdf
from dmpws.codec.cda_writing import E, coded, template
from dmpws.domain.code import Code
from dmpws.xml.names import HL7
from dmpws.xml.parser import parse

_SECTION = "1.2.250.1.213.1.1.2.243"
_COPY = Code("55108-5", "2.16.840.1.113883.6.1", "Document complet")


def with_copy(cda: bytes) -> bytes:
    """Return the document with a further section that holds a PDF of it."""
    root = parse(cda)
    title = root.findtext(f"{{{HL7}}}title") or ""
    body = root.find(f"{{{HL7}}}component/{{{HL7}}}structuredBody")
    if body is None:
        raise ValueError("a file has no copy: only a structured document does")
    encoded = base64.b64encode(one_page_pdf(title)).decode("ascii")
    media = E.observationMedia(
        E.value(encoded, mediaType="application/pdf", representation="B64"), classCode="OBS", moodCode="EVN", ID="COPIE"
    )
    text = E.text(E.renderMultiMedia(referencedObject="COPIE"))
    section = E.section(template(_SECTION), coded(E.code, _COPY), E.title("Copie du document"), text, E.entry(media))
    body.append(E.component(section))
    octets: bytes = etree.tostring(root, xml_declaration=True, encoding="UTF-8")
    return octets
