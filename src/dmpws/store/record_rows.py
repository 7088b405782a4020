"""Rows of a record and its identifiers: as the transactions see them."""

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any

from sqlalchemy import Row, bindparam, select

from dmpws.domain.patient import Address, DmpStatus, Ins, Name, PatientRecord, Representative, Telecom, Traits
from dmpws.store.session import Statements
from dmpws.store.tables import patient, patient_identifier

BATCH = 500

RECORD_COLUMNS = (patient, patient_identifier.c.value, patient_identifier.c.authority)
"""What `record_of` unpacks."""

_BY_ID = (
    select(*RECORD_COLUMNS)
    .join(patient_identifier, patient_identifier.c.patient_id == patient.c.id)
    .where(patient.c.id.in_(bindparam("ids", expanding=True)))
    .order_by(patient.c.id, patient_identifier.c.rank.desc())
)


def records_of(db: Statements, ids: Sequence[int]) -> dict[int, PatientRecord]:
    """The records of these rows, by row."""
    found = (row for batch in batches(ids) for row in db.rows(_BY_ID, {"ids": batch}))
    return {number: record_of(list(rows)) for number, rows in groupby(found, key=lambda row: row.id)}


def batches(ids: Sequence[int]) -> Iterable[Sequence[int]]:
    """Row numbers, as many at a time as one statement takes."""
    return (ids[start : start + BATCH] for start in range(0, len(ids), BATCH))


def record_of(rows: Sequence[Row[Any]]) -> PatientRecord:
    """The record of its rows, one per identifier, the current one first."""
    values = dict(rows[0]._mapping)
    del values["value"], values["authority"]
    values["status"] = DmpStatus(values["status"])
    values["traits"] = traits_of(values["traits"])
    return PatientRecord(identifiers=tuple(Ins(row.value, row.authority) for row in rows), **values)


def traits_of(stored: dict[str, Any]) -> Traits:
    """The traits of a row."""
    vitale = stored["vitale_name"]
    return Traits(
        **{
            **stored,
            "name": Name(**stored["name"]),
            "vitale_name": None if vitale is None else Name(**vitale),
            "representatives": tuple(_representative(r) for r in stored["representatives"]),
            **_contacts(stored),
        }
    )


def _representative(stored: dict[str, Any]) -> Representative:
    return Representative(stored["code"], Name(**stored["name"]), **_contacts(stored))


def _contacts(stored: dict[str, Any]) -> dict[str, Any]:
    return {
        "telecoms": tuple(Telecom(**t) for t in stored["telecoms"]),
        "addresses": tuple(Address(**a) for a in stored["addresses"]),
    }
