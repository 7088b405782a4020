"""The context of one call: everything a transaction may use besides its input. Nothing here does I/O itself."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from lxml import etree

from dmpws.codec.cda import LIMITS as CDA_LIMITS
from dmpws.domain.checks import Report
from dmpws.domain.octets import Octets
from dmpws.domain.patient import PatientRecord
from dmpws.domain.type_rights import TypeRights
from dmpws.transactions.ports import LotVerifier, UnitOfWork
from dmpws.vihf.model import VerifiedVihf
from dmpws.xml.parser import XmlLimits


@dataclass(frozen=True, slots=True)
class Settings:
    """The options transactions obey; built from the configuration (dmpws.config) once per worker."""

    guide: str = "2.10"
    """Behaviour set (DMPWS D1)."""
    authorisation_duration: timedelta = timedelta(days=365)
    """DMPWS D12."""
    care_team: str = "structure"
    """`structure` or `off` (DMPWS D132)."""
    creation: str = "allowed"
    """`allowed` or `refused` (DMPWS D13)."""
    majority_age: int = 18
    minors_enabled: bool = True
    """fonctions-gestion-mineurs."""
    masked_and_invisible: bool = False
    """cumul-invisible_patient-masque_ps."""
    cda: str = "header"
    """CDA validation level: off, header, xsd or schematron (DMPWS D17)."""
    cda_limits: XmlLimits = CDA_LIMITS
    """Bounds of a CDA document."""
    type_rights: TypeRights = field(default_factory=TypeRights)
    """Which professions read which types; by default all of them (DMPWS D19)."""
    feeding_requires: str = "nothing"
    """`nothing` or `authorisation` (DMPWS D20)."""
    strict_identity: bool = False
    """DMPWS D36."""
    vsm: str = "per_author"
    """`per_author`, `per_record` or `off` (DMPWS D34)."""
    vsm_reserved: bool = False
    """Only the médecin traitant deposits a VSM (DMPWS D34)."""
    vaccination_history: bool = True
    """The server keeps the historique des vaccinations (DMPWS D33)."""
    threshold_user: int = 0
    """Searches of one user in a window; 0 for no threshold (DMPWS D138)."""
    threshold_software: int = 0
    """Searches through one approved software in a window; 0 for no threshold (DMPWS D138)."""
    threshold_window: timedelta = timedelta(hours=1)
    max_results: int = 2000
    """DMPWS D23."""
    max_candidates: int = 50
    """DMPWS D129."""
    max_listed: int = 10_000
    """DMPWS D126."""
    retention_years: int = 10
    """How long a record is kept after its closure or the death of its patient (DMPWS D150)."""
    trace_years: int = 10
    """How long a trace is kept (DMPWS D154)."""
    institution: str = ""
    """Name and contact of the host, as copies for patients show them."""
    notifications: bool = True
    """A read leaves a row for who tells the patient (DMPWS D159)."""
    software: str = "dmpws"
    """Name and version of the program, as copies for patients show them."""
    refund_months: int = 24
    """hr-periode-max-mois: how far back Données de remboursement go (DMPWS D164)."""
    software_name: str = "DMP"


@dataclass(slots=True)
class TraceNotes:
    """What a transaction adds to the trace of its call (DMPWS D22)."""

    patient: str = ""
    """INS as `value^authority`."""
    holder: str = ""
    operation: str = ""
    """The row of the rights table that was used."""
    transaction: str = ""
    """Code of the transaction, where the caller or the record tells it and not the message."""
    submission_set: str = ""
    documents: list[dict[str, str]] = field(default_factory=list)
    """uniqueId and typeCode of each document touched."""
    query: str = ""
    parameters: dict[str, list[str]] = field(default_factory=dict)
    changes: list[dict[str, str]] = field(default_factory=list)
    """Old and new values (status, visibility, authorisation)."""
    warnings: list[str] = field(default_factory=list)
    with_trace: list[Callable[[UnitOfWork], None]] = field(default_factory=list)
    """Of a call that only reads: what changes in the transaction of its trace; it may refuse the call after all."""


CheckCda = Callable[[etree._Element, Report], bool]
"""Applies the schemas of the configured level to a ClinicalDocument (DMPWS D17)."""


class Context(Protocol):
    """What a call has in common with an act of `dmpws.acts`: what changes a record needs no token."""

    @property
    def now(self) -> datetime: ...
    @property
    def new_uuid(self) -> Callable[[], str]: ...
    @property
    def store(self) -> UnitOfWork: ...
    @property
    def settings(self) -> Settings: ...
    @property
    def notes(self) -> TraceNotes: ...


@dataclass(frozen=True, slots=True)
class Call:
    """One verified call. `now` is the reception time, aware UTC; `new_uuid` gives a bare lower-case UUID."""

    vihf: VerifiedVihf
    now: datetime
    new_uuid: Callable[[], str]
    store: UnitOfWork
    settings: Settings
    verify_lot: LotVerifier
    parts: Mapping[str, Octets]
    notes: TraceNotes
    patient: PatientRecord | None
    """The record of the token's INS, when there is one."""
    check_cda_header: CheckCda | None = None
    """None: not checked."""

    def note(self, what: str, old: object, new: object) -> None:
        """Say in the trace what changed."""
        self.notes.changes.append({"what": what, "old": str(old), "new": str(new)})
