"""What a minor authorised in a secret connection: he and the host know of it, his representatives do not."""

from datetime import timedelta

import pytest
from acts_world import CAMPARINI, INS, LIBRE, MOTHER, NOW, World

from dmpws.acts import actor, authorisations, switches
from dmpws.domain.authorisation import SECRET_CONNECTION, AuthorisationAct, AuthorisationState, By, Holder, state_of

MINOR = "20100907"


def grant(world: World, holder: Holder, *, secret: bool) -> None:
    by = By(holder.identifier, capacity=SECRET_CONNECTION if secret else "")
    with world.store.write() as work:
        work.authorisations.grant(
            world.record().id, holder, by=by, now=NOW, expires_at=NOW + timedelta(days=30), treating_doctor=False
        )


@pytest.fixture
def minor(world: World) -> World:
    world.open(birth_date=MINOR, representatives=(MOTHER,))
    grant(world, LIBRE, secret=True)
    grant(world, CAMPARINI, secret=False)
    return world


def looked(world: World, who: actor.Actor) -> tuple[list[Holder], list[Holder]]:
    held, events = authorisations.look(world.desk(who), INS)
    return [named.authorisation.holder for named in held], [event.holder for event in events]


def state(world: World) -> AuthorisationState:
    return state_of(world.authorisation(LIBRE), NOW)


def test_representatives_do_not_see_it(minor: World) -> None:
    assert looked(minor, actor.representative(MOTHER)) == ([CAMPARINI], [CAMPARINI])
    for who in (actor.patient(INS), actor.operator("root")):
        held, events = looked(minor, who)
        assert {*held} == {*events} == {LIBRE, CAMPARINI}


def test_nor_its_end(minor: World) -> None:
    with minor.store.write() as work:
        work.authorisations.revoke(
            minor.record().id, LIBRE, by=By(LIBRE.identifier), now=NOW, only_treating_doctor=False
        )
    assert looked(minor, actor.representative(MOTHER))[1] == [CAMPARINI]


def test_they_learn_it_from_no_act_of_their_own(minor: World) -> None:
    desk = minor.desk(actor.representative(MOTHER))
    assert not authorisations.withdraw(desk, INS, LIBRE)
    assert state(minor) is AuthorisationState.VALIDE
    assert switches.block(desk, INS, LIBRE)
    assert state(minor) is AuthorisationState.INTERDIT
    held, events = authorisations.look(desk, INS, LIBRE)
    assert [(n.authorisation.granted_at, n.authorisation.expires_at) for n in held] == [(None, None)]
    assert [(event.act, event.expires_at) for event in events] == [(AuthorisationAct.BLOCK, None)]
    assert not authorisations.withdraw(desk, INS, LIBRE)
    assert switches.unblock(desk, INS, LIBRE)
    told = [change for trace in minor.traces() for change in trace.get("changes", ())]
    assert [(change["old"], change["new"]) for change in told] == [
        ("NON_EXISTE", "INTERDIT"),
        ("INTERDIT", "NON_EXISTE"),
    ]
    assert state(minor) is AuthorisationState.VALIDE


def test_what_they_authorise_themselves_is_theirs_to_see(minor: World) -> None:
    desk = minor.desk(actor.representative(MOTHER))
    assert switches.authorise(desk, INS, LIBRE)
    assert {*looked(minor, actor.representative(MOTHER))[0]} == {LIBRE, CAMPARINI}
    assert not switches.authorise(desk, INS, LIBRE)
    assert authorisations.withdraw(desk, INS, LIBRE)
