"""A card: the folder that stands for a smart card or for the two certificates of a structure."""

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding

from dmpws.pki import files
from dmpws.pki.identity import CertificateIdentity, CertificateKind, identify

P12_PASSWORD = "dmpws"  # noqa: S105 - documented password of throw-away test cards
"""Password of every `card.p12`."""


@dataclass(frozen=True, slots=True)
class Practice:
    """What a reader finds on the chip beside the certificates: the holder's exercise. Empty when the card
    names no structure (CPF, replacement)."""

    structure: str = ""
    """Struct_IdNat."""
    structure_name: str = ""
    sector: str = ""
    """Code of table R02, `SA07`."""
    profession: str = ""
    """Code of table G15 (G16 for a CPF)."""
    speciality: str = ""
    """Code of table R01."""


@dataclass(frozen=True)
class Card:
    """Two key pairs: `auth` opens TLS connections, `sign` signs VIHF and lots (GI-DMP EX_GEN-1450).

    A card may lack one of them (a structure certificate issued alone, a server).
    """

    name: str
    kind: CertificateKind
    folder: Path

    @classmethod
    def load(cls, folder: Path) -> "Card":
        """Open a card folder.

        Raises FileNotFoundError when there is no card in it.
        """
        certificate = next((f for f in (folder / "sign.pem", folder / "auth.pem") if f.exists()), None)
        if certificate is None:
            raise FileNotFoundError(f"aucune carte dans le dossier {folder}")
        kind = identify(x509.load_pem_x509_certificate(certificate.read_bytes())).kind
        return cls(folder.name, kind, folder)

    @property
    def auth_certificate_file(self) -> Path:
        """Leaf, then its intermediate authority: what a TLS client sends."""
        return self.folder / "auth.pem"

    @property
    def auth_key_file(self) -> Path:
        return self.folder / "auth.key"

    @property
    def sign_certificate_file(self) -> Path:
        return self.folder / "sign.pem"

    @property
    def sign_key_file(self) -> Path:
        return self.folder / "sign.key"

    @property
    def p12_file(self) -> Path:
        """Authentication pair and its chain, password `P12_PASSWORD`."""
        return self.folder / "card.p12"

    @cached_property
    def signing_key(self) -> RSAPrivateKey:
        return files.read_key(self.sign_key_file)

    @cached_property
    def signing_certificate(self) -> x509.Certificate:
        return x509.load_pem_x509_certificate(self.sign_certificate_file.read_bytes())

    @cached_property
    def auth_certificate(self) -> x509.Certificate:
        return x509.load_pem_x509_certificate(self.auth_certificate_file.read_bytes())

    @cached_property
    def chain(self) -> tuple[bytes, ...]:
        """DER of the authorities above the certificates, nearest first, root last."""
        authorities = x509.load_pem_x509_certificates((self.folder / "chain.pem").read_bytes())
        return tuple(authority.public_bytes(Encoding.DER) for authority in authorities)

    @cached_property
    def identity(self) -> CertificateIdentity:
        """Identity in the signing certificate, or in the authentication one when the card does not sign."""
        signs = self.sign_certificate_file.exists()
        return identify(self.signing_certificate if signs else self.auth_certificate)

    @cached_property
    def practice(self) -> Practice:
        file = self.folder / "practice.json"
        return Practice(**json.loads(file.read_text("utf-8"))) if file.exists() else Practice()
