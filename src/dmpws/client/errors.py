"""What can go wrong for an LPS, as Python exceptions and as values of the answers."""

from dataclasses import dataclass


class ClientError(Exception):
    """Base of what the client kit raises."""


class Unreachable(ClientError):
    """No answer: connection refused, TLS handshake refused, time out."""


class BadAnswer(ClientError):
    """The server answered something that is not the DMP interface."""


@dataclass(frozen=True, slots=True)
class FaultDetail:
    """One failed check, as dmpws explains it in the Detail of a fault; other servers give none."""

    rule: str
    reference: str
    expected: str
    found: str


class ServerFault(ClientError):
    """A SOAP fault. subcode: local name of the innermost subcode, the DMP's code (`DMPInvalidCertificate`)."""

    def __init__(self, code: str, subcode: str, reason: str, details: tuple[FaultDetail, ...] = ()) -> None:
        super().__init__(f"{subcode or code}: {reason}")
        self.code = code
        self.subcode = subcode
        self.reason = reason
        self.details = details


@dataclass(frozen=True, slots=True)
class Problem:
    """One error of a business answer: RegistryError or acknowledgementDetail."""

    code: str
    text: str
    location: str = ""
