"""What an answer says, compared with what a case expects; differences are sentences in French."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lxml import etree

from dmpws.client.verdict import verdict
from dmpws.conformance.cases import Assertion, Expected
from dmpws.domain.errors import OK_STATUS, Carrier
from dmpws.frames.sending import reasons
from dmpws.xml import names
from dmpws.xml.names import HL7

PREFIXES = {
    "soap": names.SOAP,
    "h": names.HL7,
    "rim": names.RIM,
    "rs": names.RS,
    "query": names.QUERY,
    "xdsb": names.XDSB,
    "hab": names.HABILITATIONS,
    "pat": names.PATIENTS,
}
"""Prefixes of the XPath expressions of cases."""

_GOOD = {"AA", "Success", OK_STATUS}
_CARRIERS = {
    Carrier.FAULT: "une faute SOAP",
    Carrier.REGISTRY: "une réponse XDS (RegistryResponse)",
    Carrier.ACKNOWLEDGEMENT: "un acquittement HL7",
    Carrier.STATUS: "output/status",
}


@dataclass(frozen=True, slots=True)
class Observed:
    """An answer in three words, as in Expected. status is empty for a fault; said: why, in the server's words."""

    status: str
    code: str
    carrier: Carrier
    said: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """The server did what it was asked."""
        return self.status in _GOOD

    def __str__(self) -> str:
        return " ".join(filter(None, (self.status, self.code))) or "réponse vide"


def observe(body: etree._Element) -> Observed:
    """Read the child of a Body."""
    found, code = verdict(body)
    carrier, said = Carrier(found), tuple(reasons(body))
    if carrier is Carrier.ACKNOWLEDGEMENT:
        response = body.find(f".//{{{HL7}}}queryAck/{{{HL7}}}queryResponseCode")
        details = body.findall(f".//{{{HL7}}}acknowledgementDetail")
        status = code if not details else _acknowledged(body)
        asked = response.get("code", "") if response is not None else ""
        return Observed(status, code if details else asked, carrier, said)
    if carrier is Carrier.REGISTRY:
        status = next((e.get("status", "") for e in body.iter() if e.get("status")), "").rpartition(":")[2]
        return Observed(status, "" if code == status else code, carrier, said)
    if carrier is Carrier.STATUS:
        return Observed(code, "", carrier, said)
    return Observed("", code, carrier, said)


def _acknowledged(body: etree._Element) -> str:
    acknowledgement = body.find(f".//{{{HL7}}}acknowledgement")
    assert acknowledgement is not None
    kind = acknowledgement.find(f"{{{HL7}}}typeCode")
    return acknowledgement.get("typeCode", "") if kind is None else kind.get("code", "")


def worded(expected: Sequence[Expected]) -> str:
    """What is expected, for people."""
    words = (" ".join(filter(None, (one.status, one.code))) for one in expected)
    return " ou ".join(words) or "un succès"


def mismatches(expected: Sequence[Expected], found: Observed) -> tuple[str, ...]:
    """Why an answer is none of those expected; empty when it is one. Nothing expected: a success."""
    if not expected:
        return () if found.ok else (f"attendu : un succès ; reçu : {found}", *found.said)
    differences = [tuple(_differences(one, found)) for one in expected]
    if () in differences:
        return ()
    return (*min(differences, key=len), *found.said)


def _differences(expected: Expected, found: Observed) -> Iterator[str]:
    if expected.status and expected.status != found.status:
        yield f"état attendu : {expected.status} ; reçu : {found.status or 'aucun'}"
    if expected.code and expected.code != found.code:
        yield f"code attendu : {expected.code} ; reçu : {found.code or 'aucun'}"
    if expected.carrier and expected.carrier != found.carrier:
        yield f"la réponse devait être {_CARRIERS[expected.carrier]} ; c'est {_CARRIERS[found.carrier]}"


def failures(assertions: Sequence[Assertion], body: etree._Element) -> tuple[str, ...]:
    """The assertions that do not hold."""
    return tuple(filter(None, (_failure(assertion, body) for assertion in assertions)))


def _failure(assertion: Assertion, body: etree._Element) -> str:
    try:
        result = body.xpath(assertion.xpath, namespaces=PREFIXES)
    except etree.XPathError as error:
        return f"{assertion.xpath} : {error}"
    nodes = result if isinstance(result, list) else [result]
    if assertion.at_least is not None:
        enough = len(nodes) >= assertion.at_least
        return "" if enough else f"{assertion.xpath} : {len(nodes)} au lieu de {assertion.at_least} au moins"
    texts = [_text(node) for node in nodes]
    wanted = assertion.equals if assertion.equals is not None else assertion.contains or ""
    holds = texts == [wanted] if assertion.equals is not None else any(wanted in text for text in texts)
    if holds:
        return ""
    word = "attendu" if assertion.equals is not None else "doit contenir"
    return f"{assertion.xpath} : {word} « {wanted} » ; trouvé {', '.join(f'« {text} »' for text in texts) or 'rien'}"


def _text(node: object) -> str:
    if isinstance(node, bool):
        return str(node).lower()
    if isinstance(node, float):
        return f"{node:g}"
    return "".join(map(str, node.itertext())).strip() if isinstance(node, etree._Element) else str(node)
