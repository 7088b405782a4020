"""Searching by traits, on both databases: what agrees, who is never found, and that the keys follow the traits."""

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import delete, update

from dmpws.cast import PATIENTS
from dmpws.domain import oids
from dmpws.domain.authorisation import By, Holder, HolderKind
from dmpws.domain.patient import Address, Ins, Name, PatientRecord, Switch, Traits
from dmpws.domain.patient_search import PatientCriteria
from dmpws.store import Store
from dmpws.store.patient_search import search_keys
from dmpws.store.tables import patient, patient_search
from dmpws.testing.deposits import RECEIVED as NOW
from dmpws.testing.deposits import open_record

LIBRE = Holder(HolderKind.PERSON, "899900063480")


def search(store: Store, *, limit: int = 50, **criteria: Any) -> list[str]:
    """Birth name and given name of the records found."""
    with store.read() as work:
        found = work.patients.search(PatientCriteria(**criteria), without_block_of=(LIBRE,), limit=limit)
    return sorted(f"{r.traits.name.birth} {r.traits.name.given}" for r in found)


def enter(store: Store, number: int, birth: str = "NESSI", given: str = "RUTH", **traits: Any) -> PatientRecord:
    """A record with these traits and a made-up NIR."""
    used = traits.pop("used", "")
    town = [Address(postal_code=traits.pop("postal_code", ""), city=traits.pop("city", ""))]
    values: dict[str, Any] = {"sex": "F", "birth_date": "19770714", **traits}
    whole = Traits(name=Name(birth, used, given), addresses=tuple(town), **values)
    with store.write() as work:
        return work.patients.create(
            [Ins(f"{number:015d}", oids.INS_NIR_TEST)],
            whole,
            now=NOW,
            opposes_bris_de_glace=False,
            opposes_centre_15=False,
        )


@pytest.mark.parametrize("typed", ["GIRODET DE ROUSSY-COEUR", "girodet de roussy cœur", "Girodet-de-Roussy Cœur"])
@pytest.mark.parametrize("given", ["ANNE-LOUIS", "Anne Louis", "ANNELOUIS", "anne‐louis"])
def test_case_accents_hyphens_and_blanks(store: Store, typed: str, given: str) -> None:
    enter(store, 1, "GIRODET DE ROUSSY-COEUR", "ANNE-LOUIS MARIE")
    assert search(store, family=typed, given=given) == ["GIRODET DE ROUSSY-COEUR ANNE-LOUIS MARIE"]
    assert search(store, family="GIRODET") == search(store, given="ANNE") == search(store, given="MARIE") == []


@pytest.mark.parametrize("typed", ["D'ALMEIDA", "d’alméida", "D ALMEIDA", "DʼALMEIDA", "dalmeida"])
def test_apostrophes(store: Store, typed: str) -> None:
    enter(store, 1, "D'ALMEIDA")
    assert search(store, family=typed) == ["D'ALMEIDA RUTH"]


def test_birth_name_and_used_name(store: Store) -> None:
    enter(store, 1, "NESSI", used="DE VINCI")
    enter(store, 2, "VINCI")
    assert search(store, family="De Vinci") == search(store, family="nessi") == ["NESSI RUTH"]
    assert search(store, family="vinci") == ["VINCI RUTH"]
    assert search(store, family="DE V", similar_name=True) == ["NESSI RUTH"]


