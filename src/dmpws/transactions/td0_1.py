"""TD0.1, accès sécurisé au SI DMP: no message of its own, it is the header of every other transaction."""

from collections.abc import Callable
from typing import Any, NoReturn

from dmpws.domain.checks import Rule, refusal
from dmpws.domain.errors import Carrier
from dmpws.soap.message import SoapRequest
from dmpws.transactions.registry import ALL_MODES, Transaction, register
from dmpws.vihf.model import VerifiedVihf

MODE = Rule(
    "CALL-MODE",
    "La transaction existe dans ce mode d'authentification",
    "PDT-INF-526",
    "DMPAccessDeniedByRightsService",
)

VerifyToken = Callable[[SoapRequest], VerifiedVihf]
"""Checks the VIHF of a call against the TLS certificate that brought it. Raises Refused."""


def open_access(request: SoapRequest, transaction: Transaction, verify_token: VerifyToken) -> VerifiedVihf:
    """Return who calls. Raises Refused: the token is not good, or its mode has no such transaction."""
    vihf = verify_token(request)
    if vihf.mode not in transaction.modes:
        raise refusal(MODE, expected=", ".join(sorted(transaction.modes)), found=vihf.mode)
    return vihf


def _no_message(*_: Any) -> NoReturn:
    raise LookupError("TD0.1 has no message of its own")


register(
    Transaction(
        code="TD0.1",
        title="Accès sécurisé au SI DMP",
        operation=None,
        modes=ALL_MODES,
        carrier=Carrier.FAULT,
        writes=False,
        audit="access",
        references=("GI-DMP EX_GEN-1450", "GI-DMP EX_AIR-040", "PDT-INF-579", "DMPWS D3", "DMPWS D10"),
        module=__name__,
        handle=_no_message,
        refuse=_no_message,
    )
)
