"""Files of homologation and their history (DMPWS D201)."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Row, bindparam, select, update

from dmpws.domain.homologation import Event, HomologationFile, Step
from dmpws.domain.software import Category
from dmpws.store.directory import scope_of, scope_text
from dmpws.store.session import Statements
from dmpws.store.tables import homologation, homologation_event

_ALL = select(homologation).order_by(homologation.c.key)
_ONE = select(homologation).where(homologation.c.key == bindparam("id"))
_EVENTS = select(homologation_event).order_by(homologation_event.c.id)
_OF_ONE = _EVENTS.where(homologation_event.c.file == bindparam("id"))
_NUMBER = update(homologation).where(homologation.c.key == bindparam("id")).values(number=bindparam("issued"))


class HomologationTable:
    """Implements dmpws.acts.homologation.Files."""

    def __init__(self, statements: Statements) -> None:
        self._db = statements

    def all(self) -> Sequence[HomologationFile]:
        """Every file with its history, by key."""
        events: dict[str, list[Event]] = {}
        for row in self._db.rows(_EVENTS):
            events.setdefault(row.file, []).append(_event(row))
        return [_file(row, events.get(row.key, [])) for row in self._db.rows(_ALL)]

    def get(self, key: str) -> HomologationFile | None:
        rows = self._db.rows(_ONE, {"id": key})
        return _file(rows[0], [_event(row) for row in self._db.rows(_OF_ONE, {"id": key})]) if rows else None

    def add(self, new: HomologationFile) -> None:
        """Open a file, with the events it has."""
        values = {
            "key": new.key,
            "editor": new.editor,
            "name": new.name,
            "software": new.software,
            "category": new.category.value,
            "scopes": [scope_text(scope) for scope in sorted(new.scopes)],
            "number": new.number,
        }
        self._db.change(homologation.insert(), values)
        for event in new.events:
            self.append(new.key, event)

    def append(self, key: str, event: Event) -> None:
        """Add to the history of a file."""
        values = {
            "file": key,
            "step": event.step.value,
            "at": event.at,
            "by": event.by,
            "motive": event.motive,
            "detail": dict(event.detail),
        }
        self._db.change(homologation_event.insert(), values)

    def issue(self, key: str, number: str) -> None:
        """Give a file its approval number."""
        self._db.change(_NUMBER, {"id": key, "issued": number})


def _file(row: Row[Any], events: Sequence[Event]) -> HomologationFile:
    scopes = frozenset(map(scope_of, row.scopes))
    found = HomologationFile(row.key, row.editor, row.name, row.software, Category(row.category), scopes, row.number)
    return replace(found, events=tuple(events))


def _event(row: Row[Any]) -> Event:
    return Event(Step(row.step), row.at, row.by, row.motive, row.detail)