@pytest.mark.parametrize(
    ("criteria", "found"),
    [
        ({"family": "LEFEBVRE"}, ["LEFEBVRE RUTH"]),
        ({"family": "LEFEBVRE", "similar_name": True}, ["LEFEBVRE RUTH", "LEFÈVRE CÉCILE"]),
        ({"family": "LEF", "similar_name": True}, ["LEFEBVRE RUTH", "LEFÈVRE CÉCILE"]),
        ({"family": "LEF", "given": "cecile", "similar_name": True}, ["LEFÈVRE CÉCILE"]),
        ({"family": "LEFEVRE", "given": "SESILE", "similar_name": True}, ["LEFÈVRE CÉCILE"]),
        ({"given": "Cé", "similar_name": True}, ["ALOT CECILE", "LEFÈVRE CÉCILE"]),
        ({"family": "LEFEVRES"}, []),
        ({"city": "PARIS"}, ["ALOT CECILE"]),
        ({"city": "par", "similar_address": True}, ["ALOT CECILE", "LEFEBVRE RUTH"]),
        ({"postal_code": "75002"}, ["LEFEBVRE RUTH"]),
        ({"postal_code": "75", "similar_address": True}, ["ALOT CECILE", "LEFEBVRE RUTH"]),
        ({"city": "PARIS", "similar_name": True}, ["ALOT CECILE"]),
        ({"family": "ALOT", "city": "LE MANS"}, []),
        ({"family": "ALOT", "sex": "F"}, ["ALOT CECILE"]),
        ({"family": "ALOT", "sex": "M"}, []),
        ({"family": "_LOT", "similar_name": True}, []),
    ],
)
def test_criteria(store: Store, criteria: dict[str, Any], found: list[str]) -> None:
    enter(store, 1, "LEFEBVRE", postal_code="75002", city="PARIS 2E ARRONDISSEMENT")
    enter(store, 2, "LEFÈVRE", "CÉCILE", postal_code="72000", city="Le Mans")
    enter(store, 3, "ALOT", "CECILE", postal_code="75001", city="PARIS")
    assert search(store, **criteria) == found


# What is asked, what the record has, whether they agree.
@pytest.mark.parametrize(
    ("asked", "known", "agree"),
    [
        ("19770714", "19770714", True),
        ("19770714", "19770715", False),
        ("19770714", "197707", True),
        ("19770714", "19770700", True),
        ("19770714", "19770000", True),
        ("19770714", "1977", True),
        ("19770714", "19770800", False),
        ("19770714", "", False),
        ("197707", "19770714", True),
        ("197707", "19770000", True),
        ("197707", "19770814", False),
        ("1977", "19770714", True),
        ("1977", "1977", True),
        ("1977", "19780714", False),
        ("1977", "197807", False),
    ],
)
def test_incomplete_birth_dates(store: Store, asked: str, known: str, agree: bool) -> None:
    enter(store, 1, birth_date=known)
    assert (search(store, birth=asked) != []) is agree


def test_who_is_never_found(store: Store) -> None:
    record = enter(store, 1)
    with store.write() as work:
        work.patients.create(
            [Ins("0277119330044912345678", oids.INS_C)],
            record.traits,
            now=NOW,
            opposes_bris_de_glace=False,
            opposes_centre_15=False,
        )
    assert search(store, family="NESSI") == ["NESSI RUTH"]
    for change in ({"opposes_centre_15": True}, {"status": "terminated"}):
        store.database.change(update(patient).values(**change))
        assert search(store, family="NESSI") == search(store, birth="1977", limit=0) == []
        store.database.change(update(patient).values(opposes_centre_15=False, status="active"))
    store.database.change(update(patient).values(opposes_bris_de_glace=True))
    assert search(store, family="NESSI") == ["NESSI RUTH"]


def test_a_blocked_caller_does_not_find(store: Store) -> None:
    record, other = enter(store, 1), enter(store, 2, given="ISABELLE")
    with store.write() as work:
        work.authorisations.block(record.id, LIBRE, by=By("patient"), now=NOW)
        work.authorisations.block(other.id, replace(LIBRE, identifier="801234534765"), by=By("patient"), now=NOW)
    assert search(store, family="NESSI") == ["NESSI ISABELLE"]


def test_one_more_than_the_limit(store: Store) -> None:
    for number in range(5):
        enter(store, number)
    assert [len(search(store, family="NESSI", limit=limit)) for limit in (0, 3, 4, 5)] == [1, 4, 5, 5]


