"""Tables of an operator: UTF-8 text, one row per line, cells separated by tabs."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

MOST_PROBLEMS = 100


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong in a table, and where: name of the file, line from 1, column by name and number from 1."""

    file: str
    line: int
    column: str
    text: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}: " if self.line else f"{self.file}: " if self.file else ""
        return f"{place}{self.column}: {self.text}" if self.column else f"{place}{self.text}"


class TableError(ValueError):
    """A table, or several, cannot be used; every problem is said."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = list(problems)
        super().__init__("\n".join(map(str, self.problems)))


def rows_of(octets: bytes, file: str) -> Iterator[tuple[int, list[str]]]:
    """The rows with their line numbers, the header first; comments (#) and empty lines are skipped.

    Raises TableError when the octets are not UTF-8.
    """
    try:
        text = octets.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = octets[: error.start].count(b"\n") + 1
        raise TableError([Problem(file, line, "", "not UTF-8")]) from None
    lines = ((n, line) for n, line in enumerate(text.split("\n"), 1) if line.strip() and not line.startswith("#"))
    return ((n, [cell.strip() for cell in line.split("\t")]) for n, line in lines)
