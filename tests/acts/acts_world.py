"""A record, and who acts on it."""

import json
import uuid
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from dmpws.acts.actor import Actor, treating_doctor
from dmpws.acts.desk import Desk
from dmpws.cast import PATIENTS
from dmpws.domain import oids
from dmpws.domain.access import AuthMode, Purpose
from dmpws.domain.authorisation import Authorisation, By, Holder, HolderKind
from dmpws.domain.caller import Caller
from dmpws.domain.code import Code
from dmpws.domain.patient import Name, PatientRecord, Representative
from dmpws.store import Store
from dmpws.transactions.call import Settings

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
INS = PATIENTS["pat-trois"].ins
MOTHER = Representative("MTH", Name(birth="ATTRIBUT", given="MONIQUE"))
GUARDIAN = Representative("RESPRSN", Name(birth="NESSI", used="DE VINCI", given="RUTH"))
LIBRE = Holder(HolderKind.PERSON, "899900063480")
CAMPARINI = Holder(HolderKind.PERSON, "801234534765")
CABINET = Holder(HolderKind.STRUCTURE, "499900063480001")


def doctor(**changes: Any) -> Actor:
    """Dr LIBRE at the desk; the record tells whether he is the médecin traitant."""
    roles = (Code("10", oids.PROFESSIONS),)
    usual = Caller(AuthMode.DIRECTE, Purpose.NORMAL, LIBRE.identifier, CABINET.identifier, roles)
    return treating_doctor(replace(usual, **changes), "MAX LIBRE")


@dataclass
class World:
    """A store in which PAT-TROIS DOMINIQUE has a DMP or not yet."""

    store: Store

    def open(self, **changes: Any) -> PatientRecord:
        """Open the DMP; changes: of the patient's traits."""
        traits = replace(PATIENTS["pat-trois"].traits, **changes)
        with self.store.write() as work:
            return work.patients.create([INS], traits, now=NOW, opposes_bris_de_glace=False, opposes_centre_15=False)

    def desk(self, actor: Actor, **changes: Any) -> Desk:
        """The desk, with an actor before it."""
        return replace(Desk(self.store, NOW, lambda: str(uuid.uuid4()), Settings(), actor), **changes)

    def authorise(self, holder: Holder, *, treating_doctor: bool = False, days: int = 30) -> None:
        """Grant for some days from now, which may be past."""
        with self.store.write() as work:
            work.authorisations.grant(
                self.record().id,
                holder,
                by=By(holder.identifier),
                now=NOW - timedelta(days=365),
                expires_at=NOW + timedelta(days=days),
                treating_doctor=treating_doctor,
            )

    def record(self) -> PatientRecord:
        with self.store.read() as work:
            found = work.patients.find(INS)
        assert found is not None
        return found

    def authorisation(self, holder: Holder) -> Authorisation | None:
        with self.store.read() as work:
            return work.authorisations.get(self.record().id, holder)

    def traces(self) -> list[dict[str, Any]]:
        """The content of every trace, oldest first."""
        with self.store.read() as work:
            return [json.loads(row.content) for row in work.traces.rows()]
