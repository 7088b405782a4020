"""What the tables of the directory hold: kinds of entries, their columns, how a cell is read and written."""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any

from dmpws.domain.access import AuthMode
from dmpws.domain.directory import PERSON_ID, STRUCTURE_ID, Card, Professional, Structure
from dmpws.domain.software import EVERYTHING, ApprovalStatus, Category, Profile, Scope, Software

_SERIAL = re.compile(r"[0-9a-f]{1,40}")
_SECTOR = re.compile(r"SA[0-9]{2,3}")
_NUMBER = re.compile(r"[!-~]{1,100}")


@dataclass(frozen=True, slots=True)
class Column:
    """A column. field: of the entry. read: text to value, raises ValueError. needed: a new entry must have one."""

    name: str
    field: str
    read: Callable[[str], Any]
    write: Callable[[Any], str] = str
    needed: bool = False


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of entry. word: its name on the command line and the name of its first column; file: its usual one."""

    word: str
    file: str
    make: Callable[[str], Any]
    columns: tuple[Column, ...]

    @property
    def key(self) -> Column:
        return self.columns[0]

    def key_of(self, value: Any) -> str:
        return str(getattr(value, self.key.field))

    def written(self, value: Any) -> dict[str, str]:
        """The cells of an entry, by name of the column."""
        return {column.name: column.write(getattr(value, column.field)) for column in self.columns}


def _matching(pattern: re.Pattern[str], what: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if not pattern.fullmatch(text):
            raise ValueError(f"{text!r} is not {what}")
        return text

    return read


def _optional(read: Callable[[str], Any], empty: Any) -> Callable[[str], Any]:
    return lambda text: read(text) if text else empty


def _text(text: str) -> str:
    if not text.isprintable():
        raise ValueError(f"{text!r} has characters that do not print")
    return text


def _name(text: str) -> str:
    if not text:
        raise ValueError("is empty")
    return _text(text)


def _boolean(text: str) -> bool:
    if text not in ("yes", "no"):
        raise ValueError(f"{text!r} is neither yes nor no")
    return text == "yes"


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is not a date as 2026-11-21") from None


def _one_of(values: type[StrEnum]) -> Callable[[str], Any]:
    def read(text: str) -> StrEnum:
        try:
            return values(text)
        except ValueError:
            raise ValueError(f"{text!r} is not one of {', '.join(values)}") from None

    return read


def _list(read: Callable[[str], Any]) -> Callable[[str], frozenset[Any]]:
    return lambda text: frozenset(read(item.strip()) for item in text.split(",")) if text else frozenset()


def _written_list(values: Collection[str]) -> str:
    return ",".join(sorted(values))


def _scope(text: str) -> Scope:
    words = text.split(":")
    if len(words) not in (2, 3):
        raise ValueError(f"{text!r} is not PROFILE:MODE or PROFILE:MODE:TRANSACTION")
    return Scope(_one_of(Profile)(words[0]), _one_of(AuthMode)(words[1]), *words[2:])


def _scopes(text: str) -> frozenset[Scope]:
    return EVERYTHING if text == "all" else _list(_scope)(text)


def _written_scopes(scopes: Collection[Scope]) -> str:
    if scopes == EVERYTHING:
        return "all"
    return ",".join(f"{s.profile}:{s.mode}{f':{s.transaction}' if s.transaction else ''}" for s in sorted(scopes))


def _written_boolean(value: bool) -> str:
    return "yes" if value else "no"


def _written_date(value: date | None) -> str:
    return value.isoformat() if value else ""


_structure = _matching(STRUCTURE_ID, "a Struct_IdNat")
_person = _matching(PERSON_ID, "a PS_IdNat")
_serial = _matching(_SERIAL, "a serial number in lower-case hexadecimal")
_sector = _matching(_SECTOR, "a sector as SA07")
_number = _matching(_NUMBER, "an approval number")
_ACTIVE = Column("active", "active", _boolean, _written_boolean)

STRUCTURE = Kind(
    "structure",
    "structures.tsv",
    Structure,
    (
        Column("structure", "identifier", _structure),
        Column("name", "name", _name, needed=True),
        Column("sectors", "sectors", _list(_sector), _written_list),
        Column("parent", "parent", _optional(_structure, "")),
        Column("regulation", "regulation", _boolean, _written_boolean),
        _ACTIVE,
    ),
)
PROFESSIONAL = Kind(
    "professional",
    "professionals.tsv",
    Professional,
    (
        Column("professional", "identifier", _person),
        Column("family", "family", _name, needed=True),
        Column("given", "given", _text),
        Column("structures", "structures", _list(_structure), _written_list),
        _ACTIVE,
    ),
)
CARD = Kind(
    "card",
    "cards.tsv",
    Card,
    (
        Column("card", "serial", _serial),
        Column("holder", "holder", _person, needed=True),
        Column("label", "label", _text),
        _ACTIVE,
    ),
)
SOFTWARE = Kind(
    "software",
    "software.tsv",
    lambda number: Software(number, ""),
    (
        Column("software", "number", _number),
        Column("name", "name", _name, needed=True),
        Column("editor", "editor", _text),
        Column("category", "category", _optional(_one_of(Category), None), lambda value: value or "", needed=True),
        Column("approved_for", "scopes", _scopes, _written_scopes),
        Column("status", "status", _one_of(ApprovalStatus)),
        Column("valid_from", "valid_from", _optional(_date, None), _written_date),
        Column("valid_until", "valid_until", _optional(_date, None), _written_date),
    ),
)
KINDS: Mapping[str, Kind] = {kind.word: kind for kind in (STRUCTURE, PROFESSIONAL, CARD, SOFTWARE)}
"""By word, in the order in which they are loaded: what others refer to comes first."""
