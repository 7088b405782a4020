"""MTOM through the whole edge: parts, includes, answers, limits, time, and what is left on disk."""

import base64
import gc
import io
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest
from lxml import etree
from wsgi_server import EXISTENCE, MTOM, PROVIDE, SOAP, XOP, FolderSink, Server, include, package, request

from dmpws.http.limits import Limits
from dmpws.http.media_type import parse_media_type
from dmpws.http.mtom import PackageReader
from dmpws.soap.message import SoapReply, SoapRequest
from dmpws.xml.parser import XmlLimits
from dmpws.xml.xop import INCLUDE, href_of

WSSE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
SAML = "urn:oasis:names:tc:SAML:2.0:assertion"
ID = "uuid-1@urn:ihe:iti:xds-b:2007"
HREF = "cid:uuid-1@urn%3Aihe%3Aiti%3Axds-b%3A2007"


@pytest.fixture
def server(tmp_path: Path) -> Server:
    return Server(tmp_path)


def exists(*hrefs: str) -> bytes:
    return request(EXISTENCE, content="".join(include(h) for h in hrefs))


def provide(*hrefs: str) -> bytes:
    return request(PROVIDE, content="".join(include(h) for h in hrefs))


def test_parts_reach_the_dispatch_and_are_gone_afterwards(server: Server) -> None:
    seen: dict[str, bytes] = {}

    def dispatch(received: SoapRequest) -> SoapReply:
        seen.update({content_id: octets.read() for content_id, octets in received.parts.items()})
        return SoapReply(etree.Element("ok"))

    server.dispatch = dispatch
    answer = server.call("repository", package(provide(HREF, "cid:b"), {ID: b"one", "b": b"two"}), MTOM)
    assert answer.status == 200
    assert seen == {ID: b"one", "b": b"two"}
    assert server.sink.left == []
    include_left = server.requests[0].body.find(f".//{{{XOP}}}Include")
    assert include_left is not None and include_left.get("href") == HREF


def test_parts_that_the_dispatch_stored_stay(server: Server) -> None:
    def dispatch(received: SoapRequest) -> SoapReply:
        for octets in received.parts.values():
            octets.path.rename(server.folder / "stored")  # type: ignore[attr-defined]
        return SoapReply(etree.Element("ok"))

    server.dispatch = dispatch
    server.call("repository", package(provide(HREF), {ID: b"one"}), MTOM)
    assert server.sink.left == ["stored"]


@pytest.mark.parametrize(
    ("encoding", "content"),
    [("base64", base64.encodebytes(b"one \xff")), ("BASE64", b"b25lIP8="), ("quoted-printable", b"one =\r\n=FF")],
)
def test_encoded_parts_are_decoded(server: Server, encoding: str, content: bytes) -> None:
    seen: list[bytes] = []
    server.dispatch = lambda r: seen.extend(p.read() for p in r.parts.values()) or SoapReply(etree.Element("ok"))
    octets = package(provide(HREF), {ID: content}, encoding=encoding, newline=b"\n", root_last=True)
    assert server.call("repositoryCPE", octets, MTOM).status == 200
    assert seen == [b"one \xff"]
    assert server.requests[0].path_service == "repositoryCPE"


@pytest.mark.parametrize(
    ("root", "parts", "rule"),
    [
        (exists(HREF), {}, "XOP-MISSING"),
        (exists("cid:a"), {"b": b""}, "XOP-MISSING"),
        (exists("http://example.org/a"), {"a": b""}, "XOP-MISSING"),
        (exists(), {"a": b""}, "XOP-ORPHAN"),
        (exists("cid:a"), {"a": b"", "b": b""}, "XOP-ORPHAN"),
        (request(PROVIDE, include("cid:a")), {}, "XOP-MISSING"),
        (provide("cid:a", "cid:a"), {"a": b""}, "XOP-TWICE"),
        (provide("cid:a").replace(b'<Document id="d">', b'<Document id="d">text'), {"a": b""}, "XOP-ALONE"),
        (provide("cid:a").replace(b"</Document>", b"<x/></Document>"), {"a": b""}, "XOP-ALONE"),
        (f'<x:Include xmlns:x="{XOP}" href="cid:a"/>'.encode(), {"a": b""}, "XOP-ALONE"),
        (request(PROVIDE, include("cid:a")), {"a": b"x" * 65_537}, "XOP-HEADER"),
        (b"<root/>", {"a": b""}, "XOP-ORPHAN"),
        (b"<root", {"a": b""}, "XML-FORM"),
    ],
)
def test_includes_and_parts_must_match(server: Server, root: bytes, parts: dict[str, bytes], rule: str) -> None:
    answer = server.call("repository", package(root, parts), MTOM)
    assert (answer.status, answer.rules) == (500, [rule])
    assert answer.headers["content-type"].startswith("multipart/related;")
    assert server.requests == []
    assert server.sink.left == []


