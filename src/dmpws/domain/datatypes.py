"""HL7 v2 data types that XDS writes as strings: CX, XCN, XON, coded strings, DTM, OID (ITI TF-3 4.2.3.1.7).

Reading is as tolerant as real frames ask (extra components are ignored, identity is components 1 and 4);
what a rule demands beyond that is said by the rule, not here.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from dmpws.domain.kept import kept

_ESCAPES = {"F": "|", "S": "^", "T": "&", "R": "~", "E": "\\"}
_ESCAPED = re.compile(r"\\([FSTRE])\\")
_SPECIAL = re.compile(r"[|^&~\\]")
_LETTERS = {char: letter for letter, char in _ESCAPES.items()}
_OID = re.compile(r"[0-2](\.(0|[1-9][0-9]*))+")
_DTM_LENGTHS = (4, 6, 8, 10, 12, 14)


def escape(text: str) -> str:
    """Return `text` with the HL7 separators escaped (`^` becomes `\\S\\`)."""
    return _SPECIAL.sub(lambda m: f"\\{_LETTERS[m.group()]}\\", text)


def unescape(text: str) -> str:
    """Undo `escape`; other backslash sequences are left alone."""
    return _ESCAPED.sub(lambda m: _ESCAPES[m.group(1)], text) if "\\" in text else text


def _component(parts: Sequence[str], number: int) -> str:
    """Component `number`, counted from 1, unescaped and stripped; empty when absent."""
    return unescape(parts[number - 1]).strip() if number <= len(parts) else ""


def _authority(parts: Sequence[str], number: int) -> str:
    """The OID of a component `&OID&ISO`."""
    if number > len(parts):
        return ""
    return _component(parts[number - 1].split("&"), 2)


def is_oid(text: str, longest: int = 128) -> bool:
    """Tell whether `text` is an OID in dotted form without leading zeros, at most `longest` characters."""
    return len(text) <= longest and _OID.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class Cx:
    """A patient or reference identifier, `id^^^&authority&ISO^type`; type is CX.5 (NH, PI, INS-C, a URN)."""

    id: str
    authority: str
    type: str = ""

    @staticmethod
    @kept
    def parse(text: str) -> "Cx":
        """Read a CX; missing components are empty, those after the fifth are ignored."""
        parts = text.split("^")
        return Cx(_component(parts, 1), _authority(parts, 4), _component(parts, 5))

    def same(self, other: "Cx") -> bool:
        """Same identifier: components 1 and 4."""
        return (self.id, self.authority) == (other.id, other.authority)

    def __str__(self) -> str:
        # A DICOM UID needs no authority (ITI TF-3 4.2.3.1.7).
        authority = f"&{self.authority}&ISO" if self.authority else ""
        text = f"{escape(self.id)}^^^{authority}"
        return f"{text}^{escape(self.type)}" if self.type else text


@dataclass(frozen=True, slots=True)
class Xcn:
    """A person or system. name_type is XCN.10 (D person, U system), id_type XCN.13 (IDNPS, EI, RI, NH …)."""

    id: str
    family: str = ""
    given: str = ""
    authority: str = ""
    name_type: str = ""
    id_type: str = ""

    @staticmethod
    @kept
    def parse(text: str) -> "Xcn":
        """Read an XCN; missing components are empty."""
        parts = text.split("^")
        family = parts[1].split("&")[0] if len(parts) > 1 else ""
        return Xcn(
            _component(parts, 1), unescape(family).strip(), _component(parts, 3), _authority(parts, 9),
            _component(parts, 10), _component(parts, 13),
        )  # fmt: skip

    def __str__(self) -> str:
        authority = f"&{self.authority}&ISO" if self.authority else ""
        head = f"{escape(self.id)}^{escape(self.family)}^{escape(self.given)}^^^^^^{authority}"
        return f"{head}^{escape(self.name_type)}^^^{escape(self.id_type)}".rstrip("^")


@dataclass(frozen=True, slots=True)
class Xon:
    """A structure, `name^^^^^&authority&ISO^type^^^id`."""

    name: str
    id: str = ""
    authority: str = ""
    type: str = ""

    @staticmethod
    @kept
    def parse(text: str) -> "Xon":
        """Read an XON; missing components are empty."""
        parts = text.split("^")
        return Xon(_component(parts, 1), _component(parts, 10), _authority(parts, 6), _component(parts, 7))

    def __str__(self) -> str:
        authority = f"&{self.authority}&ISO" if self.authority else ""
        return f"{escape(self.name)}^^^^^{authority}^{escape(self.type)}^^^{escape(self.id)}".rstrip("^")


def is_dtm(text: str) -> bool:
    """Tell whether `text` is a DTM: `YYYY[MM[DD[hh[mm[ss]]]]]`, a real date, no zone and no fraction."""
    return parse_dtm(text) is not None


def parse_dtm(text: str) -> datetime | None:
    """Return the first instant of the period a UTC DTM names, aware; None when it is not a DTM."""
    if len(text) not in _DTM_LENGTHS or not (text.isascii() and text.isdigit()):
        return None
    full = text + "00000101000000"[len(text) :]
    date, time = (
        (int(full[:4]), int(full[4:6]), int(full[6:8])),
        (int(full[8:10]), int(full[10:12]), int(full[12:])),
    )
    try:
        return datetime(*date, *time, tzinfo=UTC)
    except ValueError:
        return None


def format_dtm(moment: datetime) -> str:
    """Return the UTC DTM, to the second, of an aware datetime."""
    return moment.astimezone(UTC).strftime("%Y%m%d%H%M%S")
