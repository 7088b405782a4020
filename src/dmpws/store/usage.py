"""Counters of searches, shared by all workers: one row for each user and each software (DMPWS D138)."""

from collections.abc import Sequence

from sqlalchemy import bindparam, select, update
from sqlalchemy.dialects import postgresql

from dmpws.domain.over_use import Counted, Recent
from dmpws.store.engine import by_dialect
from dmpws.store.session import Statements
from dmpws.store.tables import search_use

_U = search_use.c
_KEY = (_U.who == bindparam("of"), _U.key == bindparam("id"))
_GET = select(_U.recent).where(*_KEY)
_PUT = update(search_use).where(*_KEY).values(recent=bindparam("now_recent"))


def _held(insert: postgresql.Insert) -> postgresql.Insert:
    """Change nothing, and so lock the row, made if needed."""
    return insert.on_conflict_do_update(index_elements=[_U.who, _U.key], set_={"recent": _U.recent})


_HOLD = by_dialect(lambda insert: _held(insert(search_use)).returning(_U.recent))


class UsageTable:
    """Implements dmpws.transactions.ports.Usage."""

    def __init__(self, statements: Statements) -> None:
        self._db = statements

    def get(self, who: Counted, key: str) -> Sequence[Sequence[int]]:
        rows = self._db.rows(_GET, {"of": who.value, "id": key})
        return rows[0].recent if rows else ()

    def hold(self, who: Counted, key: str) -> Sequence[Sequence[int]]:
        """The counter, which nobody else changes until the unit of work ends."""
        values: dict[str, object] = {"who": who.value, "key": key, "recent": []}
        found: Sequence[Sequence[int]] = self._db.returning(_HOLD, values)[0].recent
        return found

    def put(self, who: Counted, key: str, recent: Recent) -> None:
        self._db.change(_PUT, {"of": who.value, "id": key, "now_recent": [list(part) for part in recent]})
