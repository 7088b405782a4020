"""Two steps for what cannot be undone: the plan gives a phrase, the act wants it back."""

import hashlib
import json

from dmpws.acts.desk import Desk
from dmpws.domain.checks import Rule, refusal

CONFIRMED = Rule(
    "ACT-CONFIRMED",
    "La phrase de confirmation est celle que l'essai à blanc a donnée",
    "DMPWS D149",
    "DMPInvalidRequest",
)


def phrase(desk: Desk, verb: str, *facts: object) -> str:
    """The phrase that confirms exactly this: the same verb, motive, proof and facts, and nothing that moved since."""
    told = json.dumps([verb, desk.motive, desk.proof, [str(fact) for fact in facts]])
    return f"{verb}-{hashlib.sha256(told.encode()).hexdigest()[:8]}"


def require(given: str, expected: str) -> None:
    """Raises Refused when the phrase is another one: the plan has to be looked at again."""
    if given != expected:
        raise refusal(CONFIRMED, found=given[:40] or "rien")
