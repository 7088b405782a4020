"""The cases against this server, and what the runner does when a server is not as it should be."""

import io
import re
import shutil
import textwrap
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dmpws import cast
from dmpws.client import Unreachable
from dmpws.client.transport import Answer, WsgiTransport
from dmpws.conformance import running
from dmpws.conformance.cases import Assertion, Case, CaseActor, Conformance, Expected, Kind, Profile, Scenario, Step
from dmpws.conformance.detection import Tracker, detectors, patients_of
from dmpws.conformance.laboratory import laboratory
from dmpws.conformance.playing import play_case, reach
from dmpws.conformance.results import Part, RunResult, Verdict
from dmpws.conformance.running import NothingChosen, choose, run, run_scenario
from dmpws.conformance.seen import Seen
from dmpws.conformance.verbs import VERBS, flaws
from dmpws.conformance.world import ORDERS, World
from dmpws.lab.copying import copy_in
from dmpws.pki.cards import Card
from dmpws.seed.documents import planned
from dmpws.store import open_store
from dmpws.testing.local import PATH, LocalApp
from dmpws.testing.postgres import Postgres

DATA = Conformance()
DETECTORS = detectors(DATA)
PATIENTS = patients_of()
PLAYABLE = [case.id for case in DATA.cases.values() if case.kind is Kind.PLAYABLE]
DOCS = Path(__file__).parents[2] / "docs"
NEEDS_TLS = {"0.1-050"}


@pytest.mark.parametrize("name", PLAYABLE)
def test_the_server_gives_the_official_answer(played: RunResult, name: str) -> None:
    result = next(case for case in played.cases if case.id == name)
    wanted = Verdict.NOT_PLAYED if name in NEEDS_TLS else Verdict.PASSED
    assert result.verdict is wanted, result.why


@pytest.mark.parametrize("name", [name for name in PLAYABLE if name in DETECTORS])
def test_the_journal_shows_which_case_was_played(played: RunResult, heard: Any, name: str) -> None:
    """The detector of the case ticks it; no other does but those it names, and those of who calls in this way."""
    result = next(case for case in played.cases if case.id == name)
    lines = heard.lines[name]
    assert performs(name, lines), why_not(name, lines)
    calls = sum(len(step.frames) for step in result.steps if step.part is Part.STEP)
    others = {other for other in DETECTORS if other != name and performs(other, lines[-calls:])}
    unexpected = {other for other in others if not DETECTORS[other].general} - {*DETECTORS[name].also}
    # A case about access is performed with the message of some other one.
    assert DATA.cases[name].transaction == "TD0.1" or unexpected == set()


SPOILT = {
    "answer": lambda line: {"outcome": "refused", "code": "XDSRegistryBusy"},
    "patient": lambda line: {"patient": "199990000000100^1.2.250.1.213.1.4.10"},
    "mode": lambda line: {"mode": "INDIRECTE" if line["mode"] == "DIRECTE" else "DIRECTE"},
    "access_mode": lambda line: {"purpose": "normal" if line["purpose"] != "normal" else "centre_15"},
    "record": lambda line: {"situation": {"record": "unknown"}},
    "authorisation": lambda line: {"standing": {"authorisation": "unknown"}},
    "document": lambda line: {"entries": []},
    "replaces": lambda line: {"replaced": []},
    "changed": lambda line: {"changes": []},
    "criteria": lambda line: {"parameters": {**line["facts"].get("parameters", {}), "city": ["LYON"]}},
    "query": lambda line: {"query": "urn:uuid:00000000-0000-0000-0000-000000000000"},
    "asked": lambda line: {"asked": {"action": "RIEN"}},
}


@pytest.mark.parametrize("name", [name for name in PLAYABLE if name in DETECTORS])
def test_what_nearly_is_the_case_is_not_and_why_is_said(played: RunResult, heard: Any, name: str) -> None:
    """The exchanges of the case again, with one thing another way in all of them."""
    wanted = {key for one in DETECTORS[name].wanted for key, _ in one.asked}
    for key in wanted & SPOILT.keys():
        spoilt = [spoil(line, SPOILT[key](line)) for line in heard.lines[name]]
        assert not performs(name, spoilt), key
        assert all(sentence.startswith("attend ") for sentence in why_not(name, spoilt)) and why_not(name, spoilt), key


