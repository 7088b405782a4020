"""A registry of any size, grown from one real lot.

The lot was deposited by a client; its rows and fragments are the pattern. Every row made from it has identifiers,
digests, times and a patient of its own, and is compressed as the store does. What no search by patient reads is left
out: associations, evidence, octets, traces.
"""

import multiprocessing
import os
import re
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Table

from dmpws.bench import messages, say
from dmpws.bench.bulk import Bulk, Row
from dmpws.cast import allocate_ins
from dmpws.client.cda import new_oid
from dmpws.domain.datatypes import format_dtm, parse_dtm
from dmpws.domain.patient import Ins
from dmpws.store.encryption import Plain
from dmpws.store.lots import IN_EVIDENCE
from dmpws.store.rows import pack, unpack
from dmpws.store.tables import authorisation, document_entry, patient, patient_identifier, submission_set

DOCUMENTS = 10
"""Documents of a lot; its signature is one entry more."""
SEARCHED, SEARCHED_LOTS = 40, 10
"""Patients of each stage that are searched for, and their lots: 100 documents each, spread over the whole stage as
over the years."""
OTHERS_LOTS = 5
_CHUNK = 100
"""Lots made and added at a time."""

_INNER_ID = r'(?<= id=")urn:uuid:[0-9a-f-]{36}'
_TIME = re.compile(r"(?<=<ns4:Value>)[0-9]{14}(?=</ns4:Value>)")
_SETS = [column.name for column in submission_set.c]
_ENTRIES = [column.name for column in document_entry.c if column.name != "id"]


@dataclass(frozen=True, slots=True)
class _Lot:
    id: int
    patient: int
    ins: str
    age: timedelta


class _Pattern:
    """One row of the real lot, and its fragment with blanks."""

    def __init__(self, row: Mapping[str, Any], uuid_column: str, ins: str) -> None:
        self._row = dict(row)
        self._uuid = uuid_column
        fragment = unpack(row["fragment"], row[uuid_column], Plain()).decode()
        self._times = {
            text: parse_dtm(text) for text in re.findall(r"(?<=<ns4:Value>)[0-9]{14}(?=</ns4:Value>)", fragment)
        }
        blanks = {row[uuid_column]: "uuid", row["unique_id"]: "unique_id", ins: "ins"}
        blanks |= {time: f"time{time}" for time in self._times}
        if "hash" in row:
            blanks[row["hash"]] = "hash"
        self._inner = 0
        self._text = re.sub(
            "|".join([*map(re.escape, blanks), _INNER_ID]),
            lambda match: f"%({blanks.get(match[0]) or self._next()})s",
            fragment.replace("%", "%%"),
        )

    def _next(self) -> str:
        self._inner += 1
        return f"inner{self._inner}"

    def made(self, lot: _Lot) -> dict[str, Any]:
        """A row like the pattern, of this lot."""
        uuid, unique_id, sha1 = _uuid(), new_oid(), os.urandom(20).hex()
        values = {f"inner{n}": _uuid() for n in range(1, self._inner + 1)}
        values |= {f"time{text}": format_dtm(time - lot.age) for text, time in self._times.items() if time}
        values |= {"uuid": uuid, "unique_id": unique_id, "ins": lot.ins, "hash": sha1}
        fragment = pack((self._text % values).encode(), uuid, Plain())
        row = {**self._row, self._uuid: uuid, "unique_id": unique_id, "patient_id": lot.patient, "fragment": fragment}
        for name in ("submission_time", "creation_time", "creation_key", "service_start_key", "service_stop_key"):
            if name in row:
                row[name] = values.get(f"time{row[name]}", row[name])
        if "hash" not in row:
            return {**row, "id": lot.id}
        sha256 = os.urandom(32).hex()
        octets = f"{IN_EVIDENCE}{lot.id}" if row["is_signature"] else sha256
        return {**row, "lid": uuid, "submission_set_id": lot.id, "hash": sha1, "sha256": sha256, "octets": octets}


def _uuid() -> str:
    digits = os.urandom(16).hex()
    return f"urn:uuid:{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


