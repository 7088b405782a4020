"""Which operation a frame is, or which one it almost is."""

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher

from lxml import etree

from dmpws.domain.checks import Report, Rule
from dmpws.soap.message import Operation
from dmpws.transactions import load
from dmpws.transactions.registry import Transaction, of_operation, operations
from dmpws.xml.names import WSA
from dmpws.xml.path import path_of

BODY = Rule("FRAME-BODY", "Le message est celui d'une transaction du DMP", "SOAP12 5.3", "DMPInvalidRequest")
ACTION = Rule("FRAME-ACTION", "wsa:Action est celle du message", "WSA10 3.1", "DMPInvalidRequest")
ADDRESS = Rule("FRAME-ADDRESS", "wsa:To est l'adresse du service du message", "WSA10 3.1", "DMPInvalidRequest")

LIKE = 0.6
"""How alike two names must be for one to be a slip for the other."""


@dataclass(frozen=True, slots=True)
class Recognised:
    """The operation of a message. exact: nothing in its name is wrong. service: last segment of the path to call."""

    operation: Operation
    service: str
    exact: bool
    body: etree._Element

    @property
    def transactions(self) -> tuple[Transaction, ...]:
        """The transactions that the message may be: one where it tells, otherwise all of the operation."""
        every = tuple(of_operation(self.operation))
        return tuple(t for t in every if t.matches(self.body, self.service)) or every

    @property
    def title(self) -> str:
        return " ou ".join(f"{t.code} {t.title}" for t in self.transactions)


def recognise(body: etree._Element, headers: etree._Element | None, report: Report) -> Recognised | None:
    """Find the operation of a Body child, and say in `report` how the frame differs from it.

    headers: of the envelope, None for a Body alone. Returns None when it is like none of them.
    """
    load()
    name = etree.QName(body)
    action, address = (_header(headers, which) for which in ("Action", "To"))
    operation = _exact(str(body.tag), action) or _alike(name, action)
    if operation is None:
        report.failed(BODY, found=str(body.tag), where=path_of(body), expected="un message de TD0.2 à TD3.3")
        return None
    exact = operation.body == body.tag
    slip = _slip(operation, name)
    report.require(exact, BODY, expected=operation.body, found=str(body.tag), where=path_of(body), text=slip)
    if headers is None:
        return Recognised(operation, operation.service, exact, body)
    good = action in ("", operation.action, *operation.action_variants)
    if action:
        report.require(good, ACTION, expected=operation.action, found=action, where="wsa:Action")
    else:  # tolerated where the body alone decides (option strict_action)
        report.warned(ACTION, expected=operation.action, found="absente", where="wsa:Action")
    return Recognised(operation, _service(operation, address, report), exact and good, body)


def _exact(body: str, action: str) -> Operation | None:
    same = [operation for operation in operations() if operation.body == body]
    return next((o for o in same if action in (o.action, *o.action_variants)), same[0] if same else None)


def _alike(name: etree.QName, action: str) -> Operation | None:
    """The operation whose action or name comes nearest."""
    scored = [(max(_likeness(o, name), 2.0 * (bool(action) and action == o.action)), o) for o in operations()]
    best, operation = max(scored, key=lambda pair: pair[0])
    return operation if best >= LIKE else None


def _likeness(operation: Operation, name: etree.QName) -> float:
    expected = etree.QName(operation.body).localname
    return SequenceMatcher(None, expected.lower(), name.localname.lower()).ratio()


def _slip(operation: Operation, name: etree.QName) -> str:
    """A sentence that says in what the name of the Body child is wrong; empty when it is right."""
    expected = etree.QName(operation.body)
    codes = " ou ".join(t.code for t in of_operation(operation))
    if expected.localname == name.localname and expected.namespace != name.namespace:
        return f"Presque {codes} : l'élément a le bon nom et un autre espace de noms"
    if expected.localname != name.localname:
        return f"Presque {codes} : l'élément a un autre nom"
    return ""


def _service(operation: Operation, address: str, report: Report) -> str:
    paths = (operation.service, *operation.aliases)
    if not address:  # the official frames have an empty To
        return operation.service
    path = address.rstrip("/").rpartition("/")[2].partition("?")[0]
    report.require(path in paths, ADDRESS, expected=" ou ".join(f"…/{p}" for p in paths), found=address[:200])
    return path if path in paths else operation.service


def _header(headers: etree._Element | None, name: str) -> str:
    return "" if headers is None else next(_texts(headers, name), "")


def _texts(headers: etree._Element, name: str) -> Iterator[str]:
    for child in headers.iterchildren(f"{{{WSA}}}{name}"):
        yield (child.text or "").strip()
