"""Homologation: registered, assessed, decided, in force at the next call, published; on both databases."""

import csv
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from dmpws import cast
from dmpws.acts.actor import operator
from dmpws.acts.homologation import Approval, HomologationError, assess, decide, register
from dmpws.app import store_of
from dmpws.cli import main
from dmpws.client import ServerFault
from dmpws.client.session import KIT
from dmpws.codec.directory import read_table
from dmpws.codec.reference_list import as_html, as_json, as_tsv
from dmpws.codec.tables import TableError
from dmpws.config import load
from dmpws.conformance.candidacy import Candidacy
from dmpws.conformance.cases import Conformance
from dmpws.conformance.cases import Profile as ConformanceProfile
from dmpws.conformance.evidence import write_evidence
from dmpws.conformance.review import BadEvidence, review
from dmpws.conformance.seen import Seen
from dmpws.conformance.watching import Position, State
from dmpws.domain.access import AuthMode
from dmpws.domain.homologation import AFTER, Assessment, HomologationFile, Step
from dmpws.domain.software import ApprovalStatus, Category, Profile, Scope, Software
from dmpws.store import Store, open_store
from dmpws.testing.local import LocalApp

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
ROOT = operator("root")
CONFORMANCE = Conformance()
FEEDING = frozenset({Scope(Profile.FEEDING, AuthMode.DIRECTE)})
FILE = HomologationFile("", "Éditeur & Cie", "Cabinet <Plus>", "Cabinet Plus", Category.LGC, FEEDING)
WHOLE = Assessment("ab" * 32, "2.10c", "Cabinet Plus", ("2.1-010",), (), ())


