"""What octets really are: magic numbers, and enough of the structure to tell that they can be decoded.

Used for the content of level 1 documents and of the copies inside level 3 ones (CI-SIS SM 3.5), and for imaging
references; what a sender says of them is not trusted. Nothing here renders anything.
"""

import re
import struct
from collections.abc import Callable, Mapping

PDF = "application/pdf"
TEXT = "text/plain"
RTF = "text/rtf"
JPEG = "image/jpeg"
TIFF = "image/tiff"
DICOM = "application/dicom"
KEY_OBJECT_SELECTION = "1.2.840.10008.5.1.4.1.1.88.59"
"""SOP class of a KOS."""

_PROGRAM = "un exécutable"
_MAGIC = (
    (b"%PDF-", PDF), (b"{\\rtf", RTF), (b"\xff\xd8\xff", JPEG), (b"II*\0", TIFF), (b"MM\0*", TIFF),
    (b"\x89PNG\r\n\x1a\n", "image/png"), (b"GIF87a", "image/gif"), (b"GIF89a", "image/gif"),
    (b"PK\x03\x04", "application/zip"), (b"\xd0\xcf\x11\xe0", "application/msword"), (b"MZ", _PROGRAM),
    (b"\x7fELF", _PROGRAM), (b"\x1f\x8b", "application/gzip"), (b"<!DOCTYPE html", "text/html"),
    (b"<html", "text/html"), (b"<?xml", "text/xml"),
)  # fmt: skip
_PERHAPS_TEXT = frozenset({_PROGRAM, "text/xml"})
"""The two letters that begin a program begin words too, and a program has control characters; the official TD2.1
frame has XML as text."""
_PDF_START = 1024
"""Readers accept as many octets before the header, and after the end (ISO 32000-1, annex H)."""
_NOT_PDF_A = (b"/JavaScript", b"/Encrypt", b"/Launch")
"""Scripts, encryption, programs (ISO 19005-1 6.1.3, 6.6.1)."""
_CONTROLS = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
_RTF_ESCAPE = re.compile(rb"\\[\\{}]")
_JPEG_FRAMES = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
_TIFF_SIZE = {256, 257}
"""Tags ImageWidth and ImageLength."""


def kind_of(content: bytes) -> str:
    """The media type the first octets tell, or empty."""
    if found := _beginning(content):
        return found
    if content[128:132] == b"DICM":
        return DICOM
    return PDF if b"%PDF-" in content[:_PDF_START] else ""


def _beginning(content: bytes) -> str:
    start = content[:64].removeprefix(b"\xef\xbb\xbf").lstrip()
    return next((kind for magic, kind in _MAGIC if start.startswith(magic)), "")


def flaw(media_type: str, content: bytes) -> str:
    """What keeps `content` from being the media type it is said to be, in French; empty when nothing does.

    A media type that is not one of the five of a level 1 document is compared by its magic number alone.
    """
    if media_type == TEXT:
        kind = _beginning(content)
        return (kind if kind not in _PERHAPS_TEXT else "") or _text_flaw(content)
    kind = kind_of(content)
    if kind != media_type:
        return kind or "un contenu inconnu"
    return _FLAWS[media_type](content) if media_type in _FLAWS else ""


def pdf_a_flaw(content: bytes) -> str:
    """What keeps a PDF from being a PDF/A, in French: it does not say so, or holds what none holds.

    Its XMP metadata may not be compressed (ISO 19005-1 6.7.2); of what is compressed nothing is known.
    """
    if b"pdfaid:part" not in content:
        return "un PDF sans déclaration pdfaid"
    found = next((key for key in _NOT_PDF_A if key in content), None)
    return f"un PDF avec {found.decode()}" if found else ""


def kos_flaw(content: bytes) -> str:
    """What keeps a beginning of octets from being an imaging reference (KOS) in DICOM, in French."""
    if content[128:132] != b"DICM":
        return kind_of(content) or "un contenu sans « DICM » après le préambule"
    sop_class = _sop_class(content)
    return "" if sop_class in ("", KEY_OBJECT_SELECTION) else f"la classe SOP {sop_class[:64]}"


def _text_flaw(content: bytes) -> str:
    """Any charset that leaves no control character: UTF-8, UTF-16 with its mark, or one octet a character."""
    encoding = "utf-16" if content.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError:
        text = content.decode("latin-1")
    found = _CONTROLS.search(text)
    return f"le caractère de contrôle U+{ord(found.group()):04X}" if found else ""


def _pdf_flaw(content: bytes) -> str:
    if b"%%EOF" not in content[-_PDF_START:]:
        return "un PDF tronqué, sans %%EOF"
    return "" if b"startxref" in content else "un PDF sans startxref"


def _rtf_flaw(content: bytes) -> str:
    """Groups are balanced, and nothing but blanks follows the last. Octets of \\bin are not text: not counted then."""
    if b"\\bin" in content:
        return ""
    text = _RTF_ESCAPE.sub(b"", content)
    opened, closed = text.count(b"{"), text.count(b"}")
    if opened != closed:
        return f"un RTF tronqué, {opened} groupes ouverts et {closed} fermés"
    return "" if text.rstrip(b"\0 \t\r\n").endswith(b"}") else "du contenu après la fin du RTF"


def _jpeg_flaw(content: bytes) -> str:
    """Segments follow each other up to the scan, a frame gives the size, and the image has an end."""
    position, sized = 2, False
    while position + 4 <= len(content) and content[position] == 0xFF:
        marker = content[position + 1]
        if marker == 0xFF:
            position += 1
            continue
        length = int.from_bytes(content[position + 2 : position + 4], "big")
        if marker in _JPEG_FRAMES and position + 9 <= len(content):
            sized = content[position + 7 : position + 9] != b"\0\0"  # the width; a height may come later
        if marker == 0xDA:
            if not sized:
                return "un JPEG sans dimensions"
            return "" if b"\xff\xd9" in content[position:] else "un JPEG tronqué, sans fin d'image"
        if length < 2:
            break
        position += 2 + length
    return f"un JPEG illisible à l'octet {position}"


def _tiff_flaw(content: bytes) -> str:
    """The first directory is inside the file and gives the size of the image."""
    order = "<" if content[:2] == b"II" else ">"
    try:
        (start,) = struct.unpack_from(f"{order}I", content, 4)
        (count,) = struct.unpack_from(f"{order}H", content, start)
        tags = {struct.unpack_from(f"{order}H", content, start + 2 + 12 * n)[0] for n in range(count)}
    except struct.error:
        return "un TIFF tronqué"
    return "" if tags >= _TIFF_SIZE else "un TIFF sans dimensions"


_FLAWS: Mapping[str, Callable[[bytes], str]] = {PDF: _pdf_flaw, RTF: _rtf_flaw, JPEG: _jpeg_flaw, TIFF: _tiff_flaw}


def _sop_class(content: bytes) -> str:
    """MediaStorageSOPClassUID of the meta group (explicit VR, little endian); empty when it is not there."""
    at = content.find(b"\x02\0\x02\0UI", 132)
    if at < 0 or at + 8 > len(content):
        return ""
    (length,) = struct.unpack_from("<H", content, at + 6)
    return content[at + 8 : at + 8 + length].decode("ascii", "replace").strip("\0 ")
