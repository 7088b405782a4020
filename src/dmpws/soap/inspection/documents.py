"""The documents of a contract: a WSDL, and all it imports and includes, by address."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import urljoin

from lxml import etree

from dmpws.xml.names import XS
from dmpws.xml.parser import parse

WSDL = "http://schemas.xmlsoap.org/wsdl/"
_MOST_DOCUMENTS = 1_000

Fetch = Callable[[str], bytes]
"""Reads the document at an address (URL); raises OSError."""


@dataclass(frozen=True, slots=True)
class SchemaDocument:
    """A schema and its namespace: an included one without namespace takes that of the schema that includes it."""

    root: etree._Element
    namespace: str


@dataclass(frozen=True, slots=True)
class Documents:
    """definitions: the WSDL, then those it imports."""

    definitions: tuple[etree._Element, ...]
    schemas: tuple[SchemaDocument, ...]


def read(address: str, fetch: Fetch) -> Documents:
    """Read a contract and everything behind it. Raises OSError, Refused for what is not sound XML, ValueError when
    there is no end of documents."""
    return _Reader(fetch).read(address)


class _Reader:
    def __init__(self, fetch: Fetch) -> None:
        self._fetch = fetch
        self._definitions: dict[str, etree._Element] = {}
        self._schemas: dict[tuple[str, str], SchemaDocument] = {}

    def read(self, address: str) -> Documents:
        self._wsdl(address)
        return Documents(tuple(self._definitions.values()), tuple(self._schemas.values()))

    def _wsdl(self, address: str) -> None:
        if address in self._definitions:
            return
        root = self._parsed(address)
        self._definitions[address] = root
        for schema in root.findall(f"{{{WSDL}}}types/{{{XS}}}schema"):
            self._schema(address, schema, schema.get("targetNamespace", ""), part=len(self._schemas))
        for imported in _locations(root, f"{{{WSDL}}}import", "location"):
            self._wsdl(urljoin(address, imported.get("location", "")))

    def _schema(self, address: str, root: etree._Element, namespace: str, part: int = 0) -> None:
        """part: tells the schemas inside one WSDL apart."""
        key = (f"{address}#{part}", namespace)
        if key in self._schemas:
            return
        self._schemas[key] = SchemaDocument(root, namespace)
        for included in _locations(root, f"{{{XS}}}include", "schemaLocation"):
            self._file(urljoin(address, included.get("schemaLocation", "")), namespace)
        for imported in _locations(root, f"{{{XS}}}import", "schemaLocation"):
            self._file(urljoin(address, imported.get("schemaLocation", "")), imported.get("namespace", ""))

    def _file(self, address: str, namespace: str) -> None:
        if (f"{address}#0", namespace) not in self._schemas:
            self._schema(address, self._parsed(address), namespace)

    def _parsed(self, address: str) -> etree._Element:
        if len(self._definitions) + len(self._schemas) >= _MOST_DOCUMENTS:
            raise ValueError(f"{address}: a contract of more than {_MOST_DOCUMENTS} documents")
        return parse(self._fetch(address))


def _locations(root: etree._Element, tag: str, attribute: str) -> Iterator[etree._Element]:
    return (element for element in root.findall(tag) if element.get(attribute))
