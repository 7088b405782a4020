"""Path validation and revocation, the hostile cases first."""

import logging
import os
import threading
from datetime import timedelta
from pathlib import Path

import pytest
from certificate_lab import Holder, Lab
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as new_ec_key
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import assume, given
from hypothesis import strategies as st

from dmpws.domain.checks import Outcome, Refused, Report
from dmpws.domain.errors import CATALOGUE
from dmpws.pki.authority import Extension
from dmpws.pki.demo import DemoPki
from dmpws.pki.rules import RULES
from dmpws.pki.trust import TrustFolderError, TrustPolicy, TrustStore, ValidPath, load_certificate

SHA256_WITH_RSA = bytes.fromhex("06092a864886f70d01010b")
SHA1_WITH_RSA = bytes.fromhex("06092a864886f70d010105")


def check(store: TrustStore, leaf: x509.Certificate, lab: Lab, day: float = 0) -> tuple[ValidPath | None, list[str]]:
    """The path, and the French text of each failed check."""
    report = Report()
    path = store.validate(leaf, lab.now + timedelta(days=day), report)
    assert (path is None) is bool(report.failures)
    assert all(failure.rule.code == "DMPInvalidCertificate" for failure in report.failures)
    return path, [failure.text for failure in report.failures]


@pytest.fixture
def root(lab: Lab) -> Holder:
    return lab.authority("racine", 0)


@pytest.fixture
def middle(lab: Lab, root: Holder) -> Holder:
    return lab.authority("personnes", 1, root)


def test_good_path(lab: Lab, root: Holder, middle: Holder) -> None:
    leaf = lab.leaf(middle)
    store = lab.store([root], [middle], [lab.crl(root, number=7), lab.crl(middle, number=42)])
    path, problems = check(store, leaf, lab)
    assert problems == []
    assert path is not None
    assert path.certificate == leaf
    certificates = (leaf, middle.certificate, root.certificate)
    assert path.chain == tuple(certificate.public_bytes(Encoding.DER) for certificate in certificates)
    assert path.crl_numbers == (("CN=personnes,C=FR", 42), ("CN=racine,C=FR", 7))


def test_every_rule_is_reported_in_order(lab: Lab, root: Holder, middle: Holder) -> None:
    report = Report()
    store = lab.store([root], [middle], [lab.crl(root), lab.crl(middle)])
    store.validate(lab.leaf(middle), lab.now, report, where="ds:KeyInfo")
    found = [(c.rule.id, c.outcome, c.where) for c in report]
    assert found == [
        (rule, Outcome.PASSED, "ds:KeyInfo") for rule in ("PKI-PATH", "PKI-VALIDITY", "PKI-CRL", "PKI-REVOCATION")
    ]


def test_rules_are_declared_once() -> None:
    assert len({rule.id for rule in RULES}) == len(RULES)
    assert {rule.code for rule in RULES} <= CATALOGUE.keys()


# Path


def test_unknown_authority(lab: Lab, root: Holder, middle: Holder) -> None:
    store = lab.store([lab.authority("autre", 2)], [middle], [])
    assert check(store, lab.leaf(lab.authority("tiers", 3)), lab)[1] == ["autorité inconnue : CN=tiers,C=FR"]
    assert check(store, lab.leaf(middle), lab)[1] == ["autorité inconnue : CN=racine,C=FR"]
    assert check(store, lab.leaf(root), lab)[1] == ["autorité inconnue : CN=racine,C=FR"]


def test_self_signed_twin_of_an_authority(lab: Lab, root: Holder, middle: Holder) -> None:
    store = lab.store([root], [middle], [lab.crl(root), lab.crl(middle)])
    for twin in (lab.authority("personnes", 2), lab.authority("racine", 2)):
        path, problems = check(store, lab.leaf(twin), lab)
        assert path is None
        assert "n'est pas signé par la clé de l'autorité" in problems[0]


