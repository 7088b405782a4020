"""One case being played: the people, the documents and the sessions that its steps speak of by name."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import uuid4

from dmpws import cast
from dmpws.cast import CastPatient
from dmpws.client import LpsSession
from dmpws.client.registry import FoundDocument, QueryAnswer
from dmpws.conformance.cases import Case, CaseActor
from dmpws.conformance.recording import Exchange, Recorder
from dmpws.conformance.world import NotPlayable, World
from dmpws.seed.documents import Planned

NOBODY = "cas12"
"""Whose traits a patient has who is made up for one case."""


@dataclass(slots=True)
class Known:
    """A document the steps speak of. planned: what was deposited, when it was by this case; version: its version."""

    unique_id: str
    planned: Planned | None = None
    version: int = 1


class Play:
    """What the steps of a case share. documents: by name; those of the cases before, in a scenario."""

    def __init__(self, case: Case, world: World, documents: dict[str, Known] | None = None) -> None:
        self.case = case
        self.world = world
        self.documents = {} if documents is None else documents
        self.found: Sequence[FoundDocument] = ()
        self.answer: QueryAnswer | None = None
        self.returned: object = None
        """What the last call returned; None when it was refused by a fault."""
        self.token: bytes | None = None
        self.run = uuid4().hex[:12]
        self._sessions: dict[CaseActor, tuple[LpsSession, Recorder]] = {}
        self._nobody: CastPatient | None = None

    def patient(self, number: str = "") -> CastPatient:
        """A patient by his number in the plan; the case's own, or a new person when it has none."""
        number = number or self.case.given.patient
        if person := cast.BY_CASE.get(number):
            return replace(person, ins=self.world.identities.get(number, person.ins))
        if self._nobody is None:
            traits = cast.PATIENTS[NOBODY].traits
            ins = cast.allocate_ins(traits, random.randrange(10**8))  # noqa: S311 - a fictitious identity
            self._nobody = replace(cast.PATIENTS[NOBODY], ins=ins, case="")
        return self._nobody

    def session(self, who: CaseActor) -> LpsSession:
        """A client for who plays, the same one each time. Raises NotPlayable."""
        if who not in self._sessions:
            self._sessions[who] = self.world.session(who)
        return self._sessions[who][0]

    def transport(self, lps: LpsSession) -> Recorder:
        """What a client sends through."""
        return next(recorder for session, recorder in self._sessions.values() if session is lps)

    def exchanges(self, who: CaseActor) -> list[Exchange]:
        """What the client of who plays sent and received so far."""
        return self._sessions[who][1].exchanges if who in self._sessions else []

    def document(self, name: str) -> Known:
        """A document by its name in the steps. Raises NotPlayable when no step gave it."""
        if name not in self.documents:
            raise NotPlayable(f"aucune étape n'a donné le document « {name} »")
        return self.documents[name]

    def close(self) -> None:
        """Close every connection."""
        for lps, _ in self._sessions.values():
            lps.close()
