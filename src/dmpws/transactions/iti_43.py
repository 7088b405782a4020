"""ITI-43, Retrieve Document Set, for plain IHE clients."""

from dataclasses import replace

from lxml import etree

from dmpws.codec.ebxml.fragments import is_offline
from dmpws.domain.checks import Refused
from dmpws.domain.document import HeldDocument, StoredEntry
from dmpws.soap.message import SoapReply
from dmpws.transactions import retrieve as retrieving
from dmpws.transactions.ihe import IheCall, in_ihe, note_patients, register_ihe
from dmpws.transactions.td3_2 import OPERATION as DMP_OPERATION

OPERATION = replace(DMP_OPERATION, aliases=())


def handle(call: IheCall, body: etree._Element) -> SoapReply:
    """Give the documents asked for that are here and online, whatever became of their metadata."""
    asked = retrieving.requested(call, body)
    retrieving.require_few(call, asked)
    stored: dict[str, StoredEntry | HeldDocument] = {}
    entries = call.store.documents.by_unique_id(dict.fromkeys(request.unique_id for request in asked))
    for entry in entries:
        # Several entries may name one document, some of them in another repository.
        if entry.octets and not is_offline(entry):
            stored.setdefault(entry.unique_id, entry)
    without = {request.unique_id for request in asked} - {entry.unique_id for entry in entries if entry.octets}
    stored |= {document.unique_id: document for document in call.store.removal.unregistered(without)}
    note_patients(call, (document.patient for document in stored.values()))
    return retrieving.retrieve(call, asked, stored, call.domain.repository)


def refuse(refused: Refused, body: etree._Element) -> SoapReply:
    return retrieving.refuse(in_ihe(refused, "XDSRepositoryError"), body)


register_ihe(
    "ITI-43",
    "Lecture de documents",
    OPERATION,
    handle,
    refuse,
    module=__name__,
    audit="retrieve",
    writes=False,
)
