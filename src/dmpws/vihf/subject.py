"""What the checks look at: the token, the certificates around it, and the means to judge them."""

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from dmpws.domain.access import AuthMode
from dmpws.domain.checks import Report
from dmpws.domain.code import Code
from dmpws.domain.directory import Directory
from dmpws.pki.identity import CertificateIdentity, identify
from dmpws.vihf import token as names
from dmpws.vihf.policy import VihfPolicy
from dmpws.vihf.token import Token

_SHOWN = 160


def shown(value: str) -> str:
    """A received value as a message may repeat it: cut to a sane length."""
    return value if len(value) <= _SHOWN else value[: _SHOWN - 1] + "…"


@dataclass(frozen=True, slots=True)
class Holder:
    """A certificate and who it stands for. public_key: DER, to tell key pairs apart."""

    certificate: x509.Certificate
    identity: CertificateIdentity
    public_key: bytes
    where: str


@lru_cache(maxsize=256)  # small: the signer is not trusted yet, and chooses the size of his certificate
def holder(certificate: x509.Certificate, where: str) -> Holder:
    """Read a certificate; the same cards come back all day long."""
    public_key = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return Holder(certificate, identify(certificate), public_key, where)


@dataclass(frozen=True, slots=True)
class Subject:
    """One token under examination.

    signer: None when unsigned, or when the signature is not good. client: None without TLS certificate, or
    when it cannot be loaded. now: aware UTC.
    """

    token: Token
    carries_signature: bool
    signer: Holder | None
    client: Holder | None
    policy: VihfPolicy
    directory: Directory
    now: datetime
    report: Report

    @property
    def mode(self) -> AuthMode | None:
        """The authentication mode, None when the token does not name a known one."""
        try:
            return AuthMode(self.token.text(names.MODE))
        except ValueError:
            return None

    @property
    def first_role(self) -> Code | None:
        """Profession or function of the caller."""
        return next(iter(self.token.codes(names.ROLE)), None)

    @property
    def holders(self) -> tuple[Holder, ...]:
        """The certificates at hand."""
        return tuple(holder for holder in (self.signer, self.client) if holder)
