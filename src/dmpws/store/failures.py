"""Errors of drivers and of the file system become StorageError: none leaves the store as it is."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

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


@contextmanager
def translated() -> Iterator[None]:
    """Raise StorageError, or StorageBusy, for any error of the database or of the file system in the block."""
    try:
        yield
    except DATABASE_ERRORS as error:
        cause = error.orig if isinstance(error, DBAPIError) else error
        raise (StorageBusy if is_busy(cause) else StorageError)(f"database: {cause}") from error
    except SQLAlchemyError as error:
        raise StorageError(f"database: {error}") from error
    except OSError as error:
        raise StorageError(f"document storage: {error}") from error
