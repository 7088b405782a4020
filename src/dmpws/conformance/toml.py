"""Reading TOML strictly: every value has the type that is asked for, every key is one that somebody asked for."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any


class BadFile(ValueError):
    """A data file that is not what it should be; the message names the file and the key."""


class Table:
    """A table of a TOML file. Each method takes the value of a key; `end` refuses the keys nobody took.

    Every method raises BadFile.
    """

    def __init__(self, path: Path, values: Mapping[str, Any], name: str = "") -> None:
        self.path = path
        self._values = dict(values)
        self._name = name

    @classmethod
    def load(cls, path: Path) -> "Table":
        """Read a file."""
        try:
            return cls(path, tomllib.loads(path.read_text("utf-8")))
        except OSError as error:
            raise BadFile(f"{path}: {error.strerror}") from None
        except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise BadFile(f"{path}: {error}") from None

    def bad(self, key: str, sentence: str) -> BadFile:
        """The error to raise about a key."""
        return BadFile(f"{self.path}: {'.'.join(filter(None, (self._name, key)))}: {sentence}")

    def __contains__(self, key: str) -> bool:
        return key in self._values

    def peek(self, key: str) -> Any:
        """The value of a key, which stays to be taken; None when there is none."""
        return self._values.get(key)

    def text(self, key: str, default: str | None = None) -> str:
        """A text. default: when the key is absent; None when it must be there."""
        value = self._values.pop(key, default)
        if value is None:
            raise self.bad(key, "missing")
        if not isinstance(value, str):
            raise self.bad(key, f"{value!r} is not a text")
        return value

    def flag(self, key: str) -> bool:
        """A boolean, false when absent."""
        value = self._values.pop(key, False)
        if not isinstance(value, bool):
            raise self.bad(key, f"{value!r} is not true or false")
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of texts, empty when absent."""
        value = self._values.pop(key, [])
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self.bad(key, f"{value!r} is not a list of texts")
        return tuple(value)

    def table(self, key: str) -> "Table":
        """A table, empty when absent."""
        value = self._values.pop(key, {})
        if not isinstance(value, dict):
            raise self.bad(key, f"{value!r} is not a table")
        return self._inside(key, value)

    def tables(self, key: str) -> list["Table"]:
        """A list of tables, empty when absent."""
        value = self._values.pop(key, [])
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise self.bad(key, f"{value!r} is not a list of tables")
        return [self._inside(f"{key}[{index}]", item) for index, item in enumerate(value, 1)]

    def rest(self) -> dict[str, Any]:
        """What nobody took, for who knows what to do with it."""
        values, self._values = self._values, {}
        return values

    def end(self) -> None:
        """Refuse what nobody took."""
        for key in self._values:
            raise self.bad(key, "unknown key")

    def _inside(self, key: str, values: Mapping[str, Any]) -> "Table":
        return Table(self.path, values, ".".join(filter(None, (self._name, key))))
