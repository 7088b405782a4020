"""ITI-41, Provide and Register Document Set-b, for plain IHE clients."""

from dataclasses import replace

from lxml import etree

from dmpws.codec.ebxml.answers import registry_response
from dmpws.codec.ebxml.attachments import read_documents
from dmpws.codec.ebxml.submission import read_submission
from dmpws.domain.checks import Report
from dmpws.domain.lot.contents import check_octets
from dmpws.soap.message import SoapReply
from dmpws.transactions.ihe import IheCall, refuse_with, register_ihe
from dmpws.transactions.ihe_submission import submit
from dmpws.transactions.td2_1 import OPERATION as DMP_OPERATION

OPERATION = replace(DMP_OPERATION, aliases=(), action_variants=(), mtom_request=False)
"""Documents may come as base64 in a simple SOAP message; the answer is MTOM all the same."""


def handle(call: IheCall, body: etree._Element) -> SoapReply:
    """Check the documents against their metadata, then register what a repository would register (ITI-42)."""
    report = Report()
    received = read_submission(body, report)
    entries = received.submission.entries
    octets = read_documents(body, [entry.id for entry in entries], call.parts, report)
    for entry in entries:
        if entry.id in octets:
            check_octets(entry, octets[entry.id], report)
    submit(call, received, octets, report, registered=False)
    return SoapReply(registry_response())


register_ihe(
    "ITI-41",
    "Dépôt de documents",
    OPERATION,
    handle,
    refuse_with("XDSRepositoryError"),
    module=__name__,
    audit="provide-and-register",
    writes=True,
    references=("ITI TF-2 3.42.4.1.3",),
)
