"""An LPS's own list of the lots it sent, so that a cut between sending and answer leaves no doubt for long."""

import os
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from dmpws.client.closing import Closing
from dmpws.client.lot import Lot
from dmpws.domain.patient import Ins

_TABLES = """
CREATE TABLE IF NOT EXISTS lot (
    unique_id TEXT PRIMARY KEY, key TEXT UNIQUE, patient TEXT NOT NULL, authority TEXT NOT NULL,
    sent_at TEXT NOT NULL, state TEXT NOT NULL, code TEXT NOT NULL DEFAULT '', reason TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE TABLE IF NOT EXISTS document (
    lot TEXT NOT NULL REFERENCES lot (unique_id) ON DELETE CASCADE, position INTEGER NOT NULL,
    unique_id TEXT NOT NULL, sha1 TEXT NOT NULL, PRIMARY KEY (lot, position)
) STRICT;
CREATE INDEX IF NOT EXISTS lot_state ON lot (state);
"""
_LOT = "SELECT unique_id, coalesce(key, ''), patient, authority, sent_at, state, code, reason FROM lot"


class LotState(StrEnum):
    """sent: about to be sent, or sent and not answered: nobody knows whether it arrived."""

    SENT = "sent"
    ACKNOWLEDGED = "acknowledged"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class SentDocument:
    """sha1: of the octets, hexadecimal, as the registry has it."""

    unique_id: str
    sha1: str


@dataclass(frozen=True, slots=True)
class SentLot:
    """A row of the list. key: what the caller calls the lot, or empty. code, reason: of a refusal."""

    unique_id: str
    key: str
    ins: Ins
    sent_at: datetime
    state: LotState
    code: str
    reason: str
    documents: tuple[SentDocument, ...]

    @property
    def document_ids(self) -> tuple[str, ...]:
        return tuple(document.unique_id for document in self.documents)


class SentLots(Closing):
    """The list, in one SQLite file that only its owner can read: it names patients.

    Given to a session (`LpsSession(…, sent=…)`), it holds each lot from before it is sent.
    """

    def __init__(self, path: Path | str) -> None:
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        self._base = sqlite3.connect(path, timeout=30)
        self._base.execute("PRAGMA foreign_keys = ON")
        self._base.execute("PRAGMA synchronous = FULL")
        self._base.executescript(_TABLES)

    def close(self) -> None:
        self._base.close()

    def record(self, ins: Ins, lot: Lot, *, now: datetime, key: str = "") -> None:
        """Write down a lot that is about to be sent, on disk when this returns.

        key: a later lot of the same key takes the place of the former. What was acknowledged stays so.
        """
        octets = list(lot.attachments.values())[: len(lot.document_ids)]
        row = (lot.unique_id, key or None, ins.value, ins.authority, now.isoformat(), LotState.SENT)
        documents = [
            (lot.unique_id, n, unique_id, content.sha1)
            for n, (unique_id, content) in enumerate(zip(lot.document_ids, octets, strict=True))
        ]
        with self._base:
            self._base.execute("DELETE FROM lot WHERE key = ? AND unique_id <> ?", (key, lot.unique_id))
            self._base.execute(
                "INSERT INTO lot (unique_id, key, patient, authority, sent_at, state) VALUES (?, ?, ?, ?, ?, ?)"
                " ON CONFLICT (unique_id) DO UPDATE SET sent_at = excluded.sent_at, state = excluded.state,"
                " code = '', reason = '' WHERE state <> 'acknowledged'",
                row,
            )
            self._base.executemany("INSERT OR REPLACE INTO document VALUES (?, ?, ?, ?)", documents)

    def acknowledge(self, unique_id: str) -> None:
        """The server has this lot."""
        with self._base:
            self._base.execute(
                "UPDATE lot SET state = 'acknowledged', code = '', reason = '' WHERE unique_id = ?", (unique_id,)
            )

    def refuse(self, unique_id: str, code: str, reason: str) -> None:
        """The server refused this lot; one that it has acknowledged before stays so."""
        with self._base:
            self._base.execute(
                "UPDATE lot SET state = 'refused', code = ?, reason = ?"
                " WHERE unique_id = ? AND state <> 'acknowledged'",
                (code, reason, unique_id),
            )

    def of_key(self, key: str) -> SentLot | None:
        """The last lot recorded under a key."""
        return next(iter(self._lots("WHERE key = ?", key)), None)

    def lots(self, state: LotState | None = None) -> list[SentLot]:
        """The lots of a state, or all, oldest first."""
        return self._lots("WHERE state = ? ORDER BY rowid", state) if state else self._lots("ORDER BY rowid")

    def _lots(self, where: str, *values: str) -> list[SentLot]:
        with closing(self._base.execute(f"{_LOT} {where}", values)) as rows:
            found = rows.fetchall()
        return [
            SentLot(unique_id, key, Ins(patient, authority), datetime.fromisoformat(sent_at), LotState(state),
                    code, reason, self._documents(unique_id))
            for unique_id, key, patient, authority, sent_at, state, code, reason in found
        ]  # fmt: skip

    def _documents(self, lot: str) -> tuple[SentDocument, ...]:
        query = "SELECT unique_id, sha1 FROM document WHERE lot = ? ORDER BY position"
        return tuple(SentDocument(*row) for row in self._base.execute(query, (lot,)))
