"""Judging a frame without a server: every check the server would make, and those that it would not reach."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from lxml import etree

from dmpws import app as server
from dmpws.client.envelope import envelope
from dmpws.codec.cda_metadata import entry_of
from dmpws.config import Config
from dmpws.domain.checks import Check, Outcome, Refused, Report, Rule
from dmpws.domain.datatypes import Xcn, Xon
from dmpws.domain.patient import Name, Traits
from dmpws.frames.callers import ins_in, ins_of, request_of
from dmpws.frames.laboratory import Laboratory
from dmpws.frames.operations import Recognised, recognise
from dmpws.frames.places import Places
from dmpws.frames.reading import LIMITS, Frame, Kind
from dmpws.frames.renewal import with_token
from dmpws.http.mtom import SOAP_TYPE, write_package
from dmpws.pki.trust import TrustPolicy, TrustStore
from dmpws.signature.model import ReceivedLot
from dmpws.signature.properties import signing_time
from dmpws.signature.verify_lot import LotPolicy
from dmpws.signature.verify_lot import examine as examine_lot
from dmpws.soap.envelope import assertions_of, open_envelope
from dmpws.soap.faults import SoapFault
from dmpws.soap.second_opinion import SecondOpinion
from dmpws.soap.validation import BODIES, Schemas
from dmpws.testing.tokens import CastDirectory
from dmpws.transactions import load
from dmpws.transactions.registry import operations
from dmpws.vihf import token
from dmpws.vihf.form import instant
from dmpws.vihf.issue import TokenRequest
from dmpws.vihf.policy import DirectoryPolicy, SoftwarePolicy
from dmpws.vihf.verify import examine as examine_token
from dmpws.xml.names import DS, SAML, XADES
from dmpws.xml.parser import parse

FAULT = Rule("FRAME-FAULT", "L'enveloppe est celle d'une requête du DMP", "SOAP12 5.1", "DMPInvalidRequest")
NO_TOKEN = Rule("FRAME-VIHF", "Le message porte un VIHF", "DMP-FRAME TD0.2", "DMPAuthenticationError")
AUTHOR = Rule(
    "FRAME-AUTHOR",
    "L'en-tête du document donne les métadonnées du dépôt",
    "CI-SIS LM 3.1",
    "XDSRepositoryMetadataError",
)

_ASSERTION = f"{{{SAML}}}Assertion"
_PID = re.compile(r"PID-(5|7|8)\|([^<\r\n]*)")
_STATES = {"TD1.1": "none", "TD1.2": "closed"}
"""In which state the patient's DMP must be for a transaction to go well; active for the others."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What was found. what: the frame in one French line. at: the instant as of which it was judged, aware UTC.
    sections: the checks, in order, by the part of the frame they are about."""

    what: str
    at: datetime
    sections: Mapping[str, tuple[Check, ...]]

    @property
    def failures(self) -> tuple[Check, ...]:
        return tuple(c for checks in self.sections.values() for c in checks if c.outcome is Outcome.FAILED)


def judge(frame: Frame, config: Config, *, at: datetime | None = None, state: str = "") -> Judgement:
    """Make every check on a frame. at: aware; by default when its VIHF was issued, or now without one. state: of the
    patient's DMP, active, closed or none; by default the one in which the transaction goes well."""
    return _Judge(frame, config, at, state).judge()


class _Hearing:
    """Hears the checks of the laboratory's server; those of the VIHF it put in itself are forgotten."""

    def __init__(self) -> None:
        self.checks: dict[int, Check] = {}

    def checked(self, checks: Iterable[Check]) -> None:
        self.checks.update((id(check), check) for check in checks)

    def reached(self, step: str) -> None:
        if step == "VIHF":
            self.checks.clear()

    def noted(self, facts: Mapping[str, object]) -> None:
        """The trace says nothing that the checks do not."""

    def hushed(self) -> None:
        """The frame is of who asks, and nothing of it is kept."""


