"""A server of profile `ihe` in this process, and a plain XDS client: envelopes written by hand, as public tools do."""

import base64
import json
import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from xml.sax.saxutils import escape, unescape

from lxml import etree

from dmpws.app import build_app
from dmpws.cast import PATIENTS
from dmpws.client.envelope import body_of
from dmpws.client.received import ReceivedSink
from dmpws.client.transport import Answer, WsgiTransport
from dmpws.codec.ebxml import names
from dmpws.codec.ebxml.query_forms import FORMS
from dmpws.config import load
from dmpws.domain import oids
from dmpws.domain.octets import Octets
from dmpws.domain.patient import Ins
from dmpws.http import SERVICES_PATH as PATH
from dmpws.http.limits import Limits
from dmpws.http.media_type import parse_media_type
from dmpws.http.mtom import PackageReader
from dmpws.pki.demo import DemoPki
from dmpws.resources import folder
from dmpws.store import Store
from dmpws.transactions import load as load_transactions
from dmpws.transactions.registry import transaction
from dmpws.xml.names import RIM, RS, SOAP, WSA, WSSE

load_transactions()
EXAMPLES = folder("transactions")
AUTHORITY = "1.3.6.1.4.1.21367.2005.13.20.1000"


@dataclass(frozen=True)
class Received:
    """An answer: the child of its Body and its parts."""

    status: int
    content_type: str
    body: etree._Element
    parts: Mapping[str, Octets] = field(default_factory=dict)

    @property
    def outcome(self) -> str:
        """`Success`, `Failure`, `PartialSuccess`."""
        found = self.body if self.body.get("status") else next(self.body.iter(f"{{{RS}}}RegistryResponse"))
        return found.get("status", "").rpartition(":")[2]

    @property
    def errors(self) -> list[tuple[str, str]]:
        """errorCode and location of each RegistryError."""
        return [(e.get("errorCode", ""), e.get("location", "")) for e in self.body.iter(f"{{{RS}}}RegistryError")]

    @property
    def codes(self) -> list[str]:
        return [code for code, _ in self.errors]

    @property
    def contexts(self) -> str:
        return "\n".join(e.get("codeContext", "") for e in self.body.iter(f"{{{RS}}}RegistryError"))


MakeLab = Callable[..., "Lab"]
"""The fixture `make_lab`: a server with this affinity domain and these options."""


@dataclass
class Lab:
    """One server of profile `ihe` (or another) on a store, and the client with a card of the demo PKI."""

    store: Store
    pki: DemoPki
    now: datetime
    options: Mapping[str, Any] = field(default_factory=dict)
    card: str = "hopital"

    def __post_init__(self) -> None:
        given = {"profile": "ihe", "trust": str(self.pki.trust_folder), **self.options}
        self.app = build_app(load(given, environment={}), store=self.store, clock=lambda: self.now)

    def send(self, service: str, content_type: str, octets: bytes) -> Answer:
        """Post octets as they are."""
        transport = WsgiTransport(self.app, self.pki.card(self.card), PATH)
        return transport.post(service, content_type, [octets], len(octets))

    def soap(self, service: str, action: str, body: str, *, assertion: bytes = b"") -> Received:
        """A simple SOAP 1.2 request, as IHE clients send ITI-18."""
        content_type = f'application/soap+xml; charset=UTF-8; action="{action}"'
        return received(self.send(service, content_type, envelope(action, body, assertion)))

    def mtom(self, service: str, action: str, body: str, parts: Sequence[tuple[str, bytes]] = ()) -> Received:
        """An MTOM request; parts: Content-ID and octets."""
        content_type, octets = package(envelope(action, body), parts)
        return received(self.send(service, content_type, octets))

    def traces(self) -> list[Any]:

        with self.store.read() as work:
            return [json.loads(row.content) for row in work.traces.rows()]


def envelope(action: str, body: str, assertion: bytes = b"") -> bytes:
    """The envelope of the IHE examples: addressing with mustUnderstand, WS-Security only when there is an assertion."""
    security = b'<wsse:Security xmlns:wsse="%s">%s</wsse:Security>' % (WSSE.encode(), assertion) if assertion else b""
    head = (
        f'<s:Envelope xmlns:s="{SOAP}" xmlns:a="{WSA}"><s:Header>'
        f'<a:Action s:mustUnderstand="1">{action}</a:Action><a:MessageID>urn:uuid:{uuid.uuid4()}</a:MessageID>'
        f'<a:ReplyTo><a:Address>{WSA}/anonymous</a:Address></a:ReplyTo><a:To s:mustUnderstand="1">https://h/x</a:To>'
    )
    return head.encode() + security + f"</s:Header><s:Body>{body}</s:Body></s:Envelope>".encode()


