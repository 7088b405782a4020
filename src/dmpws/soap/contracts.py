"""The service contracts: hand-written WSDL and XSD, served with the addresses of the caller, and what they declare.

The index (wsdl/index.toml) says which file stands behind which path; operations are read from the files.
"""

import posixpath
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path

from lxml import etree

from dmpws.resources import folder
from dmpws.xml.parser import parse

_WSDL = "http://schemas.xmlsoap.org/wsdl/"
_SOAP12 = "http://schemas.xmlsoap.org/wsdl/soap12/"
_WSAM = "http://www.w3.org/2007/05/addressing/metadata"
_NAMESPACES = {"w": _WSDL, "s": _SOAP12}

# What stands in the stored documents where the caller's addresses go.
_SERVICE = "urn:x-dmpws:service"
_SCHEMAS = "urn:x-dmpws:schemas?"


@dataclass(frozen=True, slots=True)
class ContractOperation:
    """One operation as its WSDL declares it. body and response_body: Clark notation."""

    name: str
    soap_action: str
    action: str
    body: str
    response_action: str
    response_body: str


@dataclass(frozen=True, slots=True)
class Contract:
    """One WSDL. `file` is its name in the folder wsdl/, `service` the name of its wsdl:service."""

    file: str
    namespace: str
    service: str
    documentation: str
    operations: tuple[ContractOperation, ...]
    template: bytes


class Contracts:
    """Every contract, read once; nothing a caller asks for touches the file system."""

    def __init__(self, contracts: Mapping[str, Contract], schemas: Mapping[str, bytes]) -> None:
        self._contracts = contracts
        self._schemas = schemas

    @classmethod
    def load(cls, wsdl: Path | None = None, schemas: Path | None = None, *, services: str = "services") -> "Contracts":
        """Read the folders `wsdl` and `schemas` of the installation.

        services: table of the index: `services` are the DMP's, `ihe` those of plain IHE. Raises FileNotFoundError when
        one is missing, ValueError when a contract names a schema that is not there.
        """
        wsdl, schemas = wsdl or folder("wsdl"), schemas or folder("schemas")
        paths = {path.relative_to(schemas).as_posix(): path for path in sorted(schemas.rglob("*.xsd"))}
        index: dict[str, str] = tomllib.loads((wsdl / "index.toml").read_text("utf-8"))[services]
        read = {file: _read_wsdl(wsdl / file, frozenset(paths)) for file in set(index.values())}
        return cls(
            {service: read[file] for service, file in index.items()},
            {name: _template(path.read_text("utf-8"), "", name, frozenset(paths)) for name, path in paths.items()},
        )

    @property
    def services(self) -> tuple[str, ...]:
        """The paths that have a contract, in the order of the index."""
        return tuple(self._contracts)

    @property
    def schemas(self) -> tuple[str, ...]:
        """The paths that `xsd` knows."""
        return tuple(self._schemas)

    def contract(self, service: str) -> Contract:
        """What is behind a path. Raises KeyError."""
        return self._contracts[service]

    def wsdl(self, service: str, base_url: str) -> bytes:
        """The WSDL of a path, its addresses those of the caller. Raises KeyError.

        base_url: address of the services, without final slash (`https://host/si-dmp-server/v2/services`).
        """
        document = self._contracts[service].template.replace(_SERVICE.encode(), _url(f"{base_url}/{service}"))
        return self._with_schemas(document, base_url)

    def xsd(self, path: str, base_url: str) -> bytes:
        """A schema by its path under schemas/ (`ebxml/rim.xsd`), its imports at the caller's. Raises KeyError."""
        return self._with_schemas(self._schemas[path], base_url)

    def _with_schemas(self, document: bytes, base_url: str) -> bytes:
        # One address for each schema, whichever contract imports it, and an absolute one: `?xsd=…` alone is
        # resolved in two ways (RFC 2396, RFC 3986) by the clients of today.
        return document.replace(_SCHEMAS.encode(), _url(f"{base_url}/{self.services[0]}?"))


def _url(url: str) -> bytes:
    return escape(url).encode()


def _read_wsdl(path: Path, schemas: frozenset[str]) -> Contract:
    octets = path.read_bytes()
    root = parse(octets)
    return Contract(
        file=path.name,
        namespace=root.get("targetNamespace", ""),
        service=_one(root, "w:service").get("name", ""),
        documentation=root.findtext("w:documentation", "", _NAMESPACES),
        operations=tuple(_operations(root)),
        template=_template(octets.decode(), "../schemas/", f"wsdl/{path.name}", schemas),
    )


def _template(text: str, prefix: str, name: str, schemas: frozenset[str]) -> bytes:
    """Put placeholders where addresses are. prefix: what a schemaLocation starts with; otherwise it is relative.

    On the text, so that people who open a contract in a browser read it as it was written.
    """

    def of_schema(match: re.Match[str]) -> str:
        location = match["location"]
        here = "" if prefix else posixpath.dirname(name)
        path = posixpath.normpath(posixpath.join(here, location.removeprefix(prefix)))
        if path not in schemas or not location.startswith(prefix):
            raise ValueError(f"{name}: schemaLocation {location!r} is not a schema of this project")
        return f'schemaLocation="{_SCHEMAS}xsd={path}"'

    text = re.sub(r'schemaLocation="(?P<location>[^"]*)"', of_schema, text)
    return re.sub(r'<soap12:address location="[^"]*"', f'<soap12:address location="{_SERVICE}"', text).encode()


def _operations(root: etree._Element) -> Iterator[ContractOperation]:
    messages = {m.get("name"): _qname(_one(m, "w:part"), "element") for m in root.findall("w:message", _NAMESPACES)}
    soap_actions = {
        operation.get("name"): _one(operation, "s:operation").get("soapAction", "")
        for operation in root.findall("w:binding/w:operation", _NAMESPACES)
    }
    for operation in root.findall("w:portType/w:operation", _NAMESPACES):
        name = operation.get("name", "")
        ends = [_one(operation, f"w:{end}") for end in ("input", "output")]
        (action, body), (response_action, response_body) = (
            (end.get(f"{{{_WSAM}}}Action", ""), messages[end.get("message", "").partition(":")[2]]) for end in ends
        )
        yield ContractOperation(name, soap_actions[name], action, body, response_action, response_body)


def _one(parent: etree._Element, path: str) -> etree._Element:
    found = parent.findall(path, _NAMESPACES)
    if len(found) != 1:
        raise ValueError(f"a contract has {len(found)} {path} where one is expected")
    return found[0]


def _qname(element: etree._Element, attribute: str) -> str:
    prefix, _, local = element.get(attribute, "").partition(":")
    return f"{{{element.nsmap[prefix]}}}{local}"
