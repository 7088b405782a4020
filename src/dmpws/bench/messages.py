"""The messages of the bench, made before the clock starts: signing them costs more than serving them."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from lxml import etree

from dmpws import cast
from dmpws.client import Attachment, ClinicalDocument, LpsSession
from dmpws.client import Deposit as ClientDeposit
from dmpws.client.cda import CONSULTATION_REPORT, new_oid
from dmpws.client.envelope import envelope
from dmpws.client.patients import existence_request
from dmpws.client.pdf import one_page_pdf
from dmpws.client.registry import cx, query_request, quoted
from dmpws.client.repository import retrieve_request
from dmpws.codec.cda_metadata import entry_of
from dmpws.codec.ebxml.attachments import InlineOctets
from dmpws.codec.ebxml.names import FIND_DOCUMENTS
from dmpws.codec.value_sets import value_sets
from dmpws.domain.code import Code
from dmpws.domain.document import Status
from dmpws.domain.octets import Octets
from dmpws.domain.patient import Ins
from dmpws.http.mtom import SOAP_TYPE, write_package
from dmpws.signature.model import LotDocument, ReceivedLot
from dmpws.transactions.registry import transaction

PATIENT = cast.PATIENTS["pat-trois"]
IMAGING_REFERENCE = Code("IMG-KOS", "1.2.250.1.213.1.1.4.12", "Référence d'objets d'un examen d'imagerie")
DOCUMENT_OCTETS = 100_000


@dataclass(frozen=True, slots=True)
class Message:
    """A request ready for the wire."""

    service: str
    content_type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Deposit:
    """A TD2.1 request, and its parts for the floor."""

    message: Message
    envelope: bytes
    token: bytes
    lot: ReceivedLot


def _message(
    code: str, token: bytes, body: bytes, attachments: dict[str, Octets] | None = None
) -> tuple[Message, bytes]:
    operation = transaction(code).operation
    assert operation is not None
    octets = envelope(action=operation.action, to="", assertion=token, body=body)
    if operation.mtom_request or operation.mtom_answer:
        package = write_package(octets, attachments or {}, action=operation.action)
        return Message(operation.service, package.content_type, b"".join(package.chunks)), octets
    return Message(operation.service, f"{SOAP_TYPE}; charset=UTF-8", octets), octets


def existence(session: LpsSession, ins: Ins) -> Message:
    """TD0.2."""
    body = etree.tostring(existence_request(ins, session.lps, datetime.now(UTC)))
    return _message("TD0.2", session.token(ins), body)[0]


def search(session: LpsSession, ins: Ins) -> Message:
    """TD3.1, FindDocuments of everything Approved."""
    slots = {
        "$XDSDocumentEntryPatientId": [f"'{cx(ins)}'"],
        "$XDSDocumentEntryStatus": [quoted([Status.APPROVED])],
    }
    return _message("TD3.1", session.token(ins), etree.tostring(query_request(FIND_DOCUMENTS, slots)))[0]


def retrieval(session: LpsSession, ins: Ins, unique_id: str) -> Message:
    """TD3.2 of one document."""
    return _message("TD3.2", session.token(ins), etree.tostring(retrieve_request([unique_id])))[0]


def document(session: LpsSession, octets: int) -> ClinicalDocument:
    """A level 1 CDA of about `octets` octets, its content random so that nothing compresses it."""
    now = datetime.now(UTC).replace(microsecond=0)
    body = Attachment("application/pdf", b"%PDF-1.4\n" + os.urandom(octets * 3 // 4 - 3800) + one_page_pdf("Bench"))
    return ClinicalDocument(
        PATIENT.ins,
        PATIENT.traits,
        session.actor,
        CONSULTATION_REPORT,
        "Bench",
        body,
        now,
        now - timedelta(hours=1),
        now,
    )


def deposits(session: LpsSession, count: int, *, fresh_tokens: bool) -> Iterator[Deposit]:
    """TD2.1 with one new document each; with a new token each, or one for all as software does (DMPWS D2)."""
    token = session.token(PATIENT.ins)
    for _ in range(count):
        token = session.token(PATIENT.ins) if fresh_tokens else token
        lot = session.build_lot(PATIENT.ins, [ClientDeposit(document(session, DOCUMENT_OCTETS))])
        body = etree.tostring(lot.body, pretty_print=True)  # indented as in the official frame: 20 to 30 KB
        message, octets = _message("TD2.1", token, body, dict(lot.attachments))
        sent, signature = lot.attachments.values()
        received = ReceivedLot(
            signature.read(),
            lot.signature_id,
            lot.unique_id,
            lot.submission_time,
            [LotDocument(lot.document_ids[0], InlineOctets(sent.read()))],
            datetime.now(UTC),
        )
        yield Deposit(message, octets, token, received)


def imaging_reference(session: LpsSession, octets: int) -> ClientDeposit:
    """A document of plain octets: nothing to parse or to canonicalise."""
    described = entry_of(document(session, 6000).to_xml(), "Document01")
    plain = replace(
        described,
        unique_id=new_oid(),
        mime_type="application/dicom",
        class_code=value_sets().class_of(IMAGING_REFERENCE),
        type_code=IMAGING_REFERENCE,
        format_code=Code("1.2.840.10008.5.1.4.1.1.88.59", "1.2.840.10008.2.6.1", "Key Object Selection Document"),
        title="Bench",
        reference_ids=(f"{new_oid()}^^^^urn:ihe:iti:xds:2016:studyInstanceUID",),
    )
    return ClientDeposit(bytes(128) + b"DICM" + os.urandom(octets), entry=plain)
