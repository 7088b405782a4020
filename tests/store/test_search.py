"""FindDocuments against a naive filter in Python, on random entries; and the corners one by one."""

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import update

from dmpws.domain.code import Code
from dmpws.domain.document import STABLE, Author, DocumentEntry, Status
from dmpws.domain.patient import PatientRecord
from dmpws.domain.query import DocumentQuery, TimeRange
from dmpws.store import Store, open_store
from dmpws.store.tables import document_entry
from dmpws.testing.deposits import entry, lot, open_record, received, signature_entry
from dmpws.testing.postgres import Postgres

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
ON_DEMAND = "urn:uuid:34268e47-fdf5-41a6-ba33-82133c465248"

CODES = st.sampled_from([Code("1", "s"), Code("2", "s"), Code("1", "t"), Code("é", "s"), Code("1^", "s")])
TIMES = st.sampled_from(["", "2025", "2026", "202601", "20260101", "20260201", "2026020110", "20260201103000"])
PERSONS = st.sampled_from(["", "1^LIBRE^MAX", "1^libre^MAX", "2^LI_RE^MAX", "3^100%", "4^a\\b", "5^DUPRÉ", "é"])
AUTHORS = st.lists(PERSONS.map(Author), max_size=3).map(tuple)
SETS = st.lists(CODES, max_size=3).map(tuple)

ENTRIES = st.builds(
    entry,
    class_code=CODES,
    type_code=CODES,
    format_code=CODES,
    facility_type=CODES,
    practice_setting=CODES,
    event_codes=SETS,
    confidentiality=SETS,
    authors=AUTHORS,
    creation_time=TIMES,
    service_start=TIMES,
    service_stop=TIMES,
    object_type=st.sampled_from([STABLE, STABLE, ON_DEMAND]),
)
RANGES = st.builds(TimeRange, TIMES, TIMES)
CHOICE = st.one_of(st.just(()), st.lists(CODES, min_size=1, max_size=2).map(tuple))
SLOTS = st.lists(st.lists(CODES, min_size=1, max_size=2).map(tuple), max_size=2).map(tuple)
PATTERNS = st.lists(
    st.sampled_from(["%LIBRE%", "%libre%", "1^%", "_^LI_RE^MAX", "%", "%\\%", "3^100%", "%É", "", "%a\\b"]), max_size=2
).map(tuple)
QUERIES = st.builds(
    DocumentQuery,
    patient=st.just(0),
    statuses=st.lists(st.sampled_from(Status), min_size=1, max_size=3).map(tuple),
    classes=CHOICE,
    types=CHOICE,
    formats=CHOICE,
    facilities=CHOICE,
    practice_settings=CHOICE,
    event_codes=SLOTS,
    confidentiality=SLOTS,
    author_persons=PATTERNS,
    creation=RANGES,
    service_start=RANGES,
    service_stop=RANGES,
    object_types=st.sampled_from([(STABLE,), (ON_DEMAND,), (STABLE, ON_DEMAND)]),
)


def _instant(dtm: str) -> str:
    return dtm + "00000101000000"[len(dtm) :]


def _within(dtm: str, period: TimeRange) -> bool:
    if not dtm:
        return True
    after = not period.start or _instant(period.start) <= _instant(dtm)
    return after and (not period.stop or _instant(dtm) < _instant(period.stop))


def _like(pattern: str) -> Callable[[str], bool]:
    parts = {"%": ".*", "_": "."}
    expression = "".join(parts.get(c) or re.escape(c) for c in unicodedata.normalize("NFC", pattern))
    return lambda text: re.fullmatch(expression, unicodedata.normalize("NFC", text), re.DOTALL) is not None


def _same(code: Code | None, among: Sequence[Code]) -> bool:
    return not among or (code is not None and any(code.same(c) for c in among))


def _matches(e: DocumentEntry, status: Status, q: DocumentQuery) -> bool:
    persons = [a.person for a in e.authors if a.person]
    return (
        status in q.statuses
        and not e.is_signature
        and e.object_type in q.object_types
        and _same(e.class_code, q.classes)
        and _same(e.type_code, q.types)
        and _same(e.format_code, q.formats)
        and _same(e.facility_type, q.facilities)
        and _same(e.practice_setting, q.practice_settings)
        and all(any(_same(c, slot) for c in e.event_codes) for slot in q.event_codes)
        and all(any(_same(c, slot) for c in e.confidentiality) for slot in q.confidentiality)
        and (not q.author_persons or any(_like(p)(person) for p in q.author_persons for person in persons))
        and _within(e.creation_time, q.creation)
        and _within(e.service_start, q.service_start)
        and _within(e.service_stop, q.service_stop)
    )