def test_twin_among_the_intermediates_does_no_harm(lab: Lab, root: Holder, middle: Holder) -> None:
    twin = lab.authority("personnes", 2)
    store = lab.store([root], [twin, middle], [lab.crl(root), lab.crl(middle), lab.crl(twin)])
    assert check(store, lab.leaf(middle), lab)[0] is not None
    assert check(store, lab.leaf(twin), lab)[0] is None


def test_self_signed_leaf(lab: Lab, root: Holder) -> None:
    leaf = lab.certificate("porteur", lab.keys[2], None).certificate
    assert check(lab.store([root], [], [lab.crl(root)]), leaf, lab)[1] == ["autorité inconnue : CN=porteur,C=FR"]


@pytest.mark.parametrize("constraints", [True, False])
def test_intermediate_that_is_no_authority(lab: Lab, root: Holder, constraints: bool) -> None:
    extensions = [Extension(x509.BasicConstraints(ca=False, path_length=None))] if constraints else []
    middle = lab.certificate("faux", lab.keys[1], root, extensions=extensions)
    store = lab.store([root], [middle], [lab.crl(root)])
    assert check(store, lab.leaf(middle), lab)[1] == ["« faux » n'est pas une autorité de certification"]


def test_an_end_certificate_issues_nothing(lab: Lab, root: Holder, middle: Holder) -> None:
    rogue = lab.certificate("porteur", lab.keys[2], middle)
    store = lab.store([root], [middle], [lab.crl(root), lab.crl(middle)])
    assert check(store, rogue.certificate, lab)[0] is not None
    assert check(store, lab.leaf(rogue), lab)[1] == ["autorité inconnue : CN=porteur,C=FR"]


def test_authority_without_the_right_to_sign_certificates(lab: Lab, root: Holder) -> None:
    middle = lab.authority("personnes", 1, root, usages=("crl_sign",))
    assert "pas le droit de signer" in check(lab.store([root], [middle]), lab.leaf(middle), lab)[1][0]


def test_authority_without_key_usage_may_sign(lab: Lab, root: Holder) -> None:
    middle = lab.authority("personnes", 1, root, usages=())
    store = lab.store([root], [middle], [lab.crl(root), lab.crl(middle)])
    assert check(store, lab.leaf(middle), lab)[0] is not None


def test_path_length(lab: Lab) -> None:
    root = lab.authority("racine", 0, path_length=0)
    middle = lab.authority("personnes", 1, root)
    assert "autant d'autorités" in check(lab.store([root], [middle]), lab.leaf(middle), lab)[1][0]


def test_path_length_of_an_intermediate(lab: Lab, root: Holder) -> None:
    middle = lab.authority("personnes", 1, root, path_length=0)
    under = lab.authority("dessous", 2, middle)
    assert "autant d'autorités" in check(lab.store([root], [middle, under]), lab.leaf(under), lab)[1][0]


def test_authorities_that_issue_each_other_end(lab: Lab, root: Holder) -> None:
    first = lab.authority("a", 1)
    second = lab.authority("b", 2, first)
    first_again = lab.authority("a", 1, second)
    store = lab.store([root], [first_again, second])
    assert check(store, lab.leaf(second), lab)[1] == ["chemin de certification trop long"]


