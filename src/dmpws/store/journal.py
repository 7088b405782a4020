"""The journal: a SQLite file of its own beside the data of a server, so that it costs the calls no synced write.

It may be lost or deleted at any time: nothing depends on it. Several machines keep one each. With encryption, all
that is about a person is sealed, and what is searched for is found by keyed digests (dmpws.store.encryption).
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    ForeignKey,
    Integer,
    LargeBinary,
    MetaData,
    Row,
    Table,
    Text,
    bindparam,
    delete,
    func,
    or_,
    select,
)

from dmpws.domain.journal import Exchange, JournalQuery, Message
from dmpws.store.encryption import Plain, Sealer
from dmpws.store.engine import make_engine
from dmpws.store.failures import translated
from dmpws.store.session import Database
from dmpws.store.tables import NAMES, Instant

VERSION = 1
"""Of the tables below; a file of another version is begun anew."""
PRUNE_EVERY = 50

metadata = MetaData(naming_convention=dict(NAMES))

exchange = Table(
    "exchange",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", Instant, nullable=False, index=True),
    Column("operation", Text, nullable=False),
    Column("code", Text, nullable=False),
    Column("patient", Text, nullable=False, index=True),
    Column("software", Text, nullable=False),
    Column("approval", Text, nullable=False),
    Column("content", LargeBinary, nullable=False),
    sqlite_autoincrement=True,  # an id is never used again: who follows the journal misses nothing
)

message = Table(
    "message",
    metadata,
    Column("exchange_id", ForeignKey(exchange.c.id, ondelete="CASCADE"), primary_key=True),
    Column("direction", Text, primary_key=True),
    Column("content_type", Text, nullable=False),
    Column("size", Integer, nullable=False),
    Column("cut", Boolean, nullable=False),
    Column("kept", Integer, nullable=False),
    Column("octets", LargeBinary, nullable=False),
)

state = Table("state", metadata, Column("version", Integer, primary_key=True))

_ADD = exchange.insert().returning(exchange.c.id)
_GET = select(exchange).where(exchange.c.id == bindparam("id"))
_MESSAGE = select(message).where(
    message.c.exchange_id == bindparam("id"), message.c.direction == bindparam("direction")
)
_DELETE = delete(exchange).where(exchange.c.id == bindparam("id"))
_OLD = delete(exchange).where(or_(exchange.c.at < bindparam("before"), exchange.c.id <= bindparam("last")))
_NEWEST_FIRST = select(message.c.exchange_id, func.sum(message.c.kept).label("kept")).group_by(
    message.c.exchange_id
).order_by(message.c.exchange_id.desc())  # fmt: skip


@dataclass(frozen=True, slots=True)
class Retention:
    """What the journal keeps: at most so many exchanges, of so many days, and so many octets of messages."""

    exchanges: int = 10_000
    days: int = 30
    octets: int = 500 * 1024 * 1024


class Journal:
    """The journal of one machine. Safe to share between threads and over fork. Methods raise StorageError."""

    def __init__(self, file: Path, *, sealer: Sealer | None = None, retention: Retention | None = None) -> None:
        """file: made when it is missing, with mode 0600."""
        self._sealer = sealer or Plain()
        self._retention = retention or Retention()
        self._added = 0
        with translated():
            file.parent.mkdir(parents=True, exist_ok=True)
            file.touch(mode=0o600)
        engine = make_engine(f"sqlite:///{file}", pool_size=4, synchronous="NORMAL")
        self._db = Database(engine)
        with translated():
            metadata.create_all(engine)
        if [row.version for row in self._db.rows(select(state))] != [VERSION]:
            with translated():
                metadata.drop_all(engine)
                metadata.create_all(engine)
            self._db.change(state.insert(), {"version": VERSION})

    def add(self, added: Exchange, request: Message, answer: Message) -> int:
        """Keep an exchange and return its id; what is too old or too much goes on the way."""
        facts = added.facts
        content = json.dumps({k: v for k, v in asdict(added).items() if k not in ("id", "at")}, ensure_ascii=False)
        row = {
            "at": added.at,
            "operation": added.operation,
            "code": added.code,
            "patient": self._key(str(facts.get("patient", "")).partition("^")[0]),
            "software": self._key(str(facts.get("software_name", ""))),
            "approval": self._key(str(facts.get("approval_number", ""))),
            "content": self._sealer.seal(content.encode(), "journal"),
        }
        with self._db.session(writable=True) as session:
            (number,) = session.returning(_ADD, row)[0]
            session.change(
                message.insert(),
                [self._message(number, "request", request), self._message(number, "answer", answer)],
            )
            session.end(commit=True)
        self._added += 1
        if self._added % PRUNE_EVERY == 1:
            self._prune(int(number), added.at)
        return int(number)

    def _message(self, number: int, direction: str, kept: Message) -> dict[str, Any]:
        return {
            "exchange_id": number,
            "direction": direction,
            "content_type": kept.content_type,
            "size": kept.size,
            "cut": kept.cut,
            "kept": len(kept.octets),
            "octets": self._sealer.seal(kept.octets, f"journal {direction}"),
        }

    def _prune(self, newest: int, now: datetime) -> None:
        last, total = newest - self._retention.exchanges, 0
        for row in self._db.rows(_NEWEST_FIRST):
            total += row.kept
            if total > self._retention.octets:
                last = max(last, row.exchange_id)
                break
        self._db.change(_OLD, {"before": now - timedelta(days=self._retention.days), "last": last})

    def find(self, query: JournalQuery) -> list[Exchange]:
        """The exchanges asked for; see JournalQuery for their order."""
        wanted = select(exchange).limit(query.limit)
        columns = exchange.c
        if query.patient:
            wanted = wanted.where(columns.patient == self._key(query.patient.partition("^")[0]))
        if query.software:
            key = self._key(query.software)
            wanted = wanted.where(or_(columns.software == key, columns.approval == key))
        if query.transaction:
            wanted = wanted.where(columns.operation == query.transaction)
        if query.code:
            wanted = wanted.where(columns.code == query.code)
        if query.since is not None:
            wanted = wanted.where(columns.at >= query.since)
        if query.until is not None:
            wanted = wanted.where(columns.at < query.until)
        if query.after is not None:
            wanted = wanted.where(columns.id > query.after).order_by(columns.id)
        else:
            wanted = wanted.order_by(columns.id.desc())
        return self._read(self._db.rows(wanted))

    def get(self, number: int) -> Exchange | None:
        """One exchange."""
        found = self._read(self._db.rows(_GET, {"id": number}))
        return found[0] if found else None

    def message(self, number: int, direction: str) -> Message | None:
        """The `request` or `answer` of an exchange."""
        rows = self._db.rows(_MESSAGE, {"id": number, "direction": direction})
        if not rows:
            return None
        row = rows[0]
        octets = self._sealer.open(row.octets, f"journal {direction}")
        return Message(row.content_type, row.size, octets, row.cut)

    def delete(self, number: int) -> bool:
        """Forget an exchange; False when it is not there."""
        return self._db.change(_DELETE, {"id": number}) == 1

    def reset(self) -> int:
        """Forget everything and return how much there was."""
        return self._db.change(delete(exchange))

    def close(self) -> None:
        """Close the idle connections."""
        self._db.engine.dispose()

    def _read(self, rows: Sequence[Row[Any]]) -> list[Exchange]:
        return [self._exchange(row) for row in rows]

    def _exchange(self, row: Row[Any]) -> Exchange:
        content = json.loads(self._sealer.open(row.content, "journal"))
        steps = tuple((name, milliseconds) for name, milliseconds in content.pop("steps"))
        read = Exchange(**{**content, "checks": tuple(content["checks"])}, at=row.at, steps=steps)
        return replace(read, id=row.id)

    def _key(self, value: str) -> str:
        return self._sealer.name(hashlib.sha256(value.encode()).hexdigest()) if value else ""
