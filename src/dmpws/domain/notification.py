"""What a patient is told: a professional read his record."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from dmpws.domain.patient import Ins, Name, Telecom

READ = "consultation"
"""A search in the record, or a document of it, in normal mode or an emergency one."""


@dataclass(frozen=True, slots=True)
class Notification:
    """kind: what happened. person, name, structure: who did it. purpose: access mode. occurred_at: aware UTC."""

    kind: str
    person: str
    name: str
    structure: str
    purpose: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True)
class Pending:
    """A notification that nobody has sent yet, with whom it is for. contacts: mail and telephone of the record."""

    id: int
    notification: Notification
    ins: Ins
    patient: Name
    contacts: Sequence[Telecom]
