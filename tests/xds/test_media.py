"""What octets are, whatever is said of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dmpws.client.pdf import one_page_pdf
from dmpws.domain.media import DICOM, KEY_OBJECT_SELECTION, PDF, RTF, flaw, is_pdf_a, kind_of, kos_flaw

PREAMBLE = bytes(128) + b"DICM"


def meta(sop_class: str) -> bytes:
    value = sop_class.encode()
    value += b"\0" * (len(value) % 2)
    return PREAMBLE + b"\x02\0\x02\0UI" + len(value).to_bytes(2, "little") + value


def test_the_pdf_of_the_kit() -> None:
    assert flaw(PDF, one_page_pdf("Bonjour")) == ""
    assert not is_pdf_a(one_page_pdf("Bonjour"))
    assert is_pdf_a(b"<pdfaid:part>1</pdfaid:part>")


@pytest.mark.parametrize("text", ["", "é", "a\tb\r\nc\f", "\ufefftexte"])
def test_texts(text: str) -> None:
    assert flaw("text/plain", text.encode()) == ""
    assert flaw("text/plain", text.encode("utf-16")) == ""


def test_a_text_with_controls() -> None:
    assert "U+0000" in flaw("text/plain", b"a\0b")


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
