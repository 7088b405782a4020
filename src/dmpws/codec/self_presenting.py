"""Self-presenting documents: an XSLT style sheet that carries its CDA and shows it, alone (GI-DMP EX_2.1-1115).

No script and nothing from outside. What a style sheet computes cannot all be foreseen: an address made of the data
of the document is let through unless its fixed beginning leads outside.
"""

import re
from collections.abc import Iterator
from typing import Any

from lxml import etree

from dmpws.domain.checks import Report, Rule
from dmpws.xml.names import HL7
from dmpws.xml.path import path_of

_REPOSITORY = "XDSRepositoryMetadataError"
SCRIPT = Rule("CDA-SCRIPT", "Un document auto-présentable ne contient pas de script", "GI-DMP EX_2.1-1115", _REPOSITORY)
EXTERNAL = Rule(
    "CDA-EXTERNAL",
    "Un document auto-présentable n'utilise aucune ressource externe",
    "GI-DMP EX_2.1-1115",
    _REPOSITORY,
)
OWN_SHEET = Rule(
    "CDA-SHEET", "Un document auto-présentable est présenté par lui-même", "GI-DMP EX_2.1-1115", _REPOSITORY
)

XSL = "http://www.w3.org/1999/XSL/Transform"
_SCRIPTS = frozenset({"script", "applet"})
_OUTSIDE = frozenset({"iframe", "frame", "frameset", "object", "embed", "base", "link", "video", "audio", "form"})
"""Elements of HTML that bring in something else, or send the reader elsewhere; a style sheet has no use for them."""
_ADDRESSES = frozenset(
    {"href", "src", "srcset", "background", "action", "formaction", "poster", "data", "cite", "longdesc"}
)
_INSIDE = re.compile(r"\s*(?:#|data:(?!text/html)|mailto:|tel:|\{|$)", re.IGNORECASE)
_SCRIPTED = re.compile(r"\s*(?:java|vb)script:", re.IGNORECASE)
_CSS = re.compile(r"@import\b|\burl\(\s*['\"]?(?!\s*(?:#|data:))", re.IGNORECASE)
_CSS_SCRIPT = re.compile(r"\bexpression\s*\(|(?:java|vb)script:", re.IGNORECASE)
_FETCH = re.compile(r"\b(document|unparsed-text|doc|collection)\s*\(\s*([^)]*)\)")
_WRITTEN = re.compile(r"<\s*(script|applet)\b", re.IGNORECASE)
_ABSOLUTE = re.compile(r"['\"]\s*(?:[a-z][a-z0-9+.-]*:|//)", re.IGNORECASE)
_XPATHS = frozenset({"select", "test", "match", "use"})
_SHEET = re.compile(r"""\bhref\s*=\s*["']([^"']*)""")
_MOST = 20


def check_self_presenting(root: etree._Element, report: Report, where: str) -> None:
    """Check the style sheet around a CDA; the CDA itself is data."""
    node: Any
    for node in root.itersiblings(etree.ProcessingInstruction, preceding=True):
        if node.target == "xml-stylesheet":
            address = _SHEET.search(node.text or "")
            found = address.group(1) if address else ""
            report.require(found.startswith("#"), OWN_SHEET, expected="#", found=found[:200], where=where)
    for number, (rule, found, element) in enumerate(_outside(root)):
        if number == _MOST:
            break
        report.failed(
            rule, expected="une présentation autonome", found=f"{found[:200]} en {path_of(element)}", where=where
        )
    for element, call in _fetches(root):
        report.warned(EXTERNAL, found=f"{call[:200]} en {path_of(element)}", where=where)


def _outside(root: etree._Element) -> Iterator[tuple[Rule, str, etree._Element]]:
    for element in _sheet(root):
        name = etree.QName(element)
        local = name.localname.lower()
        if name.namespace == XSL:
            yield from _instruction(element, local)
            continue
        if local in _SCRIPTS:
            yield SCRIPT, f"<{local}>", element
        elif local in _OUTSIDE:
            yield EXTERNAL, f"<{local}>", element
        elif local == "meta" and element.get("http-equiv", "").lower() == "refresh":
            yield EXTERNAL, "<meta http-equiv=refresh>", element
        elif local == "style" and (rule := _css_flaw(element.text or "")):
            yield rule, "<style>", element
        for key, value in _attributes(element):
            if rule := _attribute_flaw(str(etree.QName(key).localname), value):
                yield rule, f"{etree.QName(key).localname}={value}", element


def _instruction(element: etree._Element, local: str) -> Iterator[tuple[Rule, str, etree._Element]]:
    if local in ("import", "include", "import-schema", "result-document"):
        yield EXTERNAL, f"xsl:{local}", element
    made = element.get("name", "").rpartition(":")[2].lower()
    if local == "element":
        if made in _SCRIPTS:
            yield SCRIPT, f"xsl:element {made}", element
        elif made in _OUTSIDE:
            yield EXTERNAL, f"xsl:element {made}", element
    elif local == "attribute" and (rule := _attribute_flaw(made, _beginning(element))):
        yield rule, f"xsl:attribute {made}={_beginning(element)}", element
    if element.get("disable-output-escaping") == "yes" and (written := _WRITTEN.search(element.text or "")):
        yield SCRIPT, written.group(), element
    for key, value in _attributes(element):
        if key in _XPATHS and any(_ABSOLUTE.match(argument) for _, argument in _FETCH.findall(value)):
            yield EXTERNAL, value, element


def _beginning(element: etree._Element) -> str:
    """The fixed text an xsl:attribute begins with, or `{` for what is computed."""
    if text := (element.text or "").strip():
        return text
    first = next(iter(element), None)
    if first is None:
        return ""
    return (first.text or "").strip() if first.tag == f"{{{XSL}}}text" else "{"


def _attribute_flaw(name: str, value: str) -> Rule | None:
    name = name.lower()
    if name.startswith("on") or _SCRIPTED.match(value):
        return SCRIPT
    if name == "style":
        return _css_flaw(value)
    return EXTERNAL if name in _ADDRESSES and not _INSIDE.match(value) else None


def _css_flaw(text: str) -> Rule | None:
    if _CSS_SCRIPT.search(text):
        return SCRIPT
    return EXTERNAL if _CSS.search(text) else None


def _fetches(root: etree._Element) -> Iterator[tuple[etree._Element, str]]:
    """Calls of document() and the like whose address is relative or computed: an official sample has one."""
    for element in _sheet(root):
        for key, value in _attributes(element):
            if key not in _XPATHS and "{" not in value:
                continue
            for function, argument in _FETCH.findall(value):
                if argument.strip() not in ("''", '""') and not _ABSOLUTE.match(argument):
                    yield element, f"{function}({argument})"


def _attributes(element: etree._Element) -> Iterator[tuple[str, str]]:
    return ((str(key), str(value)) for key, value in element.items())


def _sheet(root: etree._Element) -> Iterator[etree._Element]:
    """The elements that may be shown as they are: all but those of the CDA, whose namespace is no browser's."""
    return (e for e in root.iter() if isinstance(e.tag, str) and not e.tag.startswith(f"{{{HL7}}}"))
