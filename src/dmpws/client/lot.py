"""A lot of submission: documents, their metadata, their signature (TD2.1)."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from lxml import etree

from dmpws.client.actor import Actor
from dmpws.client.cda import ClinicalDocument, new_oid
from dmpws.client.registry import cx
from dmpws.codec.cda_metadata import entry_of
from dmpws.codec.ebxml.attachments import InlineOctets
from dmpws.codec.ebxml.writing import provide_and_register
from dmpws.domain import oids
from dmpws.domain.code import Code
from dmpws.domain.datatypes import format_dtm
from dmpws.domain.document import (
    APND,
    HAS_MEMBER,
    INVISIBLE_PATIENT,
    MASQUE_PS,
    RPLC,
    SIGNATURE_CLASS,
    SIGNATURE_TYPE,
    SIGNS,
    STABLE,
    XFRM,
    XFRM_RPLC,
    Association,
    Author,
    DocumentEntry,
    Folder,
    SubmissionSet,
)
from dmpws.domain.octets import Octets
from dmpws.domain.patient import Ins
from dmpws.pki.cards import Card
from dmpws.signature.make_lot import sign_lot
from dmpws.xml.xop import href_of

SET_ID = "SubmissionSet01"
SIGNATURE_ID = "Signature01"
CONTENT_TYPES = "1.2.250.1.213.2.2"

_ORIGINAL = {"SubmissionSetStatus": ("Original",)}
_PURPOSE = Code("1.2.840.10065.1.12.1.14", "1.2.840.10065.1.12", "Source")
_SIGNATURE_FORMAT = Code("http://www.w3.org/2000/09/xmldsig#", "URN", "Default Signature Style")


@dataclass(frozen=True, slots=True)
class NewFolder:
    """A folder (classeur) made with the lot. codes: at least one. Several documents may name the same object."""

    title: str
    codes: tuple[Code, ...]
    unique_id: str = field(default_factory=new_oid)


@dataclass(frozen=True, slots=True)
class Deposit:
    """One document to deposit.

    document: a CDA, or what to make one of. replaces: entryUUID of the version it replaces (TD2.1b).
    completes, transforms: entryUUID of the document it is an addendum to, or another form of (APND, XFRM); one that it
    both transforms and replaces is XFRM_RPLC. folders: new ones, or entryUUIDs of registered ones, that it goes into.
    visibility: masking codes (MASQUE_PS, INVISIBLE_PATIENT, INVISIBLE_REPRESENTANTS_LEGAUX).
    entry: the metadata, for octets that are not a CDA and cannot give them (imaging references).
    """

    document: bytes | ClinicalDocument
    replaces: str = ""
    visibility: tuple[str, ...] = ()
    comments: str = ""
    entry: DocumentEntry | None = None
    completes: str = ""
    transforms: str = ""
    folders: tuple["NewFolder | str", ...] = ()

    @property
    def relations(self) -> tuple[tuple[str, str], ...]:
        """Association type and entryUUID of each document this one is related to."""
        given = {RPLC: self.replaces, APND: self.completes, XFRM: self.transforms}
        if self.replaces == self.transforms:
            given = {XFRM_RPLC: self.replaces, APND: self.completes}
        return tuple((kind, target) for kind, target in given.items() if target)

    def described(self, octets: bytes, entry_id: str) -> DocumentEntry:
        """The document entry: the one given, or the one the CDA header gives."""
        if self.entry is not None:
            return replace(self.entry, id=entry_id)
        return entry_of(octets, entry_id, visibility=self.visibility, comments=self.comments)

    @property
    def octets(self) -> bytes:
        return self.document if isinstance(self.document, bytes) else self.document.to_xml()


@dataclass(frozen=True, slots=True)
class Lot:
    """A lot ready to be sent. submission_time: UTC DTM. attachments: by Content-ID, the signature last."""

    unique_id: str
    signature_id: str
    submission_time: str
    document_ids: tuple[str, ...]
    body: etree._Element
    attachments: Mapping[str, Octets] = field(default_factory=dict)

    def with_document(self, number: int, octets: bytes) -> "Lot":
        """The same lot with the octets of one document exchanged: what a tampered message looks like."""
        key = list(self.attachments)[number]
        return replace(self, attachments={**self.attachments, key: InlineOctets(octets)})


def build_lot(
    ins: Ins,
    deposits: Sequence[Deposit],
    *,
    actor: Actor,
    source_id: str,
    card: Card,
    now: datetime,
    title: str = "",
    content_type: Code | None = None,
) -> Lot:
    """Describe, associate and sign documents.

    source_id: OID of the instance of the software. card: signs. now: submission and signing time, aware.
    """
    octets = [deposit.octets for deposit in deposits]
    entries = describe(deposits, octets)
    lot = submission_set(ins, actor=actor, source_id=source_id, now=now, title=title, content_type=content_type)
    signature_id = new_oid()
    signature = sign_lot(
        signature_id=signature_id,
        submission_set_unique_id=lot.unique_id,
        documents=[
            (entry.unique_id, content, deposit.entry is None)
            for entry, content, deposit in zip(entries, octets, deposits, strict=True)
        ],
        card=card,
        signing_time=now,
    )
    everything = [*entries, _signature_entry(lot, signature_id, actor)]
    attachments, includes = attach(everything, [*octets, signature])
    folders, links = tie(everything, entries, deposits, lot.patient_id, [(SIGNS, SIGNATURE_ID, SET_ID)])
    body = provide_and_register(lot, everything, links, includes, folders)
    document_ids = tuple(entry.unique_id for entry in entries)
    return Lot(lot.unique_id, signature_id, lot.submission_time, document_ids, body, attachments)


def describe(deposits: Sequence[Deposit], octets: Sequence[bytes]) -> list[DocumentEntry]:
    """The entry of each document, under an id of the message."""
    numbered = enumerate(zip(octets, deposits, strict=True), 1)
    return [deposit.described(content, f"Document{n:02d}") for n, (content, deposit) in numbered]


def attach(
    entries: Sequence[DocumentEntry], octets: Sequence[bytes]
) -> tuple[dict[str, Octets], list[tuple[str, str]]]:
    """The parts of a message by Content-ID, and which entry includes which."""
    parts: dict[str, Octets] = {
        f"uuid-{n}@urn:ihe:iti:xds-b:2007": InlineOctets(content) for n, content in enumerate(octets, 1)
    }
    return parts, [(entry.id, href_of(key)) for entry, key in zip(entries, parts, strict=True)]


def tie(
    everything: Sequence[DocumentEntry],
    entries: Sequence[DocumentEntry],
    deposits: Sequence[Deposit],
    patient_id: str,
    more: Sequence[tuple[str, str, str]] = (),
) -> tuple[list[Folder], list[Association]]:
    """The new folders of a set, and its associations. everything: the set holds; entries: of the deposits. more: kind
    and ends of others. patient_id: CX of the folders."""
    folders = _new_folders(deposits, patient_id)
    links = [*_associations(everything, entries, deposits, more), *_filing(entries, deposits, folders)]
    return list(folders.values()), links


def submission_set(
    ins: Ins, *, actor: Actor, source_id: str, now: datetime, title: str = "", content_type: Code | None = None
) -> SubmissionSet:
    """The set of a lot or of an update, under a new uniqueId."""
    return SubmissionSet(
        id=SET_ID,
        unique_id=new_oid(),
        source_id=source_id,
        patient_id=cx(ins),
        submission_time=format_dtm(now),
        content_type=content_type or _content_type(actor),
        authors=(_author(actor),),
        title=title,
    )


def _author(actor: Actor) -> Author:
    specialty = actor.specialty
    return Author(
        person=actor.person_xcn,
        institutions=(actor.structure_xon,),
        specialties=(f"{specialty.code}^{specialty.display}^{specialty.system}",),
    )


def _content_type(actor: Actor) -> Code:
    """Liberal practice gives its sector, structures "consultation" (CI-SIS LM, set JDV_J59)."""
    if actor.sector == "SA07":
        return actor.facility_type
    return Code("07", CONTENT_TYPES, "Consultation")


def _associations(
    everything: Sequence[DocumentEntry],
    entries: Sequence[DocumentEntry],
    deposits: Sequence[Deposit],
    more: Sequence[tuple[str, str, str]],
) -> list[Association]:
    links = [*((HAS_MEMBER, SET_ID, entry.id) for entry in everything), *more]
    members = [
        Association(f"association{n}", kind, source, target, _ORIGINAL)
        for n, (kind, source, target) in enumerate(links, 1)
    ]
    relations = [
        (kind, entry.id, target)
        for entry, deposit in zip(entries, deposits, strict=True)
        for kind, target in deposit.relations
    ]
    return members + [Association(f"relation{n}", *relation) for n, relation in enumerate(relations, 1)]


def _new_folders(deposits: Sequence[Deposit], patient_id: str) -> dict[NewFolder, Folder]:
    new = dict.fromkeys(f for deposit in deposits for f in deposit.folders if isinstance(f, NewFolder))
    return {f: Folder(f"Folder{n:02d}", f.unique_id, patient_id, f.codes, f.title) for n, f in enumerate(new, 1)}


def _filing(
    entries: Sequence[DocumentEntry], deposits: Sequence[Deposit], folders: Mapping[NewFolder, Folder]
) -> Iterator[Association]:
    """The lot holds its new folders, and what puts documents into folders (ITI TF-3 4.2.1.4)."""
    numbers = itertools.count(1)

    def member(source: str, target: str) -> Association:
        return Association(f"filing{next(numbers)}", HAS_MEMBER, source, target)

    for folder in folders.values():
        yield member(SET_ID, folder.id)
    for entry, deposit in zip(entries, deposits, strict=True):
        for named in deposit.folders:
            link = member(named if isinstance(named, str) else folders[named].id, entry.id)
            yield link
            yield member(SET_ID, link.id)


def _signature_entry(lot: SubmissionSet, unique_id: str, actor: Actor) -> DocumentEntry:
    """The entry of the lot's signature: masked and invisible, as nothing else may be (GI-DMP EX_2.1-1050)."""
    return DocumentEntry(
        id=SIGNATURE_ID,
        unique_id=unique_id,
        patient_id=lot.patient_id,
        mime_type="text/xml",
        object_type=STABLE,
        class_code=SIGNATURE_CLASS,
        type_code=SIGNATURE_TYPE,
        format_code=_SIGNATURE_FORMAT,
        facility_type=actor.facility_type,
        practice_setting=actor.practice_setting,
        confidentiality=(
            Code("N", oids.CONFIDENTIALITY, "Normal"),
            Code(MASQUE_PS, oids.VISIBILITY, "Masqué aux professionnels de santé"),
            Code(INVISIBLE_PATIENT, oids.VISIBILITY, "Non visible par le patient"),
        ),
        event_codes=(_PURPOSE,),
        authors=lot.authors,
        legal_authenticator=actor.person_xcn,
        creation_time=lot.submission_time,
        service_start=lot.submission_time,
        service_stop=lot.submission_time,
        language="art",
        source_patient_id=lot.patient_id,
        source_patient_info=(),
        reference_ids=(),
        hash="",
        size="",
        repository_unique_id="",
        lid="",
        title="Source",
        comments="",
    )
