"""The range: good messages to bend, a server to send them to, and what must be true of every refusal."""

import base64
import hashlib
import io
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree
from sqlalchemy import func, select

import dmpws
from dmpws import cast
from dmpws.client import Attachment, ClinicalDocument, Deposit, Lot, LpsSession
from dmpws.client.actor import Actor
from dmpws.client.cda import CONSULTATION_REPORT
from dmpws.client.scenario import HOSPITAL_DOCTOR
from dmpws.client.transport import Answer
from dmpws.client.verdict import verdict
from dmpws.domain.errors import Carrier
from dmpws.signature.canonical import canonical
from dmpws.store.tables import metadata
from dmpws.testing.local import PATH, LocalApp
from dmpws.testing.stage import body_child
from dmpws.vihf.issue import make
from dmpws.xml.names import DS, SAML, SOAP, XADES

NS = {"soap": SOAP, "saml": SAML, "ds": DS, "xades": XADES}
FAULT, REGISTRY, ACK, STATUS = Carrier.FAULT, Carrier.REGISTRY, Carrier.ACKNOWLEDGEMENT, Carrier.STATUS

TARGET = cast.PATIENTS["pat-trois"]
"""The patient of every good message."""
OTHER = cast.PATIENTS["nessi"]
"""Somebody else, whose record the attacker wants."""

CANARY = "canari-8d1f60"
"""Content of the file that external entities try to read."""

Bend = Callable[[etree._Element], object]


@dataclass(frozen=True)
class Message:
    """One HTTP request. certificate: DER shown in the TLS connection, instead of the card's. environ: WSGI
    variables that differ."""

    service: str
    content_type: str
    octets: bytes
    card: str = "medecin-libre"
    certificate: bytes | None = None
    environ: Mapping[str, Any] = field(default_factory=dict)

    def bent(self, old: bytes | str, new: bytes | str) -> "Message":
        """The message with the first occurrence of `old`, which must be there, replaced."""
        before, after = (text.encode() if isinstance(text, str) else text for text in (old, new))
        assert before in self.octets, before
        return replace(self, octets=self.octets.replace(before, after, 1))

    def encoded(self, encoding: str, declared: str = "") -> "Message":
        """The envelope in another encoding. declared: what its XML declaration says, when not the truth."""
        text = self.octets.decode().partition("?>")[2]
        said = f'<?xml version="1.0" encoding="{declared or encoding}"?>{text}'
        return replace(self, octets=said.encode(encoding))

    def with_security(self, *content: bytes) -> "Message":
        """The message with other content in its security header."""
        return self._with(rb"(<wsse:Security [^>]*>).*(</wsse:Security>)", b"".join(content))

    def with_body(self, content: bytes) -> "Message":
        """The message with another content of its Body."""
        return self._with(rb"(<soap:Body>).*(</soap:Body>)", content)

    def _with(self, pattern: bytes, content: bytes) -> "Message":
        octets, count = re.subn(pattern, lambda m: m[1] + content + m[2], self.octets, flags=re.DOTALL)
        assert count == 1
        return replace(self, octets=octets)

    def with_environ(self, **environ: Any) -> "Message":
        return replace(self, environ={**self.environ, **environ})


@dataclass(frozen=True)
class Reply:
    """An answer, taken apart. rules: identifiers of the broken rules it names, in order."""

    status: int
    headers: Mapping[str, str]
    octets: bytes
    body: etree._Element

    @property
    def verdict(self) -> tuple[str, str]:
        """Carrier and code."""
        return verdict(self.body)

    @property
    def text(self) -> str:
        values = [v for e in self.body.iter("*") for v in (e.text, *map(str, e.attrib.values())) if v]
        return "\n".join(values)

    @property
    def rules(self) -> list[str]:
        return list(dict.fromkeys(re.findall(r"\[([A-Z0-9-]+), [^\]]+\]$", self.text, re.MULTILINE)))


