"""Giving the octets of documents (ITI-43), once it is known which of them exist for who asks."""

from collections.abc import Iterable, Mapping, Sequence

from lxml import etree

from dmpws.codec.ebxml.answers import RegistryError, RetrievedDocument, retrieve_response
from dmpws.codec.ebxml.retrieve import DocumentRequest, read_retrieve
from dmpws.domain.checks import Check, Outcome, Refused, Rule, refusal
from dmpws.domain.document import HeldDocument, StoredEntry
from dmpws.domain.octets import Octets
from dmpws.soap.message import SoapReply
from dmpws.transactions.call import Context

REQUEST = Rule("RET-REQUEST", "La demande nomme au moins un document", "ITI TF-2 3.43.4.1.2", "XDSRepositoryError")
REPOSITORY = Rule(
    "RET-REPOSITORY", "Le document est dans cet entrepôt", "ITI TF-2 3.43.4.2.3", "XDSUnknownRepositoryId"
)
TOO_MANY = Rule("RET-TOO-MANY", "La demande nomme trop de documents", "DMPWS D105", "XDSTooManyResults")
DOCUMENT = Rule("RET-DOCUMENT", "Le document existe pour le lecteur", "ITI TF-2 3.43.4.2.3", "XDSDocumentUniqueIdError")


def requested(call: Context, body: etree._Element) -> tuple[DocumentRequest, ...]:
    """What a message asks for, each document once: a small message must not make a gigabyte of one document asked for
    a thousand times. The trace says what it was, given or not (DMPWS D22)."""
    asked = tuple({(r.repository, r.unique_id): r for r in read_retrieve(body)}.values())
    call.notes.parameters["DocumentUniqueId"] = [r.unique_id[:200] for r in asked[:50]]
    return asked


def require_few(call: Context, asked: Sequence[DocumentRequest]) -> None:
    """Refuse a message that asks for nothing, or for too many documents."""
    if not asked:
        raise refusal(REQUEST, expected="un DocumentRequest", found="aucun")
    if len(asked) > call.settings.max_results:
        raise refusal(TOO_MANY, expected=f"au plus {call.settings.max_results}", found=f"{len(asked)} documents")


def retrieve(
    call: Context, asked: Sequence[DocumentRequest], stored: Mapping[str, StoredEntry | HeldDocument], repository: str
) -> SoapReply:
    """Give the documents asked for, as many as may be: PartialSuccess when some may not.

    stored: those that exist for who asks, by uniqueId. repository: OID of ours.
    """
    documents: list[RetrievedDocument] = []
    attachments: dict[str, Octets] = {}
    failures: list[Check] = []
    for request in asked:
        found = _find(call, request, stored, repository)
        if isinstance(found, Check):
            failures.append(found)
            continue
        entry, octets = found
        content_id = f"{call.new_uuid()}@urn:ihe:iti:xds-b:2007"
        attachments[content_id] = octets
        documents.append(
            RetrievedDocument(repository, entry.unique_id, entry.mime_type, content_id, request.home_community)
        )
        call.notes.documents.append({"uniqueId": entry.unique_id, "typeCode": entry.type_code})
    if not documents:
        raise Refused(*failures)
    call.notes.warnings += [check.message for check in failures]
    return SoapReply(retrieve_response(documents, errors_of(failures)), attachments)


def _find(
    call: Context, request: DocumentRequest, stored: Mapping[str, StoredEntry | HeldDocument], repository: str
) -> tuple[StoredEntry | HeldDocument, Octets] | Check:
    """The entry and its octets, or why not. Unknown, hidden and erased cannot be told apart."""
    if request.repository != repository:
        found = f"repositoryUniqueId={request.repository[:200]}"
        where = request.unique_id[:200]
        return Check(REPOSITORY, Outcome.FAILED, expected=repository, found=found, where=where)
    entry = stored.get(request.unique_id)
    if entry is not None:
        try:
            return entry, call.store.documents.octets(entry)
        except KeyError:
            pass
    unique_id = request.unique_id[:200]
    return Check(DOCUMENT, Outcome.FAILED, found=f"uniqueId={unique_id}", where=unique_id)


def errors_of(checks: Iterable[Check]) -> list[RegistryError]:
    """The DMP's codeContext is exactly `uniqueId=…` for a document that cannot be had."""
    return [RegistryError(c.rule.code, c.found, c.where) if c.rule is DOCUMENT else RegistryError.of(c) for c in checks]


def refuse(refused: Refused, _body: etree._Element) -> SoapReply:
    """Answer RetrieveDocumentSetResponse with RegistryResponse Failure and every error."""
    return SoapReply(retrieve_response(errors=errors_of(refused.checks)))
