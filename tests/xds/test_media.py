"""What octets are, whatever is said of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dmpws.client.pdf import one_page_pdf
from dmpws.domain.media import DICOM, KEY_OBJECT_SELECTION, PDF, RTF, flaw, kind_of, kos_flaw, pdf_a_flaw

PREAMBLE = bytes(128) + b"DICM"


def meta(sop_class: str) -> bytes:
    value = sop_class.encode()
    value += b"\0" * (len(value) % 2)
    return PREAMBLE + b"\x02\0\x02\0UI" + len(value).to_bytes(2, "little") + value


def test_the_pdf_of_the_kit() -> None:
    assert flaw(PDF, one_page_pdf("Bonjour")) == ""
    assert pdf_a_flaw(one_page_pdf("Bonjour")) == "un PDF sans déclaration pdfaid"


@pytest.mark.parametrize("key", ["", "/JavaScript", "/Encrypt", "/Launch"])
def test_what_no_pdf_a_holds(key: str) -> None:
    found = pdf_a_flaw(f"<pdfaid:part>1</pdfaid:part> << {key} 5 0 R >>".encode())
    assert found == (f"un PDF avec {key}" if key else "")


@pytest.mark.parametrize(
    "text",
    ["", "é", "a\tb\r\nc\f", "\ufefftexte", "MZ, jumeaux", "Un %PDF-1.4 était joint", '<?xml version="1.0"?><a/>'],
)
def test_texts(text: str) -> None:
    assert flaw("text/plain", text.encode()) == ""
    assert flaw("text/plain", text.encode("utf-16")) == ""


def test_a_text_with_controls() -> None:
    assert "U+0000" in flaw("text/plain", b"a\0b")
    assert "U+0000" in flaw("text/plain", b"MZ\x90\0")
    assert flaw("text/plain", b"%PDF-1.4") == PDF


def test_an_rtf_with_a_picture() -> None:
    assert flaw(RTF, b"{\\rtf1 {\\pict\\bin3 }{}}}") == ""


def test_imaging_references() -> None:
    assert kind_of(PREAMBLE) == DICOM
    assert kos_flaw(PREAMBLE) == ""
    assert kos_flaw(meta(KEY_OBJECT_SELECTION)) == ""
    assert "1.2.840.10008.5.1.4.1.1.2" in kos_flaw(meta("1.2.840.10008.5.1.4.1.1.2"))
    assert kos_flaw(b"%PDF-1.4") == PDF


@given(st.sampled_from(["", "%PDF-1.4", "{\\rtf1", "II*\0", "MM\0*", "\u00ff"]), st.binary(max_size=400))
def test_any_octets_are_looked_at(start: str, rest: bytes) -> None:
    content = start.encode("latin-1") + rest
    for media_type in ("application/pdf", "text/plain", "text/rtf", "image/jpeg", "image/tiff", "image/png"):
        assert isinstance(flaw(media_type, content), str)
    assert isinstance(flaw("image/jpeg", b"\xff\xd8\xff" + content), str)
    assert isinstance(kos_flaw(PREAMBLE + content), str)
