"""Writing an archive: documents go through, one chunk at a time, measured on their way."""

import hashlib
import zipfile
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import BinaryIO

from dmpws.codec.xdm import layout
from dmpws.codec.xdm.content import Copied, Copy
from dmpws.codec.xdm.index import index
from dmpws.codec.xdm.metadata import metadata, readme
from dmpws.domain.checks import Rule, refusal
from dmpws.domain.octets import Octets

DAMAGED = Rule("XDM-DAMAGED", "Les octets copiés sont ceux qui ont été reçus", "DMPWS D153", "XDSRepositoryError")

_CHUNK = 256 * 1024


def write_archive(
    out: BinaryIO,
    copy: Copy,
    *,
    octets: Callable[[Copied], Octets],
    show: Callable[[Octets], tuple[str, bytes] | None],
    new_uuid: Callable[[], str],
) -> None:
    """Write the whole archive. octets: of a document; raises KeyError when they are gone. show: extension and content
    of what a person opens of it, None when that is the document itself.

    Raises Refused when the octets are not what was received: a copy that lacks something is none.
    """
    made_at, shown = copy.made_at, dict[str, str]()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for subset in copy.subsets:
            path = f"{layout.subset(subset.number)}/{layout.METADATA}"
            _write(archive, path, metadata(copy, subset, new_uuid), made_at)
            for document in subset.documents:
                source = octets(document)
                _write_document(archive, document, source, made_at)
                if (page := show(source)) is not None:
                    shown[document.path] = layout.readable(document.name, page[0])
                    _write(archive, shown[document.path], [page[1]], made_at)
        _write(archive, layout.INDEX, index(copy, shown), made_at)
        _write(archive, layout.README, [readme(copy)], made_at)


def _write(archive: zipfile.ZipFile, name: str, chunks: Iterable[bytes], made_at: datetime) -> None:
    with archive.open(_info(name, made_at), "w") as file:
        for chunk in chunks:
            file.write(chunk)


def _write_document(archive: zipfile.ZipFile, document: Copied, octets: Octets, made_at: datetime) -> None:
    entry = document.entry
    digest, size = hashlib.sha1(usedforsecurity=False), 0
    with octets.open() as source, archive.open(_info(document.path, made_at, entry.size), "w") as file:
        while chunk := source.read(_CHUNK):
            digest.update(chunk)
            size += len(chunk)
            file.write(chunk)
    if (size, digest.hexdigest()) != (entry.size, entry.hash):
        expected, found = f"{entry.size} octets, {entry.hash}", f"{size} octets, {digest.hexdigest()}"
        raise refusal(DAMAGED, expected=expected, found=found, where=entry.unique_id)


def _info(name: str, made_at: datetime, size: int = 0) -> zipfile.ZipInfo:
    made = made_at.timetuple()[:6]
    info = zipfile.ZipInfo(name, (made[0], made[1], made[2], made[3], made[4], made[5]))
    info.compress_type = zipfile.ZIP_DEFLATED
    info.external_attr = 0o600 << 16
    info.file_size = size  # tells zipfile whether the sizes of this file need 64 bits
    return info
