"""TD3.3d, archiver ou désarchiver un document (ITI-57).

Any other update, which no transaction does, comes here to be refused.
"""

from lxml import etree

from dmpws.codec.ebxml.update_kinds import UpdateKind, kinds_of
from dmpws.domain.errors import Carrier
from dmpws.domain.software import Profile
from dmpws.transactions.registry import ALL_MODES, Transaction, register
from dmpws.transactions.update import OPERATION, REFERENCES, handle, refuse


def matches(body: etree._Element, _service: str) -> bool:
    kinds = kinds_of(body)
    return UpdateKind.STATUS in kinds or not kinds


register(
    Transaction(
        code="TD3.3d",
        title="Archivage et désarchivage d'un document",
        operation=OPERATION,
        modes=ALL_MODES,
        carrier=Carrier.REGISTRY,
        profiles=frozenset({Profile.CONSULTATION}),
        writes=True,
        audit="update-archive",
        references=REFERENCES,
        module=__name__,
        handle=handle,
        refuse=refuse,
        matches=matches,
    )
)
