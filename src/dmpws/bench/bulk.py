"""Reading and adding rows as the driver knows them, a thousand at a time: as fast as the database can."""

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from sqlalchemy import Table
from sqlalchemy.engine import make_url

Row = Sequence[Any]


class Bulk(Protocol):
    """One connection of a database nobody else uses for the moment."""

    def rows(self, table: Table) -> list[dict[str, Any]]:
        """Every row, by column."""
        ...

    def add(self, table: Table, columns: Sequence[str], rows: Iterable[Row]) -> None: ...

    def close(self) -> None:
        """Commit, and leave the database as its server wants it."""
        ...


def open_bulk(url: str) -> Bulk:
    """Connect to a migrated SQLite or PostgreSQL database."""
    target = make_url(url)
    return _Sqlite(str(target.database)) if target.get_backend_name() == "sqlite" else _Postgres(url)


class _Sqlite:
    def __init__(self, path: str) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None)
        # What an interrupted filling leaves is thrown away, so nothing need survive one.
        for pragma in ("journal_mode = OFF", "synchronous = OFF", "cache_size = -500000", "locking_mode = EXCLUSIVE"):
            self._connection.execute(f"PRAGMA {pragma}").fetchall()
        self._connection.execute("BEGIN")

    def rows(self, table: Table) -> list[dict[str, Any]]:
        names = [column.name for column in table.c]
        found = self._connection.execute(f"SELECT {', '.join(names)} FROM {table.name} ORDER BY 1")
        return [dict(zip(names, row, strict=True)) for row in found]

    def add(self, table: Table, columns: Sequence[str], rows: Iterable[Row]) -> None:
        values = ", ".join("?" * len(columns))
        self._connection.executemany(f"INSERT INTO {table.name} ({', '.join(columns)}) VALUES ({values})", rows)

    def close(self) -> None:
        self._connection.execute("COMMIT")
        self._connection.close()


class _Postgres:
    def __init__(self, url: str) -> None:
        import psycopg  # noqa: PLC0415 - an extra
        from psycopg.types.json import set_json_loads  # noqa: PLC0415

        self._connection = psycopg.connect(url, autocommit=True)
        set_json_loads(_unread, self._connection)

    def rows(self, table: Table) -> list[dict[str, Any]]:
        names = [column.name for column in table.c]
        found = self._connection.execute(f"SELECT {', '.join(names)} FROM {table.name} ORDER BY 1".encode())
        return [dict(zip(names, row, strict=True)) for row in found]

    def add(self, table: Table, columns: Sequence[str], rows: Iterable[Row]) -> None:
        with (
            self._connection.cursor() as cursor,
            cursor.copy(f"COPY {table.name} ({', '.join(columns)}) FROM STDIN".encode()) as copy,
        ):
            for row in rows:
                copy.write_row(row)

    def close(self) -> None:
        """Its own keys go on after those that were given, and the planner knows the tables, as after a while."""
        for name in ("patient", "submission_set"):
            top = f"(SELECT max(id) FROM {name})"
            self._connection.execute(f"SELECT setval(pg_get_serial_sequence('{name}', 'id'), {top})".encode())
        self._connection.execute("VACUUM ANALYZE")
        self._connection.close()


def _unread(json: str | bytes) -> str:
    """JSON that is read to be written again."""
    return json if isinstance(json, str) else json.decode()
