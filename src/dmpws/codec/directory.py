"""The directory as text: one entry per line, columns separated by tabs (docs/reference/directory-files.md)."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from dmpws.codec.directory_kinds import KINDS, Column, Kind
from dmpws.codec.tables import MOST_PROBLEMS, Problem, TableError, rows_of

LONGEST_VALUE = 4000


@dataclass(frozen=True, slots=True)
class Entry:
    """What one line says: `values` by field, of the columns that the table has. file, line: where it is written."""

    kind: Kind
    key: str
    values: Mapping[str, Any]
    file: str = ""
    line: int = 0

    def problem(self, column: str, text: str) -> Problem:
        return Problem(self.file, self.line, column, text)


def read_table(octets: bytes, file: str) -> list[Entry]:
    """Read one table; its first column tells its kind. Raises TableError with every problem."""
    rows = rows_of(octets, file)
    columns = _columns(file, *next(rows, (1, [""])))
    problems: list[Problem] = []
    entries = list(_entries(file, columns, rows, problems))
    if problems:
        raise TableError(problems)
    return entries


def read_cells(kind: Kind, key: str, cells: Mapping[str, str]) -> Entry:
    """The entry that a command line writes as `column=value`. Raises TableError with every problem."""
    columns = {column.name: column for column in kind.columns}
    values: dict[str, Any] = {}
    problems: list[Problem] = []
    for name, cell in {**cells, kind.key.name: key}.items():
        if name in columns:
            problems += _read(columns[name], cell, values, Problem("", 0, name, ""))
        else:
            problems.append(Problem("", 0, name, f"unknown; the columns are {', '.join(columns)}"))
    if problems:
        raise TableError(problems)
    return Entry(kind, key, values)


def write_table(kind: Kind, values: Iterable[Any]) -> str:
    """The table that `read_table` reads back."""
    header = [column.name for column in kind.columns]
    rows = [header, *(list(kind.written(value).values()) for value in values)]
    return "".join("\t".join(row) + "\n" for row in rows)


def _columns(file: str, line: int, names: list[str]) -> list[Column]:
    kind = KINDS.get(names[0])
    if kind is None:
        text = f"the first column is {' or '.join(KINDS)}, not {names[0]!r}"
        raise TableError([Problem(file, line, "column 1", text)])
    known = {column.name: column for column in kind.columns}
    problems = []
    for n, name in enumerate(names, 1):
        if name not in known:
            problems.append(Problem(file, line, f"column {n}", f"{name!r} is unknown; there are {', '.join(known)}"))
        elif name in names[: n - 1]:
            problems.append(Problem(file, line, f"column {n}", f"{name!r} is there twice"))
    if problems:
        raise TableError(problems)
    return [known[name] for name in names]


def _entries(
    file: str, columns: list[Column], rows: Iterable[tuple[int, list[str]]], problems: list[Problem]
) -> Iterator[Entry]:
    """The entries of the rows; what is wrong with them goes into `problems`."""
    kind = KINDS[columns[0].name]
    places = [f"column {n} ({column.name})" for n, column in enumerate(columns, 1)]
    seen: dict[str, int] = {}
    for line, cells in rows:
        if len(problems) >= MOST_PROBLEMS:
            problems.append(Problem(file, line, "", "and perhaps more: reading stopped here"))
            return
        if len(cells) != len(columns):
            problems.append(Problem(file, line, "", f"{len(columns)} cells expected, {len(cells)} found"))
            continue
        if first := seen.get(cells[0]):
            problems.append(Problem(file, line, places[0], f"{cells[0]} is already on line {first}"))
        seen.setdefault(cells[0], line)
        values: dict[str, Any] = {}
        for column, cell, place in zip(columns, cells, places, strict=True):
            problems += _read(column, cell, values, Problem(file, line, place, ""))
        yield Entry(kind, cells[0], values, file, line)


def _read(column: Column, cell: str, values: dict[str, Any], place: Problem) -> list[Problem]:
    """Put the value of a cell into `values`, or say what is wrong with it."""
    try:
        if len(cell) > LONGEST_VALUE:
            raise ValueError(f"{len(cell)} characters, at most {LONGEST_VALUE} allowed")
        values[column.field] = column.read(cell)
    except ValueError as error:
        return [replace(place, text=str(error))]
    return []
