"""The SOAP envelope: what comes in is taken apart and checked, what goes out is joined from octets."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from lxml import etree

from dmpws.domain.checks import Rule, refusal
from dmpws.soap.addressing import ANONYMOUS
from dmpws.soap.faults import SoapFault, must_understand, version_mismatch, xml_text
from dmpws.soap.message import SoapReply
from dmpws.xml.names import SAML, SOAP, SOAP11, WSA, WSSE

STRUCTURE = Rule(
    "SOAP-STRUCTURE",
    "L'enveloppe a au plus un en-tête, puis un seul corps, et rien d'autre",
    "SOAP12 5.1",
    "DMPInvalidRequest",
)
ONE_CHILD = Rule("SOAP-BODY", "Le corps contient un élément et un seul", "SOAP12 5.3", "DMPInvalidRequest")
NOT_SOAP = Rule("SOAP-ENVELOPE", "Le document est une enveloppe SOAP", "SOAP12 5.1", "DMPInvalidRequest")
ONE_SECURITY = Rule(
    "SOAP-SECURITY",
    "Le message a au plus un en-tête wsse:Security pour ce service",
    "DMP-FRAME TD0.2",
    "DMPInvalidRequest",
)

NAMESPACES = Rule(
    "SOAP-NAMESPACES",
    "L'en-tête wsse:Security hérite d'un nombre raisonnable d'espaces de noms",
    "DMPWS LIMITS",
    "DMPInvalidRequest",
)
_MOST_NAMESPACES = 256

SECURITY = f"{{{WSSE}}}Security"
_ASSERTION = f"{{{SAML}}}Assertion"
# Header blocks aimed at somebody else are not ours to understand (SOAP12 2.4); no role means the last receiver.
_OUR_ROLES = frozenset(
    {"", f"{SOAP}/role/next", f"{SOAP}/role/ultimateReceiver", "http://schemas.xmlsoap.org/soap/actor/next"}
)


@dataclass(frozen=True, slots=True)
class Envelope:
    """A request taken apart. headers: the blocks meant for us. body: the only child of Body."""

    headers: tuple[etree._Element, ...]
    body: etree._Element


def open_envelope(root: etree._Element, *, soap11: bool = False) -> Envelope:
    """Take a request apart. Raises Refused and SoapFault.

    soap11: a SOAP 1.1 envelope is accepted as well (DMPWS D25).
    """
    name = etree.QName(root)
    if name.localname != "Envelope":
        raise refusal(NOT_SOAP, expected=f"{{{SOAP}}}Envelope", found=name.text)
    if name.namespace != SOAP and not (soap11 and name.namespace == SOAP11):
        raise version_mismatch()
    namespace = str(name.namespace)
    header, body = _structure(root, namespace)
    headers = _our_headers(header, namespace) if header is not None else ()
    children = list(islice(body.iterchildren("*"), 2))
    if len(children) != 1:
        raise refusal(ONE_CHILD, expected="un", found="plusieurs" if children else "aucun")
    return Envelope(headers, children[0])


def _structure(root: etree._Element, namespace: str) -> tuple[etree._Element | None, etree._Element]:
    header, body = f"{{{namespace}}}Header", f"{{{namespace}}}Body"
    children = list(islice(root.iterchildren("*"), 3))
    names = [c.tag for c in children]
    if names == [header, body]:
        return children[0], children[1]
    if names == [body]:
        return None, children[0]
    raise refusal(STRUCTURE, expected="Header, Body", found=", ".join(str(n)[:80] for n in names) or "vide")


def _our_headers(header: etree._Element, namespace: str) -> tuple[etree._Element, ...]:
    """The header blocks meant for us. Raises SoapFault when one is mandatory and nobody here knows it."""
    role = f"{{{namespace}}}{'role' if namespace == SOAP else 'actor'}"
    # The un-namespaced mustUnderstand of the official frames says nothing in SOAP, and is left alone.
    mandatory = f"{{{namespace}}}mustUnderstand"
    ours = tuple(h for h in header.iterchildren("*") if h.get(role, "").strip() in _OUR_ROLES)
    unknown = [str(h.tag) for h in ours if h.get(mandatory, "").strip() in ("true", "1") and not _is_understood(h)]
    if unknown:
        raise must_understand(unknown)
    return ours


def _is_understood(header: etree._Element) -> bool:
    return header.tag == SECURITY or str(header.tag).startswith(f"{{{WSA}}}")


def assertions_of(headers: Sequence[etree._Element]) -> tuple[bytes, ...]:
    """Return each SAML assertion of the security header, as octets that stand alone.

    Serialised with the namespaces in scope and never moved between trees, so that its signature stays what it was.
    At most two are returned, which the token checks refuse like any number but one: each copies all namespaces in
    scope, and thousands of them would fill the memory. Raises Refused when there are two security headers: nobody
    could tell which one counts.
    """
    security = [h for h in headers if h.tag == SECURITY]
    if len(security) > 1:
        raise refusal(ONE_SECURITY, expected="1", found=str(len(security)))
    # Writing out an element takes the square of the namespaces it inherits: half a minute for 2 MB of them.
    if security and (inherited := len(security[0].nsmap)) > _MOST_NAMESPACES:
        raise refusal(NAMESPACES, expected=f"au plus {_MOST_NAMESPACES}", found=str(inherited))
    assertions = (child for header in security for child in header if child.tag == _ASSERTION)
    return tuple(etree.tostring(assertion, with_tail=False) for assertion in islice(assertions, 2))


def reply_envelope(reply: SoapReply, *, action: str, relates_to: str) -> bytes:
    """Write an answer, with the addressing headers of the DMP's own (DMP-FRAME TD0.2)."""
    body = reply.body
    octets = body if isinstance(body, bytes) else etree.tostring(body, encoding="UTF-8", with_tail=False)
    head = f"{_head(action, relates_to)}</soap:Header><soap:Body>".encode()
    return b"".join((head, octets, b"</soap:Body></soap:Envelope>"))  # a sum would copy a long answer twice


def fault_envelope(fault: SoapFault, *, relates_to: str) -> bytes:
    """Write a fault, with the same headers and those the fault brings."""
    return (
        f"{_head(fault.action, relates_to)}{''.join(fault.headers)}</soap:Header>"
        f"<soap:Body>{fault.to_xml()}</soap:Body></soap:Envelope>"
    ).encode()


def _head(action: str, relates_to: str) -> str:
    related = f'<RelatesTo xmlns="{WSA}">{xml_text(relates_to)}</RelatesTo>' if relates_to else ""
    return (
        f'<soap:Envelope xmlns:soap="{SOAP}"><soap:Header><Action xmlns="{WSA}">{action}</Action>'
        f'<MessageID xmlns="{WSA}">urn:uuid:{uuid.uuid4()}</MessageID>'
        f'<To xmlns="{WSA}">{ANONYMOUS}</To>{related}'
    )
