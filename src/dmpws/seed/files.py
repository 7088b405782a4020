"""The smallest files of each format that a reader opens: one line of text, or an empty image."""

import struct
from collections.abc import Callable, Mapping

from dmpws.client.pdf import one_page_pdf
from dmpws.domain.media import JPEG, KEY_OBJECT_SELECTION, PDF, RTF, TEXT, TIFF

_EXPLICIT_LITTLE_ENDIAN = "1.2.840.10008.1.2.1"
_LONG_LENGTH = frozenset({b"OB"})


def _text(line: str) -> bytes:
    return f"{line}\r\n".encode()


def _rtf(line: str) -> bytes:
    escaped = "".join(c if ord(c) < 128 else f"\\u{ord(c)}?" for c in line)
    return f"{{\\rtf1\\ansi {escaped}\\par}}".encode("ascii")


def _jpeg(_line: str) -> bytes:
    """A grey square of eight pixels: one block, whose coefficients are all zero."""

    def segment(marker: int, content: bytes) -> bytes:
        return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content

    one_code = b"\1" + bytes(15) + b"\0"
    return b"".join((
        b"\xff\xd8",
        segment(0xDB, b"\0" + b"\1" * 64),
        segment(0xC0, struct.pack(">BHHBBBB", 8, 8, 8, 1, 1, 0x11, 0)),
        segment(0xC4, b"\x00" + one_code),
        segment(0xC4, b"\x10" + one_code),
        segment(0xDA, b"\1\1\0\0\x3f\0"),
        b"\x3f\xff\xd9",
    ))  # fmt: skip


def _tiff(_line: str) -> bytes:
    """A white square of eight pixels, one bit each."""
    tags = {256: 8, 257: 8, 258: 1, 259: 1, 262: 0, 273: 0, 277: 1, 278: 8, 279: 8}
    tags[273] = 8 + 2 + 12 * len(tags) + 4
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4) + bytes(8)


FILES: Mapping[str, tuple[str, Callable[[str], bytes]]] = {
    "pdf": (PDF, one_page_pdf),
    "text": (TEXT, _text),
    "rtf": (RTF, _rtf),
    "jpeg": (JPEG, _jpeg),
    "tiff": (TIFF, _tiff),
}
"""By form: the media type, and what makes a file that shows a line."""


def imaging_reference(instance: str, study: str) -> bytes:
    """A key object selection (KOS) in DICOM part 10. instance, study: UIDs; it names the study and no image."""

    def element(group: int, number: int, kind: bytes, value: bytes) -> bytes:
        value += b" \0"[kind == b"UI" :][:1] if len(value) % 2 else b""
        length = struct.pack("<HI", 0, len(value)) if kind in _LONG_LENGTH else struct.pack("<H", len(value))
        return struct.pack("<HH", group, number) + kind + length + value

    def uid(group: int, number: int, value: str) -> bytes:
        return element(group, number, b"UI", value.encode("ascii"))

    meta = (
        element(2, 1, b"OB", b"\0\1")
        + uid(2, 2, KEY_OBJECT_SELECTION)
        + uid(2, 3, instance)
        + uid(2, 0x10, _EXPLICIT_LITTLE_ENDIAN)
        + uid(2, 0x12, "2.25.1")
    )
    data = (
        uid(8, 0x16, KEY_OBJECT_SELECTION)
        + uid(8, 0x18, instance)
        + element(8, 0x60, b"CS", b"KO")
        + uid(0x20, 0x0D, study)
    )
    return bytes(128) + b"DICM" + element(2, 0, b"UL", struct.pack("<I", len(meta))) + meta + data
