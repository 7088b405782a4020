"""TD3.3a, masquer ou démasquer un document aux professionnels (ITI-57).

A new version of the metadata with or without MASQUE_PS. Unmasking leaves no code in the message: the record tells
that it is not TD3.3b (see `dmpws.transactions.update.handle`).
"""

from lxml import etree

from dmpws.codec.ebxml.update_kinds import UpdateKind, kinds_of
from dmpws.domain.errors import Carrier
from dmpws.domain.software import Profile
from dmpws.transactions.registry import ALL_MODES, Transaction, register
from dmpws.transactions.update import OPERATION, REFERENCES, handle, refuse


def matches(body: etree._Element, _service: str) -> bool:
    return UpdateKind.MASKED in kinds_of(body)


register(
    Transaction(
        code="TD3.3a",
        title="Masquage et démasquage aux professionnels",
        operation=OPERATION,
        modes=ALL_MODES,
        carrier=Carrier.REGISTRY,
        profiles=frozenset({Profile.CONSULTATION}),
        writes=True,
        audit="update-mask",
        references=(*REFERENCES, "GI-DMP EX_2.1-1050"),
        module=__name__,
        handle=handle,
        refuse=refuse,
        matches=matches,
    )
)
