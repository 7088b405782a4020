"""Changes of the directory: all or nothing, one at a time, traced; on both databases."""

import json
import threading
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from dmpws import cast
from dmpws.acts import directory
from dmpws.acts.actor import operator
from dmpws.acts.directory import Summary
from dmpws.codec.directory import Entry, read_cells, read_table
from dmpws.codec.directory_kinds import CARD, KINDS, PROFESSIONAL, SOFTWARE, STRUCTURE
from dmpws.codec.tables import TableError
from dmpws.domain.directory import Card
from dmpws.domain.software import ApprovalStatus
from dmpws.seed import seed
from dmpws.store import Store

NOW = datetime.fromisoformat("2026-11-21T12:00:00+00:00")


@pytest.fixture
def store(store: Store) -> Store:
    seed(store, NOW)
    return store


def change(store: Store, *entries: Entry, **options: Any) -> Summary:
    return directory.change(store, entries, actor=operator("root"), now=NOW, **options)


def edit(store: Store, word: str, key: str, **cells: str) -> Summary:
    return change(store, read_cells(KINDS[word], key, cells), new=False)


def add(store: Store, word: str, key: str, **cells: str) -> Summary:
    return change(store, read_cells(KINDS[word], key, cells), new=True)


def traces(store: Store) -> list[Mapping[str, Any]]:
    with store.read() as work:
        return [json.loads(row.content) for row in work.traces.rows()]


def test_an_entry_is_added_changed_and_traced(store: Store) -> None:
    added = add(store, "structure", "1750803447", name="CENTRE DE SANTE", sectors="SA05,SA12")
    assert [(c.key, c.before) for c in added.changes] == [("1750803447", None)]
    change(store, read_cells(STRUCTURE, "1750803447", {"active": "no", "sectors": "SA05"}), motive="fermeture")
    known = store.directory.structure("1750803447")
    assert known is not None
    assert (known.name, known.sectors, known.active) == ("CENTRE DE SANTE", frozenset({"SA05"}), False)
    first, second = traces(store)
    assert first["transaction"] == "act:directory"
    assert (first["actor"], first["person"], first["person_name"]) == ("operator", "operator:root", "root")
    assert first["changes"][0]["new"].startswith("structure=1750803447; name=CENTRE DE SANTE; sectors=SA05,SA12")
    assert second["reason"] == "fermeture"
    assert second["changes"] == [
        {"what": "structure 1750803447", "old": "sectors=SA05,SA12; active=yes", "new": "sectors=SA05; active=no"}
    ]


def test_what_changes_nothing_leaves_no_trace(store: Store) -> None:
    assert edit(store, "structure", "10B0127189", name="HOPITAL DES 3 VALLEES").unchanged == 1
    assert traces(store) == []


def test_a_dry_run_tells_and_does_not(store: Store) -> None:
    summary = change(store, read_cells(STRUCTURE, "10B0127189", {"active": "no"}), dry_run=True)
    assert [c.cells for c in summary.changes] == [{"active": ("yes", "no")}]
    assert store.directory.structure("10B0127189") == cast.STRUCTURES["10B0127189"]
    assert traces(store) == []


def test_everything_or_nothing(store: Store) -> None:
    table = "professional\tfamily\tgiven\tstructures\n1\tA\tB\t10B0127189\n2\tC\tD\tnowhere\n"
    with pytest.raises(TableError) as error:
        change(store, *read_table(table.encode(), "people.tsv"))
    assert [str(p) for p in error.value.problems] == ["people.tsv:3: structures: nowhere is unknown"]
    assert store.directory.professional("1") is None
    assert traces(store) == []


def test_tables_loaded_together_may_refer_to_each_other(store: Store) -> None:
    """In whatever order they come: structures before those who work there, legal entities with their sites."""
    people = "professional\tfamily\tstructures\n801101203565\tA\t20B1\n"
    cards = "card\tholder\n0a\t801101203565\n0b\t20B1\n0c\t320B1/7\n"
    places = "structure\tname\tparent\n20B1\tSITE\t21B1\n21B1\tENTITE\t\n"
    tables = [read_table(text.encode(), "f") for text in (cards, people, places)]
    summary = change(store, *(entry for table in tables for entry in table))
    assert len(summary.changes) == 6
    assert store.directory.cards(["0a", "0b", "0d"]) == [Card("0a", "801101203565"), Card("0b", "20B1")]
    person = store.directory.professional("801101203565")
    assert person is not None
    assert (person.family, person.given, person.structures) == ("A", "", frozenset({"20B1"}))