def test_unknown_critical_extension(lab: Lab, root: Holder, middle: Holder) -> None:
    strange = Extension(x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00"), critical=True)
    store = lab.store([root], [middle], [lab.crl(root), lab.crl(middle)])
    assert "extension critique inconnue" in check(store, lab.leaf(middle, extra=[strange]), lab)[1][0]
    names = x509.NameConstraints(permitted_subtrees=[x509.DNSName("test")], excluded_subtrees=None)
    limited = lab.authority("limitée", 2, root, extra=[Extension(names, critical=True)])
    assert "2.5.29.30" in check(lab.store([root], [limited]), lab.leaf(limited), lab)[1][0]


def test_weak_algorithms(lab: Lab, root: Holder) -> None:
    store = lab.store([root], [], [lab.crl(root)])
    good = lab.leaf(root)
    sha1_tbs = good.tbs_certificate_bytes.replace(SHA256_WITH_RSA, SHA1_WITH_RSA)
    sha1_der = good.public_bytes(Encoding.DER).replace(SHA256_WITH_RSA, SHA1_WITH_RSA)
    sha1 = sha1_der.removesuffix(good.signature) + root.key.sign(sha1_tbs, PKCS1v15(), SHA1())
    assert "SHA1" in check(store, load_certificate(sha1), lab)[1][0]
    short_key = generate_private_key(public_exponent=65537, key_size=1024)
    short = lab.certificate("porteur", short_key, root)
    assert "1024 bits" in check(store, short.certificate, lab)[1][0]


def test_elliptic_keys_are_good(lab: Lab) -> None:
    key = new_ec_key(SECP256R1())
    root = lab.authority("racine", 0)
    elliptic = lab.certificate("porteur", key, root)  # type: ignore[arg-type]
    store = lab.store([root], [], [lab.crl(root)])
    assert check(store, elliptic.certificate, lab)[0] is not None


# Time


def test_validity(lab: Lab, root: Holder, middle: Holder) -> None:
    store = lab.store([root], [middle], [lab.crl(root), lab.crl(middle)])
    assert check(store, lab.leaf(middle, ends=-1), lab)[1] == ["certificat expiré depuis le 20/11/2026"]
    future = "certificat pas encore valable : il le sera le 22/11/2026"
    assert check(store, lab.leaf(middle, begins=1), lab)[1] == [future]
    assert check(store, lab.leaf(middle, begins=1), lab, day=2)[0] is not None


def test_expired_intermediate(lab: Lab, root: Holder) -> None:
    middle = lab.authority("personnes", 1, root, ends=-1)
    store = lab.store([root], [middle], [lab.crl(root), lab.crl(middle)])
    expected = "certificat de l'autorité « personnes » expiré depuis le 20/11/2026"
    assert check(store, lab.leaf(middle), lab)[1] == [expected]
    assert check(store, lab.leaf(middle), lab, day=-2)[0] is not None


def test_expired_anchor(lab: Lab) -> None:
    root = lab.authority("racine", 0, ends=-1)
    store = lab.store([root], [], [lab.crl(root)])
    assert "« racine » expiré" in check(store, lab.leaf(root), lab)[1][0]


def test_renewed_authority_with_the_same_key(lab: Lab, root: Holder) -> None:
    old = lab.authority("personnes", 1, root, ends=-1)
    renewed = lab.authority("personnes", 1, root, begins=-1)
    store = lab.store([root], [old, renewed], [lab.crl(root), lab.crl(renewed)])
    leaf = lab.leaf(old)
    assert check(store, leaf, lab)[0] is not None
    assert check(store, leaf, lab, day=-5)[0] is not None


# Revocation


def test_revoked(lab: Lab, root: Holder, middle: Holder) -> None:
    leaf = lab.leaf(middle)
    store = lab.store([root], [middle], [lab.crl(root), lab.crl(middle, (leaf, -3))])
    assert check(store, leaf, lab)[1] == ["certificat révoqué le 18/11/2026 (motif : compromission de la clé)"]
    assert check(store, lab.leaf(middle), lab)[0] is not None


def test_revoked_later_than_the_time_asked_was_good_then(lab: Lab, root: Holder, middle: Holder) -> None:
    leaf = lab.leaf(middle)
    store = lab.store([root], [middle], [lab.crl(root), lab.crl(middle, (leaf, -3))])
    assert check(store, leaf, lab, day=-4)[0] is not None
    assert check(store, leaf, lab, day=-3)[0] is None


@pytest.mark.parametrize(
    ("reason", "text"),
    [
        (x509.ReasonFlags.superseded, "certificat remplacé"),
        (x509.ReasonFlags.cessation_of_operation, "cessation d'activité"),
        (x509.ReasonFlags.certificate_hold, "suspension"),
        (x509.ReasonFlags.unspecified, "non précisé"),
        (None, "non précisé"),
    ],
)
def test_reasons(lab: Lab, root: Holder, reason: x509.ReasonFlags | None, text: str) -> None:
    leaf = lab.leaf(root)
    store = lab.store([root], [], [lab.crl(root, (leaf, -1), reason=reason)])
    assert check(store, leaf, lab)[1] == [f"certificat révoqué le 20/11/2026 (motif : {text})"]


def test_revoked_intermediate(lab: Lab, root: Holder, middle: Holder) -> None:
    store = lab.store([root], [middle], [lab.crl(root, (middle.certificate, -1)), lab.crl(middle)])
    expected = "certificat de l'autorité « personnes » révoqué le 20/11/2026 (motif : compromission de la clé)"
    assert check(store, lab.leaf(middle), lab)[1] == [expected]


def test_list_signed_by_another_key_counts_for_nothing(
    lab: Lab, root: Holder, middle: Holder, caplog: pytest.LogCaptureFixture
) -> None:
    leaf = lab.leaf(middle)
    forged = lab.crl(middle, number=99, born=-1, key=lab.keys[3])
    with caplog.at_level(logging.WARNING):
        store = lab.store([root], [middle], [lab.crl(root), forged])
    assert "1.pem" in caplog.text
    assert check(store, leaf, lab)[1] == ["aucune liste de révocation valable de l'autorité « personnes »"]
    genuine = lab.crl(middle, (leaf, -1))
    store = lab.store([root], [middle], [lab.crl(root), forged, genuine])
    assert "révoqué" in check(store, leaf, lab)[1][0]


def test_list_of_an_authority_that_may_not_sign_lists(lab: Lab, root: Holder) -> None:
    middle = lab.authority("personnes", 1, root, usages=("key_cert_sign",))
    store = lab.store([root], [middle], [lab.crl(root), lab.crl(middle)])
    assert "aucune liste" in check(store, lab.leaf(middle), lab)[1][0]


def test_the_newest_list_counts(lab: Lab, root: Holder) -> None:
    leaf = lab.leaf(root)
    lists = [lab.crl(root, (leaf, -4), number=1, born=-4), lab.crl(root, number=2, born=-1)]
    for order in (lists, lists[::-1]):
        path, _ = check(lab.store([root], [], order), leaf, lab)
        assert path is not None
        assert path.crl_numbers == (("CN=racine,C=FR", 2),)


@pytest.mark.parametrize("mode", ["strict", "tolerant", "off"])
def test_missing_and_stale_lists(lab: Lab, root: Holder, middle: Holder, mode: str) -> None:
    store = lab.store([root], [middle], [lab.crl(root), lab.crl(middle, next_update=-1)], crl=mode)
    leaf = lab.leaf(middle)
    report = Report()
    path = store.validate(leaf, lab.now, report)
    assert (path is None) is (mode == "strict")
    (lab.folder / "crls" / "1.pem").unlink()
    missing = Report()
    store = TrustStore.from_folder(lab.folder, TrustPolicy(crl=mode))  # type: ignore[arg-type]
    assert (store.validate(leaf, lab.now, missing) is None) is (mode == "strict")
    if mode == "off":
        assert [c.outcome for c in report] == [Outcome.PASSED, Outcome.PASSED, Outcome.SKIPPED]
        return
    outcome = Outcome.FAILED if mode == "strict" else Outcome.WARNED
    found = [next(c for c in r if c.rule.id == "PKI-CRL") for r in (report, missing)]
    assert [(c.outcome, c.text) for c in found] == [
        (outcome, "liste de révocation de « personnes » périmée depuis le 20/11/2026"),
        (outcome, "aucune liste de révocation valable de l'autorité « personnes »"),
    ]
    assert [c.outcome for c in report if c.rule.id == "PKI-REVOCATION"] == [Outcome.SKIPPED]


@pytest.mark.parametrize(("mode", "accepted"), [("strict", False), ("tolerant", False), ("off", True)])
def test_a_stale_list_still_revokes(lab: Lab, root: Holder, mode: str, accepted: bool) -> None:
    leaf = lab.leaf(root)
    store = lab.store([root], [], [lab.crl(root, (leaf, -3), next_update=-1)], crl=mode)
    assert (check(store, leaf, lab)[0] is not None) is accepted


@pytest.mark.parametrize(
    ("extension", "message"),
    [
        (Extension(x509.DeltaCRLIndicator(1), critical=True), "delta"),
        (
            Extension(
                x509.IssuingDistributionPoint(None, None, True, False, None, False, False),
                critical=True,
            ),
            "partielle",
        ),
        (
            Extension(x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00"), critical=True),
            "1.2.3.4",
        ),
    ],
)
def test_partial_lists_are_refused(lab: Lab, root: Holder, extension: Extension, message: str) -> None:
    with pytest.raises(TrustFolderError, match=rf"0\.pem.*{message}"):
        lab.store([root], [], [lab.crl(root, extra=[extension])])


# Folder


@pytest.mark.parametrize("part", ["anchors", "intermediates", "crls"])
@pytest.mark.parametrize(
    "octets", [b"", b"hello", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", b"\x30\x82"]
)
def test_corrupt_file_is_named(lab: Lab, root: Holder, part: str, octets: bytes) -> None:
    folder = lab.write([root], [], [lab.crl(root)])
    (folder / part / "abimé.pem").write_bytes(octets)
    with pytest.raises(TrustFolderError, match="abimé"):
        TrustStore.from_folder(folder, TrustPolicy())


def test_folder_without_anchor(tmp_path: Path) -> None:
    with pytest.raises(TrustFolderError, match="anchors"):
        TrustStore.from_folder(tmp_path, TrustPolicy())


def test_der_files_and_notes(lab: Lab, root: Holder, middle: Holder) -> None:
    folder = lab.write([], [middle], [lab.crl(middle)])
    (folder / "anchors" / "racine.cer").write_bytes(root.certificate.public_bytes(Encoding.DER))
    crl = x509.load_pem_x509_crl(lab.crl(root))
    (folder / "crls" / "racine.crl").write_bytes(crl.public_bytes(Encoding.DER))
    (folder / "anchors" / "README.md").write_text("d'où viennent ces fichiers")
    (folder / "anchors" / ".gitkeep").write_text("")
    assert check(TrustStore.from_folder(folder, TrustPolicy()), lab.leaf(middle), lab)[0] is not None


def test_new_list_is_seen(lab: Lab, root: Holder) -> None:
    leaf = lab.leaf(root)
    store = lab.store([root], [], [lab.crl(root)])
    assert store.reload_if_changed() is False
    assert check(store, leaf, lab)[0] is not None
    (lab.folder / "crls" / "0.pem").write_bytes(lab.crl(root, (leaf, -1), number=2, born=-1))
    assert store.reload_if_changed() is True
    assert "révoqué" in check(store, leaf, lab)[1][0]


def test_a_folder_that_goes_bad_leaves_the_old_content_in_force(
    lab: Lab, root: Holder, caplog: pytest.LogCaptureFixture
) -> None:
    leaf = lab.leaf(root)
    store = lab.store([root], [], [lab.crl(root, (leaf, -1))])
    good = (lab.folder / "crls" / "0.pem").read_bytes()
    (lab.folder / "crls" / "0.pem").write_bytes(good[:100])
    assert store.reload_if_changed() is False
    assert "0.pem" in store.problem
    assert store.reload_if_changed() is False
    assert caplog.text.count("0.pem") == 1
    assert "révoqué" in check(store, leaf, lab)[1][0]
    (lab.folder / "crls" / "0.pem").write_bytes(good)
    assert store.reload_if_changed() is True
    assert store.problem == ""


def test_a_removed_anchor_is_trusted_no_more(lab: Lab, root: Holder) -> None:
    store = lab.store([root, lab.authority("autre", 1)], [], [lab.crl(root)])
    leaf = lab.leaf(root)
    assert check(store, leaf, lab)[0] is not None
    (lab.folder / "anchors" / "0.pem").unlink()
    assert store.reload_if_changed() is True
    assert check(store, leaf, lab)[0] is None


def test_only_changed_lists_are_read_again(lab: Lab, root: Holder, middle: Holder) -> None:
    store = lab.store([root], [middle], [lab.crl(root), lab.crl(middle)])
    before = store._snapshot.files
    os.utime(lab.folder / "crls" / "0.pem", ns=(1, 1))
    assert store.reload_if_changed() is True
    after = store._snapshot.files
    assert len(set(map(id, before.values())) & set(map(id, after.values()))) == 1


def test_threads_reload_and_validate_together(lab: Lab, root: Holder) -> None:
    leaf = lab.leaf(root)
    folder = lab.write([root], [], [lab.crl(root)])
    store = TrustStore.from_folder(folder, TrustPolicy(reload_seconds=0))
    lists = [lab.crl(root, number=2, born=-1), lab.crl(root, (leaf, -1), number=3, born=-1)]
    wrong: list[object] = []
    over = threading.Event()

    def work() -> None:
        while not over.is_set():
            report = Report()
            path = store.validate(leaf, lab.now, report)
            good = path is not None and path.crl_numbers[0][1] in (1, 2)
            refused = path is None and "révoqué" in report.failures[0].text
            if not (good or refused):
                wrong.append(report)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for turn in range(10):
        draft = folder / ".draft"
        draft.write_bytes(lists[turn % 2])
        draft.replace(folder / "crls" / "0.pem")
        store.validate(leaf, lab.now, Report())
    over.set()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert "révoqué" in check(store, leaf, lab)[1][0]


# Certificates from outside


@given(st.binary(max_size=200))
def test_octets_that_are_no_certificate_are_refused(octets: bytes) -> None:
    with pytest.raises(Refused) as refused:
        load_certificate(octets)
    assert refused.value.code == "DMPInvalidCertificate"


def test_a_name_that_holds_bits(pki: DemoPki) -> None:
    """The library has no error of its own for it."""
    der = pki.card("medecin-libre").signing_certificate.public_bytes(Encoding.DER)
    with pytest.raises(Refused) as refused:
        load_certificate(der.replace(b"\x0c\x05DMPWS", b"\x03\x05DMPWS", 1))
    assert refused.value.code == "DMPInvalidCertificate"


@pytest.fixture(scope="module")
def demo_store(pki: DemoPki) -> TrustStore:
    return TrustStore.from_folder(pki.trust_folder, TrustPolicy())


@given(st.data())
def test_a_damaged_certificate_is_refused_or_invalid(pki: DemoPki, demo_store: TrustStore, data: st.DataObject) -> None:
    certificate = pki.card("medecin-libre").signing_certificate
    der = bytearray(certificate.public_bytes(Encoding.DER))
    position = data.draw(st.integers(0, len(der) - 1))
    # How many bits of its last octet a signature leaves out: covered by no signature, and read by nobody.
    assume(position != len(der) - len(certificate.signature) - 1)
    der[position] ^= data.draw(st.integers(1, 255))
    report = Report()
    try:
        path = demo_store.validate(load_certificate(bytes(der)), pki.now, report)  # type: ignore[arg-type]
    except Refused:
        return
    assert path is None
    assert report.failures[0].rule.id == "PKI-PATH"


def test_the_path_is_found_once_but_time_and_revocation_are_looked_at_each_time(pki: DemoPki) -> None:
    store = TrustStore.from_folder(pki.trust_folder, TrustPolicy())
    leaf = pki.card("medecin-libre").signing_certificate
    assert pki.now is not None
    for at, good in ((pki.now, True), (pki.now + timedelta(days=4000), False), (pki.now, True)):
        assert (store.validate(leaf, at, Report()) is not None) is good
    assert len(store._snapshot.paths) == 1
