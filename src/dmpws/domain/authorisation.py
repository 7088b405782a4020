"""Authorisations to consult a DMP: who holds them, how long they last, what TD0.2 says of them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class HolderKind(StrEnum):
    PERSON = "person"
    STRUCTURE = "structure"


@dataclass(frozen=True, slots=True)
class Holder:
    """A professional (PS_IdNat) or a structure (Struct_IdNat: CPE and AIR, note 1 of PDT-INF-526)."""

    kind: HolderKind
    identifier: str


class AuthorisationState(StrEnum):
    """Value of the AUTORISATION attention line (code system 1.2.250.1.213.4.1.2.6.2)."""

    VALIDE = "VALIDE"
    NON_EXISTE = "NON_EXISTE"
    EXPIRE = "EXPIRE"
    INTERDIT = "INTERDIT"


@dataclass(frozen=True, slots=True)
class Authorisation:
    """The present state of one holder on one DMP; its history is the events (`AuthorisationEvent`)."""

    holder: Holder
    granted_at: datetime | None
    """First AJOUT of the current period; None when only a block exists."""
    last_action_at: datetime | None
    expires_at: datetime | None
    blocked: bool = False
    """The patient blocked this holder: beats everything."""
    treating_doctor: bool = False
    """Role MEDECIN_TRAITANT."""
    specialties: tuple[str, ...] = ()
    """authorSpecialty codes (`G15_10/SM26`) the holder had at his last AJOUT; empty for a structure."""


class ListMode(StrEnum):
    """Which authorisations TD1.6 asks for."""

    ACTIVE = "ACTIVE"
    BLOCKED = "INTERDITE"
    ALL = "TOUTE"


@dataclass(frozen=True, slots=True)
class NamedAuthorisation:
    """An authorisation and the names the directory has for its holder; `family` is the name of a structure."""

    authorisation: Authorisation
    family: str
    given: str


def listing(
    found: Iterable[NamedAuthorisation], mode: ListMode, now: datetime
) -> Sequence[tuple[ListMode, NamedAuthorisation]]:
    """What TD1.6 lists, in order, each as ACTIVE or INTERDITE: expired and ended authorisations are neither."""
    states = {AuthorisationState.VALIDE: ListMode.ACTIVE, AuthorisationState.INTERDIT: ListMode.BLOCKED}
    shown = ((states.get(state_of(named.authorisation, now)), named) for named in found)
    return [(state, named) for state, named in shown if state is not None and mode in (state, ListMode.ALL)]


class AuthorisationAct(StrEnum):
    """What was done to an authorisation; AJOUT and SUPPRESSION are the words of TD0.3, the others ours."""

    ADD = "AJOUT"
    REMOVE = "SUPPRESSION"
    BLOCK = "BLOCAGE"
    UNBLOCK = "DEBLOCAGE"
    EXPIRE = "EXPIRATION"
    """A laboratory let it end; time alone leaves no event."""


@dataclass(frozen=True, slots=True)
class By:
    """Who changed an authorisation.

    identifier, name: as the traces show him. capacity: why he could: empty for the caller of a transaction in his
    own name, SECRET_CONNECTION when that was one, else what the act says (`patient`, `treating_doctor` …).
    """

    identifier: str
    name: str = ""
    capacity: str = ""


SECRET_CONNECTION = "secret_connection"  # noqa: S105 - a capacity
"""Capacity of a caller whom a minor's representatives do not learn of (DMPWS D209)."""


@dataclass(frozen=True, slots=True)
class AuthorisationEvent:
    """One change of an authorisation: who, when, what.

    treating_doctor: the role MEDECIN_TRAITANT was given or taken; a SUPPRESSION of the role alone leaves `expires_at`.
    expires_at: when the authorisation ends after the change, None when none is left.
    """

    holder: Holder
    act: AuthorisationAct
    at: datetime
    by: By
    treating_doctor: bool
    expires_at: datetime | None


def state_of(authorisation: Authorisation | None, now: datetime) -> AuthorisationState:
    """Return what TD0.2 reports for this authorisation at `now`."""
    if authorisation is None:
        return AuthorisationState.NON_EXISTE
    if authorisation.blocked:
        return AuthorisationState.INTERDIT
    if authorisation.granted_at is None or authorisation.expires_at is None:
        return AuthorisationState.NON_EXISTE
    return AuthorisationState.VALIDE if now < authorisation.expires_at else AuthorisationState.EXPIRE