def package(root: bytes, parts: Sequence[tuple[str, bytes]]) -> tuple[str, bytes]:
    """Content-Type and octets of a multipart message, as Axis2 writes it."""
    boundary = "MIMEBoundaryurn_uuid_A1B2C3"
    pieces = [
        b'Content-Type: application/xop+xml; charset=UTF-8; type="application/soap+xml"\r\n'
        b"Content-Transfer-Encoding: binary\r\nContent-ID: <0.urn:uuid:root@apache.org>\r\n\r\n" + root
    ]
    head = "Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: binary\r\nContent-ID: <{}>\r\n\r\n"
    pieces += [head.format(cid).encode() + octets for cid, octets in parts]
    body = b"".join(b"--" + boundary.encode() + b"\r\n" + piece + b"\r\n" for piece in pieces)
    content_type = (
        f'multipart/related; boundary={boundary}; type="application/xop+xml"; '
        'start="<0.urn:uuid:root@apache.org>"; start-info="application/soap+xml"'
    )
    return content_type, body + b"--" + boundary.encode() + b"--\r\n"


def received(answer: Answer) -> Received:
    """Take an answer apart. Raises ServerFault for a fault."""
    media_type = parse_media_type(answer.content_type)
    octets = answer.stream.read()
    if media_type.name != "multipart/related":
        return Received(answer.status, answer.content_type, body_of(octets))
    reader = PackageReader(media_type, ReceivedSink(), Limits())
    reader.feed(octets)
    taken = reader.finish()
    return Received(answer.status, answer.content_type, body_of(taken.envelope), taken.parts)


def message(transaction: str, name: str = "request", **values: str) -> str:
    """A frame of transactions/, its placeholders filled; those without a value are fresh identifiers."""
    return fill((EXAMPLES / transaction / f"{name}.xml").read_text("utf-8"), values)


def fill(text: str, values: Mapping[str, str]) -> str:
    """Give each placeholder its value, the same everywhere; one without is a fresh OID, or UUID when it says so."""
    given = dict(values)

    def value(match: re.Match[str]) -> str:
        name = match[1]
        if name not in given:
            given[name] = f"urn:uuid:{uuid.uuid4()}" if name.startswith("uuid") else f"2.25.{uuid.uuid4().int}"
        return given[name]

    return re.sub(r"\{\{(\w+)\}\}", value, text)


def changed(text: str, *changes: tuple[str, str]) -> str:
    """A text with the first occurrence of each `old` replaced by `new`."""
    for old, new in changes:
        assert old in text, f"nothing to change: {old!r}"
        text = text.replace(old, new, 1)
    return text


IHE = "urn:ihe:iti:2007"
STATUS = "urn:oasis:names:tc:ebxml-regrep:StatusType"
HAS_MEMBER = "urn:oasis:names:tc:ebxml-regrep:AssociationType:HasMember"


@dataclass
class Submission:
    """The submission of transactions/ITI-41, changed: one document, unless the changes bring others."""

    patient: str
    changes: Sequence[tuple[str, str]] = ()
    octets: bytes = b"History and physical"
    document: str = ""
    set: str = ""

    def __post_init__(self) -> None:
        self.document = self.document or f"2.25.{uuid.uuid4().int}"
        self.set = self.set or f"2.25.{uuid.uuid4().int}"

    @property
    def provided(self) -> str:
        """The body of ITI-41."""
        text = changed((EXAMPLES / "ITI-41" / "request.xml").read_text("utf-8"), *self.changes)
        return fill(text, {"patient": self.patient, "document": self.document, "set": self.set})

    @property
    def inline(self) -> str:
        """The same, with the document as base64."""
        return re.sub("<xop:Include[^>]*/>", base64.b64encode(self.octets).decode(), self.provided)


def play(lab: Lab, code: str, body: str, octets: bytes = b"") -> Received:
    """Send the body of a transaction as its clients do; octets: of the document of ITI-41."""
    operation = transaction(code).operation
    assert operation is not None
    if not operation.mtom_answer:
        return lab.soap(operation.service, operation.action, body)
    parts = [("1.urn:uuid:doc@apache.org", octets)] if "cid:1.urn" in body else []
    return lab.mtom(operation.service, operation.action, body, parts)


def provide(lab: Lab, submission: Submission) -> Received:
    """ITI-41 in MTOM."""
    return play(lab, "ITI-41", submission.provided, submission.octets)


