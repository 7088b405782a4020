"""One trace: who did what on which record, how, and with what outcome (DMPWS D22).

A trace is written for every call, refused ones too. It never holds a secret (password, key, token) nor the content
of a document: names of things, never the things.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any, NamedTuple

LONGEST_TEXT = 2000
LONGEST_LIST = 500


class TraceOutcome(StrEnum):
    ACCEPTED = "accepted"
    REFUSED = "refused"
    FAILED = "failed"
    """The server could not do it: not the caller's fault."""


class Trace(NamedTuple):
    """Content of one trace. Absent values are empty; what was not verified is said by `verified`."""

    occurred_at: datetime
    """Reception of the call, aware UTC."""
    transaction: str
    """Code in the registry (`TD2.1`) or of an act (`act:block`), or empty when the call reached none."""
    outcome: TraceOutcome
    code: str = ""
    """Error code answered."""
    message: str = ""
    """The French sentence answered with it."""
    correlation_id: str = ""
    message_id: str = ""
    """wsa:MessageID of the request."""
    peer: str = ""
    """IP address of the caller."""
    verified: bool = False
    """The VIHF was verified (in profile `ihe` the XUA assertion, or else the TLS certificate): who, structure and
    software below are facts, not claims."""
    person: str = ""
    """NameID of the VIHF; in profile `ihe` of the XUA assertion, or else the subject of the TLS certificate."""
    person_name: str = ""
    roles: tuple[str, ...] = ()
    structure: str = ""
    sector: str = ""
    mode: str = ""
    """Authentication mode."""
    purpose: str = ""
    """Access mode: normal, bris_de_glace, centre_15."""
    reason: str = ""
    """Mode_Acces_Raison; of an act, its motive."""
    actor: str = ""
    """In which capacity somebody acted without an LPS (dmpws.acts): empty for a call."""
    on_behalf_of: str = ""
    """The patient for whom he acted, as `patient`; empty when he acted for himself."""
    proof: str = ""
    """Reference of what shows that the act was asked for."""
    secret: bool = False
    """Secret connection of a minor: hidden from the legal representatives (DMPWS D21)."""
    certificate_kind: str = ""
    certificate_serial: str = ""
    software_id: str = ""
    software_name: str = ""
    software_version: str = ""
    approval_number: str = ""
    patient: str = ""
    """INS as `value^authority`."""
    holder: str = ""
    """Holder of the authorisation that was looked at or changed."""
    operation: str = ""
    """Row of the rights table."""
    submission_set: str = ""
    documents: tuple[Mapping[str, str], ...] = ()
    """uniqueId and typeCode of each document touched."""
    query: str = ""
    parameters: Mapping[str, tuple[str, ...]] = MappingProxyType({})
    changes: tuple[Mapping[str, str], ...] = ()
    """Old and new values: status, visibility, authorisation."""
    warnings: tuple[str, ...] = ()

    def values(self) -> Mapping[str, object]:
        """The content as JSON values; empty ones left out, long ones cut."""
        return {name: _json(value) for name, value in zip(self._fields, self, strict=True) if value}


def _json(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, list | tuple):
        items = [_json(item) for item in value[:LONGEST_LIST]]
        return [*items, f"… ({len(value)})"] if len(value) > LONGEST_LIST else items
    if isinstance(value, Mapping):
        return {_text(str(key)): _json(item) for key, item in value.items()}
    return value


def _text(value: str) -> str:
    """`value` cut, without what a database cannot hold."""
    if len(value) <= LONGEST_TEXT and value.isascii() and "\0" not in value:
        return value
    shown = value if len(value) <= LONGEST_TEXT else value[:LONGEST_TEXT] + "…"
    return shown.replace("\0", "\ufffd").encode("utf-8", "replace").decode()


def canonical(values: Mapping[str, object]) -> str:
    """The one spelling of a content that is hashed and stored."""
    return json.dumps(values, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
