"""Loading the value sets from the tables of dmpws/domain/data."""

from collections.abc import Iterator
from datetime import date
from functools import cache
from importlib import resources

from dmpws.domain.code import Code
from dmpws.domain.rubriques import Category, Espace, Rubrique, Rubriques
from dmpws.domain.value_sets import Attribute, Member, ValueSets


@cache
def value_sets() -> ValueSets:
    """Return the value sets shipped with the package, read once per worker."""
    return ValueSets({attribute: _table(attribute) for attribute in Attribute}, _formats())


@cache
def rubriques() -> Rubriques:
    """Return where documents are shown, by type, read once per worker."""
    rows = list(_rows("rubriques", 4))
    shown = {(code, system): (espace, category) for code, system, espace, category in rows if espace}
    return Rubriques({key: Rubrique(Espace[espace], Category[category]) for key, (espace, category) in shown.items()})


def _table(attribute: Attribute) -> dict[tuple[str, str], Member]:
    table: dict[tuple[str, str], Member] = {}
    for code, system, display, class_code, start, stop in _rows(attribute, 6):
        table[code, system] = Member(Code(code, system, display), class_code, _date(start), _date(stop))
    return table


def _formats() -> dict[str, Code]:
    return {key: Code(code, system) for key, code, system in _rows("formats", 3)}


def _rows(name: str, columns: int) -> Iterator[list[str]]:
    text = resources.files("dmpws.domain").joinpath("data", f"{name}.tsv").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    for line in lines[1:]:
        cells = line.split("\t")
        yield cells + [""] * (columns - len(cells))


def _date(text: str) -> date | None:
    return date.fromisoformat(text) if text else None
