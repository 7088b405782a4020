"""TD0.3: adding and removing one's own authorisation."""

from datetime import timedelta
from typing import Any

import pytest
from lxml import etree
from world import YEAR, World

from dmpws.domain.authorisation import Authorisation, Holder, HolderKind
from dmpws.domain.checks import Refused
from dmpws.transactions import td0_3
from dmpws.transactions.call import Settings

HABILITATIONS = "urn:si-dmp-habilitations"


def body(action: str, role: str = "") -> etree._Element:
    text = f'<setAuthorization xmlns="{HABILITATIONS}"><action>{action}</action>'
    return etree.fromstring(f"{text}{f'<role>{role}</role>' if role else ''}</setAuthorization>")


def send(world: World, action: str, role: str = "") -> tuple[str, str]:
    answer = td0_3.handle(world.call(), body(action, role)).body
    assert isinstance(answer, etree._Element)
    status, context = (e.text or "" for e in answer[0])
    return status, context


def held(world: World, kind: HolderKind = HolderKind.PERSON, identifier: str = "899900063480") -> Authorisation | None:
    assert world.record is not None
    return world.store.authorisations.get(world.record.id, Holder(kind, identifier))


def test_add_then_add_again() -> None:
    world = World().given()
    assert send(world, "AJOUT") == ("DMPOk", td0_3.ADDED)
    first = held(world)
    assert first is not None
    assert (first.granted_at, first.expires_at, first.treating_doctor) == (world.now, world.now + YEAR, False)
    assert world.notes.changes == [{"authorisation": "899900063480", "old": "NON_EXISTE", "new": "VALIDE"}]
    world.now += timedelta(days=30)
    assert send(world, "AJOUT") == ("DMPOk", "Autorisation déjà présente aucune action effectuée")
    assert held(world) == first
    assert world.notes.changes == []


def test_an_expired_authorisation_is_renewed_and_keeps_its_role() -> None:
    world = World().given(authorisation="EXPIRE", treating_doctor=True)
    assert send(world, "AJOUT") == ("DMPOk", td0_3.RENEWED)
    renewed = held(world)
    assert renewed is not None
    assert renewed.expires_at == world.now + YEAR
    assert renewed.treating_doctor


def test_the_duration_is_an_option() -> None:
    world = World(settings=Settings(authorisation_duration=timedelta(days=30))).given()
    send(world, "AJOUT")
    granted = held(world)
    assert granted is not None
    assert granted.expires_at == world.now + timedelta(days=30)


def test_declaring_oneself_treating_doctor() -> None:
    world = World().given(authorisation="VALIDE")
    assert send(world, "AJOUT", "MEDECIN_TRAITANT") == ("DMPOk", td0_3.ADDED)
    granted = held(world)
    assert granted is not None
    assert granted.treating_doctor
    assert send(world, "AJOUT", "MEDECIN_TRAITANT") == ("DMPOk", td0_3.ALREADY)
    assert send(world, "SUPPRESSION", "MEDECIN_TRAITANT") == ("DMPOk", td0_3.NO_LONGER_DOCTOR)
    still = held(world)
    assert still is not None
    assert not still.treating_doctor
    assert still.expires_at is not None
    assert world.notes.operation == "TD0.3 remove oneself as medecin traitant"


def test_remove() -> None:
    world = World().given(authorisation="VALIDE", treating_doctor=True)
    assert send(world, "SUPPRESSION") == ("DMPOk", td0_3.REMOVED)
    gone = held(world)
    assert gone is not None
    assert gone.granted_at is None
    assert not gone.treating_doctor
    assert send(world, "SUPPRESSION") == ("DMPOk", td0_3.NOTHING_TO_REMOVE)
    assert world.notes.changes == []


def test_removing_what_never_was_is_no_error() -> None:
    assert send(World().given(), "SUPPRESSION") == ("DMPOk", td0_3.NOTHING_TO_REMOVE)


