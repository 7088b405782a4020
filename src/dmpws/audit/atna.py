"""ATNA: the DICOM audit message of a trace (ITI TF-2 3.20, tables of each transaction)."""

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lxml import etree

from dmpws.audit.trace import TraceOutcome

_OUTCOMES = {TraceOutcome.ACCEPTED: "0", TraceOutcome.REFUSED: "4", TraceOutcome.FAILED: "8"}
_SUBMISSION_SET = (
    "urn:uuid:a54d6aa5-d40d-43f9-88c5-b4633d873bdd",
    "IHE XDS Metadata",
    "submission set classificationNode",
)
_REPOSITORY = "1.2.250.1.213.4.1.1.1.2"

Coded = tuple[str, str, str]
"""csd-code, codeSystemName, originalText."""


def _dcm(code: str, text: str) -> Coded:
    return code, "DCM", text


def _iti(number: int, text: str) -> Coded:
    return f"ITI-{number}", "IHE Transactions", text


_IMPORT, _EXPORT = _dcm("110107", "Import"), _dcm("110106", "Export")
_QUERY, _RECORD = _dcm("110112", "Query"), _dcm("110110", "Patient Record")
_LOG_USED = _dcm("110101", "Audit Log Used")
_AUTHENTICATION, _LOGIN = _dcm("110114", "User Authentication"), _dcm("110122", "Login")


@dataclass(frozen=True, slots=True)
class Event:
    """EventID, EventActionCode, and EventTypeCode where IHE gives one; otherwise the code of the transaction."""

    id: Coded
    action: str
    type: Coded | None = None


EVENTS: Mapping[str, Event] = {
    "TD0.2": Event(_QUERY, "E"),
    "TD0.4": Event(_QUERY, "E"),
    "TD0.5": Event(_QUERY, "E", _iti(47, "Patient Demographics Query")),
    "TD1.3a": Event(_QUERY, "E"),
    "TD1.6": Event(_QUERY, "E"),
    "TD1.1": Event(_RECORD, "C"),
    "TD2.1": Event(_IMPORT, "C", _iti(41, "Provide and Register Document Set-b")),
    "TD2.2": Event(_IMPORT, "C", _iti(41, "Provide and Register Document Set-b")),
    "TD3.1": Event(_QUERY, "E", _iti(18, "Registry Stored Query")),
    "TD3.2": Event(_EXPORT, "R", _iti(43, "Retrieve Document Set")),
    "TD3.3": Event(_IMPORT, "U", _iti(57, "Update Document Set")),
    "ITI-18": Event(_QUERY, "E", _iti(18, "Registry Stored Query")),
    "ITI-41": Event(_IMPORT, "C", _iti(41, "Provide and Register Document Set-b")),
    "ITI-42": Event(_IMPORT, "C", _iti(42, "Register Document Set-b")),
    "ITI-43": Event(_EXPORT, "R", _iti(43, "Retrieve Document Set")),
    "ITI-44": Event(_RECORD, "U", _iti(44, "Patient Identity Feed")),
    "ITI-44-ADD": Event(_RECORD, "C", _iti(44, "Patient Identity Feed")),
    "ITI-47": Event(_QUERY, "E", _iti(47, "Patient Demographics Query")),
    "ITI-57": Event(_IMPORT, "U", _iti(57, "Update Document Set")),
    "ITI-62": Event(_RECORD, "D", _iti(62, "Remove Metadata")),
    "ITI-86": Event(_RECORD, "D", _iti(86, "Remove Documents")),
    "act:audit": Event(_LOG_USED, "R"),
    "act:authorisations": Event(_RECORD, "R"),
    "act:copy": Event(_EXPORT, "R"),
    "act:deposit": Event(_IMPORT, "C"),
    "act:destroy": Event(_RECORD, "D"),
    "act:destroy-plan": Event(_RECORD, "R"),
    "act:erase": Event(_RECORD, "D"),
    "act:erase-plan": Event(_RECORD, "R"),
    "act:list": Event(_QUERY, "E"),
    "act:purge": Event(_RECORD, "D"),
    "act:purge-traces": Event(_LOG_USED, "D"),
    "act:read": Event(_LOG_USED, "R"),
}
"""By the longest beginning of the transaction's code; anything else changes the record of a patient."""

_OTHER = Event(_RECORD, "U")
_UNSPEAKABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def event_of(transaction: str) -> Event:
    """The event of a transaction or act; of a call that reached none, the failed authentication."""
    if not transaction:
        return Event(_AUTHENTICATION, "E", _LOGIN)
    found = [code for code in EVENTS if transaction.startswith(code)]
    return EVENTS[max(found, key=len)] if found else _OTHER


