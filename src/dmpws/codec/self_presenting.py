"""Self-presenting documents: an XSLT style sheet that carries its CDA and shows it, alone (GI-DMP EX_2.1-1115).

No script and nothing from outside. What a style sheet computes cannot all be foreseen: an address made of the data
of the document is let through unless its fixed beginning leads outside.
"""

import re
import sys
from collections.abc import Iterator
from typing import Any

from lxml import etree

from dmpws.domain.checks import Report, Rule
from dmpws.xml.names import HL7
from dmpws.xml.path import path_of
from dmpws.xml.text import text_of

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
_ADDRESSES = frozenset({
    "href", "src", "background", "action", "formaction", "poster", "data", "cite", "longdesc", "manifest", "ping",
    "lowsrc", "dynsrc",
})  # fmt: skip
_CHOICES = frozenset({"srcset", "imagesrcset"})
"""Lists of addresses for different screens, of no use when all is inside."""
_INSIDE = re.compile(r"\s*(?:#|data:(?!text/(?:html|xml)|application/(?:xml|xhtml))|mailto:|tel:|\{|$)", re.IGNORECASE)
_SCRIPTED = re.compile(r"\s*(?:java|vb)script:", re.IGNORECASE)
_CSS = re.compile(r"@import\b|\burl\((?!\s*['\"]?\s*(?:#|data:))|\bimage-set\(", re.IGNORECASE)
_CSS_ESCAPE = re.compile(r"\\(?:([0-9a-f]{1,6})\s?|(.))", re.IGNORECASE)
_CSS_SCRIPT = re.compile(r"\bexpression\s*\(|(?:java|vb)script:", re.IGNORECASE)
_FETCH = re.compile(r"\b(document|unparsed-text|doc|collection)\s*\(\s*([^)]{0,500})")
_WRITTEN = re.compile(r"<\s*(?:script|applet)\b|<[^<>]*\son[a-z]+\s*=", re.IGNORECASE)
_WRITTEN_OUTSIDE = re.compile(rf"<\s*(?:{'|'.join(sorted(_OUTSIDE))})\b|<[^<>]*//", re.IGNORECASE)
_ABSOLUTE = re.compile(r"['\"]\s*(?:[a-z][a-z0-9+.-]*:|//)", re.IGNORECASE)
_OUTWARD = re.compile(r"\s*(?:[a-z][a-z0-9+.-]*:|//)", re.IGNORECASE)
_LINE_BREAKS = dict.fromkeys(map(ord, "\t\n\r"))
"""Browsers leave them out of addresses."""
_LITERAL = re.compile(r"""'([^']*)'|"([^"]*)\"""")
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
        elif local == "style" and (rule := _css_flaw(_text(element))):
            yield rule, "<style>", element
        for key, value in _attributes(element):
            if rule := _attribute_flaw(str(etree.QName(key).localname), value):
                yield rule, f"{etree.QName(key).localname}={value}", element
            elif "{" in value and _fetches_outside(value):
                yield EXTERNAL, value, element


def _instruction(element: etree._Element, local: str) -> Iterator[tuple[Rule, str, etree._Element]]:
    if local in ("import", "include", "import-schema", "result-document"):
        yield EXTERNAL, f"xsl:{local}", element
    made = element.get("name", "").strip("{}'\" ").rpartition(":")[2].lower()
    if local == "element":
        if made in _SCRIPTS:
            yield SCRIPT, f"xsl:element {made}", element
        elif made in _OUTSIDE:
            yield EXTERNAL, f"xsl:element {made}", element
    elif local == "attribute":
        value = _text(element) if made == "style" else _beginning(element)
        if rule := _attribute_flaw(made, value):
            yield rule, f"xsl:attribute {made}={value}", element
    elif local == "processing-instruction" and made == "xml-stylesheet":
        yield EXTERNAL, f"xsl:processing-instruction {made}", element
    if element.get("disable-output-escaping") == "yes":
        written = f"{element.text or ''}{element.get('select', '')}"
        if found := _WRITTEN.search(written):
            yield SCRIPT, found.group(), element
        elif found := _WRITTEN_OUTSIDE.search(written):
            yield EXTERNAL, found.group(), element
    for key, value in _attributes(element):
        if key in _XPATHS and _fetches_outside(value):
            yield EXTERNAL, value, element


def _fetches_outside(expression: str) -> bool:
    """A call of document() and the like has a fixed address outside, or one that is put together from it."""
    return any(_ABSOLUTE.search(argument) for _, argument in _FETCH.findall(expression))


def _beginning(element: etree._Element) -> str:
    """The fixed text an xsl:attribute begins with, or `{` and the expression of what is computed."""
    if text := (element.text or "").strip():
        return text
    first = next(iter(element), None)
    if first is None:
        return ""
    return (first.text or "").strip() if first.tag == f"{{{XSL}}}text" else f"{{{first.get('select', '')}}}"


def _text(element: etree._Element) -> str:
    """The text in an element, that of the expressions in it too."""
    expressions = (e.get("select", "") for e in element.iterdescendants(f"{{{XSL}}}*"))
    return " ".join((text_of(element), *expressions))


def _attribute_flaw(name: str, value: str) -> Rule | None:
    name, bare = name.lower(), value.translate(_LINE_BREAKS)
    if name.startswith("on") or _SCRIPTED.match(bare):
        return SCRIPT
    if name == "style" or "url(" in value.lower():  # a property of CSS may be an attribute in SVG
        return _css_flaw(value)
    if name in _CHOICES or (name == "attributename" and value.rpartition(":")[2].lower() in _ADDRESSES):
        return EXTERNAL
    return _address_flaw(bare) if name in _ADDRESSES else None


def _address_flaw(address: str) -> Rule | None:
    """An address outside, or one that is put together from it: `{concat('https://…', @id)}`."""
    if not _INSIDE.match(address):
        return EXTERNAL
    literals = ["".join(found) for found in _LITERAL.findall(address)] if "{" in address else []
    if any(_SCRIPTED.match(text) for text in literals):
        return SCRIPT
    return EXTERNAL if any(_OUTWARD.match(text) and not _INSIDE.match(text) for text in literals) else None


def _css_flaw(text: str) -> Rule | None:
    first, *others = text.split("/*")
    text = _CSS_ESCAPE.sub(_unescaped, first + "".join(part.partition("*/")[2] for part in others))
    if _CSS_SCRIPT.search(text):
        return SCRIPT
    return EXTERNAL if _CSS.search(text) else None


def _unescaped(escape: re.Match[str]) -> str:
    number = int(escape[1] or "0", 16)
    return chr(number) if 0 < number <= sys.maxunicode else escape[2] or ""


def _fetches(root: etree._Element) -> Iterator[tuple[etree._Element, str]]:
    """Calls of document() and the like whose address is relative or computed: an official sample has one."""
    for element in _sheet(root):
        for key, value in _attributes(element):
            if key not in _XPATHS and "{" not in value:
                continue
            for function, argument in _FETCH.findall(value):
                if argument.strip() not in ("''", '""') and not _ABSOLUTE.search(argument):
                    yield element, f"{function}({argument})"


def _attributes(element: etree._Element) -> Iterator[tuple[str, str]]:
    return ((str(key), str(value)) for key, value in element.items())


def _sheet(root: etree._Element) -> Iterator[etree._Element]:
    """The elements that may be shown as they are: all but those of the CDA, whose namespace is no browser's."""
    return (e for e in root.iter() if isinstance(e.tag, str) and not e.tag.startswith(f"{{{HL7}}}"))
