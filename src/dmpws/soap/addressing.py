"""WS-Addressing 1.0 as real clients send it: lenient on form, strict on what misleads."""

from collections.abc import Sequence
from dataclasses import dataclass

from lxml import etree

from dmpws.soap.faults import FaultCode, SoapFault, xml_text
from dmpws.xml.names import WSA

ANONYMOUS = f"{WSA}/anonymous"
ACTION = f"{{{WSA}}}Action"
_MESSAGE_ID = f"{{{WSA}}}MessageID"
_ADDRESS = f"{{{WSA}}}Address"
_ENDPOINTS = (f"{{{WSA}}}ReplyTo", f"{{{WSA}}}FaultTo")
# RelatesTo alone may be repeated (WSA10 3.4).
_SINGLE = frozenset({ACTION, _MESSAGE_ID, f"{{{WSA}}}To", f"{{{WSA}}}From", *_ENDPOINTS})
_LONGEST_ID = 1000


@dataclass(frozen=True, slots=True)
class Addressing:
    """What the request says of itself; "" where it says nothing."""

    action: str = ""
    message_id: str = ""


def read_addressing(headers: Sequence[etree._Element]) -> Addressing:
    """Read the addressing headers. Raises SoapFault.

    An empty wsa:To is what the official frames send; its value is never compared. wsa:From is ignored.
    """
    found: dict[str, etree._Element] = {}
    for header in headers:
        if header.tag in _SINGLE:
            if header.tag in found:
                raise _invalid_header("InvalidCardinality", str(header.tag), "L'en-tête est présent plusieurs fois")
            found[str(header.tag)] = header
    for name in _ENDPOINTS:
        if (endpoint := found.get(name)) is not None:
            _require_anonymous(name, endpoint)
    message_id = _text(found.get(_MESSAGE_ID))
    if len(message_id) > _LONGEST_ID:
        raise _invalid_header("InvalidAddress", _MESSAGE_ID, f"L'identifiant dépasse {_LONGEST_ID} caractères")
    return Addressing(_text(found.get(ACTION)), message_id)


def _text(header: etree._Element | None) -> str:
    return (header.text or "").strip() if header is not None else ""


def _require_anonymous(name: str, endpoint: etree._Element) -> None:
    addresses = endpoint.findall(_ADDRESS)
    if len(addresses) != 1:
        raise _invalid_header("MissingAddressInEPR", name, "L'en-tête doit avoir une adresse, et une seule")
    if _text(addresses[0]) != ANONYMOUS:
        # Answering to an address of the caller's choice would let him send requests in our name (DMPWS D24).
        raise _invalid_header(
            "OnlyAnonymousAddressSupported", name, f"Seule l'adresse {ANONYMOUS} est acceptée dans cet en-tête"
        )


def action_required() -> SoapFault:
    """The Body alone does not say which operation is meant, or the profile asks for the header."""
    return SoapFault(
        FaultCode.SENDER,
        "L'en-tête wsa:Action est obligatoire [WSA10 3.4]",
        subcodes=(f"{{{WSA}}}MessageAddressingHeaderRequired",),
        detail=[_problem_header(ACTION)],
    )


def action_not_supported(action: str, service: str) -> SoapFault:
    return SoapFault(
        FaultCode.SENDER,
        f"Le service {service} n'a pas d'opération pour l'action « {action[:200]} »",
        subcodes=(f"{{{WSA}}}ActionNotSupported",),
        detail=[_problem_action(action)],
    )


def action_mismatch(action: str, body: str) -> SoapFault:
    return SoapFault(
        FaultCode.SENDER,
        f"L'action « {action[:200]} » ne va pas avec l'élément {body[:200]} du corps",
        subcodes=(f"{{{WSA}}}InvalidAddressingHeader", f"{{{WSA}}}ActionMismatch"),
        detail=[_problem_action(action)],
    )


def _invalid_header(subcode: str, header: str, reason: str) -> SoapFault:
    return SoapFault(
        FaultCode.SENDER,
        f"wsa:{_local(header)} : {reason}",
        subcodes=(f"{{{WSA}}}InvalidAddressingHeader", f"{{{WSA}}}{subcode}"),
        detail=[_problem_header(header)],
    )


def _problem_header(header: str) -> str:
    return f'<wsa:ProblemHeaderQName xmlns:wsa="{WSA}">wsa:{_local(header)}</wsa:ProblemHeaderQName>'


def _problem_action(action: str) -> str:
    value = f"<wsa:Action>{xml_text(action)}</wsa:Action>"
    return f'<wsa:ProblemAction xmlns:wsa="{WSA}">{value}</wsa:ProblemAction>'


def _local(name: str) -> str:
    return name.rpartition("}")[2]
