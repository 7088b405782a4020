"""Two calls on one record at the same moment, on both databases: one follows the other, whichever comes first.

Both have read the record before either locks it. Each pair is played in both orders, and in the one that the database
chooses.
"""

import shutil
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from lxml import etree
from xds_lots import Document, lot_of
from xds_world import CALLERS, REPLACE, World, errors_of, lot, placeholders, query, rules_of, update_set

from dmpws.cast import PATIENTS
from dmpws.client.update import metadata_request, status_request
from dmpws.codec.ebxml.query_forms import FORMS
from dmpws.domain.authorisation import By, Holder, HolderKind
from dmpws.domain.document import MASQUE_PS, Status, StoredEntry
from dmpws.domain.query import DocumentQuery
from dmpws.resources import folder
from dmpws.store import open_store
from dmpws.store.patients import PatientTable
from dmpws.testing.deposits import new_oid
from dmpws.xml.names import RIM

WAIT = 120.0
LIST_END = "</rim:RegistryObjectList>"
ASK = (folder("transactions") / "TD3.1" / "query.xml").read_text("utf-8").replace(
    "</rim:AdhocQuery>",
    '<rim:Slot name="$XDSDocumentEntryEntryUUID"><rim:ValueList><rim:Value>{{uuid}}</rim:Value></rim:ValueList>'
    "</rim:Slot></rim:AdhocQuery>",
)  # fmt: skip
GET_DOCUMENTS = next(key for key, form in FORMS.items() if form.name == "GetDocuments")

LIBRE = Holder(HolderKind.PERSON, CALLERS["libre"]["name_id"])

Action = Callable[[], set[str]]
"""A call; gives the rules it breaks."""


def broken(body: etree._Element) -> set[str]:
    """The rules, each told with what it expects and what it found."""
    told = ("attendu : ", "trouvé : ")
    assert [context for _, context in errors_of(body) if not all(word in context for word in told)] == []
    return rules_of(body)


@dataclass
class Turns:
    """Calls meet before they lock the record; then the thread `first`, if there is one, comes first."""

    first: str = ""
    meeting: threading.Barrier = field(default_factory=lambda: threading.Barrier(2))
    done: threading.Event = field(default_factory=threading.Event)

    def take(self) -> None:
        if threading.current_thread() is not threading.main_thread():
            self.meeting.wait(WAIT)
            if self.first and threading.current_thread().name != self.first:
                assert self.done.wait(WAIT)

    def play(self, **actions: Action) -> dict[str, set[str]]:
        """The rules each action breaks; an exception stands under its own name."""
        broken: dict[str, set[str]] = {}

        def run(name: str, action: Action) -> None:
            try:
                broken[name] = action()
            except BaseException as error:
                broken[name] = {repr(error)}
            if name == self.first:
                self.done.set()

        threads = [threading.Thread(target=run, args=item, name=item[0]) for item in actions.items()]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return broken


