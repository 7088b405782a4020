"""The entrance of the DMP: a VIHF, verified against the TLS certificate that brought it (TD0.1)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lxml import etree

from dmpws.audit.trace import Trace
from dmpws.domain.checks import Report
from dmpws.soap.message import SoapRequest
from dmpws.transactions.call import Call, Settings, TraceNotes
from dmpws.transactions.observed import tell_caller
from dmpws.transactions.ports import LotVerifier, UnitOfWork
from dmpws.transactions.registry import Interface, Transaction
from dmpws.transactions.td0_1 import VerifyToken, open_access
from dmpws.vihf.model import VerifiedVihf


@dataclass(frozen=True, slots=True)
class VihfEntrance:
    """Implements dmpws.transactions.pipeline.Entrance.

    lot_verifier: makes, for one caller, the function that checks a lot signature.
    learn: called with each verified token, for directories that add unknown callers (DMPWS D8).
    """

    verify_token: VerifyToken
    check_cda_header: Callable[[etree._Element, Report], bool]
    lot_verifier: Callable[[VerifiedVihf], LotVerifier]
    settings: Settings
    new_uuid: Callable[[], str]
    learn: Callable[[VerifiedVihf], None]

    @property
    def interface(self) -> Interface:
        return Interface.DMP

    def enter(self, request: SoapRequest) -> "VihfVisitor":
        vihf = self.verify_token(request)
        tell_caller(vihf)
        return VihfVisitor(self, vihf)


@dataclass(frozen=True, slots=True)
class VihfVisitor:
    """Implements dmpws.transactions.pipeline.Visitor: the holder of a verified VIHF."""

    entrance: VihfEntrance
    vihf: VerifiedVihf

    @property
    def patient(self) -> str:
        return f"{self.vihf.patient.value}^{self.vihf.patient.authority}"

    def sign(self, draft: Trace) -> Trace:
        vihf = self.vihf
        return draft._replace(
            verified=True,
            person=vihf.name_id,
            person_name=vihf.subject_id,
            roles=tuple(f"{role.code}^{role.system}" for role in vihf.roles),
            structure=vihf.structure,
            sector=vihf.sector,
            mode=vihf.mode,
            purpose=vihf.purpose,
            reason=vihf.reason,
            secret=vihf.secret_connection,
            certificate_kind=vihf.certificate_kind,
            certificate_serial=vihf.certificate_serial,
            software_id=vihf.software_id,
            software_name=vihf.software_name,
            software_version=vihf.software_version,
            approval_number=vihf.approval_number,
            patient=self.patient,
            warnings=vihf.warnings,
        )

    def admit(self, asked: Sequence[Transaction], body: etree._Element) -> None:
        for transaction in asked:
            open_access(self.vihf, transaction, body)
        self.entrance.learn(self.vihf)

    def call(self, request: SoapRequest, work: UnitOfWork, notes: TraceNotes) -> Call:
        return Call(
            vihf=self.vihf,
            now=request.received_at,
            new_uuid=self.entrance.new_uuid,
            store=work,
            settings=self.entrance.settings,
            verify_lot=self.entrance.lot_verifier(self.vihf),
            parts=request.parts,
            notes=notes,
            patient=work.patients.find(self.vihf.patient),
            check_cda_header=self.entrance.check_cda_header,
        )