def register(lab: Lab, patient: str, *changes: tuple[str, str], **values: str) -> Received:
    """ITI-42."""
    text = changed((EXAMPLES / "ITI-42" / "request.xml").read_text("utf-8"), *changes)
    return play(lab, "ITI-42", fill(text, {**MEASURED, "patient": patient, **values}))


MEASURED = {"hash": "ab" * 20, "size": "1234", "repository": "1.3.6.1.4.1.21367.9"}


def query(lab: Lab, name: str, returns: str = "LeafClass", **parameters: str | Sequence[str]) -> Received:
    """ITI-18; parameters: name without `$`, and values in their coding, or one of several Slots."""
    slots = ""
    for parameter, values in parameters.items():
        for value in [values] if isinstance(values, str) else values:
            slots += f'<Slot name="${parameter}"><ValueList><Value>{escape(value)}</Value></ValueList></Slot>'
    text = message("ITI-18", query=QUERIES[name]).replace("<!-- parameters -->", slots)
    return play(lab, "ITI-18", text.replace("LeafClass", returns))


def find_documents(
    lab: Lab, patient: str, status: str = "Approved", returns: str = "LeafClass", **more: str
) -> Received:
    """FindDocuments of a patient, a CX as it stands in XML."""
    given = {"XDSDocumentEntryPatientId": f"'{unescape(patient)}'", "XDSDocumentEntryStatus": f"('{STATUS}:{status}')"}
    return query(lab, "FindDocuments", returns, **given, **more)


def retrieve(lab: Lab, *unique_ids: str, repository: str = oids.REPOSITORY) -> Received:
    """ITI-43."""
    asked = "".join(
        f"<DocumentRequest><RepositoryUniqueId>{repository}</RepositoryUniqueId>"
        f"<DocumentUniqueId>{unique_id}</DocumentUniqueId></DocumentRequest>"
        for unique_id in unique_ids
    )
    body = f'<RetrieveDocumentSetRequest xmlns="urn:ihe:iti:xds-b:2007">{asked}</RetrieveDocumentSetRequest>'
    return play(lab, "ITI-43", body)


QUERIES = {form.name: uuid for uuid, form in FORMS.items()}


def new_patient(lab: Lab, authority: str = AUTHORITY) -> str:
    """Make a patient known as the feed would, and return his CX as it stands in XML."""
    value = f"P{uuid.uuid4().int % 10**12}"
    person = PATIENTS["pat-trois"]
    with lab.store.write() as work:
        identifiers = [Ins(value, authority)]
        work.patients.create(
            identifiers, person.traits, now=lab.now, opposes_bris_de_glace=False, opposes_centre_15=False
        )
    return f"{value}^^^&amp;{authority}&amp;ISO"


def entries(answer: Received) -> list[etree._Element]:
    """The ExtrinsicObjects of an answer."""
    return list(answer.body.iter(f"{{{RIM}}}ExtrinsicObject"))


def unique_id(entry: etree._Element) -> str:
    """uniqueId of an entry, set or folder."""
    found = next(i for i in entry.iter(f"{{{RIM}}}ExternalIdentifier") if i.get("identificationScheme") in UNIQUE_IDS)
    return found.get("value", "")


UNIQUE_IDS = {names.UNIQUE_ID, names.SET_UNIQUE_ID, names.FOLDER_UNIQUE_ID}


def uuid_of(lab: Lab, document: str, level: str = "2") -> str:
    """entryUUID of the only entry of a document; level 1: of the latest version."""
    asked = {"XDSDocumentEntryUniqueId": f"('{document}')", "MetadataLevel": level}
    found = query(lab, "GetDocuments", "ObjectRef", **asked)
    [reference] = found.body.iter(f"{{{RIM}}}ObjectRef")
    return reference.get("id", "")


def association(kind: str, source: str, target: str, name: str = "as09", **slots: str) -> str:
    """An Association of a submission."""
    inside = "".join(
        f'<rim:Slot name="{slot}"><rim:ValueList><rim:Value>{value}</rim:Value></rim:ValueList></rim:Slot>'
        for slot, value in slots.items()
    )
    return (
        f'<rim:Association associationType="{kind}" sourceObject="{source}" targetObject="{target}" id="{name}">'
        f"{inside}</rim:Association>"
    )


def relation(kind: str, target: str) -> tuple[str, str]:
    """The change that relates the document of a submission to another."""
    return ("<!-- more -->", association(f"{IHE}:AssociationType:{kind}", "Document01", target))