@dataclass
class Range:
    """A server in this process, and what it holds. sent: how many calls were made."""

    app: LocalApp
    folder: Path
    sent: int = 0

    def send(self, message: Message) -> Reply:
        status, headers, octets = self.exchange(message)
        return Reply(status, headers, octets, body_child(_envelope_of(headers, octets)))

    def exchange(self, message: Message) -> tuple[int, Mapping[str, str], bytes]:
        """Send a message; returns status, headers and body of whatever comes back."""
        started: list[tuple[str, list[tuple[str, str]]]] = []
        card = self.app.pki.card(message.card)
        certificate = message.certificate or card.auth_certificate.public_bytes(Encoding.DER)
        environ = {
            "REQUEST_METHOD": "POST",
            "SCRIPT_NAME": "",
            "PATH_INFO": f"{PATH}/{message.service}",
            "QUERY_STRING": "",
            "CONTENT_TYPE": message.content_type,
            "CONTENT_LENGTH": str(len(message.octets)),
            "SERVER_NAME": "localhost",
            "SERVER_PORT": "8443",
            "REMOTE_ADDR": "192.0.2.66",
            "wsgi.url_scheme": "https",
            "wsgi.input": io.BytesIO(message.octets),
            "gunicorn.socket": _Connection(certificate),
            **message.environ,
        }
        self.sent += 1
        chunks = self.app(environ, lambda status, headers, exc=None: started.append((status, headers)))
        try:
            octets = b"".join(chunks)
        finally:
            chunks.close()  # type: ignore[attr-defined]
        [(status, fields)] = started
        return int(status[:3]), {name.lower(): value for name, value in fields}, octets

    def accepted(self, message: Message, code: str) -> Reply:
        """Send a message that must be taken."""
        reply = self.send(message)
        assert reply.verdict[1] == code, reply.text
        return reply

    def refused(self, message: Message, code: str, rule: str = "", *, carrier: str = FAULT, status: int = 0) -> Reply:
        """Send a message that must be refused with this code, for this rule, and leave nothing but its trace."""
        before, traces = self.contents(), self.app.traces()
        reply = self.send(message)
        assert reply.verdict == (carrier, code), reply.text
        assert not rule or reply.rules[:1] == [rule], reply.rules
        assert reply.status == (status or (500 if carrier == FAULT else 200))
        discreet(reply, message, self.folder)
        assert self.contents() == before
        *earlier, trace = self.app.traces()
        assert earlier == traces
        assert (trace["outcome"], trace["code"], trace["peer"]) == ("refused", code, "192.0.2.66")
        assert trace["correlation_id"] == reply.headers["x-correlation-id"]
        return reply

    def contents(self) -> Mapping[str, object]:
        """How many rows each table has, traces apart, and the files of the document storage."""
        counts: dict[str, object] = {}
        for table in metadata.sorted_tables:
            if not table.name.startswith("trace"):
                [row] = self.app.store.database.rows(select(func.count()).select_from(table))
                counts[table.name] = row[0]
        counts["files"] = sorted(p.name for p in self.folder.rglob("*") if p.is_file())
        return counts


@dataclass(frozen=True)
class _Connection:
    certificate: bytes

    def getpeercert(self, binary_form: bool = False) -> bytes:
        return self.certificate


def _envelope_of(headers: Mapping[str, str], octets: bytes) -> bytes:
    content_type = headers["content-type"]
    assert int(headers["content-length"]) == len(octets)
    if content_type.startswith("multipart/related"):
        return _root_of(octets)
    assert content_type.startswith("application/soap+xml")
    return octets


def _root_of(package: bytes) -> bytes:
    """The first part of a multipart body."""
    return package.split(b"\r\n\r\n", 1)[1].split(b"\r\n--", 1)[0]


# Words that only the inside of the server would say.
_INSIDE = (
    *("Traceback", 'File "', "site-packages", "sqlite3", "sqlalchemy", "psycopg", "lxml.", "signxml", "spyne"),
    *("SELECT ", "INSERT ", "UPDATE ", "0x7f", "-----BEGIN", CANARY, "root:x:0:"),
)