@pytest.mark.parametrize(
    ("hrefs", "parts"),
    [([HREF], []), (["cid:a"], ["b"]), (["http://example.org/a"], ["a"]), ([], ["a"]), (["cid:a"], ["a", "b"])],
)
def test_what_a_lot_lacks_is_judged_with_the_lot(server: Server, hrefs: list[str], parts: list[str]) -> None:
    """Which has codes of its own for a part that is missing or too much (ITI TF-2 3.41.4.1.3)."""
    octets = package(provide(*hrefs), dict.fromkeys(parts, b"x"))
    assert server.call("repository", octets, MTOM).status == 200
    (received,) = server.requests
    assert sorted(received.parts) == parts
    assert server.sink.left == []


def test_octets_that_a_client_moved_out_of_the_header_are_put_back(server: Server) -> None:
    certificate = f'<Certificate><i:Include xmlns:i="{XOP}" href="cid:c"/></Certificate>'
    header = f'<s:Security xmlns:s="{WSSE}"><Assertion xmlns="{SAML}">{certificate}</Assertion></s:Security>'
    root = request(PROVIDE, header, content=include("cid:d"))
    assert server.call("repository", package(root, {"c": b"\x30\x82 DER", "d": b"1"}), MTOM).status == 200
    (received,) = server.requests
    assert etree.fromstring(received.assertions[0])[0].text == base64.b64encode(b"\x30\x82 DER").decode()
    assert list(received.parts) == ["d"]


def test_answers_carry_attachments(server: Server) -> None:
    writer = server.sink.writer()
    writer.write(b"\x00document")
    stored = writer.close()

    def dispatch(_request: SoapRequest) -> SoapReply:
        body = etree.Element("Response")
        etree.SubElement(etree.SubElement(body, "Document"), INCLUDE, href=href_of(ID))
        return SoapReply(body, {ID: stored})

    server.dispatch = dispatch
    answer = server.call("repository", package(provide()), MTOM)
    assert f'href="{HREF}"'.encode() in answer.octets
    reader = PackageReader(parse_media_type(answer.headers["content-type"]), FolderSink(server.folder), Limits())
    reader.feed(answer.octets)
    received = reader.finish()
    assert received.parts[ID].read() == b"\x00document"
    assert etree.fromstring(received.envelope).find(f"{{{SOAP}}}Body/Response") is not None


def test_who_asks_in_mtom_is_answered_in_mtom(server: Server) -> None:
    answer = server.call("patients", package(request(EXISTENCE)), MTOM)
    assert (answer.status, answer.headers["content-type"][:18]) == (200, "multipart/related;")


# Limits

SMALL = Limits(
    body=10_000, envelope=XmlLimits(octets=3000), document=4000, parts=3, part_headers=200, reading_seconds=60
)


@pytest.mark.parametrize(
    ("octets", "content_type", "status", "rule"),
    [
        (package(provide("cid:a"), {"a": b"x" * 4001}), MTOM, 413, "LIMIT-DOCUMENT"),
        (package(provide("cid:a", "cid:b", "cid:c"), dict.fromkeys("abc", b"x" * 3500)), MTOM, 413, "LIMIT-BODY"),
        (package(provide() + b" " * 3000), MTOM, 413, "LIMIT-ENVELOPE"),
        (request(PROVIDE) + b" " * 3000, "application/soap+xml", 413, "LIMIT-ENVELOPE"),
        (package(provide(), dict.fromkeys("abc", b"")), MTOM, 413, "LIMIT-PARTS"),
        (package(provide("cid:a"), {"a" * 200: b""}), MTOM, 500, "MIME-HEADER-SIZE"),
    ],
)
@pytest.mark.parametrize("chunked", [False, True])
def test_each_limit_has_its_own_refusal(
    tmp_path: Path, octets: bytes, content_type: str, status: int, rule: str, chunked: bool
) -> None:
    server = Server(tmp_path, limits=SMALL)
    length = {"CONTENT_LENGTH": ""} if chunked else {}
    answer = server.call("repository", octets, content_type, **length)
    assert (answer.status, answer.rules) == (status, [rule])
    assert server.sink.left == []


