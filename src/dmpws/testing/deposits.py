"""Lots ready to be stored, built from a few values: for tests and measures of the store alone."""

import itertools
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from dmpws.cast import PATIENTS
from dmpws.domain import oids
from dmpws.domain.code import Code
from dmpws.domain.document import (
    HAS_MEMBER,
    RPLC,
    SIGNATURE_CLASS,
    SIGNATURE_TYPE,
    STABLE,
    Association,
    Author,
    DocumentEntry,
    Folder,
    SubmissionSet,
)
from dmpws.domain.octets import Octets, OctetsSink
from dmpws.domain.patient import PatientRecord
from dmpws.signature.model import LotEvidence
from dmpws.transactions.ports import UnitOfWork

RECEIVED = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
DOCTOR = "899900063480^LIBRE^MAX^^^^^^&1.2.250.1.71.4.2.1&ISO^D^^^IDNPS"
CABINET = "CABINET DR LIBRE^^^^^&1.2.250.1.71.4.2.2&ISO^IDNST^^^499900063480001"
NORMAL = Code("N", oids.CONFIDENTIALITY, "Normal")

_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Deposit:
    """One entry of a lot; implements dmpws.transactions.ports.NewEntry."""

    entry: DocumentEntry
    entry_uuid: str
    fragment: bytes
    octets: Octets
    set_id: str = ""
    set_version: str = ""


@dataclass(frozen=True, slots=True)
class FolderDeposit:
    """One folder of a lot; implements dmpws.transactions.ports.NewFolder."""

    folder: Folder
    uuid: str
    fragment: bytes = b"<folder/>"


@dataclass(frozen=True, slots=True)
class Lot:
    """Implements dmpws.transactions.ports.NewLot."""

    patient: int
    submission_set: SubmissionSet
    submission_set_uuid: str
    submission_set_fragment: bytes
    entries: Sequence[Deposit]
    associations: Sequence[tuple[Association, bytes]] = ()
    deprecates: Sequence[int] = ()
    evidence: LotEvidence = field(
        default=LotEvidence(b"<Signature/>", (b"leaf", b"issuer", b"anchor"), (("CN=IGC", 7),), RECEIVED, "[]")
    )
    folders: Sequence[FolderDeposit] = ()
    relies_on: Sequence[int] = ()
    copies: bool = False

    def member_of(self, folder: str, entry: str) -> Sequence[tuple[Association, bytes]]:
        return [(Association(new_uuid(), HAS_MEMBER, folder, entry), b"<link/>")]


def new_uuid() -> str:
    return f"urn:uuid:{uuid.uuid4()}"


def new_oid() -> str:
    """An OID no other call gave."""
    return f"1.2.250.1.999.{uuid.uuid4().int % 10**12}.{next(_numbers)}"


def received(sink: OctetsSink, content: bytes) -> Octets:
    """`content` as the edge would have received it."""
    writer = sink.writer()
    writer.write(content)
    return writer.close()


def entry(**values: Any) -> DocumentEntry:
    """A document entry by Dr LIBRE; `values` replace its attributes."""
    usual = DocumentEntry(
        id="Document01",
        unique_id=new_oid(),
        patient_id="",
        mime_type="text/xml",
        object_type=STABLE,
        class_code=Code("10", oids.CLASSES, "Compte rendu"),
        type_code=Code("11488-4", "2.16.840.1.113883.6.1", "CR ou fiche de consultation"),
        format_code=Code("urn:ihe:iti:xds-sd:pdf:2008", "1.3.6.1.4.1.19376.1.2.3", "PDF"),
        facility_type=Code("SA07", oids.SECTORS, "Cabinet individuel"),
        practice_setting=Code("AMBULATOIRE", "1.2.250.1.213.1.1.4.9", "Ambulatoire"),
        confidentiality=(NORMAL,),
        event_codes=(),
        authors=(Author(DOCTOR, (CABINET,)),),
        legal_authenticator=DOCTOR,
        creation_time="20261121100000",
        service_start="20261121",
        service_stop="",
        language="fr-FR",
        source_patient_id="",
        source_patient_info=(),
        reference_ids=(),
        hash="",
        size="",
        repository_unique_id=oids.REPOSITORY,
        lid="",
        title="Consultation",
        comments="",
    )
    return replace(usual, **values)


def signature_entry(**values: Any) -> DocumentEntry:
    """The entry of the signature of a lot."""
    return entry(type_code=SIGNATURE_TYPE, class_code=SIGNATURE_CLASS, **values)


def lot(
    patient: PatientRecord,
    documents: Sequence[tuple[DocumentEntry, Octets]],
    *,
    unique_id: str = "",
    replaces: Sequence[tuple[int, str]] = (),
    evidence: LotEvidence | None = None,
) -> Lot:
    """A lot of these documents. replaces: (row id, entryUUID) of the entries the first document replaces."""
    submission_set = SubmissionSet(
        id="SubmissionSet01",
        unique_id=unique_id or new_oid(),
        source_id="1.2.250.1.999.1",
        patient_id=str(patient.ins),
        submission_time="20261121115900",
        content_type=Code("04", "1.2.250.1.213.2.2", "Hospitalisation de jour"),
        authors=(Author(DOCTOR, (CABINET,)),),
    )
    set_uuid = new_uuid()
    entries = [Deposit(e, new_uuid(), f"<fragment>{e.unique_id}</fragment>".encode(), o) for e, o in documents]
    links = [Association(new_uuid(), HAS_MEMBER, set_uuid, new.entry_uuid) for new in entries]
    links += [Association(new_uuid(), RPLC, entries[0].entry_uuid, uuid) for _, uuid in replaces]
    made = Lot(
        patient.id,
        submission_set,
        set_uuid,
        b"<set/>",
        entries,
        [(link, b"<link/>") for link in links],
        [row_id for row_id, _ in replaces],
    )
    return replace(made, evidence=evidence) if evidence else made


def open_record(work: UnitOfWork, key: str = "pat-trois") -> PatientRecord:
    """Open the DMP of a patient of the cast."""
    person = PATIENTS[key]
    return work.patients.create(
        [person.ins], person.traits, now=RECEIVED, opposes_bris_de_glace=False, opposes_centre_15=False
    )