@pytest.mark.parametrize(
    ("word", "key", "cells", "problem"),
    [
        ("structure", "10B0127189", {"parent": "10B0127189"}, "parent: a structure is not part of itself"),
        ("structure", "10B0127189", {"parent": "99"}, "parent: 99 is unknown"),
        ("structure", "10B0127189", {"parent": "10B0156832"}, "parent: 10B0156832 is itself part of 11B0062640"),
        ("structure", "11B0062640", {"parent": "10B0127189"}, "parent: 11B0062640 has structures of its own"),
        ("professional", "899900063480", {"structures": "99"}, "structures: 99 is unknown"),
        ("card", "0a", {"active": "no"}, "card: 0a is unknown: add it first"),
        ("software", "DMPWS-KIT-tmp1", {"approved_for": "consultation:DIRECTE:TD9.9"}, "TD9.9 is not a transaction"),
        ("software", "DMPWS-KIT-tmp1", {"approved_for": "alimentation:DIRECTE:TD3.2"}, "TD3.2 is not of the profile"),
        ("software", "DMPWS-KIT-tmp1", {"valid_from": "2027-01-01", "valid_until": "2026-01-01"}, "is before"),
    ],
)
def test_what_cannot_be(store: Store, word: str, key: str, cells: dict[str, str], problem: str) -> None:
    with pytest.raises(TableError) as error:
        edit(store, word, key, **cells)
    assert problem in str(error.value)
    assert traces(store) == []


@pytest.mark.parametrize(
    ("word", "key", "cells", "problem"),
    [
        ("structure", "10B0127189", {"name": "X"}, "structure: 10B0127189 is already known"),
        ("structure", "1", {}, "name: a new structure needs one"),
        ("professional", "1", {"given": "A"}, "family: a new professional needs one"),
        ("card", "0a", {"label": "A"}, "holder: a new card needs one"),
        ("card", "0a", {"holder": "1"}, "holder: 1 is neither a professional nor a structure"),
        ("software", "N", {"name": "A"}, "category: a new software needs one"),
    ],
)
def test_what_a_new_entry_needs(store: Store, word: str, key: str, cells: dict[str, str], problem: str) -> None:
    with pytest.raises(TableError) as error:
        add(store, word, key, **cells)
    assert problem in str(error.value)


def test_software_is_suspended_and_put_back(store: Store) -> None:
    edit(store, "software", "DMPWS-KIT-tmp1", status="suspended")
    suspended = store.directory.software("DMPWS-KIT-tmp1")
    assert suspended == replace(cast.SOFTWARE, status=ApprovalStatus.SUSPENDED)
    edit(store, "software", "DMPWS-KIT-tmp1", status="approved", valid_until="2027-06-30")
    assert [t["changes"][0]["new"] for t in traces(store)] == [
        "status=suspended",
        "status=approved; valid_until=2027-06-30",
    ]


def test_lists_are_whole_and_ordered(store: Store) -> None:
    add(store, "card", "0a", holder="899900063480", label="CPS 2026")
    for kind, expected in (
        (STRUCTURE, cast.STRUCTURES),
        (PROFESSIONAL, cast.PROFESSIONALS),
        (SOFTWARE, cast.APPROVED),
        (CARD, {"0a": Card("0a", "899900063480", "CPS 2026")}),
    ):
        assert list(directory.entries_of(store, kind)) == [value for _, value in sorted(expected.items())]


def test_two_operators_at_once_do_not_undo_each_other(store: Store) -> None:
    """Each adds a place of practice to what the other may have just written."""
    for n in range(8):
        add(store, "structure", f"S{n}", name="X")
    barrier, failures = threading.Barrier(4), []

    def work(first: int) -> None:
        barrier.wait()
        try:
            for n in (first, first + 4):
                with store.write() as unit:
                    unit.directory.lock()
                    known = unit.directory.professional("899900063480")
                    assert known is not None
                    unit.directory.put_professional(replace(known, structures=known.structures | {f"S{n}"}))
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    known = store.directory.professional("899900063480")
    assert known is not None
    assert known.structures == {"499900063480001", *(f"S{n}" for n in range(8))}
