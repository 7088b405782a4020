"""TD3.3b, rendre un document visible au patient ou à ses représentants légaux (ITI-57).

A new version of the metadata without INVISIBLE_PATIENT or INVISIBLE_REPRESENTANTS_LEGAUX; it cannot be undone.
"""

from lxml import etree

from dmpws.codec.ebxml.update_kinds import UpdateKind, kinds_of
from dmpws.domain.errors import Carrier
from dmpws.domain.software import Profile
from dmpws.transactions.registry import ALL_MODES, Transaction, register
from dmpws.transactions.update import OPERATION, REFERENCES, handle, refuse


def matches(body: etree._Element, _service: str) -> bool:
    return UpdateKind.UNMASKED in kinds_of(body)


register(
    Transaction(
        code="TD3.3b",
        title="Rendre un document visible au patient",
        operation=OPERATION,
        modes=ALL_MODES,
        carrier=Carrier.REGISTRY,
        profiles=frozenset({Profile.CONSULTATION}),
        writes=True,
        audit="update-make-visible",
        references=(*REFERENCES, "GI-DMP EX_3.3-1040", "GI-DMP EX_3.3-1045"),
        module=__name__,
        handle=handle,
        refuse=refuse,
        matches=matches,
    )
)
