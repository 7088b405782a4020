"""MTOM packages in and out, without a server around."""

import email
import email.policy
import io
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from wsgi_server import MTOM, FolderSink, package

from dmpws.domain.checks import Refused
from dmpws.http.limits import Limits
from dmpws.http.media_type import parse_media_type
from dmpws.http.mtom import Package, PackageReader, write_package
from dmpws.xml.parser import XmlLimits

ROOT = b"<root/>"


@pytest.fixture
def sink(tmp_path: Path) -> FolderSink:
    return FolderSink(tmp_path)


def read(
    octets: bytes, sink: FolderSink, content_type: str = MTOM, limits: Limits | None = None, piece: int = 1000
) -> Package:
    reader = PackageReader(parse_media_type(content_type), sink, limits or Limits())
    stream = io.BytesIO(octets)
    try:
        while data := stream.read(piece):
            reader.feed(data)
        return reader.finish()
    except Refused:
        reader.discard()
        raise


def contents(received: Package) -> dict[str, bytes]:
    return {content_id: octets.read() for content_id, octets in received.parts.items()}


@pytest.mark.parametrize("newline", [b"\r\n", b"\n"])
@pytest.mark.parametrize("root_last", [False, True])
@pytest.mark.parametrize("start", ['; start="<root>"', '; start="root"', "; start=root"])
def test_any_order_start_and_line_end(sink: FolderSink, newline: bytes, root_last: bool, start: str) -> None:
    octets = package(ROOT, {"a@b": b"one\n", "c": b""}, newline=newline, root_last=root_last)
    received = read(octets, sink, f'multipart/related; boundary=BOUNDARY; type="application/xop+xml"{start}')
    assert received.envelope == ROOT
    assert contents(received) == {"a@b": b"one\n", "c": b""}


def test_without_start_the_first_part_is_the_root(sink: FolderSink) -> None:
    received = read(package(ROOT, {"a": b"1"}), sink, 'multipart/related; boundary="BOUNDARY"')
    assert (received.envelope, contents(received)) == (ROOT, {"a": b"1"})


def test_content_ids_are_compared_without_escapes_and_octets_are_measured(sink: FolderSink) -> None:
    received = read(package(ROOT, {"uuid-1@urn%3Aihe%3Aiti": b"x" * 5000}), sink)
    octets = received.parts["uuid-1@urn:ihe:iti"]
    assert (octets.size, len(octets.sha1), len(octets.sha256)) == (5000, 40, 64)


def test_the_root_too_may_be_encoded(sink: FolderSink) -> None:
    octets = package(b"PHJvb3QvPg==").replace(b"8bit", b"base64")
    assert read(octets, sink).envelope == ROOT


@pytest.mark.parametrize(
    ("octets", "content_type", "rule"),
    [
        (package(ROOT), 'multipart/form-data; boundary="BOUNDARY"', "MTOM-TYPE"),
        (package(ROOT), 'multipart/related; boundary="BOUNDARY"; type="text/xml"', "MTOM-TYPE"),
        (package(ROOT).replace(b"application/xop+xml", b"text/xml"), MTOM, "MTOM-TYPE"),
        (package(ROOT), 'multipart/related; type="application/xop+xml"', "MTOM-BOUNDARY"),
        (package(ROOT), f'multipart/related; boundary="{"x" * 201}"', "MTOM-BOUNDARY"),
        (package(ROOT, {"a": b""}), MTOM.replace("<root>", "<other>"), "MTOM-ROOT"),
        (package(ROOT, {"a": b""}).replace(b"Content-ID: <a>\r\n", b""), MTOM, "MTOM-ID"),
        (package(ROOT, {"a": b"", "%61": b""}), MTOM, "MTOM-TWICE"),
        (package(ROOT, {"root": b""}), MTOM, "MTOM-TWICE"),
        (package(ROOT, {str(i): b"" for i in range(64)}), MTOM, "LIMIT-PARTS"),
        (package(ROOT, {"a": b"x" * 2001}), MTOM, "LIMIT-DOCUMENT"),
        (package(b"x" * 1001), MTOM, "LIMIT-ENVELOPE"),
        (package(ROOT, {"a": b"1"})[:-20], MTOM, "MIME-TRUNCATED"),
        (b"", MTOM, "MIME-BOUNDARY"),
        (package(ROOT, {"a": b"QUI"}, encoding="base64"), MTOM, "MIME-BASE64"),
        (package(ROOT, {"a": b""}, encoding="uuencode"), MTOM, "MIME-ENCODING"),
    ],
)
def test_what_is_refused_leaves_nothing(sink: FolderSink, octets: bytes, content_type: str, rule: str) -> None:
    limits = Limits(document=2000, envelope=XmlLimits(octets=1000))
    for piece in (1, 7, 100_000):
        with pytest.raises(Refused) as refused:
            read(octets, sink, content_type, limits, piece)
        assert refused.value.checks[0].rule.id == rule
        assert refused.value.code == "DMPInvalidRequest"
        assert sink.left == []


def test_the_limits_are_inclusive(sink: FolderSink) -> None:
    parts = {str(i): b"x" * 2000 for i in range(63)}
    received = read(package(b"x" * 1000, parts), sink, limits=Limits(document=2000, envelope=XmlLimits(octets=1000)))
    assert len(received.parts) == 63


@given(st.lists(st.binary(max_size=500), max_size=4), st.booleans())
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_written_is_read_back(sink: FolderSink, documents: list[bytes], with_action: bool) -> None:
    attachments: dict[str, Any] = {}
    for number, document in enumerate(documents):
        writer = sink.writer()
        writer.write(document)
        attachments[f"uuid-{number}@urn:ihe:iti:xds-b:2007"] = writer.close()
    outgoing = write_package(ROOT, attachments, action="urn:a" if with_action else "")
    octets = b"".join(outgoing.chunks)
    assert outgoing.length == len(octets)
    assert parse_media_type(outgoing.content_type).parameters.get("action", "") == ("urn:a" if with_action else "")
    received = read(octets, sink, outgoing.content_type)
    assert (received.envelope, list(contents(received).values())) == (ROOT, documents)


def test_the_standard_library_reads_what_is_written(sink: FolderSink) -> None:
    writer = sink.writer()
    writer.write(b"\x00\xff document")
    outgoing = write_package(ROOT, {"a@b": writer.close()})
    head = f"Content-Type: {outgoing.content_type}\r\n\r\n".encode()
    message = email.message_from_bytes(head + b"".join(outgoing.chunks), policy=email.policy.HTTP)
    root, document = message.iter_parts()  # type: ignore[attr-defined]
    assert message.get_param("start-info") == "application/soap+xml"
    assert (message.get_param("start"), root["Content-ID"]) == ("<root@dmpws>", "<root@dmpws>")
    assert root.get_content_type() == "application/xop+xml"
    assert root.get_param("type") == "application/soap+xml"
    assert (document["Content-ID"], document["Content-Transfer-Encoding"]) == ("<a@b>", "binary")
    assert document.get_payload(decode=True) == b"\x00\xff document"


@pytest.mark.parametrize("content_id", ["", "a b", "a>\r\nX: y", "<a>", "é"])
def test_a_content_id_cannot_break_the_headers(content_id: str) -> None:
    with pytest.raises(ValueError, match="Content-ID"):
        write_package(ROOT, {content_id: None})  # type: ignore[dict-item]