def spoil(line: Mapping[str, Any], facts: Mapping[str, Any]) -> Mapping[str, Any]:
    shown = {key: value for key, value in facts.items() if key in line}
    return {**line, **shown, "facts": {**line["facts"], **facts}}


def tracked(name: str, lines: Iterable[Mapping[str, Any]]) -> Tracker:
    tracker = Tracker(DETECTORS[name], PATIENTS)
    for line in lines:
        tracker.feed(Seen(line))
    return tracker


def performs(name: str, lines: Iterable[Mapping[str, Any]]) -> bool:
    return bool(tracked(name, lines).performed)


def why_not(name: str, lines: Iterable[Mapping[str, Any]]) -> list[str]:
    attempt = tracked(name, lines).attempt
    return [miss.sentence for miss in attempt.misses] if attempt else []


@pytest.mark.postgres
def test_postgresql_gives_the_official_answers_too(
    planted: LocalApp, postgres_server: Postgres, tmp_path: Path
) -> None:
    """One case of each transaction, on a copy of the same world; a run of `dmpws conformance` plays them all."""
    first = {DATA.cases[name].transaction: DATA.cases[name] for name in reversed(PLAYABLE) if name not in NEEDS_TLS}
    shutil.copytree(planted.pki.folder.parent / "documents", tmp_path / "documents")
    with postgres_server.database() as url, closing(open_store(url, tmp_path / "documents")) as store:
        copy_in(Path(str(planted.store.database.engine.url.database)), store.database.engine)
        app = LocalApp(store, planted.pki, planted.now)
        world = World(planted.pki, lambda card: WsgiTransport(app, card, PATH), planted.clock)
        result = run(first.values(), world, url="in process", plan=DATA.plans["2.10c"], jobs=4)
    assert [(case.id, case.why) for case in result.cases if case.verdict is not Verdict.PASSED] == []
    assert len(result.cases) > 20


def test_every_case_has_steps_that_the_vocabulary_knows() -> None:
    assert [flaw for case in DATA.cases.values() for flaw in flaws(case)] == []
    assert [name for name in PLAYABLE if not DATA.cases[name].steps] == []
    used = {step.call for case in DATA.cases.values() for step in (*case.prepare, *case.steps)}
    assert VERBS.keys() - used <= {"change_otp_channel"}


def test_the_documentation_names_every_verb_and_its_arguments() -> None:
    text = (DOCS / "reference" / "conformance-cases.md").read_text("utf-8").partition("## Verbs")[2]
    for name, verb in VERBS.items():
        assert f"`{name}`" in text
        assert [argument for argument in verb.arguments if f"`{argument}`" not in text] == [], name


def test_the_case_of_the_how_to_is_read_and_played(world: World, tmp_path: Path) -> None:
    text = (DOCS / "how-to" / "add-a-conformance-case.md").read_text("utf-8")
    (block,) = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
    folder = tmp_path / "cases" / "DMPWS-2.1-050"
    folder.mkdir(parents=True)
    (folder / "case.toml").write_text(textwrap.dedent(block), "utf-8")
    shutil.copytree(DATA.base / "plans", tmp_path / "plans")
    (case,) = Conformance(tmp_path).cases.values()
    assert case.id not in DATA.cases
    assert play_case(case, world).verdict is Verdict.PASSED


def test_cases_do_not_depend_on_each_other(world: World, played: RunResult) -> None:
    """Again, in the opposite order, those that need a state an earlier case may have changed."""
    assert played.count(Verdict.FAILED) == 0
    changed = [case for case in DATA.cases.values() if case.given.authorisation or case.given.treating_doctor]
    again = run(reversed(changed), world, url="", plan=DATA.plans["2.10c"])
    assert [(case.id, case.why) for case in again.cases if case.verdict is not Verdict.PASSED] == []
    assert len(again.cases) > 40


