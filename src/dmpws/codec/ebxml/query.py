"""AdhocQueryRequest: the stored query, its parameters and their coding (ITI TF-2 3.18.4.1.2.3)."""

from collections.abc import Mapping
from dataclasses import dataclass

from lxml import etree

from dmpws.domain.checks import Rule, refusal
from dmpws.xml.names import QUERY, RIM
from dmpws.xml.text import text_of

_CODING = "ITI TF-2 3.18.4.1.2.3.5"
QUERY_ID = Rule("SQ-QUERY", "La requête enregistrée est connue", "ITI TF-2 3.18.4.1.2.3.7", "XDSUnknownStoredQuery")
RETURN_TYPE = Rule("SQ-RETURN-TYPE", "returnType vaut LeafClass ou ObjectRef", _CODING, "XDSRegistryError")

RETURN_TYPES = ("LeafClass", "ObjectRef")


@dataclass(frozen=True, slots=True)
class StoredQuery:
    """A query as received. parameters: by name, one tuple of raw values per Slot (several Slots mean AND)."""

    id: str
    object_refs: bool
    parameters: Mapping[str, tuple[tuple[str, ...], ...]]


def read_query(body: etree._Element) -> StoredQuery:
    """Read an AdhocQueryRequest; the values are decoded by the query they belong to.

    Raises Refused when there is no query or an unknown returnType.
    """
    query = body.find(f"{{{RIM}}}AdhocQuery")
    if query is None:
        raise refusal(QUERY_ID, expected="AdhocQuery", found="rien")
    option = body.find(f"{{{QUERY}}}ResponseOption")
    return_type = option.get("returnType", "LeafClass") if option is not None else "LeafClass"
    if return_type not in RETURN_TYPES:
        raise refusal(RETURN_TYPE, expected=" ou ".join(RETURN_TYPES), found=return_type[:100])
    parameters: dict[str, tuple[tuple[str, ...], ...]] = {}
    for slot in query.iterchildren(f"{{{RIM}}}Slot"):
        name = slot.get("name", "")
        values = tuple(text_of(value) for value in slot.iter(f"{{{RIM}}}Value"))
        parameters[name] = (*parameters.get(name, ()), values)
    # A UUID in upper case is the same (RFC 4122 3).
    return StoredQuery(query.get("id", "").strip().lower(), return_type == "ObjectRef", parameters)


def split_values(text: str) -> list[str]:
    """Return the values of one rim:Value: `'a'`, `('a','b')`, `20100101`, quotes doubled inside.

    Double quotes and bare words are accepted (the profile's own examples have them). Linear in the length of the
    text. Raises ValueError when quotes or parentheses do not match.
    """
    text = text.strip()
    if text.startswith("("):
        if not text.endswith(")"):
            raise ValueError("parenthèse non fermée")
        text = text[1:-1].strip()
    values: list[str] = []
    position = 0
    while position < len(text):
        value, position = _value(text, position)
        values.append(value)
        position = _skip_blanks(text, position)
        if position < len(text):
            if text[position] != ",":
                raise ValueError("virgule attendue entre deux valeurs")
            position = _skip_blanks(text, position + 1)
            if position == len(text):
                raise ValueError("valeur attendue après la virgule")
    return values


def _value(text: str, start: int) -> tuple[str, int]:
    """The value that begins at `start`, and the position after it."""
    quote = text[start]
    if quote not in "'\"":
        end = text.find(",", start)
        end = len(text) if end < 0 else end
        word = text[start:end].strip()
        if not word or any(c in "()'\"" for c in word):
            raise ValueError("valeur mal formée")
        return word, end
    pieces: list[str] = []
    position = start + 1
    while True:
        end = text.find(quote, position)
        if end < 0:
            raise ValueError("apostrophe non fermée")
        pieces.append(text[position:end])
        position = end + 1
        if text[position : position + 1] != quote:
            return "".join(pieces), position
        pieces.append(quote)
        position += 1


def _skip_blanks(text: str, position: int) -> int:
    while position < len(text) and text[position].isspace():
        position += 1
    return position
