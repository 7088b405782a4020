"""Verifying an archive: its names, its files, and the size and hash of each document (ITI TF-2 3.32.4.1.4).

Nothing is unpacked to disk, and nothing read beyond what the metadata announce.
"""

import hashlib
import posixpath
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from lxml import etree

from dmpws.codec.ebxml.rim import read_object
from dmpws.codec.ebxml.submission import read_entry
from dmpws.codec.xdm import layout
from dmpws.domain.checks import Refused, Report, Rule
from dmpws.xml.names import RIM
from dmpws.xml.parser import XmlLimits, parse

_ERROR = "XDSRepositoryMetadataError"
ZIP = Rule("XDM-ZIP", "L'archive est un fichier ZIP lisible", "ITI TF-2 3.32.4.1", _ERROR)
FILES = Rule("XDM-FILES", "L'archive contient INDEX.HTM, README.TXT et IHE_XDM", "ITI TF-2 3.32.4.1.2.2", _ERROR)
NAMES = Rule("XDM-NAMES", "Les noms sont ceux d'ISO 9660, sans répétition", "ITI TF-2 3.32.4.1.2.2", _ERROR)
METADATA = Rule("XDM-METADATA", "Chaque lot a un METADATA.XML lisible", "ITI TF-2 3.32.4.1.2.2", _ERROR)
URI = Rule("XDM-URI", "L'URI d'une fiche est un fichier de l'archive", "ITI TF-3 4.2.3.2.28", _ERROR)
SIZE = Rule("XDM-SIZE", "La taille d'un document est celle de sa fiche", "ITI TF-2 3.32.4.1.4", _ERROR)
HASH = Rule("XDM-HASH", "L'empreinte d'un document est celle de sa fiche", "ITI TF-2 3.32.4.1.4", _ERROR)
LISTED = Rule("XDM-LISTED", "Chaque fichier d'un lot a une fiche", "ITI TF-2 3.32.4.1.2.2", _ERROR)

LIMITS = XmlLimits(octets=64 * 1024 * 1024, tags=4_000_000, depth=30)
"""Of one METADATA.XML."""
MOST_FILES = 200_000
_CHUNK = 256 * 1024
_DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError)
"""What zipfile raises for archives that are cut, altered, encrypted or packed by a method it has not."""


@dataclass(frozen=True, slots=True)
class _Announced:
    """A document as an entry announces it."""

    unique_id: str
    path: str
    size: str
    hash: str


def verify(file: BinaryIO) -> Report:
    """Check everything; what is wrong is in the report, whose last check counts the documents that are good."""
    report = Report()
    try:
        with zipfile.ZipFile(file) as archive:
            _check(archive, report)
    except _DAMAGED as error:
        report.failed(ZIP, found=str(error)[:200] or type(error).__name__)
    return report


def _check(archive: zipfile.ZipFile, report: Report) -> None:
    names = [info.filename for info in archive.infolist() if not info.is_dir()]
    if not report.require(
        len(names) <= MOST_FILES, ZIP, expected=f"au plus {MOST_FILES} fichiers", found=str(len(names))
    ):
        return
    present = frozenset(names)
    missing = [name for name in (layout.INDEX, layout.README) if name not in present]
    subsets = sorted({posixpath.dirname(name) for name in names if name.startswith(f"{layout.ROOT}/")})
    found = ", ".join([*missing, *([] if subsets else [layout.ROOT])])
    report.require(not found, FILES, found=f"sans {found}" if found else "")
    wrong = [name for name in names if not layout.is_iso_9660(name)]
    doubled = len(names) - len(present)
    report.require(not wrong and not doubled, NAMES, found=", ".join(wrong[:5])[:200] or f"{doubled} répétés")
    good = 0
    for folder in subsets:
        good += _check_subset(archive, folder, present, report)
    report.passed(HASH, found=f"{good} documents conformes")


def _check_subset(archive: zipfile.ZipFile, folder: str, present: frozenset[str], report: Report) -> int:
    """Check a submission set; return how many of its documents are good."""
    announced = list(_announced(archive, folder, report))
    listed = {document.path for document in announced} | {f"{folder}/{layout.METADATA}"}
    others = sorted(name for name in present if posixpath.dirname(name) == folder and name not in listed)
    report.require(not others, LISTED, found=", ".join(others[:5])[:200], where=folder)
    good = 0
    for document in announced:
        if document.path not in present:
            report.failed(URI, found=document.path[:200] or "aucune", where=document.unique_id)
        else:
            good += _check_document(archive, document, report)
    return good


def _announced(archive: zipfile.ZipFile, folder: str, report: Report) -> Iterator[_Announced]:
    try:
        with archive.open(f"{folder}/{layout.METADATA}") as file:
            root = parse(file.read(LIMITS.octets + 1), LIMITS)
    except KeyError:
        report.failed(METADATA, found="aucun", where=folder)
        return
    except Refused as refused:
        report.failed(METADATA, found=refused.message[:200], where=folder)
        return
    for element in root.iter(f"{{{RIM}}}ExtrinsicObject"):
        yield _read(element, folder)


def _read(element: etree._Element, folder: str) -> _Announced:
    entry = read_entry(read_object(element, Report()), Report())
    uri = next(iter(entry.slots.get("URI", ())), "")
    # Relative to METADATA.XML; a path that leaves the archive is none of its files.
    path = posixpath.normpath(posixpath.join(folder, uri)) if uri else ""
    return _Announced(entry.unique_id, path, entry.size, entry.hash.lower())


def _check_document(archive: zipfile.ZipFile, document: _Announced, report: Report) -> bool:
    digest, size = hashlib.sha1(usedforsecurity=False), 0
    most = int(document.size) if document.size.isascii() and document.size.isdigit() and len(document.size) < 16 else -1
    with archive.open(document.path) as file:
        while size <= most and (chunk := file.read(_CHUNK)):
            digest.update(chunk)
            size += len(chunk)
    where = document.unique_id
    found = f"plus de {most}" if size > most else str(size)
    if not report.require(size == most, SIZE, expected=document.size or "une taille", found=found, where=where):
        return False
    ok = digest.hexdigest() == document.hash
    return report.require(ok, HASH, expected=document.hash, found=digest.hexdigest(), where=where)