@dataclass
class Race:
    """A record with two documents in force, x and y, and what their author may do to them."""

    world: World
    turns: Turns
    x: StoredEntry
    y: StoredEntry
    before: set[str]
    oid: str = field(default_factory=new_oid)

    def deposit(self, *ties: tuple[str, StoredEntry], **values: str) -> Action:
        """A lot of one document, tied to registered ones."""
        relations = "".join(
            REPLACE.replace(":RPLC", f":{kind}")
            .replace("{{target}}", old.entry_uuid)
            .replace('"rplc"', f'"tie{number}"')
            for number, (kind, old) in enumerate(ties)
        ).replace(LIST_END, "")
        frame = lot(placeholders(**values), change=[[LIST_END, relations + LIST_END]])
        return lambda: broken(self.world.deposit(frame))

    def several(self, *unique_ids: str) -> Action:
        """A lot of these documents."""
        frame = lot_of([Document(f"d{n}", unique_id) for n, unique_id in enumerate(unique_ids)])
        return lambda: broken(self.world.deposit(frame))

    def becomes(self, status: Status) -> Action:
        return self._update(status_request(update_set(new_oid()), self.x.entry_uuid, Status.APPROVED, status))

    def mask(self) -> Action:
        body = self.world.search(query(ASK, {"query": GET_DOCUMENTS, "uuid": f"('{self.x.entry_uuid}')"}))
        (entry,) = body.iter(f"{{{RIM}}}ExtrinsicObject")
        return self._update(metadata_request(update_set(new_oid()), entry, [MASQUE_PS]))

    def block(self) -> Action:
        """The patient blocks the author."""

        def action() -> set[str]:
            with self.world.store.write() as work:
                work.patients.lock(self.x.patient)
                work.authorisations.block(self.x.patient, LIBRE, by=By("patient"), now=self.world.now)
            return set()

        return action

    def close(self) -> Action:
        def action() -> set[str]:
            with self.world.store.write() as work:
                work.patients.lock(self.x.patient)
                work.patients.close(self.x.patient, now=self.world.now, code="", text="", final=False)
            return set()

        return action

    def _update(self, body: etree._Element) -> Action:
        return lambda: broken(self.world.update(body))

    def left(self) -> Mapping[str, str | int]:
        """In the end: the status of x, of y, and how many new documents have which."""
        known = {self.x.unique_id: "x", self.y.unique_id: "y"}
        with self.world.store.read() as work:
            found = work.documents.find(DocumentQuery(self.x.patient, tuple(Status)), limit=1000)
        state = {known[e.unique_id]: e.status.name for e in found if e.unique_id in known}
        return state | Counter(f"new {e.status.name}" for e in found if e.unique_id not in self.before)


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def world(
    request: pytest.FixtureRequest, _migrated_sqlite: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    """One record on either database, for all the races."""
    place = tmp_path_factory.mktemp("races")
    with ExitStack() as stack:
        url = f"sqlite:///{shutil.copyfile(_migrated_sqlite, place / 'dmpws.sqlite')}"
        if request.param == "postgres":
            url = stack.enter_context(request.getfixturevalue("postgres_server").database())
        world = World(stack.enter_context(closing(open_store(url, place / "documents"))))
        world.open_dmp()
        yield world


@pytest.fixture
def race(world: World, monkeypatch: pytest.MonkeyPatch) -> Race:
    turns = Turns()
    frames = [lot(), lot()]
    with world.store.write() as work:
        record = work.patients.find(PATIENTS[world.patient].ins)
        assert record is not None
        work.patients.reopen(record.id)
        work.authorisations.unblock(record.id, LIBRE, by=By("patient"), now=world.now)
    world.authorise("libre")
    assert [errors_of(world.deposit(frame)) for frame in frames] == [[], []]
    with world.store.read() as work:
        x, y = work.documents.by_unique_id(f.values["document_unique_id"] for f in frames)
        before = work.documents.find(DocumentQuery(record.id, tuple(Status)), limit=1000)
    lock = PatientTable.lock

    def in_turn(table: PatientTable, patient: int) -> None:
        turns.take()
        lock(table, patient)

    monkeypatch.setattr(PatientTable, "lock", in_turn)
    return Race(world, turns, x, y, {e.unique_id for e in before})


@dataclass(frozen=True)
class Pair:
    """Two calls. refused: the rules the second one breaks, when `a` comes first and when `b` does. left: likewise."""

    calls: Callable[[Race], tuple[Action, ...]]
    refused: tuple[set[str], set[str]]
    left: tuple[dict[str, str | int], dict[str, str | int]]


X, Y = {"x": "APPROVED"}, {"y": "APPROVED"}
GONE, OBSOLETE = {"x": "DELETED"}, {"x": "DEPRECATED"}
ONE, TWO, FALLEN = {"new APPROVED": 1}, {"new APPROVED": 2}, {"new APPROVED": 1, "new DEPRECATED": 1}

PAIRS = {
    "the same document twice": Pair(
        lambda r: tuple(r.deposit(document_unique_id=r.oid, document_set_id=f"{r.oid}.1") for _ in "ab"),
        ({"STORE-DOCUMENT-ID"},) * 2,
        (X | Y | ONE,) * 2,
    ),
    "other octets under the same uniqueId": Pair(
        lambda r: tuple(r.deposit(document_unique_id=r.oid) for _ in "ab"),
        ({"STORE-DOCUMENT-HASH"},) * 2,
        (X | Y | ONE,) * 2,
    ),
    "the same documents in another order": Pair(
        lambda r: (r.several(f"{r.oid}.1", f"{r.oid}.2"), r.several(f"{r.oid}.2", f"{r.oid}.1")),
        ({"STORE-DOCUMENT-ID"}, {"STORE-DOCUMENT-ID"}),
        (X | Y | TWO,) * 2,
    ),
    "the same lot twice": Pair(
        lambda r: tuple(r.deposit(lot_unique_id=r.oid) for _ in "ab"),
        ({"STORE-SUBMISSION-SET-ID"},) * 2,
        (X | Y | ONE,) * 2,
    ),
    "two versions of one set": Pair(
        lambda r: tuple(r.deposit(document_set_id=r.oid) for _ in "ab"),
        ({"STORE-DOCUMENT-SET"},) * 2,
        (X | Y | ONE,) * 2,
    ),
    "replace and replace": Pair(
        lambda r: (r.deposit(("RPLC", r.x)), r.deposit(("RPLC", r.x))),
        ({"STORE-REPLACED"},) * 2,
        (OBSOLETE | Y | ONE,) * 2,
    ),
    "replace and delete": Pair(
        lambda r: (r.deposit(("RPLC", r.x)), r.becomes(Status.DELETED)),
        ({"UPD-STATUS", "UPD-TRANSITION"}, {"STORE-REPLACED"}),
        (OBSOLETE | Y | ONE, GONE | Y),
    ),
    "replace and mask": Pair(
        lambda r: (r.deposit(("RPLC", r.x)), r.mask()),
        (set(), {"STORE-REPLACED"}),
        (OBSOLETE | Y | ONE, X | Y),
    ),
    "complete and replace": Pair(
        lambda r: (r.deposit(("APND", r.x)), r.deposit(("RPLC", r.x))),
        (set(), {"STORE-RELIED-ON"}),
        (OBSOLETE | Y | FALLEN, OBSOLETE | Y | ONE),
    ),
    "transform and replace": Pair(
        lambda r: (r.deposit(("XFRM", r.x)), r.deposit(("RPLC", r.x))),
        (set(), {"STORE-RELIED-ON"}),
        (OBSOLETE | Y | FALLEN, OBSOLETE | Y | ONE),
    ),
    "complete and delete": Pair(
        lambda r: (r.deposit(("APND", r.x)), r.becomes(Status.DELETED)),
        (set(), {"STORE-RELIED-ON"}),
        (GONE | Y | ONE, GONE | Y),
    ),
    "complete and mask": Pair(
        lambda r: (r.deposit(("APND", r.x)), r.mask()), (set(), {"STORE-RELIED-ON"}), (X | Y | ONE, X | Y)
    ),
    "crosswise": Pair(
        lambda r: (r.deposit(("RPLC", r.x), ("APND", r.y)), r.deposit(("APND", r.x), ("RPLC", r.y))),
        ({"STORE-RELIED-ON"},) * 2,
        (OBSOLETE | Y | ONE, X | {"y": "DEPRECATED"} | ONE),
    ),
    "mask and mask": Pair(lambda r: (r.mask(), r.mask()), ({"UPD-VERSION", "UPD-NOTHING"},) * 2, (X | Y,) * 2),
    "archive and delete": Pair(
        lambda r: (r.becomes(Status.ARCHIVED), r.becomes(Status.DELETED)),
        ({"UPD-STATUS"}, {"UPD-STATUS", "UPD-DELETED"}),
        ({"x": "ARCHIVED"} | Y, GONE | Y),
    ),
    "deposit and block": Pair(
        lambda r: (r.deposit(), r.block()), (set(), {"ADM-BLOCKED"}), (X | Y | ONE, X | Y)
    ),
    "delete and block": Pair(
        lambda r: (r.becomes(Status.DELETED), r.block()), (set(), {"ADM-BLOCKED"}), (GONE | Y, X | Y)
    ),
    "delete and close": Pair(
        lambda r: (r.becomes(Status.DELETED), r.close()), (set(), {"ADM-OPEN"}), (GONE | Y, X | Y)
    ),
    "deposit and close": Pair(lambda r: (r.deposit(), r.close()), (set(), {"ADM-OPEN"}), (X | Y | ONE, X | Y)),
}  # fmt: skip


@pytest.mark.parametrize("first", ["a", "b", ""])
@pytest.mark.parametrize("pair", PAIRS.values(), ids=PAIRS.keys())
def test_one_follows_the_other(race: Race, pair: Pair, first: str) -> None:
    a, b = pair.calls(race)
    race.turns.first = first
    broken = race.turns.play(a=a, b=b)
    outcome = (broken, race.left())
    orders = {
        "a": ({"a": set(), "b": pair.refused[0]}, pair.left[0]),
        "b": ({"a": pair.refused[1], "b": set()}, pair.left[1]),
    }
    assert outcome in ([orders[first]] if first else list(orders.values()))
