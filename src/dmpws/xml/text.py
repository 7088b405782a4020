"""Reading an element whatever a client puts around its text: comments and processing instructions are skipped."""

from collections.abc import Iterator

from lxml import etree


def text_of(element: etree._Element) -> str:
    """All the text of an element and its descendants, outer white space removed."""
    text = "".join(str(t) for t in element.itertext()) if len(element) else str(element.text or "")
    return text.strip()


def children(element: etree._Element) -> Iterator[etree._Element]:
    """The child elements, without comments and processing instructions."""
    return (child for child in element if isinstance(child.tag, str))
