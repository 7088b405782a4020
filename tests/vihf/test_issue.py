"""Making: what a card says of its holder, and a token that looks like the official ones."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from lxml import etree
from vihf_desk import Desk

from dmpws import cast
from dmpws.domain import oids
from dmpws.domain.access import AuthMode, Purpose
from dmpws.domain.code import Code
from dmpws.resources import folder
from dmpws.testing.tokens import LPS
from dmpws.vihf import token
from dmpws.vihf.issue import TokenRequest, build, make, request_for
from dmpws.vihf.token import ATTRIBUTES, read
from dmpws.xml.parser import parse

PATIENT = cast.PATIENTS["conteste"].ins
SAMPLE = TokenRequest(
    mode=AuthMode.DIRECTE,
    name_id="899900063480",
    structure="499900063480001",
    sector="SA07",
    roles=(
        Code("10", oids.PROFESSIONS, "Médecin"),
        Code("SM26", oids.SKILLS, "Qualifié en Médecine Générale (SM)"),
    ),
    patient=PATIENT,
    lps=LPS,
    subject_id="MAX LIBRE",
    assertion_id="_5c0f7a52-6d0c-4b54-9c38-0a1d2f3e4b5c",
)


def test_the_sample_is_what_is_written(now: datetime) -> None:
    sample = parse((folder("vihf") / "sample.xml").read_bytes())
    for element in sample.iter():
        element.text = (element.text or "").strip() or None
        element.tail = None
    issuer = "GIVENNAME=MAX+SURNAME=LIBRE+CN=899900063480,T=Médecin,C=FR"
    built = build(SAMPLE, issuer=issuer, now=now)
    assert etree.tostring(sample, method="c14n") == etree.tostring(built, method="c14n")


def test_a_doctor_s_card(desk: Desk) -> None:
    request = request_for(desk.card, PATIENT, LPS)
    assert (request.mode, request.name_id, request.subject_id) == (AuthMode.DIRECTE, "899900063480", "MAX LIBRE")
    assert (request.structure, request.sector) == ("499900063480001", "SA07")
    assert request.roles == (Code("10", oids.PROFESSIONS), Code("SM26", oids.SKILLS))


def test_an_employee_s_card(desk: Desk) -> None:
    request = request_for(desk.pki.card("cpe-libre"), PATIENT, LPS)
    assert request.name_id == "499900063480001/0001"
    assert [role.code for role in request.roles] == ["SECRETARIAT_MEDICAL"]


def test_a_structure_s_card_does_not_say_who_works_there(desk: Desk) -> None:
    request = request_for(desk.pki.card("hopital"), PATIENT, LPS)
    assert (request.mode, request.structure, request.sector) == (AuthMode.INDIRECTE, "11B0062640", "SA01")
    assert (request.name_id, request.subject_id, request.roles) == ("", "", ())
    air = request_for(desk.pki.card("hopital"), PATIENT, LPS, AuthMode.INDIRECTE_RENFORCEE)
    assert air.mode is AuthMode.INDIRECTE_RENFORCEE


@pytest.mark.parametrize(
    ("profession", "speciality", "system"), [("21", "A", oids.PHARMACIST_SECTIONS), ("60", "", "")]
)
def test_roles_of_other_professions(profession: str, speciality: str, system: str, desk: Desk) -> None:
    holder = {"common_name": "899900063480", "family": "LIBRE", "given": "MAX"}
    name = f"profession-{profession}"
    card = desk.pki.issue("cps", name, **holder, profession=profession, speciality=speciality)
    roles = request_for(card, PATIENT, LPS).roles
    assert roles[0] == Code(profession, oids.PROFESSIONS)
    assert [role.system for role in roles[1:]] == ([system] if system else [])


def test_a_trainee_s_profession_is_of_table_g16(desk: Desk) -> None:
    holder = {"common_name": "899900063480", "family": "LIBRE", "given": "MAX"}
    card = desk.pki.issue("cpf", "cpf-formation", **holder, profession="10")
    assert request_for(card, PATIENT, LPS).roles == (Code("10", oids.TRAINEE_PROFESSIONS),)


def test_every_attribute_is_written_in_the_order_of_the_frames(now: datetime) -> None:
    full = replace(SAMPLE, purpose=Purpose.BRIS_DE_GLACE, reason="inconscient", secret_connection=True)
    written = [a.get("Name") for a in build(full, issuer="CN=A", now=now).iter("{*}Attribute")]
    assert written == list(ATTRIBUTES)


def test_empty_values_leave_the_attribute_out(now: datetime) -> None:
    bare = replace(SAMPLE, subject_id="", structure="", roles=(), lps=replace(LPS, id=""))
    found = read(build(bare, issuer="CN=A", now=now))
    left_out = {token.SUBJECT_ID, token.STRUCTURE, token.ROLE, token.LPS_ID}
    assert left_out.isdisjoint(found.attributes)


def test_each_token_has_its_own_id(now: datetime) -> None:
    request = replace(SAMPLE, assertion_id="")
    ids = {build(request, issuer="CN=A", now=now).get("ID", "") for _ in range(3)}
    assert len(ids) == 3
    assert all(len(identifier) == 37 and identifier.startswith("_") for identifier in ids)


def test_instants_are_written_in_utc(now: datetime) -> None:
    paris = now.astimezone(timezone(timedelta(hours=1)))
    assert build(SAMPLE, issuer="CN=A", now=paris).get("IssueInstant") == "2026-11-21T12:00:00.000Z"
    assert now.tzinfo is UTC


def test_authentication_context_by_mode(now: datetime) -> None:
    def context(mode: AuthMode) -> tuple[str, str]:
        found = read(build(replace(SAMPLE, mode=mode), issuer="CN=A", now=now))
        return found.class_ref.rpartition(":")[2], found.declaration

    assert context(AuthMode.DIRECTE) == ("SmartcardPKI", "")
    assert context(AuthMode.INDIRECTE) == ("Password", "")
    assert context(AuthMode.INDIRECTE_RENFORCEE) == ("Password", "CONF_EXI_PGSSIS")


def test_signed_token_stands_alone_and_has_the_issuer_of_its_card(desk: Desk) -> None:
    octets = make(SAMPLE, card=desk.card, now=desk.now)
    assert octets.startswith(b"<saml2:Assertion")
    assert read(parse(octets)).issuer == "GIVENNAME=MAX+SURNAME=LIBRE+CN=899900063480,T=Médecin,C=FR"
    assert b"rsa-sha256" in octets
    assert b"sha1" not in octets
