"""Distinguished names, read from every rendering clients send and compared as sets of attributes.

Java, OpenSSL, .NET and hand-written code each render a subject in their own way, so an Issuer is never
compared as a string (DMPWS D3).
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from cryptography import x509

from dmpws.domain.kept import kept

COMMON_NAME = "2.5.4.3"
SURNAME = "2.5.4.4"
COUNTRY = "2.5.4.6"
STATE = "2.5.4.8"
ORGANISATION = "2.5.4.10"
ORGANISATIONAL_UNIT = "2.5.4.11"
TITLE = "2.5.4.12"
GIVEN_NAME = "2.5.4.42"

# The first name of an OID is the one written; the others are read: RFC 4519, RFC 1779, Java, OpenSSL, .NET.
_NAMES: dict[str, tuple[str, ...]] = {
    COMMON_NAME: ("CN", "COMMONNAME"),
    SURNAME: ("SURNAME", "SN"),
    "2.5.4.5": ("SERIALNUMBER",),
    COUNTRY: ("C", "COUNTRYNAME"),
    "2.5.4.7": ("L", "LOCALITYNAME"),
    STATE: ("ST", "S", "SP", "STATEORPROVINCENAME"),
    "2.5.4.9": ("STREET", "STREETADDRESS"),
    ORGANISATION: ("O", "ORGANIZATIONNAME"),
    ORGANISATIONAL_UNIT: ("OU", "ORGANIZATIONALUNITNAME"),
    TITLE: ("T", "TITLE"),
    "2.5.4.13": ("DESCRIPTION",),
    "2.5.4.17": ("POSTALCODE",),
    GIVEN_NAME: ("GIVENNAME", "GN", "G"),
    "2.5.4.43": ("INITIALS",),
    "2.5.4.44": ("GENERATIONQUALIFIER", "GENERATION"),
    "2.5.4.46": ("DNQUALIFIER", "DNQ"),
    "2.5.4.65": ("PSEUDONYM",),
    "2.5.4.97": ("ORGANIZATIONIDENTIFIER",),
    "0.9.2342.19200300.100.1.1": ("UID", "USERID"),
    "0.9.2342.19200300.100.1.25": ("DC", "DOMAINCOMPONENT"),
    "1.2.840.113549.1.9.1": ("EMAILADDRESS", "E", "EMAIL"),
}
_OIDS = {name: oid for oid, names in _NAMES.items() for name in names}

# String types of X.520 by BER tag: what `#hex` values of certificates hold.
_STRING_ENCODINGS = {
    0x0C: "utf-8",
    0x12: "ascii",
    0x13: "ascii",
    0x14: "latin-1",  # TeletexString: everybody writes Latin-1 in it
    0x16: "ascii",
    0x1A: "ascii",
    0x1C: "utf-32-be",
    0x1E: "utf-16-be",
}
_OID = re.compile(r"(?:OID\.)?([0-2](?:\.(?:0|[1-9][0-9]*))+)", re.IGNORECASE)
_MAX_LENGTH = 4096
_LOST = "?\ufffd"
_SPACES = " \t\r\n"

Attribute = tuple[str, str]
"""OID in dotted form, value."""


@dataclass(frozen=True, slots=True)
class Dn:
    """A distinguished name. `rdns`: in the order RFC 4514 writes them (the country last), each with one
    attribute or more. Equality is exact; `matches` is what identities are compared with."""

    rdns: tuple[tuple[Attribute, ...], ...]

    @staticmethod
    @kept
    def parse(text: str) -> "Dn":
        """Read an RFC 2253 or RFC 4514 string; spaces around separators, `OID.`, `#hex` and quotes allowed.

        Raises ValueError, in French, when `text` is not a distinguished name.
        """
        if len(text) > _MAX_LENGTH:
            raise ValueError(f"nom distinctif de plus de {_MAX_LENGTH} caractères")
        rdns: list[list[Attribute]] = [[]]
        for raw, separator in _split(text):
            rdns[-1].append(_attribute(raw))
            if separator in (",", ";"):
                rdns.append([])
        return Dn(tuple(tuple(rdn) for rdn in rdns))

    @classmethod
    def of(cls, name: x509.Name) -> "Dn":
        """Name of a certificate or CRL."""
        return cls(tuple(tuple((a.oid.dotted_string, _text(a)) for a in rdn) for rdn in reversed(name.rdns)))

    @property
    def attributes(self) -> tuple[Attribute, ...]:
        return tuple(attribute for rdn in self.rdns for attribute in rdn)

    def matches(self, other: "Dn") -> bool:
        """True when both names hold the same attributes, whatever their order and grouping.

        Case and spacing do not count. `?` or U+FFFD in one rendering stands for one non-ASCII character of the
        other: the official frames write `OU=M?decin` (DMP-FRAME TD0.2).
        """
        remaining = [(oid, _folded(value)) for oid, value in other.attributes]
        if len(remaining) != len(self.attributes):
            return False
        for oid, value in self.attributes:
            folded = _folded(value)
            found = next((a for a in remaining if a[0] == oid and _same_text(folded, a[1])), None)
            if found is None:
                return False
            remaining.remove(found)
        return True

    def first(self, oid: str) -> str:
        """First value of the attribute `oid`, or an empty string."""
        return next((value for found, value in self.attributes if found == oid), "")

    @property
    def common_name(self) -> str:
        return self.first(COMMON_NAME)

    @property
    def organisational_unit(self) -> str:
        return self.first(ORGANISATIONAL_UNIT)

    def __str__(self) -> str:
        return ",".join("+".join(f"{_name(oid)}={_escaped(value)}" for oid, value in rdn) for rdn in self.rdns)


def _text(attribute: x509.NameAttribute[str | bytes]) -> str:
    value = attribute.value
    return value if isinstance(value, str) else value.hex()


def _split(text: str) -> Iterator[tuple[str, str]]:
    """Cut at `,` `;` `+` outside quotes and escapes; yield each piece with the separator after it (or "")."""
    start, quoted, position = 0, False, 0
    while position < len(text):
        character = text[position]
        if character == "\\":
            position += 1
        elif character == '"':
            quoted = not quoted
        elif character in ",;+" and not quoted:
            yield text[start:position], character
            start = position + 1
        position += 1
    if quoted:
        raise ValueError("guillemet non fermé dans le nom distinctif")
    yield text[start:], ""


def _attribute(raw: str) -> Attribute:
    name, equals, value = raw.partition("=")
    if not equals:
        raise ValueError(f"« {raw.strip()[:80]} » n'est pas un attribut de nom distinctif (type=valeur)")
    return _oid(name.strip(_SPACES)), _value(_trimmed(value))


def _oid(name: str) -> str:
    if match := _OID.fullmatch(name):
        return match[1]
    try:
        return _OIDS[name.upper()]
    except KeyError:
        raise ValueError(f"type d'attribut inconnu dans le nom distinctif : « {name[:80]} »") from None


def _trimmed(value: str) -> str:
    """Without the spaces around, but with the last one if it is escaped (RFC 4514 section 2.4)."""
    trimmed = value.strip(_SPACES)
    backslashes = len(trimmed) - len(trimmed.rstrip("\\"))
    return trimmed + " " if backslashes % 2 and value.endswith(" ") else trimmed


def _value(value: str) -> str:
    if value.startswith("#"):
        return _decoded(value[1:])
    if value.startswith('"'):
        if len(value) < 2 or not value.endswith('"'):
            raise ValueError("guillemet mal placé dans le nom distinctif")
        value = value[1:-1]
    return _unescaped(value)


def _unescaped(value: str) -> str:
    """Resolve `\\,` and `\\C3\\A9` (octets of UTF-8)."""
    octets = bytearray()
    position = 0
    while position < len(value):
        character = value[position]
        if character != "\\":
            octets += character.encode("utf-8", "surrogatepass")
            position += 1
        elif re.fullmatch("[0-9A-Fa-f]{2}", pair := value[position + 1 : position + 3]):
            octets.append(int(pair, 16))
            position += 3
        elif pair:
            octets += pair[0].encode("utf-8", "surrogatepass")
            position += 2
        else:
            raise ValueError("échappement incomplet à la fin d'une valeur du nom distinctif")
    try:
        return octets.decode("utf-8")
    except UnicodeDecodeError:
        raise ValueError("une valeur du nom distinctif n'est pas de l'UTF-8") from None


def _decoded(hexadecimal: str) -> str:
    """Text of a `#` value: the BER encoding of one string, in hexadecimal (RFC 4514 section 2.4)."""
    try:
        octets = bytes.fromhex(hexadecimal)
        tag, length = octets[0], octets[1]
        start = 2
        if length & 0x80:
            start += length & 0x7F
            length = int.from_bytes(octets[2:start], "big")
        if length != len(octets) - start:
            raise ValueError("length")
        return octets[start:].decode(_STRING_ENCODINGS[tag])
    except (ValueError, IndexError, KeyError):
        raise ValueError(f"valeur hexadécimale illisible dans le nom distinctif : #{hexadecimal[:80]}") from None


def _name(oid: str) -> str:
    return _NAMES[oid][0] if oid in _NAMES else oid


def _escaped(value: str) -> str:
    """RFC 4514 section 2.4; line ends and tabs too, which XML would change."""
    text = re.sub(r'[\\,+;"<>=]', r"\\\g<0>", value)
    text = re.sub(r"[\0\t\r\n]", lambda found: f"\\{ord(found[0]):02X}", text)
    if value[:1] in ("#", " "):
        text = "\\" + text
    if value.endswith(" ") and len(value) > 1:
        text = text[:-1] + "\\ "
    return text


@lru_cache(maxsize=4096)
def _folded(value: str) -> str:
    return " ".join(unicodedata.normalize("NFC", value).casefold().split())


def _same_text(left: str, right: str) -> bool:
    return left == right or (len(left) == len(right) and all(map(_same_character, left, right)))


def _same_character(left: str, right: str) -> bool:
    return left == right or (left in _LOST and not right.isascii()) or (right in _LOST and not left.isascii())
