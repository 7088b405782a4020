"""Where cases are played: a server, the cards that open it, and the software that calls it."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from dmpws import cast
from dmpws.cast import CastPatient
from dmpws.client import LpsSession
from dmpws.client.actor import DOCTOR, GENERAL_PRACTICE, Actor
from dmpws.client.session import KIT
from dmpws.client.transport import Transport
from dmpws.conformance.cases import Authentication, CaseActor, Given, Who
from dmpws.conformance.recording import Recorder
from dmpws.domain.access import AuthMode, Purpose
from dmpws.domain.code import Code
from dmpws.domain.directory import Professional, Structure
from dmpws.domain.patient import Ins
from dmpws.pki.cards import Card
from dmpws.pki.demo import DemoPki
from dmpws.pki.identity import PERSON_KINDS
from dmpws.pki.profiles import CardKind
from dmpws.vihf.issue import Lps
from dmpws.vihf.roles import SOCIAL_PROFESSIONS

ANY_CARD = "medecin-libre"
"""Plays where the plan leaves the choice."""
REGULATION = replace(
    KIT, name=cast.REGULATION_SOFTWARE.name, approval_number=cast.REGULATION_SOFTWARE.number, id=f"{KIT.id}.1"
)
_SOCIAL_CARE = (Code("41", SOCIAL_PROFESSIONS, "Assistant de service social"),)
_REASON = "Perte de connaissance"

_VALLEES = {"organisation": "HOPITAL DES 3 VALLEES", "structure": "10B0127189", "sector": "SA01"}
_CABINET = {"organisation": "CABINET DR LIBRE", "structure": "499900063480001", "sector": "SA07"}
_CAMPARINI = {"common_name": "801234534765", "family": "CAMPARINI", "given": "Marcel"}
_DOCTORANT = {"common_name": "801234567897", "family": "DOCTORANT", "given": "Charles"}
ORDERS: Mapping[str, Mapping[str, Any]] = {
    "pharmacien": {"kind": CardKind.CPS, **_DOCTORANT, **_VALLEES, "profession": "21", "speciality": "H"},
    "infirmier": {"kind": CardKind.CPS, **_CAMPARINI, **_VALLEES, "profession": "60"},
    "cpf-doctorant": {"kind": CardKind.CPF, **_DOCTORANT, "speciality": "SM26"},
    "remplacant": {"kind": CardKind.CPS_REMPLACANT, **_CAMPARINI, "speciality": "SM26"},
    "cpe-vallees": {"kind": CardKind.CPE, **_VALLEES, "common_name": "30B0127189/0001"},
    "cpe-nominative": {"kind": CardKind.CPE, **_DOCTORANT, **_CABINET, "common_name": "499900063480001/0002"},
}
"""Cards that only the cases need, made by the demo PKI when they are asked for: the public cast in other functions."""


class NotPlayable(Exception):
    """A case cannot be played here; the message says why, in French."""


@dataclass
class World:
    """A server and what is needed to call it.

    pki: the cards. connect: opens a connection with a card. clock: gives the time, aware. distrust: opens one that
    does not know the server's authority; None without TLS.
    """

    pki: DemoPki
    connect: Callable[[Card], Transport]
    clock: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))
    identities: Mapping[str, Ins] = field(default_factory=dict)
    """INS that patients of the plan have on this server, by number in the plan, when not those of dmpws."""
    approval: str = ""
    """`LPS_ID_HOMOLOGATION_DMP` of the software that plays; empty for those of dmpws."""
    distrust: Callable[[Card], Transport] | None = None
    bring_about: Callable[[Given, CastPatient, str], None] | None = None
    """Puts a patient into a state that no LPS can bring about, for a professional (PS_IdNat); None when nothing can."""
    open_records: set[str] = field(default_factory=set)
    """INS of the records seen active in this run: no case closes the record of a patient of the plan."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def card(self, name: str) -> Card:
        """A card by its name. Raises NotPlayable when there is none and none can be made."""
        with self._lock:
            try:
                return self.pki.card(name)
            except FileNotFoundError:
                if name not in ORDERS or not (self.pki.folder / "ca").is_dir():
                    raise NotPlayable(f"il n'y a pas de carte « {name} »") from None
            options = dict(ORDERS[name])
            return self.pki.issue(options.pop("kind"), name, **options)

    def session(self, who: CaseActor) -> tuple[LpsSession, Recorder]:
        """A client for who plays, and what it sends and receives. Raises NotPlayable."""
        card = self.card(ANY_CARD if who.card == "any" else who.card)
        try:
            recorder = Recorder(self.connect(card))
        except OSError as error:
            raise NotPlayable(f"la carte « {card.name} » n'ouvre pas de connexion : {error}") from None
        lps = LpsSession(
            card,
            actor=actor_of(who, card),
            lps=self._software(who),
            purpose=who.access_mode,
            reason=_REASON if who.access_mode is Purpose.BRIS_DE_GLACE else "",
            secret=who.secret,
            transport=recorder,
            clock=self.clock,
        )
        return lps, recorder

    def _software(self, who: CaseActor) -> Lps:
        ours = REGULATION if who.regulation else KIT
        return replace(ours, approval_number=self.approval) if self.approval else ours


def actor_of(who: CaseActor, card: Card) -> Actor:
    """The person behind a card; on a structure's card, somebody of the public cast who works there."""
    place = cast.STRUCTURES.get(who.structure or card.practice.structure) or _place_of(card)
    if card.kind in PERSON_KINDS:
        holder = Actor.of_card(card)
        if place is None or holder.structure:
            return holder
        return replace(holder, structure=place.identifier, structure_name=place.name, sector=min(place.sectors))
    if place is None:
        raise NotPlayable(f"la carte « {card.name} » ne dit pas sa structure")
    person = cast.PROFESSIONALS[who.person] if who.person else _somebody(place)
    return Actor(
        mode=AuthMode.INDIRECTE_RENFORCEE if who.authentication is Authentication.AIR else AuthMode.INDIRECTE,
        person=person.identifier,
        family=person.family,
        given=person.given,
        structure=place.identifier,
        structure_name=place.name,
        sector=min(place.sectors),
        roles=_SOCIAL_CARE if who.who is Who.SOCIAL_CARE else (DOCTOR, GENERAL_PRACTICE),
    )


def _place_of(card: Card) -> Structure | None:
    """The structure that the card names, when the public cast does not have it."""
    practice = card.practice
    if not practice.structure:
        return None
    return Structure(practice.structure, practice.structure_name, frozenset({practice.sector}))


def _somebody(place: Structure) -> Professional:
    works = {place.identifier, place.parent}
    people = cast.PROFESSIONALS.values()
    return next((person for person in people if works & person.structures), next(iter(people)))
