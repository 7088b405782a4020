"""The trust folder: authorities and revocation lists in files, and what was read of them at one moment."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from dmpws.pki.path import Authorities, CertificationPath, Link, PathBuilder, by_name
from dmpws.pki.revocation import RevocationList

_log = logging.getLogger(__name__)
_PARTS = ("anchors", "intermediates", "crls")
_SKIPPED_SUFFIXES = frozenset({".md", ".txt"})
_MAX_CACHED_PATHS = 4096
_LAZY_PARTS = (
    "subject",
    "issuer",
    "extensions",
    "signature_hash_algorithm",
    "not_valid_before_utc",
    "not_valid_after_utc",
)

FileStamp = tuple[str, int, int, int]
"""Path, change time in nanoseconds, size, inode."""
Stamps = frozenset[FileStamp]


class TrustFolderError(Exception):
    """The trust folder cannot be used; the message, in French, names the file."""


def decode(der: bytes) -> x509.Certificate:
    """Load a certificate and make sure that every part of it reads, for the library decodes most of them late.

    Raises ValueError.
    """
    try:
        certificate = x509.load_der_x509_certificate(der)
        for part in _LAZY_PARTS:
            getattr(certificate, part)
        certificate.public_key()
    except (x509.InvalidVersion, x509.DuplicateExtension, UnsupportedAlgorithm, TypeError) as error:
        raise ValueError(str(error)) from None
    return certificate


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The folder as read at one moment. Never changed, so threads share it without a lock; `paths` only grows."""

    stamps: Stamps
    authorities: Authorities
    lists: Mapping[bytes, RevocationList]
    """Newest good list, by public key of its issuer."""
    files: Mapping[FileStamp, RevocationList]
    """Lists by file, so that a reload reads again only those that changed."""
    paths: dict[bytes, tuple[CertificationPath, ...]] = field(default_factory=dict)
    """By SHA-256 of the leaf: the part of a verdict that neither time nor revocation changes."""

    @classmethod
    def read(cls, folder: Path, before: "Snapshot | None" = None) -> "Snapshot":
        """Read `anchors/`, `intermediates/` and `crls/`.

        Raises TrustFolderError.
        """
        found = stamps(folder)
        anchors = _certificates(folder / "anchors", found)
        if not anchors:
            raise TrustFolderError(f"aucune autorité de confiance dans {folder / 'anchors'}")
        known_anchors = set(anchors)
        intermediates = [c for c in _certificates(folder / "intermediates", found) if c not in known_anchors]
        authorities = by_name([*(Link(c, anchor=True) for c in anchors), *map(Link, intermediates)])
        known = before.files if before else {}
        lists = {stamp: known.get(stamp) or _load_list(stamp) for stamp in _in(folder / "crls", found)}
        return cls(found, authorities, _by_key(lists, authorities), lists)

    def paths_of(self, certificate: x509.Certificate) -> tuple[tuple[CertificationPath, ...], str]:
        """The paths of a certificate, or why there are none."""
        fingerprint = certificate.fingerprint(SHA256())
        if found := self.paths.get(fingerprint):
            return found, ""
        builder = PathBuilder(self.authorities)
        found = builder.paths(Link(certificate))
        if not found:  # not kept: strangers' certificates must not fill the memory
            return (), builder.problem
        if len(self.paths) >= _MAX_CACHED_PATHS:
            self.paths.clear()
        self.paths[fingerprint] = found
        return found, ""


def stamps(folder: Path) -> Stamps:
    """Which files there are, and in which state."""
    found = set()
    for part in _PARTS:
        if (folder / part).is_dir():
            for file in (folder / part).iterdir():
                if file.name.startswith(".") or file.suffix in _SKIPPED_SUFFIXES:
                    continue
                try:
                    state = file.stat()
                except FileNotFoundError:  # removed meanwhile
                    continue
                found.add((str(file), state.st_mtime_ns, state.st_size, state.st_ino))
    return frozenset(found)


def _in(folder: Path, found: Stamps) -> list[FileStamp]:
    return sorted(stamp for stamp in found if Path(stamp[0]).parent == folder)


def _octets(file: str) -> bytes:
    try:
        return Path(file).read_bytes()
    except OSError as error:
        raise TrustFolderError(f"{file} : {error.strerror}") from None


def _certificates(folder: Path, found: Stamps) -> list[x509.Certificate]:
    certificates: list[x509.Certificate] = []
    for file, *_ in _in(folder, found):
        octets = _octets(file)
        try:
            if octets.lstrip().startswith(b"-----"):
                ders = [c.public_bytes(Encoding.DER) for c in x509.load_pem_x509_certificates(octets)]
            else:
                ders = [octets]
            certificates.extend(decode(der) for der in ders)
        except ValueError as error:
            raise TrustFolderError(f"{file} : certificat illisible ({error})") from None
    return certificates


def _load_list(stamp: FileStamp) -> RevocationList:
    try:
        return RevocationList.load(_octets(stamp[0]))
    except ValueError as error:
        raise TrustFolderError(f"{stamp[0]} : {error}") from None


def _by_key(files: Mapping[FileStamp, RevocationList], authorities: Authorities) -> dict[bytes, RevocationList]:
    found: dict[bytes, RevocationList] = {}
    for stamp, candidate in files.items():
        issuers = authorities.get(candidate.crl.issuer.public_bytes(), ())
        signers = [link for link in issuers if candidate.signed_by(link.certificate)]
        if not signers:
            _log.warning("liste de révocation sans effet, aucune autorité connue ne l'a signée : %s", stamp[0])
        for link in signers:
            known = found.get(link.key)
            if known is None or known.age < candidate.age:
                found[link.key] = candidate
    return found
