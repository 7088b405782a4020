"""The set `plan`: a record for every patient of the test plan who has one, in his situation.

Kinds of situation: `authorised`, `treating_doctor`, `expired` and `blocked` (a professional or a structure), `opposed`
(an emergency mode), `closed` (the text of the motive), `deceased` (the day), `former_nir` (its order), `child_of` (the
key of a patient). What a record that exists already went through since is not undone (DMPWS D174).
"""

from dataclasses import replace
from datetime import datetime, timedelta

from dmpws import cast
from dmpws.acts.closing import BY_HOST, BY_REQUEST
from dmpws.cast import CastPatient, Situation
from dmpws.domain.access import Purpose
from dmpws.domain.authorisation import By, Holder, HolderKind
from dmpws.domain.patient import PatientRecord, Representative, Traits
from dmpws.store import Store
from dmpws.transactions.ports import UnitOfWork

BY = By("dmpws seed", capacity="laboratory")
YEAR = timedelta(days=365)
DOCTOR = ("G15_10/SM26",)
"""authorSpecialty of the professionals of the cast, all of them."""


def open_records(store: Store, now: datetime) -> dict[str, int]:
    """Open the records that are missing, and give the authorisations nobody ever touched; returns how many.

    now: aware. Records are three years old, expired authorisations ended a year ago.
    """
    done = {"opened": 0, "authorisations": 0}
    for person in cast.PATIENTS.values():
        if not person.has_dmp:
            continue
        with store.write() as work:
            record = work.patients.find(person.ins)
            fresh = record is None
            record = record or _open(work, person, now - 3 * YEAR)
            done["opened"] += fresh
            done["authorisations"] += sum(_authorise(work, record, s, now) for s in person.situations)
            if fresh:
                _end(work, record, person, now)
    return done


def _open(work: UnitOfWork, person: CastPatient, at: datetime) -> PatientRecord:
    situations = person.situations
    former = [
        cast.invented_ins(person.traits, int(situation.detail))
        for situation in situations
        if situation.kind == "former_nir"
    ]
    return work.patients.create(
        [person.ins, *former],
        _represented(person),
        now=at,
        opposes_bris_de_glace=Situation("opposed", Purpose.BRIS_DE_GLACE) in situations,
        opposes_centre_15=Situation("opposed", Purpose.CENTRE_15) in situations,
    )


def _represented(person: CastPatient) -> Traits:
    """The traits, with the parent the plan knows as legal representative."""
    parents = [cast.PATIENTS[s.detail].traits for s in person.situations if s.kind == "child_of"]
    representatives = (
        Representative("FTH" if parent.sex == "M" else "MTH", parent.name, parent.addresses) for parent in parents
    )
    return replace(person.traits, representatives=tuple(representatives))


def _authorise(work: UnitOfWork, record: PatientRecord, situation: Situation, now: datetime) -> bool:
    """Authorise or block a holder who has no history on the record."""
    if situation.kind not in ("authorised", "treating_doctor", "expired", "blocked"):
        return False
    person = situation.detail in cast.PROFESSIONALS
    holder = Holder(HolderKind.PERSON if person else HolderKind.STRUCTURE, situation.detail)
    if work.authorisations.history(record.id, holder):
        return False
    if situation.kind == "blocked":
        return work.authorisations.block(record.id, holder, by=BY, now=now)
    granted = now - 2 * YEAR if situation.kind == "expired" else now
    work.authorisations.grant(
        record.id,
        holder,
        by=BY,
        now=granted,
        expires_at=granted + YEAR,
        treating_doctor=situation.kind == "treating_doctor",
        specialties=DOCTOR if person else (),
    )
    return True


def _end(work: UnitOfWork, record: PatientRecord, person: CastPatient, now: datetime) -> None:
    """Close the record, as the patient or the death of the patient did."""
    for situation in person.situations:
        if situation.kind == "closed":
            work.patients.close(record.id, now=now, code=BY_REQUEST, text=situation.detail, final=False)
        if situation.kind == "deceased":
            work.patients.note_death(record.id, record.traits, day=situation.detail)
            work.patients.close(record.id, now=now, code=BY_HOST, text="Décès du patient", final=True)
