"""Statements of the daily calls: compiled once, then handed straight to the driver.

At every execution SQLAlchemy looks for the compiled form, wraps the parameters and the cursor: eight times what
SQLite needs to find a row. Here its compiled text, its types and its rows are used, and the rest is left out.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Dialect, Executable, Row
from sqlalchemy.engine.result import IteratorResult, SimpleResultMetaData
from sqlalchemy.sql.expression import Insert

from dmpws.store.engine import ByDialect

Parameters = Mapping[str, Any] | list[dict[str, Any]] | None


class Ready:
    """A statement whose text is always the same: its lists are bound with `one_of`, not expanded.

    statement: constants of it stay, every other parameter must be given at each run.
    """

    def __init__(self, statement: Executable | ByDialect) -> None:
        self._statement = statement
        self._texts: WeakKeyDictionary[Dialect, dict[tuple[str, ...], _Text]] = WeakKeyDictionary()

    def run(self, connection: Connection, parameters: Parameters = None) -> "Ran":
        """Run it, once or for each of several sets of parameters."""
        driver: Any = connection.connection.dbapi_connection
        if isinstance(parameters, list) and len(parameters) == 1:  # psycopg makes a pipeline of several
            (parameters,) = parameters
        if not isinstance(parameters, list):
            text = self._text(connection.dialect, parameters or {})
            return Ran(text, driver.execute(text.sql, text.bound(parameters or {}), **text.options))
        text, cursor = self._text(connection.dialect, parameters[0]), driver.cursor()
        cursor.executemany(text.sql, [text.bound(values) for values in parameters])
        return Ran(text, cursor)

    def _text(self, dialect: Dialect, parameters: Mapping[str, Any]) -> "_Text":
        if (texts := self._texts.get(dialect)) is None:
            texts = self._texts.setdefault(dialect, {})
        names = tuple(parameters)  # of an INSERT they are its columns
        if (text := texts.get(names)) is None:
            statement = self._statement
            chosen = statement[dialect.name] if isinstance(statement, Mapping) else statement
            text = texts.setdefault(names, _Text(chosen, dialect, names))
        return text


class _Text:
    """A statement for one database, and what converts its parameters and its rows."""

    def __init__(self, statement: Any, dialect: Dialect, names: Sequence[str]) -> None:
        columns = statement.exported_columns
        if isinstance(statement, Insert) and not columns:
            statement = statement.inline()  # nobody asks for the keys it makes
        compiled = statement.compile(dialect=dialect, column_keys=list(names))
        if compiled.post_compile_params or compiled.literal_execute_params:
            raise TypeError(f"the text of this statement depends on its values: {compiled}")
        self.sql = str(compiled)
        # PostgreSQL writes octets as hexadecimal digits unless asked not to.
        self.options = {"binary": True} if dialect.name == "postgresql" else {}
        binds = {name: bind for bind, name in compiled.bind_names.items()}
        self._order: Sequence[str] | None = compiled.positiontup
        self._binders = [
            (name, binds[name].type.dialect_impl(dialect).bind_processor(dialect)) for name in self._order or binds
        ]
        self._constants = {name: bind.effective_value for name, bind in binds.items() if not bind.required}
        self._readers: list[tuple[int, Callable[[Any], Any]]] = [
            (position, reader)
            for position, column in enumerate(columns)
            if (reader := column.type.dialect_impl(dialect).result_processor(dialect, None)) is not None
        ]
        self._shape = SimpleResultMetaData(list(columns.keys()))

    def bound(self, given: Mapping[str, Any]) -> Any:
        values = {**self._constants, **given} if self._constants else given
        if self._order is None:
            return {name: values[name] if bind is None else bind(values[name]) for name, bind in self._binders}
        return [values[name] if bind is None else bind(values[name]) for name, bind in self._binders]

    def rows(self, cursor: Any) -> Sequence[Row[Any]]:
        found = cursor.fetchall()
        result: IteratorResult[Any] = IteratorResult(self._shape, map(self._read, found) if self._readers else found)
        return result.all()

    def _read(self, row: Sequence[Any]) -> Sequence[Any]:
        values = list(row)
        for position, reader in self._readers:
            values[position] = reader(values[position])
        return tuple(values)


@dataclass(frozen=True, slots=True)
class Ran:
    """What a statement gave, as SQLAlchemy's CursorResult would say it."""

    _text: _Text
    _cursor: Any

    @property
    def rowcount(self) -> int:
        count: int = self._cursor.rowcount
        return count

    def all(self) -> Sequence[Row[Any]]:
        return self._text.rows(self._cursor)
