"""A store in memory: what the administrative transactions need of a unit of work, and no more."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from dmpws.domain.authorisation import Authorisation, By, Holder, NamedAuthorisation
from dmpws.domain.authorised import AuthorisedQuery, AuthorisedRecord
from dmpws.domain.internet_account import Channel, InternetAccount
from dmpws.domain.patient import DmpStatus, Ins, PatientRecord, Traits
from dmpws.domain.patient_search import PatientCriteria
from dmpws.testing.tokens import CastDirectory


@dataclass
class Patients:
    records: list[PatientRecord] = field(default_factory=list)

    def find(self, ins: Ins) -> PatientRecord | None:
        return next((r for r in self.records if ins in r.identifiers), None)

    def search(
        self, criteria: PatientCriteria, *, without_block_of: Sequence[Holder], limit: int
    ) -> Sequence[PatientRecord]:
        """Nobody: tests/store/test_patient_search.py tells who is found."""
        return []

    def authorised(self, query: AuthorisedQuery, *, limit: int) -> Sequence[AuthorisedRecord]:
        """Nobody: tests/store/test_authorised.py tells who is listed."""
        return []

    def lock(self, patient: int) -> None:
        """One thread: nobody else changes anything."""

    def create(
        self,
        identifiers: Sequence[Ins],
        traits: Traits,
        *,
        now: datetime,
        opposes_bris_de_glace: bool,
        opposes_centre_15: bool,
    ) -> PatientRecord:
        record = PatientRecord(
            id=len(self.records) + 1,
            identifiers=tuple(identifiers),
            status=DmpStatus.ACTIVE,
            traits=traits,
            created_at=now,
            opposes_bris_de_glace=opposes_bris_de_glace,
            opposes_centre_15=opposes_centre_15,
        )
        self.records.append(record)
        return record

    def update(self, patient: int, traits: Traits, *, opposes_bris_de_glace: bool, opposes_centre_15: bool) -> bool:
        oppositions = {"opposes_bris_de_glace": opposes_bris_de_glace, "opposes_centre_15": opposes_centre_15}
        return self._change(patient, DmpStatus.ACTIVE, traits=traits, **oppositions)

    def close(self, patient: int, *, now: datetime, code: str, text: str, final: bool) -> bool:
        closure = {"closure_code": code, "closure_text": text, "closure_final": final}
        return self._change(patient, DmpStatus.ACTIVE, status=DmpStatus.CLOSED, closed_at=now, **closure)

    def reopen(self, patient: int) -> bool:
        closure = {"closed_at": None, "closure_code": "", "closure_text": ""}
        if self._of(patient).closure_final:
            return False
        return self._change(patient, DmpStatus.CLOSED, status=DmpStatus.ACTIVE, **closure)

    def _of(self, patient: int) -> PatientRecord:
        return next(r for r in self.records if r.id == patient)

    def _change(self, patient: int, expected: DmpStatus, **changes: Any) -> bool:
        record = self._of(patient)
        if record.status is not expected:
            return False
        self.records[self.records.index(record)] = replace(record, **changes)
        return True


@dataclass
class Authorisations:
    held: dict[tuple[int, Holder], Authorisation] = field(default_factory=dict)

    def get(self, patient: int, holder: Holder) -> Authorisation | None:
        return self.held.get((patient, holder))

    def of_holders(self, patient: int, holders: Sequence[Holder]) -> Mapping[Holder, Authorisation]:
        return {h: self.held[patient, h] for h in holders if (patient, h) in self.held}

    def grant(
        self,
        patient: int,
        holder: Holder,
        *,
        by: By,
        now: datetime,
        expires_at: datetime,
        treating_doctor: bool,
        specialties: Sequence[str] = (),
    ) -> None:
        self.held[patient, holder] = Authorisation(
            holder, now, now, expires_at, treating_doctor=treating_doctor, specialties=tuple(specialties)
        )

    def revoke(self, patient: int, holder: Holder, *, by: By, now: datetime, only_treating_doctor: bool) -> bool:
        held = replace(self.held[patient, holder], treating_doctor=False, last_action_at=now)
        if not only_treating_doctor:
            held = replace(held, granted_at=None, expires_at=None)
        self.held[patient, holder] = held
        return True

    def of_record(self, patient: int) -> Sequence[NamedAuthorisation]:
        return [NamedAuthorisation(held, "", "") for (p, _), held in self.held.items() if p == patient]

    def treating_doctors(self, patient: int) -> Sequence[Holder]:
        return [h for (p, h), held in self.held.items() if p == patient and held.treating_doctor]


@dataclass
class InternetAccounts:
    held: dict[int, InternetAccount] = field(default_factory=dict)

    def get(self, patient: int) -> InternetAccount | None:
        return self.held.get(patient)

    def open(self, patient: int, account: InternetAccount, *, now: datetime) -> None:
        self.held[patient] = account

    def renew(self, patient: int, login: str, password_hash: str, *, now: datetime) -> None:
        self.held[patient] = replace(self.held[patient], login=login, password_hash=password_hash)

    def put_channel(self, patient: int, channel: Channel, *, now: datetime) -> None:
        account = self.held[patient]
        others = tuple(other for other in account.channels if other.type is not channel.type)
        self.held[patient] = replace(account, channels=(*others, channel))


@dataclass
class MemoryStore:
    """A UnitOfWork without documents; the directory is the public cast."""

    directory: CastDirectory = field(default_factory=CastDirectory)
    patients: Patients = field(default_factory=Patients)
    authorisations: Authorisations = field(default_factory=Authorisations)
    internet_accounts: InternetAccounts = field(default_factory=InternetAccounts)
