"""MTOM/XOP packages, read and written as streams: the envelope in memory, the other parts never.

Used at both ends: by the server for requests, by the client for answers.
"""

import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from dmpws.domain.checks import Rule, refusal
from dmpws.domain.octets import Octets, OctetsSink, OctetsWriter
from dmpws.http.limits import Limits
from dmpws.http.media_type import MediaType, parse_media_type
from dmpws.http.mime import PartWriter, Splitter
from dmpws.http.transfer import decoder
from dmpws.xml.xop import normal_content_id

XOP_TYPE = "application/xop+xml"
SOAP_TYPE = "application/soap+xml"
ROOT_ID = "root@dmpws"
PIECE = 256 * 1024
"""Octets read or sent at a time."""

PACKAGE = Rule("MTOM-TYPE", "Le corps est un paquet MTOM/XOP", "ITI TF-2 V.3.6", "DMPInvalidRequest")
NO_BOUNDARY = Rule(
    "MTOM-BOUNDARY",
    "Le Content-Type annonce un délimiteur de 1 à 200 octets",
    "RFC 2046 5.1.1",
    "DMPInvalidRequest",
)
NO_ROOT = Rule("MTOM-ROOT", "La partie racine du paquet est présente", "RFC 2387 3.2", "DMPInvalidRequest")
NO_ID = Rule("MTOM-ID", "Chaque document joint a un Content-ID", "RFC 2387 3", "DMPInvalidRequest")
TWICE = Rule("MTOM-TWICE", "Un Content-ID ne sert qu'une fois", "RFC 2392 2", "DMPInvalidRequest")
PARTS = Rule("LIMIT-PARTS", "Le message a trop de parties MIME", "DMPWS LIMITS", "DMPInvalidRequest")
DOCUMENT = Rule("LIMIT-DOCUMENT", "Un document joint dépasse la taille permise", "DMPWS LIMITS", "DMPInvalidRequest")
ENVELOPE = Rule("LIMIT-ENVELOPE", "L'enveloppe SOAP dépasse la taille permise", "DMPWS LIMITS", "DMPInvalidRequest")
TOO_LARGE = frozenset({PARTS, DOCUMENT, ENVELOPE})