def discreet(reply: Reply, message: Message, folder: Path) -> None:
    """Nothing of the inside, no path of this machine, no patient whom the message does not name."""
    text, said = reply.octets.decode("utf-8", "replace"), message.octets.decode("utf-8", "replace")
    paths = (str(folder), str(Path(dmpws.__file__).parent), sys.prefix, str(Path.home()) + "/")
    shown = [word for word in (*_INSIDE, *paths) if word in text and word not in said]
    for patient in cast.PATIENTS.values():
        name = patient.traits.name
        personal = (patient.ins.value, f">{name.birth}<", f'"{name.birth}"')
        shown += [word for word in personal if word in text and patient.ins.value not in said]
    assert shown == []


# Good messages


class _Sent(Exception):
    """There is nobody at the other end."""


class _Wire:
    """Keeps what the client kit sends."""

    url = f"https://localhost{PATH}"

    def __init__(self) -> None:
        self.sent: list[tuple[str, str, bytes]] = []

    def post(self, service: str, content_type: str, content: Iterable[bytes], length: int) -> Answer:
        self.sent.append((service, content_type, b"".join(content)))
        raise _Sent

    def close(self) -> None:
        """Nothing to close."""


class Forge:
    """Makes good messages in the name of one card, for attackers to bend."""

    def __init__(self, app: LocalApp, card: str = "medecin-libre", actor: Actor | None = None) -> None:
        self.app = app
        self.name = card
        self.session: LpsSession = app.session(card, actor)
        self.card = self.session.card

    def token(self, **changes: Any) -> bytes:
        """A signed VIHF on the target. changes: fields of TokenRequest."""
        request = replace(self.session.token_request(TARGET.ins), **changes)
        return make(request, card=self.card, now=self.app.now)

    def existence(self, *security: bytes, patient: cast.CastPatient = TARGET) -> Message:
        """TD0.2. security: content of the security header, instead of a good token."""
        return self._sent(lambda lps: lps.test_existence(patient.ins), security)

    def search(self, *security: bytes, patient: cast.CastPatient = TARGET, **slots: Sequence[str]) -> Message:
        """TD3.1, FindDocuments. slots: further parameters of the query, by name without dollar."""
        parameters = {f"${name}": values for name, values in slots.items()}
        return self._sent(lambda lps: lps.find_documents(patient.ins, parameters=parameters), security)

    def retrieval(self, *unique_ids: str) -> Message:
        """TD3.2."""
        return self._sent(lambda lps: lps.retrieve(TARGET.ins, unique_ids), ())

    def _sent(self, call: Callable[[LpsSession], object], security: Sequence[bytes]) -> Message:
        """What the client kit sends for a call."""
        wire = _Wire()
        session = LpsSession(self.card, transport=wire, actor=self.session.actor, clock=self.app.clock)
        try:
            call(session)
        except _Sent:
            pass
        service, content_type, octets = wire.sent[0]
        message = Message(service, content_type, octets, self.name)
        return message.with_security(*security) if security else message

    def lot(self, *documents: bytes | ClinicalDocument) -> Lot:
        """A signed lot of one CDA document, or of these."""
        return self.session.build_lot(TARGET.ins, [Deposit(d) for d in documents or [self.document()]])

    def document(self, *, title: str = "Compte rendu") -> ClinicalDocument:
        now = self.app.now
        body = Attachment("text/plain", b"Toux.")
        return ClinicalDocument(
            TARGET.ins, TARGET.traits, self.session.actor, CONSULTATION_REPORT, title, body, now, now, now
        )

    def deposit(self, lot: Lot | None = None, *security: bytes, **packing: Any) -> Message:
        """TD2.1. packing: see `package`."""
        lot = lot or self.lot()
        sent = self._sent(lambda lps: lps.send_lot(TARGET.ins, lot), ())
        simple = replace(sent, octets=_root_of(sent.octets))
        simple = simple.with_security(*security) if security else simple
        parts = [Part(name, octets.read()) for name, octets in lot.attachments.items()]
        return package(simple, parts, **packing)


