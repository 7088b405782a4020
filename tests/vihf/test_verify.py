"""The verdict: what a good token says, what a refusal says, and what is never done with a bad one."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree
from vihf_desk import Desk

from dmpws.domain.access import AuthMode, Purpose
from dmpws.domain.checks import Outcome, Refused
from dmpws.domain.code import Code
from dmpws.domain.patient import Ins, nir_key
from dmpws.pki.dn import Dn
from dmpws.soap.message import TlsFacts
from dmpws.testing.tokens import CastDirectory, examples, judge, tls_of
from dmpws.vihf import rules
from dmpws.vihf.issue import make
from dmpws.vihf.model import VerifiedVihf
from dmpws.vihf.policy import DirectoryPolicy, SoftwarePolicy, VihfPolicy
from dmpws.vihf.verify import LIMITS, verify
from dmpws.xml.parser import parse

HOSPITAL_DOCTOR = {
    "name_id": "801234567897",
    "subject_id": "Charles DOCTORANT",
    "roles": (Code("10", "1.2.250.1.71.1.2.7"), Code("SM26", "1.2.250.1.71.4.2.5")),
}
OPEN = VihfPolicy(directory=DirectoryPolicy.OPEN, software=SoftwarePolicy.ANY)


def air_token(desk: Desk) -> bytes:
    request = desk.request("hopital", mode=AuthMode.INDIRECTE_RENFORCEE, **HOSPITAL_DOCTOR)
    return make(request, card=desk.pki.card("hopital"), now=desk.now)


# --- a good token ----------------------------------------------------------------------------------------


def test_direct_token_says_everything(desk: Desk) -> None:
    octets = desk.token(purpose=Purpose.BRIS_DE_GLACE, reason="inconscient", secret_connection=True)
    report, verified = desk.judged(octets)
    assert report.ok
    assert verified is not None
    assert verified.mode is AuthMode.DIRECTE
    assert (verified.name_id, verified.subject_id) == ("899900063480", "MAX LIBRE")
    assert (verified.structure, verified.sector) == ("499900063480001", "SA07")
    assert [role.code for role in verified.roles] == ["10", "SM26"]
    assert verified.profession.code == "10"
    assert verified.patient == Ins("153078987658513", "1.2.250.1.213.1.4.10")
    assert (verified.purpose, verified.reason, verified.secret_connection) == (
        Purpose.BRIS_DE_GLACE,
        "inconscient",
        True,
    )
    assert (verified.approval_number, verified.version, verified.signed) == ("DMPWS-KIT-tmp1", "4.0", True)
    assert verified.issued_at == desk.now
    assert verified.certificate_kind == "CPS"
    assert int(verified.certificate_serial, 16) == desk.card.auth_certificate.serial_number
    assert verified.warnings == ()


def test_indirect_token_names_the_legal_entity(desk: Desk) -> None:
    request = desk.request("hopital", structure="10B0156832", **HOSPITAL_DOCTOR)
    octets = make(request, card=desk.pki.card("hopital"), now=desk.now)
    _, verified = desk.judged(octets, tls="hopital")
    assert verified is not None
    assert (verified.structure, verified.legal_entity) == ("10B0156832", "11B0062640")
    assert verified.certificate_kind == "ORG_AUTH_CLI"


def test_unsigned_token_is_marked_so(desk: Desk) -> None:
    issuer = str(Dn.of(desk.card.auth_certificate.subject))
    _, verified = desk.judged(make(desk.request(issuer=issuer), card=None, now=desk.now))
    assert verified is not None
    assert not verified.signed


@pytest.mark.parametrize(
    "issuer",
    [
        "GIVENNAME=MAX+SURNAME=LIBRE+CN=899900063480,T=Médecin,C=FR",
        "CN=899900063480 + GIVENNAME=MAX + SURNAME=LIBRE, T=Médecin, C=FR",
        "CN=899900063480+2.5.4.4=#0c054c49425245+2.5.4.42=#0c034d4158,T=M?decin,C=FR",
        "C=fr, T=médecin, SN=Libre + G=Max + CN=899900063480",
        "OID.2.5.4.6=FR, OID.2.5.4.12=Médecin, OID.2.5.4.3=899900063480, OID.2.5.4.4=LIBRE, OID.2.5.4.42=MAX",
    ],
)
def test_issuer_renderings(issuer: str, desk: Desk) -> None:
    report, verified = desk.judged(desk.token(issuer=issuer))
    assert [check.message for check in report.failures] == []
    assert verified is not None
    assert verified.issuer == issuer


@pytest.mark.parametrize("fraction", ["", ".1", ".123", ".1234567"])
def test_issue_instant_with_any_fraction(fraction: str, desk: Desk) -> None:
    issuer = str(Dn.of(desk.card.auth_certificate.subject))
    octets = make(desk.request(issuer=issuer), card=None, now=desk.now)
    written = octets.replace(b'12:00:00.000Z" Version', f'12:00:00{fraction}Z" Version'.encode())
    report, verified = desk.judged(written)
    assert verified is not None, report.failures


def test_only_the_verifier_makes_a_verified_token(desk: Desk) -> None:
    _, verified = desk.judged(desk.token())
    assert verified is not None
    with pytest.raises(TypeError, match=r"dmpws\.vihf\.verify"):
        replace(verified, seal=None)


# --- refusals --------------------------------------------------------------------------------------------


def test_verify_raises_with_every_failed_check(desk: Desk) -> None:
    octets = desk.token(sector="SA33", version="1.0")
    with pytest.raises(Refused) as refused:
        verify(
            octets,
            tls=tls_of(desk.card),
            policy=VihfPolicy(),
            trust=desk.trust,
            directory=desk.directory,
            memory=desk.memory,
            now=desk.now,
        )
    assert [check.rule.id for check in refused.value.checks] == ["VIHF-SECTEUR-STRUCTURE", "VIHF-VERSION"]
    assert "SA33" in refused.value.message
    assert "SA07" in refused.value.message


def test_verify_returns_the_verified_token(desk: Desk) -> None:
    arguments = {"policy": VihfPolicy(), "trust": desk.trust, "directory": desk.directory, "memory": desk.memory}
    verified = verify(desk.token(), tls=tls_of(desk.card), now=desk.now, **arguments)
    assert isinstance(verified, VerifiedVihf)


def test_a_revoked_card_is_refused_with_the_date(desk: Desk) -> None:
    card = desk.pki.card("medecin-revoque")
    octets = make(desk.request("medecin-revoque"), card=card, now=desk.now)
    report, _ = desk.judged(octets, tls="medecin-revoque")
    assert report.failures[0].rule.code == "DMPInvalidCertificate"
    revoked = desk.now - timedelta(days=10)
    assert f"{revoked:%d/%m/%Y}" in report.failures[0].message or f"{revoked:%Y-%m-%d}" in report.failures[0].message


def test_a_certificate_that_does_not_load_is_a_refusal(desk: Desk) -> None:
    report, verified = desk.judged(desk.token(), facts=TlsFacts(b"not a certificate"))
    assert verified is None
    assert [check.rule.code for check in report.failures] == ["DMPInvalidCertificate"]


def test_not_an_assertion(desk: Desk) -> None:
    for octets in (b"", b"<a/>", b"<Assertion xmlns='urn:oasis:names:tc:SAML:2.0:assertion'/>", b"<!DOCTYPE a><a/>"):
        report, verified = desk.judged(octets)
        assert verified is None
        assert report.failures[0].rule.code == "DMPInvalidRequest"


def test_an_enormous_token_is_refused_before_parsing(desk: Desk) -> None:
    report, _ = desk.judged(desk.token() + b" " * LIMITS.octets)
    assert [check.rule.id for check in report] == ["XML-SIZE"]


def test_after_a_bad_signature_the_rest_is_still_explained(desk: Desk) -> None:
    octets = desk.token(version="1.0").replace(b">MAX LIBRE<", b">MAX<")
    report, verified = desk.judged(octets)
    assert verified is None
    assert {check.rule.id for check in report.failures} == {"SIG-CONTENU", "VIHF-VERSION"}


def test_shown_values_are_cut(desk: Desk) -> None:
    report, _ = desk.judged(desk.token(version="9" * 10_000))
    (check,) = report.failures
    assert check.rule is rules.VERSION
    assert len(check.message) < 400


# --- AIR -------------------------------------------------------------------------------------------------


def test_air_token_serves_once_and_is_remembered_long_enough(desk: Desk) -> None:
    octets = air_token(desk)
    assert desk.judged(octets, tls="hopital")[1] is not None
    (expires_at,) = desk.memory.used.values()
    last_moment = desk.now + VihfPolicy().air_max_age
    assert expires_at > last_moment
    report, verified = desk.judged(octets, tls="hopital", at=last_moment)
    assert verified is None
    assert report.failures[0].rule is rules.SINGLE_USE


def test_a_refused_air_token_is_not_used_up(desk: Desk) -> None:
    octets = air_token(desk)
    assert desk.judged(octets, tls="hopital-eg")[1] is None
    assert desk.memory.used == {}
    assert desk.judged(octets, tls="hopital")[1] is not None


def test_air_needs_a_memory(desk: Desk) -> None:
    report, verified = desk.judged(air_token(desk), tls="hopital", memory=None)
    assert report.ok
    assert verified is None
    assert report.checks[-1].outcome is Outcome.SKIPPED


def test_other_modes_leave_the_memory_alone(desk: Desk) -> None:
    octets = desk.token()
    assert desk.judged(octets)[1] is not None
    assert desk.judged(octets)[1] is not None
    assert desk.memory.used == {}


# --- policies --------------------------------------------------------------------------------------------


def test_open_directory_warns_about_unknown_people_and_software(desk: Desk) -> None:
    octets = desk.token(structure="499900063480999", lps=replace(desk.request().lps, approval_number="X"))
    report, verified = desk.judged(octets, policy=OPEN)
    assert verified is not None, report.failures
    assert len(verified.warnings) == 2
    assert "499900063480999" in verified.warnings[0]


def test_open_directory_still_refuses_who_does_not_work_there(desk: Desk) -> None:
    report, _ = desk.judged(desk.token(structure="10B0127189", sector="SA01"), policy=OPEN)
    assert report.failures[0].rule is rules.PERSON


@pytest.mark.parametrize(
    ("common_name", "structure", "linked"),
    [
        ("30B0156832/0042", "10B0156832", True),  # PS_IdNat type 3 holds a FINESS, Struct_IdNat type 1
        ("31B0062640/0042", "10B0156832", True),  # employed by the EJ, at work in the EG
        ("30B0127189/0042", "10B0156832", False),
        ("30B0127189/0042", "10B0009999", False),  # unknown to the directory, and not his anyway
        ("30B0009999/0042", "10B0009999", True),
    ],
)
def test_an_employee_s_card_names_the_employer(common_name: str, structure: str, linked: bool, desk: Desk) -> None:
    name = f"cpe-{common_name.replace('/', '-').lower()}"
    try:
        card = desk.pki.issue("cpe", name, common_name=common_name, organisation="HOPITAL DES 3. DAMES")
    except FileExistsError:
        card = desk.pki.card(name)
    request = desk.request(name, structure=structure, sector="SA01")
    report, _ = desk.judged(make(request, card=card, now=desk.now), tls=name, policy=OPEN)
    assert (rules.PERSON not in {check.rule for check in report.failures}) is linked


def test_unknown_person_in_a_known_structure(desk: Desk) -> None:
    class Nobody(CastDirectory):
        def professional(self, identifier: str) -> None:
            return None

    assert desk.judged(desk.token(), directory=Nobody())[0].failures[0].rule is rules.PERSON
    assert desk.judged(desk.token(), directory=Nobody(), policy=OPEN)[1] is not None


def test_reason_may_be_waived(desk: Desk) -> None:
    octets = desk.token(purpose=Purpose.BRIS_DE_GLACE)
    assert desk.judged(octets)[1] is None
    assert desk.judged(octets, policy=VihfPolicy(reason_for_bris_de_glace=False))[1] is not None


def test_sector_and_roles_may_be_waived(desk: Desk) -> None:
    octets = desk.token(sector="SA33", roles=(Code("11", "1.2.250.1.71.1.2.7"),))
    assert desk.judged(octets)[1] is None
    assert (
        desk.judged(octets, policy=VihfPolicy(sector_of_structure=False, listed_roles=False, profession_of_card=False))[
            1
        ]
        is not None
    )


def test_air_signed_by_a_client_certificate_may_be_refused(desk: Desk) -> None:
    (example,) = (e for e in examples() if e.name == "good-air-client-certificate")
    strict = replace(example, policy={"air_client_certificate": False})
    report, verified = judge(strict, desk.pki, desk.now)
    assert verified is None
    assert report.failures[0].rule is rules.SIGNING_USAGE


# --- robustness ------------------------------------------------------------------------------------------


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_damaged_token_is_judged_without_accident(data: st.DataObject, desk: Desk) -> None:
    octets = desk.token()
    start = data.draw(st.integers(0, len(octets) - 1))
    damaged = octets[:start] + data.draw(st.binary(max_size=4)) + octets[start + data.draw(st.integers(0, 4)) :]
    report, verified = desk.judged(damaged)
    assert report.ok == (verified is not None)
    if verified is not None:  # an unsigned part was hit: white space of the base64, a comment
        assert verified.name_id == "899900063480"


@pytest.mark.parametrize("number", ["1530789876585AA", "15307898765851", "15307Ａ987658513", "199012A41720217"])
def test_odd_numbers_are_refused_by_name(number: str, desk: Desk) -> None:
    report, _ = desk.judged(desk.token(patient=Ins(number, "1.2.250.1.213.1.4.10")))
    assert report.failures[0].rule in (rules.PATIENT, rules.PATIENT_KEY)


def test_corsican_numbers_have_their_key(desk: Desk) -> None:
    nir = "199012A417202"
    good, bad = (Ins(f"{nir}{key:02d}", "1.2.250.1.213.1.4.10") for key in (int(nir_key(nir)), int(nir_key(nir)) + 1))
    _, verified = desk.judged(desk.token(patient=good))
    assert verified is not None
    assert verified.patient == good
    assert desk.judged(desk.token(patient=bad))[0].failures[0].rule is rules.PATIENT_KEY


# --- official frames -------------------------------------------------------------------------------------


def test_official_direct_token_is_not_utf_8_and_refused_cleanly(reference: Path, desk: Desk) -> None:
    report, verified = desk.judged((reference / "frames" / "vihf-directe.xml").read_bytes())
    assert verified is None
    assert [check.rule.id for check in report] == ["XML-FORM"]


def test_official_indirect_token_is_examined_to_the_end(reference: Path, desk: Desk) -> None:
    octets = (reference / "frames" / "vihf-indirecte.xml").read_bytes()
    report, verified = desk.judged(octets, tls="hopital", policy=replace(OPEN, sha1=True))
    assert verified is None
    failed = {check.rule.id for check in report.failures}
    assert {"VIHF-AGE", "SIG-CONTENU"} <= failed
    passed = {check.rule.id for check in report if check.outcome is Outcome.PASSED}
    assert {"SIG-VALEUR", "VIHF-ROLE", "VIHF-SPECIALITE", "VIHF-CLE", "VIHF-MOTIF", "VIHF-CLASSE"} <= passed


@pytest.mark.parametrize("frame", ["td0.2", "td0.3", "td3.1", "td3.2"])
def test_tokens_of_the_official_frames_break_no_rule_of_form(frame: str, reference: Path, desk: Desk) -> None:
    envelope = (reference / "frames" / f"{frame}-request.xml").read_bytes()
    assertion = next(parse(envelope).iter("{urn:oasis:names:tc:SAML:2.0:assertion}Assertion"))
    report, _ = desk.judged(etree.tostring(assertion, with_tail=False), policy=OPEN)
    # Anonymised: old, and the Issuer is not the NameID.
    assert {check.rule.id for check in report.failures} <= {"VIHF-AGE", "VIHF-ISSUER", "VIHF-NAMEID"}
