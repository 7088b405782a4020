"""Conditions on lists, bound as one parameter however long they are: IN and OR have limits, and a statement whose
text depends on its values is compiled again and again."""

from collections.abc import Sequence
from typing import Any, Self

from sqlalchemy import Boolean, ColumnElement, Dialect, Text, bindparam
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from dmpws.store.tables import TextList


class Patterns(TextList):
    """A list of SQL LIKE patterns without escape character, which PostgreSQL has by default."""

    cache_ok = True

    def process_bind_param(self, value: Sequence[str] | None, dialect: Dialect) -> Sequence[str] | None:
        if value is None or dialect.name == "sqlite":
            return value
        return [pattern.replace("\\", "\\\\") for pattern in value]


class _Condition(FunctionElement[bool]):
    type = Boolean()

    def self_group(self, against: Any = None) -> Self:
        """As it is: `x IN (…) = 1`, which SQLAlchemy writes for databases without booleans, uses no index."""
        return self


class _OneOf(_Condition):
    name = "one_of"
    inherit_cache = True


class _AnyOneOf(_Condition):
    name = "any_one_of"
    inherit_cache = True


class _AnyLike(_Condition):
    name = "any_like"
    inherit_cache = True


class _CodeOf(FunctionElement[str]):
    type = Text()
    name = "code_of"
    inherit_cache = True


def one_of(column: ColumnElement[Any], parameter: str) -> ColumnElement[bool]:
    """The text `column` is one of the list bound to `parameter`."""
    return _OneOf(column, bindparam(parameter, type_=TextList()))


def any_one_of(column: ColumnElement[Any], parameter: str) -> ColumnElement[bool]:
    """A value of the list in `column` is one of the list bound to `parameter`."""
    return _AnyOneOf(column, bindparam(parameter, type_=TextList()))


def any_like(column: ColumnElement[Any], parameter: str) -> ColumnElement[bool]:
    """A value of the list in `column` matches one of the patterns (`%`, `_`, no escape) bound to `parameter`."""
    return _AnyLike(column, bindparam(parameter, type_=Patterns()))


def code_of(column: ColumnElement[str]) -> ColumnElement[str]:
    """The code of a column that holds `code^^system`."""
    return _CodeOf(column)


_SQL = {
    ("one_of", "sqlite"): "{0} IN (SELECT value FROM json_each({1}))",
    ("one_of", "postgresql"): "{0} = ANY({1})",
    ("any_one_of", "sqlite"): "EXISTS (SELECT 1 FROM json_each({0}) WHERE value IN (SELECT value FROM json_each({1})))",
    ("any_one_of", "postgresql"): "{0} && {1}",
    ("any_like", "sqlite"): (
        "EXISTS (SELECT 1 FROM json_each({0}) AS v JOIN json_each({1}) AS p WHERE v.value LIKE p.value)"
    ),
    ("any_like", "postgresql"): "EXISTS (SELECT 1 FROM unnest({0}) AS v WHERE v LIKE ANY({1}))",
    ("code_of", "sqlite"): "substr({0}, 1, instr({0}, '^^') - 1)",
    ("code_of", "postgresql"): "split_part({0}, '^^', 1)",
}


@compiles(_OneOf)
@compiles(_AnyOneOf)
@compiles(_AnyLike)
@compiles(_CodeOf)
def _spelled(element: _Condition | _CodeOf, compiler: SQLCompiler, **kw: Any) -> str:
    operands = (compiler.process(clause, **kw) for clause in element.clauses)
    return _SQL[element.name, compiler.dialect.name].format(*operands)
