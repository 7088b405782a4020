"""A laboratory that makes authorities, certificates and lists of any kind, the wrong ones above all."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from dmpws.pki.authority import Extension, key_usage, sign_certificate
from dmpws.pki.trust import TrustPolicy, TrustStore

DAY = timedelta(days=1)


@dataclass(frozen=True)
class Holder:
    certificate: x509.Certificate
    key: RSAPrivateKey

    @property
    def subject(self) -> x509.Name:
        return self.certificate.subject


@dataclass
class Lab:
    """Keys 0 to 3 are for authorities, the last one for leaves."""

    folder: Path
    now: datetime
    keys: Sequence[RSAPrivateKey]

    def certificate(
        self,
        name: str,
        key: RSAPrivateKey,
        issuer: Holder | None,
        *,
        begins: int = -10,
        ends: int = 10,
        extensions: Sequence[Extension] = (),
    ) -> Holder:
        """Validity in days from now."""
        subject = x509.Name.from_rfc4514_string(f"CN={name},C=FR")
        certificate = sign_certificate(
            subject,
            key.public_key(),
            issuer=issuer.subject if issuer else subject,
            issuer_key=issuer.key if issuer else key,
            validity=(self.now + begins * DAY, self.now + ends * DAY),
            extensions=extensions,
        )
        return Holder(certificate, key)

    def authority(
        self,
        name: str,
        key: int,
        issuer: Holder | None = None,
        *,
        usages: Sequence[str] = ("key_cert_sign", "crl_sign"),
        ca: bool = True,
        path_length: int | None = None,
        extra: Sequence[Extension] = (),
        **validity: int,
    ) -> Holder:
        extensions = [Extension(x509.BasicConstraints(ca, path_length if ca else None), critical=True), *extra]
        if usages:
            extensions.append(key_usage(*usages))
        return self.certificate(name, self.keys[key], issuer, extensions=extensions, **validity)

    def leaf(self, issuer: Holder, *, extra: Sequence[Extension] = (), **validity: int) -> x509.Certificate:
        usage = key_usage("content_commitment")
        return self.certificate("porteur", self.keys[-1], issuer, extensions=[usage, *extra], **validity).certificate

    def crl(
        self,
        issuer: Holder,
        *revoked: tuple[x509.Certificate, int],
        key: RSAPrivateKey | None = None,
        number: int = 1,
        born: int = -5,
        next_update: int = 5,
        reason: x509.ReasonFlags | None = x509.ReasonFlags.key_compromise,
        extra: Sequence[Extension] = (),
    ) -> bytes:
        """`revoked`: certificates and the day, from now, of their revocation."""
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(issuer.subject)
            .last_update(self.now + born * DAY)
            .next_update(self.now + next_update * DAY)
            .add_extension(x509.CRLNumber(number), critical=False)
        )
        for extension in extra:
            builder = builder.add_extension(extension.value, extension.critical)
        for certificate, day in revoked:
            entry = (
                x509.RevokedCertificateBuilder()
                .serial_number(certificate.serial_number)
                .revocation_date(self.now + day * DAY)
            )
            if reason:
                entry = entry.add_extension(x509.CRLReason(reason), critical=False)
            builder = builder.add_revoked_certificate(entry.build())
        return builder.sign(key or issuer.key, SHA256()).public_bytes(Encoding.PEM)

    def write(
        self, anchors: Sequence[Holder], intermediates: Sequence[Holder] = (), crls: Sequence[bytes] = ()
    ) -> Path:
        for part, holders in (("anchors", anchors), ("intermediates", intermediates)):
            (self.folder / part).mkdir(exist_ok=True)
            for number, holder in enumerate(holders):
                pem = holder.certificate.public_bytes(Encoding.PEM)
                (self.folder / part / f"{number}.pem").write_bytes(pem)
        (self.folder / "crls").mkdir(exist_ok=True)
        for number, crl in enumerate(crls):
            (self.folder / "crls" / f"{number}.pem").write_bytes(crl)
        return self.folder

    def store(self, *args: Any, crl: Any = "strict", **kwargs: Any) -> TrustStore:
        return TrustStore.from_folder(self.write(*args, **kwargs), TrustPolicy(crl=crl))
