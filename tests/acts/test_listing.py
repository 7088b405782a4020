"""What the patient and his representatives find in a record, by espace, and who may ask."""

import pytest
from acts_world import INS, MOTHER, World, doctor, document, refused

from dmpws.acts.actor import Actor, operator, patient, representative
from dmpws.acts.listing import list_documents
from dmpws.cast import PATIENTS
from dmpws.domain import oids
from dmpws.domain.code import Code
from dmpws.domain.document import INVISIBLE_PATIENT, INVISIBLE_REPRESENTANTS_LEGAUX, MASQUE_PS, Status
from dmpws.testing.deposits import NORMAL

LETTER = Code("18761-7", "2.16.840.1.113883.6.1", "Note de transfert")
CODES = {
    "plain": (),
    "masked": (MASQUE_PS,),
    "invisible": (INVISIBLE_PATIENT,),
    "secret": (INVISIBLE_REPRESENTANTS_LEGAUX,),
}


@pytest.fixture
def names(world: World) -> dict[str, str]:
    """What the record of a minor holds, by uniqueId: a report of each visibility, a letter, a deleted report."""
    world.open(birth_date="20200101", representatives=(MOTHER,))
    made = {
        name: document(confidentiality=(NORMAL, *(Code(code, oids.VISIBILITY, code) for code in codes)))
        for name, codes in CODES.items()
    }
    made |= {"letter": document(type_code=LETTER, class_code=Code("11", oids.CLASSES)), "deleted": document()}
    world.deposit(*((entry, b"x") for entry in made.values()))
    world.delete(made["deleted"].unique_id)
    return {entry.unique_id: name for name, entry in made.items()}


def listed(world: World, names: dict[str, str], actor: Actor, *statuses: Status) -> dict[str, set[str]]:
    found = list_documents(world.desk(actor), INS, statuses or (Status.APPROVED,))
    return {heading: {names[entry.unique_id] for entry in entries} for heading, entries in found.items()}


def test_the_patient_finds_all_but_what_is_invisible_to_him(world: World, names: dict[str, str]) -> None:
    found = listed(world, names, patient(INS))
    assert found == {"Synthèse": {"letter"}, "Comptes rendus": {"plain", "masked", "secret"}}
    assert list(found) == ["Synthèse", "Comptes rendus"]
    assert listed(world, names, operator("exploitation")) == found
    every = listed(world, names, patient(INS), *Status)
    assert every["Comptes rendus"] == {"plain", "masked", "secret", "deleted"}


def test_a_secret_of_the_minor_is_kept_from_his_mother(world: World, names: dict[str, str]) -> None:
    assert listed(world, names, representative(MOTHER))["Comptes rendus"] == {"plain", "masked"}


def test_it_is_traced(world: World, names: dict[str, str]) -> None:
    listed(world, names, representative(MOTHER))
    trace = world.traces()[-1]
    assert (trace["transaction"], trace["actor"], trace["on_behalf_of"]) == (
        "act:list", "representative", f"{INS.value}^{INS.authority}",
    )  # fmt: skip
    assert "changes" not in trace  # a number would tell those who read the trace what is hidden from them


def test_who_may_not_ask(world: World, names: dict[str, str]) -> None:
    desk = world.desk(patient(PATIENTS["nessi"].ins))
    assert refused(lambda: list_documents(desk, INS)) == "ACT-OWN-RECORD"
    assert refused(lambda: list_documents(world.desk(doctor()), INS)) == "ACT-ALLOWED"


def test_too_many(world: World, names: dict[str, str]) -> None:
    """Counted after what is hidden: the number tells nothing of it."""
    desk = world.desk(representative(MOTHER))
    few = world.desk(representative(MOTHER), settings=type(desk.settings)(max_results=3))
    assert sum(map(len, list_documents(few, INS).values())) == 3
    fewer = world.desk(representative(MOTHER), settings=type(desk.settings)(max_results=2))
    assert refused(lambda: list_documents(fewer, INS)) == "SQ-TOO-MANY"
