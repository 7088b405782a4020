"""Faults on demand, in process: who is hit, how often, and what he gets."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dmpws import cast
from dmpws.app import build_app, laboratory
from dmpws.client import Attachment, ClinicalDocument, Deposit, LpsSession, ServerFault
from dmpws.client.cda import CONSULTATION_REPORT
from dmpws.client.errors import BadAnswer
from dmpws.client.pdf import one_page_pdf
from dmpws.client.session import KIT
from dmpws.config import ConfigError, load
from dmpws.domain.listening import heard_by
from dmpws.domain.patient import Ins
from dmpws.lab import Lab
from dmpws.lab.disturbing import corrupted
from dmpws.lab.faults import MOST_FAULTS, Fault, FaultError, Faults, read_fault
from dmpws.pki.demo import DemoPki
from dmpws.store import open_store
from dmpws.testing.local import LocalApp

PETRA, NESSI, ALOT, ATTRIBUT, JUMEAU, TROIS = (
    cast.PATIENTS[key].ins for key in ("petra", "nessi", "alot", "attribut", "jumeauun", "pat-trois")
)
LIBRE = "medecin-libre"


@pytest.fixture(scope="module")
def shared(
    _migrated_sqlite: Path, pki: DemoPki, now: datetime, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[LocalApp, Lab]]:
    """One server and its laboratory; each test has its patient."""
    folder = tmp_path_factory.mktemp("lab")
    (folder / "dmpws.sqlite").write_bytes(_migrated_sqlite.read_bytes())
    lab = Lab(folder / "lab")
    with closing(open_store(f"sqlite:///{folder / 'dmpws.sqlite'}", folder / "documents")) as store:
        yield LocalApp(store, pki, now, lab), lab


@pytest.fixture
def lab(shared: tuple[LocalApp, Lab]) -> Lab:
    shared[1].faults.clear()
    return shared[1]


@pytest.fixture
def world(shared: tuple[LocalApp, Lab]) -> LocalApp:
    return shared[0]


def deposit(world: LocalApp, lps: LpsSession, ins: Ins) -> Deposit:
    who = next(patient for patient in cast.PATIENTS.values() if patient.ins == ins)
    attachment = Attachment("application/pdf", one_page_pdf("Bonjour"))
    document = ClinicalDocument(
        who.ins, who.traits, lps.actor, CONSULTATION_REPORT, "Titre", attachment, world.now, world.now
    )
    return Deposit(document.to_xml())


def add(lab: Lab, **given: Any) -> Fault:
    return lab.faults.add(read_fault(given))


def test_a_code_travels_in_the_carrier_of_the_transaction(world: LocalApp, lab: Lab) -> None:
    lps, before = world.session(LIBRE), len(world.traces())
    add(lab, code="XDSRepositoryError", text="Disque plein", transaction="TD2.1")
    refused = lps.submit(PETRA, [deposit(world, lps, PETRA)])
    assert [p.code for p in refused.problems] == ["XDSRepositoryError"]
    assert "Disque plein" in refused.problems[0].text
    assert lps.submit(PETRA, [deposit(world, lps, PETRA)]).ok
    add(lab, code="DMPAccessDeniedByRightsService", transaction="TD0.2")
    assert [p.code for p in lps.test_existence(PETRA).problems] == ["DMPAccessDeniedByRightsService"]
    add(lab, code="DMPInvalidCertificate")
    with pytest.raises(ServerFault, match="DMPInvalidCertificate"):
        lps.test_existence(PETRA)
    codes = [trace.get("code", "") for trace in world.traces()[before:]]
    assert codes == ["XDSRepositoryError", "", "DMPAccessDeniedByRightsService", "DMPInvalidCertificate"]


def test_a_refused_deposit_stores_nothing(world: LocalApp, lab: Lab) -> None:
    lps = world.session(LIBRE)
    add(lab, code="XDSRegistryBusy")
    assert lps.submit(ATTRIBUT, [deposit(world, lps, ATTRIBUT)]).problems
    lps.add_authorisation(ATTRIBUT)
    assert lps.find_documents(ATTRIBUT).documents == ()


@pytest.mark.parametrize(
    ("criteria", "hit"),
    [
        ({"patient": PETRA.value}, [True, False, False]),
        ({"patient": f"{PETRA.value}^{PETRA.authority}"}, [True, False, False]),
        ({"patient": f"{PETRA.value}^1.2.3"}, [False, False, False]),
        ({"transaction": "TD0.3"}, [False, False, True]),
        ({"software": KIT.name}, [True, True, True]),
        ({"software": KIT.approval_number, "transaction": "TD0.2"}, [True, True, False]),
        ({"software": "another"}, [False, False, False]),
    ],
)
def test_a_fault_is_for_a_transaction_a_patient_or_a_software(
    world: LocalApp, lab: Lab, criteria: dict[str, str], hit: list[bool]
) -> None:
    lps = world.session(LIBRE)
    add(lab, code="DMPInvalidCertificate", times=0, **criteria)
    calls = (lambda: lps.test_existence(PETRA), lambda: lps.test_existence(NESSI), lambda: lps.add_authorisation(NESSI))
    found = []
    for call in calls:
        try:
            call()
            found.append(False)
        except ServerFault:
            found.append(True)
    assert found == hit


def test_a_caller_who_is_not_let_in_meets_no_fault(world: LocalApp, lab: Lab) -> None:
    add(lab, code="XDSRegistryBusy", times=1)
    with pytest.raises(ServerFault, match="DMPInvalidCertificate"):
        world.session("medecin-revoque").test_existence(PETRA)
    assert [fault.seen for fault in lab.faults.all()] == [0]


def test_a_delay_is_waited_before_the_true_answer(world: LocalApp, lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    monkeypatch.setattr("dmpws.lab.disturbing.time.sleep", waited.append)
    add(lab, delay=12.5)
    lps = world.session(LIBRE)
    assert lps.test_existence(PETRA).exists
    assert lps.test_existence(PETRA).exists
    assert waited == [12.5]


def test_a_cut_before_does_nothing_and_a_cut_after_all(world: LocalApp, lab: Lab) -> None:
    lps = world.session(LIBRE)
    lps.add_authorisation(ALOT)
    for when, stored in (("before", 0), ("after", 1), ("amid", 2)):
        add(lab, cut=when, transaction="TD2.1")
        with pytest.raises(ConnectionResetError):
            lps.submit(ALOT, [deposit(world, lps, ALOT)])
        assert len(lps.find_documents(ALOT).documents) == stored


@pytest.mark.parametrize("how", ["boundary", "reference"])
def test_a_corrupt_answer_cannot_be_read(world: LocalApp, lab: Lab, how: str) -> None:
    lps = world.session(LIBRE)
    lps.add_authorisation(JUMEAU)
    lps.submit(JUMEAU, [deposit(world, lps, JUMEAU)])
    entry = lps.find_documents(JUMEAU).documents[0]
    add(lab, corrupt=how)
    with pytest.raises(BadAnswer):
        lps.retrieve(JUMEAU, [entry.unique_id])


def test_a_corrupt_document_is_not_the_one_that_was_deposited(world: LocalApp, lab: Lab) -> None:
    lps = world.session(LIBRE)
    lps.add_authorisation(TROIS)
    lps.submit(TROIS, [deposit(world, lps, TROIS)])
    entry = lps.find_documents(TROIS).documents[0]
    hashes = []
    for spoilt in (True, False):
        if spoilt:
            add(lab, corrupt="content")
        [document] = lps.retrieve(TROIS, [entry.unique_id]).documents
        hashes.append(document.octets.sha1)
    assert hashes[0] != entry.hash == hashes[1]


def test_the_journal_says_that_it_was_asked_for(world: LocalApp, lab: Lab) -> None:
    class Listener:
        def __init__(self) -> None:
            self.rules: list[tuple[str, str]] = []

        def checked(self, checks: Any) -> None:
            self.rules += [(c.rule.id, c.outcome.value) for c in checks if c.rule.id == "LAB-FAULT"]

        def reached(self, step: str) -> None: ...
        def noted(self, facts: Any) -> None: ...
        def hushed(self) -> None: ...

    listener = Listener()
    lps = world.session(LIBRE)
    with heard_by(listener):
        add(lab, duplicate=True)
        lps.test_existence(PETRA)
        add(lab, code="DMPInvalidCertificate")
        with pytest.raises(ServerFault):
            lps.test_existence(PETRA)
    assert ("LAB-FAULT", "warned") in listener.rules
    assert ("LAB-FAULT", "failed") in listener.rules


@given(rate=st.floats(0.01, 1), calls=st.integers(1, 400))
def test_a_rate_is_kept_and_spread(rate: float, calls: int) -> None:
    hits = [Fault(rate=rate, seen=n).falls for n in range(1, calls + 1)]
    assert abs(sum(hits) - calls * rate) < 1
    assert sum(hits) == int(calls * rate + 1e-9)


def test_next_calls_then_none(lab: Lab, world: LocalApp) -> None:
    add(lab, code="DMPInvalidCertificate", times=2)
    lps = world.session(LIBRE)
    for _ in range(2):
        with pytest.raises(ServerFault):
            lps.test_existence(PETRA)
    assert lps.test_existence(PETRA).exists
    [fault] = lab.faults.all()
    assert (fault.hits, fault.seen, fault.spent) == (2, 2, True)


@pytest.mark.parametrize(
    "given_",
    [
        {},
        {"times": 3},
        {"code": "NoSuchCode"},
        {"code": "FailedCheck"},
        {"code": "204"},
        {"code": "XDSRegistryBusy", "transaction": "TD0.2"},
        {"code": "XDSRegistryBusy", "cut": "after"},
        {"cut": "sometimes"},
        {"corrupt": "content", "transaction": "TD0.2"},
        {"corrupt": "all"},
        {"text": "x", "delay": 1},
        {"code": "XDSRegistryBusy", "text": "a\nb"},
        {"delay": 61},
        {"delay": -1},
        {"delay": float("nan")},
        {"delay": "1"},
        {"delay": True},
        {"duplicate": 1},
        {"duplicate": True, "times": -1},
        {"duplicate": True, "times": 1.5},
        {"duplicate": True, "rate": 0.0},
        {"duplicate": True, "rate": 1.5},
        {"duplicate": True, "transaction": "TD9.9"},
        {"duplicate": True, "transaction": "TD0.1"},
        {"duplicate": True, "patient": "' OR 1"},
        {"duplicate": True, "id": 7},
        {"duplicate": True, "hits": 7},
        {"duplicate": True, "unknown": 7},
    ],
)
def test_what_cannot_be_meant_is_refused(given_: dict[str, Any]) -> None:
    with pytest.raises(FaultError):
        read_fault(given_)


def test_the_list_is_bounded_and_spent_faults_make_room(tmp_path: Path) -> None:
    faults = Faults(tmp_path)
    for _ in range(MOST_FAULTS):
        faults.add(Fault(delay=1))
    with pytest.raises(FaultError, match="clear some"):
        faults.add(Fault(delay=1))
    assert faults.clear(3) == 1
    assert faults.add(Fault(delay=1)).id == MOST_FAULTS + 1
    assert faults.clear() == MOST_FAULTS
    assert not (tmp_path / "faults.json").exists()


def test_without_a_fault_nothing_is_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    faults = Faults(tmp_path)
    faults.add(Fault(delay=1))
    faults.clear()
    monkeypatch.setattr("dmpws.lab.faults.locked", lambda folder: pytest.fail("a lock was taken"))
    assert faults.take(None) is None  # type: ignore[arg-type]


def test_corruption_keeps_the_length() -> None:
    package = b"--b\r\nContent-ID: <a>\r\n\r\nroot\r\n--b\r\nContent-ID: <c>\r\n\r\ndocument\r\n--b--\r\n"
    for how in ("content", "boundary", "reference"):
        spoilt = corrupted(package, "b", how)
        assert len(spoilt) == len(package)
        assert spoilt != package
    assert corrupted(b"no package", "b", "content") == b"no package"


@pytest.mark.parametrize("profile", ["production", "ihe"])
def test_other_profiles_have_no_laboratory(profile: str, world: LocalApp, pki: DemoPki, tmp_path: Path) -> None:
    config = load({"profile": profile, "data": str(tmp_path), "trust": str(pki.trust_folder)}, environment={})
    assert laboratory(config) is None
    with pytest.raises(ConfigError, match="outside local and test"):
        build_app(config, store=world.store, lab=Lab(tmp_path))


def test_other_profiles_do_not_import_it(tmp_path: Path, pki: DemoPki) -> None:
    """In a process of its own: both applications are built, and served a fault that somebody left in the folder."""
    program = """
import json, sys
from contextlib import ExitStack
from dmpws.app import build_app, build_operator_app, disturbed, journalled, laboratory, store_of
from dmpws.config import load
config = load({"profile": "production", "data": sys.argv[1], "trust": sys.argv[2], "encryption": False}, environment={})
lab = laboratory(config)
disturbed(journalled(build_app(config, lab=lab), config), lab)
app = build_operator_app(config)
status = []
for path in ("/lab", "/lab/faults", "/lab/reset"):
    b"".join(app({"PATH_INFO": path, "REQUEST_METHOD": "GET"}, lambda line, headers: status.append(line)))
print(json.dumps({"status": status, "imported": [name for name in sys.modules if name.startswith("dmpws.lab")]}))
"""
    (tmp_path / "lab").mkdir()
    (tmp_path / "lab" / "faults.json").write_text(json.dumps([{"id": 1, "cut": "after", "times": 0}]))
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path), str(pki.trust_folder)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout) == {"status": ["404 Not Found"] * 3, "imported": []}
