"""The world in which an example or a test plays: who calls, whose DMP, in which state, at which instant."""

import itertools
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from memory import MemoryStore

from dmpws.cast import PATIENTS, CastPatient
from dmpws.domain import oids
from dmpws.domain.access import AuthMode, Purpose
from dmpws.domain.authorisation import Authorisation, Holder, HolderKind
from dmpws.domain.code import Code
from dmpws.domain.patient import DmpStatus, PatientRecord
from dmpws.transactions.call import Call, Settings, TraceNotes
from dmpws.vihf.model import SEAL, VerifiedVihf

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
YEAR = timedelta(days=365)
DOCTOR = Code("10", oids.PROFESSIONS, "Médecin")
GENERAL_PRACTICE = Code("SM26", oids.SKILLS, "Qualifié en Médecine Générale (SM)")
SECRETARY = Code("SECRETARIAT_MEDICAL", oids.NON_PROFESSIONALS, "Secrétariat médical")

_DOCTOR = {"roles": (DOCTOR, GENERAL_PRACTICE), "certificate_kind": "CPS", "mode": AuthMode.DIRECTE}
CALLERS: dict[str, dict[str, Any]] = {
    "medecin-libre": {**_DOCTOR, "name_id": "899900063480", "structure": "499900063480001", "subject_id": "MAX LIBRE"},
    "medecin-camparini": {**_DOCTOR, "name_id": "801234534765", "structure": "10B0127189"},
    "cpe-libre": {
        "mode": AuthMode.DIRECTE,
        "roles": (SECRETARY,),
        "certificate_kind": "CPE",
        "name_id": "499900063480001/0001",
        "structure": "499900063480001",
    },
    "hopital": {**_DOCTOR, "mode": AuthMode.INDIRECTE, "certificate_kind": "ORG_AUTH_CLI",
                "name_id": "801234567897", "structure": "11B0062640"},
    "hopital-air": {**_DOCTOR, "mode": AuthMode.INDIRECTE_RENFORCEE, "certificate_kind": "ORG_AUTH_CLI",
                    "name_id": "801234567897", "structure": "11B0062640"},
    "employe-air": {
        "mode": AuthMode.INDIRECTE_RENFORCEE,
        "roles": (SECRETARY,),
        "certificate_kind": "ORG_AUTH_CLI",
        "name_id": "11B0062640/0001",
        "structure": "11B0062640",
    },
}  # fmt: skip


def vihf(caller: str, patient: CastPatient, **changes: Any) -> VerifiedVihf:
    """A token whose checks have all passed; changes: any field."""
    fields: dict[str, Any] = {
        "id": "_1",
        "issued_at": NOW,
        "issuer": "CN=test",
        "version": "4.0",
        "sector": "SA07",
        "subject_id": "",
        "patient": patient.ins,
        "purpose": Purpose.NORMAL,
        "secret_connection": False,
        "reason": "",
        "software_id": "",
        "software_name": "dmpws kit",
        "software_version": "1",
        "approval_number": "DMPWS-KIT-tmp1",
        "signed": True,
        "certificate_serial": "01",
        **CALLERS[caller],
        **changes,
    }
    return VerifiedVihf(**fields, seal=SEAL)


@dataclass
class World:
    """One caller, one patient, one store."""

    caller: str = "medecin-libre"
    patient: str = "pat-trois"
    purpose: str = "normal"
    settings: Settings = field(default_factory=Settings)
    store: MemoryStore = field(default_factory=MemoryStore)
    now: datetime = NOW
    notes: TraceNotes = field(default_factory=TraceNotes)
    token: dict[str, Any] = field(default_factory=dict)
    """Fields of the VIHF that differ from the caller's."""

    @property
    def person(self) -> CastPatient:
        return PATIENTS[self.patient]

    @property
    def record(self) -> PatientRecord | None:
        return self.store.patients.find(self.person.ins)

    def call(self) -> Call:
        """The context of a call, with predictable identifiers."""
        numbers = itertools.count(1)
        self.notes = TraceNotes()
        return Call(
            vihf=vihf(self.caller, self.person, purpose=Purpose(self.purpose), **self.token),
            now=self.now,
            new_uuid=lambda: f"00000000-0000-4000-8000-{next(numbers):012d}",
            store=self.store,  # type: ignore[arg-type]
            settings=self.settings,
            verify_lot=None,  # type: ignore[arg-type]
            parts={},
            notes=self.notes,
            patient=self.record,
        )

    def given(
        self,
        dmp: str = "active",
        authorisation: str = "NON_EXISTE",
        structure_authorisation: str = "NON_EXISTE",
        treating_doctor: bool = False,
        opposes: str = "",
    ) -> "World":
        """Put the record into a state. dmp: none, active or closed. authorisation and structure_authorisation:
        states of the caller's own authorisation and of his structure's. opposes: an emergency mode."""
        if dmp == "none":
            return self
        record = self.store.patients.create(
            [self.person.ins],
            self.person.traits,
            now=self.now - YEAR,
            opposes_bris_de_glace=opposes == "bris_de_glace",
            opposes_centre_15=opposes == "centre_15",
        )
        if dmp == "closed":
            self.change(
                status=DmpStatus.CLOSED,
                closed_at=datetime(2026, 3, 2, 9, 30, tzinfo=UTC),
                closure_code="FERMETURE_DEMANDE_PATIENT",
                closure_text="Fermeture à la demande du patient",
            )
        caller = CALLERS[self.caller]
        self._hold(record.id, Holder(HolderKind.PERSON, caller["name_id"]), authorisation, treating_doctor)
        self._hold(record.id, Holder(HolderKind.STRUCTURE, caller["structure"]), structure_authorisation, False)
        return self

    def change(self, **changes: Any) -> None:
        """Change fields of the record."""
        records = self.store.patients.records
        records[-1] = replace(records[-1], **changes)

    def _hold(self, patient: int, holder: Holder, state: str, treating_doctor: bool) -> None:
        if state == "NON_EXISTE":
            return
        granted = self.now - (2 * YEAR if state == "EXPIRE" else YEAR / 2)
        self.store.authorisations.held[patient, holder] = Authorisation(
            holder,
            granted_at=None if state == "INTERDIT" else granted,
            last_action_at=granted,
            expires_at=None if state == "INTERDIT" else granted + YEAR,
            blocked=state == "INTERDIT",
            treating_doctor=treating_doctor,
        )