@pytest.fixture(scope="module")
def stores(
    tmp_path_factory: pytest.TempPathFactory, _migrated_sqlite: Path, postgres_server: Postgres
) -> Iterator[list[Store]]:
    folder = tmp_path_factory.mktemp("search")
    copy = folder / "copy.sqlite"
    copy.write_bytes(_migrated_sqlite.read_bytes())
    with postgres_server.database() as url:
        opened = [open_store(f"sqlite:///{copy}", folder / "s"), open_store(url, folder / "p")]
        yield opened
        for store in opened:
            store.close()


def _fill(store: Store, entries: Sequence[DocumentEntry], statuses: Sequence[Status]) -> PatientRecord:
    """A record with these entries, each in its status."""
    _forget_cast(store)
    with store.write() as work:
        record = open_record(work)
        new = lot(record, [(e, received(store.blobs, b"x")) for e in entries])
        work.documents.add_lot(new, now=NOW)
        for deposit, status in zip(new.entries, statuses, strict=True):
            (stored,) = work.documents.by_entry_uuid([deposit.entry_uuid])
            work.documents.set_status([stored.id], status)
    return record


def _forget_cast(store: Store) -> None:
    with store.database.connection() as connection:
        connection.exec_driver_sql("UPDATE patient_identifier SET value = value || '.' || patient_id")


@pytest.mark.postgres
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_find_is_the_naive_filter(stores: list[Store], data: st.DataObject) -> None:
    entries = data.draw(st.lists(ENTRIES, min_size=1, max_size=12))
    entries = [replace(e, unique_id=entry().unique_id) for e in entries]
    statuses = data.draw(st.lists(st.sampled_from(Status), min_size=len(entries), max_size=len(entries)))
    records = [_fill(store, entries, statuses) for store in stores]
    for query in data.draw(st.lists(QUERIES, min_size=5, max_size=15)):
        expected = {e.unique_id for e, s in zip(entries, statuses, strict=True) if _matches(e, s, query)}
        for store, record in zip(stores, records, strict=True):
            with store.read() as work:
                found = work.documents.find(replace(query, patient=record.id), limit=100)
            assert {e.unique_id for e in found} == expected


def _find(store: Store, record: PatientRecord, **criteria: Any) -> list[str]:
    query = DocumentQuery(record.id, (Status.APPROVED,), **criteria)
    with store.read() as work:
        return [e.unique_id for e in work.documents.find(query, limit=100)]


def test_other_records_and_signatures_are_not_found(store: Store) -> None:
    with store.write() as work:
        record, other = open_record(work), open_record(work, "petra")
        work.documents.add_lot(lot(other, [(entry(), received(store.blobs, b"x"))]), now=NOW)
        work.documents.add_lot(lot(record, [(signature_entry(), received(store.blobs, b"x"))]), now=NOW)
    assert _find(store, record) == []


def test_strings_compare_in_nfc_and_case_sensitively(store: Store) -> None:
    composed, decomposed = "1^DUPR\u00c9", "1^DUPRE\u0301"
    documents = [entry(authors=(Author(person),)) for person in (composed, decomposed, "1^dupr\u00e9")]
    with store.write() as work:
        record = open_record(work)
        work.documents.add_lot(lot(record, [(d, received(store.blobs, b"x")) for d in documents]), now=NOW)
    for pattern in (composed, decomposed, "%\u00c9", "%E\u0301"):
        assert set(_find(store, record, author_persons=(pattern,))) == {d.unique_id for d in documents[:2]}
    assert _find(store, record, author_persons=("1^DUPR\u00e9",)) == []


@pytest.mark.parametrize(
    "hostile", ["' OR 1=1 --", '"; DROP TABLE trace; --', "\\", "%'%", "$1", ":patient", "?", "{0}", "%s", "%(x)s"]
)
def test_values_are_only_values(store: Store, hostile: str) -> None:
    code = Code(hostile, hostile)
    document = entry(class_code=code, event_codes=(code,), authors=(Author(hostile),))
    with store.write() as work:
        record = open_record(work)
        work.documents.add_lot(lot(record, [(document, received(store.blobs, b"x"))]), now=NOW)
    for criteria in ({"classes": (code,)}, {"event_codes": ((code,),)}, {"author_persons": (hostile,)}):
        assert _find(store, record, **criteria) == [document.unique_id]
    assert _find(store, record, classes=(Code(hostile + "x", hostile),)) == []


def test_hidden_versions_are_not_found(store: Store) -> None:
    document = entry()
    with store.write() as work:
        record = open_record(work)
        work.documents.add_lot(lot(record, [(document, received(store.blobs, b"x"))]), now=NOW)
    store.database.change(update(document_entry).values(latest=False))
    assert _find(store, record) == []
