"""One person, several identifiers over time: the host gives a new one, on both databases."""

import threading

import pytest
from acts_world import INS, World, refused

from dmpws.acts import closing, identity
from dmpws.acts.actor import Actor, operator, patient
from dmpws.acts.desk import Desk
from dmpws.cast import PATIENTS
from dmpws.domain import oids
from dmpws.domain.patient import Ins, nir_key
from dmpws.store import Store
from dmpws.testing.deposits import open_record

NEW = Ins(f"2790399999001{nir_key('2790399999001')}", oids.INS_NIR_TEST)
CORSICAN = Ins(f"279032A999001{nir_key('279032A999001')}", oids.INS_NIR)

OPERATOR = operator("exploitation")


def desk(world: World, actor: Actor = OPERATOR) -> Desk:
    return world.desk(actor, motive="NIR définitif reçu d'INSi")


@pytest.mark.parametrize("new", [NEW, CORSICAN, Ins(NEW.value, oids.INS_NIR_DEMO)], ids=["test", "corsican", "demo"])
def test_the_record_is_found_by_the_new_identifier_and_the_old_ones(world: World, new: Ins) -> None:
    before = world.open()
    assert identity.identify(desk(world), INS, new)
    assert not identity.identify(desk(world), INS, new)
    with world.store.read() as work:
        found = work.patients.find(new)
        assert found == work.patients.find(INS)
    assert found is not None
    assert (found.id, found.ins, found.identifiers) == (before.id, new, (new, INS))
    trace = next(t for t in world.traces() if t.get("changes"))
    assert trace["transaction"] == "act:identify"
    assert trace["changes"] == [
        {"what": "ins", "old": f"{INS.value}^{INS.authority}", "new": f"{new.value}^{new.authority}"}
    ]


def test_a_mistake_is_undone(world: World) -> None:
    world.open()
    identity.identify(desk(world), INS, NEW)
    assert identity.identify(desk(world), NEW, INS)
    assert world.record().identifiers == (INS, NEW)


def test_a_closed_record_gets_one_too(world: World) -> None:
    world.open()
    closing.close(desk(world), INS, final=True)
    assert identity.identify(desk(world), INS, NEW)


@pytest.mark.parametrize(
    "new",
    [
        Ins(NEW.value, oids.INS_NIA),
        Ins(NEW.value, oids.INS_C),
        Ins("1640796040803969725459", oids.INS_C),
        Ins(NEW.value, "1.2.3"),
        Ins(NEW.value[:13], oids.INS_NIR_TEST),
        Ins(f"{NEW.value[:13]}00", oids.INS_NIR_TEST),
        Ins("", oids.INS_NIR_TEST),
        Ins(CORSICAN.value.lower(), CORSICAN.authority),
        Ins("x" * 10_000, oids.INS_NIR_TEST),
    ],
)
def test_what_is_no_nir(world: World, new: Ins) -> None:
    world.open()
    assert refused(lambda: identity.identify(desk(world), INS, new)) == "IDENTIFY-NIR"
    assert world.record().identifiers == (INS,)


def test_records_are_not_merged(world: World) -> None:
    world.open()
    with world.store.write() as work:
        other = open_record(work, "petra")
    assert refused(lambda: identity.identify(desk(world), INS, other.ins)) == "STORE-PATIENT-EXISTS"
    assert world.record().identifiers == (INS,)


def test_only_the_host_does_it_and_says_why(world: World) -> None:
    world.open()
    assert refused(lambda: identity.identify(desk(world, patient(INS)), INS, NEW)) == "ACT-ALLOWED"
    assert refused(lambda: identity.identify(world.desk(operator("x")), INS, NEW)) == "ACT-MOTIVE"


def test_the_same_number_for_two_records_at_once_goes_to_one(world: World, store: Store) -> None:
    world.open()
    with store.write() as work:
        other = open_record(work, "petra")
    barrier = threading.Barrier(2)
    outcomes: list[str] = []

    def give(ins: Ins) -> None:
        barrier.wait()
        try:
            outcomes.append(str(identity.identify(desk(world), ins, NEW)))
        except Exception as error:
            outcomes.append(type(error).__name__)

    threads = [threading.Thread(target=give, args=(ins,)) for ins in (INS, other.ins)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["Refused", "True"]


def test_twins_keep_their_own_numbers(world: World) -> None:
    with world.store.write() as work:
        twins = [open_record(work, key) for key in ("jumeauun", "jumeaudeux")]
        for twin, key in zip(twins, ("jumeauun", "jumeaudeux"), strict=True):
            found = work.patients.find(PATIENTS[key].ins)
            assert found is not None
            assert found.id == twin.id
