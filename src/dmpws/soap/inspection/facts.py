"""What a contract says beside its types: services, bindings, policies, operations."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from lxml import etree

from dmpws.soap.inspection.documents import WSDL, Documents

_W = f"{{{WSDL}}}"
_SOAP11 = "http://schemas.xmlsoap.org/wsdl/soap/"
_SOAP12 = "http://schemas.xmlsoap.org/wsdl/soap12/"
_ACTIONS = {
    "wsaw:Action": "{http://www.w3.org/2006/05/addressing/wsdl}Action",
    "wsam:Action": "{http://www.w3.org/2007/05/addressing/metadata}Action",
}
_USING_ADDRESSING = "{http://www.w3.org/2006/05/addressing/wsdl}UsingAddressing"
_POLICIES = ("http://www.w3.org/ns/ws-policy", "http://schemas.xmlsoap.org/ws/2004/09/policy")
_WSU_ID = "{http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd}Id"
_STRUCTURE = frozenset({"Policy", "ExactlyOne", "All", "PolicyReference"})


@dataclass(frozen=True, slots=True)
class Operation:
    """facts: what it is called with, by the name of the fact. messages: the element of each end ("input" …)."""

    facts: Mapping[str, str]
    messages: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Facts:
    """A contract, of one port type; binding: its names, style, policies. operations: by name."""

    namespace: str
    port_type: str
    binding: Mapping[str, str]
    operations: Mapping[str, Operation]


def facts_of(documents: Documents) -> Facts:
    """Read what a contract declares, of its SOAP 1.2 binding when there are several. Raises ValueError."""
    return _Reader(documents).facts()


class _Reader:
    def __init__(self, documents: Documents) -> None:
        self._roots = documents.definitions

    def _all(self, tag: str) -> Iterator[etree._Element]:
        for root in self._roots:
            yield from root.findall(f"{_W}{tag}")

    def _named(self, tag: str, at: etree._Element, attribute: str) -> etree._Element:
        """What a QName points to. Raises ValueError."""
        name = at.get(attribute, "")
        prefix, colon, local = name.rpartition(":")
        namespace = at.nsmap.get(prefix if colon else None, "")
        for root in self._roots:
            if root.get("targetNamespace", "") == namespace:
                for node in root.findall(f"{_W}{tag}"):
                    if node.get("name") == local:
                        return node
        raise ValueError(f"line {at.sourceline}: there is no {tag} {name}")

    def facts(self) -> Facts:
        binding = next(iter(sorted(self._all("binding"), key=_soap_version, reverse=True)), None)
        if binding is None:
            raise ValueError("there is no binding")
        port_type = self._named("portType", binding, "type")
        ports = [p for s in self._all("service") for p in s.findall(f"{_W}port")]
        bound = [p for p in ports if self._named("binding", p, "binding") is binding]
        service = bound[0].getparent() if bound else None
        transport = next((n for n in binding if _local(n) == "binding"), None)
        return Facts(
            namespace=port_type.getparent().get("targetNamespace", ""),  # type: ignore[union-attr]
            port_type=port_type.get("name", ""),
            binding={
                "namespace": self._roots[0].get("targetNamespace", ""),
                "name": self._roots[0].get("name", ""),
                "port type": port_type.get("name", ""),
                "binding": binding.get("name", ""),
                "service": service.get("name", "") if service is not None else "",
                "port": ", ".join(p.get("name", "") for p in bound),
                "SOAP": _soap_version(binding),
                "style": transport.get("style", "document") if transport is not None else "",
                "transport": transport.get("transport", "") if transport is not None else "",
                "policy": self._policy(binding, *bound, *([service] if service is not None else [])),
            },
            operations={o.get("name", ""): self._operation(o, binding) for o in port_type.findall(f"{_W}operation")},
        )

    def _operation(self, operation: etree._Element, binding: etree._Element) -> Operation:
        name = operation.get("name", "")
        bound = next((o for o in binding.findall(f"{_W}operation") if o.get("name") == name), None)
        soap = next((n for n in bound if _local(n) == "operation"), None) if bound is not None else None
        facts = {"soapAction": soap.get("soapAction", "") if soap is not None else ""}
        facts["policy"] = self._policy(operation, *([bound] if bound is not None else []))
        messages = {}
        for end in operation.findall("*"):
            kind = _local(end)
            if kind in ("input", "output", "fault"):
                label = f"fault {end.get('name', '')}" if kind == "fault" else kind
                message = self._named("message", end, "message")
                parts = message.findall(f"{_W}part")
                facts[f"{label} message"] = message.get("name", "")
                facts[f"{label} part"] = ", ".join(part.get("name", "") for part in parts)
                facts |= {f"{label} {written}": end.get(tag, "") for written, tag in _ACTIONS.items()}
                facts |= {f"{label} {written}": value for written, value in _body(bound, kind)}
                messages[label] = ", ".join(_element(part) for part in parts)
        return Operation(facts, messages)

    def _policy(self, *holders: etree._Element) -> str:
        """The assertions that apply to something, their names sorted."""
        found: set[str] = set()
        for holder in holders:
            if holder.find(_USING_ADDRESSING) is not None:
                found.add("UsingAddressing")
            for space in _POLICIES:
                for inline in holder.findall(f"{{{space}}}Policy"):
                    found |= set(_assertions(inline))
                for reference in holder.findall(f"{{{space}}}PolicyReference"):
                    found |= set(self._referred(reference.get("URI", "").removeprefix("#"), space))
        return ", ".join(sorted(found))

    def _referred(self, name: str, space: str) -> Iterator[str]:
        for root in self._roots:
            for policy in root.iter(f"{{{space}}}Policy"):
                if name in (policy.get(_WSU_ID), policy.get("Name")):
                    yield from _assertions(policy)


def _assertions(policy: etree._Element) -> Iterator[str]:
    for node in policy.iter("{*}*"):
        if _local(node) not in _STRUCTURE:
            yield _local(node)


def _body(bound: etree._Element | None, kind: str) -> Iterator[tuple[str, str]]:
    """How the body of one end is bound."""
    end = bound.find(f"{_W}{kind}") if bound is not None else None
    body = next((n for n in end if _local(n) == "body"), None) if end is not None else None
    if body is not None:
        yield "use", body.get("use", "literal")


def _soap_version(binding: etree._Element) -> str:
    for space, version in ((_SOAP12, "1.2"), (_SOAP11, "1.1")):
        if binding.find(f"{{{space}}}binding") is not None:
            return version
    return ""


def _element(part: etree._Element) -> str:
    name = part.get("element", part.get("type", ""))
    prefix, colon, local = name.rpartition(":")
    return f"{{{part.nsmap.get(prefix if colon else None, '')}}}{local}"


def _local(node: etree._Element) -> str:
    return etree.QName(node).localname if isinstance(node.tag, str) else ""
