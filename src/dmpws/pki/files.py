"""Writing and reading the files of a PKI folder."""

import os
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)


def write(path: Path, content: bytes, mode: int = 0o644) -> None:
    """Replace the file in one step, so that a running server never reads half of it."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content)
    temporary.replace(path)


def write_key(path: Path, key: RSAPrivateKey) -> None:
    """Write an unencrypted PKCS#8 PEM that only its owner reads: the keys of a test PKI."""
    write(path, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), 0o600)


def read_key(path: Path) -> RSAPrivateKey:
    """Raise ValueError when the file does not hold an RSA key.

    The key is not proved again (200 ms): it was made here, and only its owner can have written the file.
    """
    key = load_pem_private_key(path.read_bytes(), password=None, unsafe_skip_rsa_key_validation=True)
    if not isinstance(key, RSAPrivateKey):
        raise ValueError(f"{path} ne contient pas une clé RSA")
    return key


def pem(*certificates: x509.Certificate) -> bytes:
    return b"".join(certificate.public_bytes(Encoding.PEM) for certificate in certificates)