class Endless(io.RawIOBase):
    """A client that never stops sending."""

    def __init__(self, head: bytes) -> None:
        self.sent = 0
        self._head = head

    def read(self, size: int = -1) -> bytes:
        piece, self._head = self._head[:size], self._head[size:]
        self.sent += size
        return piece or b"x" * size


def test_an_announced_length_is_refused_unread_and_an_endless_body_at_the_limit(tmp_path: Path) -> None:
    server = Server(tmp_path)
    stream = Endless(b"")
    answer = server.call("repository", b"", MTOM, stream=stream, CONTENT_LENGTH=str(113 * 1024**2))
    assert (answer.status, answer.rules, stream.sent) == (413, ["LIMIT-BODY"], 0)
    stream = Endless(b"--BOUNDARY\r\nContent-ID: <a>\r\n\r\n")
    answer = server.call("repository", b"", MTOM, stream=stream, CONTENT_LENGTH="")
    assert (answer.status, answer.rules) == (413, ["LIMIT-DOCUMENT"])
    assert stream.sent <= 101 * 1024**2
    assert server.sink.left == []


class Slow:
    """A client that takes `seconds` for each piece; the clock is the server's."""

    def __init__(self, octets: bytes, seconds: float) -> None:
        self.now = 0.0
        self._octets = iter(octets[i : i + 50] for i in range(0, len(octets), 50))
        self._seconds = seconds

    def read(self, _size: int) -> bytes:
        self.now += self._seconds
        return next(self._octets, b"")


def test_a_slow_request_is_stopped(tmp_path: Path) -> None:
    server = Server(tmp_path, limits=Limits(reading_seconds=10))
    octets = package(provide(HREF), {ID: b"x" * 2000})
    for seconds, status in ((0.01, 200), (1, 408)):
        slow = Slow(octets, seconds)
        server.app.app.in_protocol._wire._clock = lambda slow=slow: slow.now
        answer = server.call("repository", octets, MTOM, stream=slow)
        assert answer.status == status
    assert answer.rules == ["LIMIT-TIME"]
    assert server.sink.left == []


