"""TD3.1, recherche de documents (ITI-18): the fourteen stored queries.

TD3.1a is a search by a professional who consults; TD3.1b, GetDocuments by uniqueId in ObjectRef form, finds the
reference of a document in view of replacing or deleting it, and needs no right to consult.
"""

from collections.abc import Callable, Mapping

from lxml import etree

from dmpws.codec.ebxml import names
from dmpws.codec.ebxml.answers import errors_of, query_response
from dmpws.codec.ebxml.fragments import object_ref, registry_object
from dmpws.codec.ebxml.query import StoredQuery, read_query
from dmpws.codec.ebxml.stored_queries import Asked, check_patient, is_reference_search, read_asked
from dmpws.domain.checks import Outcome, Refused, Report
from dmpws.domain.errors import Carrier
from dmpws.domain.software import Profile
from dmpws.soap.message import Operation, SoapReply
from dmpws.transactions import finds, gets, over_use
from dmpws.transactions.admission import admit_standing
from dmpws.transactions.call import Call, Context
from dmpws.transactions.finds import Found, require_few
from dmpws.transactions.notifying import tell_patient
from dmpws.transactions.observed import tell_answered, tell_asked
from dmpws.transactions.reading import reader_of
from dmpws.transactions.registry import ALL_MODES, Transaction, register
from dmpws.transactions.shelf import ReaderShelf, Shelf
from dmpws.xml.names import QUERY

PROFILES = frozenset({Profile.FEEDING, Profile.CONSULTATION})
METADATA_ROW = "TD3.1 search metadata"
REFERENCE_ROW = "TD3.1 search document reference (ObjectRef)"

OPERATION = Operation(
    service="registry",
    name="DocumentRegistry_RegistryStoredQuery",
    body=f"{{{QUERY}}}AdhocQueryRequest",
    action="urn:ihe:iti:2007:RegistryStoredQuery",
    response_action="urn:ihe:iti:2007:RegistryStoredQueryResponse",
)

SEARCHES: Mapping[str, Callable[[Asked, Shelf, int], Found]] = {
    names.FIND_DOCUMENTS: finds.find_documents,
    names.FIND_DOCUMENTS_BY_REFERENCE_ID: finds.find_documents,
    names.FIND_SUBMISSION_SETS: finds.find_submission_sets,
    names.FIND_FOLDERS: finds.find_folders,
    names.GET_ALL: finds.get_all,
    names.GET_DOCUMENTS: gets.get_documents,
    names.GET_FOLDERS: gets.get_folders,
    names.GET_ASSOCIATIONS: gets.get_associations,
    names.GET_DOCUMENTS_AND_ASSOCIATIONS: gets.get_documents_and_associations,
    names.GET_SUBMISSION_SETS: gets.get_submission_sets,
    names.GET_SUBMISSION_SET_AND_CONTENTS: gets.get_submission_set_and_contents,
    names.GET_FOLDER_AND_CONTENTS: gets.get_folder_and_contents,
    names.GET_FOLDERS_FOR_DOCUMENT: gets.get_folders_for_document,
    names.GET_RELATED_DOCUMENTS: gets.get_related_documents,
}


def handle(call: Call, body: etree._Element) -> SoapReply:
    """Run a stored query and answer what the reader may know of."""
    query = read_query(body)
    is_reference = is_reference_search(query)
    tell_asked(return_type="ObjectRef" if query.object_refs else "LeafClass")
    note_query(call, query)
    record, standing = admit_standing(call, REFERENCE_ROW if is_reference else METADATA_ROW)
    if not is_reference:  # which belongs to a deposit or a deletion
        over_use.bound(call)
    report = Report()
    asked = read_asked(query, report)
    check_patient(asked, record, report)
    report.raise_failures()
    limit = call.settings.max_results
    shelf = ReaderShelf(call, record, reader_of(call, record, standing=standing))
    found = SEARCHES[query.id](asked, shelf, limit) if asked.online else []
    require_few(found, limit)
    tell_answered(objects=len(found))
    if not is_reference:
        tell_patient(call, record)
    call.notes.warnings += [c.message for c in report if c.outcome is Outcome.WARNED]
    write = object_ref if query.object_refs else registry_object
    return SoapReply(query_response([write(item) for item in found]))


def narrower(body: etree._Element) -> frozenset[Profile]:
    """TD3.1a, and whatever is not clearly TD3.1b, is of the profile consultation alone."""
    try:
        reference = is_reference_search(read_query(body))
    except Refused:
        reference = False
    return PROFILES if reference else frozenset({Profile.CONSULTATION})


def note_query(call: Context, query: StoredQuery) -> None:
    """Say in the trace what was looked for (DMPWS D22)."""
    call.notes.query = query.id[:100]
    call.notes.parameters = {
        name[:100]: [value[:200] for slot in slots for value in slot][:50] for name, slots in query.parameters.items()
    }


def refuse(refused: Refused, _body: etree._Element) -> SoapReply:
    """Answer AdhocQueryResponse Failure with one RegistryError per broken rule and an empty list."""
    return SoapReply(query_response(errors=errors_of(refused)))


register(
    Transaction(
        code="TD3.1",
        title="Recherche de documents dans un DMP",
        operation=OPERATION,
        modes=ALL_MODES,
        carrier=Carrier.REGISTRY,
        profiles=PROFILES,
        writes=False,
        audit="stored-query",
        references=("DMP-FRAME TD3.1", "ITI TF-2 3.18", "PDT-INF-526", "PDT-INF-606", "DMPWS D14", "DMPWS D28"),
        module=__name__,
        handle=handle,
        refuse=refuse,
        narrower=narrower,
    )
)
