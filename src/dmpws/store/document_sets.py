"""setId and versionNumber of CDA documents: which versions of a document a record has had (DMPWS D73)."""

from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import bindparam, select

from dmpws.domain.checks import refusal
from dmpws.store import rules
from dmpws.store.conditions import one_of
from dmpws.store.engine import by_dialect
from dmpws.store.ready import Ready
from dmpws.store.session import Statements
from dmpws.store.tables import document_set
from dmpws.transactions.ports import NewEntry

_S = document_set.c
_NEW = Ready(by_dialect(lambda insert: insert(document_set).on_conflict_do_nothing()))
_VERSIONS = Ready(
    select(_S.unique_id, _S.set_id, _S.version).where(
        _S.patient_id == bindparam("patient"), one_of(_S.set_id, "set_ids")
    )
)


class DocumentSets:
    """Writes and reads the table."""

    def __init__(self, statements: Statements) -> None:
        self._db = statements

    def add(self, patient: int, entries: Sequence[NewEntry]) -> None:
        """Note the versions a lot brings. Raises Refused when another call brought one in the meantime."""
        rows = [
            {"patient_id": patient, "set_id": new.set_id, "version": new.set_version, "unique_id": new.entry.unique_id}
            for new in entries
            if new.set_id and new.set_version
        ]
        if rows and self._db.change(_NEW, rows) != len(rows):
            found = ", ".join(f"{r['set_id']} version {r['version']}" for r in rows)
            raise refusal(rules.DOCUMENT_SET, expected="un autre setId ou versionNumber", found=found[: rules.SHOWN])

    def versions(self, patient: int, set_ids: Iterable[str]) -> Mapping[str, tuple[str, str]]:
        """setId and versionNumber by uniqueId, of all documents of these sets."""
        rows = self._db.rows(_VERSIONS, {"patient": patient, "set_ids": list(dict.fromkeys(set_ids))})
        return {row.unique_id: (row.set_id, row.version) for row in rows}
