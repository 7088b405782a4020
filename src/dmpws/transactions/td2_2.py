"""TD2.2, alimentation par une CPE: the lot of TD2.1, sent by an employee of the structure (ITI-41).

The card and the role tell: a CPE may call `/repository`, and a CPS that calls `/repositoryCPE` does TD2.1
(see `dmpws.transactions.deposit.row_of`).
"""

from lxml import etree

from dmpws.domain.access import AuthMode
from dmpws.domain.errors import Carrier
from dmpws.domain.software import Profile
from dmpws.transactions.registry import Transaction, register
from dmpws.transactions.td2_1 import OPERATION, handle, refuse


def matches(_body: etree._Element, service: str) -> bool:
    return service in OPERATION.aliases


register(
    Transaction(
        code="TD2.2",
        title="Alimentation d'un DMP par une CPE",
        operation=OPERATION,
        modes=frozenset({AuthMode.DIRECTE}),
        carrier=Carrier.REGISTRY,
        profiles=frozenset({Profile.FEEDING}),
        writes=True,
        audit="provide-and-register",
        references=("ITI TF-2 3.41", "GI-DMP EX_2.1-1140", "PDT-INF-526", "PDT-INF-617", "DMPWS D82"),
        module=__name__,
        handle=handle,
        refuse=refuse,
        matches=matches,
    )
)
