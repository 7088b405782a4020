"""Columns, conditions and needed authorisations (DMPWS D27, D28; notes of PDT-INF-526)."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from dmpws.domain import oids
from dmpws.domain.access import AuthMode, Purpose
from dmpws.domain.authorisation import Holder, HolderKind
from dmpws.domain.caller import Caller
from dmpws.domain.code import Code
from dmpws.domain.document import INVISIBLE_PATIENT, MASQUE_PS, STABLE, Status, StoredEntry
from dmpws.domain.rights import Condition, decide, profile_of, reading_rows
from dmpws.domain.rights_table import ROWS

DIRECTE, INDIRECTE, AIR = AuthMode.DIRECTE, AuthMode.INDIRECTE, AuthMode.INDIRECTE_RENFORCEE
DOCTOR = Code("10", oids.PROFESSIONS, "Médecin")
GENERAL_PRACTICE = Code("SM26", oids.SKILLS, "Qualifié en Médecine Générale (SM)")
SECRETARY = Code("SECRETARIAT_MEDICAL", oids.NON_PROFESSIONALS, "Secrétariat médical")
NURSE = Code("60", oids.PROFESSIONS)
INTERN = Code("10", oids.TRAINEE_PROFESSIONS)
DEVICE = Code("DISPOSITIF", oids.NON_PROFESSIONALS)
PERSON, STRUCTURE = "899900063480", "499900063480001"
DOCTOR_ROLES = (DOCTOR, GENERAL_PRACTICE)
LIBRE = Caller(DIRECTE, Purpose.NORMAL, PERSON, STRUCTURE, DOCTOR_ROLES)
HOSPITAL = Caller(INDIRECTE, Purpose.NORMAL, "801234567897", "11B0062640", DOCTOR_ROLES)
OTHER_DOCUMENT = StoredEntry(
    id=1, entry_uuid="urn:uuid:1", lid="urn:uuid:1", version=1, latest=True, unique_id="1.2.3", patient=1,
    submission_set=1, status=Status.APPROVED, object_type=STABLE, mime_type="text/xml", hash="", size=0,
    type_code="11488-4", type_system="2.16.840.1.113883.6.1", class_code="10", visibility=frozenset(),
    author_persons=frozenset({"801234534765"}), author_institutions=frozenset({"10B0127189"}),
    legal_authenticator="", is_signature=False, creation_time="20261101", octets="", fragment=b"",
    received_at=datetime(2026, 11, 1, tzinfo=UTC),
)  # fmt: skip


def skill(code: str) -> Code:
    return Code(code, oids.SKILLS)


@pytest.mark.parametrize(
    ("mode", "purpose", "roles", "cpe", "doctor", "profile"),
    [
        (INDIRECTE, Purpose.NORMAL, (NURSE,), False, False, "es"),
        (INDIRECTE, Purpose.CENTRE_15, DOCTOR_ROLES, False, True, "es"),
        (DIRECTE, Purpose.NORMAL, (SECRETARY,), False, False, "cpe"),
        (DIRECTE, Purpose.NORMAL, (NURSE,), True, False, "cpe"),
        (DIRECTE, Purpose.NORMAL, (DEVICE,), False, False, ""),
        (DIRECTE, Purpose.NORMAL, (NURSE,), False, False, "ps"),
        (DIRECTE, Purpose.NORMAL, (INTERN, GENERAL_PRACTICE), False, False, "ps"),
        (DIRECTE, Purpose.NORMAL, DOCTOR_ROLES, False, False, "med"),
        (DIRECTE, Purpose.NORMAL, DOCTOR_ROLES, False, True, "mt"),
        (DIRECTE, Purpose.BRIS_DE_GLACE, DOCTOR_ROLES, False, True, "mt"),
        (DIRECTE, Purpose.CENTRE_15, DOCTOR_ROLES, False, True, "med"),
        (DIRECTE, Purpose.NORMAL, (DOCTOR, skill("SM25")), False, False, "med_travail"),
        (DIRECTE, Purpose.NORMAL, (DOCTOR, skill("SCH35")), False, False, "med_travail"),
        (DIRECTE, Purpose.NORMAL, (DOCTOR, skill("C41")), False, False, "med_travail"),
        (DIRECTE, Purpose.NORMAL, (DOCTOR, skill("CAPA11")), False, True, "med_travail"),
        (AIR, Purpose.NORMAL, (DOCTOR, skill("SM25")), False, False, "med"),
        (AIR, Purpose.NORMAL, DOCTOR_ROLES, False, True, "mt"),
        (AIR, Purpose.CENTRE_15, DOCTOR_ROLES, False, True, "med"),
        (AIR, Purpose.NORMAL, (NURSE,), False, False, "ps"),
        (AIR, Purpose.NORMAL, (SECRETARY,), False, False, "pe"),
    ],
)
def test_profile(
    mode: AuthMode, purpose: Purpose, roles: tuple[Code, ...], cpe: bool, doctor: bool, profile: str
) -> None:
    caller = Caller(mode, purpose, PERSON, STRUCTURE, roles, cpe_card=cpe)
    assert profile_of(caller, treating_doctor=doctor and caller.is_doctor) == profile


@pytest.mark.parametrize("purpose", [Purpose.BRIS_DE_GLACE, Purpose.CENTRE_15])
@pytest.mark.parametrize("roles", [(DOCTOR, skill("SM25")), (SECRETARY,), (DEVICE,)])
def test_a_combination_without_column_is_a_no(roles: tuple[Code, ...], purpose: Purpose) -> None:
    caller = Caller(DIRECTE, purpose, PERSON, STRUCTURE, roles)
    assert not any(decide(row, caller).allowed for row in ROWS)


def test_a_structure_certificate_has_no_bris_de_glace() -> None:
    caller = replace(HOSPITAL, purpose=Purpose.BRIS_DE_GLACE)
    assert not any(decide(row, caller).allowed for row in ROWS)


def test_own_document_is_by_author_or_legal_authenticator() -> None:
    row = "TD3.3a unmask to PS"
    assert decide(row, LIBRE).condition is Condition.OWN_DOCUMENT
    assert decide(row, LIBRE).allowed  # still to be decided on each document
    assert not decide(row, LIBRE, document=OTHER_DOCUMENT).allowed
    mine = OTHER_DOCUMENT._replace(author_persons=frozenset({PERSON}))
    signed = OTHER_DOCUMENT._replace(legal_authenticator=PERSON)
    assert decide(row, LIBRE, document=mine).allowed
    assert decide(row, LIBRE, document=signed).allowed
    assert decide(row, LIBRE, document=OTHER_DOCUMENT, treating_doctor=True).allowed


def test_nobody_is_the_author_of_a_document_without_authenticator() -> None:
    nobody = replace(LIBRE, person="")
    assert not decide("TD3.3c delete", nobody, document=OTHER_DOCUMENT).allowed


def test_document_of_the_structure() -> None:
    ours = OTHER_DOCUMENT._replace(author_institutions=frozenset({"11B0062640"}))
    for row in ("TD3.3c delete", "TD3.1 search document reference (ObjectRef)"):
        assert decide(row, HOSPITAL, document=ours).allowed
        assert not decide(row, HOSPITAL, document=OTHER_DOCUMENT).allowed


@pytest.mark.parametrize("purpose", [Purpose.BRIS_DE_GLACE, Purpose.CENTRE_15])
def test_masked_documents_in_emergency_need_the_patients_switch(purpose: Purpose) -> None:
    caller, row = replace(LIBRE, purpose=purpose), "TD3.2 read document masked to PS"
    assert decide(row, caller, masked_in_emergency=True, document=OTHER_DOCUMENT).allowed
    assert not decide(row, caller, document=OTHER_DOCUMENT).allowed


@pytest.mark.parametrize("kind", [{"class_code": "90"}, {"class_code": "10", "type_code": "DOCPAT03"}])
@pytest.mark.parametrize("row", ["TD3.3d archive", "TD3.3d unarchive", "TD3.3c delete"])
def test_documents_of_the_patient_are_for_the_treating_doctor(row: str, kind: Mapping[str, str]) -> None:
    patients = OTHER_DOCUMENT._replace(author_persons=frozenset(), author_institutions=frozenset(), **kind)
    claimed = patients._replace(author_persons=frozenset({PERSON}))
    assert decide(row, LIBRE, treating_doctor=True, document=patients).allowed
    assert not decide(row, LIBRE, document=claimed).allowed
    emergency = replace(LIBRE, purpose=Purpose.CENTRE_15)
    assert not decide(row, emergency, document=claimed).allowed


NEEDED = {
    "TD1.3a", "TD1.6", "TD3.1 search metadata", "TD3.2", "TD3.3a", "TD3.3b", "TD3.3d",
}  # fmt: skip


@pytest.mark.parametrize("row", ROWS)
def test_authorisation_needed_in_normal_mode(row: str) -> None:
    decision = decide(row, LIBRE, treating_doctor=True)
    if decision.allowed:
        assert decision.needs_authorisation == row.startswith(tuple(NEEDED))
    emergency = decide(row, replace(LIBRE, purpose=Purpose.BRIS_DE_GLACE), treating_doctor=True)
    assert not emergency.needs_authorisation


def test_a_structure_certificate_reads_administrative_data_without_authorisation() -> None:
    decision = decide("TD1.3a read administrative data", HOSPITAL)
    assert decision.allowed
    assert not decision.needs_authorisation


def test_holders() -> None:
    person, structure = Holder(HolderKind.PERSON, PERSON), Holder(HolderKind.STRUCTURE, STRUCTURE)
    employee = replace(LIBRE, roles=(SECRETARY,))
    assert LIBRE.holders == (person,)
    assert employee.holders == (structure,)
    assert replace(LIBRE, cpe_card=True).holders == (structure,)
    assert replace(LIBRE, mode=AIR).holders == (person, structure)
    assert replace(employee, mode=AIR).holders == (structure,)
    assert replace(LIBRE, mode=INDIRECTE).holders == (structure,)


def test_rows_of_reading_follow_visibility_and_status() -> None:
    plain, masked = "TD3.2 read document not masked", "TD3.2 read document masked to PS"
    assert reading_rows(OTHER_DOCUMENT) == (plain,)
    hidden = OTHER_DOCUMENT._replace(visibility=frozenset({MASQUE_PS, INVISIBLE_PATIENT}), status=Status.DEPRECATED)
    assert reading_rows(hidden) == (
        masked,
        "TD3.2 read document invisible to patient or representative",
        "TD3.2 read obsolete version",
    )
    for status, row in ((Status.ARCHIVED, "archived document"), (Status.DELETED, "deleted document")):
        assert reading_rows(OTHER_DOCUMENT._replace(status=status)) == (plain, f"TD3.2 read {row}")
    assert set(reading_rows(hidden)) <= ROWS.keys()


def test_an_unknown_row_is_an_error_of_the_program() -> None:
    with pytest.raises(KeyError):
        decide("TD9.9 fly", LIBRE)
