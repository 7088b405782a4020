"""TD3.1, recherche de documents (ITI-18): FindDocuments and GetDocuments.

TD3.1a is a search by a professional who consults; TD3.1b, GetDocuments by uniqueId in ObjectRef form, finds the
reference of a document in view of replacing or deleting it, and needs no right to consult.
"""

from collections.abc import Callable, Iterable, Sequence

from lxml import etree

from dmpws.codec.ebxml import names
from dmpws.codec.ebxml.answers import errors_of, query_response
from dmpws.codec.ebxml.fragments import extrinsic_object, object_ref
from dmpws.codec.ebxml.query import QUERY_ID, StoredQuery, read_query
from dmpws.codec.ebxml.stored_queries import find_documents, get_documents, is_reference_search
from dmpws.domain.checks import Outcome, Refused, Report, Rule, refusal
from dmpws.domain.document import StoredEntry
from dmpws.domain.errors import Carrier
from dmpws.domain.patient import PatientRecord
from dmpws.domain.visibility import Reader, is_author, sees
from dmpws.soap.message import Operation, SoapReply
from dmpws.transactions.admission import admit
from dmpws.transactions.call import Call
from dmpws.transactions.reading import reader_of
from dmpws.transactions.registry import ALL_MODES, Transaction, register
from dmpws.xml.names import QUERY

METADATA_ROW = "TD3.1 search metadata"
REFERENCE_ROW = "TD3.1 search document reference (ObjectRef)"

TOO_MANY = Rule("SQ-TOO-MANY", "La recherche donne trop de résultats", "DMPWS D23", "XDSTooManyResults")

OPERATION = Operation(
    service="registry",
    name="DocumentRegistry_RegistryStoredQuery",
    body=f"{{{QUERY}}}AdhocQueryRequest",
    action="urn:ihe:iti:2007:RegistryStoredQuery",
    response_action="urn:ihe:iti:2007:RegistryStoredQueryResponse",
)

Search = Callable[[Call, StoredQuery, PatientRecord, Reader, Report], Sequence[StoredEntry]]


def handle(call: Call, body: etree._Element) -> SoapReply:
    """Run a stored query and answer what the reader may know of."""
    query = read_query(body)
    record = admit(call, REFERENCE_ROW if is_reference_search(query) else METADATA_ROW)
    _note(call, query)
    search = SEARCHES.get(query.id)
    if search is None:
        raise refusal(QUERY_ID, found=query.id[:200])
    report = Report()
    entries = search(call, query, record, reader_of(call, record), report)
    call.notes.warnings += [c.message for c in report if c.outcome is Outcome.WARNED]
    if query.object_refs:
        return SoapReply(query_response([object_ref(e.entry_uuid) for e in entries]))
    return SoapReply(query_response([extrinsic_object(e) for e in entries]))


def _find_documents(
    call: Call, query: StoredQuery, record: PatientRecord, reader: Reader, report: Report
) -> list[StoredEntry]:
    wanted = find_documents(query, record, report)
    report.raise_failures()
    limit = call.settings.max_results
    found = call.store.documents.find(wanted, limit=limit)
    if len(found) > limit:
        raise refusal(TOO_MANY, expected=f"au plus {limit} fiches", found="davantage")
    return _shown(found, record, reader)


def _get_documents(
    call: Call, query: StoredQuery, record: PatientRecord, reader: Reader, report: Report
) -> list[StoredEntry]:
    wanted = get_documents(query, report)
    report.raise_failures()
    documents = call.store.documents
    if wanted.unique_ids:
        found = documents.by_unique_id(wanted.unique_ids)
    else:
        found = documents.by_entry_uuid(wanted.entry_uuids)
    return _shown(found, record, reader)


SEARCHES: dict[str, Search] = {names.FIND_DOCUMENTS: _find_documents, names.GET_DOCUMENTS: _get_documents}


def _shown(found: Iterable[StoredEntry], record: PatientRecord, reader: Reader) -> list[StoredEntry]:
    """What exists for this reader: current versions of this patient's documents, signatures only for their author
    (DMPWS D14), and for who acts for a structure only that structure's documents (PDT-INF-526 note 5)."""
    return [
        entry
        for entry in found
        if entry.patient == record.id
        and entry.latest
        and sees(reader, entry)
        and (is_author(reader, entry) or not (entry.is_signature or reader.for_structure))
    ]


def _note(call: Call, query: StoredQuery) -> None:
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
        writes=False,
        audit="stored-query",
        references=("DMP-FRAME TD3.1", "ITI TF-2 3.18", "PDT-INF-526", "PDT-INF-606", "DMPWS D14", "DMPWS D28"),
        module=__name__,
        handle=handle,
        refuse=refuse,
    )
)
