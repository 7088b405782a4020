"""Paths from a certificate up to a trust anchor: everything that depends neither on time nor on revocation.

`cryptography.x509.verification` is not used: it applies the rules of the web's PKI (a subjectAltName in every
leaf, names of hosts), which the certificates of the IGC-Santé do not follow.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtensionOID

from dmpws.pki.dn import Dn

MAX_AUTHORITIES = 6
"""Longest path accepted, anchor included."""
_MIN_RSA_BITS = 2048
WEAK_HASHES = frozenset({"md5", "sha1"})
_UNDERSTOOD = frozenset(
    {
        ExtensionOID.BASIC_CONSTRAINTS,
        ExtensionOID.KEY_USAGE,
        ExtensionOID.EXTENDED_KEY_USAGE,
        ExtensionOID.SUBJECT_ALTERNATIVE_NAME,
        ExtensionOID.CERTIFICATE_POLICIES,
    }
)


@dataclass(frozen=True)
class Link:
    """A certificate of a path, with the values each validation needs, computed once."""

    certificate: x509.Certificate
    anchor: bool = False

    @cached_property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)

    @cached_property
    def validity(self) -> tuple[datetime, datetime]:
        """notBefore and notAfter, aware UTC."""
        return self.certificate.not_valid_before_utc, self.certificate.not_valid_after_utc

    @cached_property
    def serial(self) -> int:
        return self.certificate.serial_number

    @cached_property
    def name(self) -> str:
        """Common name, for messages about an authority."""
        dn = Dn.of(self.certificate.subject)
        return dn.common_name or str(dn)

    @cached_property
    def key(self) -> bytes:
        """SubjectPublicKeyInfo: what tells an authority from another of the same name."""
        return self.certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


CertificationPath = tuple[Link, ...]
"""Leaf, intermediates, anchor."""


Authorities = Mapping[bytes, Sequence[Link]]
"""Links by subject, DER."""


def by_name(links: Sequence[Link]) -> Authorities:
    found: dict[bytes, list[Link]] = {}
    for link in links:
        found.setdefault(link.certificate.subject.public_bytes(), []).append(link)
    return found


@dataclass(frozen=True, slots=True)
class PathBuilder:
    """Finds the paths of one certificate among the configured authorities."""

    authorities: Authorities
    _problems: list[tuple[int, str]] = field(default_factory=list)

    @property
    def problem(self) -> str:
        """Why there is no path, in French: what stopped the one that came nearest to an anchor."""
        return max(self._problems, key=lambda found: found[0])[1]

    def paths(self, leaf: Link) -> tuple[CertificationPath, ...]:
        """All paths whose signatures and constraints are good."""
        if problem := _weakness(leaf.certificate):
            self._problems.append((0, problem))
            return ()
        return tuple((leaf, *above) for above in self._above(leaf.certificate, 0))

    def _above(self, certificate: x509.Certificate, intermediates: int) -> Iterator[CertificationPath]:
        """`intermediates`: how many authorities the path has below the ones looked for."""
        if intermediates == MAX_AUTHORITIES:
            self._problems.append((intermediates, "chemin de certification trop long"))
            return
        candidates = self.authorities.get(certificate.issuer.public_bytes(), ())
        if not candidates:
            self._problems.append((intermediates, f"autorité inconnue : {Dn.of(certificate.issuer)}"))
        for authority in candidates:
            if problem := _objection(authority, certificate, intermediates):
                self._problems.append((intermediates, problem))
            elif authority.anchor:
                yield (authority,)
            else:
                for above in self._above(authority.certificate, intermediates + 1):
                    yield (authority, *above)


def _objection(authority: Link, issued: x509.Certificate, intermediates: int) -> str:
    """Why `authority` cannot have issued `issued` (RFC 5280 6.1.3 a, 6.1.4 k-n), or an empty string."""
    extensions = authority.certificate.extensions
    try:
        constraints = extensions.get_extension_for_class(x509.BasicConstraints).value
        if not constraints.ca:
            return f"« {authority.name} » n'est pas une autorité de certification"
        if constraints.path_length is not None and intermediates > constraints.path_length:
            return f"l'autorité « {authority.name} » ne peut pas avoir autant d'autorités sous elle"
    except x509.ExtensionNotFound:
        return f"« {authority.name} » n'est pas une autorité de certification"
    try:
        if not extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign:
            return f"l'autorité « {authority.name} » n'a pas le droit de signer des certificats"
    except x509.ExtensionNotFound:
        pass  # without keyUsage every usage is allowed (RFC 5280 4.2.1.3)
    if problem := _weakness(authority.certificate, signature=not authority.anchor):
        return problem
    try:
        issued.verify_directly_issued_by(authority.certificate)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return f"le certificat n'est pas signé par la clé de l'autorité « {authority.name} » qu'il nomme"
    return ""


def _weakness(certificate: x509.Certificate, *, signature: bool = True) -> str:
    """Algorithms and critical extensions. The signature of an anchor protects nothing and is not looked at."""
    name = Link(certificate).name
    key = certificate.public_key()
    if isinstance(key, RSAPublicKey) and key.key_size < _MIN_RSA_BITS:
        return f"clé RSA de {key.key_size} bits, trop courte, dans le certificat « {name} »"
    if signature:
        algorithm = certificate.signature_hash_algorithm
        if algorithm is not None and algorithm.name in WEAK_HASHES:
            return f"certificat « {name} » signé avec {algorithm.name.upper()}, qui n'est plus sûr"
    for extension in certificate.extensions:
        if extension.critical and extension.oid not in _UNDERSTOOD:
            return f"extension critique inconnue dans le certificat « {name} » : {extension.oid.dotted_string}"
    return ""
