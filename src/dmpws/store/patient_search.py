"""The search of TD0.5 and ITI-47: keys of the traits, written with every record, one statement over their indexes."""

from collections.abc import Collection, Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, bindparam, exists, or_, select

from dmpws.domain.authorisation import Holder
from dmpws.domain.names import sound, spelling
from dmpws.domain.patient import Address, PatientRecord, Traits
from dmpws.domain.patient_search import PatientCriteria, first_given, known_birth
from dmpws.store.authorised import HAS_NIR, IS_OPEN, blocks_one_of
from dmpws.store.conditions import one_of
from dmpws.store.engine import by_dialect
from dmpws.store.record_rows import records_of
from dmpws.store.session import Statements
from dmpws.store.tables import patient, patient_identifier, patient_search

_KEY = patient_search.c

_PUT = by_dialect(
    lambda insert: (put := insert(patient_search)).on_conflict_do_update(
        index_elements=[_KEY.patient_id],
        set_={column.name: put.excluded[column.name] for column in _KEY if not column.primary_key},
    )
)


def search_keys(traits: Traits) -> dict[str, str]:
    """The columns of a record, patient_id left out. The first address is the one searched by (DMPWS D127)."""
    name = traits.name
    used = name.used if spelling(name.used) != spelling(name.birth) else ""
    address = traits.addresses[0] if traits.addresses else Address()
    return {
        "birth_key": spelling(name.birth),
        "birth_sound": sound(name.birth),
        "used_key": spelling(used),
        "used_sound": sound(used),
        "given_key": spelling(name.given),
        "first_key": spelling(first_given(name.given)),
        "first_sound": sound(first_given(name.given)),
        "born": known_birth(traits.birth_date),
        "sex": traits.sex,
        "postal_code": spelling(address.postal_code),
        "city_key": spelling(address.city),
    }


def index_record(db: Statements, number: int, traits: Traits) -> None:
    """Make a record found by these traits, and no longer by those it had."""
    db.change(_PUT, {"patient_id": number, **search_keys(traits)})


def search_patients(
    db: Statements, criteria: PatientCriteria, without_block_of: Sequence[Holder], limit: int
) -> Sequence[PatientRecord]:
    """The records that answer the criteria, in no order; at most `limit + 1`."""
    unblocked = [holder.identifier for holder in without_block_of]
    return _search(db, criteria, _OF_TD0_5, {"unblocked": unblocked, "limit": limit + 1})


def search_domain(
    db: Statements, criteria: PatientCriteria, authorities: Collection[str], among: PatientRecord | None, limit: int
) -> Sequence[PatientRecord]:
    """The records that answer the criteria, in no order; at most `limit + 1`. See the port."""
    values = {"authorities": sorted(authorities), "record": among.id if among is not None else 0, "limit": limit + 1}
    admitted = (*(_OF_DOMAIN if authorities else ()), *(_THIS if among is not None else ()))
    return _search(db, criteria, admitted, values)


def _search(
    db: Statements, criteria: PatientCriteria, admitted: Sequence[ColumnElement[bool]], values: dict[str, Any]
) -> Sequence[PatientRecord]:
    values |= {name: value for name in criteria.asked for name, value in _values(name, criteria)}
    statement = _statement(criteria.asked, criteria.similar_name, criteria.similar_address, admitted)
    return list(records_of(db, [row.patient_id for row in db.rows(statement, values)]).values())


# Closed records, those that oppose this access, those without INS and those that block the caller are not even counted
# (DMPWS D130).
_OF_TD0_5 = (IS_OPEN, ~patient.c.opposes_centre_15, HAS_NIR, ~blocks_one_of(patient.c.id, "unblocked"))
_THIS = (_KEY.patient_id == bindparam("record"),)
_OF_DOMAIN = (
    exists().where(
        patient_identifier.c.patient_id == _KEY.patient_id, one_of(patient_identifier.c.authority, "authorities")
    ),
)


@cache
def _statement(
    asked: frozenset[str], similar_name: bool, similar_address: bool, admitted: Sequence[ColumnElement[bool]]
) -> Select[Any]:
    names, addresses = _CONDITIONS[similar_name], _CONDITIONS[similar_address]
    conditions = [(addresses if name in ("postal_code", "city") else names)[name] for name in sorted(asked)]
    return (
        select(_KEY.patient_id)
        .join(patient, patient.c.id == _KEY.patient_id)
        .where(*conditions, *admitted)
        .limit(bindparam("limit"))
    )


def _begins(column: ColumnElement[str], name: str) -> ColumnElement[bool]:
    return and_(column >= bindparam(name), column < bindparam(f"{name}_end"))


def _is(name: str, *columns: ColumnElement[str]) -> ColumnElement[bool]:
    return or_(*(column == bindparam(name) for column in columns))


_BORN = or_(_begins(_KEY.born, "birth"), _KEY.born.in_(bindparam("birth_less", expanding=True)))
_SAME = {
    "birth": _BORN,
    "born_from": or_(_KEY.born >= bindparam("born_from"), _KEY.born.in_(bindparam("born_from_less", expanding=True))),
    "born_to": and_(_KEY.born != "", _KEY.born < bindparam("born_to_end")),
    "sex": _is("sex", _KEY.sex),
}
_CONDITIONS: Mapping[bool, Mapping[str, ColumnElement[bool]]] = {
    False: _SAME
    | {
        "family": _is("family", _KEY.birth_key, _KEY.used_key),
        "given": _is("given", _KEY.given_key, _KEY.first_key),
        "postal_code": _is("postal_code", _KEY.postal_code),
        "city": _is("city", _KEY.city_key),
    },
    True: _SAME
    | {
        "family": or_(
            _begins(_KEY.birth_key, "family"),
            _begins(_KEY.used_key, "family"),
            _is("family_sound", _KEY.birth_sound, _KEY.used_sound),
        ),
        "given": or_(_begins(_KEY.given_key, "given"), _is("given_sound", _KEY.first_sound)),
        "postal_code": _begins(_KEY.postal_code, "postal_code"),
        "city": _begins(_KEY.city_key, "city"),
    },
}


def _values(name: str, criteria: PatientCriteria) -> Sequence[tuple[str, Any]]:
    """The parameters of one criterion; a statement takes those it has."""
    value = getattr(criteria, name)
    if name == "sex":
        return [(name, value)]
    if name in ("birth", "born_from", "born_to"):
        less = [value[:known] for known in (4, 6) if known < len(value)]
        return [(name, value), (f"{name}_end", _after(value)), (f"{name}_less", less)]
    key = spelling(value)
    return [(name, key), (f"{name}_end", _after(key)), (f"{name}_sound", sound(value))]


def _after(beginning: str) -> str:
    """What comes after everything that begins so."""
    return beginning + "\U0010ffff"