def test_the_seeded_vaccination_is_validated_by_the_doctor(planted: LocalApp) -> None:
    """DMPWS D175, D187."""
    notes = [d for d in planned() if d.row["key"] == "vaccination-to-validate" and d.patient.key == "cas2-ad2"]
    (note,), doctor = notes, planted.session("medecin-libre")
    found = doctor.get_documents(note.patient.ins, unique_ids=[note.unique_id()], return_type="ObjectRef")
    own = note.deposit(doctor.actor, version=2, replaces=found.references[0])
    assert doctor.submit(note.patient.ins, [own]).problems == ()


@pytest.mark.parametrize("name", DATA.scenarios)
def test_the_scenarios_pass(world: World, name: str) -> None:
    result = run_scenario(DATA.scenarios[name], DATA, world, url="", plan=DATA.plans["2.10c"])
    assert [(case.id, case.why) for case in result.cases if case.verdict is not Verdict.PASSED] == []
    assert result.scenario == DATA.scenarios[name].title


def test_a_scenario_stops_at_what_fails(world: World) -> None:
    data = Conformance()
    wrong = replace(data.cases["0.2-010"], expected=Expected("AE"))
    data.__dict__["cases"] = {**data.cases, "0.2-010": wrong}
    scenario = Scenario("s", "S", "", ("0.2-020", "0.2-010", "0.2-070"))
    result = run_scenario(scenario, data, world, url="", plan=data.plans["2.10c"])
    assert [case.verdict for case in result.cases] == [Verdict.PASSED, Verdict.FAILED, Verdict.NOT_PLAYED]
    assert "0.2-010" in result.cases[2].reason


@pytest.mark.parametrize(
    ("expected", "reason"),
    [
        (Expected("AE"), "état attendu : AE ; reçu : AA"),
        (Expected("AA", "OK"), "code attendu : OK ; reçu : NF"),
        (Expected(carrier=DATA.cases["3.1-240"].expected.carrier), "la réponse devait être une réponse XDS"),
    ],
)
def test_another_answer_fails_and_says_why(world: World, expected: Expected, reason: str) -> None:
    result = play_case(replace(DATA.cases["0.2-010"], expected=expected), world)
    assert result.verdict is Verdict.FAILED
    assert result.steps[-1].reasons[0].startswith(reason)
    assert "TEST_EXST" in result.steps[-1].frames[0].request


@pytest.mark.parametrize(
    ("assertion", "reason"),
    [
        (Assertion("//h:queryResponseCode/@code", equals="OK"), "« OK » ; trouvé « NF »"),
        (Assertion("//h:queryResponseCode/@code", contains="K"), "doit contenir « K »"),
        (Assertion("//h:patient", at_least=1), "0 au lieu de 1"),
        (Assertion("//patient[", at_least=1), "Invalid expression"),
        (Assertion("//h:patient/h:id/@extension", equals="{ins}"), cast.PATIENTS["conteste"].ins.value),
    ],
)
def test_an_assertion_that_does_not_hold_fails(world: World, assertion: Assertion, reason: str) -> None:
    case = DATA.cases["0.2-010"]
    result = play_case(replace(case, steps=(replace(case.steps[0], assertions=(assertion,)),)), world)
    assert result.verdict is Verdict.FAILED
    assert reason in result.steps[-1].reasons[0]


def test_a_refusal_carries_the_server_s_own_words(world: World) -> None:
    case = replace(DATA.cases["3.1-250"], expected=Expected("Success"))
    reasons = play_case(case, world).steps[-1].reasons
    assert reasons[0] == "état attendu : Success ; reçu : Failure"
    assert reasons[1].startswith("DMPAccessForbidden: ")


def given(name: str, **values: Any) -> Case:
    case = DATA.cases[name]
    return replace(case, given=replace(case.given, **values))