def message_of(content: Mapping[str, Any], *, source: str, site: str = "") -> bytes:
    """The audit message of a trace, UTF-8 without declaration.

    content: of a trace (dmpws.audit.trace). source, site: AuditSourceID and AuditEnterpriseSiteID.
    """
    content = _speakable(content)
    transaction = str(content.get("transaction", ""))
    verified = bool(content.get("verified") or content.get("actor"))
    event = event_of(transaction if verified else "")
    root = etree.Element("AuditMessage")
    _event(root, content, event, transaction)
    _participants(root, content, source)
    audit_source = etree.SubElement(root, "AuditSourceIdentification", AuditSourceID=source)
    if site:
        audit_source.set("AuditEnterpriseSiteID", site)
    etree.SubElement(audit_source, "AuditSourceTypeCode", {"csd-code": "4"})  # application server
    _objects(root, content)
    return etree.tostring(root, encoding="UTF-8", xml_declaration=False)


def _speakable(value: Any) -> Any:
    """The same without the characters that XML has no form for: a trace takes any word of a command line, and one
    that could not be told would keep all that follow from leaving."""
    if isinstance(value, str):
        return _UNSPEAKABLE.sub("\N{REPLACEMENT CHARACTER}", value)
    if isinstance(value, Mapping):
        return {name: _speakable(one) for name, one in value.items()}
    return [_speakable(one) for one in value] if isinstance(value, list | tuple) else value


def _event(root: etree._Element, content: Mapping[str, Any], event: Event, transaction: str) -> None:
    identification = etree.SubElement(
        root,
        "EventIdentification",
        EventActionCode=event.action,
        EventDateTime=str(content.get("occurred_at", "")),
        EventOutcomeIndicator=_OUTCOMES[TraceOutcome(content.get("outcome", TraceOutcome.FAILED))],
    )
    _coded(identification, "EventID", event.id)
    _coded(identification, "EventTypeCode", event.type or (transaction, "DMP", transaction))
    if code := content.get("code"):
        etree.SubElement(identification, "EventOutcomeDescription").text = str(code)


def _participants(root: etree._Element, content: Mapping[str, Any], source: str) -> None:
    """Who asked, from where; and this server."""
    person = str(content.get("person") or content.get("certificate_serial") or "unknown")
    attributes = {"UserID": person, "UserIsRequestor": "true"}
    if name := content.get("person_name"):
        attributes["UserName"] = str(name)
    if peer := content.get("peer"):
        attributes |= {"NetworkAccessPointID": str(peer), "NetworkAccessPointTypeCode": "2"}
    requestor = etree.SubElement(root, "ActiveParticipant", attributes)
    _coded(requestor, "RoleIDCode", _dcm("110153", "Source Role ID"))
    for role in content.get("roles", ()):
        code, _, system = str(role).partition("^")
        _coded(requestor, "RoleIDCode", (code, system or "DMP", code))
    server = etree.SubElement(root, "ActiveParticipant", UserID=source, UserIsRequestor="false")
    _coded(server, "RoleIDCode", _dcm("110152", "Destination Role ID"))


def _objects(root: etree._Element, content: Mapping[str, Any]) -> None:
    if patient := str(content.get("patient", "")):
        value, _, authority = patient.partition("^")
        number = ("2", "RFC-3881", "Patient Number")
        _object(root, f"{value}^^^&{authority}&ISO", "1", "1", number)
    if unique_id := content.get("submission_set"):
        _object(root, str(unique_id), "2", "20", _SUBMISSION_SET)
    elif content.get("documents") and not content.get("query"):
        for document in content["documents"]:
            _document(root, str(document.get("uniqueId", "")))
    if query := content.get("query"):
        asked = json.dumps({"query": query, "parameters": content.get("parameters", {})}, ensure_ascii=False)
        stored_query = _iti(18, "Registry Stored Query")
        found = _object(root, str(query), "2", "24", event_of(str(content.get("transaction", ""))).type or stored_query)
        _insert(found, "ParticipantObjectQuery", base64.b64encode(asked.encode()).decode())
        _detail(found, "QueryEncoding", b"UTF-8")


def _document(root: etree._Element, unique_id: str) -> None:
    found = _object(root, unique_id, "2", "3", ("9", "RFC-3881", "Report Number"))
    _detail(found, "Repository Unique ID", _REPOSITORY.encode())


def _object(root: etree._Element, identifier: str, kind: str, role: str, type_code: Coded) -> etree._Element:
    found = etree.SubElement(
        root,
        "ParticipantObjectIdentification",
        ParticipantObjectID=identifier,
        ParticipantObjectTypeCode=kind,
        ParticipantObjectTypeCodeRole=role,
    )
    _coded(found, "ParticipantObjectIDTypeCode", type_code)
    return found


def _insert(parent: etree._Element, name: str, text: str) -> None:
    etree.SubElement(parent, name).text = text


def _detail(parent: etree._Element, name: str, value: bytes) -> None:
    etree.SubElement(parent, "ParticipantObjectDetail", type=name, value=base64.b64encode(value).decode())


def _coded(parent: etree._Element, name: str, value: Coded) -> None:
    code, system, text = value
    etree.SubElement(parent, name, {"csd-code": code, "codeSystemName": system, "originalText": text})
