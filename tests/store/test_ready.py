"""Statements that go straight to the driver give what SQLAlchemy gives, on both databases."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import bindparam, select

from dmpws import cast
from dmpws.domain.patient import Ins
from dmpws.store import Store
from dmpws.store.conditions import one_of
from dmpws.store.engine import by_dialect
from dmpws.store.ready import Ready
from dmpws.store.tables import authorisation, patient
from dmpws.testing.deposits import open_record

NOW = datetime(2026, 11, 21, 12, 0, 0, 123456, UTC)
ROW = {
    "holder_kind": "person",
    "granted_at": NOW,
    "last_action_at": NOW,
    "expires_at": None,
    "blocked": False,
    "treating_doctor": True,
    "specialties": ["SM26", "l'autre"],
}
NEW = by_dialect(lambda insert: insert(authorisation).on_conflict_do_nothing())


@pytest.fixture
def record(store: Store) -> int:
    with store.write() as work:
        return open_record(work).id


def test_rows_are_the_same(store: Store, record: int) -> None:
    """Instants, lists, JSON, booleans and nothing at all, by name, by position and as a mapping."""
    rows = [{**ROW, "patient_id": record, "holder": holder} for holder in ("1", "2", "3")]
    assert store.database.change(Ready(NEW), rows) == 3
    wanted = (
        select(authorisation, patient.c.traits)
        .join(patient)
        .where(authorisation.c.treating_doctor, one_of(authorisation.c.holder, "holders"))
        .order_by(authorisation.c.holder.desc())
        .limit(bindparam("limit"))
    )
    values = {"holders": ["1", "3", "it's"], "limit": 5}
    found, expected = store.database.rows(Ready(wanted), values), store.database.rows(wanted, values)
    assert [dict(row._mapping) for row in found] == [dict(row._mapping) for row in expected]
    assert [row.holder for row in found] == ["3", "1"]
    assert (found[0].granted_at, found[0].expires_at, found[0].blocked) == (NOW, None, False)
    assert found[0].specialties == ["SM26", "l'autre"]
    assert list(found[0]) == list(expected[0])


def test_changes_are_counted(store: Store, record: int) -> None:
    ready, row = Ready(NEW), {**ROW, "patient_id": record, "holder": "1"}
    assert store.database.change(ready, row) == 1
    assert store.database.change(ready, row) == 0
    assert store.database.change(ready, [row, {**row, "holder": "2"}]) == 1


def test_what_a_change_returns(store: Store, record: int) -> None:
    ready = Ready(by_dialect(lambda insert: insert(authorisation).returning(authorisation.c.granted_at)))
    (row,) = store.database.returning(ready, {**ROW, "patient_id": record, "holder": "1"})
    assert row.granted_at == NOW


def test_the_same_statement_with_other_columns(store: Store, record: int) -> None:
    """What an INSERT is given are its columns."""
    ready, row = Ready(NEW), {**ROW, "patient_id": record, "holder": "1"}
    less = {name: value for name, value in reversed(row.items()) if name != "granted_at"}
    assert store.database.change(ready, row) == store.database.change(ready, {**less, "holder": "2"}) == 1
    granted = store.database.rows(select(authorisation.c.granted_at).order_by(authorisation.c.holder))
    assert [row.granted_at for row in granted] == [NOW, None]


def test_a_parameter_that_is_missing(store: Store) -> None:
    ready = Ready(select(patient.c.id).where(patient.c.id == bindparam("number")))
    with pytest.raises(KeyError, match="number"):
        store.database.rows(ready, {})


def test_a_list_that_would_be_expanded(store: Store) -> None:
    ready = Ready(select(patient.c.id).where(patient.c.id.in_(bindparam("ids", expanding=True))))
    with pytest.raises(TypeError, match="depends on its values"):
        store.database.rows(ready, {"ids": [1]})


def test_values_are_only_values(store: Store) -> None:
    hostile = "' OR 1=1 --%s%(x)s?;"
    with store.write() as work:
        open_record(work)
        assert work.patients.find(Ins(hostile, hostile)) is None
        assert work.patients.find(cast.PATIENTS["pat-trois"].ins) is not None