@pytest.fixture(scope="module")
def sqlite(_migrated_sqlite: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """One store for the tests that open a file of their own."""
    folder = tmp_path_factory.mktemp("homologation")
    (folder / "dmpws.sqlite").write_bytes(_migrated_sqlite.read_bytes())
    with closing(open_store(f"sqlite:///{folder / 'dmpws.sqlite'}", folder / "documents")) as store:
        yield store


def opened(store: Store, **changes: Any) -> str:
    return register(store, replace(FILE, **changes), actor=ROOT, now=NOW, motive="demande du 3").key


def on(store: Store, key: str, step: Step, **options: Any) -> HomologationFile:
    approval = Approval(**options) if options else None
    return decide(store, key, step, actor=ROOT, now=NOW, motive=f"décision {step}", approval=approval)


def granted(store: Store, **options: Any) -> str:
    key = opened(store)
    assess(store, key, WHOLE, actor=ROOT, now=NOW)
    on(store, key, Step.GRANTED, **options)
    return key


def test_a_file_goes_all_the_way_and_keeps_its_history(store: Store) -> None:
    key = granted(store, valid_until=date(2028, 12, 31))
    known = store.directory.software("DMPWS-2026-0001")
    assert known == Software(
        "DMPWS-2026-0001", FILE.name, FILE.editor, Category.LGC, valid_until=date(2028, 12, 31), scopes=FEEDING
    )
    for step, status in (
        (Step.SUSPENDED, ApprovalStatus.SUSPENDED),
        (Step.REINSTATED, ApprovalStatus.APPROVED),
        (Step.REVOKED, ApprovalStatus.REVOKED),
    ):
        file = on(store, key, step)
        known = store.directory.software("DMPWS-2026-0001")
        assert known is not None
        assert (known.status, known.valid_until, file.state) == (status, date(2028, 12, 31), step)
    assert [event.step for event in file.events] == [
        Step.REGISTERED, Step.ASSESSED, Step.GRANTED, Step.SUSPENDED, Step.REINSTATED, Step.REVOKED
    ]  # fmt: skip
    assert {event.by for event in file.events} == {"root"}
    assert file.events[2].detail == {
        "number": "DMPWS-2026-0001", "evidence": WHOLE.digest, "valid_until": "2028-12-31"
    }  # fmt: skip
    with store.read() as work:
        traces = [json.loads(row.content) for row in work.traces.rows()]
    assert [t["transaction"] for t in traces if t.get("reason", "").startswith("décision revoked")] == [
        "act:directory", "act:homologation"
    ]  # fmt: skip
    assert {t["person"] for t in traces} == {"operator:root"}


@pytest.mark.parametrize("state", [step for step in Step if step is not Step.ASSESSED])
@pytest.mark.parametrize("step", [step for step in Step if step not in (Step.REGISTERED, Step.ASSESSED)])
def test_what_may_follow_what(state: Step, step: Step, sqlite: Store) -> None:
    way = {
        Step.REGISTERED: (),
        Step.GRANTED: (Step.GRANTED,),
        Step.REFUSED: (Step.REFUSED,),
        Step.SUSPENDED: (Step.GRANTED, Step.SUSPENDED),
        Step.REINSTATED: (Step.GRANTED, Step.SUSPENDED, Step.REINSTATED),
        Step.REVOKED: (Step.GRANTED, Step.REVOKED),
    }
    key = opened(sqlite, name=f"{state} {step}")
    for taken in way[state]:
        on(sqlite, key, taken, unproved=True)
    if state in AFTER[step]:
        assert on(sqlite, key, step, unproved=True).state is step
    else:
        with pytest.raises(HomologationError, match="cannot be"):
            on(sqlite, key, step, unproved=True)
        with sqlite.read() as work:
            file = work.homologations.get(key)
        assert file is not None
        assert file.state is state


def test_a_decision_is_in_force_at_the_next_call(app: LocalApp) -> None:
    strict = LocalApp(app.store, app.pki, app.now, approval="listed")
    lps = replace(KIT, approval_number="DMPWS-2026-0001")
    session = strict.session("medecin-libre", lps=lps)
    patient = cast.PATIENTS["petra"].ins

    def answer() -> str:
        try:
            return str(session.test_existence(patient).exists)
        except ServerFault as fault:
            return fault.reason

    assert "DMPWS-2026-0001" in answer()
    key = granted(app.store)
    assert answer() == "True"
    on(app.store, key, Step.SUSPENDED)
    assert "suspendue" in answer()
    on(app.store, key, Step.REINSTATED)
    assert answer() == "True"
    on(app.store, key, Step.REVOKED)
    assert "retirée" in answer()


def test_only_what_was_asked_for_is_approved(app: LocalApp) -> None:
    strict = LocalApp(app.store, app.pki, app.now, approval="listed")
    granted(app.store)
    session = strict.session("medecin-libre", lps=replace(KIT, approval_number="DMPWS-2026-0001"))
    with pytest.raises(ServerFault, match="alimentation"):
        session.find_documents(cast.PATIENTS["petra"].ins)


def test_nothing_is_granted_without_evidence_by_mistake(store: Store) -> None:
    key = opened(store)
    with pytest.raises(HomologationError, match="no evidence was assessed"):
        on(store, key, Step.GRANTED)
    assess(store, key, replace(WHOLE, problems=("0.2-060 : pas réalisé",)), actor=ROOT, now=NOW)
    with pytest.raises(HomologationError, match="not complete"):
        on(store, key, Step.GRANTED)
    assert store.directory.software("DMPWS-2026-0001") is None
    assert on(store, key, Step.GRANTED, unproved=True).events[-1].detail["evidence"] == ""


def test_a_refused_file_needs_new_evidence(store: Store) -> None:
    key = opened(store)
    assess(store, key, WHOLE, actor=ROOT, now=NOW)
    on(store, key, Step.REFUSED)
    with pytest.raises(HomologationError, match="no evidence was assessed"):
        on(store, key, Step.GRANTED)
    assert store.directory.software("DMPWS-2026-0001") is None
    assess(store, key, WHOLE, actor=ROOT, now=NOW)
    assert on(store, key, Step.GRANTED).number == "DMPWS-2026-0001"


def test_a_number_belongs_to_one_family(store: Store) -> None:
    granted(store, number="HOM-1")
    other = opened(store, name="Autre")
    with pytest.raises(HomologationError, match="HOM-1 is the number of Cabinet <Plus>"):
        on(store, other, Step.GRANTED, number="HOM-1", unproved=True)
    with pytest.raises(HomologationError, match="has the number HOM-1"):
        on(store, "2026-0001", Step.GRANTED, number="HOM-2")
    renewed = on(store, "2026-0001", Step.GRANTED, valid_until=date(2030, 1, 1))
    assert renewed.number == "HOM-1"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "has the file 2026-0001"),
        ({"scopes": frozenset()}, "asks for something"),
        ({"scopes": frozenset({Scope(Profile.FEEDING, AuthMode.DIRECTE, "TD9.9")})}, "TD9.9 is not a transaction"),
        ({"scopes": frozenset({Scope(Profile.FEEDING, AuthMode.DIRECTE, "TD3.2")})}, "not of the profile"),
    ],
)
def test_a_file_that_cannot_be_opened(store: Store, changes: dict[str, Any], said: str) -> None:
    opened(store)
    with pytest.raises(HomologationError, match=said):
        opened(store, **changes)