def hospital(app: LocalApp) -> Forge:
    """A hospital, whose card speaks for whoever works there."""
    return Forge(app, "hopital", HOSPITAL_DOCTOR)


def with_signature(lot: Lot, octets: bytes) -> Lot:
    """The lot with another signature document."""
    return lot.with_document(len(lot.attachments) - 1, octets)


def signature_of(lot: Lot) -> etree._Element:
    """The signature document of a lot, parsed."""
    *_, octets = lot.attachments.values()
    return etree.fromstring(octets.read())


# MIME


@dataclass(frozen=True)
class Part:
    """A part other than the root. headers: lines besides Content-ID, without line end."""

    content_id: str
    octets: bytes
    headers: tuple[str, ...] = ("Content-Type: application/octet-stream", "Content-Transfer-Encoding: binary")

    def rendered(self) -> bytes:
        lines = [*self.headers, *([f"Content-ID: <{self.content_id}>"] if self.content_id else [])]
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + self.octets


ROOT_HEADERS = (
    'Content-Type: application/xop+xml; charset=UTF-8; type="application/soap+xml"',
    "Content-Transfer-Encoding: binary",
)


def package(
    simple: Message,
    parts: Sequence[Part],
    *,
    start: str = "<root@test>",
    root: tuple[str, ...] = ROOT_HEADERS,
    parameters: str = 'type="application/xop+xml"; start-info="application/soap+xml"',
) -> Message:
    """Put a simple message and parts in a multipart one. start: parameter of that name; root: headers of the root."""
    every = [Part("root@test", simple.octets, root), *parts]
    mark = b"--frontiere\r\n"
    octets = b"".join(mark + part.rendered() + b"\r\n" for part in every) + b"--frontiere--\r\n"
    content_type = f'multipart/related; boundary="frontiere"; {parameters}; start="{start}"'
    return replace(simple, content_type=content_type, octets=octets)


# Signatures


def octets_of(element: etree._Element) -> bytes:
    return etree.tostring(element, with_tail=False)


def find(root: etree._Element, path: str) -> etree._Element:
    found = root.find(path, NS)
    assert found is not None, path
    return found


def exclusive(element: etree._Element) -> bytes:
    copy = etree.fromstring(octets_of(element))
    return etree.tostring(copy, method="c14n", exclusive=True, with_comments=False)


def seal_token(root: etree._Element, key: RSAPrivateKey) -> bytes:
    """Sign an assertion again as its own signer would, whatever the form of its signature says."""
    signature = find(root, "ds:Signature")
    bare = etree.fromstring(octets_of(root))
    bare.remove(find(bare, "ds:Signature"))
    _write_digest(find(signature, "ds:SignedInfo/ds:Reference"), exclusive(bare))
    _write_value(signature, exclusive(find(signature, "ds:SignedInfo")), key)
    return octets_of(root)


def seal_lot(root: etree._Element, key: RSAPrivateKey) -> bytes:
    """Sign the references of a lot signature again, as its own signer would."""
    for reference in root.iterfind("ds:SignedInfo/ds:Reference", NS):
        targets = root.xpath("//*[@Id=$id]", id=reference.get("URI", "").lstrip("#"))
        if targets:
            _write_digest(reference, canonical(targets[0]))
    _write_value(root, canonical(find(root, "ds:SignedInfo")), key)
    return octets_of(root)


def _write_digest(reference: etree._Element, octets: bytes) -> None:
    find(reference, "ds:DigestValue").text = base64.b64encode(hashlib.sha256(octets).digest()).decode()


def _write_value(signature: etree._Element, octets: bytes, key: RSAPrivateKey) -> None:
    value = key.sign(octets, PKCS1v15(), SHA256())
    find(signature, "ds:SignatureValue").text = base64.b64encode(value).decode()