@pytest.mark.parametrize(("caller", "structure"), [("cpe-libre", "499900063480001"), ("employe-air", "11B0062640")])
def test_employees_authorise_their_structure(caller: str, structure: str) -> None:
    world = World(caller=caller).given()
    assert send(world, "AJOUT") == ("DMPOk", td0_3.ADDED)
    assert held(world, HolderKind.STRUCTURE, structure) is not None
    assert len(world.store.authorisations.held) == 1


def test_a_professional_in_air_authorises_himself() -> None:
    world = World(caller="hopital-air").given(structure_authorisation="VALIDE")
    assert send(world, "AJOUT") == ("DMPOk", td0_3.ADDED)
    assert held(world, identifier="801234567897") is not None


DENIED, FORBIDDEN = "DMPAccessDeniedByRightsService", "DMPAccessForbidden"


@pytest.mark.parametrize(
    ("caller", "purpose", "given", "action", "role", "code"),
    [
        ("hopital", "normal", {}, "AJOUT", "", DENIED),
        ("medecin-libre", "bris_de_glace", {}, "AJOUT", "", DENIED),
        ("medecin-libre", "centre_15", {}, "AJOUT", "", DENIED),
        ("medecin-libre", "bris_de_glace", {"opposes": "bris_de_glace"}, "AJOUT", "", FORBIDDEN),
        ("cpe-libre", "normal", {}, "SUPPRESSION", "", DENIED),
        ("cpe-libre", "normal", {}, "AJOUT", "MEDECIN_TRAITANT", DENIED),
        ("hopital-air", "normal", {}, "AJOUT", "MEDECIN_TRAITANT", DENIED),
        ("hopital-air", "normal", {"treating_doctor": True, "authorisation": "VALIDE"}, "SUPPRESSION",
         "MEDECIN_TRAITANT", DENIED),
        ("medecin-libre", "normal", {"authorisation": "VALIDE"}, "SUPPRESSION", "MEDECIN_TRAITANT", DENIED),
        ("medecin-libre", "normal", {"authorisation": "INTERDIT"}, "AJOUT", "", FORBIDDEN),
        ("medecin-libre", "normal", {"structure_authorisation": "INTERDIT"}, "AJOUT", "", FORBIDDEN),
        ("medecin-libre", "normal", {"dmp": "closed"}, "AJOUT", "", "DMPClosed"),
        ("medecin-libre", "normal", {"dmp": "none"}, "AJOUT", "", "DMPInvalidRequest"),
        ("medecin-libre", "normal", {}, "ajout", "", "DMPInvalidRequest"),
        ("medecin-libre", "normal", {}, "", "", "DMPInvalidRequest"),
        ("medecin-libre", "normal", {}, "AJOUT", "INFIRMIER", "DMPInvalidRequest"),
    ],
)  # fmt: skip
def test_refused(caller: str, purpose: str, given: dict[str, Any], action: str, role: str, code: str) -> None:
    world = World(caller=caller, purpose=purpose).given(**given)
    before = dict(world.store.authorisations.held)
    with pytest.raises(Refused) as caught:
        td0_3.handle(world.call(), body(action, role))
    assert caught.value.code == code
    assert world.store.authorisations.held == before


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<action>AJOUT</action><action>AJOUT</action>",
        "<action>AJOUT</action><role/>",
        "<action>AJOUT</action><role>MEDECIN_TRAITANT</role><role>MEDECIN_TRAITANT</role>",
        '<action xmlns="">AJOUT</action>',
    ],
)
def test_a_bad_body_is_refused(text: str) -> None:
    bad = etree.fromstring(f'<setAuthorization xmlns="{HABILITATIONS}">{text}</setAuthorization>')
    with pytest.raises(Refused) as caught:
        td0_3.handle(World().given().call(), bad)
    assert caught.value.code == "DMPInvalidRequest"
    answer = td0_3.refuse(caught.value, bad).body
    assert isinstance(answer, etree._Element)
    assert [(e.tag, e.text) for e in answer[0]] == [
        (f"{{{HABILITATIONS}}}status", "DMPInvalidRequest"),
        (f"{{{HABILITATIONS}}}context", caught.value.message),
    ]
