"""Fixtures of the certificate tests."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

import pytest
from certificate_lab import Lab
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from dmpws.pki.authority import new_key


@pytest.fixture(scope="session")
def keys() -> list[RSAPrivateKey]:
    with ThreadPoolExecutor() as pool:
        return list(pool.map(new_key, range(5)))


@pytest.fixture
def lab(tmp_path: Path, now: datetime, keys: list[RSAPrivateKey]) -> Lab:
    return Lab(tmp_path, now, keys)
