"""The entrance of profile `ihe`: the TLS client certificate, and an XUA assertion when there is one (DMPWS D97)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lxml import etree

from dmpws.audit.trace import Trace
from dmpws.domain.affinity import AffinityDomain
from dmpws.soap.message import SoapRequest
from dmpws.transactions.call import Settings, TraceNotes
from dmpws.transactions.ihe import IheCall
from dmpws.transactions.ports import UnitOfWork
from dmpws.transactions.registry import Interface, Transaction
from dmpws.vihf.xua_model import IheClient


@dataclass(frozen=True, slots=True)
class IheEntrance:
    """Implements dmpws.transactions.pipeline.Entrance.

    identify: makes sure of who calls. Raises Refused.
    """

    identify: Callable[[SoapRequest], IheClient]
    domain: AffinityDomain
    settings: Settings
    new_uuid: Callable[[], str]

    @property
    def interface(self) -> Interface:
        return Interface.IHE

    def enter(self, request: SoapRequest) -> "IheVisitor":
        return IheVisitor(self, self.identify(request))


@dataclass(frozen=True, slots=True)
class IheVisitor:
    """Implements dmpws.transactions.pipeline.Visitor."""

    entrance: IheEntrance
    client: IheClient

    @property
    def patient(self) -> str:
        return ""

    def sign(self, draft: Trace) -> Trace:
        user = self.client.user
        if user is None:
            return draft._replace(verified=bool(self.client.certificate), person=self.client.certificate)
        return draft._replace(
            verified=True,
            person=user.user,
            person_name=user.name,
            roles=tuple(f"{role.code}^{role.system}" for role in user.roles),
            structure=user.organization,
            purpose=user.purpose,
        )

    def admit(self, asked: Sequence[Transaction], body: etree._Element) -> None:
        """Whoever comes in may do everything: rights are not IHE's."""

    def call(self, request: SoapRequest, work: UnitOfWork, notes: TraceNotes) -> IheCall:
        return IheCall(
            domain=self.entrance.domain,
            now=request.received_at,
            new_uuid=self.entrance.new_uuid,
            store=work,
            settings=self.entrance.settings,
            parts=request.parts,
            notes=notes,
        )
