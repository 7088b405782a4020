"""A VIHF as it is written: raw values, read once, judged elsewhere."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from lxml import etree

from dmpws.domain.code import Code
from dmpws.xml import names

# The attributes of the profile, in the order of the official frames.
STRUCTURE: Final = "Identifiant_Structure"
SECTOR: Final = "Secteur_Activite"
SUBJECT_ID: Final = "urn:oasis:names:tc:xspa:1.0:subject:subject-id"
ROLE: Final = "urn:oasis:names:tc:xacml:2.0:subject:role"
VERSION: Final = "VIHF_Version"
MODE: Final = "Authentification_mode"
RESOURCE_ID: Final = "urn:oasis:names:tc:xacml:2.0:resource:resource-id"
URN: Final = "Ressource_URN"
PURPOSE: Final = "urn:oasis:names:tc:xspa:1.0:subject:purposeofuse"
CONFIDENTIALITY: Final = "urn:oasis:names:tc:xspa:1.0:resource:patient:hl7:confidentiality-code"
REASON: Final = "Mode_Acces_Raison"
LPS_ID: Final = "LPS_ID"
LPS_NAME: Final = "LPS_Nom"
LPS_VERSION: Final = "LPS_Version"
APPROVAL: Final = "LPS_ID_HOMOLOGATION_DMP"

REQUIRED: Final = (
    STRUCTURE, SECTOR, ROLE, VERSION, MODE, RESOURCE_ID, URN, PURPOSE, LPS_NAME, LPS_VERSION, APPROVAL
)  # fmt: skip
"""Always present. SUBJECT_ID is required in the indirect modes, REASON for a bris de glace."""

ATTRIBUTES: Final = (
    STRUCTURE, SECTOR, SUBJECT_ID, ROLE, VERSION, MODE, RESOURCE_ID, URN, PURPOSE, CONFIDENTIALITY, REASON,
    LPS_ID, LPS_NAME, LPS_VERSION, APPROVAL,
)  # fmt: skip

_SPELLINGS: Final = {"Authentification_Mode": MODE}
"""HV2 and one official client write the mode with a capital M."""

Value = str | Code

_all_text = etree.XPath("string()")


@dataclass(frozen=True, slots=True)
class Conditions:
    """saml2:Conditions: its instants as written, and the local names of its children."""

    not_before: str
    not_after: str
    children: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Token:
    """The values of one assertion, trimmed, `""` where absent.

    attributes: values by canonical name; unknown names are left out and listed in `unknown`.
    contradicted: attributes given several times with different values.
    shape: how often each child that must be there once is there (`NameID`, `AuthnContextClassRef` …).
    """

    id: str
    version: str
    issue_instant: str
    issuer: str
    issuer_format: str
    name_id: str
    class_ref: str
    declaration: str
    conditions: Conditions | None
    attributes: Mapping[str, tuple[Value, ...]]
    contradicted: tuple[str, ...]
    unknown: tuple[str, ...]
    shape: Mapping[str, int]

    def text(self, name: str) -> str:
        """The value of a single-valued text attribute."""
        value = self._first(name)
        return value if isinstance(value, str) else ""

    def code(self, name: str) -> Code | None:
        """The value of a single-valued coded attribute."""
        value = self._first(name)
        return value if isinstance(value, Code) else None

    def codes(self, name: str) -> tuple[Code, ...]:
        """The coded values of an attribute; text values are left out."""
        return tuple(value for value in self.attributes.get(name, ()) if isinstance(value, Code))

    def has(self, name: str) -> bool:
        """Whether the attribute has a value that is not empty."""
        return any(value.code if isinstance(value, Code) else value for value in self.attributes.get(name, ()))

    def _first(self, name: str) -> Value:
        return next(iter(self.attributes.get(name, ())), "")


def read(assertion: etree._Element) -> Token:
    """Read an assertion. Only direct children are looked at, never descendants: nothing nested can speak."""
    issuers = _children([assertion], "Issuer")
    subjects = _children([assertion], "Subject")
    name_ids = _children(subjects, "NameID")
    statements = _children([assertion], "AuthnStatement")
    contexts = _children(statements, "AuthnContext")
    class_refs = _children(contexts, "AuthnContextClassRef")
    declarations = _children(contexts, "AuthnContextDecl")
    attribute_statements = _children([assertion], "AttributeStatement")
    attributes, contradicted, unknown = _attributes(_children(attribute_statements, "Attribute"))
    return Token(
        id=assertion.get("ID", ""),
        version=assertion.get("Version", ""),
        issue_instant=assertion.get("IssueInstant", "").strip(),
        issuer=_string(issuers),
        issuer_format=issuers[0].get("Format", "") if issuers else "",
        name_id=_string(name_ids),
        class_ref=_string(class_refs),
        declaration=_string(declarations),
        conditions=_conditions(_children([assertion], "Conditions")),
        attributes=attributes,
        contradicted=contradicted,
        unknown=unknown,
        shape={
            "Issuer": len(issuers),
            "Subject": len(subjects),
            "NameID": len(name_ids),
            "AuthnStatement": len(statements),
            "AuthnContext": len(contexts),
            "AuthnContextClassRef": len(class_refs),
            # one in AIR, none elsewhere; several AttributeStatement say no more than one
            "AuthnContextDecl": max(len(declarations), 1),
            "AttributeStatement": min(len(attribute_statements), 1),
        },
    )


def _children(parents: Iterable[etree._Element], name: str) -> list[etree._Element]:
    return [child for parent in parents for child in parent.iterchildren(f"{{{names.SAML}}}{name}")]


def _string(elements: list[etree._Element]) -> str:
    return _text(elements[0]) if elements else ""


def _text(element: etree._Element) -> str:
    """Text without its comments, which would cut `.text` short."""
    return (str(_all_text(element)) if len(element) else element.text or "").strip()


def _conditions(elements: list[etree._Element]) -> Conditions | None:
    if not elements:
        return None
    first, *others = elements
    # NotAfter is not SAML, but HV2 writes it.
    not_after = first.get("NotOnOrAfter") or first.get("NotAfter") or ""
    children = [etree.QName(child).localname for child in first.iterchildren("{*}*")]
    children += ["Conditions"] * len(others)
    return Conditions(first.get("NotBefore", "").strip(), not_after.strip(), tuple(children))


def _attributes(
    elements: list[etree._Element],
) -> tuple[dict[str, tuple[Value, ...]], tuple[str, ...], tuple[str, ...]]:
    found: dict[str, list[Value]] = {}
    unknown = []
    for attribute in elements:
        written = attribute.get("Name", "").strip()
        name = _SPELLINGS.get(written, written)
        if name in ATTRIBUTES:
            found.setdefault(name, []).extend(_values(attribute))
        else:
            unknown.append(written)
    attributes = {name: tuple(dict.fromkeys(values)) for name, values in found.items()}
    contradicted = tuple(name for name, values in attributes.items() if name != ROLE and len(values) > 1)
    return attributes, contradicted, tuple(unknown)


def _values(attribute: etree._Element) -> Iterator[Value]:
    """Each value: an HL7 element with a code, whatever its name and xsi:type, or text."""
    for node in _children([attribute], "AttributeValue"):
        if node.get("code") is not None:
            yield _code(node)
        elif next(node.iterchildren("{*}*"), None) is None:
            yield _text(node)
        else:
            yield from (_code(child) for child in node.iterchildren(f"{{{names.HL7}}}*"))


def _code(element: etree._Element) -> Code:
    return Code(
        element.get("code", "").strip(),
        element.get("codeSystem", "").strip(),
        element.get("displayName", "").strip(),
    )
