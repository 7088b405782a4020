"""Loading the fictitious cast: what a laboratory server holds before anybody calls.

Two sets: `cast`, a few records without anything in them, there from the first start; `plan`, every patient of the
test plan in the situation it describes.
"""

from collections.abc import Iterable
from datetime import datetime

from dmpws import cast
from dmpws.store import Store

WITH_DMP = tuple(person.key for person in cast.PATIENTS.values() if person.small)
"""Patients of the set `cast`."""


def seed(store: Store, now: datetime, *, records: Iterable[str] = WITH_DMP) -> int:
    """Load structures, professionals, approved software and records; what is there already stays as it is.

    records: keys of the patients who get a DMP. Returns the number of records opened.
    """
    opened = 0
    with store.write() as work:
        for structure in cast.STRUCTURES.values():
            if work.directory.structure(structure.identifier) is None:
                work.directory.put_structure(structure)
        for professional in cast.PROFESSIONALS.values():
            if work.directory.professional(professional.identifier) is None:
                work.directory.put_professional(professional)
        for software in cast.APPROVED.values():
            if work.directory.software(software.number) is None:
                work.directory.put_software(software)
        for key in records:
            patient = cast.PATIENTS[key]
            if work.patients.find(patient.ins) is None:
                work.patients.create(
                    [patient.ins], patient.traits, now=now, opposes_bris_de_glace=False, opposes_centre_15=False
                )
                opened += 1
    return opened
