"""The directory of professionals, structures, cards and approved software (DMPWS D8, D35, D141)."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import Row, Table, bindparam, delete, false, func, select, update
from sqlalchemy.dialects import postgresql

from dmpws.domain.access import AuthMode
from dmpws.domain.directory import Card, Professional, Structure
from dmpws.domain.software import ApprovalStatus, Category, Profile, Scope, Software
from dmpws.store.conditions import one_of
from dmpws.store.engine import ByDialect, by_dialect
from dmpws.store.ready import Ready
from dmpws.store.session import Statements
from dmpws.store.tables import card, professional, professional_structure, software, structure

_STRUCTURES = select(structure).order_by(structure.c.identifier)
_STRUCTURE = Ready(select(structure).where(structure.c.identifier == bindparam("id")))
_ALL_SOFTWARE = select(software).order_by(software.c.number)
_SOFTWARE = Ready(select(software).where(software.c.number == bindparam("id")))
_ALL_CARDS = select(card).order_by(card.c.serial)
_CARDS = Ready(select(card).where(one_of(card.c.serial, "serials")))
_PROFESSIONALS = (
    select(professional, professional_structure.c.structure)
    .outerjoin(professional_structure)
    .order_by(professional.c.identifier)
)
_PROFESSIONAL = Ready(_PROFESSIONALS.where(professional.c.identifier == bindparam("id")))
_SOME_PROFESSIONALS = _PROFESSIONALS.where(one_of(professional.c.identifier, "ids"))
_UNLINK = delete(professional_structure).where(professional_structure.c.professional == bindparam("id"))
_DIRECTORY_LOCK = 0x646972
"""Key of the advisory lock of PostgreSQL."""
_LOCK: ByDialect = {
    "postgresql": select(func.pg_advisory_xact_lock(_DIRECTORY_LOCK)),
    # The first change takes the only write lock; this one changes nothing.
    "sqlite": update(software).where(false()).values(name="").returning(software.c.number),
}


def _put(table: Table) -> ByDialect:
    def build(insert: Callable[[Table], postgresql.Insert]) -> postgresql.Insert:
        new = insert(table)
        rest = {column.name: new.excluded[column.name] for column in table.c if not column.primary_key}
        return new.on_conflict_do_update(index_elements=list(table.primary_key), set_=rest)

    return by_dialect(build)


_PUT_STRUCTURE, _PUT_PROFESSIONAL, _PUT_CARD, _PUT_SOFTWARE = map(_put, (structure, professional, card, software))


class DirectoryTable:
    """Implements dmpws.domain.directory.Directory, and loads it."""

    def __init__(self, statements: Statements) -> None:
        self._db = statements

    def structure(self, identifier: str) -> Structure | None:
        rows = self._db.rows(_STRUCTURE, {"id": identifier})
        return _structure(rows[0]) if rows else None

    def structures(self) -> Sequence[Structure]:
        """All of them, by identifier."""
        return [_structure(row) for row in self._db.rows(_STRUCTURES)]

    def professional(self, identifier: str) -> Professional | None:
        return next(iter(_people(self._db.rows(_PROFESSIONAL, {"id": identifier}))), None)

    def professionals(self, identifiers: Collection[str] | None = None) -> Sequence[Professional]:
        """Those of these identifiers, or all of them; by identifier."""
        if identifiers is None:
            return _people(self._db.rows(_PROFESSIONALS))
        return _people(self._db.rows(_SOME_PROFESSIONALS, {"ids": list(identifiers)}))

    def cards(self, serials: Collection[str]) -> Sequence[Card]:
        """The known ones of these certificates."""
        return [Card(**row._mapping) for row in self._db.rows(_CARDS, {"serials": list(serials)})]

    def all_cards(self) -> Sequence[Card]:
        """All of them, by serial number."""
        return [Card(**row._mapping) for row in self._db.rows(_ALL_CARDS)]

    def software(self, number: str) -> Software | None:
        rows = self._db.rows(_SOFTWARE, {"id": number})
        return _software(rows[0]) if rows else None

    def all_software(self) -> Sequence[Software]:
        """All of it, by number."""
        return [_software(row) for row in self._db.rows(_ALL_SOFTWARE)]

    def lock(self) -> None:
        """Begin to change the directory alone: who does the same waits until this unit of work ends."""
        self._db.returning(_LOCK)

    def put_structure(self, value: Structure) -> None:
        """Add or replace."""
        self._db.change(_PUT_STRUCTURE, {**asdict(value), "sectors": sorted(value.sectors)})

    def put_professional(self, value: Professional) -> None:
        """Add or replace, links to structures included. Use it in a unit of work: it is several statements."""
        values = asdict(value)
        del values["structures"]
        self._db.change(_PUT_PROFESSIONAL, values)
        self._db.change(_UNLINK, {"id": value.identifier})
        links = [{"professional": value.identifier, "structure": place} for place in sorted(value.structures)]
        if links:
            self._db.change(professional_structure.insert(), links)

    def put_card(self, value: Card) -> None:
        """Add or replace."""
        self._db.change(_PUT_CARD, asdict(value))

    def put_software(self, value: Software) -> None:
        """Add or replace."""
        scopes = [scope_text(scope) for scope in sorted(value.scopes)]
        values = {**asdict(value), "category": value.category or "", "status": value.status.value, "scopes": scopes}
        self._db.change(_PUT_SOFTWARE, values)


def _structure(row: Row[Any]) -> Structure:
    return Structure(**{**row._mapping, "sectors": frozenset(row.sectors)})


def _people(rows: Sequence[Row[Any]]) -> list[Professional]:
    """One person per identifier; a row per place of practice."""
    places: dict[str, set[str]] = {}
    names: dict[str, Row[Any]] = {}
    for row in rows:
        names[row.identifier] = row
        places.setdefault(row.identifier, set()).update({row.structure} - {None})
    return [
        Professional(identifier, row.family, row.given, frozenset(places[identifier]), row.active)
        for identifier, row in names.items()
    ]


def _software(row: Row[Any]) -> Software:
    values = {**row._mapping, "category": Category(row.category) if row.category else None}
    scopes = frozenset(map(scope_of, row.scopes))
    return Software(**{**values, "status": ApprovalStatus(row.status), "scopes": scopes})


def scope_of(text: str) -> Scope:
    """The scope that a row holds as text."""
    profile, mode, transaction = text.split("/")
    return Scope(Profile(profile), AuthMode(mode), transaction)


def scope_text(scope: Scope) -> str:
    """A scope as rows hold it."""
    return f"{scope.profile}/{scope.mode}/{scope.transaction}"
