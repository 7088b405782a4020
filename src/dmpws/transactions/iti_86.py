"""ITI-86, Remove Documents: octets leave the repository, their metadata stay in the registry (DMPWS D101)."""

from lxml import etree

from dmpws.codec.ebxml.answers import RegistryError, registry_response
from dmpws.codec.ebxml.retrieve import DocumentRequest
from dmpws.domain.checks import Check, Outcome, Refused
from dmpws.soap.message import Operation, SoapReply
from dmpws.transactions.ihe import IheCall, hold_all, in_ihe, note_patients, register_ihe
from dmpws.transactions.retrieve import DOCUMENT, REPOSITORY, errors_of, requested, require_few
from dmpws.xml.names import RMD

OPERATION = Operation(
    service="repository",
    name="DocumentRepository_RemoveDocuments",
    body=f"{{{RMD}}}RemoveDocumentsRequest",
    action="urn:ihe:iti:2017:RemoveDocuments",
    response_action="urn:ihe:iti:2017:RemoveDocumentsResponse",
)


def handle(call: IheCall, body: etree._Element) -> SoapReply:
    """Remove the documents that are here: PartialSuccess when some are not."""
    asked = requested(call, body)
    require_few(call, asked)
    names = [request.unique_id for request in asked]
    hold_all(call, lambda: {entry.patient for entry in call.store.documents.by_unique_id(names)})
    patients = {entry.patient for entry in call.store.documents.by_unique_id(names)}
    note_patients(call, patients | {document.patient for document in call.store.removal.unregistered(names)})
    failures: list[Check] = []
    for request in asked:
        problem = _remove(call, request)
        if problem is not None:
            failures.append(problem)
        else:
            call.notes.documents.append({"uniqueId": request.unique_id, "typeCode": ""})
    if len(failures) == len(asked):
        raise Refused(*failures)
    call.notes.warnings += [check.message for check in failures]
    return SoapReply(registry_response(errors_of(failures), partly=True))


def _remove(call: IheCall, request: DocumentRequest) -> Check | None:
    """Remove a document, or say why not."""
    unique_id = request.unique_id[:200]
    if request.repository != call.domain.repository:
        found = f"repositoryUniqueId={request.repository[:200]}"
        return Check(REPOSITORY, Outcome.FAILED, expected=call.domain.repository, found=found, where=unique_id)
    try:
        removed = call.store.removal.octets(request.unique_id)
    except Refused as refused:
        return refused.checks[0]
    return None if removed else Check(DOCUMENT, Outcome.FAILED, found=f"uniqueId={unique_id}", where=unique_id)


def refuse(refused: Refused, _body: etree._Element) -> SoapReply:
    """Answer RegistryResponse Failure with one RegistryError per document."""
    errors: list[RegistryError] = errors_of(in_ihe(refused, "XDSRepositoryError").checks)
    return SoapReply(registry_response(errors))


register_ihe(
    "ITI-86",
    "Retrait de documents",
    OPERATION,
    handle,
    refuse,
    module=__name__,
    audit="remove-documents",
    writes=True,
    references=("DMPWS D101",),
)