def test_all_criteria_in_all_combinations(store: Store) -> None:
    """Every statement there can be, each with one answer."""
    enter(store, 1, postal_code="75001", city="PARIS")
    values = {
        "family": "Nessi",
        "given": "Ruth",
        "birth": "197707",
        "sex": "F",
        "postal_code": "75001",
        "city": "Paris",
    }
    for mask in range(1, 1 << len(values)):
        criteria = {name: value for bit, (name, value) in enumerate(values.items()) if mask >> bit & 1}
        for similar in (False, True):
            assert search(store, **criteria, similar_name=similar, similar_address=similar) == ["NESSI RUTH"], criteria


def test_the_keys_follow_the_traits(store: Store) -> None:
    with store.write() as work:
        record = open_record(work, "nessi")
        changed = replace(record.traits, name=Name("ATTRIBUT", "", "MONIQUE"), birth_date="19350607")
        oppositions = {"opposes_bris_de_glace": False, "opposes_centre_15": False}
        assert work.patients.update(record.id, changed, **oppositions)
    assert search(store, family="NESSI") == []
    assert search(store, family="Attribut", birth="1935") == ["ATTRIBUT MONIQUE"]
    with store.write() as work:
        work.patients.close(record.id, now=NOW, code="X", text="", final=False)
        assert not work.patients.update(record.id, record.traits, **oppositions)
        work.patients.reopen(record.id)
    assert search(store, family="NESSI") == []
    assert search(store, family="Attribut") == ["ATTRIBUT MONIQUE"]


def test_keys_of_a_record_without_names() -> None:
    assert set(search_keys(Traits(name=Name())).values()) == {""}
    assert search_keys(PATIENTS["pat-trois"].traits)["used_key"] == ""


def test_a_record_without_keys_is_not_found(store: Store) -> None:
    enter(store, 1, "", "")
    assert search(store, family="NESSI", similar_name=True) == []
    store.database.change(delete(patient_search))
    assert search(store, birth="1977") == []


@pytest.mark.parametrize(
    ("criteria", "found"),
    [
        ({"family": "NESSI"}, ["NESSI ANNE", "NESSI LEA", "NESSI RUTH"]),
        ({"family": "NESSI", "born_from": "1979", "born_to": "1980"}, ["NESSI LEA"]),
        ({"born_to": "197707"}, ["NESSI RUTH"]),
        ({"born_from": "19790301"}, ["NESSI ANNE", "NESSI LEA"]),
        ({"family": "NES", "similar_name": True, "born_to": "1978"}, ["NESSI RUTH"]),
    ],
)
def test_of_a_domain(store: Store, criteria: dict[str, Any], found: list[str]) -> None:
    """ITI-47: nobody is left out but those whom another domain identifies; a date known in part is between bounds as
    far as it is known."""
    people = [enter(store, 1, given="RUTH"), enter(store, 2, given="LEA", birth_date="19790000")]
    people.append(enter(store, 3, given="ANNE", birth_date="19810101"))
    enter(store, 4, given="EVA", birth_date="")
    with store.write() as work:
        work.patients.close(people[2].id, now=NOW, code="X", text="", final=False)
        for person in people:
            work.patients.identify(person.id, Ins(f"P{person.id}", "1.2.3"))
        work.patients.switch(people[0].id, Switch.OPPOSES_CENTRE_15, on=True)

    def search(authorities: set[str], among: PatientRecord | None = None) -> list[str]:
        with store.read() as work:
            asked = PatientCriteria(**criteria)
            records = work.patients.search_domain(asked, authorities=authorities, among=among, limit=50)
        return sorted(f"{r.traits.name.birth} {r.traits.name.given}" for r in records)

    assert search({"1.2.3", "4.5.6"}) == found
    assert search({"4.5.6"}) == []
    assert set(search(set())) >= set(found)
    for person in people:
        name = f"{person.traits.name.birth} {person.traits.name.given}"
        assert search({"1.2.3"}, person) == ([name] if name in found else [])