class _Judge:
    def __init__(self, frame: Frame, config: Config, at: datetime | None, state: str) -> None:
        load()
        self.frame = frame
        self.config = config
        self.state = state
        self.schemas = Schemas.load()
        self.second = SecondOpinion()
        self.sections: dict[str, Report] = {}
        self.assertion = self._assertion()
        self.token = _read_token(self.assertion)
        self.at = at or self._issued() or datetime.now(UTC)

    def judge(self) -> Judgement:
        what = str(self.frame.kind)
        if self.frame.kind is Kind.VIHF:
            with self._laboratory(request_of(self.token), "none") as laboratory:
                self._vihf(laboratory)
        elif self.frame.kind is Kind.SIGNATURE:
            self._signature(self._section("Signature"))
        elif self.frame.kind is Kind.CDA:
            self._document(self._section("Document"))
        elif (answer := self._answer()) is not None:
            what = f"réponse du DMP, {what}"
            report = self._section("Réponse")
            self.schemas.check(answer, report)
            self.second.check(answer, report)
        elif (found := self._envelope()) is not None:
            what = f"{what} : {found.title}"
            self._message(found)
        places = Places(self.frame.root)
        shown = {name: tuple(places.shown(check) for check in report) for name, report in self.sections.items()}
        return Judgement(what, self.at, shown)

    def _laboratory(self, request: TokenRequest, state: str) -> Laboratory:
        return Laboratory(self.config, request, at=self.at, state=state, traits=self._traits())

    def _section(self, name: str) -> Report:
        return self.sections.setdefault(name, Report())

    # The VIHF

    def _assertion(self) -> bytes | None:
        if self.frame.kind is Kind.VIHF:
            return self.frame.octets
        found = next(self.frame.root.iter(_ASSERTION), None)
        return None if found is None else etree.tostring(found, with_tail=False)

    def _issued(self) -> datetime | None:
        """Just after the VIHF was issued, or the lot signed."""
        if self.token is not None:
            issued = instant(self.token.issue_instant)
        else:
            signed = next(self.frame.root.iter(f"{{{XADES}}}SignedProperties"), None)
            issued = signing_time(signed, Report()) if signed is not None else None
        return issued + timedelta(seconds=1) if issued else None

    def _vihf(self, laboratory: Laboratory) -> None:
        report = self._section("VIHF")
        if self.assertion is None:
            report.failed(NO_TOKEN, where="wsse:Security")
            return
        root = parse(self.assertion, LIMITS)
        self.schemas.check_vihf(root, report)
        self.second.check(root, report)
        policy = replace(
            server.vihf_policy(self.config),
            tls_certificate=False,
            directory=DirectoryPolicy.OPEN,
            software=SoftwarePolicy.ANY,
        )
        # An unsigned VIHF is as good as the card at the other end, which a file does not show: its holder's, then.
        signed = next(root.iter(f"{{{DS}}}Signature"), None) is not None
        found, _ = examine_token(
            self.assertion,
            tls=None if signed else laboratory.connection,
            policy=policy,
            trust=(signed and self._trust()) or laboratory.trust,
            directory=CastDirectory(),
            memory=None,
            now=self.at,
        )
        report.checks.extend(found)

    def _trust(self) -> TrustStore | None:
        """The authorities of the configuration, None without any."""
        folder = server.trust_folder(self.config)
        return TrustStore.from_folder(folder, TrustPolicy(crl=self.config.crl)) if folder.is_dir() else None

    # A message

    def _answer(self) -> etree._Element | None:
        """The Body child of an answer of the DMP; None for a request, and for what is neither."""
        root = self.frame.root
        body = root if self.frame.kind is Kind.BODY else next(root.iterchildren("{*}Body"), root)
        child = body if self.frame.kind is Kind.BODY else next(body.iterchildren("*"), None)
        if child is None or child.tag not in BODIES or child.tag in {operation.body for operation in operations()}:
            return None
        return child

    def _envelope(self) -> Recognised | None:
        """Look at the envelope; None when it cannot be told what it carries."""
        report = self._section("Enveloppe")
        if self.frame.kind is Kind.BODY:
            return recognise(self.frame.root, None, report)
        try:
            opened = open_envelope(self.frame.root, soap11=self.frame.kind is Kind.PACKAGE)
            assertions_of(opened.headers)
        except Refused as refused:
            report.checks.extend(refused.checks)
            return None
        except SoapFault as fault:
            report.failed(FAULT, found=fault.reason)
            return None
        return recognise(opened.body, _header_of(self.frame.root), report)

    def _message(self, found: Recognised) -> None:
        body = self.frame.root if self.frame.kind is Kind.BODY else open_envelope(self.frame.root, soap11=True).body
        states = {_STATES.get(t.code, "active") for t in found.transactions}
        state = self.state or ("active" if len(states) > 1 else states.pop())
        request = request_of(self.token)
        if self.token is None and (ins := ins_of(body)) is not None:
            request = replace(request, patient=ins)
        with self._laboratory(request, state) as laboratory:
            if self.frame.kind is not Kind.BODY:
                self._vihf(laboratory)
            report = self._section("Message")
            if found.exact:
                self.second.check(body, report)
                report.checks.extend(self._sent(found, laboratory))
            else:
                self.schemas.check(body, report)

    def _sent(self, found: Recognised, laboratory: Laboratory) -> Iterable[Check]:
        """The checks of the server when it gets the message."""
        hearing = _Hearing()
        message, operation = self._renewed(found, laboratory.token()), found.operation
        if self.frame.kind is Kind.PACKAGE or (self.frame.kind is Kind.BODY and operation.mtom_request):
            sent = write_package(message, self.frame.parts, action=operation.action)
            laboratory.post(found.service, sent.content_type, b"".join(sent.chunks), hearing)
        else:
            content_type = f'{SOAP_TYPE}; charset=UTF-8; action="{operation.action}"'
            laboratory.post(found.service, content_type, message, hearing)
        return hearing.checks.values()

    def _renewed(self, found: Recognised, vihf: bytes) -> bytes:
        """The message with another VIHF; a Body alone is given an envelope."""
        if self.frame.kind is Kind.BODY:
            body = etree.tostring(self.frame.root)
            return envelope(action=found.operation.action, to=found.service, assertion=vihf, body=body)
        return with_token(self.frame.octets, vihf)

    def _traits(self) -> Traits:
        """The patient as the message describes him: the laboratory's record is about the same person."""
        told = dict(_PID.findall(etree.tostring(self.frame.root, encoding="unicode")))
        name = Xcn.parse(f"^{told.get('5', '')}")
        return Traits(
            name=Name(birth=name.family, given=name.given), sex=told.get("8", ""), birth_date=told.get("7", "")
        )

    # Alone, outside a message

    def _signature(self, report: Report) -> None:
        root = self.frame.root
        self.schemas.check_lot_signature(root, report)
        self.second.check(root, report)
        lot = ReceivedLot(self.frame.octets, root.get("Id", ""), "", "", (), self.at)
        trust = self._trust()
        policy = LotPolicy(sha1_allowed=self.config.sha1, check_lot=False, check_path=trust is not None)
        found, _ = examine_lot(lot, policy=policy, trust=trust, signer=None)
        report.checks.extend(found)

    def _document(self, report: Report) -> None:
        """Deposit the document, by its author, with the metadata its header gives."""
        octets = self.frame.octets
        try:
            entry = entry_of(octets, "Document01")
        except (Refused, ValueError) as error:
            report.failed(AUTHOR, found=str(error))
            return
        author = entry.authors[0] if entry.authors else None
        person = Xcn.parse(author.person) if author else Xcn("")
        structure = Xon.parse(author.institutions[0]) if author and author.institutions else None
        ins = ins_in(entry.patient_id)
        request = replace(
            request_of(None),
            name_id=person.id or request_of(None).name_id,
            structure=structure.id if structure and structure.id else request_of(None).structure,
            patient=ins or request_of(None).patient,
        )
        hearing = _Hearing()
        with self._laboratory(request, "active") as laboratory:
            laboratory.deposit(octets, hearing)
        found = [check for check in hearing.checks.values() if check.rule.id.startswith(_OF_DOCUMENTS)]
        report.checks.extend(found)


_OF_DOCUMENTS = ("CDA-", "SCHEMA-CDA", "XDS-", "VAC-", "VSM-", "MASK-")
"""Rules about a document and what its header gives, among those about the lot that is made around it."""


def _header_of(root: etree._Element) -> etree._Element | None:
    return next(root.iterchildren("{*}Header"), None)


def _read_token(assertion: bytes | None) -> token.Token | None:
    if assertion is None:
        return None
    try:
        return token.read(parse(assertion, LIMITS))
    except Refused:
        return None
