"""Running statements: in a unit of work, or alone."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

from sqlalchemy import Connection, CursorResult, Engine, Executable, Row

from dmpws.store.engine import ByDialect
from dmpws.store.failures import translated
from dmpws.store.ready import Parameters, Ran, Ready
from dmpws.store.turn import WriteTurn, begin_change, begin_snapshot, run

Statement = Executable | ByDialect | Ready


class Statements(Protocol):
    """What the repositories need of a database. Every method raises StorageError."""

    def rows(self, statement: Statement, parameters: Parameters = None) -> Sequence[Row[Any]]:
        """Run a query."""
        ...

    def change(self, statement: Statement, parameters: Parameters = None) -> int:
        """Run an INSERT, UPDATE or DELETE and return the number of rows it touched."""
        ...

    def returning(self, statement: Statement, parameters: Parameters = None) -> Sequence[Row[Any]]:
        """Run a change that has a RETURNING clause, or a query that must be part of the change."""
        ...


def _run(connection: Connection, statement: Statement, parameters: Parameters) -> CursorResult[Any] | Ran:
    if isinstance(statement, Ready):
        return statement.run(connection, parameters)
    if isinstance(statement, Mapping):
        statement = statement[connection.dialect.name]
    return connection.execute(statement, parameters)


class Session:
    """The statements of one unit of work, on one connection.

    A read session is one snapshot. A write session begins its transaction with the first change: the checks of a
    call, its signatures above all, do not hold the only write lock of SQLite.
    """

    def __init__(self, connection: Connection, turn: WriteTurn | None) -> None:
        """turn: of the writers; None for a session that only reads."""
        self._connection = connection
        self._turn = turn
        self._begun = False
        if turn is None:
            with translated():
                begin_snapshot(connection)
            self._begun = True

    def rows(self, statement: Statement, parameters: Parameters = None) -> Sequence[Row[Any]]:
        with translated():
            return _run(self._connection, statement, parameters).all()

    def change(self, statement: Statement, parameters: Parameters = None) -> int:
        with translated():
            self._begin()
            count = _run(self._connection, statement, parameters).rowcount
        assert count >= 0, "a driver that does not count would make every conflict look like a success"
        return count

    def returning(self, statement: Statement, parameters: Parameters = None) -> Sequence[Row[Any]]:
        with translated():
            self._begin()
            return _run(self._connection, statement, parameters).all()

    def _begin(self) -> None:
        if self._turn is None:
            raise TypeError("this unit of work only reads")
        if self._begun:
            return
        self._turn.take()
        try:
            begin_change(self._connection)
        except BaseException:
            self._turn.give()
            raise
        self._begun = True

    def end(self, *, commit: bool) -> None:
        """Commit or roll back what was begun, if anything."""
        if not self._begun:
            return
        self._begun = False
        try:
            with translated():
                run(self._connection, "COMMIT" if commit else "ROLLBACK")
        except BaseException:
            self._connection.invalidate()  # whatever state it is in, nobody else gets it
            raise
        finally:
            if self._turn is not None:
                self._turn.give()


class Database:
    """The engine. As `Statements`, each statement is a transaction of its own."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._turn = WriteTurn(one_writer=engine.dialect.name == "sqlite")

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """A connection of the pool for the time of a block."""
        with translated():
            connection = self.engine.connect()
        try:
            yield connection
        finally:
            with translated():
                connection.close()

    @contextmanager
    def session(self, *, writable: bool) -> Iterator[Session]:
        """A session; whoever uses it ends it, or it is rolled back."""
        with self.connection() as connection:
            session = Session(connection, self._turn if writable else None)
            try:
                yield session
            finally:
                session.end(commit=False)

    def rows(self, statement: Statement, parameters: Parameters = None) -> Sequence[Row[Any]]:
        with self.connection() as connection, translated():
            return _run(connection, statement, parameters).all()

    def change(self, statement: Statement, parameters: Parameters = None) -> int:
        with self.session(writable=True) as session:
            count = session.change(statement, parameters)
            session.end(commit=True)
            return count

    def returning(self, statement: Statement, parameters: Parameters = None) -> Sequence[Row[Any]]:
        with self.session(writable=True) as session:
            rows = session.returning(statement, parameters)
            session.end(commit=True)
            return rows
