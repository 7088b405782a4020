"""What the tests of a VIHF share: make tokens, and judge them with everything at its strict default."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from dmpws import cast
from dmpws.domain.checks import Report
from dmpws.pki.cards import Card
from dmpws.pki.demo import DemoPki
from dmpws.pki.trust import TrustStore
from dmpws.testing.tokens import LPS, CastDirectory, UsedTokens, tls_of
from dmpws.vihf.issue import TokenRequest, make, request_for
from dmpws.vihf.model import VerifiedVihf
from dmpws.vihf.policy import VihfPolicy
from dmpws.vihf.verify import examine


@dataclass
class Desk:
    """Makes and judges tokens around one card and one moment."""

    pki: DemoPki
    now: datetime
    trust: TrustStore
    memory: UsedTokens = field(default_factory=UsedTokens)
    directory: CastDirectory = field(default_factory=CastDirectory)

    @property
    def card(self) -> Card:
        return self.pki.card("medecin-libre")

    def request(self, card: str = "medecin-libre", **changes: Any) -> TokenRequest:
        """What the card says, about the first patient of the cast."""
        mode = changes.pop("mode", None)
        request = request_for(self.pki.card(card), cast.PATIENTS["conteste"].ins, LPS, mode)
        return replace(request, **changes)

    def token(self, **changes: Any) -> bytes:
        return make(self.request(**changes), card=self.card, now=self.now)

    def judged(
        self, octets: bytes, *, tls: str = "medecin-libre", at: datetime | None = None, **others: Any
    ) -> tuple[Report, VerifiedVihf | None]:
        """Judge a token that comes over a connection opened with the card `tls`. others: arguments of `examine`,
        or `facts` for another end of the connection."""
        arguments = {
            "tls": others.pop("facts", None) or tls_of(self.pki.card(tls)),
            "memory": self.memory,
            "directory": self.directory,
            "policy": VihfPolicy(),
            **others,
        }
        return examine(octets, trust=self.trust, now=at or self.now, **arguments)
