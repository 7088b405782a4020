"""A server in process: operations like the DMP's, a dispatch that records, a sink on disk that shows what is left."""

import hashlib
import io
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

from lxml import etree

from dmpws.domain.octets import Octets
from dmpws.http.limits import Limits
from dmpws.http.wsgi import Observed, Options, build
from dmpws.soap.message import Operation, SoapReply, SoapRequest

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
BASE = "/si-dmp-server/v2/services"
SOAP = "http://www.w3.org/2003/05/soap-envelope"
WSA = "http://www.w3.org/2005/08/addressing"
FAULT = "urn:dmpws:fault"

EXISTENCE = Operation(
    "patients",
    "PRPA_IN201307UV02",
    "{urn:hl7-org:v3}PRPA_IN201307UV02",
    "urn:hl7-org:v3:PRPA_IN201307UV02",
    "urn:hl7-org:v3:PRPA_IN201308UV02",
    action_variants=("urn:hl7-org:v3:PRPA_IN201308UV02",),
)
QUERY = Operation(
    "registry",
    "RegistryStoredQuery",
    "{urn:oasis:names:tc:ebxml-regrep:xsd:query:3.0}AdhocQueryRequest",
    "urn:ihe:iti:2007:RegistryStoredQuery",
    "urn:ihe:iti:2007:RegistryStoredQueryResponse",
)
REGISTER = Operation("registry", "Register", "{urn:lcm}SubmitObjectsRequest", "urn:register", "urn:registerResponse")
UPDATE = Operation("registry", "Update", "{urn:lcm}SubmitObjectsRequest", "urn:update", "urn:updateResponse")
PROVIDE = Operation(
    "repository",
    "ProvideAndRegisterDocumentSet-b",
    "{urn:ihe:iti:xds-b:2007}ProvideAndRegisterDocumentSetRequest",
    "urn:ihe:iti:2007:ProvideAndRegisterDocumentSet-b",
    "urn:ihe:iti:2007:ProvideAndRegisterDocumentSet-bResponse",
    aliases=("repositoryCPE",),
    mtom_request=True,
    mtom_answer=True,
)
RETRIEVE = Operation(
    "repository",
    "RetrieveDocumentSet",
    "{urn:ihe:iti:xds-b:2007}RetrieveDocumentSetRequest",
    "urn:ihe:iti:2007:RetrieveDocumentSet",
    "urn:ihe:iti:2007:RetrieveDocumentSetResponse",
    mtom_answer=True,
)
OPERATIONS = (EXISTENCE, QUERY, REGISTER, UPDATE, PROVIDE, RETRIEVE)


@dataclass(frozen=True)
class FileOctets:
    """Octets in a file."""

    path: Path
    size: int
    sha1: str
    sha256: str

    @contextmanager
    def open(self) -> Iterator[BinaryIO]:
        with self.path.open("rb") as file:
            yield file

    def read(self) -> bytes:
        return self.path.read_bytes()


class _Writer:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.open("wb")
        self._size = 0
        self._sha1, self._sha256 = hashlib.sha1(usedforsecurity=False), hashlib.sha256()

    def write(self, chunk: bytes | memoryview) -> None:
        self._file.write(chunk)
        self._size += len(chunk)
        self._sha1.update(chunk)
        self._sha256.update(chunk)

    def close(self) -> Octets:
        self._file.close()
        return FileOctets(self._path, self._size, self._sha1.hexdigest(), self._sha256.hexdigest())

    def discard(self) -> None:
        self._file.close()
        self._path.unlink(missing_ok=True)


class FolderSink:
    """Keeps parts as files of a folder; what is not discarded is still there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = threading.Lock()
        self._count = 0

    def writer(self) -> _Writer:
        with self._lock:
            self._count += 1
            return _Writer(self.folder / f"part-{self._count}")

    @property
    def left(self) -> list[str]:
        return sorted(p.name for p in self.folder.iterdir())


class FakeContracts:
    """Contracts that show what they were asked."""

    services: Collection[str] = ("patients", "registry", "repository", "repositoryCPE", "patientCertif")

    def wsdl(self, service: str, base_url: str) -> bytes:
        return f"<wsdl address='{base_url}/{service}'/>".encode()

    def xsd(self, path: str, base_url: str) -> bytes:
        return {"soap.xsd": b"<xsd/>"}[path]


def answer_ok(request: SoapRequest) -> SoapReply:
    """The default dispatch: an empty element."""
    return SoapReply(etree.Element(f"{{urn:test}}{request.operation.name}Answer"))


@dataclass
class Response:
    """An answer, taken apart."""

    status: int
    headers: Mapping[str, str]
    octets: bytes

    @property
    def root(self) -> etree._Element:
        octets = self.octets
        if self.headers["content-type"].startswith("multipart/"):
            octets = octets.split(b"\r\n\r\n", 1)[1].split(b"\r\n--uuid:", 1)[0]
        return etree.fromstring(octets)

    @property
    def body(self) -> etree._Element:
        return self.root.find(f"{{{SOAP}}}Body")[0]  # type: ignore[index]

    def header(self, name: str) -> str | None:
        return self.root.findtext(f"{{{SOAP}}}Header/{{{WSA}}}{name}")

    @property
    def codes(self) -> list[str]:
        """Code and subcodes of a fault, as resolved QNames (`{namespace}local`)."""
        values = self.body.iter(f"{{{SOAP}}}Value")
        return [f"{{{v.nsmap[v.text.partition(':')[0]]}}}{v.text.partition(':')[2]}" for v in values]  # type: ignore

    @property
    def reason(self) -> str:
        return self.body.findtext(f"{{{SOAP}}}Reason/{{{SOAP}}}Text") or ""

    @property
    def rules(self) -> list[str]:
        """Identifiers of the rules that the fault's detail names."""
        return [check.get("rule", "") for check in self.body.iter(f"{{{FAULT}}}check")]


