"""ITI-42, Register Document Set-b: documents that another repository holds."""

from lxml import etree

from dmpws.codec.ebxml.answers import registry_response
from dmpws.codec.ebxml.submission import read_submission
from dmpws.domain.checks import Report
from dmpws.domain.document import DocumentEntry
from dmpws.domain.octets import ElsewhereOctets
from dmpws.soap.message import Operation, SoapReply
from dmpws.transactions.ihe import IheCall, refuse_with, register_ihe
from dmpws.transactions.ihe_submission import submit
from dmpws.xml.names import LCM

OPERATION = Operation(
    service="registry",
    name="DocumentRegistry_RegisterDocumentSet-b",
    body=f"{{{LCM}}}SubmitObjectsRequest",
    action="urn:ihe:iti:2007:RegisterDocumentSet-b",
    response_action="urn:ihe:iti:2007:RegisterDocumentSet-bResponse",
)
"""The body is that of ITI-57: wsa:Action tells them apart."""


def handle(call: IheCall, body: etree._Element) -> SoapReply:
    """Register metadata, whose hash and size are taken at their word."""
    report = Report()
    received = read_submission(body, report)
    octets = {entry.id: _elsewhere(entry) for entry in received.submission.entries}
    submit(call, received, octets, report, registered=True)
    return SoapReply(registry_response())


def _elsewhere(entry: DocumentEntry) -> ElsewhereOctets:
    size = entry.size if entry.size.isascii() and entry.size.isdigit() and len(entry.size) < 19 else ""
    return ElsewhereOctets(int(size or 0), entry.hash.lower())


register_ihe(
    "ITI-42",
    "Enregistrement de métadonnées",
    OPERATION,
    handle,
    refuse_with("XDSRegistryMetadataError"),
    module=__name__,
    audit="register",
    writes=True,
)
