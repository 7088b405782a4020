"""Who calls a plain IHE server (profile `ihe`, DMPWS D97). Only `dmpws.vihf.xua` can build a `VerifiedXua`."""

from dataclasses import dataclass, field
from typing import Final

from dmpws.domain.code import Code

SEAL: Final = object()
"""Held by dmpws.vihf.xua alone; `tests/test_architecture.py` fails when another module names it."""


@dataclass(frozen=True, slots=True)
class VerifiedXua:
    """An XUA assertion whose checks have all passed; every value was read from the very octets that were signed."""

    issuer: str
    user: str
    """NameID."""
    name: str
    """subject-id, plain."""
    organization: str
    """organization-id, or the plain name where there is none."""
    roles: tuple[Code, ...]
    purpose: str
    """Code of the first PurposeOfUse."""
    seal: object = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.seal is not SEAL:
            raise TypeError("a VerifiedXua is built by dmpws.vihf.xua only")


@dataclass(frozen=True, slots=True)
class IheClient:
    """certificate: subject of the TLS certificate, empty without one. user: who uses the client, when it says so."""

    certificate: str
    user: VerifiedXua | None = None
