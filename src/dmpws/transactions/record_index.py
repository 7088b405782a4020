"""A record as people read it: the documents that exist for a reader, under the espaces of the record (DMPWS D94)."""

from collections.abc import Mapping, Sequence

from dmpws.codec.value_sets import rubriques
from dmpws.domain.code import Code
from dmpws.domain.document import Status, StoredEntry
from dmpws.domain.patient import PatientRecord
from dmpws.domain.query import DocumentQuery
from dmpws.domain.rubriques import by_espace
from dmpws.domain.visibility import Owner, Reader, sees
from dmpws.transactions.call import Context
from dmpws.transactions.finds import visible


def record_index(
    context: Context, record: PatientRecord, reader: Reader | Owner, statuses: Sequence[Status] = (Status.APPROVED,)
) -> Mapping[str, Sequence[StoredEntry]]:
    """The current version of every document of these statuses, newest first, by heading in the order of the record.

    reader: a professional who was admitted to TD3.1, or the patient. Raises Refused (XDSTooManyResults).
    """
    query = DocumentQuery(patient=record.id, statuses=tuple(statuses))
    documents, limit = context.store.documents, context.settings.max_results
    found = visible(
        lambda offset: documents.find(query, limit=limit, offset=offset),
        lambda page: [entry for entry in page if sees(reader, entry)],
        limit,
    )
    return by_espace(found, lambda entry: rubriques().espace_of(Code(entry.type_code, entry.type_system)))
