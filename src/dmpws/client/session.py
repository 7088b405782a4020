"""The client kit's front door: one user, one server, every transaction as a method."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from lxml import etree

from dmpws.client import habilitations, patients, registry, repository
from dmpws.client.actor import Actor
from dmpws.client.envelope import body_of, envelope
from dmpws.client.errors import BadAnswer
from dmpws.client.lot import Deposit, Lot, build_lot
from dmpws.client.received import ReceivedSink
from dmpws.client.transport import Answer, HttpsTransport, Transport
from dmpws.codec.ebxml.names import FIND_DOCUMENTS, GET_DOCUMENTS
from dmpws.domain.access import Purpose
from dmpws.domain.checks import Refused
from dmpws.domain.document import Status
from dmpws.domain.octets import Octets
from dmpws.domain.patient import Ins, Traits
from dmpws.http.limits import Limits
from dmpws.http.media_type import parse_media_type
from dmpws.http.mtom import SOAP_TYPE, PackageReader, write_package
from dmpws.pki.cards import Card
from dmpws.transactions import load
from dmpws.transactions.registry import transaction
from dmpws.vihf.issue import Lps, TokenRequest, make, request_for

KIT = Lps("dmpws kit", "0.1.0", "DMPWS-KIT-tmp1", id="1.2.250.1.999.1.1.7898")
"""The software this kit says it is, unless told otherwise."""

_GIGABYTE = 1024**3


@dataclass(frozen=True, slots=True)
class _Received:
    body: etree._Element
    parts: Mapping[str, Octets] = field(default_factory=dict)


class LpsSession:
    """A DMP-compatible software in use by one professional.

    card: opens the TLS connection and signs VIHF and lots. url: base of the services
    (`https://localhost:8443/si-dmp-server/v2/services`). ca_file: PEM of the authorities of the server.
    actor: who works with a structure's card; read on a person's card. purpose, reason: access mode of every call.
    transport: replaces the HTTPS connection, for tests. clock: gives the time, aware.

    Every method raises Unreachable without an answer, ServerFault for a SOAP fault, BadAnswer for anything that
    is not the interface; refusals by business code are values of the answer.

    >>> with LpsSession(card, url, ca_file=ca) as lps:  # doctest: +SKIP
    ...     lps.test_existence(ins).exists
    """

    def __init__(
        self,
        card: Card,
        url: str = "",
        *,
        ca_file: Path | None = None,
        actor: Actor | None = None,
        lps: Lps = KIT,
        purpose: Purpose = Purpose.NORMAL,
        reason: str = "",
        transport: Transport | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        load()
        if transport is None and ca_file is None:
            raise ValueError("an HTTPS session needs ca_file, the authorities of the server")
        self.card = card
        self.actor = actor or Actor.of_card(card)
        self.lps = lps
        self._purpose = purpose
        self._reason = reason
        self._clock = clock
        self._transport = transport or HttpsTransport(url, card, ca_file or Path())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._transport.close()

    def token_request(self, ins: Ins) -> TokenRequest:
        """What the VIHF of a call on this patient says."""
        actor = self.actor
        return replace(
            request_for(self.card, ins, self.lps, actor.mode),
            name_id=actor.person,
            structure=actor.structure,
            sector=actor.sector,
            roles=actor.roles,
            subject_id=f"{actor.given} {actor.family}",
            purpose=self._purpose,
            reason=self._reason,
        )

    def token(self, ins: Ins) -> bytes:
        """A fresh signed VIHF."""
        return make(self.token_request(ins), card=self.card, now=self._clock())

    # TD0.2, TD0.3, TD1.1

    def test_existence(self, ins: Ins, *, token: bytes | None = None) -> patients.Existence:
        """TD0.2: does the patient have a DMP, and may I read it?"""
        request = patients.existence_request(ins, self.lps, self._clock())
        return patients.existence_answer(self._call("TD0.2", ins, request, token=token).body)

    def create_record(
        self,
        ins: Ins,
        traits: Traits,
        *,
        consent: datetime | None,
        opposes_bris_de_glace: bool = False,
        opposes_centre_15: bool = False,
    ) -> patients.Creation:
        """TD1.1: open a DMP; consent is the moment at which the patient agreed, aware."""
        request = patients.creation_request(
            ins,
            traits,
            self.actor,
            self.lps,
            self._clock(),
            consent=consent,
            opposes_bris_de_glace=opposes_bris_de_glace,
            opposes_centre_15=opposes_centre_15,
        )
        return patients.creation_answer(self._call("TD1.1", ins, request).body)

    def add_authorisation(self, ins: Ins, *, treating_doctor: bool = False) -> habilitations.StatusAnswer:
        """TD0.3 AJOUT: declare that the patient authorised me, perhaps as his médecin traitant."""
        return self._authorisation(ins, "AJOUT", treating_doctor)

    def remove_authorisation(self, ins: Ins, *, treating_doctor: bool = False) -> habilitations.StatusAnswer:
        """TD0.3 SUPPRESSION: end my authorisation, or only the role of médecin traitant."""
        return self._authorisation(ins, "SUPPRESSION", treating_doctor)

    def _authorisation(self, ins: Ins, action: str, treating_doctor: bool) -> habilitations.StatusAnswer:
        request = habilitations.authorisation_request(action, treating_doctor=treating_doctor)
        return habilitations.authorisation_answer(self._call("TD0.3", ins, request).body)

    # TD2.1

    def build_lot(self, ins: Ins, deposits: Sequence[Deposit], *, title: str = "", signer: Card | None = None) -> Lot:
        """Make a signed lot without sending it. signer: signs instead of the session's card."""
        return build_lot(
            ins,
            deposits,
            actor=self.actor,
            source_id=self.lps.id,
            card=signer or self.card,
            now=self._clock(),
            title=title,
        )

    def send_lot(self, ins: Ins, lot: Lot, *, token: bytes | None = None) -> repository.SubmissionAnswer:
        """TD2.1: deposit a lot made by `build_lot`."""
        received = self._call("TD2.1", ins, lot.body, token=token, attachments=lot.attachments)
        return repository.submission_answer(received.body)

    def submit(self, ins: Ins, deposits: Sequence[Deposit], *, title: str = "") -> repository.SubmissionAnswer:
        """TD2.1: make, sign and deposit a lot."""
        return self.send_lot(ins, self.build_lot(ins, deposits, title=title))

    # TD3.1, TD3.2

    def find_documents(
        self,
        ins: Ins,
        *,
        statuses: Sequence[Status] = (Status.APPROVED,),
        parameters: Mapping[str, Sequence[str]] | None = None,
        return_type: str = "LeafClass",
    ) -> registry.QueryAnswer:
        """TD3.1, FindDocuments. parameters: further `$XDSDocumentEntry…` in stored query coding."""
        slots = {
            "$XDSDocumentEntryPatientId": [f"'{registry.cx(ins)}'"],
            "$XDSDocumentEntryStatus": [registry.quoted(statuses)],
            **(parameters or {}),
        }
        return self._query(ins, FIND_DOCUMENTS, slots, return_type)

    def get_documents(
        self,
        ins: Ins,
        *,
        unique_ids: Sequence[str] = (),
        entry_uuids: Sequence[str] = (),
        return_type: str = "LeafClass",
    ) -> registry.QueryAnswer:
        """TD3.1, GetDocuments by uniqueId or by entryUUID."""
        slots = {}
        if unique_ids:
            slots["$XDSDocumentEntryUniqueId"] = [registry.quoted(unique_ids)]
        if entry_uuids:
            slots["$XDSDocumentEntryEntryUUID"] = [registry.quoted(entry_uuids)]
        return self._query(ins, GET_DOCUMENTS, slots, return_type)

    def _query(
        self, ins: Ins, query: str, slots: Mapping[str, Sequence[str]], return_type: str
    ) -> registry.QueryAnswer:
        request = registry.query_request(query, slots, return_type=return_type)
        return registry.query_answer(self._call("TD3.1", ins, request).body)

    def retrieve(self, ins: Ins, unique_ids: Sequence[str]) -> repository.RetrieveAnswer:
        """TD3.2: fetch documents; their octets are in temporary files while the answer lives."""
        received = self._call("TD3.2", ins, repository.retrieve_request(unique_ids))
        return repository.retrieve_answer(received.body, received.parts)

    # The wire

    def _call(
        self,
        code: str,
        ins: Ins,
        body: etree._Element,
        *,
        token: bytes | None = None,
        attachments: Mapping[str, Octets] | None = None,
    ) -> _Received:
        operation = transaction(code).operation
        if operation is None:
            raise ValueError(f"{code} has no message of its own")
        message = envelope(
            action=operation.action,
            to=f"{self._transport.url}/{operation.service}",
            assertion=token or self.token(ins),
            body=etree.tostring(body),
        )
        if operation.mtom_request or operation.mtom_answer:
            sent = write_package(message, attachments or {}, action=operation.action)
            answer = self._transport.post(operation.service, sent.content_type, sent.chunks, sent.length)
        else:
            content_type = f'{SOAP_TYPE}; charset=UTF-8; action="{operation.action}"'
            answer = self._transport.post(operation.service, content_type, [message], len(message))
        return _received(answer)


def _received(answer: Answer) -> _Received:
    media_type = parse_media_type(answer.content_type)
    if media_type.name == SOAP_TYPE:
        return _Received(body_of(answer.stream.read()))
    if media_type.name != "multipart/related":
        start = answer.stream.read(200).decode("utf-8", "replace")
        raise BadAnswer(f"HTTP {answer.status}, {answer.content_type or 'no Content-Type'}: {start}")
    limits = Limits(body=_GIGABYTE, document=_GIGABYTE)
    try:
        reader = PackageReader(media_type, ReceivedSink(), limits)
        while piece := answer.stream.read(256 * 1024):
            reader.feed(piece)
        package = reader.finish()
    except Refused as refused:
        raise BadAnswer(str(refused)) from None
    return _Received(body_of(package.envelope), package.parts)
