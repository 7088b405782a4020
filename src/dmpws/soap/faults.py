"""SOAP 1.2 faults: what is raised, and how it is written (SOAP12 5.4, form of DMPWS D10)."""

import re
from collections.abc import Sequence
from enum import StrEnum
from xml.sax.saxutils import escape, quoteattr

from dmpws.domain.checks import Check, Refused
from dmpws.domain.errors import WS_SECURITY
from dmpws.domain.listening import tell
from dmpws.xml.names import SOAP, WSA, WSSE

FAULT = "urn:dmpws:fault"
"""Namespace of the detail elements."""
# Prefix of each namespace a subcode may have, and its declaration where the envelope has none.
_PREFIXES = {
    SOAP: ("soap", ""),
    WSA: ("wsa", f' xmlns:wsa="{WSA}"'),
    WSSE: ("wsse", f' xmlns:wsse="{WSSE}"'),
}
_FAULT_ACTION = {True: f"{WSA}/fault", False: f"{WSA}/soap/fault"}
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_LONGEST = 1000


class FaultCode(StrEnum):
    """SOAP12 5.4.6."""

    SENDER = "Sender"
    RECEIVER = "Receiver"
    VERSION_MISMATCH = "VersionMismatch"
    MUST_UNDERSTAND = "MustUnderstand"


class SoapFault(Exception):
    """The exchange ends with a fault.

    subcodes: qualified names in Clark notation, outermost first. reason: one French sentence.
    detail, headers: serialised elements, each declaring its own prefixes. http_status: 0 for the binding's own.
    http_headers: what the status asks for (`Allow`).
    """

    def __init__(
        self,
        code: FaultCode,
        reason: str,
        *,
        subcodes: Sequence[str] = (),
        detail: Sequence[str] = (),
        headers: Sequence[str] = (),
        http_status: int = 0,
        http_headers: Sequence[tuple[str, str]] = (),
    ) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason
        self.subcodes = tuple(subcodes)
        self.detail = tuple(detail)
        self.headers = tuple(headers)
        self.http_status = http_status
        self.http_headers = tuple(http_headers)

    @property
    def outcome(self) -> str:
        """The most specific code, without namespace, for journals and metrics: `DMPInvalidCertificate`."""
        return self.subcodes[-1].rpartition("}")[2] if self.subcodes else str(self.code)

    @property
    def action(self) -> str:
        """wsa:Action of the fault message (WSA10 6.4)."""
        return _FAULT_ACTION[any(s.startswith(f"{{{WSA}}}") for s in self.subcodes)]

    def status(self, http_binding: bool) -> int:
        """HTTP status: 500 as the DMP's, or as the SOAP 1.2 HTTP binding says (DMPWS D10)."""
        return self.http_status or (400 if http_binding and self.code is FaultCode.SENDER else 500)

    def to_xml(self) -> str:
        """The soap:Fault element; the prefix `soap` must be in scope."""
        subcode = ""
        for name in reversed(self.subcodes):
            namespace, _, local = name[1:].partition("}")
            prefix, declaration = _PREFIXES[namespace]
            value = f"<soap:Value{declaration}>{prefix}:{local}</soap:Value>"
            subcode = f"<soap:Subcode>{value}{subcode}</soap:Subcode>"
        detail = f"<soap:Detail>{''.join(self.detail)}</soap:Detail>" if self.detail else ""
        return (
            f"<soap:Fault><soap:Code><soap:Value>soap:{self.code}</soap:Value>{subcode}</soap:Code>"
            f'<soap:Reason><soap:Text xml:lang="fr">{xml_text(self.reason)}</soap:Text></soap:Reason>'
            f"{detail}</soap:Fault>"
        )


def xml_text(value: str) -> str:
    """Text content: illegal characters replaced, cut to a readable length, escaped."""
    return escape(_legal(value))


def xml_attribute(value: str) -> str:
    """The same as an attribute value, quotes included."""
    return quoteattr(_legal(value))


def _legal(value: str) -> str:
    value = _NOT_XML.sub("\ufffd", value)
    return value if len(value) <= _LONGEST else value[: _LONGEST - 1] + "…"


def from_refused(refused: Refused, http_status: int = 0) -> SoapFault:
    """The fault of a refusal: its code as subcode, and one detail element per failed check."""
    tell(refused.checks)
    return SoapFault(
        FaultCode.SENDER,
        refused.message,
        subcodes=(f"{{{WSSE if refused.code in WS_SECURITY else SOAP}}}{refused.code}",),
        detail=[_check(c) for c in refused.checks],
        http_status=http_status,
    )


def _check(check: Check) -> str:
    values = (("title", check.text or check.rule.title), ("expected", check.expected), ("found", check.found))
    children = "".join(f"<{n}>{xml_text(v)}</{n}>" for n, v in (*values, ("where", check.where)) if v)
    rule, reference = xml_attribute(check.rule.id), xml_attribute(check.rule.reference)
    return f'<check xmlns="{FAULT}" rule={rule} reference={reference}>{children}</check>'


def internal_error(correlation_id: str) -> SoapFault:
    """The fault of a defect of ours: nothing of it is shown, the journal has it under the same identifier."""
    return SoapFault(
        FaultCode.RECEIVER,
        f"Erreur interne (référence {correlation_id})",
        detail=[f'<correlation xmlns="{FAULT}" id={xml_attribute(correlation_id)}/>'],
    )


def version_mismatch() -> SoapFault:
    """SOAP12 5.4.7: the versions that are understood travel in an Upgrade header."""
    supported = f'<soap:SupportedEnvelope qname="soap:Envelope" xmlns:soap="{SOAP}"/>'
    return SoapFault(
        FaultCode.VERSION_MISMATCH,
        f"L'enveloppe n'est pas en SOAP 1.2 ; attendu : {SOAP}",
        headers=[f'<soap:Upgrade xmlns:soap="{SOAP}">{supported}</soap:Upgrade>'],
    )


def must_understand(names: Sequence[str]) -> SoapFault:
    """SOAP12 5.4.8: one NotUnderstood header for each mandatory header block that nobody here knows."""
    return SoapFault(
        FaultCode.MUST_UNDERSTAND,
        f"En-têtes obligatoires non compris : {', '.join(names)}",
        headers=[_not_understood(name) for name in names[:20]],
    )


def _not_understood(name: str) -> str:
    namespace, _, local = name[1:].partition("}") if name.startswith("{") else ("", "", name)
    declaration = f" xmlns:h={xml_attribute(namespace)}" if namespace else ""
    qname = f"h:{local}" if namespace else local
    return f'<soap:NotUnderstood xmlns:soap="{SOAP}" qname={xml_attribute(qname)}{declaration}/>'
