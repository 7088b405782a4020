"""A certification authority of the throw-away test PKI: issues certificates and revocation lists."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from dmpws.pki import files

_AUTHORITY_LIFE = timedelta(days=3650)
_CRL_LIFE = timedelta(days=366)
BACKDATING = timedelta(days=30)
"""Certificates and lists begin this long before they are made: clocks differ, and tests play past events."""


@dataclass(frozen=True, slots=True)
class Extension:
    """An extension and its criticality."""

    value: x509.ExtensionType
    critical: bool = False


def new_key(_: object = None) -> RSAPrivateKey:
    """Make an RSA key of 2048 bits; releases the GIL, so keys can be made in threads (`map(new_key, …)`)."""
    return generate_private_key(public_exponent=65537, key_size=2048)


def key_usage(*usages: str) -> Extension:
    """Critical keyUsage with the given bits, named as in `x509.KeyUsage`."""
    names = (
        "digital_signature",
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "key_cert_sign",
        "crl_sign",
        "encipher_only",
        "decipher_only",
    )
    return Extension(x509.KeyUsage(**{name: name in usages for name in names}), critical=True)


@dataclass(frozen=True)
class Authority:
    """One authority. `folder` holds its certificate and its key; `crl_file` is where it publishes."""

    folder: Path
    crl_file: Path

    @cached_property
    def certificate(self) -> x509.Certificate:
        return x509.load_pem_x509_certificate((self.folder / "certificate.pem").read_bytes())

    @cached_property
    def key(self) -> RSAPrivateKey:
        return files.read_key(self.folder / "key.pem")

    def create(self, common_name: str, *, key: RSAPrivateKey, now: datetime, parent: "Authority | None" = None) -> None:
        """Make it: a root, or an authority under `parent` that issues end certificates only."""
        subject = x509.Name.from_rfc4514_string(f"CN={common_name},OU=DMPWS TEST,O=DMPWS,C=FR")
        not_before = now - 60 * BACKDATING
        certificate = sign_certificate(
            subject,
            key.public_key(),
            issuer=parent.certificate.subject if parent else subject,
            issuer_key=parent.key if parent else key,
            validity=(not_before, now + _AUTHORITY_LIFE),
            extensions=[
                Extension(x509.BasicConstraints(ca=True, path_length=0 if parent else 1), critical=True),
                key_usage("key_cert_sign", "crl_sign"),
            ],
        )
        self.folder.mkdir(parents=True, mode=0o700)
        files.write(self.folder / "certificate.pem", files.pem(certificate))
        files.write_key(self.folder / "key.pem", key)
        self.publish([], now)

    def issue(
        self,
        subject: x509.Name,
        public_key: RSAPublicKey,
        *,
        validity: tuple[datetime, datetime],
        extensions: Iterable[Extension],
    ) -> x509.Certificate:
        """Issue an end certificate."""
        end_entity = Extension(x509.BasicConstraints(ca=False, path_length=None))
        return sign_certificate(
            subject,
            public_key,
            issuer=self.certificate.subject,
            issuer_key=self.key,
            validity=validity,
            extensions=[end_entity, *extensions],
        )

    def revoke(self, certificate: x509.Certificate, at: datetime, reason: x509.ReasonFlags, now: datetime) -> None:
        """Publish a new list that holds `certificate` too."""
        entry = (
            x509.RevokedCertificateBuilder()
            .serial_number(certificate.serial_number)
            .revocation_date(at)
            .add_extension(x509.CRLReason(reason), critical=False)
            .build()
        )
        others = [old for old in self._list() if old.serial_number != certificate.serial_number]
        self.publish([*others, entry], now)

    def publish(self, entries: Iterable[x509.RevokedCertificate], now: datetime) -> None:
        """Write a revocation list with exactly these entries and the next number."""
        entries = list(entries)
        past = [entry.revocation_date_utc for entry in entries if entry.revocation_date_utc <= now]
        number = 1
        if self.crl_file.exists():
            number += self._list().extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self.certificate.subject)
            .last_update(max([now - BACKDATING, *past]))
            .next_update(now + _CRL_LIFE)
            .add_extension(x509.CRLNumber(number), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False)
        )
        for entry in entries:
            builder = builder.add_revoked_certificate(entry)
        files.write(self.crl_file, builder.sign(self.key, SHA256()).public_bytes(Encoding.PEM))

    def _list(self) -> x509.CertificateRevocationList:
        return x509.load_pem_x509_crl(self.crl_file.read_bytes())


def sign_certificate(
    subject: x509.Name,
    public_key: RSAPublicKey,
    *,
    issuer: x509.Name,
    issuer_key: RSAPrivateKey,
    validity: tuple[datetime, datetime],
    extensions: Iterable[Extension],
) -> x509.Certificate:
    """Sign any certificate, the wrong ones of the tests included."""
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(validity[0])
        .not_valid_after(validity[1])
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
    )
    for extension in extensions:
        builder = builder.add_extension(extension.value, extension.critical)
    return builder.sign(issuer_key, SHA256())
