"""TD3.2, consultation: the octets of documents (ITI-43)."""

from lxml import etree

from dmpws.domain import oids
from dmpws.domain.errors import Carrier
from dmpws.domain.software import Profile
from dmpws.domain.visibility import reads
from dmpws.soap.message import Operation, SoapReply
from dmpws.transactions.admission import admit_standing
from dmpws.transactions.call import Call
from dmpws.transactions.notifying import tell_patient
from dmpws.transactions.observed import tell_handled
from dmpws.transactions.reading import reader_of
from dmpws.transactions.registry import ALL_MODES, Transaction, register
from dmpws.transactions.retrieve import refuse, requested, require_few, retrieve
from dmpws.xml.names import XDSB

ROW = "TD3.2 read document not masked"
"""What every reader must have; a masked, archived, obsolete or deleted document asks for its own row besides."""

OPERATION = Operation(
    service="repository",
    name="DocumentRepository_RetrieveDocumentSet",
    body=f"{{{XDSB}}}RetrieveDocumentSetRequest",
    action="urn:ihe:iti:2007:RetrieveDocumentSet",
    response_action="urn:ihe:iti:2007:RetrieveDocumentSetResponse",
    aliases=("repositoryCPE",),
    mtom_answer=True,
)


def handle(call: Call, body: etree._Element) -> SoapReply:
    """Give the documents asked for, as many as may be: PartialSuccess when some may not."""
    asked = requested(call, body)
    record, standing = admit_standing(call, ROW)
    require_few(call, asked)
    reader = reader_of(call, record, standing=standing)
    stored = {
        entry.unique_id: entry
        for entry in call.store.documents.by_unique_id(dict.fromkeys(r.unique_id for r in asked))
        if entry.patient == record.id and entry.latest and reads(reader, entry)
    }
    tell_handled(call.vihf, stored.values())
    reply = retrieve(call, asked, stored, oids.REPOSITORY)
    tell_patient(call, record)
    return reply


register(
    Transaction(
        code="TD3.2",
        title="Consultation d'un document",
        operation=OPERATION,
        modes=ALL_MODES,
        carrier=Carrier.REGISTRY,
        profiles=frozenset({Profile.CONSULTATION}),
        writes=False,
        audit="retrieve",
        references=("DMP-FRAME TD3.2", "ITI TF-2 3.43", "PDT-INF-526", "PDT-INF-606", "DMPWS D29"),
        module=__name__,
        handle=handle,
        refuse=refuse,
    )
)
