"""What FindDocuments selects (ITI TF-2 3.18.4.1.2.3.7.1), independent of its ebXML spelling."""

from dataclasses import dataclass

from dmpws.domain.code import Code
from dmpws.domain.document import STABLE, Status


@dataclass(frozen=True, slots=True)
class TimeRange:
    """`start <= x < stop`; DTM strings, empty when open."""

    start: str = ""
    stop: str = ""


@dataclass(frozen=True, slots=True)
class DocumentQuery:
    """Criteria are ANDed; the values of one criterion are ORed.

    event_codes, confidentiality: AND of ORs (several slots of one name).
    author_persons: SQL LIKE patterns (`%`, `_`).
    """

    patient: int
    statuses: tuple[Status, ...]
    classes: tuple[Code, ...] = ()
    types: tuple[Code, ...] = ()
    formats: tuple[Code, ...] = ()
    facilities: tuple[Code, ...] = ()
    practice_settings: tuple[Code, ...] = ()
    event_codes: tuple[tuple[Code, ...], ...] = ()
    confidentiality: tuple[tuple[Code, ...], ...] = ()
    author_persons: tuple[str, ...] = ()
    creation: TimeRange = TimeRange()
    service_start: TimeRange = TimeRange()
    service_stop: TimeRange = TimeRange()
    object_types: tuple[str, ...] = (STABLE,)
