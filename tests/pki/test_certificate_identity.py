"""Who a certificate stands for (DMPWS D5, D6)."""

import base64
import re
from pathlib import Path

import pytest
from certificate_lab import Lab
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from dmpws.domain.checks import Refused
from dmpws.pki.authority import Extension, key_usage
from dmpws.pki.demo import DemoPki
from dmpws.pki.identity import CARD_TYPE, PROFESSION, CertificateKind, identify
from dmpws.pki.trust import load_certificate


@pytest.mark.parametrize(
    ("card", "kind", "person", "structure", "family", "given"),
    [
        ("medecin-libre", "CPS", "899900063480", "", "LIBRE", "MAX"),
        ("cpe-libre", "CPE", "499900063480001/0001", "", "CABINET DR LIBRE", "499900063480001/0001"),
        ("hopital", "ORG_SIGN", "", "11B0062640", "", ""),
        ("regulation", "ORG_SIGN", "", "10B0156832", "", ""),
    ],
)
def test_demo_cards(pki: DemoPki, card: str, kind: str, person: str, structure: str, family: str, given: str) -> None:
    identity = pki.card(card).identity
    found = (identity.kind, identity.person, identity.structure, identity.family, identity.given)
    assert found == (kind, person, structure, family, given)


def test_the_two_certificates_of_a_card_have_their_own_usages(pki: DemoPki) -> None:
    for name, auth_kind in (("medecin-libre", "CPS"), ("hopital", "ORG_AUTH_CLI")):
        card = pki.card(name)
        signing, authentication = identify(card.signing_certificate), identify(card.auth_certificate)
        assert (signing.signs, signing.authenticates) == (True, False)
        assert (authentication.signs, authentication.authenticates) == (False, True)
        assert authentication.kind == auth_kind
        assert authentication.subject.matches(signing.subject)
        assert authentication.serial != signing.serial


@pytest.mark.parametrize(
    ("bits", "extended", "signs", "authenticates"),
    [
        (("content_commitment",), None, True, False),
        (("digital_signature", "content_commitment"), "EMAIL_PROTECTION", True, False),
        (("digital_signature",), "EMAIL_PROTECTION", True, False),
        (("digital_signature", "key_encipherment"), None, False, True),
        (("digital_signature", "key_encipherment", "content_commitment"), None, True, False),
        (("digital_signature",), None, False, False),
        (("digital_signature",), "CLIENT_AUTH", False, True),
        ((), "CLIENT_AUTH", False, True),
        ((), None, False, False),
    ],
)
def test_usages(lab: Lab, bits: tuple[str, ...], extended: str | None, signs: bool, authenticates: bool) -> None:
    extensions = [key_usage(*bits)] if bits else []
    if extended:
        extensions.append(Extension(x509.ExtendedKeyUsage([getattr(ExtendedKeyUsageOID, extended)])))
    identity = identify(lab.certificate("porteur", lab.keys[0], None, extensions=extensions).certificate)
    assert (identity.signs, identity.authenticates) == (signs, authenticates)


def test_an_authority_is_nobody(lab: Lab) -> None:
    identity = identify(lab.authority("autorité", 0).certificate)
    assert (identity.kind, identity.person, identity.structure) == (CertificateKind.OTHER, "", "")


def test_a_certificate_without_shape_is_nobody(lab: Lab) -> None:
    identity = identify(lab.certificate("899900063480", lab.keys[0], None).certificate)
    assert (identity.kind, identity.person) == (CertificateKind.OTHER, "")


@pytest.mark.parametrize(
    ("oid", "octets", "kind"),
    [
        (PROFESSION, b"\x02\x01\x0a", "CPS"),
        (CARD_TYPE, b"\x02\x01\x00", "CPS"),
        (CARD_TYPE, b"\x02\x01\x01", "CPF"),
        (CARD_TYPE, b"\x02\x01\x02", "CPE"),
        (CARD_TYPE, b"\x02\x01\x63", "OTHER"),
        (CARD_TYPE, b"garbage", "OTHER"),
    ],
)
def test_extensions_of_the_card(lab: Lab, oid: x509.ObjectIdentifier, octets: bytes, kind: str) -> None:
    extension = Extension(x509.UnrecognizedExtension(oid, octets))
    assert identify(lab.certificate("1", lab.keys[0], None, extensions=[extension]).certificate).kind == kind


def der_in(frame: Path) -> bytes:
    encoded = re.search(rb"X509Certificate>([^<]+)<", frame.read_bytes())
    assert encoded
    return base64.b64decode(re.sub(rb"&#x[dD];", b"", encoded[1]))


def test_certificates_of_the_official_frames(reference: Path) -> None:
    doctor = identify(load_certificate(der_in(reference / "frames" / "td2.1-signaturexades.xml")))
    assert (doctor.kind, doctor.person, doctor.family, doctor.given) == (
        "CPS",
        "899900063480",
        "LIBRE",
        "MAX",
    )
    assert doctor.signs
    structure = identify(load_certificate(der_in(reference / "frames" / "vihf-indirecte.xml")))
    assert (structure.kind, structure.structure) == ("ORG_SIGN", "339172288100052")


def test_the_card_of_the_old_authority_is_refused_not_a_crash(reference: Path) -> None:
    with pytest.raises(Refused) as refused:
        load_certificate(der_in(reference / "frames" / "vihf-directe.xml"))
    assert refused.value.code == "DMPInvalidCertificate"
    assert "certificat illisible" in refused.value.message


def test_our_cards_encode_the_extensions_as_the_official_ones(pki: DemoPki, reference: Path) -> None:
    official = load_certificate(der_in(reference / "frames" / "td2.1-signaturexades.xml"))
    ours = pki.card("medecin-libre").signing_certificate
    shared = {e.oid: e.value for e in official.extensions if e.oid.dotted_string.startswith("1.2.250.1.71.")}
    found = {e.oid: e.value for e in ours.extensions}
    assert len(shared) == 3
    del shared[x509.ObjectIdentifier("1.2.250.1.71.1.2.5")]  # a card here, a software certificate there
    assert all(found[oid] == value for oid, value in shared.items())
    ours_shape = [{a.oid for a in rdn} for rdn in ours.subject.rdns]
    assert ours_shape == [{a.oid for a in rdn} for rdn in official.subject.rdns]
