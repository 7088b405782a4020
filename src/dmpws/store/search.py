"""FindDocuments and its kin as one statement (ITI TF-2 3.18.4.1.2.3.7.1)."""

import unicodedata
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from sqlalchemy import BindParameter, ColumnElement, bindparam, or_, select

from dmpws.domain.code import Code
from dmpws.domain.query import ANYBODY, DocumentQuery, dtm_key
from dmpws.store.conditions import any_like, any_one_of, one_of
from dmpws.store.ready import Ready
from dmpws.store.tables import document_entry

AUTHORS, AMONG, PATIENT = "author_persons", "among", "patient"

_E = document_entry.c

ENTRY_COLUMNS = (
    _E.id, _E.entry_uuid, _E.lid, _E.version, _E.latest, _E.unique_id, _E.patient_id, _E.submission_set_id, _E.status,
    _E.object_type, _E.mime_type, _E.hash, _E.size, _E.type_code, _E.class_code, _E.visibility, _E.author_persons,
    _E.author_institutions, _E.legal_authenticator, _E.is_signature, _E.creation_time, _E.received_at, _E.octets,
    _E.fragment, _E.sha256,
)  # fmt: skip
"""What dmpws.store.rows.stored_entry unpacks."""

_CODED = {
    "classes": _E.class_code,
    "types": _E.type_code,
    "formats": _E.format_code,
    "facilities": _E.facility_type,
    "practice_settings": _E.practice_setting,
}
_LISTED = {"event_codes": _E.event_codes, "confidentiality": _E.confidentiality}
_LIKE = {"reference_ids": _E.reference_ids}
_TIMED = {
    "creation": _E.creation_key,
    "service_start": _E.service_start_key,
    "service_stop": _E.service_stop_key,
}


def nfc(text: str) -> str:
    """Strings compare in Unicode NFC (ITI TF-2 3.18, appendix F)."""
    return unicodedata.normalize("NFC", text)


def spelled(code: Code | None) -> str:
    """A code as a column holds it, and as a query spells it."""
    return "" if code is None else nfc(f"{code.code}^^{code.system}")


def find(query: DocumentQuery, *, limit: int, offset: int = 0) -> tuple[Ready, Mapping[str, Any]]:
    """The statement of `query` and its parameters, newest first."""
    parameters = dict(_parameters(query))
    if query.patient != ANYBODY:
        parameters[PATIENT] = query.patient
    return _statement(tuple(sorted(parameters)), query.signatures, query.all_versions), {
        **parameters,
        "statuses": sorted({status.name for status in query.statuses}),
        "object_types": list(query.object_types),
        "limit": limit + 1,
        "offset": offset,
    }


def _parameters(query: DocumentQuery) -> Iterable[tuple[str, Any]]:
    """The criteria that are there; their names tell what they are: kind, then number or side."""
    for name in _CODED:
        if codes := getattr(query, name):
            yield name, [spelled(code) for code in codes]
    for name in _LISTED:
        for number, codes in enumerate(getattr(query, name)):
            yield f"{name}__{number}", [spelled(code) for code in codes]
    for name in _LIKE:
        for number, patterns in enumerate(getattr(query, name)):
            yield f"{name}__{number}", [nfc(pattern) for pattern in patterns]
    if query.author_persons:
        yield AUTHORS, [nfc(pattern) for pattern in query.author_persons]
    if query.among:
        yield AMONG, list(query.among)
    for name in _TIMED:
        period = getattr(query, name)
        if period.start:
            yield f"{name}__from", dtm_key(period.start)
        if period.stop:
            yield f"{name}__to", dtm_key(period.stop)


@lru_cache(maxsize=512)
def _statement(criteria: tuple[str, ...], signatures: bool, all_versions: bool) -> Ready:
    """The statement with these criteria. Kept: building one and its cache key takes longer than running it."""
    return Ready(
        select(*ENTRY_COLUMNS)
        .where(
            one_of(_E.status, "statuses"),
            one_of(_E.object_type, "object_types"),
            *(() if all_versions else (_E.latest,)),
            *(() if signatures else (~_E.is_signature,)),  # DMPWS D14
            *map(_condition, criteria),
        )
        .order_by(_E.creation_key.desc(), _E.received_at.desc(), _E.id.desc())
        .limit(bindparam("limit"))
        .offset(bindparam("offset"))
    )


def _condition(parameter: str) -> ColumnElement[bool]:
    name, _, rest = parameter.partition("__")
    if name in _CODED:
        return one_of(_CODED[name], parameter)
    if name in _TIMED:
        column = _TIMED[name]
        bound: BindParameter[str] = bindparam(parameter)
        # An entry without this time is not excluded by it; its empty string is less than every bound.
        return or_(column >= bound, column == "") if rest == "from" else column < bound
    if name == PATIENT:
        return _E.patient_id == bindparam(parameter)
    if name == AMONG:
        return one_of(_E.entry_uuid, parameter)
    if name == AUTHORS:
        return any_like(_E.authors, parameter)
    if name in _LIKE:
        return any_like(_LIKE[name], parameter)
    return any_one_of(_LISTED[name], parameter)
