"""The journal file: what is found again, what is forgotten, and what encryption hides."""

import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dmpws.domain.journal import Exchange, JournalQuery, Message
from dmpws.store.encryption import DataKeys, Encrypted
from dmpws.store.journal import PRUNE_EVERY, Journal, Retention

AT = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
CHECKS = ({"outcome": "passed", "rule": "VIHF-AGE", "ms": 1.5},)
STEPS = (("réception", 0.5), ("VIHF", 2.0))
REQUEST, ANSWER = Message("application/soap+xml", 9, b"<request/>"), Message("text/xml", 9_000, b"<answer", cut=True)


def exchange(at: datetime = AT, code: str = "", **facts: str) -> Exchange:
    told = {"patient": "279035121518989^1.2.250.1.213.1.4.10", "software_name": "dmpws kit", **facts}
    return Exchange("c0ffee", at, 0.02, "/patients", 200, "TD0.2", code, told, CHECKS, STEPS)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    opened = Journal(tmp_path / "journal.sqlite")
    yield opened
    opened.close()


def test_what_was_kept_is_given_back(journal: Journal) -> None:
    number = journal.add(exchange(), REQUEST, ANSWER)
    found = journal.get(number)
    assert found is not None
    assert (found.at, found.facts, found.checks, found.steps) == (AT, exchange().facts, CHECKS, STEPS)
    assert journal.message(number, "request") == REQUEST
    assert journal.message(number, "answer") == ANSWER
    assert journal.get(number + 1) is None
    assert journal.message(number + 1, "request") is None


def test_filters(journal: Journal) -> None:
    plain = journal.add(exchange(), REQUEST, ANSWER)
    other = journal.add(
        exchange(AT + timedelta(hours=1), patient="277076322082910^1.2.250.1.213.1.4.10"), REQUEST, ANSWER
    )
    refused = journal.add(exchange(AT + timedelta(hours=2), "DMPClosed", approval_number="LPS-7"), REQUEST, ANSWER)

    def ids(**query: object) -> list[int]:
        return [found.id for found in journal.find(JournalQuery(**query))]  # type: ignore[arg-type]

    assert ids() == [refused, other, plain]
    assert ids(limit=1) == [refused]
    assert ids(after=plain) == [other, refused]
    assert ids(patient="277076322082910") == ids(patient="277076322082910^1.2.250.1.213.1.4.10") == [other]
    assert ids(patient="27707632208291_") == []
    assert ids(software="LPS-7") == ids(code="DMPClosed") == [refused]
    assert ids(software="dmpws kit") == ids(transaction="TD0.2") == [refused, other, plain]
    assert ids(transaction="TD2.1") == []
    assert ids(since=AT + timedelta(hours=1), until=AT + timedelta(hours=2)) == [other]


def test_forgetting_takes_the_messages_too(journal: Journal, tmp_path: Path) -> None:
    first, second, third = (journal.add(exchange(), REQUEST, ANSWER) for _ in range(3))
    assert (journal.delete(second), journal.delete(second)) == (True, False)
    assert (journal.message(second, "request"), journal.message(first, "request")) == (None, REQUEST)
    assert (journal.reset(), journal.find(JournalQuery())) == (2, [])
    with sqlite3.connect(tmp_path / "journal.sqlite") as raw:
        assert raw.execute("SELECT count(*) FROM message").fetchone() == (0,)
    raw.close()
    assert journal.add(exchange(), REQUEST, ANSWER) > third  # who follows by id misses nothing


@pytest.mark.parametrize(
    ("retention", "left"),
    [(Retention(exchanges=10), 10), (Retention(days=1), 1), (Retention(octets=100), 5), (Retention(), 51)],
    ids=["number", "age", "octets", "nothing"],
)
def test_retention(tmp_path: Path, retention: Retention, left: int) -> None:
    journal = Journal(tmp_path / "journal.sqlite", retention=retention)
    for day in range(PRUNE_EVERY + 1):
        journal.add(exchange(AT + timedelta(days=day * 2 % 30 if day < PRUNE_EVERY else 29)), REQUEST, ANSWER)
    found = journal.find(JournalQuery(limit=1000))
    journal.close()
    assert found[0].id == PRUNE_EVERY + 1
    if retention.days == 1:
        assert {one.at for one in found} == {AT + timedelta(days=28), AT + timedelta(days=29)}
    else:
        assert len(found) == left


def test_with_encryption_the_file_tells_nothing_of_anybody(tmp_path: Path) -> None:
    sealer = Encrypted(DataKeys(b"a" * 32, b"key-0001", {b"key-0001": b"k" * 32}))
    journal = Journal(tmp_path / "journal.sqlite", sealer=sealer)
    number = journal.add(exchange(), REQUEST, ANSWER)
    assert [found.id for found in journal.find(JournalQuery(patient="279035121518989"))] == [number]
    assert journal.message(number, "answer") == ANSWER
    journal.close()
    written = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert [word for word in (b"279035121518989", b"dmpws kit", b"<request", b"VIHF-AGE") if word in written] == []


def test_a_file_of_another_version_is_begun_anew(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    journal = Journal(path)
    journal.add(exchange(), REQUEST, ANSWER)
    journal.close()
    with sqlite3.connect(path) as raw:
        raw.execute("UPDATE state SET version = 0")
    raw.close()
    journal = Journal(path)
    assert journal.find(JournalQuery()) == []
    journal.close()
    assert path.stat().st_mode & 0o077 == 0
