"""Signed checkpoints: what a lawful purge of traces leaves in the place of the rows it takes away (DMPWS D22, D154)."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from functools import partial

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from dmpws.audit.chain import Checkpoint
from dmpws.audit.trace import canonical

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
Signer = Callable[[int, int, str, str, str, datetime], tuple[bytes, bytes]]
"""(first, last, hash before, hash after, reason, made at) to (signature, certificate in DER)."""

_PSS = padding.PSS(padding.MGF1(SHA256()), padding.PSS.MAX_LENGTH)


def message(first: int, last: int, before: str, after: str, reason: str, made_at: datetime) -> bytes:
    """What is signed: everything a checkpoint says."""
    at = made_at.astimezone(UTC).isoformat(timespec="microseconds")
    fields = {"first": first, "last": last, "before": before, "after": after, "reason": reason, "made_at": at}
    return canonical(fields).encode()


def signer(certificate: x509.Certificate, key_pem: bytes) -> Signer:
    """What signs with the key of `certificate`. Raises ValueError: not a key, not RSA or EC, not of the certificate."""
    key = load_pem_private_key(key_pem, None)
    if not isinstance(key, PrivateKey):
        raise ValueError("a checkpoint is signed with an RSA or EC key")
    if key.public_key() != certificate.public_key():
        raise ValueError("the key is not that of the certificate")
    return partial(_sign, certificate.public_bytes(Encoding.DER), key)


def _sign(
    certificate: bytes, key: PrivateKey, first: int, last: int, before: str, after: str, reason: str, made_at: datetime
) -> tuple[bytes, bytes]:
    text = message(first, last, before, after, reason, made_at)
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(text, _PSS, SHA256()), certificate
    return key.sign(text, ec.ECDSA(SHA256())), certificate


def accepts(certificates: Iterable[x509.Certificate]) -> Callable[[Checkpoint], bool]:
    """What tells whether a checkpoint is signed by one of the host's own certificates, former ones included.

    Not by whomever the trust folder knows: a card of a professional signs no purge.
    """
    keys = {certificate.public_bytes(Encoding.DER): certificate.public_key() for certificate in certificates}

    def accept(point: Checkpoint) -> bool:
        key = keys.get(point.certificate)
        text = message(
            point.first_seq, point.last_seq, point.hash_before, point.hash_after, point.reason, point.made_at
        )
        try:
            if isinstance(key, rsa.RSAPublicKey):
                key.verify(point.signature, text, _PSS, SHA256())
            elif isinstance(key, ec.EllipticCurvePublicKey):
                key.verify(point.signature, text, ec.ECDSA(SHA256()))
            else:
                return False
        except InvalidSignature:
            return False
        return True

    return accept
