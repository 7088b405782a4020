"""ITI-18, Registry Stored Query: the fourteen stored queries for plain IHE clients."""

from collections.abc import Iterable

from lxml import etree

from dmpws.codec.ebxml import names
from dmpws.codec.ebxml.answers import query_response
from dmpws.codec.ebxml.fragments import object_ref, typed_object
from dmpws.codec.ebxml.query import read_query
from dmpws.codec.ebxml.stored_queries import Asked, read_asked, require_patient
from dmpws.domain.checks import Outcome, Report, refusal
from dmpws.domain.packages import RegistryObject, StoredAssociation
from dmpws.domain.query import ANYBODY
from dmpws.soap.message import SoapReply
from dmpws.transactions.finds import Found, require_few
from dmpws.transactions.gets import ONE_PATIENT
from dmpws.transactions.ihe import IheCall, find_patient, note_patients, refuse_with, register_ihe, unknown_patient
from dmpws.transactions.open_shelf import OpenShelf
from dmpws.transactions.td3_1 import OPERATION, SEARCHES, note_query


def handle(call: IheCall, body: etree._Element) -> SoapReply:
    """Run a stored query and answer what is there."""
    query = read_query(body)
    note_query(call, query)
    report = Report()
    asked = read_asked(query, report)
    require_patient(asked, report)
    report.raise_failures()
    call.notes.warnings += [c.message for c in report if c.outcome is Outcome.WARNED]
    found = _run(call, query.id, asked)
    note_patients(call, (item.patient for item in found))
    if not query.object_refs:
        _require_one_patient(found)
    write = object_ref if query.object_refs else typed_object
    return SoapReply(query_response([write(item) for item in found]))


def _run(call: IheCall, query: str, asked: Asked) -> Found:
    patient = ANYBODY
    if asked.patient:
        record = find_patient(call, asked.patient)
        if record is None:
            if call.domain.unknown_is_error:
                raise unknown_patient(asked.patient)
            return []
        patient = record.id
    availability = asked.texts("$XDSDocumentEntryDocumentAvailability")
    shelf = OpenShelf(
        call.store,
        patient,
        online=not availability or names.ONLINE in availability,
        # At metadata level 1 a document that is offline does not exist.
        offline=names.OFFLINE in availability or (asked.all_versions and not availability),
    )
    limit = call.settings.max_results
    found = SEARCHES[query](asked, shelf, limit)
    require_few(found, limit)
    return found


def _require_one_patient(found: Iterable[RegistryObject]) -> None:
    """Whole metadata are of one patient; an association has none but those of its ends (ITI TF-2 3.18.4.1.2.3.8)."""
    patients = {item.patient for item in found if not isinstance(item, StoredAssociation)}
    if len(patients) > 1:
        raise refusal(ONE_PATIENT, expected="1 patient", found=f"{len(patients)} patients")


refuse = refuse_with("XDSRegistryError", lambda errors: query_response(errors=errors))

register_ihe(
    "ITI-18",
    "Recherche par requête enregistrée",
    OPERATION,
    handle,
    refuse,
    module=__name__,
    audit="stored-query",
    writes=False,
)
