"""Who may deposit (GI-DMP EX_2.1-1140, DMPWS D20, D60, D82, D83): callers × authors, authorisations, minors."""

from dataclasses import replace
from datetime import date

import pytest
from xds_world import CALLERS, MASK, World, errors_of, lot, rules_of

from dmpws.cast import PATIENTS
from dmpws.domain.access import Purpose
from dmpws.domain.authorisation import By, Holder, HolderKind
from dmpws.domain.patient import is_minor
from dmpws.transactions.call import Settings

SENTENCE = "Aucun AuthorInstitution ne correspond à l'utilisateur du VIHF"

# The author of the document and of the signature: person, structure. Then who may deposit it.
AUTHORS = {
    ("899900063480", "499900063480001"): {"libre", "cabinet", "cpe"},
    ("899900063480", "10B0127189"): {"libre", "vallees"},
    ("801234534765", "499900063480001"): {"camparini", "cabinet", "cpe"},
    ("801234567897", "11B0062640"): {"doctorant", "ej", "eg"},
    ("801234567897", "10B0156832"): {"doctorant", "ej", "eg"},
    ("899700433156", "10B0127189"): {"virginie", "vallees"},
}
DEPOSITORS = [name for name in CALLERS if name != "air"]


@pytest.mark.parametrize(("person", "structure"), AUTHORS)
@pytest.mark.parametrize("caller", DEPOSITORS)
def test_one_of_the_authors(caller: str, person: str, structure: str, shared_world: World) -> None:
    frame = lot(replace_all=[["899900063480", person], ["499900063480001", structure]])
    errors = errors_of(shared_world.deposit(frame, caller))
    if caller in AUTHORS[person, structure]:
        assert errors == []
    else:
        assert {code for code, _ in errors} == {"XDSRegistryMetadataError"}
        assert all(SENTENCE in context for _, context in errors)


@pytest.mark.parametrize("purpose", list(Purpose))
def test_nobody_deposits_in_air(purpose: Purpose, shared_world: World) -> None:
    errors = errors_of(shared_world.deposit(lot(), "air", purpose=purpose))
    assert errors[0][0] == "DMPAccessDeniedByRightsService"


REQUIRED = Settings(feeding_requires="authorisation")
HOLDERS = {
    "libre": Holder(HolderKind.PERSON, "899900063480"),
    "cpe": Holder(HolderKind.STRUCTURE, "499900063480001"),
    "cabinet": Holder(HolderKind.STRUCTURE, "499900063480001"),
}


@pytest.mark.parametrize("caller", HOLDERS)
def test_a_deposit_needs_an_authorisation_where_the_option_says_so(caller: str, world: World) -> None:
    assert errors_of(world.deposit(lot(), caller)) == []
    world.settings = REQUIRED
    assert [code for code, _ in errors_of(world.deposit(lot(), caller))] == ["DMPAuthorizationNotFound"]
    with world.store.write() as work:
        record = work.patients.find(PATIENTS[world.patient].ins)
        assert record is not None
        end = world.now.replace(year=2027)
        holder = HOLDERS[caller]
        work.authorisations.grant(
            record.id, holder, by=By(holder.identifier), now=world.now, expires_at=end, treating_doctor=False
        )
    assert errors_of(world.deposit(lot(), caller)) == []
    world.now = world.now.replace(year=2028)
    assert errors_of(world.deposit(lot(), caller))[0][0] == "DMPAuthorizationNotFound"


@pytest.mark.parametrize("purpose", [Purpose.BRIS_DE_GLACE, Purpose.CENTRE_15])
def test_an_emergency_replaces_the_authorisation(purpose: Purpose, world: World) -> None:
    world.settings = REQUIRED
    assert errors_of(world.deposit(lot(), "libre", purpose=purpose)) == []


# ---- minors (DMPWS D83)

SECRET = MASK.replace("MASQUE_PS", "INVISIBLE_REPRESENTANTS_LEGAUX")
MINOR = Settings(majority_age=60)
"""The patient is 47: a minor under this majority."""


@pytest.mark.parametrize(
    ("settings", "secret", "hidden", "rules"),
    [
        (MINOR, True, True, set()),
        (MINOR, True, False, {"MASK-SECRET"}),
        (MINOR, False, True, set()),
        (MINOR, False, False, set()),
        (Settings(), False, False, set()),
        (Settings(), False, True, {"MASK-ADULT"}),
        (Settings(), True, True, {"MASK-ADULT", "MASK-SECRET-ADULT"}),
        (Settings(), True, False, {"MASK-SECRET", "MASK-SECRET-ADULT"}),
        (replace(MINOR, minors_enabled=False), False, True, {"MASK-ADULT"}),
        (replace(MINOR, minors_enabled=False), True, True, {"MASK-ADULT", "MASK-SECRET-ADULT"}),
    ],
)
def test_secrets_are_those_of_minors(
    settings: Settings, secret: bool, hidden: bool, rules: set[str], shared_world: World
) -> None:
    world = replace(shared_world, settings=settings)
    frame = lot(change=[["<!-- formatCode -->", SECRET]] if hidden else None)
    body = world.deposit(frame, secret_connection=secret)
    assert rules_of(body) == rules
    assert {code for code, _ in errors_of(body)} == ({"XDSRegistryMetadataError"} if rules else set())


@pytest.mark.parametrize(
    ("birth_date", "minor"),
    [
        ("20081121", False),
        ("20081122", True),
        ("20081120", False),
        ("20260101", True),
        ("2008", True),
        ("2007", False),
        ("20080000", True),
        ("200811", True),
        ("200810", False),
        ("", False),
        ("inconnue", False),
        ("19790328", False),
    ],
)
def test_age(birth_date: str, minor: bool) -> None:
    assert is_minor(birth_date, date(2026, 11, 21), 18) is minor
