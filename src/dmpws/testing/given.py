"""The document that an example of `transactions/` finds in the record."""

import itertools
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from dmpws.codec.ebxml.attachments import InlineOctets
from dmpws.codec.ebxml.fragments import entry_fragment
from dmpws.codec.ebxml.rim import read_object
from dmpws.codec.ebxml.writing import extrinsic_object
from dmpws.domain import oids
from dmpws.domain.checks import Report
from dmpws.domain.code import Code
from dmpws.domain.document import SIGNATURE_CLASS, SIGNATURE_TYPE, Author, DocumentEntry, Status
from dmpws.domain.patient import PatientRecord
from dmpws.testing import deposits
from dmpws.testing.examples import render
from dmpws.transactions.ports import UnitOfWork

_CONTENT = InlineOctets(b"<ClinicalDocument/>")


def put_document(work: UnitOfWork, record: PatientRecord, given: Mapping[str, Any], now: datetime) -> None:
    """Store the document of a `given` table under `{{uuid_document}}` and `{{oid_document}}`.

    visibility: masking codes. status: name of a Status. person, structure: its author (default: Dr LIBRE).
    patient: deposited by the patient himself. signature: it is the signature of a lot.
    """
    uuid = render("urn:uuid:{{uuid_document}}", {})
    entry = _entry(record, given)
    fragment = entry_fragment(
        read_object(extrinsic_object(entry, itertools.count(1)), Report()),
        uuid,
        hash_=_CONTENT.sha1,
        size=_CONTENT.size,
        repository=oids.REPOSITORY,
        version=1,
        new_uuid=lambda: deposits.new_uuid().removeprefix("urn:uuid:"),
    )
    lot = replace(deposits.lot(record, []), entries=[deposits.Deposit(entry, uuid, fragment, _CONTENT)])
    work.documents.add_lot(lot, now=now)
    (stored,) = work.documents.by_entry_uuid([uuid])
    work.documents.set_status([stored.id], Status[given.get("status", "APPROVED")])


def _entry(record: PatientRecord, given: Mapping[str, Any]) -> DocumentEntry:
    person = deposits.DOCTOR.replace("899900063480", given.get("person", "899900063480"))
    structure = deposits.CABINET.replace("499900063480001", given.get("structure", "499900063480001"))
    ins = f"{record.ins.value}^^^&{record.ins.authority}&ISO^NH"
    changes: dict[str, Any] = {}
    if given.get("patient"):
        changes = {"type_code": Code("DOCPAT03", "1.2.250.1.213.1.1.4.12")}
    if given.get("signature"):
        changes = {"class_code": SIGNATURE_CLASS, "type_code": SIGNATURE_TYPE}
    return deposits.entry(
        unique_id=render("{{oid_document}}", {}),
        patient_id=ins,
        source_patient_id=ins,
        authors=(Author(person, (structure,)),),
        legal_authenticator=person,
        confidentiality=(deposits.NORMAL, *(Code(code, oids.VISIBILITY, code) for code in given.get("visibility", ()))),
        **changes,
    )
