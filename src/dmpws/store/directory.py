"""The directory of professionals, structures and approved software (DMPWS D8, D9)."""

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from sqlalchemy import Row, Table, bindparam, delete, select
from sqlalchemy.dialects import postgresql

from dmpws.domain.access import AuthMode
from dmpws.domain.directory import Professional, Structure
from dmpws.domain.software import ApprovalStatus, Category, Profile, Scope, Software
from dmpws.store.engine import ByDialect, by_dialect
from dmpws.store.session import Statements
from dmpws.store.tables import professional, professional_structure, software, structure

_STRUCTURE = select(structure).where(structure.c.identifier == bindparam("id"))
_SOFTWARE = select(software).where(software.c.number == bindparam("id"))
_PROFESSIONAL = (
    select(professional, professional_structure.c.structure)
    .outerjoin(professional_structure)
    .where(professional.c.identifier == bindparam("id"))
)
_UNLINK = delete(professional_structure).where(professional_structure.c.professional == bindparam("id"))


def _put(table: Table) -> ByDialect:
    def build(insert: Callable[[Table], postgresql.Insert]) -> postgresql.Insert:
        new = insert(table)
        rest = {column.name: new.excluded[column.name] for column in table.c if not column.primary_key}
        return new.on_conflict_do_update(index_elements=list(table.primary_key), set_=rest)

    return by_dialect(build)


_PUT_STRUCTURE, _PUT_PROFESSIONAL, _PUT_SOFTWARE = map(_put, (structure, professional, software))


class DirectoryTable:
    """Implements dmpws.domain.directory.Directory, and loads it."""

    def __init__(self, statements: Statements) -> None:
        self._db = statements

    def structure(self, identifier: str) -> Structure | None:
        for row in self._db.rows(_STRUCTURE, {"id": identifier}):
            return Structure(row.identifier, row.name, frozenset(row.sectors), row.active, row.parent)
        return None

    def professional(self, identifier: str) -> Professional | None:
        rows = self._db.rows(_PROFESSIONAL, {"id": identifier})
        if not rows:
            return None
        places = frozenset(row.structure for row in rows if row.structure is not None)
        return Professional(rows[0].identifier, rows[0].family, rows[0].given, places, rows[0].active)

    def software(self, number: str) -> Software | None:
        for row in self._db.rows(_SOFTWARE, {"id": number}):
            return _software(row)
        return None

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

    def put_software(self, value: Software) -> None:
        """Add or replace."""
        scopes = [f"{scope.profile}/{scope.mode}/{scope.transaction}" for scope in sorted(value.scopes)]
        values = {**asdict(value), "category": value.category or "", "status": value.status.value, "scopes": scopes}
        self._db.change(_PUT_SOFTWARE, values)


def _software(row: Row[Any]) -> Software:
    return Software(
        row.number,
        row.name,
        row.editor,
        Category(row.category) if row.category else None,
        ApprovalStatus(row.status),
        row.valid_from,
        row.valid_until,
        frozenset(_scope(*text.split("/")) for text in row.scopes),
    )


def _scope(profile: str, mode: str, transaction: str) -> Scope:
    return Scope(Profile(profile), AuthMode(mode), transaction)
