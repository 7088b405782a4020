"""Approved software: a product family, what it is approved for, and since when (DMPWS D9 and D35)."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from dmpws.domain.access import AuthMode


class Category(StrEnum):
    """Kind of software, as homologation names it."""

    EAI = "EAI"
    FAH = "FAH"
    GAM = "GAM"
    LDRM = "LDRM"
    """Medical regulation (centre 15), the only one that may search a patient without INS (TD0.5)."""
    LGC = "LGC"
    SIH = "SIH"
    SGL = "SGL"
    SIR = "SIR"
    TLM = "TLM"


class Profile(StrEnum):
    """Profiles of DMP-compatibilité. Which transactions each holds is said by the registry of transactions."""

    MANAGEMENT = "création et gestion"
    FEEDING = "alimentation"
    CONSULTATION = "consultation"


class ApprovalStatus(StrEnum):
    APPROVED = "approved"
    SUSPENDED = "suspended"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True, order=True)
class Scope:
    """One thing a product may do: a profile in an authentication mode.

    transaction: the only one of that profile, as `TD2.1`; empty for all of them.
    """

    profile: Profile
    mode: AuthMode
    transaction: str = ""

    def __str__(self) -> str:
        return f"{self.profile}{f' ({self.transaction})' if self.transaction else ''} en {self.mode}"


EVERYTHING = frozenset(Scope(profile, mode) for profile in Profile for mode in AuthMode)
"""Nothing is limited; the rights say what a mode may not do at all (GI-DMP EX_AIR-010)."""


@dataclass(frozen=True, slots=True)
class Software:
    """A product family. number: `LPS_ID_HOMOLOGATION_DMP`. name: of the family. category: None when not known.

    valid_from, valid_until: first and last day (UTC) of the approval, None without limit.
    """

    number: str
    name: str
    editor: str = ""
    category: Category | None = None
    status: ApprovalStatus = ApprovalStatus.APPROVED
    valid_from: date | None = None
    valid_until: date | None = None
    scopes: frozenset[Scope] = frozenset()

    def problem(self, today: date) -> str:
        """Why the approval does not hold today, in French; empty when it does."""
        if self.status is ApprovalStatus.REVOKED:
            return "homologation retirée"
        if self.status is ApprovalStatus.SUSPENDED:
            return "homologation suspendue"
        if self.valid_from is not None and today < self.valid_from:
            return f"homologation valable à partir du {self.valid_from:%d/%m/%Y}"
        if self.valid_until is not None and today > self.valid_until:
            return f"homologation échue le {self.valid_until:%d/%m/%Y}"
        return ""

    def covers(self, profiles: Iterable[Profile], mode: AuthMode, transaction: str) -> bool:
        """The transaction, which is in these profiles, is approved in this mode."""
        return any(
            scope.mode is mode and scope.profile in profiles and scope.transaction in ("", transaction)
            for scope in self.scopes
        )
