"""Reading HL7 v3 elements: what is missing or doubled is refused with its path."""

import re
from dataclasses import dataclass

from lxml import etree

from dmpws.domain.checks import Rule, refusal
from dmpws.xml.names import HL7, XSI
from dmpws.xml.path import path_of

PRESENT = Rule("HL7-PRESENT", "L'élément attendu est présent", "ITI TF-2 O.1", "DMPInvalidRequest")
SINGLE = Rule("HL7-SINGLE", "L'élément n'est présent qu'une fois", "ITI TF-2 O.1", "DMPInvalidRequest")
UNDERSTOOD = Rule("HL7-UNDERSTOOD", "Le code de l'élément est connu", "DMPWS D116", "DMPInvalidRequest")
VALUED = Rule("HL7-VALUED", "L'attribut a une valeur permise", "ITI TF-2 O.1", "DMPInvalidRequest")

_NAMESPACES = {"h": HL7}
_NIL = f"{{{XSI}}}nil"
_ROOT = re.compile(
    r"[0-2](\.(0|[1-9][0-9]*))*"
    r"|[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}"
    r"|[A-Za-z][A-Za-z0-9-]*"
)
"""What the HL7 type uid accepts: an OID, a UUID or a reserved name."""


@dataclass(frozen=True, slots=True)
class Identifier:
    """An II. `root` is an OID or a UUID, empty when the message gives none that is valid."""

    root: str = ""
    extension: str = ""


def every(parent: etree._Element, path: str) -> list[etree._Element]:
    """The elements at `path` (HL7 names separated by `/`); one that is xsi:nil is as good as absent."""
    found = parent.findall("/".join(f"h:{step}" for step in path.split("/")), _NAMESPACES)
    return [element for element in found if element.get(_NIL) not in {"true", "1"}]


def maybe(parent: etree._Element, path: str) -> etree._Element | None:
    """The only element at `path`, None when there is none. Raises Refused when there are several."""
    found = every(parent, path)
    if len(found) > 1:
        raise refusal(SINGLE, expected="1", found=str(len(found)), where=f"{path_of(parent)}/{path}")
    return found[0] if found else None


def one(parent: etree._Element, path: str) -> etree._Element:
    """The only element at `path`. Raises Refused when it is missing or doubled."""
    element = maybe(parent, path)
    if element is None:
        raise refusal(PRESENT, expected=path, found="absent", where=path_of(parent))
    return element


def attribute(element: etree._Element, name: str) -> str:
    """The value of an attribute. Raises Refused when it is missing or empty."""
    value = element.get(name, "").strip()
    if not value:
        raise refusal(VALUED, expected=f"@{name}", found="vide ou absent", where=path_of(element))
    return value


def content(element: etree._Element) -> str:
    """The text of an element, on one line."""
    return " ".join("".join(map(str, element.itertext())).split())


def raw(element: etree._Element) -> str:
    """The text of an element, to the letter."""
    return "".join(map(str, element.itertext()))


def text(parent: etree._Element, path: str) -> str:
    """The text of the elements at `path`, on one line; empty when there is none."""
    return " ".join(filter(None, map(content, every(parent, path))))


def identifier(element: etree._Element | None) -> Identifier:
    """Read an II; what could not be sent back in a valid answer is left out."""
    if element is None:
        return Identifier()
    root = element.get("root", "")
    return Identifier(root if _ROOT.fullmatch(root) else "", element.get("extension", ""))


def boolean(element: etree._Element) -> bool:
    """Read a BL. Raises Refused when it is neither `true` nor `false`."""
    value = attribute(element, "value")
    if value not in {"true", "false"}:
        raise refusal(VALUED, expected="true ou false", found=value[:40], where=path_of(element))
    return value == "true"