def test_a_motive_is_needed_and_dates_are_checked(store: Store) -> None:
    key = opened(store)
    with pytest.raises(HomologationError, match="motive"):
        decide(store, key, Step.REFUSED, actor=ROOT, now=NOW, motive="")
    with pytest.raises(TableError, match="before"):
        on(store, key, Step.GRANTED, valid_from=date(2030, 1, 1), valid_until=date(2029, 1, 1), unproved=True)
    with pytest.raises(HomologationError, match="2026-11-20: that day has passed"):
        on(store, key, Step.GRANTED, valid_until=date(2026, 11, 20), unproved=True)
    with pytest.raises(HomologationError, match="no such file"):
        on(store, "2026-0009", Step.REFUSED)


def test_files_that_are_opened_together_have_different_keys(store: Store) -> None:
    keys: list[str] = []
    barrier = threading.Barrier(4)

    def one(n: int) -> None:
        barrier.wait()
        keys.append(opened(store, name=f"Logiciel {n}"))

    threads = [threading.Thread(target=one, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(keys) == [f"2026-000{n}" for n in range(1, 5)]


# The evidence

Evidence = Callable[..., Path]


class _Journal:
    """A journal with one exchange, of a software and in a mode."""

    def __init__(self, software: str, mode: str) -> None:
        self._line = {"software": software, "mode": mode, "at": "2026-11-21T12:00:00+00:00", "facts": {}, "checks": []}

    def detail(self, exchange: int) -> dict[str, Any]:
        names = ("correlation_id", "transaction", "status", "code", "reason", "person", "structure", "purpose")
        message = {"content_type": "application/soap+xml", "size": 4, "kept": 4, "cut": False}
        line = {**dict.fromkeys((*names, "approval", "patient"), ""), **self._line, "id": exchange}
        return {**line, "request": dict(message), "answer": dict(message)}

    def octets(self, exchange: int, direction: str) -> bytes:
        return b"<a/>"


@pytest.fixture
def evidence(tmp_path: Path) -> Evidence:
    """Writes the folder of a rehearsal: a case of each mandatory transaction of Alimentation, in a state."""

    def write(*, profiles: tuple[str, ...] = ("alimentation",), **states: str) -> Path:
        plan, folder = CONFORMANCE.plans["2.10c"], tmp_path / "preuves"
        journal = _Journal("Cabinet Plus", "DIRECTE")
        asked = frozenset(map(ConformanceProfile, profiles))
        candidacy = Candidacy(plan, "", asked, frozenset(), frozenset(), frozenset(), frozenset(), {})
        positions = []
        for name in plan.profiles[ConformanceProfile.FEEDING].mandatory:
            case = next(c for c in CONFORMANCE.cases.values() if c.transaction == name and not c.own)
            state = State(states.get(name.replace(".", "_"), "done"))
            seen = (Seen(journal.detail(1)),) if state in (State.DONE, State.VIOLATED) else ()
            positions.append(Position(case, state, seen))
        write_evidence(folder, candidacy, positions, journal, NOW)
        return folder

    return write


def test_whole_evidence_is_complete(evidence: Evidence) -> None:
    found = review(evidence(), FILE, CONFORMANCE)
    assert (found.problems, found.plan, found.software) == ((), "2.10c", "Cabinet Plus")
    assert len(found.done) == 6


@pytest.mark.parametrize(
    ("states", "changes", "said"),
    [
        ({"TD2_1": "missing"}, {}, "aucun cas de TD2.1, qui est obligatoire"),
        ({"TD2_1": "violated"}, {}, "enfreint"),
        ({"TD1_3a": "manual"}, {}, "à montrer"),
        ({}, {"software": "Un autre"}, "d'un autre logiciel : 'Cabinet Plus'"),
        ({}, {"scopes": frozenset({Scope(Profile.CONSULTATION, AuthMode.DIRECTE)})}, "ne le concernent pas"),
        ({}, {"scopes": frozenset({Scope(Profile.FEEDING, AuthMode.INDIRECTE)})}, "mode INDIRECTE : aucun échange"),
    ],
)
def test_what_the_evidence_lacks(
    evidence: Evidence, states: dict[str, str], changes: dict[str, Any], said: str
) -> None:
    found = review(evidence(**states), replace(FILE, **changes), CONFORMANCE)
    assert not found.complete
    assert any(said in problem for problem in found.problems), found.problems


def test_what_no_frame_tells_is_shown_to_the_reviewer(evidence: Evidence) -> None:
    folder = evidence(TD1_3a="manual")
    [name] = [c["id"] for c in json.loads((folder / "index.json").read_text())["cases"] if c["state"] == "manual"]
    assert review(folder, FILE, CONFORMANCE, shown={name}).shown == (name,)
    assert review(folder, FILE, CONFORMANCE, shown={"all"}).complete
    with pytest.raises(BadEvidence, match=r"9\.9-999 is not in the evidence"):
        review(folder, FILE, CONFORMANCE, shown={"9.9-999"})


def test_evidence_that_was_changed_is_found_out(evidence: Evidence) -> None:
    folder = evidence()
    before = review(folder, FILE, CONFORMANCE)
    frame = next(folder.glob("*/1-requete.xml"))
    frame.write_bytes(b"<b/>")
    after = review(folder, FILE, CONFORMANCE)
    assert after.digest != before.digest
    assert any("modifié après" in problem for problem in after.problems)
    frame.unlink()
    assert not review(folder, FILE, CONFORMANCE).complete


@pytest.mark.parametrize(
    "spoil",
    [
        {"cases": [{"id": "x", "title": "x", "state": "done", "folder": "../.."}]},
        {"cases": [{"id": "x", "title": "x", "state": "done", "folder": "/etc"}]},
        {"cases": [{"id": "x"}]},
        {"cases": 3},
        {"plan": "9.9"},
        [],
    ],
)
def test_what_is_no_evidence_is_refused(evidence: Evidence, spoil: Any) -> None:
    folder = evidence()
    index = json.loads((folder / "index.json").read_text())
    (folder / "index.json").write_text(json.dumps({**index, **spoil} if isinstance(spoil, dict) else spoil))
    with pytest.raises(BadEvidence):
        review(folder, FILE, CONFORMANCE)


def test_a_frame_outside_of_its_folder_is_refused(evidence: Evidence) -> None:
    folder = evidence()
    path = next(folder.glob("*/verdict.json"))
    path.write_text(path.read_text().replace("1-requete.xml", "../index.json"))
    with pytest.raises(BadEvidence, match="no file of it"):
        review(folder, FILE, CONFORMANCE)


# The published list and the command line

SOFTWARE = [
    Software("B-2", "Zèbre", "éditeur b", Category.SIH, ApprovalStatus.SUSPENDED, scopes=FEEDING),
    Software("A-1", "<script>alert(1)</script>", "Éditeur & Cie", Category.LGC, valid_until=date(2026, 1, 1)),
    Software("C-3", "Alpha", "éditeur b", Category.LDRM, valid_from=date(2026, 2, 1), scopes=FEEDING),
]


def test_the_list_as_a_table_can_be_loaded_again() -> None:
    text = as_tsv(SOFTWARE)
    assert [entry.key for entry in read_table(text.encode(), "liste.tsv")] == ["A-1", "C-3", "B-2"]
    rows = list(csv.DictReader(text.splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE))
    assert [row["status"] for row in rows] == ["approved", "approved", "suspended"]


def test_the_list_as_json_says_what_is_in_force() -> None:
    content = json.loads(as_json(SOFTWARE, NOW))
    assert content["published_at"] == "2026-11-21T12:00:00+00:00"
    assert {one["number"]: one["in_force"] for one in content["software"]} == {"C-3": True, "B-2": False, "A-1": False}


def test_the_list_as_a_page_shows_nothing_but_text() -> None:
    page = as_html(SOFTWARE, NOW)
    root = etree.HTML(page)
    assert root.xpath("//script") == []
    assert root.get("lang") == "fr"
    cells = [["".join(td.itertext()) for td in tr.xpath("td")] for tr in root.xpath("//tbody/tr")]
    assert [row[3] for row in cells] == ["A-1", "C-3", "B-2"]
    assert cells[0][:2] == ["Éditeur & Cie", "<script>alert(1)</script>"]
    assert [row[5] for row in cells] == ["hors validité", "homologué", "suspendu"]
    assert cells[1][4] == "alimentation : directe"
    assert "1 famille de produits en vigueur, 3 familles" in "".join(root.xpath("//p//text()"))


@pytest.fixture
def run(tmp_path: Path, _migrated_sqlite: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "dmpws.sqlite").write_bytes(_migrated_sqlite.read_bytes())

    def command(*words: str) -> tuple[int, str]:
        status = main(["--data", str(tmp_path / "data"), *words])
        done = capsys.readouterr()
        return status, done.out + done.err

    return command


def test_the_whole_process_from_the_command_line(
    run: Callable[..., tuple[int, str]], evidence: Evidence, tmp_path: Path
) -> None:
    words = ["--editor", "Éditeur", "--name", "Cabinet Plus", "--category", "LGC", "--for", "alimentation:DIRECTE"]
    status, said = run("homologation", "register", *words, "--by", "anne")
    key, _, rest = said.partition("  ")
    assert key.endswith("-0001")  # after the year of the machine
    assert rest.startswith("Éditeur, Cabinet Plus")
    assert run("homologation", "assess", key, str(evidence(TD2_1="missing")))[0] == 1
    status, said = run("homologation", "decide", key, "grant", "--motive", "commission du 3")
    assert (status, "--without-evidence" in said) == (1, True)
    status, said = run("homologation", "assess", key, str(evidence()), "--by", "anne")
    assert (status, said.splitlines()[-1]) == (0, "complete")
    words = ["grant", "--motive", "commission du 3", "--number", "HOM-7", "--valid-until", "2030-12-31"]
    assert "homologué, HOM-7" in run("homologation", "decide", key, *words)[1]
    assert run("homologation", "decide", key, "suspend", "--motive", "incident 12")[0] == 0
    status, said = run("homologation", "list")
    assert "HOM-7" in said and "homologation suspendue" in said
    history = json.loads(run("--format", "json", "homologation", "list", key)[1])["history"]
    assert [(e["step"], e["motive"]) for e in history][-2:] == [
        ("granted", "commission du 3"), ("suspended", "incident 12")
    ]  # fmt: skip
    status, said = run("homologation", "list", "--publish", str(tmp_path / "site"))
    assert [Path(line).name for line in said.split()] == [f"liste-logiciels.{e}" for e in ("tsv", "json", "html")]
    assert "HOM-7\tCabinet Plus\tÉditeur\tLGC" in (tmp_path / "site" / "liste-logiciels.tsv").read_text("utf-8")
    with closing(store_of(load({"data": str(tmp_path / "data")}, environment={}))) as store:
        known = store.directory.software("HOM-7")
    assert known is not None
    assert known.status is ApprovalStatus.SUSPENDED


@pytest.mark.parametrize(
    "words",
    [
        ["decide", "2026-0001", "suspend", "--number", "X", "--motive", "m"],
        ["decide", "2026-0001", "refuse", "--without-evidence", "--motive", "m"],
    ],
)
def test_options_of_a_grant_are_for_grants(run: Callable[..., tuple[int, str]], words: list[str]) -> None:
    assert run("homologation", *words)[0] == 2


def test_an_unknown_file_is_said(run: Callable[..., tuple[int, str]]) -> None:
    assert run("homologation", "list", "2026-0042")[0] == 1
    assert "no such file" in run("homologation", "decide", "2026-0042", "refuse", "--motive", "m")[1]