@dataclass
class Server:
    """The application under test."""

    folder: Path
    limits: Limits = field(default_factory=Limits)
    options: Options = field(default_factory=Options)
    dispatch: Callable[[SoapRequest], SoapReply] = answer_ok
    tls: Callable[[Mapping[str, Any]], Any] | None = None

    def __post_init__(self) -> None:
        self.sink = FolderSink(self.folder)
        self.requests: list[SoapRequest] = []
        self.observed: list[Observed] = []
        extra = {} if self.tls is None else {"tls": self.tls}
        self.app = build(
            OPERATIONS,
            self._dispatch,
            contracts=FakeContracts(),
            sink=self.sink,
            limits=self.limits,
            options=self.options,
            observers=[self.observed.append],
            clock=lambda: NOW,
            **extra,
        )

    def _dispatch(self, request: SoapRequest) -> SoapReply:
        self.requests.append(request)
        return self.dispatch(request)

    def call(
        self,
        service: str,
        body: bytes = b"",
        content_type: str | None = "application/soap+xml; charset=UTF-8",
        *,
        method: str = "POST",
        query: str = "",
        stream: Any = None,
        **environ: Any,
    ) -> Response:
        started: list[tuple[str, list[tuple[str, str]]]] = []
        env = {
            "REQUEST_METHOD": method,
            "SCRIPT_NAME": "",
            "PATH_INFO": service if service.startswith("/") else f"{BASE}/{service}",
            "QUERY_STRING": query,
            "CONTENT_LENGTH": str(len(body)),
            "SERVER_NAME": "localhost",
            "SERVER_PORT": "8443",
            "HTTP_HOST": "dmp.example.org:8443",
            "REMOTE_ADDR": "127.0.0.1",
            "wsgi.url_scheme": "https",
            "wsgi.input": stream or io.BytesIO(body),
            **environ,
        }
        if content_type is not None:
            env["CONTENT_TYPE"] = content_type
        chunks = self.app(env, lambda status, headers, exc=None: started.append((status, headers)))
        try:
            octets = b"".join(chunks)
        finally:
            chunks.close()  # type: ignore[attr-defined]
        (status, headers) = started[-1]
        names = [name.lower() for name, _ in headers]
        assert len(names) == len(set(names)), "a header is sent twice"
        response = Response(int(status[:3]), {k.lower(): v for k, v in headers}, octets)
        assert response.headers["content-length"] == str(len(octets))
        return response


def envelope(
    body: str, *headers: str, namespace: str = SOAP, action: str | None = None, message_id: str = "urn:uuid:1"
) -> bytes:
    """A request envelope in the manner of the official frames."""
    addressing = f'<MessageID xmlns="{WSA}">{message_id}</MessageID><To xmlns="{WSA}"/>' if message_id else ""
    if action is not None:
        addressing += f'<Action mustUnderstand="true" xmlns="{WSA}">{action}</Action>'
    return (
        f'<soap:Envelope xmlns:soap="{namespace}"><soap:Header>{addressing}{"".join(headers)}</soap:Header>'
        f"<soap:Body>{body}</soap:Body></soap:Envelope>"
    ).encode()


def element(operation: Operation, content: str = "") -> str:
    """The Body element of an operation."""
    name = etree.QName(operation.body)
    return f'<{name.localname} xmlns="{name.namespace}">{content}</{name.localname}>'


def request(operation: Operation, *headers: str, content: str = "") -> bytes:
    """A correct request."""
    return envelope(element(operation, content), *headers, action=operation.action)


XOP = "http://www.w3.org/2004/08/xop/include"


def include(href: str) -> str:
    return f'<Document id="d"><xop:Include xmlns:xop="{XOP}" href="{href}"/></Document>'


def package(
    root: bytes,
    parts: Mapping[str, bytes] | None = None,
    *,
    boundary: str = "BOUNDARY",
    newline: bytes = b"\r\n",
    encoding: str = "binary",
    root_last: bool = False,
) -> bytes:
    """A multipart body; the parts are given already encoded."""
    n = newline
    rendered = [_part("<root>", 'application/xop+xml; charset=UTF-8; type="application/soap+xml"', "8bit", root, n)]
    for content_id, content in (parts or {}).items():
        rendered.append(_part(f"<{content_id}>", "text/xml; charset=Cp1252", encoding, content, n))
    if root_last:
        rendered.append(rendered.pop(0))
    mark = b"--" + boundary.encode()
    return b"".join(mark + n + part + n for part in rendered) + mark + b"--" + n


def _part(content_id: str, content_type: str, encoding: str, content: bytes, n: bytes) -> bytes:
    head = f"Content-Type: {content_type}", f"Content-Transfer-Encoding: {encoding}", f"Content-ID: {content_id}"
    return n.join(h.encode() for h in head) + n + n + content


MTOM = (
    'multipart/related; boundary="BOUNDARY"; type="application/xop+xml"; start="<root>"; '
    'start-info="application/soap+xml"'
)