class Filling:
    """Makes a registry grow. bulk: a database that holds one real lot of DOCUMENTS documents."""

    def __init__(self, bulk: Bulk) -> None:
        ins = messages.PATIENT.ins.value
        (self._authorisation,) = bulk.rows(authorisation)
        (identifier,) = (row for row in bulk.rows(patient_identifier) if row["value"] == ins)
        (self._patient,) = (row for row in bulk.rows(patient) if row["id"] == identifier["patient_id"])
        self._identifier = identifier
        (lot,) = bulk.rows(submission_set)
        entries = bulk.rows(document_entry)
        self._set = _Pattern(lot, "uuid", ins)
        self._entries = [_Pattern(row, "entry_uuid", ins) for row in entries]
        self.size = len(entries)
        self._patients = max(row["id"] for row in bulk.rows(patient))
        self._lots = lot["id"]

    def grow(self, bulk: Bulk, size: int) -> list[Ins]:
        """Add lots up to `size` entries in all; return the patients of this stage to search for."""
        lots = (size - self.size) // len(self._entries)
        searched = SEARCHED * SEARCHED_LOTS
        others = max(1, (lots - searched) // OTHERS_LOTS)
        first = self._patients + 1
        people = [allocate_ins(messages.PATIENT.traits, first + n) for n in range(SEARCHED + others)]
        _add(bulk, patient, ({**self._patient, "id": first + n} for n in range(len(people))))
        _add(
            bulk,
            patient_identifier,
            ({**self._identifier, "patient_id": first + n, "value": ins.value} for n, ins in enumerate(people)),
        )
        _add(bulk, authorisation, ({**self._authorisation, "patient_id": first + n} for n in range(len(people))))
        planned = [
            _Lot(self._lots + 1 + n, first + who, people[who].value, timedelta(hours=2 * n))
            for n, who in enumerate(_spread(lots, searched, others))
        ]
        self._add_lots(bulk, planned)
        self._patients += len(people)
        self._lots += lots
        self.size += lots * len(self._entries)
        return people[:SEARCHED]

    def _add_lots(self, bulk: Bulk, planned: Sequence[_Lot]) -> None:
        """Fragments are made by as many processes as there are cores, while this one adds the rows."""
        waiting: deque[Future[tuple[list[Row], list[Row]]]] = deque()
        cores = os.cpu_count() or 1
        with ProcessPoolExecutor(cores, multiprocessing.get_context("spawn")) as pool:
            for at in range(0, len(planned), _CHUNK):
                waiting.append(pool.submit(self._made, planned[at : at + _CHUNK]))
                if len(waiting) > 2 * cores:
                    self._add_chunk(bulk, waiting.popleft())
                if at % (100 * _CHUNK) == 0 and at:
                    say(f"registry: {self.size + at * len(self._entries):,} entries ...")
            while waiting:
                self._add_chunk(bulk, waiting.popleft())

    def _made(self, lots: Sequence[_Lot]) -> tuple[list[Row], list[Row]]:
        sets = [_in_order(self._set.made(lot), _SETS) for lot in lots]
        return sets, [_in_order(pattern.made(lot), _ENTRIES) for lot in lots for pattern in self._entries]

    @staticmethod
    def _add_chunk(bulk: Bulk, made: Future[tuple[list[Row], list[Row]]]) -> None:
        sets, entries = made.result()
        bulk.add(submission_set, _SETS, sets)
        bulk.add(document_entry, _ENTRIES, entries)


def _spread(lots: int, searched: int, others: int) -> Iterator[int]:
    """Whose each lot is: those of the patients to search for at even distances, the rest to the others in turn."""
    other = 0
    for n in range(lots):
        rank = n * searched // lots
        if rank != (n + 1) * searched // lots:
            yield rank % SEARCHED
        else:
            yield SEARCHED + other % others
            other += 1


def _add(bulk: Bulk, table: Table, rows: Iterator[Mapping[str, Any]]) -> None:
    columns = [column.name for column in table.c]
    bulk.add(table, columns, (_in_order(row, columns) for row in rows))


def _in_order(row: Mapping[str, Any], columns: Sequence[str]) -> Row:
    return tuple(row[name] for name in columns)