@pytest.mark.parametrize(
    ("case", "reason"),
    [
        (given("0.2-020", patient="Cas10"), "est ouvert, ce cas le veut fermé"),
        (given("0.2-010", patient="Cas10"), "est ouvert, ce cas le veut absent"),
        (given("0.2-030", patient="1", dmp="active"), "est absent, ce cas le veut ouvert"),
        (given("0.2-060", patient="Cas10"), "ce cas la veut EXPIRE (dmpws seed expire cas10)"),
        (given("0.2-070", patient="Cas10"), "dmpws patient block cas10"),
        (given("3.1-250", patient="Cas10"), "ne s'oppose pas au mode bris_de_glace"),
        (replace(DATA.cases["0.2-010"], actor=CaseActor(card="nobody")), "pas de carte « nobody »"),
        (given("3.2-010", patient="Cas10"), "n'a pas de document"),
        (replace(DATA.cases["0.2-010"], steps=(Step("retrieve", "", {"document": "x"}),)), "le document « x »"),
        (replace(DATA.cases["0.2-010"], prepare=(Step("find"),)), "préparation impossible"),
    ],
)
def test_a_state_that_cannot_be_had_is_not_a_failure(world: World, case: Case, reason: str) -> None:
    result = play_case(case, world)
    assert result.verdict is Verdict.NOT_PLAYED
    assert reason in result.reason


def test_a_laboratory_brings_about_what_no_lps_can(planted: LocalApp, world: World) -> None:
    ours = World(world.pki, world.connect, world.clock)
    laboratory(planted.store, ours)
    for name in ("0.2-060", "0.2-070"):
        case = given(name, patient="Cas15" if name == "0.2-070" else "91", dmp="")
        assert play_case(case, world).verdict is Verdict.NOT_PLAYED
        assert play_case(case, ours).verdict is Verdict.PASSED


def test_a_missing_card_is_made_once(world: World) -> None:
    for name in ORDERS:
        first, second = world.card(name), world.card(name)
        assert first.auth_certificate == second.auth_certificate


# A server that is not as it should be.


class Deaf:
    """A transport whose server answers `answers` times and is gone then."""

    url = ""

    def __init__(self, inside: WsgiTransport, answers: list[int]) -> None:
        self._inside = inside
        self._answers = answers

    def post(self, service: str, content_type: str, content: Iterable[bytes], length: int) -> Answer:
        if not self._answers:
            raise Unreachable("connection refused")
        if self._answers.pop() == 0:
            raise Unreachable("connection reset")
        return self._inside.post(service, content_type, content, length)

    def close(self) -> None:
        """Nothing to close."""


def deaf(planted: LocalApp, world: World, answers: list[int]) -> World:
    def connect(card: Card) -> Deaf:
        return Deaf(WsgiTransport(planted, card, PATH), answers)

    return World(world.pki, connect, world.clock)


def test_a_server_that_is_not_there_ends_the_run(planted: LocalApp, world: World) -> None:
    with pytest.raises(Unreachable):
        reach(deaf(planted, world, []))
    cases = [DATA.cases["0.2-010"], DATA.cases["0.2-020"]]
    with pytest.raises(Unreachable):
        run(cases, deaf(planted, world, [1]), url="", plan=DATA.plans["2.10c"], jobs=2)


def test_a_call_without_answer_fails_when_the_server_goes_on(planted: LocalApp, world: World) -> None:
    case = replace(DATA.cases["0.2-010"], given=replace(DATA.cases["0.2-010"].given, dmp=""))
    result = play_case(case, deaf(planted, world, [1, 0]))
    assert (result.verdict, result.steps[-1].found) == (Verdict.FAILED, "pas de réponse")
    refused = replace(case, expected=Expected(code="DMPInvalidCertificate", tls=True))
    assert play_case(refused, deaf(planted, world, [1, 0])).steps[-1].found == "connexion refusée par TLS"


class Odd(Deaf):
    """A transport whose server says something else."""

    def __init__(self, content_type: str, octets: bytes) -> None:
        self._answer = Answer(200, content_type, io.BytesIO(octets))

    def post(self, service: str, content_type: str, content: Iterable[bytes], length: int) -> Answer:
        return self._answer


SOAP = b'<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Body>%s</s:Body></s:Envelope>'
STATE = (
    b'<PRPA_IN201308UV02 xmlns="urn:hl7-org:v3"><attentionLine><keyWordText code="AUTORISATION"/><value code="?"/>'
    b'</attentionLine><acknowledgement typeCode="AA"/><patient/></PRPA_IN201308UV02>'
)


