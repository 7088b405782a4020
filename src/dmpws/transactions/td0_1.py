"""TD0.1, accès sécurisé au SI DMP: no message of its own, it is the header of every other transaction."""

from collections.abc import Callable
from typing import Any, NoReturn

from lxml import etree

from dmpws.domain.checks import Rule, refusal
from dmpws.domain.errors import Carrier
from dmpws.soap.message import SoapRequest
from dmpws.transactions.registry import ALL_MODES, ALL_PROFILES, Transaction, register
from dmpws.vihf.model import VerifiedVihf

MODE = Rule(
    "CALL-MODE",
    "La transaction existe dans ce mode d'authentification",
    "PDT-INF-526",
    "DMPAccessDeniedByRightsService",
)
APPROVAL = Rule(
    "CALL-APPROVAL",
    "Le logiciel est homologué pour cette transaction dans ce mode d'authentification",
    "DMPWS D35",
    "DMPAuthenticationError",
)

VerifyToken = Callable[[SoapRequest], VerifiedVihf]
"""Checks the VIHF of a call against the TLS certificate that brought it. Raises Refused."""


def open_access(vihf: VerifiedVihf, transaction: Transaction, body: etree._Element) -> None:
    """Let a caller in. Raises Refused: his mode has no such transaction, or his software is not approved for it."""
    if vihf.mode not in transaction.modes:
        raise refusal(MODE, expected=", ".join(sorted(transaction.modes)), found=vihf.mode)
    software = vihf.software
    if software is None:
        return
    if software.category not in transaction.categories:
        kinds = ", ".join(sorted(transaction.categories))
        found = f"{software.number}, {software.category or 'catégorie inconnue'}"
        raise refusal(APPROVAL, expected=f"un logiciel {kinds} pour {transaction.code}", found=found)
    profiles = transaction.narrower(body) if transaction.narrower else transaction.profiles
    if not software.covers(profiles, vihf.mode, transaction.code):
        approved = " ; ".join(str(scope) for scope in sorted(software.scopes)) or "rien"
        found = f"{transaction.code} ({', '.join(sorted(profiles))}) en {vihf.mode}"
        raise refusal(APPROVAL, expected=f"{software.number} homologué pour : {approved}", found=found)


def _no_message(*_: Any) -> NoReturn:
    raise LookupError("TD0.1 has no message of its own")


register(
    Transaction(
        code="TD0.1",
        title="Accès sécurisé au SI DMP",
        operation=None,
        modes=ALL_MODES,
        carrier=Carrier.FAULT,
        profiles=ALL_PROFILES,
        writes=False,
        audit="access",
        references=("GI-DMP EX_GEN-1450", "GI-DMP EX_AIR-040", "PDT-INF-579", "DMPWS D3", "DMPWS D10"),
        module=__name__,
        handle=_no_message,
        refuse=_no_message,
    )
)
