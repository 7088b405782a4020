"""The order of checks and the codes (DMPWS D11, D27, D28, D30)."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from world import CALLERS, World

from dmpws.domain import oids
from dmpws.domain.authorisation import Authorisation, AuthorisationState, Holder, HolderKind
from dmpws.domain.checks import Refused
from dmpws.domain.code import Code
from dmpws.domain.errors import CATALOGUE
from dmpws.domain.rights_table import ROWS
from dmpws.testing.tokens import CastDirectory
from dmpws.transactions import admission
from dmpws.transactions.admission import admit, caller_of, standing_of
from dmpws.transactions.call import Settings

SEARCH = "TD3.1 search metadata"
READ_DATA = "TD1.3a read administrative data"


def refused(world: World, row: str = SEARCH) -> str:
    """The rule that refuses."""
    with pytest.raises(Refused) as caught:
        admit(world.call(), row)
    return caught.value.checks[0].rule.id


def test_admitted_with_a_valid_authorisation() -> None:
    world = World().given(authorisation="VALIDE")
    assert admit(world.call(), SEARCH) == world.record
    assert world.notes.patient == "279035121518989^1.2.250.1.213.1.4.10"
    assert world.notes.holder == "899900063480"
    assert world.notes.operation == SEARCH


# From the last check to the first: each state adds one more reason, which must win.
@pytest.mark.parametrize(
    ("purpose", "given", "rule", "code"),
    [
        ("normal", {}, "ADM-AUTHORISED", "DMPAuthorizationNotFound"),
        ("normal", {"authorisation": "EXPIRE"}, "ADM-AUTHORISED", "DMPAuthorizationNotFound"),
        ("normal", {"authorisation": "INTERDIT"}, "ADM-BLOCKED", "DMPAccessForbidden"),
        ("normal", {"structure_authorisation": "INTERDIT"}, "ADM-BLOCKED", "DMPAccessForbidden"),
        ("bris_de_glace", {"opposes": "bris_de_glace"}, "ADM-OPPOSED", "DMPAccessForbidden"),
        ("centre_15", {"opposes": "centre_15"}, "ADM-OPPOSED", "DMPAccessForbidden"),
        (
            "centre_15",
            {"opposes": "centre_15", "authorisation": "INTERDIT"},
            "ADM-BLOCKED",
            "DMPAccessForbidden",
        ),
        ("normal", {"dmp": "closed", "authorisation": "INTERDIT"}, "ADM-OPEN", "DMPClosed"),
        ("normal", {"dmp": "none"}, "ADM-PATIENT-XDS", "XDSUnknownPatientId"),
    ],
)
def test_codes(purpose: str, given: dict[str, Any], rule: str, code: str) -> None:
    world = World(purpose=purpose).given(**given)
    with pytest.raises(Refused) as caught:
        admit(world.call(), SEARCH)
    assert (caught.value.checks[0].rule.id, caught.value.code) == (rule, code)


def test_an_unknown_patient_outside_xds_is_an_invalid_request() -> None:
    with pytest.raises(Refused) as caught:
        admit(World().given(dmp="none").call(), READ_DATA)
    assert caught.value.code == "DMPInvalidRequest"


def test_a_nia_is_refused_before_all() -> None:
    world = World(patient="provisoire").given(dmp="closed")
    assert refused(world) == "ADM-NIA"
    assert world.notes.operation == SEARCH


def test_the_matrix_comes_before_the_authorisation() -> None:
    world = World(caller="hopital").given()
    assert refused(world) == "ADM-RIGHTS"
    assert refused(World(caller="employe-air").given()) == "ADM-RIGHTS-AIR"


def test_opposition_to_one_emergency_mode_leaves_the_other() -> None:
    world = World(purpose="bris_de_glace").given(opposes="centre_15")
    assert admit(world.call(), SEARCH) == world.record


def test_emergency_replaces_the_authorisation() -> None:
    for purpose in ("bris_de_glace", "centre_15"):
        world = World(purpose=purpose).given(authorisation="EXPIRE")
        assert admit(world.call(), SEARCH) == world.record


@pytest.mark.parametrize(
    ("caller", "granted"),
    [
        ("medecin-libre", "structure_authorisation"),
        ("hopital-air", "structure_authorisation"),
        ("hopital-air", "authorisation"),
    ],
)
def test_whose_authorisation_serves(caller: str, granted: str) -> None:
    world = World(caller=caller).given(**{granted: "VALIDE"})
    assert admit(world.call(), SEARCH) == world.record


@pytest.mark.parametrize("name_id", ["899900000000", "801234534765"], ids=["unknown", "of another structure"])
def test_the_word_of_a_card_makes_nobody_a_member_of_the_care_team(name_id: str) -> None:
    """A replacement card names no structure, and is believed about where it works today (DMPWS D43, D132)."""
    world = World(token={"name_id": name_id}).given(structure_authorisation="VALIDE")
    assert refused(world) == "ADM-AUTHORISED"


def test_who_left_the_structure_left_its_care_team() -> None:
    world = World().given(structure_authorisation="VALIDE")
    world.store.directory = CastDirectory(closed=frozenset({"899900063480"}))
    assert refused(world) == "ADM-AUTHORISED"


def test_the_care_team_is_an_option() -> None:
    world = World(settings=Settings(care_team="off")).given(structure_authorisation="VALIDE")
    assert refused(world) == "ADM-AUTHORISED"


def test_a_structure_and_its_sites_are_one_care_team() -> None:
    token = {"name_id": "801234567897", "structure": "10B0156832"}  # he works in the EJ, this is an EG of it
    world = World(caller="medecin-camparini", token=token).given()
    assert world.record is not None
    site = Holder(HolderKind.STRUCTURE, "10B0156832")
    world.store.authorisations.held[world.record.id, site] = Authorisation(
        site, world.now, world.now, world.now + timedelta(days=1)
    )
    assert admit(world.call(), SEARCH) == world.record


@pytest.mark.parametrize(
    ("blocked", "site", "other_site"),
    [("11B0062640", "ADM-BLOCKED", "ADM-BLOCKED"), ("10B0156832", "ADM-BLOCKED", "ADM-AUTHORISED")],
    ids=["legal entity", "site"],
)
def test_a_block_of_a_legal_entity_is_one_of_its_sites(blocked: str, site: str, other_site: str) -> None:
    for structure, rule in (("10B0156832", site), ("11B0062640", other_site)):
        world = World(caller="hopital-air", token={"structure": structure}).given()
        assert world.record is not None
        holder = Holder(HolderKind.STRUCTURE, blocked)
        world.store.authorisations.held[world.record.id, holder] = Authorisation(
            holder, None, world.now, None, blocked=True
        )
        assert refused(world) == rule


def test_the_structures_authorisation_serves_its_employees() -> None:
    world = World(caller="cpe-libre").given()
    assert refused(world, READ_DATA) == "ADM-AUTHORISED"
    world = World(caller="cpe-libre").given(structure_authorisation="VALIDE")
    assert admit(world.call(), READ_DATA) == world.record
    assert world.notes.holder == "499900063480001"


def test_feeding_needs_an_authorisation_only_when_configured() -> None:
    row = "TD2.1 submit documents"
    assert admit(World().given().call(), row)
    world = World(settings=Settings(feeding_requires="authorisation")).given()
    assert refused(world, row) == "ADM-AUTHORISED"
    world.purpose = "bris_de_glace"
    assert admit(world.call(), row)


@pytest.mark.parametrize(
    ("state", "treating_doctor", "purpose", "expected"),
    [
        ("VALIDE", True, "normal", True),
        ("EXPIRE", True, "bris_de_glace", True),
        ("INTERDIT", True, "normal", False),
        ("VALIDE", False, "normal", False),
    ],
)
def test_treating_doctor(state: str, treating_doctor: bool, purpose: str, expected: bool) -> None:
    world = World(purpose=purpose).given(authorisation=state, treating_doctor=treating_doctor)
    call = world.call()
    assert world.record is not None
    standing = standing_of(call, caller_of(call.vihf), world.record)
    assert standing.treating_doctor is expected
    assert standing.state == state


def test_only_a_doctor_is_a_treating_doctor() -> None:
    world = World(token={"roles": (Code("60", oids.PROFESSIONS),)}).given(authorisation="VALIDE", treating_doctor=True)
    call = world.call()
    assert world.record is not None
    assert not standing_of(call, caller_of(call.vihf), world.record).treating_doctor


def test_an_expired_authorisation_of_the_person_hides_behind_a_valid_one_of_the_structure() -> None:
    world = World(caller="hopital-air").given(authorisation="EXPIRE", structure_authorisation="VALIDE")
    call = world.call()
    assert world.record is not None
    standing = standing_of(call, caller_of(call.vihf), world.record)
    assert standing.state is AuthorisationState.VALIDE
    assert standing.own is not None
    assert standing.own.holder.identifier == "801234567897"


def test_the_end_of_an_authorisation_is_the_first_instant_without_it() -> None:
    world = World().given(authorisation="VALIDE")
    ((key, held),) = world.store.authorisations.held.items()
    world.store.authorisations.held[key] = replace(held, expires_at=world.now)
    assert refused(world) == "ADM-AUTHORISED"


def test_every_caller_and_row_ends_in_an_admission_or_a_known_code() -> None:
    for caller in CALLERS:
        for row in ROWS:
            world = World(caller=caller).given()
            try:
                admit(world.call(), row)
            except Refused as caught:
                assert caught.code in {"DMPAccessDeniedByRightsService", "DMPAuthorizationNotFound"}


def test_rules_have_catalogued_codes_and_distinct_names() -> None:
    rules = [value for value in vars(admission).values() if type(value).__name__ == "Rule"]
    assert {rule.code for rule in rules} <= CATALOGUE.keys()
    assert len({rule.id for rule in rules}) == len(rules) > 8


def test_a_refusal_tells_the_column_and_no_other_patient() -> None:
    with pytest.raises(Refused) as caught:
        admit(World(caller="hopital").given().call(), SEARCH)
    assert "es_normal" in caught.value.message
    assert "PDT-INF-526" in caught.value.message
    assert "PAT-TROIS" not in caught.value.message
