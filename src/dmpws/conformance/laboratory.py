"""Bringing about what no LPS can: through the database of a server that is ours to change."""

from datetime import timedelta

from dmpws.cast import CastPatient
from dmpws.conformance.cases import Given
from dmpws.conformance.world import World
from dmpws.domain.authorisation import By, Holder, HolderKind
from dmpws.store import Store

BY = By("dmpws conformance", capacity="laboratory")
_YEAR = timedelta(days=365)


def laboratory(store: Store, world: World) -> None:
    """Let `world` ask this store for an expired or blocked authorisation of a professional."""

    def bring_about(given: Given, person: CastPatient, professional: str) -> None:
        now = world.clock()
        with store.write() as work:
            record = work.patients.find(person.ins)
            if record is None:
                return
            holder = Holder(HolderKind.PERSON, professional)
            if given.authorisation == "INTERDIT":
                work.authorisations.block(record.id, holder, by=BY, now=now)
            if given.authorisation == "EXPIRE":
                work.authorisations.unblock(record.id, holder, by=BY, now=now)
                work.authorisations.revoke(record.id, holder, by=BY, now=now, only_treating_doctor=False)
                work.authorisations.grant(
                    record.id, holder, by=BY, now=now - 2 * _YEAR, expires_at=now - _YEAR, treating_doctor=False
                )

    world.bring_about = bring_about
