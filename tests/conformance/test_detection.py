"""The detectors: what an exchange must be to perform a case, and what is said when it is not."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dmpws import cast
from dmpws.conformance.cases import Conformance
from dmpws.conformance.detection import Detector, Tracker, detectors, patients_of
from dmpws.conformance.seen import Seen
from dmpws.conformance.toml import BadFile

DATA = Conformance()
DETECTORS = detectors(DATA)
PATIENTS = patients_of()
INS = {case: f"{p.ins.value}^{p.ins.authority}" for case, p in ((p.case, p) for p in cast.PATIENTS.values())}


def line(number: int = 1, /, **facts: Any) -> dict[str, Any]:
    """An accepted TD0.2 by a doctor about Cas1, as the journal tells it; other facts by name."""
    told: dict[str, Any] = {
        "outcome": "accepted",
        "transaction": "TD0.2",
        "code": "",
        "mode": "DIRECTE",
        "purpose": "normal",
        "person": "899900063480",
        "structure": "499900063480001",
        "software_name": "LPS",
        "patient": INS["Cas1"],
        "holder": "899900063480",
        "certificate_kind": "CPS",
        "roles": ["10^1.2.250.1.71.1.2.7", "SM26^1.2.250.1.71.4.2.5"],
        "situation": {"record": "active", "minor": False, "opposes": [], "named": True},
        "standing": {"authorisation": "NON_EXISTE", "treating_doctor": False},
        **facts,
    }
    return {
        "id": number,
        "at": "2026-11-21T12:00:00.000+00:00",
        "path": "/si-dmp-server/v2/services/patients",
        "reason": told.get("message", ""),
        "software": told["software_name"],
        "approval": "LPS-tmp1",
        **{name: told[name] for name in ("transaction", "code", "mode", "purpose", "person", "structure", "patient")},
        "facts": told,
    }


def tracker(case: str) -> Tracker:
    return Tracker(DETECTORS[case], PATIENTS)


def why(case: str, *lines: Mapping[str, Any]) -> list[str]:
    """Why these exchanges do not perform a case; empty when they do."""
    tracked = tracker(case)
    performed = [tracked.feed(Seen(one)) for one in lines]
    if True in performed:
        return []
    return [miss.sentence for miss in tracked.attempt.misses] if tracked.attempt else ["pas tenté"]


def state(authorisation: str, *, treating_doctor: bool = False) -> dict[str, Any]:
    return {"standing": {"authorisation": authorisation, "treating_doctor": treating_doctor}}


def test_the_situation_counts_and_not_the_patient_who_is_there_for_it() -> None:
    assert why("0.2-060", line(patient=INS["Cas1"], **state("EXPIRE"))) == []
    assert why("0.2-060", line(patient=INS["Cas7"], **state("EXPIRE"))) == []


def test_what_is_missing_is_said_with_what_to_do() -> None:
    assert why("0.2-060", line(**state("VALIDE"))) == [
        "attend une autorisation expirée : ce patient est VALIDE ; utilisez Cas7 ou `dmpws seed expire cas1`"
    ]
    assert why("0.2-070", line(**state("VALIDE"))) == [
        "attend un utilisateur que le patient a bloqué : ce patient est VALIDE ; "
        "utilisez Cas6 ou `dmpws patient block cas1 899900063480`"
    ]
    assert why("0.2-010", line()) == ["attend un patient sans DMP : ce DMP est actif ; utilisez le patient 1 du plan"]
    asked = {"action": "AJOUT", "treating_doctor": False}
    [said] = why("0.3-010", line(patient=INS["Cas9"], transaction="TD0.3", asked=asked))
    cas1 = cast.PATIENTS["cas1"].ins.value  # though Cas4 would do as well
    assert said.startswith(f"attend le patient Cas1 (GIRODET DE ROUSSY-COEUR ANNE-LOUIS, {cas1})")
    assert said.endswith("l'appel porte sur Cas9")
    [said] = why("0.3-010", line(patient=INS["1"], transaction="TD0.3", asked=asked))
    assert said.endswith("l'appel porte sur le patient 1")


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"mode": "INDIRECTE"}, "attend l'authentification directe, par carte : cet appel est en mode INDIRECTE"),
        (
            {"roles": ["60^1.2.250.1.71.1.2.7"]},
            "attend un médecin : l'appel vient de CPS, profession 60 ; changez de carte ou de certificat",
        ),
        (
            {"purpose": "bris_de_glace"},
            "attend l'accès normal : PurposeOfUse vaut bris_de_glace ; mettez PurposeOfUse à normal",
        ),
        (
            {"outcome": "refused", "code": "DMPClosed", "message": "Le DMP est ouvert"},
            "attend une réponse sans erreur : le serveur a répondu DMPClosed (Le DMP est ouvert) ; "
            "`dmpws journal show 1`",
        ),
    ],
)
def test_each_thing_that_is_judged_has_its_words(facts: dict[str, Any], said: str) -> None:
    assert why("0.1-110", line()) == []
    assert why("0.1-110", line(**facts)) == [said]


def test_another_transaction_is_no_attempt() -> None:
    assert why("0.2-060", line(transaction="TD0.3")) == ["pas tenté"]


def deposit(number: int, name: str, **facts: Any) -> dict[str, Any]:
    entry = {"uniqueId": name, "type": "11488-4", "format": "urn:ihe:iti:xds-sd:pdf:2008", "mime": "text/xml"}
    entry |= {"visibility": [], "by_caller": True, "by_structure": True, "optional": [], "references": []}
    return line(number, **{"transaction": "TD2.1", "entries": [entry], **facts})


def replacement(number: int, old: str, **facts: Any) -> dict[str, Any]:
    made = deposit(number, f"{old}+", **facts)
    made["facts"]["replaced"] = [{**made["facts"]["entries"][0], "uniqueId": old, "status": "APPROVED"}]
    return made


def test_a_sequence_wants_its_order_its_user_its_patient_and_its_document() -> None:
    first = deposit(1, "a")
    assert why("2.1-140", first, replacement(2, "a")) == []
    assert why("2.1-140", first) == ["attend ensuite « remplacement » (TD2.1) : la première étape est faite"]
    assert why("2.1-140", replacement(1, "a"), first) == [
        "attend ensuite « remplacement » (TD2.1) : la première étape est faite"
    ]
    assert why("2.1-140", first, replacement(2, "b")) == ["attend un document de « dépôt » : celui-ci est un autre"]
    for other in ({"person": "801234534765"}, {"patient": INS["Cas4"]}, {"software_name": "X"}):
        assert why("2.1-140", first, replacement(2, "a", **other)) != []
    other = line(3, transaction="TD3.1", query="x")
    assert why("2.1-140", first, other, deposit(4, "c"), replacement(5, "a")) == []


def test_documents_of_one_lot_or_of_two_in_any_order() -> None:
    images, report = deposit(1, "i", patient=INS["Cas17"]), deposit(2, "r", patient=INS["Cas17"])
    images["facts"]["entries"][0]["type"] = "IMG-KOS"
    report["facts"]["entries"][0]["type"] = "18748-4"
    assert why("2.1-800", images, report) == []
    assert why("2.1-800", report, images) == []
    both = deposit(3, "b", patient=INS["Cas17"])
    both["facts"]["entries"] = [*images["facts"]["entries"], *report["facts"]["entries"]]
    assert why("2.1-800", both) == []
    assert why("2.1-800", images) == ["attend ensuite « compte rendu » (TD2.1) : la première étape est faite"]


def test_what_must_not_happen_is_seen() -> None:
    refused = line(code="DMPInvalidRequest", outcome="refused", message="… 1^^^&1.2.250.1.213.1.4.9&ISO^NH", patient="")
    assert why("0.2-080", refused) == []
    assert DETECTORS["0.2-080"].forbidden


def test_a_case_done_again_shows_the_last_time() -> None:
    tracked = tracker("0.2-030")
    assert [tracked.feed(Seen(line(number))) for number in (1, 2)] == [True, True]
    assert [seen.id for seen in tracked.performed] == [2]


def test_a_vendor_may_have_other_ins() -> None:
    own = "199990000000100^1.2.250.1.213.1.4.10"
    called = line(transaction="TD0.3", patient=own, asked={"action": "AJOUT", "treating_doctor": False})
    assert not tracker("0.3-010").feed(Seen(called))
    assert Tracker(DETECTORS["0.3-010"], patients_of({"Cas1": [own]})).feed(Seen(called))


SHOWN = ("mode", "purpose", "person", "structure", "code")
CODES = ("", "TD0.2", "TD2.1", "TD3.1", "TD3.3a, TD3.3c")


@settings(max_examples=30)
@given(st.sampled_from(CODES), st.dictionaries(st.sampled_from(SHOWN), st.text()))
def test_an_exchange_of_which_little_is_known_performs_nothing(transaction: str, told: dict[str, str]) -> None:
    """A journal of an earlier version, or a refusal before the VIHF was read, has few facts."""
    bare = {**line(), **dict.fromkeys(SHOWN, ""), **told, "transaction": transaction, "facts": {}}
    assert [name for name in DETECTORS if tracker(name).feed(Seen(bare))] == []


# The data


def test_every_case_a_server_sees_has_a_detector() -> None:
    without = [case.id for case in DATA.cases.values() if case.id not in DETECTORS]
    assert without == ["0.1-050", "0.1-190", "0.9-010", "0.9-040", "0.9-070", "0.10-010", "0.10-040"]
    assert [name for name, d in DETECTORS.items() if d.forbidden] == ["0.2-080"]


def test_detectors_refer_to_cases_that_exist() -> None:
    assert [other for d in DETECTORS.values() for other in d.also if other not in DATA.cases] == []
    assert all(detector.case.transaction == "TD0.1" for detector in DETECTORS.values() if detector.general)


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str], dict[str, Detector]]:
    """Reads the detectors of a folder with the one case 0.2-060 and this text."""
    for name in ("plans/2.10c.toml", "cases/0.2-060/case.toml"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text((DATA.base / name).read_text("utf-8"), "utf-8")

    def writing(text: str) -> dict[str, Detector]:
        (tmp_path / "cases/0.2-060/detect.toml").write_text(text, "utf-8")
        return detectors(Conformance(tmp_path))

    return writing


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "exchange: a detector wants at least one exchange"),
        ("[[exchange]]\nmood = 1", "exchange[1].mood: no such predicate"),
        ('[[exchange]]\nauthorisation = "PERHAPS"', "exchange[1].authorisation: 'PERHAPS' means nothing"),
        ('[[exchange]]\nof = "x"', "of: no exchange is named 'x'"),
        ('[[exchange]]\ntransaction = "any"', "exchange[1].transaction: missing"),
        ("often = true\n[[exchange]]", "often: unknown key"),
        ("general = 1\n[[exchange]]", "general: 1 is not true or false"),
        ("[[exchange]]\ndocument = { colour = 1 }", "exchange[1].document"),
    ],
)
def test_bad_data_is_refused_by_file_and_key(write: Callable[[str], Any], text: str, said: str) -> None:
    with pytest.raises(BadFile) as bad:
        write(text)
    assert said in str(bad.value) and "detect.toml" in str(bad.value)


def test_what_the_case_says_can_be_taken_back(write: Callable[[str], dict[str, Detector]]) -> None:
    [detector] = write('[[exchange]]\nauthorisation = "any"').values()
    asked = dict(detector.wanted[0].asked)
    assert "authorisation" not in asked and asked["transaction"] == "TD0.2"
    assert asked["answer"] == "accepted" and "patient" not in asked
