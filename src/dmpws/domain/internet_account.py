"""The patient's internet account: login and password drawn by the server, and the channels of one-time codes.

A password is 20 signs out of 24 that nobody takes for another: 91 bits. It is stored as scrypt with 32 MiB and three
passes (N = 2^15, r = 8, p = 3) and a salt of its own; what was drawn is shown once, in the answer.
"""

import base64
import binascii
import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass, field
from enum import StrEnum

SIGNS = "34679ACDEFGHJKMNPQRTVWXY"
"""Digits and capitals without those that look alike: 0 and O, 1, I and L, 2 and Z, 5 and S, 8 and B, U beside V."""
LOGIN_SIGNS = 10
"""45 bits: a login is no secret, and not to be guessed in a row either."""
PASSWORD_SIGNS = 20
GROUP = 5

COST = (15, 8, 3)
"""log2 N, r and p of scrypt (RFC 7914)."""
_SALT_OCTETS = 16

LONGEST_CHANNEL = 254
"""Characters of a mail address (RFC 5321 4.5.3.1); longer than any telephone number."""


class ChannelType(StrEnum):
    """How a one-time code reaches the patient."""

    SMS = "SMS"
    EMAIL = "EMAIL"


@dataclass(frozen=True, slots=True)
class Channel:
    """A mobile telephone number, or a mail address; one of each type at most."""

    type: ChannelType
    value: str


@dataclass(frozen=True, slots=True)
class InternetAccount:
    """An account as stored: the password itself is nowhere. Only the channels may change without a new password."""

    login: str
    password_hash: str = field(repr=False)
    channels: tuple[Channel, ...]

    def channel(self, of: ChannelType) -> Channel | None:
        return next((channel for channel in self.channels if channel.type is of), None)


@dataclass(frozen=True, slots=True)
class Credentials:
    """What the patient signs in with; `password` is in groups, for who copies it from paper."""

    login: str
    password: str = field(repr=False)


def draw_credentials() -> Credentials:
    """A new login and password."""
    signs = _draw(PASSWORD_SIGNS)
    groups = (signs[start : start + GROUP] for start in range(0, PASSWORD_SIGNS, GROUP))
    return Credentials(_draw(LOGIN_SIGNS), "-".join(groups))


def _draw(count: int) -> str:
    return "".join(secrets.choice(SIGNS) for _ in range(count))


def hash_password(password: str) -> str:
    """`scrypt$log2 N$r$p$salt$hash`, base64; the parameters are those of its day."""
    salt = secrets.token_bytes(_SALT_OCTETS)
    parts = (base64.b64encode(octets).decode() for octets in (salt, _scrypt(password, salt, *COST)))
    return "$".join(("scrypt", *map(str, COST), *parts))


def is_password(password: str, stored: str) -> bool:
    """Tell whether this is the password that was hashed; case and hyphens do not count. False for a bad hash."""
    try:
        name, log_n, r, p, salt, expected = stored.split("$")
        octets = _scrypt(password, base64.b64decode(salt, validate=True), int(log_n), int(r), int(p))
        return name == "scrypt" and hmac.compare_digest(octets, base64.b64decode(expected, validate=True))
    except (ValueError, binascii.Error):
        return False


def _scrypt(password: str, salt: bytes, log_n: int, r: int, p: int) -> bytes:
    written = password.upper().replace("-", "").encode()
    return hashlib.scrypt(written, salt=salt, n=2**log_n, r=r, p=p, maxmem=2 * 128 * r * 2**log_n, dklen=32)


_SEPARATORS = str.maketrans("", "", " .-()\u00a0\u202f")
_FRENCH_MOBILE = re.compile(r"0[67][0-9]{8}")
_ABROAD = re.compile(r"\+(?!33)[1-9][0-9]{6,14}")
_LOCAL_PART = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_MAIL = re.compile(rf"{_LOCAL_PART}@(?:{_LABEL}\.)+[A-Za-z](?:[A-Za-z0-9-]{{0,61}}[A-Za-z0-9])")


def channel_of(kind: ChannelType, text: str) -> Channel | None:
    """The channel in its one spelling, None when nothing can be sent there (DMPWS D134).

    A French mobile number, however it is separated and with 0, +33 or 0033, becomes ten digits; another country's
    keeps its `+`. A mail address is ASCII with a dotted domain, which becomes lower-case.
    """
    value = text.strip()
    if len(value) > LONGEST_CHANNEL:
        return None
    if kind is ChannelType.EMAIL:
        local, _, domain = value.rpartition("@")
        ok = len(local) <= 64 and _MAIL.fullmatch(value) is not None
        return Channel(kind, f"{local}@{domain.lower()}") if ok else None
    number = re.sub(r"^(?:\+33|0033)0?", "0", value.translate(_SEPARATORS))
    number = re.sub(r"^00", "+", number)
    ok = any(form.fullmatch(number) is not None for form in (_FRENCH_MOBILE, _ABROAD))
    return Channel(kind, number) if ok else None
