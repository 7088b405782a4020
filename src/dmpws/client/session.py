"""The client kit's front door: one user, one server, every transaction as a method."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from lxml import etree

from dmpws.client import (
    candidates,
    habilitations,
    patient_access,
    patient_list,
    patients,
    registration,
    registry,
    repository,
    update,
)
from dmpws.client.actor import Actor
from dmpws.client.closing import Closing
from dmpws.client.errors import Problem, ServerFault
from dmpws.client.lot import Deposit, Lot, build_lot, submission_set
from dmpws.client.queries import StoredQueries
from dmpws.client.sent import LotState, SentLot, SentLots
from dmpws.client.transport import Transport, connection
from dmpws.client.wire import Received, exchange
from dmpws.codec.ebxml.names import GET_DOCUMENTS
from dmpws.domain.access import Purpose
from dmpws.domain.authorisation import ListMode
from dmpws.domain.authorised import DateType
from dmpws.domain.document import (
    INVISIBLE_PATIENT,
    INVISIBLE_REPRESENTANTS_LEGAUX,
    MASQUE_PS,
    VISIBILITIES,
    Status,
    SubmissionSet,
)
from dmpws.domain.internet_account import ChannelType
from dmpws.domain.octets import Octets
from dmpws.domain.patient import Ins, Name, Traits
from dmpws.domain.patient_search import PatientCriteria
from dmpws.pki.cards import Card
from dmpws.pki.identity import CertificateKind
from dmpws.transactions import load
from dmpws.vihf.issue import Lps, TokenRequest, make, request_for
from dmpws.xml.names import RIM

KIT = Lps("dmpws kit", "0.1.0", "DMPWS-KIT-tmp1", id="1.2.250.1.999.1.1.7898")
"""The software this kit says it is, unless told otherwise."""


class LpsSession(StoredQueries, Closing):
    """A DMP-compatible software in use by one professional.

    card: opens the TLS connection and signs VIHF and lots. url: base of the services
    (`https://localhost:8443/si-dmp-server/v2/services`). ca_file: PEM of the authorities of the server.
    actor: who works with a structure's card; read on a person's card. purpose, reason: access mode of every call.
    secret: connexion secrète, of a minor: his legal representatives see no trace of the calls.
    sent: the list of lots, which then holds each from before it is sent.
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
        secret: bool = False,
        sent: SentLots | None = None,
        transport: Transport | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        load()
        self.card = card
        self.actor = actor or Actor.of_card(card)
        self.lps = lps
        self.sent = sent
        self._purpose = purpose
        self._reason = reason
        self._secret = secret
        self._clock = clock
        self._transport = transport or connection(url, card, ca_file)

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
            secret_connection=self._secret,
        )

    def token(self, ins: Ins) -> bytes:
        """A fresh signed VIHF."""
        return make(self.token_request(ins), card=self.card, now=self._clock())

    # TD0.2, TD1.1 to TD1.4

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
        ins_c: Ins | None = None,
    ) -> registration.RegistrationAnswer:
        """TD1.1: open a DMP; consent is the moment at which the patient agreed, aware.

        traits: with contacts, representatives, and what was read on the Carte Vitale.
        """
        oppositions = registration.Oppositions(opposes_bris_de_glace, opposes_centre_15)
        request = registration.creation_request(
            [ins, ins_c] if ins_c else [ins], traits, self._sender(), consent=consent, oppositions=oppositions
        )
        return registration.registration_answer(self._call("TD1.1", ins, request).body)

    def reactivate_record(
        self,
        ins: Ins,
        name: Name,
        *,
        consent: datetime | None,
        opposes_bris_de_glace: bool | None = None,
        opposes_centre_15: bool | None = None,
    ) -> registration.RegistrationAnswer:
        """TD1.2: open a closed DMP again; consent is the moment at which the patient agreed, aware.

        An opposition that is None stays as it was.
        """
        oppositions = registration.Oppositions(opposes_bris_de_glace, opposes_centre_15)
        request = registration.reactivation_request(ins, name, self._sender(), consent=consent, oppositions=oppositions)
        return registration.registration_answer(self._call("TD1.2", ins, request).body)

    def read_administrative_data(self, ins: Ins) -> patients.AdministrativeData:
        """TD1.3a: the patient's identity, contacts, representatives and oppositions, as his DMP holds them."""
        request = patients.administrative_request(ins, self.lps, self._clock())
        return patients.administrative_answer(self._call("TD1.3a", ins, request).body)

    def change_administrative_data(
        self,
        ins: Ins,
        traits: Traits,
        *,
        opposes_bris_de_glace: bool | None = None,
        opposes_centre_15: bool | None = None,
    ) -> registration.RegistrationAnswer:
        """TD1.3b: replace the administrative data. An opposition that is None stays as it was."""
        oppositions = registration.Oppositions(opposes_bris_de_glace, opposes_centre_15)
        request = registration.change_request(ins, traits, self._sender(), oppositions=oppositions)
        return registration.registration_answer(self._call("TD1.3b", ins, request).body)

    def close_record(
        self, ins: Ins, name: Name, *, text: str = "", code: str = "FERMETURE_DEMANDE_PATIENT"
    ) -> registration.RegistrationAnswer:
        """TD1.4: close the DMP, with the code and text of the motive."""
        request = registration.closure_request(ins, name, self._sender(), code=code, text=text)
        return registration.registration_answer(self._call("TD1.4", ins, request).body)

    def _sender(self) -> registration.Sender:
        return registration.Sender(self.actor, self.lps, self._clock())

    # TD0.3, TD1.6

    def add_authorisation(self, ins: Ins, *, treating_doctor: bool = False) -> habilitations.StatusAnswer:
        """TD0.3 AJOUT: declare that the patient authorised me, perhaps as his médecin traitant."""
        return self._authorisation(ins, "AJOUT", treating_doctor)

    def remove_authorisation(self, ins: Ins, *, treating_doctor: bool = False) -> habilitations.StatusAnswer:
        """TD0.3 SUPPRESSION: end my authorisation, or only the role of médecin traitant."""
        return self._authorisation(ins, "SUPPRESSION", treating_doctor)

    def list_authorisations(self, ins: Ins, mode: ListMode = ListMode.ALL) -> habilitations.ListAnswer:
        """TD1.6: who may consult the patient's DMP, who is blocked, or both."""
        return habilitations.list_answer(self._call("TD1.6", ins, habilitations.list_request(mode)).body)

    def _authorisation(self, ins: Ins, action: str, treating_doctor: bool) -> habilitations.StatusAnswer:
        request = habilitations.authorisation_request(action, treating_doctor=treating_doctor)
        return habilitations.authorisation_answer(self._call("TD0.3", ins, request).body)

    # TD0.4, TD0.5

    def list_authorised(
        self,
        ins: Ins,
        *,
        since: datetime | None = None,
        date_type: DateType = DateType.AUTHORISATION,
        owner: str = "",
    ) -> patient_list.PatientList:
        """TD0.4: the DMPs I am authorised on, or the professional `owner` of my structure.

        ins: of the VIHF, any patient. since: aware; the authorisation, or a document of the record, is not older.
        """
        request = patient_list.list_request(since, date_type, owner)
        return patient_list.list_answer(self._call("TD0.4", ins, request).body)

    def find_patients(self, ins: Ins, criteria: PatientCriteria) -> candidates.FoundPatients:
        """TD0.5: who has these traits? In régulation, with a software of régulation.

        ins: of the VIHF, any patient. The NIR found serve the access to the DMP and nothing else (GI-DMP EX_0.5-1020).
        """
        request = candidates.search_request(criteria, self.lps, self._clock())
        return candidates.search_answer(self._call("TD0.5", ins, request).body)

    # TD1.5, for a DMP that is not attached to Mon espace santé

    def open_internet_account(self, ins: Ins, kind: ChannelType, channel: str) -> patient_access.AccessAnswer:
        """TD1.5a: open the patient's internet account. channel: where his one-time codes go."""
        request = patient_access.create_request(kind, channel)
        return patient_access.access_answer(self._call("TD1.5a", ins, request).body)

    def renew_internet_account(self, ins: Ins) -> patient_access.AccessAnswer:
        """TD1.5d: a new login and password for the patient."""
        return patient_access.access_answer(self._call("TD1.5d", ins, patient_access.renew_request()).body)

    def add_otp_channel(self, ins: Ins, kind: ChannelType, channel: str) -> habilitations.StatusAnswer:
        """TD1.5b AJOUT: a second way for the one-time codes."""
        return self._otp(ins, "AJOUT", kind, channel)

    def change_otp_channel(self, ins: Ins, kind: ChannelType, channel: str) -> habilitations.StatusAnswer:
        """TD1.5b MODIFICATION: another number or address."""
        return self._otp(ins, "MODIFICATION", kind, channel)

    def remove_otp_channel(self, ins: Ins, kind: ChannelType, channel: str = "") -> habilitations.StatusAnswer:
        """TD1.5b SUPPRESSION. channel: only if it is this one."""
        return self._otp(ins, "SUPPRESSION", kind, channel)

    def _otp(self, ins: Ins, action: str, kind: ChannelType, channel: str) -> habilitations.StatusAnswer:
        request = patient_access.otp_request(action, kind, channel)
        return patient_access.access_answer(self._call("TD1.5b", ins, request).body)

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

    def send_lot(self, ins: Ins, lot: Lot, *, token: bytes | None = None, key: str = "") -> repository.SubmissionAnswer:
        """TD2.1, or TD2.2 with a CPE: deposit a lot made by `build_lot`. key: its name in the list of what was sent."""
        if self.sent is not None:
            self.sent.record(ins, lot, now=self._clock(), key=key)
        code, service = ("TD2.2", "repositoryCPE") if self.card.kind is CertificateKind.CPE else ("TD2.1", "")
        try:
            received = self._call(code, ins, lot.body, token=token, attachments=lot.attachments, service=service)
        except ServerFault as fault:
            if self.sent is not None:
                self.sent.refuse(lot.unique_id, fault.subcode or fault.code, fault.reason)
            raise
        answer = repository.submission_answer(received.body)
        if self.sent is not None and answer.ok:
            self.sent.acknowledge(lot.unique_id)
        elif self.sent is not None:
            first = next(iter(answer.problems), Problem("", answer.status))
            self.sent.refuse(lot.unique_id, first.code, first.text)
        return answer

    def has_arrived(self, ins: Ins, document_ids: Sequence[str]) -> bool:
        """TD3.1b: tell whether the server has all these documents (uniqueIds); False when it does not say."""
        answer = self.get_documents(ins, unique_ids=document_ids, return_type="ObjectRef")
        return answer.ok and len(answer.references) == len(set(document_ids))

    def check_sent(self) -> list[SentLot]:
        """Ask for each lot of the list that was not answered, and mark those that arrived; return the others."""
        if self.sent is None:
            raise ValueError("the session has no list of what was sent")
        for lot in self.sent.lots(LotState.SENT):
            if self.has_arrived(lot.ins, lot.document_ids):
                self.sent.acknowledge(lot.unique_id)
        return self.sent.lots(LotState.SENT)

    def submit(self, ins: Ins, deposits: Sequence[Deposit], *, title: str = "") -> repository.SubmissionAnswer:
        """TD2.1, or TD2.2 with a CPE: make, sign and deposit a lot."""
        return self.send_lot(ins, self.build_lot(ins, deposits, title=title))

    # TD3.1 (its queries are those of StoredQueries), TD3.2

    def _query(
        self, ins: Ins, query: str, slots: Mapping[str, Sequence[str]], return_type: str = "LeafClass"
    ) -> registry.QueryAnswer:
        request = registry.query_request(query, slots, return_type=return_type)
        return registry.query_answer(self._call("TD3.1", ins, request).body)

    def retrieve(self, ins: Ins, unique_ids: Sequence[str]) -> repository.RetrieveAnswer:
        """TD3.2: fetch documents; their octets are in temporary files while the answer lives."""
        received = self._call("TD3.2", ins, repository.retrieve_request(unique_ids))
        return repository.retrieve_answer(received.body, received.parts)

    # TD3.3

    def mask(self, ins: Ins, unique_id: str) -> repository.SubmissionAnswer:
        """TD3.3a: hide a document from the professionals who are neither its authors nor the médecin traitant."""
        return self.change_visibility(ins, unique_id, add=frozenset({MASQUE_PS}))

    def unmask(self, ins: Ins, unique_id: str) -> repository.SubmissionAnswer:
        """TD3.3a: show it to them again."""
        return self.change_visibility(ins, unique_id, remove=frozenset({MASQUE_PS}))

    def make_visible(
        self, ins: Ins, unique_id: str, *, to_patient: bool = True, to_representatives: bool = True
    ) -> repository.SubmissionAnswer:
        """TD3.3b: show a document to the patient and his representatives. It cannot be undone."""
        removed = {INVISIBLE_PATIENT: to_patient, INVISIBLE_REPRESENTANTS_LEGAUX: to_representatives}
        return self.change_visibility(ins, unique_id, remove=frozenset(code for code, so in removed.items() if so))

    def change_visibility(
        self, ins: Ins, unique_id: str, *, add: frozenset[str] = frozenset(), remove: frozenset[str] = frozenset()
    ) -> repository.SubmissionAnswer:
        """TD3.1, then a new version of the metadata of the document; LookupError when it is not found."""
        slots = {"$XDSDocumentEntryUniqueId": [registry.quoted([unique_id])]}
        found = self._call("TD3.1", ins, registry.query_request(GET_DOCUMENTS, slots)).body
        answer = registry.query_answer(found)
        if not answer.documents:
            raise LookupError(f"{unique_id}: {', '.join(p.text for p in answer.problems) or 'not found'}")
        entry = next(found.iter(f"{{{RIM}}}ExtrinsicObject"))
        visibility = (answer.documents[0].confidentiality & VISIBILITIES | add) - remove
        return self._update("TD3.3a", ins, update.metadata_request(self._update_set(ins), entry, visibility))

    def archive(self, ins: Ins, unique_id: str) -> repository.SubmissionAnswer:
        """TD3.3d: archive a document that is in force."""
        return self._change_status("TD3.3d", ins, unique_id, Status.APPROVED, Status.ARCHIVED)

    def unarchive(self, ins: Ins, unique_id: str) -> repository.SubmissionAnswer:
        """TD3.3d: put an archived document back in force."""
        return self._change_status("TD3.3d", ins, unique_id, Status.ARCHIVED, Status.APPROVED)

    def delete(self, ins: Ins, unique_id: str, *, archived: bool = False) -> repository.SubmissionAnswer:
        """TD3.3c: delete a document of mine, for good; needs no right to consult, so I must know its status."""
        old = Status.ARCHIVED if archived else Status.APPROVED
        return self._change_status("TD3.3c", ins, unique_id, old, Status.DELETED)

    def _change_status(
        self, code: str, ins: Ins, unique_id: str, old: Status, new: Status
    ) -> repository.SubmissionAnswer:
        """TD3.1b gives the entryUUID; LookupError when it does not."""
        answer = self.get_documents(ins, unique_ids=[unique_id], return_type="ObjectRef")
        if not answer.references:
            raise LookupError(f"{unique_id}: {', '.join(p.text for p in answer.problems) or 'not found'}")
        request = update.status_request(self._update_set(ins), answer.references[0], old, new)
        return self._update(code, ins, request)

    def _update_set(self, ins: Ins) -> SubmissionSet:
        return submission_set(ins, actor=self.actor, source_id=self.lps.id, now=self._clock())

    def _update(self, code: str, ins: Ins, request: etree._Element) -> repository.SubmissionAnswer:
        return repository.submission_answer(self._call(code, ins, request).body)

    # The wire

    def _call(
        self,
        code: str,
        ins: Ins,
        body: etree._Element,
        *,
        token: bytes | None = None,
        attachments: Mapping[str, Octets] | None = None,
        service: str = "",
    ) -> Received:
        """service: path called, when it is not the first of the operation."""
        return exchange(
            self._transport,
            code,
            body,
            assertion=token or self.token(ins),
            attachments=attachments,
            service=service,
        )
