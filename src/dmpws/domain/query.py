"""What the Find queries select (ITI TF-2 3.18.4.1.2.3.7), independent of its ebXML spelling."""

from dataclasses import dataclass

from dmpws.domain.code import Code
from dmpws.domain.document import STABLE, Status


def dtm_key(dtm: str) -> str:
    """First instant of the period a DTM names, 14 digits, so that DTM of different precisions compare."""
    return (dtm + "00000101000000"[len(dtm) :])[:14] if dtm else ""


@dataclass(frozen=True, slots=True)
class TimeRange:
    """`start <= x < stop`; DTM strings, empty when open."""

    start: str = ""
    stop: str = ""

    def holds(self, instant: str) -> bool:
        """Tell whether an instant, 14 digits, is inside."""
        return dtm_key(self.start) <= instant and (not self.stop or instant < dtm_key(self.stop))


ANYBODY = 0
"""Instead of a patient's row: documents of whomever, which a search among named entries alone may ask for."""


@dataclass(frozen=True, slots=True)
class DocumentQuery:
    """Criteria are ANDed; the values of one criterion are ORed.

    event_codes, confidentiality, reference_ids: AND of ORs (several slots of one name).
    author_persons, reference_ids: SQL LIKE patterns (`%`, `_`).
    signatures: signature entries too, which no Find query gives (DMPWS D14). all_versions: former metadata versions
    too. among: entryUUIDs, empty when any will do.
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
    reference_ids: tuple[tuple[str, ...], ...] = ()
    signatures: bool = False
    all_versions: bool = False
    among: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SetQuery:
    """Submission sets of a patient; author_person is one LIKE pattern, or empty."""

    patient: int
    statuses: tuple[Status, ...]
    source_ids: tuple[str, ...] = ()
    submission: TimeRange = TimeRange()
    author_person: str = ""
    content_types: tuple[Code, ...] = ()


@dataclass(frozen=True, slots=True)
class FolderQuery:
    """Folders of a patient; codes: AND of ORs. all_versions: former metadata versions too."""

    patient: int
    statuses: tuple[Status, ...]
    codes: tuple[tuple[Code, ...], ...] = ()
    all_versions: bool = False
