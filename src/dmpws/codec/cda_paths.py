"""Finding elements of a CDA document by the names of its schema; what is absent is empty."""

from lxml import etree

from dmpws.xml.names import HL7
from dmpws.xml.text import text_of

H = f"{{{HL7}}}"


def _path(path: str) -> str:
    return "/".join(H + step for step in path.split("/"))


def find(element: etree._Element | None, path: str) -> etree._Element | None:
    """The first element at `path`, steps without prefix."""
    return element.find(_path(path)) if element is not None else None


def find_all(element: etree._Element | None, path: str) -> list[etree._Element]:
    """Every element at `path`."""
    return element.findall(_path(path)) if element is not None else []


def text(element: etree._Element | None) -> str:
    return text_of(element) if element is not None else ""


def attribute(element: etree._Element | None, name: str) -> str:
    return element.get(name, "").strip() if element is not None else ""


def value(element: etree._Element | None) -> str:
    return attribute(element, "value")
