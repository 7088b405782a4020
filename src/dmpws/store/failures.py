"""Errors of drivers and of the file system become StorageError: none leaves the store as it is."""

import sqlite3

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from dmpws.transactions.ports import StorageBusy, StorageError

try:
    import psycopg

    DATABASE_ERRORS: tuple[type[Exception], ...] = (DBAPIError, sqlite3.Error, psycopg.Error)
except ImportError:  # the extra `postgres` is not installed
    DATABASE_ERRORS = (DBAPIError, sqlite3.Error)

_BUSY_SQLITE = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_BUSY_POSTGRES = {"40001", "40P01", "55P03", "53300"}
"""Serialization failure, deadlock, lock not available, too many connections."""


def is_busy(error: BaseException | None) -> bool:
    """Tell whether a driver's error is about somebody else being at work."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return code in _BUSY_SQLITE or getattr(error, "sqlstate", "") in _BUSY_POSTGRES


class translated:  # noqa: N801 - used as a function; a generator would cost more than some of what it guards
    """Raise StorageError, or StorageBusy, for any error of the database or of the file system in the block."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, DATABASE_ERRORS):
            cause = error.orig if isinstance(error, DBAPIError) else error
            raise (StorageBusy if is_busy(cause) else StorageError)(f"database: {cause}") from error
        if isinstance(error, SQLAlchemyError):
            raise StorageError(f"database: {error}") from error
        if isinstance(error, OSError):
            raise StorageError(f"document storage: {error}") from error