def test_a_broken_connection_leaves_nothing(server: Server) -> None:
    class Broken(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            if self.tell() > 500:
                raise ConnectionResetError("by peer")
            return super().read(300)

    octets = package(provide(HREF), {ID: b"x" * 2000})
    answer = server.call("repository", octets, MTOM, stream=Broken(octets))
    assert (answer.status, answer.rules) == (400, ["HTTP-LENGTH"])
    assert server.sink.left == []


def test_a_full_disk_is_a_defect_of_ours_and_leaves_nothing(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    original = FolderSink.writer

    def writer(self: FolderSink) -> object:
        made = original(self)
        made._file.close()  # writing raises
        return made

    monkeypatch.setattr(FolderSink, "writer", writer)
    answer = server.call("repository", package(provide(HREF), {ID: b"x" * 2000}), MTOM)
    assert (answer.status, answer.codes) == (500, [f"{{{SOAP}}}Receiver"])
    assert server.sink.left == []


# Memory

MB = 1024 * 1024


class Blocks:
    """A long body, made while it is read."""

    def __init__(self, head: bytes, size: int, tail: bytes) -> None:
        self._pieces: Iterator[bytes] = iter([head, *([b"\r\n-x" * (MB // 4)] * size), tail])
        self._left = b""
        self.length = len(head) + size * MB + len(tail)

    def read(self, size: int) -> bytes:
        self._left = self._left or next(self._pieces, b"")
        piece, self._left = self._left[:size], self._left[size:]
        return piece


class Zeros:
    """A stored document of `size` octets that takes no room."""

    sha1 = sha256 = ""

    def __init__(self, size: int) -> None:
        self.size = size

    def read(self) -> bytes:
        return bytes(self.size)

    def open(self) -> io.BytesIO:
        document = self

        class Reader(io.BytesIO):
            left = document.size

            def read(self, size: int | None = -1) -> bytes:
                size = min(size or 0, self.left)
                self.left -= size
                return bytes(size)

        return Reader()


def test_documents_of_any_size_take_the_same_memory(server: Server) -> None:
    server.dispatch = lambda r: SoapReply(etree.Element("ok"), {"a": Zeros(64 * MB)})
    mark = package(provide("cid:a"), {"a": b"CONTENT"})
    head, tail = mark.split(b"CONTENT")
    stream = Blocks(head, 64, tail)
    environ = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": "/si-dmp-server/v2/services/repository",
        "CONTENT_TYPE": MTOM,
        "CONTENT_LENGTH": str(stream.length),
        "wsgi.input": stream,
        "wsgi.url_scheme": "https",
    }
    tracemalloc.start()
    try:
        answer = server.app(environ, lambda status, headers, exc=None: None)
        sent = sum(len(piece) for piece in answer)
        answer.close()  # type: ignore[attr-defined]
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert server.observed[0].status == 200
    assert sent > 64 * MB
    assert peak < 8 * MB


def test_nothing_of_a_call_waits_for_the_garbage_collector(server: Server) -> None:
    octets = package(provide(HREF), {ID: b"one"})
    server.call("repository", octets, MTOM)
    server.requests.clear()
    gc.collect()
    gc.disable()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        for _ in range(5):
            server.call("repository", octets, MTOM)
            server.call("repository", b"<not SOAP/>")
            server.requests.clear()
        gc.collect()
        kept = {type(o).__module__ + "." + type(o).__qualname__ for o in gc.garbage}
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()
    assert not {name for name in kept if name.startswith(("spyne", "dmpws", "lxml"))}


def test_an_answer_that_is_not_read_to_its_end_is_closed(server: Server) -> None:
    opened: list[io.BytesIO] = []

    class Watched(Zeros):
        def open(self) -> io.BytesIO:
            opened.append(super().open())
            return opened[-1]

    server.dispatch = lambda r: SoapReply(etree.Element("ok"), {"a": Watched(10 * MB)})
    octets = package(provide())
    environ = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": "/si-dmp-server/v2/services/repository",
        "CONTENT_TYPE": MTOM,
        "CONTENT_LENGTH": str(len(octets)),
        "wsgi.input": io.BytesIO(octets),
        "wsgi.url_scheme": "https",
    }
    answer = server.app(environ, lambda status, headers, exc=None: None)
    chunks = iter(answer)
    for _ in range(4):
        next(chunks)
    answer.close()  # type: ignore[attr-defined]
    answer.close()  # type: ignore[attr-defined]
    assert opened[0].closed
    assert len(server.observed) == 1


# The official sample


def test_the_official_td21_sample_is_taken_apart(server: Server, reference: Path) -> None:
    octets = (reference / "frames/td2.1-request.mime").read_bytes()
    content_type = (
        'multipart/related; type="application/xop+xml"; start="<rootpart@soapui.org>"; '
        'start-info="application/soap+xml"; boundary="----=_Part_9_20030738.1554380517598"; '
        f'action="{PROVIDE.action}"'
    )
    seen: dict[str, bytes] = {}
    server.dispatch = lambda r: seen.update({k: o.read() for k, o in r.parts.items()}) or SoapReply(etree.Element("ok"))
    answer = server.call("repository", octets, content_type)
    assert (answer.status, answer.header("RelatesTo")) == (200, "urn:uuid:b3745a7c-4d1a-4cfd-a752-536197e4ac7a")
    assert sorted(seen) == ["WS_DMP_TD2.1-DocumentME2.xml", "WS_DMP_TD2.1-SignatureXades.xml"]
    for content in seen.values():
        assert etree.fromstring(content) is not None
    (assertion,) = server.requests[0].assertions
    assert etree.fromstring(assertion).get("ID") == "_ce088e5a-e31d-42d0-ba37-fda5fcbc889d"


@pytest.mark.parametrize("frame", ["td0.2-request.xml"])
def test_the_official_requests_reach_the_dispatch(server: Server, reference: Path, frame: str) -> None:
    octets = (reference / "frames" / frame).read_bytes()
    assert server.call("patients", octets).status == 200
    assert len(server.requests[0].assertions) == 1
