"""Memory of used assertions (DMPWS D2): in the database, so that it holds across workers and restarts."""

import hashlib
from datetime import datetime, timedelta

from sqlalchemy import bindparam, delete

from dmpws.store.engine import by_dialect
from dmpws.store.session import Statements
from dmpws.store.tables import used_token

KEPT_LONGER = timedelta(days=1)
"""Clocks of several machines may differ; an expired row costs little."""

_REMEMBER = by_dialect(lambda insert: insert(used_token).on_conflict_do_nothing())
_FORGET = delete(used_token).where(used_token.c.expires_at < bindparam("expires_at"))


class TokenTable:
    """Implements dmpws.domain.directory.TokenMemory."""

    def __init__(self, statements: Statements) -> None:
        self._db = statements

    def remember(self, assertion_id: str, *, expires_at: datetime) -> bool:
        """Record the ID durably; False when it was already there. Rows long expired are forgotten on the way."""
        fingerprint = hashlib.sha256(assertion_id.encode("utf-8", "surrogatepass")).hexdigest()
        fresh = self._db.change(_REMEMBER, {"fingerprint": fingerprint, "expires_at": expires_at}) == 1
        if fresh:
            self._db.change(_FORGET, {"expires_at": expires_at - KEPT_LONGER})
        return fresh