@pytest.mark.parametrize(
    ("content_type", "octets", "found"),
    [
        ("text/html", b"<h1>502</h1>", "réponse illisible"),
        ("application/soap+xml", b"<h1>502</h1>", "réponse illisible"),
        ("application/soap+xml", SOAP % b"", "réponse illisible"),
        ("application/soap+xml", SOAP % b"<s:Fault/>", "réponse vide"),
        ("application/soap+xml", SOAP % b"<other/>", "réponse vide"),
        ("application/soap+xml", SOAP % STATE, "réponse illisible"),
        ("multipart/related", b"--x--", "réponse illisible"),
        ("", b"", "réponse illisible"),
    ],
)
def test_whatever_a_server_answers_is_judged(world: World, content_type: str, octets: bytes, found: str) -> None:
    odd = World(world.pki, lambda card: Odd(content_type, octets), world.clock)
    result = play_case(given("0.2-010", dmp=""), odd)
    assert (result.verdict, result.steps[-1].found) == (Verdict.FAILED, found)
    assert result.steps[-1].reasons


def test_a_card_without_its_key_is_not_played(world: World) -> None:
    def connect(card: Card) -> Deaf:
        raise FileNotFoundError("auth.key")

    result = play_case(DATA.cases["0.2-010"], World(world.pki, connect, world.clock))
    assert (result.verdict, "auth.key" in result.reason) == (Verdict.NOT_PLAYED, True)


# Which cases are played.


def test_cases_are_chosen_by_what_is_asked() -> None:
    assert len(choose(DATA, "2.10c")) == len(DATA.cases)
    assert [case.id for case in choose(DATA, "2.10c", cases=["0.2-06?", "TNR-01"])] == ["0.2-060", "TNR-01"]
    chosen = choose(DATA, "2.10c", transactions=["TD0.4"], profiles=[Profile.READING])
    assert {case.transaction for case in chosen} == {"TD0.4"}
    assert len(chosen) == 4


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"cases": ["9.9-*"]}, "no case 9.9-"),
        ({"transactions": ["TD9.9"]}, "TD9.9"),
        ({"transactions": ["TD0.4"], "profiles": [Profile.FEEDING]}, "has all that is asked"),
    ],
)
def test_nothing_chosen_is_said(asked: dict[str, Any], said: str) -> None:
    with pytest.raises(NothingChosen, match=said):
        choose(DATA, "2.10c", **asked)


def test_cases_of_one_patient_are_in_one_chain() -> None:
    chains = list(running._chains(DATA.cases[name] for name in PLAYABLE))
    assert sorted(case.id for chain in chains for case in chain) == sorted(PLAYABLE)
    where = [running._patients(case) for chain in chains for case in chain]
    assert any(len(patients) > 1 for patients in where)
    seen: dict[str, int] = {}
    for number, chain in enumerate(chains):
        for patient in {patient for case in chain for patient in running._patients(case)}:
            assert seen.setdefault(patient, number) == number
    assert len(chains) > 20


# Another server than ours.


def test_a_patient_may_have_another_ins_there(planted: LocalApp, world: World) -> None:
    elsewhere = cast.PATIENTS["cas10"].ins
    there = World(world.pki, world.connect, world.clock, identities={"Cas14": elsewhere})
    result = play_case(DATA.cases["0.2-020"], there)
    assert "est ouvert, ce cas le veut fermé" in result.reason


def test_the_software_may_have_another_number_there(planted: LocalApp, world: World) -> None:
    unknown = World(world.pki, world.connect, world.clock, approval="UNKNOWN-1")
    result = play_case(given("0.2-010", dmp=""), unknown)
    assert result.steps[-1].found == "DMPAuthenticationError"
    assert "UNKNOWN-1" in result.steps[-1].reasons[-1]


def test_a_structure_card_of_elsewhere_is_used_as_it_is(world: World) -> None:
    world.pki.issue("org", "clinic", common_name="CLINIC", organisation="CLINIC", structure="10B0000001", sector="SA01")
    lps, _ = world.session(CaseActor(card="clinic"))
    assert (lps.actor.structure, lps.actor.structure_name, lps.actor.sector) == ("10B0000001", "CLINIC", "SA01")
