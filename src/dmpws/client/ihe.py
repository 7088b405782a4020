"""A plain IHE client: document source, consumer and administrator, patient identity source, demographics consumer.

>>> with IheSession(card, url, ca_file=ca) as ihe:  # doctest: +SKIP
...     ihe.add_patient([patient], traits)
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from lxml import etree

from dmpws.client import candidates, feed, registry, repository, update
from dmpws.client.candidates import FoundPatients
from dmpws.client.cda import new_oid
from dmpws.client.closing import Closing
from dmpws.client.feed import FeedAnswer
from dmpws.client.lot import SET_ID, Deposit, attach, describe, tie
from dmpws.client.queries import StoredQueries
from dmpws.client.registry import QueryAnswer
from dmpws.client.repository import RetrieveAnswer, SubmissionAnswer
from dmpws.client.transport import Transport, connection
from dmpws.client.wire import Received, exchange
from dmpws.codec.ebxml import names
from dmpws.codec.ebxml.writing import provide_and_register, submit_objects
from dmpws.domain import oids
from dmpws.domain.code import Code
from dmpws.domain.datatypes import Cx, format_dtm
from dmpws.domain.document import STABLE, Author, DocumentEntry, Status, SubmissionSet
from dmpws.domain.octets import Octets
from dmpws.domain.patient import Ins, Traits
from dmpws.domain.patient_search import PatientCriteria
from dmpws.pki.cards import Card
from dmpws.transactions import load
from dmpws.vihf.issue import Lps
from dmpws.xml.names import RIM

PLAIN = Lps("dmpws plain IHE kit", "0.1.0", "", id="1.2.250.1.999.1.1.7899")
"""The software this client says it is, unless told otherwise."""


@dataclass(frozen=True, slots=True)
class PlainCodes:
    """The codes that XDS wants of every document and set, of the affinity domain (ITI TF-3 4.2.3.2)."""

    class_code: Code
    type_code: Code
    format_code: Code
    facility_type: Code
    practice_setting: Code
    confidentiality: Code
    content_type: Code


class IheSession(StoredQueries, Closing):
    """A plain IHE client of one server of profile `ihe`, or of another XDS registry and repository.

    card: opens the TLS connection. url: base of the services. ca_file: PEM of the authorities of the server. codes: of
    what it submits. xua: gives the signed assertion of a call, empty for none. source: name and OID of the software.
    transport: replaces the HTTPS connection, for tests. clock: gives the time, aware.

    The fourteen stored queries (ITI-18) are methods as of an LpsSession. Every method raises Unreachable without an
    answer, ServerFault for a SOAP fault, BadAnswer for anything that is not the interface; refusals by code are values
    of the answer.
    """

    def __init__(
        self,
        card: Card,
        url: str = "",
        *,
        codes: PlainCodes,
        ca_file: Path | None = None,
        xua: Callable[[], bytes] = bytes,
        source: Lps = PLAIN,
        transport: Transport | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        load()
        self.codes = codes
        self.source = source
        self._xua = xua
        self._clock = clock
        self._transport = transport or connection(url, card, ca_file)

    def close(self) -> None:
        """Close the connection."""
        self._transport.close()

    # Patients: ITI-44, ITI-47

    def add_patient(self, identifiers: Sequence[Ins], traits: Traits) -> FeedAnswer:
        """ITI-44, 301: announce a patient."""
        return self._feed("ADD", "301", identifiers, traits)

    def revise_patient(self, identifiers: Sequence[Ins], traits: Traits) -> FeedAnswer:
        """ITI-44, 302: give a patient these traits instead of those he has."""
        return self._feed("REVISE", "302", identifiers, traits)

    def merge_patients(self, kept: Ins, gone: Ins, traits: Traits) -> FeedAnswer:
        """ITI-44, 304: give everything of one patient to another; the identifier of the one is nobody's any more."""
        return self._feed("MERGE", "304", [kept], traits, gone=gone)

    def _feed(
        self, name: str, event: str, identifiers: Sequence[Ins], traits: Traits, *, gone: Ins | None = None
    ) -> FeedAnswer:
        request = feed.announcement(event, identifiers, traits, self.source, self._clock(), gone=gone)
        return feed.feed_answer(self._call(f"ITI-44-{name}", request).body)

    def query_demographics(
        self,
        criteria: PatientCriteria | None = None,
        *,
        identifiers: Sequence[Ins] = (),
        domains: Sequence[str] = (),
        quantity: int | None = None,
    ) -> FoundPatients:
        """ITI-47: who has these traits and all these identifiers? domains: authorities whose identifiers are wanted.
        quantity: of patients at most."""
        request = candidates.demographics_request(
            criteria or PatientCriteria(),
            self.source,
            self._clock(),
            identifiers=identifiers,
            domains=domains,
            quantity=quantity,
        )
        return candidates.search_answer(self._call("ITI-47", request).body)

    # Submissions: ITI-41, ITI-42

    def describe(
        self,
        patient: Ins,
        octets: bytes,
        mime_type: str,
        *,
        title: str = "",
        language: str = "fr-FR",
        author: Author | None = None,
        unique_id: str = "",
        repository_unique_id: str = "",
    ) -> DocumentEntry:
        """The entry of a document with the metadata that XDS requires, for `Deposit.entry` or `register`.

        repository_unique_id: where `register` says that the document is. unique_id: a new OID when empty.
        """
        codes = self.codes
        return DocumentEntry(
            id="",
            unique_id=unique_id or new_oid(),
            patient_id=self._patient(patient),
            mime_type=mime_type,
            object_type=STABLE,
            class_code=codes.class_code,
            type_code=codes.type_code,
            format_code=codes.format_code,
            facility_type=codes.facility_type,
            practice_setting=codes.practice_setting,
            confidentiality=(codes.confidentiality,),
            event_codes=(),
            authors=(author,) if author else (),
            legal_authenticator="",
            creation_time=format_dtm(self._clock()),
            service_start="",
            service_stop="",
            language=language,
            source_patient_id=self._patient(patient),
            source_patient_info=(),
            reference_ids=(),
            hash=hashlib.sha1(octets, usedforsecurity=False).hexdigest() if repository_unique_id else "",
            size=str(len(octets)) if repository_unique_id else "",
            repository_unique_id=repository_unique_id,
            lid="",
            title=title,
            comments="",
        )

    def submit(self, patient: Ins, deposits: Sequence[Deposit], *, title: str = "") -> SubmissionAnswer:
        """ITI-41: provide documents and register them. A deposit that is not a CDA has its entry from `describe`."""
        octets = [deposit.octets for deposit in deposits]
        entries = [replace(entry, patient_id=self._patient(patient)) for entry in describe(deposits, octets)]
        lot = self._set(patient, title)
        attachments, includes = attach(entries, octets)
        folders, links = tie(entries, entries, deposits, lot.patient_id)
        body = provide_and_register(lot, entries, links, includes, folders)
        return repository.submission_answer(self._call("ITI-41", body, attachments).body)

    def register(self, patient: Ins, entries: Sequence[DocumentEntry], *, title: str = "") -> SubmissionAnswer:
        """ITI-42: register documents that another repository holds, described with its repository_unique_id."""
        named = [replace(entry, id=f"Document{n:02d}") for n, entry in enumerate(entries, 1)]
        _, links = tie(named, [], [], self._patient(patient))
        body = submit_objects(self._set(patient, title), named, links)
        return repository.submission_answer(self._call("ITI-42", body).body)

    def _set(self, patient: Ins, title: str = "") -> SubmissionSet:
        return SubmissionSet(
            id=SET_ID,
            unique_id=new_oid(),
            source_id=self.source.id,
            patient_id=self._patient(patient),
            submission_time=format_dtm(self._clock()),
            content_type=self.codes.content_type,
            authors=(),
            title=title,
        )

    # Queries and documents: ITI-18 (its queries are those of StoredQueries), ITI-43

    def _patient(self, ins: Ins) -> str:
        return str(Cx(ins.value, ins.authority, ""))

    def _query(
        self, ins: Ins, query: str, slots: Mapping[str, Sequence[str]], return_type: str = "LeafClass"
    ) -> QueryAnswer:
        request = registry.query_request(query, slots, return_type=return_type)
        return registry.query_answer(self._call("ITI-18", request).body)

    def retrieve(self, unique_ids: Sequence[str], repository_id: str = oids.REPOSITORY) -> RetrieveAnswer:
        """ITI-43: fetch documents; their octets are in temporary files while the answer lives."""
        received = self._call("ITI-43", repository.retrieve_request(unique_ids, repository_id))
        return repository.retrieve_answer(received.body, received.parts)

    # Updates: ITI-57

    def change_texts(
        self, patient: Ins, unique_id: str, *, title: str | None = None, comments: str | None = None
    ) -> SubmissionAnswer:
        """ITI-18, then ITI-57: a new version of the metadata of a document; what is None stays.

        Raises LookupError when the document is not found.
        """
        slots = {"$XDSDocumentEntryUniqueId": [registry.quoted([unique_id])]}
        found = self._call("ITI-18", registry.query_request(names.GET_DOCUMENTS, slots)).body
        entry = next(found.iter(f"{{{RIM}}}ExtrinsicObject"), None)
        if entry is None:
            raise LookupError(unique_id)
        new = update.renamed(entry)
        for name, text in (("Name", title), ("Description", comments)):
            if text is not None:
                update.put_text(new, name, text)
        return self._update(update.version_request(self._set(patient), new))

    def change_status(self, patient: Ins, entry_uuid: str, old: Status, new: Status) -> SubmissionAnswer:
        """ITI-57: deprecate an object, or put it in force again."""
        return self._update(update.status_request(self._set(patient), entry_uuid, old, new))

    def _update(self, request: etree._Element) -> SubmissionAnswer:
        return repository.submission_answer(self._call("ITI-57", request).body)

    # Removals: ITI-62, ITI-86

    def remove_metadata(self, uuids: Sequence[str]) -> SubmissionAnswer:
        """ITI-62: take objects out of the registry, with every association that names one of them."""
        return repository.submission_answer(self._call("ITI-62", registry.removal_request(uuids)).body)

    def remove_documents(self, unique_ids: Sequence[str], repository_id: str = oids.REPOSITORY) -> SubmissionAnswer:
        """ITI-86: take the octets of documents out of the repository, for good."""
        request = repository.removal_request(unique_ids, repository_id)
        return repository.submission_answer(self._call("ITI-86", request).body)

    def _call(self, code: str, body: etree._Element, attachments: Mapping[str, Octets] | None = None) -> Received:
        return exchange(self._transport, code, body, assertion=self._xua(), attachments=attachments)
