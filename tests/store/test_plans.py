"""No statement of the calls that software makes all day reads a whole table: each finds its rows through an index.

The calls are played, every statement they send is kept, and each database is asked how it would run it. PostgreSQL
reads small tables whole however they are indexed, so it is made to believe that each has a million rows.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from lxml import etree
from sqlalchemy import event

from dmpws import cast
from dmpws.bench import messages
from dmpws.client import Deposit, LpsSession
from dmpws.client.registry import FoundDocument, cx, query_request, quoted
from dmpws.codec.ebxml import names
from dmpws.codec.ebxml.query_forms import FORMS, Form, Kind
from dmpws.domain.authorisation import Holder, HolderKind
from dmpws.domain.authorised import DateType
from dmpws.domain.document import Status
from dmpws.domain.patient_search import PatientCriteria
from dmpws.pki.demo import DemoPki
from dmpws.store import Store, open_store, ready
from dmpws.store.tables import metadata
from dmpws.testing.local import LocalApp

INS = messages.PATIENT.ins
TOWN = messages.PATIENT.traits.addresses[0]
CRITERIA = {
    "family": messages.PATIENT.traits.name.birth,
    "given": messages.PATIENT.traits.name.given,
    "birth": messages.PATIENT.traits.birth_date,
    "postal_code": TOWN.postal_code,
    "city": TOWN.city,
}
"""What TD0.5 searches by alone; the sex alone is refused."""
HOLDER = Holder(HolderKind.PERSON, "899900063480")
SMALL = {"trace_head", "trace_checkpoint"}
"""One row, and one per lawful purge."""


class Statements:
    """What was sent to a database, each text once, with the values it was sent with."""

    def __init__(self, store: Store, patch: pytest.MonkeyPatch) -> None:
        self.engine = store.database.engine
        self.sent: dict[str, Any] = {}
        event.listen(self.engine, "before_cursor_execute", self._note)
        bound = ready._Text.bound

        def noted(text: ready._Text, given: Any) -> Any:
            values = bound(text, given)
            self._note(None, None, text.sql, values, None, False)
            return values

        patch.setattr(ready._Text, "bound", noted)

    def _note(self, _connection: Any, _cursor: Any, text: str, values: Any, _context: Any, many: bool) -> None:
        if text.startswith(("SELECT", "UPDATE", "DELETE", "WITH")) and not many:
            self.sent.setdefault(text, tuple(values) if isinstance(values, list) else values)

    def stop(self) -> None:
        event.remove(self.engine, "before_cursor_execute", self._note)

    def read_whole(self) -> list[str]:
        """The tables that a statement reads from end to end, with the statement."""
        with self.engine.connect() as connection:
            connection.exec_driver_sql("BEGIN")
            how, whole = _sqlite, SMALL
            if self.engine.dialect.name == "postgresql":
                how, whole = _postgres, SMALL | _empty(connection)
                connection.exec_driver_sql("DELETE FROM pg_statistic")
                connection.exec_driver_sql(
                    "UPDATE pg_class SET relpages = 1, reltuples = 1e6 WHERE relkind IN ('r', 'i')"
                )
            found = [
                f"{table}: {text}"
                for text, values in self.sent.items()
                for table in how(connection, text, values)
                if table not in whole
            ]
            connection.exec_driver_sql("ROLLBACK")
        return found


def _empty(connection: Any) -> set[str]:
    """The size of a table is asked of its file, and nothing is made of nothing; SQLite judges these."""
    return {
        name for name in metadata.tables if not connection.exec_driver_sql(f"SELECT EXISTS (TABLE {name})").scalar()
    }


def _sqlite(connection: Any, text: str, values: Any) -> Iterator[str]:
    for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}", values):
        what, name, *rest = row.detail.split()
        if what == "SCAN" and name != "CONSTANT" and "VIRTUAL" not in rest:
            yield name


def _postgres(connection: Any, text: str, values: Any) -> Iterator[str]:
    waiting = [connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {text}", values).scalar()[0]["Plan"]]
    while waiting:
        node = waiting.pop()
        waiting += node.get("Plans", [])
        if node["Node Type"] == "Seq Scan" or ("Index Name" in node and "Index Cond" not in node):
            yield node.get("Relation Name") or node["Index Name"]


@pytest.fixture
def played(
    database_url: str, tmp_path: Path, pki: DemoPki, now: Any, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[LocalApp, Statements]]:
    store = open_store(database_url, tmp_path / "documents")
    if store.database.engine.dialect.name == "postgresql":
        _as_new(store)
    app = LocalApp(store, pki, now)
    statements = Statements(store, monkeypatch)
    yield app, statements
    store.close()


def _as_new(store: Store) -> None:
    """Give back the pages that the tests before have filled and emptied: the planner counts them."""
    with store.database.engine.connect() as connection:
        for table in metadata.tables:
            connection.exec_driver_sql(f"VACUUM FULL {table}")


def test_every_call_uses_indexes(played: tuple[LocalApp, Statements]) -> None:
    app, statements = played
    session = app.session("medecin-libre")
    _records(session)
    _documents(session)
    with app.store.read() as work:
        record = work.patients.find(INS)
        assert record is not None
        assert work.authorisations.treating_doctors(record.id) == []
        assert work.authorisations.history(record.id)
    statements.stop()
    assert len(statements.sent) > 20
    found = statements.read_whole()
    assert found == [], "\n".join(found)


def test_every_stored_query_uses_indexes(played: tuple[LocalApp, Statements]) -> None:
    app, statements = played
    session = app.session("medecin-libre")
    assert session.add_authorisation(INS).ok
    assert session.submit(INS, [Deposit(messages.document(session, 6000))]).ok
    (document,) = session.find_documents(INS).documents
    for query, form in FORMS.items():
        for slots in _asked(form, document):
            answer = session._call("TD3.1", INS, query_request(query, slots)).body
            assert answer.get("status") == names.SUCCESS, etree.tostring(answer)
    statements.stop()
    assert len(statements.sent) > 20
    found = statements.read_whole()
    assert found == [], "\n".join(found)


def test_every_list_and_search_of_patients_uses_indexes(played: tuple[LocalApp, Statements]) -> None:
    """TD0.4 by both dates, TD0.5 by each criterion alone."""
    app, statements = played
    session = app.session("medecin-libre")
    assert session.add_authorisation(INS).ok
    assert session.submit(INS, [Deposit(messages.document(session, 6000))]).ok
    for date_type in DateType:
        assert session.list_authorised(INS, since=app.now, date_type=date_type).patients
    with app.store.read() as work:
        for name, value in CRITERIA.items():
            for similar in (False, True):
                criteria = replace(PatientCriteria(similar_name=similar, similar_address=similar), **{name: value})
                assert work.patients.search(criteria, without_block_of=(HOLDER,), limit=50), criteria
    statements.stop()
    assert len(statements.sent) > 15
    found = statements.read_whole()
    assert found == [], "\n".join(found)


def _records(session: LpsSession) -> None:
    """TD0.2, TD0.3, TD1.1, TD1.3a and TD1.6."""
    assert session.add_authorisation(INS, treating_doctor=True).ok
    assert session.list_authorisations(INS).ok
    assert session.read_administrative_data(INS).traits
    assert session.test_existence(INS).exists
    traits = cast.PATIENTS["cas12"].traits
    created = session.create_record(cast.allocate_ins(traits, 7), traits, consent=session._clock())
    assert created.done, created
    assert session.remove_authorisation(INS).ok
    assert session.add_authorisation(INS).ok


def _documents(session: LpsSession) -> None:
    """TD2.1 with a replacement, TD3.1, TD3.2, TD3.3a to d."""
    first, second, third = (messages.document(session, 6000) for _ in range(3))
    assert session.submit(INS, [Deposit(first), Deposit(second)]).ok
    found = {d.unique_id: d for d in session.find_documents(INS).documents}
    replacement = Deposit(third, replaces=found[first.unique_id].entry_uuid)
    assert session.submit(INS, [replacement]).ok
    assert session.retrieve(INS, [second.unique_id]).documents
    for answer in (
        session.mask(INS, second.unique_id),
        session.unmask(INS, second.unique_id),
        session.archive(INS, second.unique_id),
        session.unarchive(INS, second.unique_id),
        session.delete(INS, second.unique_id),
    ):
        assert answer.ok, answer.problems


def _asked(form: Form, document: FoundDocument) -> Iterator[dict[str, list[str]]]:
    """A query with each way to name what is wanted, plain and with every other parameter."""
    for way in form.one_of or ("",):
        wanted = [*form.required, *([way] if way else [])]
        every = [name for name in form.parameters if name not in form.one_of or name == way]
        for chosen in (wanted, every):
            yield {name: [_value(name, form, document)] for name in chosen}


def _value(name: str, form: Form, document: FoundDocument) -> str:
    match form.parameters[name].kind:
        case Kind.STATUS:
            return quoted([Status.APPROVED, Status.DEPRECATED])
        case Kind.TIME:
            return "2020" if name.endswith("From") else "2030"
        case Kind.LEVEL:
            return "2"
        case Kind.CODE:
            return quoted(["11488-4^^2.16.840.1.113883.6.1"])
        case Kind.ID:
            return quoted([document.unique_id if name.endswith("UniqueId") else document.entry_uuid])
        case _ if name == form.patient:
            return f"'{cx(INS)}'"
        case _ if name == "$AssociationTypes":
            return quoted(["urn:ihe:iti:2007:AssociationType:RPLC"])
        case _:
            return quoted(["x"]) if form.parameters[name].many else "'x'"