class Memory:
    """Keeps at most `limit` octets of the envelope. Raises Refused beyond."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._octets = bytearray()

    def write(self, chunk: bytes | memoryview) -> None:
        if len(self._octets) + len(chunk) > self._limit:
            raise refusal(ENVELOPE, expected=f"au plus {self._limit} octets", found="davantage")
        self._octets += chunk

    def close(self) -> None:
        """Nothing to end."""

    def __bytes__(self) -> bytes:
        return bytes(self._octets)


class _Document:
    """Passes a document on to the sink, up to the limit."""

    def __init__(self, writer: OctetsWriter, limit: int, where: str, done: Callable[[Octets], None]) -> None:
        self._writer = writer
        self._limit = limit
        self._where = where
        self._done = done
        self._size = 0

    def write(self, chunk: bytes | memoryview) -> None:
        self._size += len(chunk)
        if self._size > self._limit:
            raise refusal(DOCUMENT, expected=f"au plus {self._limit} octets", found="davantage", where=self._where)
        self._writer.write(chunk)

    def close(self) -> None:
        self._done(self._writer.close())


@dataclass(frozen=True, slots=True)
class Package:
    """A package taken apart. parts: the documents by Content-ID, without `<>` and without %-escapes."""

    envelope: bytes
    envelope_type: MediaType
    parts: Mapping[str, Octets]


class PackageReader:
    """Takes one package as it arrives: `feed` the octets, then `finish`.

    Whatever happens to the message, call `discard` in the end: it forgets every document that was not stored.
    """

    def __init__(self, media_type: MediaType, sink: OctetsSink, limits: Limits) -> None:
        boundary = media_type.parameters.get("boundary", "").encode("utf-8")
        announced = media_type.parameters.get("type", XOP_TYPE)
        if media_type.name != "multipart/related" or parse_media_type(announced).name != XOP_TYPE:
            raise refusal(
                PACKAGE,
                expected=f'multipart/related; type="{XOP_TYPE}"',
                found=f'{media_type.name}; type="{announced}"',
            )
        if not 0 < len(boundary) <= 200:
            raise refusal(NO_BOUNDARY, found=f"{len(boundary)} octets")
        self._sink = sink
        self._limits = limits
        # `start` comes with and without <>.
        self._start = normal_content_id(media_type.parameters.get("start", ""))
        self._root: Memory | None = None
        self._root_type = MediaType("", {})
        self._ids: set[str] = set()
        self._parts: dict[str, Octets] = {}
        self._writers: list[OctetsWriter] = []
        self._splitter = Splitter(boundary, self._on_part, limits.part_headers)

    def feed(self, data: bytes) -> None:
        self._splitter.feed(data)

    def finish(self) -> Package:
        """Return the package. Raises Refused when it is not complete."""
        self._splitter.finish()
        if self._root is None:
            raise refusal(NO_ROOT, expected=self._start or "une première partie", found="aucune")
        return Package(bytes(self._root), self._root_type, self._parts)

    def discard(self) -> None:
        self._splitter.stop()
        for writer in self._writers:
            writer.discard()

    def _on_part(self, headers: Mapping[str, str]) -> PartWriter:
        if self._splitter.parts == self._limits.parts:
            raise refusal(PARTS, expected=f"au plus {self._limits.parts} parties", found="davantage")
        content_id = normal_content_id(headers.get("content-id", ""))
        # RFC 2387 3.2: without `start`, the root is the first part.
        is_root = content_id == self._start if self._start else self._splitter.parts == 0
        if not content_id and not is_root:
            raise refusal(NO_ID, where=f"partie {self._splitter.parts + 1}")
        if content_id in self._ids:
            raise refusal(TWICE, found=content_id)
        self._ids.add(content_id)
        target = self._envelope(headers) if is_root else self._document(content_id)
        return decoder(headers.get("content-transfer-encoding", ""), target)

    def _envelope(self, headers: Mapping[str, str]) -> PartWriter:
        self._root_type = parse_media_type(headers.get("content-type", ""))
        if self._root_type.name not in (XOP_TYPE, SOAP_TYPE):
            raise refusal(PACKAGE, expected=XOP_TYPE, found=self._root_type.name, where="partie racine")
        self._root = Memory(self._limits.envelope.octets)
        return self._root

    def _document(self, content_id: str) -> PartWriter:
        writer = self._sink.writer()
        self._writers.append(writer)

        def done(octets: Octets) -> None:
            self._parts[content_id] = octets

        return _Document(writer, self._limits.document, f"partie {content_id}", done)


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message ready to be sent. length: octets in all; chunks: to iterate once."""

    content_type: str
    length: int
    chunks: Iterable[bytes]


def write_package(envelope: bytes, attachments: Mapping[str, Octets], *, action: str = "") -> Outgoing:
    """Return the multipart form of an envelope and its documents (ITI TF-2 V.3.6, form of the DMP's frames).

    attachments: by Content-ID, as named by the xop:Include elements; read while they are sent.
    action: when given, the `action` parameter that DMP requests carry.
    """
    boundary = f"uuid:{uuid.uuid4()}"
    root = (
        f'--{boundary}\r\nContent-Type: {XOP_TYPE}; charset=UTF-8; type="{SOAP_TYPE}"\r\n'
        f"Content-Transfer-Encoding: binary\r\nContent-ID: <{ROOT_ID}>\r\n\r\n"
    ).encode() + envelope
    heads = {
        content_id: (
            f"\r\n--{boundary}\r\nContent-Type: application/octet-stream\r\n"
            f"Content-Transfer-Encoding: binary\r\nContent-ID: <{_checked(content_id)}>\r\n\r\n"
        ).encode()
        for content_id in attachments
    }
    end = f"\r\n--{boundary}--\r\n".encode()
    sizes = sum(len(heads[key]) + octets.size for key, octets in attachments.items())
    content_type = f'multipart/related; boundary="{boundary}"; type="{XOP_TYPE}"; start="<{ROOT_ID}>"'
    content_type += f'; start-info="{SOAP_TYPE}"' + (f'; action="{action}"' if action else "")
    return Outgoing(content_type, len(root) + sizes + len(end), _chunks(root, heads, attachments, end))


def _chunks(root: bytes, heads: Mapping[str, bytes], attachments: Mapping[str, Octets], end: bytes) -> Iterator[bytes]:
    yield root
    for content_id, octets in attachments.items():
        yield heads[content_id]
        with octets.open() as file:
            while piece := file.read(PIECE):
                yield piece
    yield end


def _checked(content_id: str) -> str:
    if not content_id or any(c in "<>\r\n \t" or not c.isascii() for c in content_id):
        raise ValueError(f"{content_id!r} cannot be a Content-ID")
    return content_id
