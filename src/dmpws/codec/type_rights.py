"""The document-type rights as a table: profession, typeCode, read (docs/reference/document-type-rights.md)."""

import re
from importlib import resources

from dmpws.codec.tables import MOST_PROBLEMS, Problem, TableError, rows_of
from dmpws.domain.type_rights import TypeRights

COLUMNS = ("profession", "typeCode", "read")
SOURCE = "source"
"""A fourth column, for whoever reads the table."""

_PATTERNS = (
    (re.compile(r"[0-9A-Za-z]{1,20}(\^[0-9.]{3,64})?(/[0-9A-Za-z]{1,20})?"), "a profession as 60, 21/G or 10^1.2.250"),
    (re.compile(r"\*|[0-9A-Za-z_-]{1,40}"), "a typeCode, or *"),
    (re.compile("yes|no"), "yes or no"),
)


def read_type_rights(octets: bytes, file: str, *, unlisted: bool) -> TypeRights:
    """Read a table; a cell may list professions or types, separated by commas.

    unlisted: what a pair that is in no line gets. Raises TableError with every problem, contradictions included.
    """
    rows = rows_of(octets, file)
    line, header = next(rows, (1, [""]))
    if header not in ([*COLUMNS], [*COLUMNS, SOURCE]):
        text = f"the columns are {', '.join(COLUMNS)} and perhaps {SOURCE}, not {', '.join(map(repr, header))}"
        raise TableError([Problem(file, line, "", text)])
    cells: dict[tuple[str, str], bool] = {}
    problems: list[Problem] = []
    for line, row in rows:
        if len(row) != len(header):
            problems.append(Problem(file, line, "", f"{len(header)} cells expected, {len(row)} found"))
            continue
        values = [[item.strip() for item in cell.split(",")] for cell in row[: len(COLUMNS)]]
        wrong = [
            Problem(file, line, f"column {n} ({name})", f"{item!r} is not {what}")
            for n, (name, items, (pattern, what)) in enumerate(zip(COLUMNS, values, _PATTERNS, strict=True), 1)
            for item in items
            if not pattern.fullmatch(item)
        ]
        professions, types, (read, *more) = values
        if more:
            wrong.append(Problem(file, line, f"column 3 ({COLUMNS[2]})", f"{row[2]!r} is not yes or no"))
        for pair in ((profession, code) for profession in professions for code in types):
            if cells.setdefault(pair, read == "yes") != (read == "yes"):
                wrong.append(Problem(file, line, "", f"{pair[0]} and {pair[1]}: a line before says the contrary"))
        problems += wrong
        if len(problems) >= MOST_PROBLEMS:
            problems.append(Problem(file, line, "", "and perhaps more: reading stopped here"))
            break
    if problems:
        raise TableError(problems)
    return TypeRights(cells, unlisted)


def public_type_rights(*, unlisted: bool) -> TypeRights:
    """The few cells that are public (DMPWS D19)."""
    name = "type_rights.tsv"
    octets = resources.files("dmpws.domain").joinpath("data", name).read_bytes()
    return read_type_rights(octets, name, unlisted=unlisted)
