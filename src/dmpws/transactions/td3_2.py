"""TD3.2, consultation: the octets of documents (ITI-43)."""

from collections.abc import Iterable

from lxml import etree

from dmpws.codec.ebxml.answers import RegistryError, RetrievedDocument, retrieve_response
from dmpws.codec.ebxml.retrieve import DocumentRequest, read_retrieve
from dmpws.domain import oids
from dmpws.domain.checks import Check, Outcome, Refused, Rule, refusal
from dmpws.domain.document import StoredEntry
from dmpws.domain.errors import Carrier
from dmpws.domain.octets import Octets
from dmpws.domain.software import Profile
from dmpws.domain.visibility import reads
from dmpws.soap.message import Operation, SoapReply
from dmpws.transactions.admission import admit
from dmpws.transactions.call import Call
from dmpws.transactions.reading import reader_of
from dmpws.transactions.registry import ALL_MODES, Transaction, register
from dmpws.xml.names import XDSB

ROW = "TD3.2 read document not masked"
"""What every reader must have; a masked, archived, obsolete or deleted document asks for its own row besides."""

REQUEST = Rule("RET-REQUEST", "La demande nomme au moins un document", "ITI TF-2 3.43.4.1.2", "XDSRepositoryError")
REPOSITORY = Rule(
    "RET-REPOSITORY", "Le document est dans cet entrepôt", "ITI TF-2 3.43.4.2.3", "XDSUnknownRepositoryId"
)
TOO_MANY = Rule("RET-TOO-MANY", "La demande nomme trop de documents", "DMPWS D105", "XDSTooManyResults")
DOCUMENT = Rule("RET-DOCUMENT", "Le document existe pour le lecteur", "ITI TF-2 3.43.4.2.3", "XDSDocumentUniqueIdError")

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
    # Each document once: a small message must not make a gigabyte of one document asked for a thousand times.
    asked = tuple({(r.repository, r.unique_id): r for r in read_retrieve(body)}.values())
    record = admit(call, ROW)
    if not asked:
        raise refusal(REQUEST, found="aucun DocumentRequest")
    if len(asked) > call.settings.max_results:
        raise refusal(TOO_MANY, expected=f"au plus {call.settings.max_results}", found=f"{len(asked)} documents")
    reader = reader_of(call, record)
    stored = {
        entry.unique_id: entry
        for entry in call.store.documents.by_unique_id(dict.fromkeys(r.unique_id for r in asked))
        if entry.patient == record.id and entry.latest and reads(reader, entry)
    }
    documents: list[RetrievedDocument] = []
    attachments: dict[str, Octets] = {}
    failures: list[Check] = []
    for request in asked:
        found = _find(call, request, stored)
        if isinstance(found, Check):
            failures.append(found)
            continue
        entry, octets = found
        content_id = f"{call.new_uuid()}@urn:ihe:iti:xds-b:2007"
        attachments[content_id] = octets
        documents.append(_document(request, entry, content_id))
        call.notes.documents.append({"uniqueId": entry.unique_id, "typeCode": entry.type_code})
    if not documents:
        raise Refused(*failures)
    call.notes.warnings += [check.message for check in failures]
    return SoapReply(retrieve_response(documents, _errors(failures)), attachments)


def _find(call: Call, request: DocumentRequest, stored: dict[str, StoredEntry]) -> tuple[StoredEntry, Octets] | Check:
    """The entry and its octets, or why not. Unknown, hidden and erased cannot be told apart."""
    if request.repository != oids.REPOSITORY:
        found = f"repositoryUniqueId={request.repository[:200]}"
        where = request.unique_id[:200]
        return Check(REPOSITORY, Outcome.FAILED, expected=oids.REPOSITORY, found=found, where=where)
    entry = stored.get(request.unique_id)
    if entry is not None:
        try:
            return entry, call.store.documents.octets(entry)
        except KeyError:
            pass
    unique_id = request.unique_id[:200]
    return Check(DOCUMENT, Outcome.FAILED, found=f"uniqueId={unique_id}", where=unique_id)


def _document(request: DocumentRequest, entry: StoredEntry, content_id: str) -> RetrievedDocument:
    return RetrievedDocument(
        repository=oids.REPOSITORY,
        unique_id=entry.unique_id,
        mime_type=entry.mime_type,
        content_id=content_id,
        home_community=request.home_community,
    )


def _errors(checks: Iterable[Check]) -> list[RegistryError]:
    """The DMP's codeContext is exactly `uniqueId=…` for a document that cannot be had."""
    return [RegistryError(c.rule.code, c.found, c.where) if c.rule is DOCUMENT else RegistryError.of(c) for c in checks]


def refuse(refused: Refused, _body: etree._Element) -> SoapReply:
    """Answer RetrieveDocumentSetResponse with RegistryResponse Failure and every error."""
    return SoapReply(retrieve_response(errors=_errors(refused.checks)))


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
