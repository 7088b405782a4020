"""What a CDA header says, as far as the DMP looks at it (CI-SIS SM 3.5)."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from dmpws.domain.code import Code
from dmpws.domain.datatypes import parse_dtm


@dataclass(frozen=True, slots=True)
class CdaId:
    """An II: root OID and extension, empty when absent."""

    root: str = ""
    extension: str = ""


@dataclass(frozen=True, slots=True)
class CdaActor:
    """An author or the legal authenticator: own identifiers, those of the structure, specialty and role."""

    ids: tuple[CdaId, ...] = ()
    structures: tuple[CdaId, ...] = ()
    specialty: Code | None = None
    role: str = ""

    @property
    def names(self) -> frozenset[str]:
        """What XCN.1 may hold for this actor: a person is named by the extension, an instance by its OID alone."""
        return frozenset(i.extension or i.root for i in self.ids) - {""}

    @property
    def structure_names(self) -> frozenset[str]:
        """What XON.10 may hold for the structure."""
        return frozenset(i.extension or i.root for i in self.structures) - {""}


@dataclass(frozen=True, slots=True)
class CdaPatient:
    """recordTarget: identifiers and traits; families by qualifier (BR, CL, SP, or empty)."""

    ids: tuple[CdaId, ...]
    families: tuple[tuple[str, str], ...]
    givens: tuple[str, ...]
    sex: str
    birth_time: str


@dataclass(frozen=True, slots=True)
class CdaHeader:
    """A CDA header. Times are as written, local with offset; codes and times are empty or None when absent.

    event_codes: codes of the acts and their translations. reference_ids: of the orders and of the acts.
    replaces: ids of the parentDocument of relatedDocument RPLC. media_type: of a non structured body, else empty.
    self_presenting: the document is an XSL style sheet that carries the CDA (auto-présentable).
    """

    id: CdaId
    code: Code | None
    title: str
    effective_time: str
    confidentiality: Code | None
    language: str
    patient: CdaPatient
    authors: tuple[CdaActor, ...]
    legal_authenticator: CdaActor | None
    service_start: str
    service_stop: str
    practice_setting: Code | None
    facility_type: Code | None
    templates: tuple[CdaId, ...]
    media_type: str
    replaces: tuple[str, ...]
    self_presenting: bool
    set_id: CdaId = CdaId()
    version: str = ""
    event_codes: tuple[Code, ...] = ()
    reference_ids: tuple[CdaId, ...] = ()

    @property
    def document_set(self) -> tuple[str, str]:
        """setId, `root` or `root^extension`, and versionNumber without leading zeros; empty when absent."""
        set_id = f"{self.set_id.root}^{self.set_id.extension}".rstrip("^")
        return set_id, self.version.lstrip("0") or self.version

    @property
    def template_ids(self) -> tuple[str, ...]:
        """The templateIds without their versions."""
        return tuple(t.root for t in self.templates)


_STEPS = {
    4: timedelta(days=366), 6: timedelta(days=31), 8: timedelta(days=1),
    10: timedelta(hours=1), 12: timedelta(minutes=1), 14: timedelta(seconds=1),
}  # fmt: skip
_WEST, _EAST = timedelta(hours=10), timedelta(hours=12)
"""The time zones of France: from Polynesia to Wallis and Futuna."""
_TIME = re.compile(r"(\d+)(?:\.\d+)?([+-]\d{2}[0-5]\d)?", re.ASCII)

Period = tuple[datetime, datetime]


def same_time(cda: str, dtm: str) -> bool:
    """Tell whether a CDA time (local, with offset) and a UTC DTM of the metadata name the same moment.

    Compared at the coarser precision of both. A CDA time without offset, as a date is, may be of any French zone.
    """
    local, utc = _local_period(cda), _period(dtm)
    return local is not None and utc is not None and local[0] < utc[1] and utc[0] < local[1]


def _period(digits: str) -> Period | None:
    start = parse_dtm(digits)
    return None if start is None else (start, start + _STEPS[len(digits)])


def _local_period(text: str) -> Period | None:
    found = _TIME.fullmatch(text)
    period = _period(found.group(1)) if found else None
    if found is None or period is None:
        return None
    offset = found.group(2)
    if not offset:
        return period[0] - _EAST, period[1] + _WEST
    shift = timedelta(hours=int(offset[1:3]), minutes=int(offset[3:]))
    shift = -shift if offset[0] == "-" else shift
    return period[0] - shift, period[1] - shift
