"""Changes of the directory by the host's operator: all or nothing, in force at once, traced under his name."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol

from dmpws.acts.actor import Actor
from dmpws.audit.trace import Trace, TraceOutcome
from dmpws.codec.directory import Entry
from dmpws.codec.directory_kinds import CARD, KINDS, PROFESSIONAL, SOFTWARE, STRUCTURE, Kind
from dmpws.codec.tables import MOST_PROBLEMS, Problem, TableError
from dmpws.domain.directory import Card, Professional, Structure
from dmpws.domain.software import Software
from dmpws.transactions import load
from dmpws.transactions.ports import EditableDirectory, Traces
from dmpws.transactions.registry import transactions

ACT = "act:directory"
"""Code of the traces."""


class DirectoryWork(Protocol):
    """The part of a unit of work that holds the directory."""

    @property
    def directory(self) -> EditableDirectory: ...
    @property
    def traces(self) -> Traces: ...


class DirectoryStore(Protocol):
    """The part of the store that holds the directory."""

    def read(self) -> AbstractContextManager[DirectoryWork]: ...
    def write(self) -> AbstractContextManager[DirectoryWork]: ...


@dataclass(frozen=True, slots=True)
class Change:
    """One entry that becomes another. before: None for a new one."""

    kind: Kind
    before: Any
    after: Any

    @property
    def key(self) -> str:
        return self.kind.key_of(self.after)

    @property
    def cells(self) -> Mapping[str, tuple[str, str]]:
        """Old and new text of each column that changes."""
        old = {} if self.before is None else self.kind.written(self.before)
        new = self.kind.written(self.after)
        return {name: (old.get(name, ""), text) for name, text in new.items() if old.get(name, "") != text}


@dataclass(frozen=True, slots=True)
class Summary:
    """What a load did, or would do."""

    changes: Sequence[Change]
    unchanged: int


@dataclass(frozen=True, slots=True)
class _Tables:
    """Entries by kind and key: those that a change is about, and what they refer to."""

    structures: dict[str, Structure]
    professionals: dict[str, Professional]
    cards: dict[str, Card]
    software: dict[str, Software]

    @classmethod
    def of(cls, directory: EditableDirectory, entries: Iterable[Entry]) -> "_Tables":
        """Read what these entries need; of people, who are many, only those they name."""
        cards = {entry.key for entry in entries if entry.kind is CARD}
        people = {entry.key for entry in entries if entry.kind is PROFESSIONAL}
        known = {card.serial: card for card in directory.cards(cards)}
        people |= {card.holder for card in known.values()}
        people |= {entry.values["holder"] for entry in entries if "holder" in entry.values}
        return cls(
            {s.identifier: s for s in directory.structures()},
            {p.identifier: p for p in directory.professionals(people)},
            known,
            {s.number: s for s in directory.all_software()},
        )

    def by_kind(self, kind: Kind) -> dict[str, Any]:
        tables: dict[str, dict[str, Any]] = {
            STRUCTURE.word: self.structures,
            PROFESSIONAL.word: self.professionals,
            CARD.word: self.cards,
            SOFTWARE.word: self.software,
        }
        return tables[kind.word]


def entries_of(store: DirectoryStore, kind: Kind) -> Sequence[Any]:
    """All entries of a kind, by key."""
    with store.read() as work:
        return _ALL[kind.word](work.directory)


def change(
    store: DirectoryStore,
    entries: Sequence[Entry],
    *,
    actor: Actor,
    now: datetime,
    new: bool | None = None,
    motive: str = "",
    proof: str = "",
    dry_run: bool = False,
) -> Summary:
    """Bring entries into the directory. Raises TableError with every problem, and then nothing has changed.

    A value that an entry does not give stays as it is. new: whether the entries must be new (True) or known (False).
    proof: where they come from, as the trace keeps it. dry_run: say what would change.
    """
    load()
    if dry_run:
        with store.read() as work:
            return _planned(_Tables.of(work.directory, entries), entries, new)
    with store.write() as work:
        work.directory.lock()
        return apply(work, entries, actor=actor, now=now, new=new, motive=motive, proof=proof)


def apply(
    work: DirectoryWork,
    entries: Sequence[Entry],
    *,
    actor: Actor,
    now: datetime,
    new: bool | None = None,
    motive: str = "",
    proof: str = "",
) -> Summary:
    """The same inside a unit of work that has locked the directory. Raises TableError; the caller then rolls back."""
    summary = _planned(_Tables.of(work.directory, entries), entries, new)
    for made in summary.changes:
        _PUT[made.kind.word](work.directory)(made.after)
    if summary.changes:
        work.traces.append(_trace(summary, actor, now, motive, proof))
    return summary


_ALL: Mapping[str, Callable[[EditableDirectory], Sequence[Any]]] = {
    STRUCTURE.word: lambda directory: directory.structures(),
    PROFESSIONAL.word: lambda directory: directory.professionals(),
    CARD.word: lambda directory: directory.all_cards(),
    SOFTWARE.word: lambda directory: directory.all_software(),
}
_PUT: Mapping[str, Callable[[EditableDirectory], Callable[[Any], None]]] = {
    STRUCTURE.word: lambda directory: directory.put_structure,
    PROFESSIONAL.word: lambda directory: directory.put_professional,
    CARD.word: lambda directory: directory.put_card,
    SOFTWARE.word: lambda directory: directory.put_software,
}


def _planned(tables: _Tables, entries: Iterable[Entry], new: bool | None) -> Summary:
    """The changes, checked against the directory as it will be."""
    problems: list[Problem] = []
    changes: list[tuple[Entry, Change]] = []
    unchanged = 0
    for entry in sorted(entries, key=lambda e: list(KINDS).index(e.kind.word)):
        table = tables.by_kind(entry.kind)
        before = table.get(entry.key)
        problems += _missing(entry, known=before is not None, new=new)
        after = replace(before or entry.kind.make(entry.key), **entry.values)
        table[entry.key] = after
        if after == before:
            unchanged += 1
        else:
            changes.append((entry, Change(entry.kind, before, after)))
    for entry, made in changes:
        problems += [entry.problem(column, text) for column, text in _CHECKS[made.kind.word](made.after, tables)]
    if problems:
        raise TableError(problems[:MOST_PROBLEMS])
    return Summary([made for _, made in changes], unchanged)


def _missing(entry: Entry, *, known: bool, new: bool | None) -> list[Problem]:
    if new is not None and known is new:
        text = f"{entry.key} is already known" if known else f"{entry.key} is unknown: add it first"
        return [entry.problem(entry.kind.key.name, text)]
    if known:
        return []
    return [
        entry.problem(column.name, f"a new {entry.kind.word} needs one")
        for column in entry.kind.columns
        if column.needed and not entry.values.get(column.field)
    ]


_Found = Iterable[tuple[str, str]]


def _check_structure(value: Structure, tables: _Tables) -> _Found:
    if not value.parent:
        return
    parent = tables.structures.get(value.parent)
    if value.parent == value.identifier:
        yield "parent", "a structure is not part of itself"
    elif parent is None:
        yield "parent", f"{value.parent} is unknown"
    elif parent.parent:
        yield "parent", f"{value.parent} is itself part of {parent.parent}: a legal entity (EJ) is part of nothing"
    elif any(other.parent == value.identifier for other in tables.structures.values()):
        yield "parent", f"{value.identifier} has structures of its own: a legal entity (EJ) is part of nothing"


def _check_professional(value: Professional, tables: _Tables) -> _Found:
    for place in sorted(value.structures - tables.structures.keys()):
        yield "structures", f"{place} is unknown"


def _check_card(value: Card, tables: _Tables) -> _Found:
    # An employee's card (`<structure>/<internal id>`) belongs to nobody whom the directory lists.
    if "/" not in value.holder and value.holder not in tables.structures.keys() | tables.professionals.keys():
        yield "holder", f"{value.holder} is neither a professional nor a structure of the directory"


def _check_software(value: Software, _: _Tables) -> _Found:
    return wrong_in(value)


def wrong_in(value: Software) -> _Found:
    """Columns of an approval that cannot be so, and why. The transactions must have been loaded."""
    known = {transaction.code: transaction for transaction in transactions()}
    for scope in sorted(value.scopes):
        if scope.transaction and scope.transaction not in known:
            yield "approved_for", f"{scope.transaction} is not a transaction of this server"
        elif scope.transaction and scope.profile not in known[scope.transaction].profiles:
            yield "approved_for", f"{scope.transaction} is not of the profile {scope.profile}"
    if value.valid_from and value.valid_until and value.valid_until < value.valid_from:
        yield "valid_until", f"{value.valid_until} is before {value.valid_from}"


_CHECKS: Mapping[str, Callable[[Any, _Tables], _Found]] = {
    STRUCTURE.word: _check_structure,
    PROFESSIONAL.word: _check_professional,
    CARD.word: _check_card,
    SOFTWARE.word: _check_software,
}


def _trace(summary: Summary, actor: Actor, now: datetime, motive: str, proof: str) -> Trace:
    """Each entry with the cells that changed, under the operator's name (DMPWS D22)."""
    changes = [
        {
            "what": f"{made.kind.word} {made.key}",
            "old": "; ".join(f"{name}={old}" for name, (old, _) in made.cells.items()) if made.before else "",
            "new": "; ".join(f"{name}={text}" for name, (_, text) in made.cells.items()),
        }
        for made in summary.changes
    ]
    return Trace(
        occurred_at=now,
        transaction=ACT,
        outcome=TraceOutcome.ACCEPTED,
        actor=actor.kind,
        person=actor.identifier,
        person_name=actor.name,
        reason=motive,
        proof=proof,
        changes=tuple(changes),
    )
