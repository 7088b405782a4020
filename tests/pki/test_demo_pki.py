"""The throw-away PKI: cast, files, variants."""

import stat
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization.pkcs12 import load_pkcs12

from dmpws import cast
from dmpws.domain.checks import Report
from dmpws.pki.cards import P12_PASSWORD, Card, Practice
from dmpws.pki.demo import DemoPki, create, open_pki
from dmpws.pki.identity import CertificateKind, identify
from dmpws.pki.trust import TrustPolicy, TrustStore

NAMES = {
    "medecin-libre",
    "medecin-doctorant",
    "medecin-camparini",
    "medecin-virginie",
    "cpe-libre",
    "hopital",
    "hopital-eg",
    "regulation",
    "medecin-revoque",
    "medecin-expire",
}
INTERN = {"common_name": "899700433156", "family": "MEDECIN RPPS0043315", "given": "VIRGINIE"}
HOSPITAL = {"common_name": "dmp", "organisation": "HOPITAL DES 3. DAMES", "structure": "11B0062640"}


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory, now: datetime) -> DemoPki:
    """A PKI that tests may add to."""
    return create(tmp_path_factory.mktemp("own"), now=now, hosts=("dmp.test", "127.0.0.1"))


@pytest.fixture
def trust(own: DemoPki) -> TrustStore:
    return TrustStore.from_folder(own.trust_folder, TrustPolicy())


def verdict(trust: TrustStore, certificate: x509.Certificate, at: datetime) -> str:
    """Rule that fails, or an empty string."""
    report = Report()
    trust.validate(certificate, at, report)
    return report.failures[0].rule.id if report.failures else ""


def test_the_cast_is_there_and_good_but_for_the_bad_ones(pki: DemoPki, now: datetime) -> None:
    trust = TrustStore.from_folder(pki.trust_folder, TrustPolicy())
    expected = dict.fromkeys(NAMES, "") | {
        "medecin-revoque": "PKI-REVOCATION",
        "medecin-expire": "PKI-VALIDITY",
    }
    cards = {card.name: card for card in pki.cards() if card.name in NAMES}
    assert {n: verdict(trust, card.signing_certificate, now) for n, card in cards.items()} == expected
    assert {n: verdict(trust, card.auth_certificate, now) for n, card in cards.items()} == expected


def test_the_cards_name_the_people_of_the_public_cast(pki: DemoPki) -> None:
    for card in (pki.card(name) for name in NAMES):
        structure = cast.STRUCTURES[card.practice.structure]
        assert card.practice.structure_name == structure.name
        assert card.practice.sector in structure.sectors
        if card.kind is CertificateKind.CPS:
            person = cast.PROFESSIONALS[card.identity.person]
            assert (card.identity.family, card.identity.given) == (person.family, person.given)
            assert card.practice.structure in person.structures
            assert (card.practice.profession, card.practice.speciality) == ("10", "SM26")
        elif card.kind is CertificateKind.ORG_SIGN:
            assert card.identity.structure == structure.identifier


def test_names_cannot_be_mistaken_for_the_national_authorities(pki: DemoPki) -> None:
    bundle = x509.load_pem_x509_certificates(pki.ca_file.read_bytes())
    names = {identify(certificate).subject.common_name for certificate in bundle}
    assert names == {
        "DMPWS TEST AC RACINE FORT",
        "DMPWS TEST AC RACINE ELEMENTAIRE",
        "DMPWS TEST AC FORT PERSONNES",
        "DMPWS TEST AC ELEMENTAIRE ORGANISATIONS",
    }


def test_private_files_are_for_their_owner_only(pki: DemoPki) -> None:
    private = [f for f in pki.folder.rglob("*") if f.suffix in (".key", ".p12") or f.name == "key.pem"]
    assert len(private) > 2 * len(NAMES)
    assert {stat.S_IMODE(file.stat().st_mode) for file in private} == {0o600}
    for file in pki.folder.rglob("*"):
        if file.is_file() and b"PRIVATE KEY" in file.read_bytes():
            assert file in private


def test_a_card_opens_with_its_keys_and_chain(pki: DemoPki) -> None:
    card = Card.load(pki.folder / "cards" / "medecin-libre")
    assert card == pki.card("medecin-libre")
    assert card.signing_key.public_key() == card.signing_certificate.public_key()
    assert card.auth_certificate.public_key() != card.signing_certificate.public_key()
    above = [x509.load_der_x509_certificate(der) for der in card.chain]
    card.signing_certificate.verify_directly_issued_by(above[0])
    above[0].verify_directly_issued_by(above[1])
    above[1].verify_directly_issued_by(above[1])
    assert card.practice == Practice("499900063480001", "CABINET DR LIBRE", "SA07", "10", "SM26")
    sent = x509.load_pem_x509_certificates(card.auth_certificate_file.read_bytes())
    assert sent == [card.auth_certificate, above[0]]


def test_p12_opens_with_the_documented_password(pki: DemoPki) -> None:
    card = pki.card("hopital")
    content = load_pkcs12(card.p12_file.read_bytes(), P12_PASSWORD.encode())
    assert content.cert is not None
    assert content.cert.certificate == card.auth_certificate
    assert len(content.additional_certs) == 2
    assert P12_PASSWORD in (pki.folder / "LISEZMOI.txt").read_text("utf-8")


