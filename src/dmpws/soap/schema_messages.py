"""What libxml2 says of an invalid message, in French, with expected and found values, and where it is.

libxml2 speaks in sentences; those that a client can meet are matched here. One that is not is passed on in English.
"""

import re
from dataclasses import dataclass

from lxml import etree

from dmpws.xml.path import path_of

_LONGEST = 200
_NOTHING = "rien"


@dataclass(frozen=True, slots=True)
class Problem:
    """One schema error: French sentence, expected and found values (may be empty), readable path and line."""

    text: str
    expected: str = ""
    found: str = ""
    where: str = ""


# Subject: `Element '{urn:x}name'` and `, attribute 'name'`.
_SUBJECT = re.compile(
    r"Element '(?:\{(?P<space>[^}]*)\})?(?P<element>[^']*)'(?:, attribute '(?:\{[^}]*\})?(?P<attribute>[^']*)')?: "
)
_NAMESPACE = re.compile(r"(##other)?\{[^}]*:[^}]*\}\*?")
"""It has a colon: `{1,8}` in a pattern has none."""

# (what libxml2 says, what we say, whether "found" is the name of the element). Named groups give the values.
_SENTENCES = tuple(
    (re.compile(pattern, re.DOTALL), text, names_element)
    for pattern, text, names_element in (
        (
            r"This element is not expected\. Expected is (?:one of )?\( (?P<expected>.*) \)\.",
            "Cet élément n'est pas attendu ici",
            True,
        ),
        (r"This element is not expected\.", "Cet élément n'est pas attendu ici", True),
        (
            r"Missing child element\(s\)\. Expected is (?:one of )?\( (?P<expected>.*) \)\.",
            "Il manque un élément",
            False,
        ),
        (r"The attribute '(?P<expected>.*)' is required but missing\.", "Il manque un attribut", False),
        (r"The attribute '(?P<found>.*)' is not allowed\.", "Cet attribut n'est pas permis", False),
        (
            r"\[facet 'enumeration'\] The value '(?P<found>.*)' is not an element of the set \{(?P<expected>.*)\}\.",
            "La valeur n'est pas dans la liste permise",
            False,
        ),
        (
            r"\[facet 'pattern'\] The value '(?P<found>.*)' is not accepted by the pattern '(?P<expected>.*)'\.",
            "La valeur n'a pas la forme attendue",
            False,
        ),
        (
            r"\[facet 'maxLength'\] The value(?: '.*')? has a length of '(?P<found>\d+)'; this exceeds the allowed "
            r"maximum length of '(?P<expected>\d+)'\.",
            "La valeur est trop longue (en caractères)",
            False,
        ),
        (
            r"\[facet 'minLength'\] The value(?: '.*')? has a length of '(?P<found>\d+)'; this underruns the allowed "
            r"minimum length of '(?P<expected>\d+)'\.",
            "La valeur est trop courte (en caractères)",
            False,
        ),
        (
            r"'(?P<found>.*)' is not a valid value of the (?:local )?(?:atomic|list|union) type"
            r"(?: '(?P<expected>.*)')?\.",
            "La valeur n'est pas du type attendu",
            False,
        ),
        (
            r"The value '(?P<found>.*)' does not match the fixed value constraint '(?P<expected>.*)'\.",
            "La valeur est fixée par le contrat",
            False,
        ),
        (
            r"The QName value '(?P<found>.*)' of the xsi:type attribute does not resolve to a type definition\.",
            "Le type nommé par xsi:type n'existe pas",
            False,
        ),
        (r"The type definition is abstract\.", "Le type doit être précisé par xsi:type", False),
        (r"The element is not 'nillable'\.", "xsi:nil n'est pas permis ici", True),
        (r"Character content .*is not allowed.*", "Du texte n'est pas permis ici", False),
        (r"Element content is not allowed.*", "Aucun élément n'est permis ici", False),
        (
            r"No matching global declaration available for the validation root\.",
            "Ce message n'est pas décrit par le contrat",
            True,
        ),
    )
)


def problem_of(message: str, line: int, path: str, root: etree._Element) -> Problem:
    """Turn one entry of an error log into a Problem. path: as libxml2 gives it, from the validated `root`."""
    subject = _SUBJECT.match(message)
    said = message[subject.end() :] if subject else message
    element = subject["element"] if subject else ""
    attribute = subject["attribute"] if subject else None
    where = place(_descend(root, path), line, attribute)
    for pattern, text, names_element in _SENTENCES:
        if match := pattern.fullmatch(said):
            values = match.groupdict()
            expected, found = values.get("expected") or "", element if names_element else values.get("found") or ""
            if subject and names_element and element in shown(expected).split(", "):
                expected, found = _spelled(expected), f"{element} ({subject['space'] or 'sans espace de noms'})"
            elif found.strip() not in ("", found):
                found = f"{found.strip()}, entouré de blancs"
            if expected or found:  # what is too much was not expected, what is missing is found as nothing
                expected, found = expected or _NOTHING, found or _NOTHING
            return Problem(text, shown(expected), shown(found), where)
    return Problem(shown(said), where=where)


def _spelled(names: str) -> str:
    """Names with their namespaces, where it is these that are wrong: `{urn:x}a, b` as `a (urn:x), b`."""
    return re.sub(r"\{([^}]*)\}([^, ]+)", r"\2 (\1)", names)


def shown(text: str) -> str:
    """Values as they appear in messages: without namespaces, on one line, of a sane length."""
    text = " ".join(_NAMESPACE.sub("", text).split())
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def place(element: etree._Element, line: int | None, attribute: str | None = None) -> str:
    """Readable place of an element or attribute; elements that were built, not read, have no line."""
    step = f"/@{attribute}" if attribute else ""
    return path_of(element) + step + (f" (ligne {line})" if line else "")


def _descend(root: etree._Element, path: str) -> etree._Element:
    """Follow a path of libxml2: `/p:a/*[2]/b`, where `*` counts every element and a name counts its twins."""
    node = root
    for step in path.split("/")[2:]:
        name, _, index = step.partition("[")
        children = [c for c in node if isinstance(c.tag, str) and name in ("*", _prefixed(c))]
        position = int(index.rstrip("]") or 1) - 1
        if position >= len(children):
            break
        node = children[position]
    return node


def _prefixed(element: etree._Element) -> str:
    local = etree.QName(element).localname
    return f"{element.prefix}:{local}" if element.prefix else local
