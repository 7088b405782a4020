"""Names inside an archive: ISO 9660 level 1 (ITI TF-2 3.32.4.1.2), given in order, never made of a title."""

import re
from collections.abc import Mapping

INDEX, README, METADATA = "INDEX.HTM", "README.TXT", "METADATA.XML"
ROOT = "IHE_XDM"
READABLE = "LISIBLE"
"""Folder of ours beside IHE_XDM: what a person opens, which importers ignore."""

SUBSET_SIZE = 500
"""Documents of one submission set: whoever imports reads its metadata at once."""
MOST = 99 * SUBSET_SIZE

EXTENSIONS: Mapping[str, str] = {
    "text/xml": "XML",
    "application/xslt+xml": "XML",
    "application/pdf": "PDF",
    "image/jpeg": "JPG",
    "image/tiff": "TIF",
    "text/rtf": "RTF",
    "text/plain": "TXT",
    "text/html": "HTM",
    "application/dicom": "DCM",
}

_NAME = re.compile(r"[A-Z0-9_]{1,8}(\.[A-Z0-9_]{1,3})?")


def subset(number: int) -> str:
    """Folder of a submission set, from 1 to 99."""
    return f"{ROOT}/SUBSET{number:02d}"


def document(number: int, mime_type: str) -> str:
    """File of a document, from 1."""
    return f"DOC{number:05d}.{EXTENSIONS.get(mime_type, 'BIN')}"


def readable(document: str, extension: str) -> str:
    """Path of what a person opens of the document of this file name."""
    return f"{READABLE}/{document.partition('.')[0]}.{extension}"


def is_iso_9660(path: str) -> bool:
    """Tell whether every part of a path is an upper-case 8.3 name, and there are eight at most."""
    parts = path.split("/")
    return len(parts) <= 8 and all(_NAME.fullmatch(part) for part in parts)
