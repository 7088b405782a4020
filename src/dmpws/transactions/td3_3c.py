"""TD3.3c, suppression (dépublication) d'un document (ITI-57): irreversible, and without any right to consult."""

from lxml import etree

from dmpws.codec.ebxml.update_kinds import UpdateKind, kinds_of
from dmpws.domain.errors import Carrier
from dmpws.domain.software import Profile
from dmpws.transactions.registry import ALL_MODES, Transaction, register
from dmpws.transactions.update import OPERATION, REFERENCES, handle, refuse


def matches(body: etree._Element, _service: str) -> bool:
    return UpdateKind.DELETE in kinds_of(body)


register(
    Transaction(
        code="TD3.3c",
        title="Suppression d'un document",
        operation=OPERATION,
        modes=ALL_MODES,
        carrier=Carrier.REGISTRY,
        profiles=frozenset({Profile.FEEDING, Profile.CONSULTATION}),
        writes=True,
        audit="update-delete",
        references=(*REFERENCES, "GI-DMP EX_3.3-1050", "GI-DMP EX_3.3-1060"),
        module=__name__,
        handle=handle,
        refuse=refuse,
        matches=matches,
    )
)