def test_server_certificate(own: DemoPki, pki: DemoPki) -> None:
    for found, names, addresses in ((own, ["dmp.test"], ["127.0.0.1"]), (pki, ["localhost"], ["127.0.0.1"])):
        leaf, intermediate = x509.load_pem_x509_certificates(found.server_certificate_file.read_bytes())
        leaf.verify_directly_issued_by(intermediate)
        value = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        assert value.get_values_for_type(x509.DNSName) == names
        assert [str(address) for address in value.get_values_for_type(x509.IPAddress)] == addresses
        assert identify(leaf).kind is CertificateKind.SERVER


@pytest.mark.parametrize("kind", ["cps", "cpf", "cps-remplacant", "cpe"])
def test_person_kinds(own: DemoPki, trust: TrustStore, now: datetime, kind: str) -> None:
    card = own.issue(kind, f"essai-{kind}", **INTERN, organisation="HOPITAL DES 3. DAMES", structure="11B0062640")
    assert card.kind == kind.upper().replace("-", "_")
    assert identify(card.auth_certificate).kind == card.kind
    assert card.identity.person == INTERN["common_name"]
    assert verdict(trust, card.signing_certificate, now) == ""
    assert card.practice.structure == ("" if kind in ("cpf", "cps-remplacant") else "11B0062640")


def test_a_structure_card_may_be_filled_pair_by_pair(own: DemoPki) -> None:
    first = own.issue("org-auth", "etablissement", **HOSPITAL)
    assert (first.kind, first.sign_certificate_file.exists()) == (CertificateKind.ORG_AUTH_CLI, False)
    second = own.issue("org-sign", "etablissement", **HOSPITAL)
    assert second.kind is CertificateKind.ORG_SIGN
    assert second.auth_certificate == first.auth_certificate
    with pytest.raises(FileExistsError, match="etablissement"):
        own.issue("org", "etablissement", **HOSPITAL)


def test_bad_variants(own: DemoPki, trust: TrustStore, now: datetime) -> None:
    expired = own.issue("cps", "v-expire", **INTERN, expired=True)
    assert verdict(trust, expired.signing_certificate, now) == "PKI-VALIDITY"
    unknown = own.issue("org", "v-inconnu", **HOSPITAL, unknown_ca=True)
    assert verdict(trust, unknown.signing_certificate, now) == "PKI-PATH"
    assert len(unknown.chain) == 1
    wrong = own.issue("cps", "v-usage", **INTERN, wrong_usage=True)
    assert (wrong.identity.signs, wrong.identity.authenticates) == (False, True)
    only = own.issue("cps", "v-nr", **INTERN, nonrepudiation_only=True)
    usage = only.signing_certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    assert (usage.content_commitment, usage.digital_signature) == (True, False)
    assert only.identity.signs


def test_revoking_is_seen_by_a_running_store(own: DemoPki, now: datetime) -> None:
    trust = TrustStore.from_folder(own.trust_folder, TrustPolicy(reload_seconds=0))
    card = own.issue("cps", "v-revoque", **INTERN)
    assert verdict(trust, card.signing_certificate, now) == ""
    own.revoke("v-revoque", now - timedelta(hours=1))
    assert verdict(trust, card.signing_certificate, now) == "PKI-REVOCATION"
    assert verdict(trust, card.auth_certificate, now) == "PKI-REVOCATION"
    assert verdict(trust, card.auth_certificate, now - timedelta(hours=2)) == ""
    own.revoke("v-revoque", now + timedelta(days=1))
    assert verdict(trust, card.auth_certificate, now) == ""


@pytest.mark.parametrize(
    ("kind", "name", "options", "message"),
    [
        ("cps", "x", {"common_name": ""}, "il faut un nom"),
        ("cps", "x", {"common_name": "1"}, "prénom"),
        ("cpe", "x", {"common_name": "1/2"}, "CPE"),
        ("org", "x", {"common_name": "1"}, "structure"),
        ("cps", "../x", INTERN, "nom de carte"),
        ("cps", "x", INTERN | {"profession": "médecin"}, "code de profession"),
        ("carte", "x", INTERN, "carte"),
    ],
)
def test_incomplete_orders(own: DemoPki, kind: str, name: str, options: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        own.issue(kind, name, **options)
    assert not (own.folder / "cards" / "x").exists()


def test_create_does_not_overwrite_and_leaves_nothing_behind(
    own: DemoPki, now: datetime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(FileExistsError, match="pas vide"):
        create(own.folder, now=now)

    def fail(*_: object) -> None:
        raise OSError("disque plein")

    monkeypatch.setattr("dmpws.pki.demo._create_authorities", fail)
    with pytest.raises(OSError, match="disque plein"):
        create(tmp_path / "pki", now=now)
    assert list(tmp_path.iterdir()) == []


def test_open(own: DemoPki, tmp_path: Path) -> None:
    assert open_pki(own.folder).card("hopital") == own.card("hopital")
    with pytest.raises(FileNotFoundError, match="pki init"):
        open_pki(tmp_path)
    with pytest.raises(FileNotFoundError, match="inconnue"):
        own.card("inconnue")
